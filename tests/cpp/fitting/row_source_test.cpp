// Which rows validate, and reading some rows of a source.
#include "row_source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <numeric>
#include <set>
#include <vector>

#include "random.h"
#include "streamed_rows.h"
#include "test_data.h"
#include "training_data.h"

namespace rqvae {
namespace {

TEST(SplitRows, IsDisjointCompleteAndAscending) {
  for (const Index rows : {1, 2, 3, 10, 257, 1000}) {
    for (const double share : {0.0, 0.001, 0.05, 0.1, 0.5, 0.9, 0.9999}) {
      const Split split = SplitRows(3, rows, share);
      EXPECT_TRUE(std::is_sorted(split.training.begin(), split.training.end()));
      EXPECT_TRUE(std::is_sorted(split.validation.begin(), split.validation.end()));
      std::set<uint32_t> all(split.training.begin(), split.training.end());
      all.insert(split.validation.begin(), split.validation.end());
      EXPECT_EQ(all.size(), static_cast<size_t>(rows));
      EXPECT_EQ(split.training.size() + split.validation.size(), static_cast<size_t>(rows)) << "a row on both sides";
      EXPECT_EQ(*all.rbegin(), static_cast<uint32_t>(rows - 1));
    }
  }
}

TEST(SplitRows, RoundsTheShareAndKeepsOneRowForTraining) {
  auto validation = [](Index rows, double share) { return SplitRows(0, rows, share).validation.size(); };
  EXPECT_EQ(validation(100, 0.1), 10u);
  EXPECT_EQ(validation(104, 0.1), 10u);
  EXPECT_EQ(validation(105, 0.1), 11u);
  EXPECT_EQ(validation(4, 0.1), 0u);
  EXPECT_EQ(validation(5, 0.1), 1u);
  EXPECT_EQ(validation(1, 0.9), 0u);
  EXPECT_EQ(validation(2, 0.9), 1u);
  EXPECT_EQ(validation(10, 0.99), 9u);
  EXPECT_EQ(validation(1000, 0.0), 0u);
}

// A row validates by its own number: those with the smallest hashes, so that a smaller share is part of a larger one.
TEST(SplitRows, TakesTheRowsWithTheSmallestHashes) {
  const Index rows = 500;
  const Split split = SplitRows(7, rows, 0.2);
  ASSERT_EQ(split.validation.size(), 100u);
  uint64_t largest = 0;
  for (const uint32_t row : split.validation) largest = std::max(largest, Hash(7, Stream::kValidation, row));
  for (const uint32_t row : split.training) EXPECT_GT(Hash(7, Stream::kValidation, row), largest);
  const Split smaller = SplitRows(7, rows, 0.1);
  EXPECT_TRUE(std::includes(split.validation.begin(), split.validation.end(), smaller.validation.begin(),
                            smaller.validation.end()));
  // With more rows, a row that trained goes on training.
  const Split longer = SplitRows(7, 5 * rows, 0.04);
  ASSERT_EQ(longer.validation.size(), 100u);
  for (const uint32_t row : longer.validation) {
    if (row < static_cast<uint32_t>(rows)) {
      EXPECT_TRUE(std::binary_search(split.validation.begin(), split.validation.end(), row));
    }
  }
  EXPECT_EQ(SplitRows(7, rows, 0.2).validation, split.validation);
  EXPECT_NE(SplitRows(8, rows, 0.2).validation, split.validation);
  // Not the k-means sample, which is another draw.
  EXPECT_NE(SampleRows(7, Stream::kSample, rows, 100), split.validation);
}

// Every part of the catalogue has its share.
TEST(SplitRows, SpreadsOverTheCatalogue) {
  const Split split = SplitRows(1, 20000, 0.1);
  std::vector<int> tenths(10);
  for (const uint32_t row : split.validation) ++tenths[row / 2000];
  for (const int count : tenths) EXPECT_NEAR(count, 200, 50);
}

TEST(MatrixRows, ReadsInTheGivenOrderAndRepeats) {
  TestRandom random(2);
  const Matrix data = RandomMatrix(random, 20, 3);
  const MatrixRows rows(data);
  EXPECT_EQ(rows.rows(), 20);
  EXPECT_EQ(rows.dim(), 3);
  const uint32_t row_ids[] = {19, 0, 7, 7};
  Matrix out(4, 3);
  rows.Read(row_ids, 4, out);
  for (Index i = 0; i < 4; ++i) EXPECT_TRUE(SameBits(out.row(i), data.row(row_ids[i])));
}

TEST(SubsetRows, ReadsTheNamedRowsOfItsSource) {
  TestRandom random(3);
  const Matrix data = RandomMatrix(random, 20, 3);
  const MatrixRows rows(data);
  const SubsetRows subset(&rows, {2, 3, 11, 19});
  EXPECT_EQ(subset.rows(), 4);
  EXPECT_EQ(subset.dim(), 3);
  EXPECT_EQ(subset.row_ids(), (std::vector<uint32_t>{2, 3, 11, 19}));
  const uint32_t row_ids[] = {3, 0, 0, 2, 1};
  const Index expected[] = {19, 2, 2, 11, 3};
  Matrix out(5, 3);
  subset.Read(row_ids, 5, out);
  for (Index i = 0; i < 5; ++i) EXPECT_TRUE(SameBits(out.row(i), data.row(expected[i])));
  // Into part of a larger matrix.
  Matrix large = Matrix::Zero(9, 3);
  subset.Read(row_ids, 2, large.middleRows(4, 2));
  EXPECT_TRUE(SameBits(large.row(4), data.row(19)));
  EXPECT_TRUE(SameBits(large.row(5), data.row(2)));
  EXPECT_EQ(large.row(3).cwiseAbs().sum() + large.row(6).cwiseAbs().sum(), 0);

  const SubsetRows nothing(&rows, {});
  EXPECT_EQ(nothing.rows(), 0);
  nothing.Read(row_ids, 0, large.topRows(0));
  const SubsetRows of_subset(&subset, {1, 3});
  of_subset.Read(row_ids + 1, 1, out.topRows(1));
  EXPECT_TRUE(SameBits(out.row(0), data.row(3)));
}

TEST(MatrixRows, RefusesWhatNoMemoryHolds) {
#ifndef __SANITIZE_ADDRESS__  // whose allocator ends the program
  EXPECT_THROW(MatrixRows(std::numeric_limits<Index>::max(), 1), std::bad_alloc);
#endif
  MatrixRows empty(0, 3);
  EXPECT_NE(empty.data().data(), nullptr);
}

TEST(ReadListed, AndReadInOrderGiveTheRows) {
  TestRandom random(4);
  const Matrix data = RandomMatrix(random, 2 * RowSource::kPiece + 500, 2);
  const MatrixRows rows(data);
  StreamedRows stream(data.rows(), data.cols());
  std::vector<uint32_t> row_ids;
  for (Index i = data.rows() - 1; i >= 0; i -= 1) row_ids.push_back(static_cast<uint32_t>(i));
  Matrix out(kRowBlock, 2);
  Fetches fetches;
  for (Index first = 0; first < data.rows(); first += kRowBlock) {
    out.resize(std::min(kRowBlock, data.rows() - first), 2);
    rows.ReadInOrder(first, out);
    EXPECT_TRUE(SameBits(out, data.middleRows(first, out.rows())));
    rows.ReadListed(row_ids, first, out);
    for (Index i = 0; i < out.rows(); ++i) EXPECT_TRUE(SameBits(out.row(i), data.row(row_ids[first + i])));
  }
  // Each pass fetches piece by piece, and each row once.
  for (const bool listed : {false, true}) {
    fetches = {};
    for (Index first = 0; first < data.rows();) {
      out.resize(std::min(kRowBlock, data.rows() - first), 2);
      try {
        listed ? stream.ReadListed(row_ids, first, out) : stream.ReadInOrder(first, out);
      } catch (const RowsMissing&) {
        Fetch(stream, data, fetches);
        continue;
      }
      for (Index i = 0; i < out.rows(); ++i) {
        EXPECT_TRUE(SameBits(out.row(i), data.row(listed ? row_ids[first + i] : first + i)));
      }
      first += out.rows();
    }
    EXPECT_EQ(fetches.times, 3) << listed;
    EXPECT_EQ(fetches.foreseen, 2) << listed;  // all but the first
    EXPECT_TRUE(stream.foreseen().empty());
    EXPECT_EQ(fetches.rows, data.rows());
    EXPECT_EQ(fetches.most, RowSource::kPiece);
  }
}

TEST(StreamedRows, AsksForTheAnnouncedRowsOrForThoseThatItMissed) {
  TestRandom random(5);
  const Matrix data = RandomMatrix(random, 100, 3);
  StreamedRows stream(100, 3);
  Fetches fetches;
  Matrix out(2, 3);
  const uint32_t announced[] = {40, 7, 99, 8}, asked[] = {8, 7}, other[] = {50, 8};
  stream.Read(asked, 0, out.topRows(0));  // nothing is never missing
  stream.Prefetch(announced, 4);
  stream.Prefetch(announced, 4);
  EXPECT_THROW(stream.Read(asked, 2, out), RowsMissing);
  Fetch(stream, data, fetches);
  EXPECT_EQ(stream.row_ids(), (std::vector<uint32_t>{7, 8, 40, 99}));
  stream.Read(asked, 2, out);
  EXPECT_TRUE(SameBits(out.row(0), data.row(8)));
  EXPECT_TRUE(SameBits(out.row(1), data.row(7)));

  // Not among the announced: just these, the one that is there too, once each. Whatever comes next is unknown.
  stream.Foresee(announced, 4);
  const uint32_t repeated[] = {50, 8, 50};
  Matrix three(3, 3);
  EXPECT_THROW(stream.Read(repeated, 3, three), RowsMissing);
  Fetch(stream, data, fetches);
  EXPECT_EQ(stream.row_ids(), (std::vector<uint32_t>{8, 50}));
  EXPECT_TRUE(stream.foreseen().empty());
  stream.Read(repeated, 3, three);
  EXPECT_TRUE(SameBits(three.row(2), data.row(50)));
  stream.Read(other, 2, out);
  // The announcement still stands.
  EXPECT_THROW(stream.Read(asked, 2, out), RowsMissing);
  stream.MakeRoom();
  EXPECT_EQ(stream.row_ids(), (std::vector<uint32_t>{7, 8, 40, 99}));
}

TEST(StreamedRows, GrowsOnlyWhenItMust) {
  StreamedRows stream(10000, 2);
  std::vector<uint32_t> row_ids(10000);
  std::iota(row_ids.begin(), row_ids.end(), 0u);
  Matrix out(1, 2);
  Index next = 0;
  auto take = [&](Index count) {
    stream.Prefetch(row_ids.data() + next, count);
    EXPECT_THROW(stream.Read(row_ids.data() + next, 1, out), RowsMissing);
    next += count;
    return stream.MakeRoom();
  };
  take(10);
  const float* large = take(500);
  EXPECT_EQ(take(100), large);
  EXPECT_EQ(take(500), large);
}

TEST(SubsetRows, AnnouncesTheRowsOfItsSource) {
  const Matrix data = Matrix::Random(20, 2);
  StreamedRows stream(20, 2);
  const SubsetRows subset(&stream, {3, 5, 9});
  const uint32_t row_ids[] = {2, 0};
  Matrix out(2, 2);
  const uint32_t next[] = {1, 0};
  subset.Prefetch(row_ids, 2);
  subset.Foresee(next, 2);
  EXPECT_THROW(subset.Read(row_ids, 1, out.topRows(1)), RowsMissing);
  Fetches fetches;
  Fetch(stream, data, fetches);
  EXPECT_EQ(stream.row_ids(), (std::vector<uint32_t>{3, 9}));
  EXPECT_EQ(stream.foreseen(), (std::vector<uint32_t>{3, 5}));
  subset.Read(row_ids, 2, out);
  EXPECT_TRUE(SameBits(out.row(0), data.row(9)));
}

}  // namespace
}  // namespace rqvae
