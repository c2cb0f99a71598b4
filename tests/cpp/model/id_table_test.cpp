#include "id_table.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "test_data.h"

namespace rqvae {
namespace {

TEST(IdTable, NumbersIdsInOrderOfAppearance) {
  TestRandom random(1);
  for (const Index levels : {1, 3, 5}) {
    IdTable table(levels);
    std::map<std::vector<uint32_t>, uint32_t> expected;
    for (int i = 0; i < 3000; ++i) {
      std::vector<uint32_t> id;
      for (Index l = 0; l < levels; ++l) id.push_back(static_cast<uint32_t>(random.Below(levels == 1 ? 500 : 9)));
      EXPECT_EQ(table.Contains(id.data()), expected.contains(id));
      const auto [at, fresh] = expected.try_emplace(id, static_cast<uint32_t>(expected.size()));
      EXPECT_EQ(table.Add(id.data()), at->second);
      EXPECT_EQ(table.size(), static_cast<Index>(expected.size()));
    }
  }
}

}  // namespace
}  // namespace rqvae
