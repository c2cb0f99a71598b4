// Rows that come more often than others: how often, where, and that the rest of the order stays.
#include "epoch_rows.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "training_data.h"

namespace rqvae {
namespace {

std::vector<uint32_t> OrderOf(EpochRows& rows, uint64_t epoch, Index count) {
  rows.Start(5, epoch, count);
  while (!rows.HasOrder(count)) {
  }
  return {rows.row_ids(0), rows.row_ids(0) + count};
}

TEST(EpochRows, FavouredRowsTakeThePlacesOfOthersAtEvenDistances) {
  constexpr Index kCount = 70000;  // two windows of the shuffle
  std::vector<uint32_t> favoured;
  for (uint32_t row = 0; row < kCount; row += 10) favoured.push_back(row);
  for (const Index times : {2, 3, 4, 100}) {
    const Index distance = times < 100 ? 10 / (times - 1) : 2;
    EpochRows rows;
    rows.Favour(favoured, 7);  // what is favoured last counts
    for (const uint64_t epoch : {0, 3}) {
      rows.Start(5, epoch, kCount);
      rows.Favour(favoured, times);
      const std::vector<uint32_t> order = OrderOf(rows, epoch, kCount), plain = EpochOrder(5, epoch, kCount);
      std::vector<Index> more(favoured.size(), 0);
      for (Index i = 0; i < kCount; ++i) {
        const auto at = static_cast<size_t>(i);
        if (i % distance != 0) {
          ASSERT_EQ(order[at], plain[at]) << i;
        } else {
          ASSERT_EQ(order[at] % 10, 0u) << i;
          ++more[order[at] / 10];
        }
      }
      // In turn: no row comes twice more often than another.
      const Index each = kCount / distance / static_cast<Index>(favoured.size());
      for (const Index count : more) ASSERT_TRUE(count == each || count == each + 1) << count << " of " << each;
    }
  }
}

TEST(EpochRows, NoneOrOnceIsTheShuffleItself) {
  EpochRows rows;
  for (const std::vector<uint32_t>& favoured : {std::vector<uint32_t>{}, {3, 4}}) {
    rows.Start(5, 1, 500);
    rows.Favour(favoured, favoured.empty() ? 3 : 1);
    EXPECT_EQ(OrderOf(rows, 1, 500), EpochOrder(5, 1, 500));
  }
}

}  // namespace
}  // namespace rqvae
