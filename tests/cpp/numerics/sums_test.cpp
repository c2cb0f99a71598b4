#include "sums.h"

#include <gtest/gtest.h>

#include <vector>

#include "test_data.h"

namespace rqvae {
namespace {

// Every number of terms behind the last whole group of four. Each sum is compared bit by bit with its order written
// out; the values are such that another order gives other bits.
class SumsTest : public ::testing::TestWithParam<Index> {
 protected:
  SumsTest() {
    for (Index j = 0; j < n_; ++j) {
      x_.push_back(static_cast<float>(random_.Normal()));
      y_.push_back(static_cast<float>(random_.Normal()));
    }
  }

  double InDouble(size_t j) const { return static_cast<double>(x_[j]) * x_[j]; }

  const Index n_ = GetParam();
  const size_t size_ = static_cast<size_t>(n_);
  TestRandom random_{static_cast<uint64_t>(n_)};
  std::vector<float> x_, y_;
};

TEST_P(SumsTest, OneFloatAscending) {
  float length = 0, distance = 0, dot = 0;
  for (size_t j = 0; j < size_; ++j) {
    length += x_[j] * x_[j];
    distance += (x_[j] - y_[j]) * (x_[j] - y_[j]);
    dot += x_[j] * y_[j];
  }
  EXPECT_EQ(SquaredLength(x_.data(), n_), length);
  EXPECT_EQ(SquaredDistance(x_.data(), y_.data(), n_), distance);
  EXPECT_EQ(Dot(x_.data(), y_.data(), n_), dot);
}

TEST_P(SumsTest, FourFloatsInPairsThenTheRest) {
  float lanes[4] = {0, 0, 0, 0}, rest = 0;
  for (size_t j = 0; j < size_; ++j) (j < size_ / 4 * 4 ? lanes[j % 4] : rest) += x_[j] * x_[j];
  EXPECT_EQ(SquaredLengthInLanes(x_.data(), n_), ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + rest);
}

TEST_P(SumsTest, OneDoubleAscending) {
  double sum = 0.1;
  RowProducts products;
  for (size_t j = 0; j < size_; ++j) {
    sum += InDouble(j);
    products.xx += InDouble(j);
    products.xy += static_cast<double>(x_[j]) * y_[j];
    products.yy += static_cast<double>(y_[j]) * y_[j];
  }
  EXPECT_EQ(SquaredLengthInDouble(x_.data(), n_, 0.1), sum);
  EXPECT_EQ(SquaredLengthInDouble(x_.data(), n_), products.xx);
  const RowProducts found = ProductsInDouble(x_.data(), y_.data(), n_);
  EXPECT_EQ(found.xx, products.xx);
  EXPECT_EQ(found.xy, products.xy);
  EXPECT_EQ(found.yy, products.yy);
}

TEST_P(SumsTest, FourDoubles) {
  DoubleLanes length, distance;
  for (size_t j = 0; j < size_; ++j) {
    length.lane[j % 4] += InDouble(j);
    const double difference = static_cast<double>(x_[j]) - y_[j];
    distance.lane[j % 4] += difference * difference;
  }
  const DoubleLanes found_length = SquaredLengthInDoubleLanes(x_.data(), n_);
  const DoubleLanes found_distance = SquaredDistanceInDoubleLanes(x_.data(), y_.data(), n_);
  for (size_t lane = 0; lane < 4; ++lane) {
    EXPECT_EQ(found_length.lane[lane], length.lane[lane]);
    EXPECT_EQ(found_distance.lane[lane], distance.lane[lane]);
  }
}

TEST_P(SumsTest, DotOfDoublesInPairsTheRestInTheFirst) {
  const std::vector<double> x(x_.begin(), x_.end()), y(y_.begin(), y_.end());
  double lanes[4] = {0, 0, 0, 0};
  for (size_t j = 0; j < size_; ++j) lanes[j < size_ / 4 * 4 ? j % 4 : 0] += x[j] * y[j];
  EXPECT_EQ(DotInDoubleLanes(x.data(), y.data(), n_), (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]));
}

TEST(DoubleLanesTest, AddsInTheOrderThatItsNameSays) {
  const DoubleLanes lanes = {{1, 0x1p-53, 0x1p-53, 0x1p-53}};
  EXPECT_EQ(lanes.InOrder(), 1);
  EXPECT_EQ(lanes.InPairs(), 1 + 0x1p-52);
}

INSTANTIATE_TEST_SUITE_P(Lengths, SumsTest, ::testing::Range(Index{0}, Index{20}));

}  // namespace
}  // namespace rqvae
