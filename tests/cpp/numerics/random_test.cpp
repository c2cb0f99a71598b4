#include "random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

#include "hash.h"
#include "training_data.h"

namespace rqvae {
namespace {

TEST(Random, IsAFunctionOfSeedStreamAndCounters) {
  // The numbers themselves are part of the model format: a change must raise kNumericsVersion.
  EXPECT_EQ(Hash(0, Stream::kWeights), Hash(0, Stream::kWeights));
  std::set<uint64_t> seen;
  for (uint64_t seed : {0, 1}) {
    for (Stream stream : {Stream::kWeights, Stream::kShuffle}) {
      for (uint64_t a : {0, 1}) {
        for (uint64_t b : {0, 1}) seen.insert(Hash(seed, stream, a, b));
      }
    }
  }
  EXPECT_EQ(seen.size(), 16u);
  Random random(0, Stream::kWeights);
  EXPECT_EQ(random.Next(), 0x6839e4eb0a30a88fu);
}

TEST(Random, UniformsFillTheirRange) {
  Random random(1, Stream::kWeights);
  double sum = 0, least = 1, most = 0;
  for (int i = 0; i < 100000; ++i) {
    const double u = random.Uniform();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
    least = std::min(least, u);
    most = std::max(most, u);
  }
  EXPECT_NEAR(sum / 100000, 0.5, 0.005);
  EXPECT_LT(least, 0.001);
  EXPECT_GT(most, 0.999);
}

TEST(Random, BelowIsUnbiased) {
  Random random(2, Stream::kWeights);
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts[random.Below(7)];
  for (int count : counts) EXPECT_NEAR(count, 10000, 400);
}

TEST(Random, NormalHasTheMomentsOfANormal) {
  Random random(3, Stream::kWeights);
  double sum = 0, square = 0, fourth = 0;
  constexpr int kCount = 200000;
  for (int i = 0; i < kCount; ++i) {
    const double x = random.Normal();
    sum += x;
    square += x * x;
    fourth += x * x * x * x;
  }
  EXPECT_NEAR(sum / kCount, 0, 0.01);
  EXPECT_NEAR(square / kCount, 1, 0.02);
  EXPECT_NEAR(fourth / kCount, 3, 0.1);
}

TEST(EpochOrder, IsAPermutationForEverySize) {
  for (Index rows : {1, 2, 255, 4096, 4097, 70001}) {
    std::vector<uint32_t> order = EpochOrder(5, 3, rows);
    ASSERT_EQ(order.size(), static_cast<size_t>(rows));
    std::sort(order.begin(), order.end());
    for (Index i = 0; i < rows; ++i) ASSERT_EQ(order[static_cast<size_t>(i)], static_cast<uint32_t>(i));
  }
}

TEST(EpochOrder, DiffersByEpochAndSeed) {
  EXPECT_EQ(EpochOrder(5, 3, 1000), EpochOrder(5, 3, 1000));
  EXPECT_NE(EpochOrder(5, 3, 1000), EpochOrder(5, 4, 1000));
  EXPECT_NE(EpochOrder(5, 3, 1000), EpochOrder(6, 3, 1000));
}

TEST(EpochOrder, TellsWhereItsWindowsEnd) {
  for (const Index rows : {1, 4096, 16 * 4096, 16 * 4096 + 1, 50 * 4096 + 777}) {
    for (uint64_t epoch = 0; epoch < 5; ++epoch) {  // the short block is in another window
      std::vector<Index> ends{42};
      const std::vector<uint32_t> order = EpochOrder(5, epoch, rows, &ends);
      EXPECT_EQ(order, EpochOrder(5, epoch, rows));
      ASSERT_EQ(ends.back(), rows);
      EXPECT_EQ(ends.size(), static_cast<size_t>((rows + 16 * 4096 - 1) / (16 * 4096)));
      Index begin = 0;
      std::set<uint32_t> blocks;
      for (const Index end : ends) {
        std::set<uint32_t> own;
        for (Index i = begin; i < end; ++i) own.insert(order[static_cast<size_t>(i)] / 4096);
        EXPECT_LE(own.size(), 16u);
        for (const uint32_t block : own) EXPECT_TRUE(blocks.insert(block).second) << "a block in two windows";
        begin = end;
      }
    }
  }
}

TEST(EpochOrder, AWindowHoldsWholeBlocks) {
  // The first 16 blocks of 4,096 come from 16 blocks of rows only, so that a streamed catalogue needs one window in
  // memory.
  const std::vector<uint32_t> order = EpochOrder(1, 0, 40 * 4096);
  std::set<uint32_t> blocks;
  for (size_t i = 0; i < 16 * 4096; ++i) blocks.insert(order[i] / 4096);
  EXPECT_EQ(blocks.size(), 16u);
}

TEST(SampleRows, TakesDistinctRowsInOrderAndGrowsMonotonically) {
  const std::vector<uint32_t> small = SampleRows(9, Stream::kSample, 10000, 100),
                              large = SampleRows(9, Stream::kSample, 10000, 500);
  EXPECT_EQ(small.size(), 100u);
  EXPECT_TRUE(std::is_sorted(small.begin(), small.end()));
  EXPECT_TRUE(std::includes(large.begin(), large.end(), small.begin(), small.end()));
  EXPECT_GT(small.back(), 5000u);  // not the first rows
  EXPECT_EQ(SampleRows(9, Stream::kSample, 10, 20).size(), 10u);
}

// By sorting all hashes.
std::vector<uint32_t> SampleBySorting(uint64_t seed, Stream stream, Index rows, Index count) {
  std::vector<std::pair<uint64_t, uint32_t>> hashes;
  for (uint32_t row = 0; row < static_cast<uint32_t>(rows); ++row) hashes.push_back({Hash(seed, stream, row), row});
  std::sort(hashes.begin(), hashes.end());
  std::vector<uint32_t> sample;
  for (Index i = 0; i < std::min(rows, count); ++i) sample.push_back(hashes[static_cast<size_t>(i)].second);
  std::sort(sample.begin(), sample.end());
  return sample;
}

TEST(SampleRows, TakesTheSmallestHashes) {
  for (const Index rows : {1, 2, 1000, 65536, 200001}) {  // buckets with no row, and with several
    for (const Index count : {Index{0}, Index{1}, Index{7}, rows / 10, rows / 2, rows - 1, rows, rows + 5}) {
      EXPECT_EQ(SampleRows(3, Stream::kValidation, rows, count), SampleBySorting(3, Stream::kValidation, rows, count))
          << count << " of " << rows;
    }
  }
}

TEST(RowSampler, LooksAtASliceOfRowsAtATime) {
  const Index rows = 10 * RowSampler::kSliceRows + 1;
  RowSampler sampler(0, Stream::kSample, rows, 20000);
  Index slices = 1;
  while (sampler.Advance()) ++slices;
  EXPECT_EQ(slices, 2 * 11);  // two passes
  EXPECT_EQ(sampler.Take(), SampleBySorting(0, Stream::kSample, rows, 20000));
}

TEST(AddNoise, HasTheStandardDeviationAndFollowsTheRow) {
  constexpr Index kRows = 2000, kCols = 37;
  std::vector<uint32_t> rows(kRows);
  std::iota(rows.begin(), rows.end(), 0u);
  Matrix x = Matrix::Zero(kRows, kCols);
  AddNoise(4, 7, rows.data(), 0.3f, x);
  double sum = 0, square = 0;
  for (Index i = 0; i < x.size(); ++i) {
    sum += x.data()[i];
    square += static_cast<double>(x.data()[i]) * x.data()[i];
  }
  EXPECT_NEAR(sum / static_cast<double>(x.size()), 0, 0.005);
  EXPECT_NEAR(std::sqrt(square / static_cast<double>(x.size())), 0.3, 0.003);

  const uint32_t one[] = {1234};
  Matrix alone = Matrix::Zero(1, kCols);
  AddNoise(4, 7, one, 0.3f, alone);
  EXPECT_TRUE((alone.row(0).array() == x.row(1234).array()).all());
  Matrix other = Matrix::Zero(1, kCols);
  AddNoise(4, 8, one, 0.3f, other);
  EXPECT_FALSE((alone.array() == other.array()).any() && (alone.array() == other.array()).all());
}

TEST(HashBytes, SeesEveryBitAndTheLength) {
  std::vector<unsigned char> bytes(200);
  std::iota(bytes.begin(), bytes.end(), static_cast<unsigned char>(0));
  std::set<uint64_t> seen = {HashBytes(bytes.data(), bytes.size())};
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      bytes[i] ^= static_cast<unsigned char>(1 << bit);
      seen.insert(HashBytes(bytes.data(), bytes.size()));
      bytes[i] ^= static_cast<unsigned char>(1 << bit);
    }
  }
  EXPECT_EQ(seen.size(), 1601u);
  const unsigned char zeros[100] = {};
  std::set<uint64_t> lengths;
  for (size_t n = 0; n <= 100; ++n) lengths.insert(HashBytes(zeros, n));
  EXPECT_EQ(lengths.size(), 101u);
}

}  // namespace
}  // namespace rqvae
