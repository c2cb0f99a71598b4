#include "id_statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <vector>

#include "random.h"

namespace rqvae {
namespace {

IdStatistics CountIds(const CodeMatrix& codes, const std::vector<Index>& codebook_sizes) {
  IdCounter counter(codes.rows(), codebook_sizes);
  counter.Add(codes);
  return counter.statistics();
}

TEST(IdStatistics, CountsBySight) {
  CodeMatrix codes(5, 2);
  codes << 0, 1, 0, 1, 2, 1, 2, 0, 0, 1;
  const IdStatistics ids = CountIds(codes, {4, 2});
  EXPECT_EQ(ids.items, 5);
  EXPECT_EQ(ids.distinct_ids, 3);
  EXPECT_EQ(ids.items_sharing, 3);
  EXPECT_EQ(ids.largest_group, 3);
  EXPECT_EQ(ids.used_codes, (std::vector<Index>{2, 2}));
  EXPECT_EQ(ids.usage, (std::vector<double>{0.5, 1.0}));
  const double entropy = -(0.6 * std::log(0.6) + 0.4 * std::log(0.4));
  EXPECT_NEAR(ids.perplexity[0], std::exp(entropy), 1e-12);
}

TEST(IdStatistics, EqualsABruteForceCount) {
  Random random(1, Stream::kSample);
  for (Index levels : {1, 3, 8}) {
    CodeMatrix codes(4000, levels);
    for (Index i = 0; i < codes.rows(); ++i) {
      for (Index l = 0; l < levels; ++l) {
        // Large codes that packing into a few bits would mix up; few different ones, so that IDs repeat.
        codes(i, l) = static_cast<uint32_t>(random.Below(levels == 1 ? 100 : 4)) * 65536u;
      }
    }
    std::map<std::vector<uint32_t>, Index> groups;
    for (Index i = 0; i < codes.rows(); ++i) {
      ++groups[std::vector<uint32_t>(codes.row(i).data(), codes.row(i).data() + levels)];
    }
    Index sharing = 0, largest = 0;
    for (const auto& [id, size] : groups) {
      sharing += size > 1 ? size : 0;
      largest = std::max(largest, size);
    }
    const IdStatistics ids = CountIds(codes, std::vector<Index>(static_cast<size_t>(levels), 65536 * 100));
    EXPECT_EQ(ids.distinct_ids, static_cast<Index>(groups.size()));
    EXPECT_EQ(CountDistinct(codes), static_cast<Index>(groups.size()));
    EXPECT_EQ(ids.items_sharing, sharing);
    EXPECT_EQ(ids.largest_group, largest);
  }
}

TEST(IdStatistics, OneCodeAndAllCodes) {
  CodeMatrix codes = CodeMatrix::Constant(7, 1, 3);
  EXPECT_EQ(CountIds(codes, {8}).perplexity[0], 1.0);
  for (Index i = 0; i < 7; ++i) codes(i, 0) = static_cast<uint32_t>(i);
  EXPECT_NEAR(CountIds(codes, {7}).perplexity[0], 7.0, 1e-12);
}

}  // namespace
}  // namespace rqvae
