#include "blas1.h"

#include <gtest/gtest.h>

#include <vector>

#include "test_data.h"

namespace rqvae {
namespace {

std::vector<double> Row(TestRandom& random, Index n) {
  std::vector<double> row(static_cast<size_t>(n));
  for (double& x : row) x = random.Normal();
  return row;
}

// Every length of a vectorised loop's tail.
class Blas1Test : public ::testing::TestWithParam<Index> {
 protected:
  const Index n_ = GetParam();
  TestRandom random_{static_cast<uint64_t>(n_)};
  std::vector<double> x_ = Row(random_, n_), y_ = Row(random_, n_);
};

TEST_P(Blas1Test, AxpyAddsEveryElement) {
  std::vector<double> expected = y_;
  for (size_t k = 0; k < expected.size(); ++k) expected[k] += 0.3 * x_[k];
  Axpy(n_, 0.3, x_.data(), y_.data());
  EXPECT_EQ(y_, expected);
}

TEST_P(Blas1Test, RotateTurnsEveryPair) {
  std::vector<double> x = x_, y = y_;
  for (size_t k = 0; k < x.size(); ++k) {
    x[k] = 0.8 * x_[k] + 0.6 * y_[k];
    y[k] = 0.8 * y_[k] - 0.6 * x_[k];
  }
  Rotate(n_, x_.data(), y_.data(), 0.8, 0.6);
  EXPECT_EQ(x_, x);
  EXPECT_EQ(y_, y);
}

INSTANTIATE_TEST_SUITE_P(Lengths, Blas1Test, ::testing::Range(Index{0}, Index{20}));

}  // namespace
}  // namespace rqvae
