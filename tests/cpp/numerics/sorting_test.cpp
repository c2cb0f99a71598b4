#include "sorting.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "test_data.h"

namespace rqvae {
namespace {

std::vector<KeyedRow> RandomRows(size_t count, Index keys) {
  TestRandom random(count);
  std::vector<KeyedRow> rows;
  for (size_t i = 0; i < count; ++i) {
    rows.push_back({static_cast<uint64_t>(random.Below(keys)), static_cast<uint32_t>(random.Below(1 << 30))});
  }
  return rows;
}

bool Same(const KeyedRow& a, const KeyedRow& b) { return a.key == b.key && a.row == b.row; }

TEST(Sorting, SortsByKeyThenRow) {
  for (size_t count : {0, 1, 2, 3, 17, 255, 256, 1000, 70000}) {
    std::vector<KeyedRow> rows = RandomRows(count, count % 2 == 0 ? 20 : 1 << 30), expected = rows;
    for (KeyedRow& one : rows) one.key *= 0x9e3779b97f4a7c15u;
    expected = rows;
    std::sort(expected.begin(), expected.end());
    SortRows(rows);
    EXPECT_TRUE(std::equal(rows.begin(), rows.end(), expected.begin(), expected.end(), Same)) << count;
  }
}

TEST(Sorting, KeysOrderFloatsByValue) {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> values = {-inf, -3e38f, -1.5f, -1.0f, -1e-40f, 0.0f, 1e-40f, 1.0f, 1.5f, 3e38f, inf};
  for (size_t i = 0; i + 1 < values.size(); ++i) EXPECT_LT(OrderedKey(values[i]), OrderedKey(values[i + 1])) << i;
}

}  // namespace
}  // namespace rqvae
