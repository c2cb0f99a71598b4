// Seeded rows and comparisons that the tests share.
#ifndef RQVAE_TESTS_TEST_DATA_H_
#define RQVAE_TESTS_TEST_DATA_H_

#include <gtest/gtest.h>

#include <Eigen/Core>
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>

#include "matrix.h"

namespace rqvae {

// Independent of src/random: mt19937_64 gives the same numbers everywhere, the standard library's
// distributions do not.
class TestRandom {
 public:
  explicit TestRandom(uint64_t seed) : engine_(seed) {}

  double Uniform() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  // Close to N(0, 1): the sum of twelve uniforms.
  double Normal() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += Uniform();
    return sum;
  }
  Index Below(Index bound) { return static_cast<Index>(engine_() % static_cast<uint64_t>(bound)); }

 private:
  std::mt19937_64 engine_;
};

inline Matrix RandomMatrix(TestRandom& random, Index rows, Index cols, double scale = 1, double offset = 0) {
  Matrix m(rows, cols);
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < cols; ++j) {
      m(i, j) = static_cast<float>(offset + scale * random.Normal());
    }
  }
  return m;
}

// Rows around a few centres, as real embeddings are.
inline Matrix ClusteredRows(TestRandom& random, Index rows, Index cols, Index clusters, double spread) {
  const Matrix centers = RandomMatrix(random, clusters, cols);
  Matrix m = RandomMatrix(random, rows, cols, spread);
  for (Index i = 0; i < rows; ++i) m.row(i) += centers.row(random.Below(clusters));
  return m;
}

// Whether two matrices hold the same bits.
template <typename A, typename B>
::testing::AssertionResult SameBits(const A& a, const B& b) {
  static_assert(std::is_same_v<typename A::Scalar, typename B::Scalar>);
  if (a.rows() != b.rows() || a.cols() != b.cols()) {
    return ::testing::AssertionFailure() << a.rows() << " x " << a.cols() << " against " << b.rows() << " x "
                                         << b.cols();
  }
  for (Index i = 0; i < a.rows(); ++i) {
    for (Index j = 0; j < a.cols(); ++j) {
      const auto left = a(i, j);
      const auto right = b(i, j);
      if (std::memcmp(&left, &right, sizeof left) != 0) {
        return ::testing::AssertionFailure() << "(" << i << ", " << j << "): " << left << " against " << right;
      }
    }
  }
  return ::testing::AssertionSuccess();
}

// Whether |actual - expected| <= tolerance * max(|expected|, floor) element by element, where
// |expected| is the largest magnitude of the whole matrix.
template <typename A, typename B>
::testing::AssertionResult Close(const A& actual, const B& expected, double tolerance, double floor = 1e-12) {
  if (actual.rows() != expected.rows() || actual.cols() != expected.cols()) {
    return ::testing::AssertionFailure() << actual.rows() << " x " << actual.cols() << " against " << expected.rows()
                                         << " x " << expected.cols();
  }
  double scale = floor;
  for (Index i = 0; i < expected.rows(); ++i) {
    for (Index j = 0; j < expected.cols(); ++j) {
      scale = std::max(scale, std::abs(static_cast<double>(expected(i, j))));
    }
  }
  for (Index i = 0; i < expected.rows(); ++i) {
    for (Index j = 0; j < expected.cols(); ++j) {
      const double a = static_cast<double>(actual(i, j));
      const double e = static_cast<double>(expected(i, j));
      if (!(std::abs(a - e) <= tolerance * scale)) {  // so that NaN fails
        return ::testing::AssertionFailure() << "(" << i << ", " << j << "): " << a << ", expected " << e << ", off by "
                                             << std::abs(a - e) / scale << " of the largest magnitude " << scale;
      }
    }
  }
  return ::testing::AssertionSuccess();
}

}  // namespace rqvae

#endif  // RQVAE_TESTS_TEST_DATA_H_
