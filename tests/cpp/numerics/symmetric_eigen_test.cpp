#include "symmetric_eigen.h"

#include <gtest/gtest.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "hash.h"
#include "test_data.h"

namespace rqvae {
namespace {

SymmetricEigen DecomposeSymmetric(DoubleMatrix matrix) {
  EigenJob job(std::move(matrix));
  RunToEnd(job);
  return job.Take();
}

DoubleMatrix RandomSymmetric(TestRandom& random, Index n) {
  DoubleMatrix a(n, n);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j <= i; ++j) a(i, j) = a(j, i) = random.Normal();
  }
  return a;
}

// A matrix with these eigenvalues and random eigenvectors.
DoubleMatrix WithEigenvalues(TestRandom& random, const std::vector<double>& values) {
  const auto n = static_cast<Index>(values.size());
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> turn(RandomSymmetric(random, n));
  const Eigen::MatrixXd v = turn.eigenvectors();
  const DoubleMatrix a = v * Eigen::Map<const DoubleVector>(values.data(), n).asDiagonal() * v.transpose();
  return 0.5 * (a + a.transpose());
}

// Checks what the header promises of any matrix, against Eigen's solver. The matrices here have norms whose squares
// stay in range.
void ExpectDecomposes(const DoubleMatrix& a) {
  const Index n = a.rows();
  const SymmetricEigen eigen = DecomposeSymmetric(a);
  ASSERT_EQ(eigen.values.size(), n);
  ASSERT_EQ(eigen.vectors.rows(), n);
  ASSERT_EQ(eigen.vectors.cols(), n);
  ASSERT_TRUE(eigen.values.allFinite());
  ASSERT_TRUE(eigen.vectors.allFinite());
  const double unit = 10 * static_cast<double>(n) * 0x1p-53;
  const DoubleMatrix residual = eigen.vectors * a - eigen.values.asDiagonal() * eigen.vectors;
  EXPECT_LE(residual.norm(), unit * a.norm());
  const DoubleMatrix gram = eigen.vectors * eigen.vectors.transpose();
  EXPECT_LE((gram - DoubleMatrix::Identity(n, n)).norm(), unit);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> oracle(a, Eigen::EigenvaluesOnly);
  EXPECT_LE((eigen.values - oracle.eigenvalues().reverse()).norm(), unit * a.norm());
  for (Index i = 1; i < n; ++i) EXPECT_LE(eigen.values[i], eigen.values[i - 1]);
}

TEST(SymmetricEigenTest, RandomMatrices) {
  TestRandom random(1);
  for (const Index n : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 64, 200}) {
    SCOPED_TRACE(n);
    ExpectDecomposes(RandomSymmetric(random, n));
  }
}

// Vectors are unique, but for their signs, where eigenvalues are apart.
TEST(SymmetricEigenTest, AgreesWithEigensVectors) {
  TestRandom random(2);
  for (const Index n : {2, 5, 12, 40}) {
    std::vector<double> values;
    for (Index i = 0; i < n; ++i) values.push_back(static_cast<double>(i * i) - 20);
    const DoubleMatrix a = WithEigenvalues(random, values);
    const SymmetricEigen eigen = DecomposeSymmetric(a);
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> oracle{Eigen::MatrixXd(a)};
    for (Index i = 0; i < n; ++i) {
      EXPECT_NEAR(std::abs(eigen.vectors.row(i).dot(oracle.eigenvectors().col(n - 1 - i))), 1, 1e-12) << n << ", " << i;
    }
  }
}

TEST(SymmetricEigenTest, NothingAndOne) {
  const SymmetricEigen nothing = DecomposeSymmetric(DoubleMatrix(0, 0));
  EXPECT_EQ(nothing.values.size(), 0);
  EXPECT_EQ(nothing.vectors.size(), 0);
  for (const double x : {0.0, 3.5, -7.25, 1e300, -5e-324}) {
    const SymmetricEigen one = DecomposeSymmetric(DoubleMatrix::Constant(1, 1, x));
    EXPECT_EQ(one.values[0], x);
    EXPECT_EQ(one.vectors(0, 0), 1);
  }
}

TEST(SymmetricEigenTest, ZeroAndDiagonalMatricesAreExact) {
  for (const Index n : {2, 9, 64}) {
    const SymmetricEigen zero = DecomposeSymmetric(DoubleMatrix::Zero(n, n));
    EXPECT_EQ(zero.values, DoubleVector::Zero(n));
    EXPECT_EQ(zero.vectors, DoubleMatrix::Identity(n, n));
  }
  DoubleMatrix a = DoubleMatrix::Zero(4, 4);
  a.diagonal() << -2, 5, 0.1, 3;
  const SymmetricEigen eigen = DecomposeSymmetric(a);
  EXPECT_EQ(eigen.values, DoubleVector({{5, 3, 0.1, -2}}));
  DoubleMatrix order = DoubleMatrix::Zero(4, 4);
  order(0, 1) = order(1, 3) = order(2, 2) = order(3, 0) = 1;
  EXPECT_EQ(eigen.vectors, order);
}

TEST(SymmetricEigenTest, RepeatedEigenvalues) {
  TestRandom random(3);
  ExpectDecomposes(7 * DoubleMatrix::Identity(20, 20));
  ExpectDecomposes(DoubleMatrix::Ones(30, 30));
  ExpectDecomposes(WithEigenvalues(random, {2, 2, 2, 2, 2, 2, 2}));
  ExpectDecomposes(WithEigenvalues(random, {3, 3, 3, -1, -1, -1, -1, 0.5, 0.5}));
  ExpectDecomposes(WithEigenvalues(random, {1, 1 + 1e-15, 1 - 1e-15, 1 + 1e-9, 1 - 1e-9, 1e-3}));
  std::vector<double> halves(64, 1.0);
  std::fill_n(halves.begin(), 32, -1.0);
  ExpectDecomposes(WithEigenvalues(random, halves));
  // Wilkinson's W21+: pairs that agree to the last digits though no off-diagonal element is small.
  DoubleMatrix wilkinson = DoubleMatrix::Zero(21, 21);
  for (Index i = 0; i < 21; ++i) {
    wilkinson(i, i) = std::abs(10.0 - static_cast<double>(i));
    if (i > 0) wilkinson(i, i - 1) = wilkinson(i - 1, i) = 1;
  }
  ExpectDecomposes(wilkinson);
}

TEST(SymmetricEigenTest, RankDeficient) {
  TestRandom random(4);
  for (const Index n : {3, 12, 64}) {
    for (const Index rank : {Index{1}, Index{2}, n / 2}) {
      SCOPED_TRACE(rank);
      const DoubleMatrix factor = RandomMatrix(random, n, rank).cast<double>();
      const DoubleMatrix a = factor * factor.transpose();
      ExpectDecomposes(a);
      const SymmetricEigen eigen = DecomposeSymmetric(a);
      EXPECT_LE(eigen.values.tail(n - rank).cwiseAbs().maxCoeff(), 1e-14 * a.norm());
    }
  }
  // Rows of zeros between others, as of a basis that has lost directions.
  DoubleMatrix holes = RandomSymmetric(random, 15);
  for (const Index i : {0, 4, 5, 14}) {
    holes.row(i).setZero();
    holes.col(i).setZero();
  }
  ExpectDecomposes(holes);
}

// Chains without a diagonal have zero shifts and eigenvalues in pairs of either sign.
TEST(SymmetricEigenTest, ZeroDiagonal) {
  for (Index n = 2; n <= 12; ++n) {
    DoubleMatrix chain = DoubleMatrix::Zero(n, n);
    for (Index i = 1; i < n; ++i) chain(i, i - 1) = chain(i - 1, i) = 1;
    ExpectDecomposes(chain);
    const SymmetricEigen eigen = DecomposeSymmetric(chain);
    for (Index k = 0; k < n; ++k) {
      EXPECT_NEAR(eigen.values[k], 2 * std::cos(M_PI * static_cast<double>(k + 1) / static_cast<double>(n + 1)), 1e-14);
    }
  }
}

TEST(SymmetricEigenTest, GradedAndScattered) {
  TestRandom random(5);
  for (int trial = 0; trial < 300; ++trial) {
    const Index n = 2 + random.Below(12);
    DoubleMatrix falling = RandomSymmetric(random, n), rising = falling, powers = falling, sparse = falling;
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j <= i; ++j) {
        falling(i, j) *= std::pow(10.0, -static_cast<double>(i + j));
        rising(i, j) *= std::pow(10.0, static_cast<double>(i + j - 2 * n));
        // Lengths beyond what can be squared, in every place.
        powers(i, j) = std::ldexp(falling(i, j) > 0 ? 1.0 : -1.0, static_cast<int>(-random.Below(1000)));
        if (random.Below(4) > 0) sparse(i, j) = 0;
      }
    }
    for (DoubleMatrix* a : {&falling, &rising, &powers, &sparse}) {
      a->triangularView<Eigen::StrictlyUpper>() = a->transpose();
      ExpectDecomposes(*a);
    }
  }
}

TEST(SymmetricEigenTest, ScaleChangesNoBitOfTheVectors) {
  TestRandom random(6);
  for (const Index n : {2, 7, 33}) {
    const DoubleMatrix a = RandomSymmetric(random, n);
    const SymmetricEigen eigen = DecomposeSymmetric(a);
    for (const int exponent : {-960, -500, -1, 3, 500, 1010}) {
      const double scale = std::ldexp(1.0, exponent);
      const SymmetricEigen scaled = DecomposeSymmetric(scale * a);
      EXPECT_TRUE(SameBits(scaled.vectors, eigen.vectors)) << n << ", 2^" << exponent;
      EXPECT_TRUE(SameBits(scaled.values, DoubleVector(scale * eigen.values))) << n << ", 2^" << exponent;
    }
  }
}

TEST(SymmetricEigenTest, EndsOfTheRange) {
  DoubleMatrix a(2, 2);
  const double largest = std::numeric_limits<double>::max();
  a << 0, largest, largest, 0;
  const SymmetricEigen huge = DecomposeSymmetric(a);
  EXPECT_NEAR(huge.values[0] / largest, 1, 1e-15);
  EXPECT_NEAR(huge.values[1] / largest, -1, 1e-15);
  const double smallest = std::numeric_limits<double>::denorm_min();
  a << 0, smallest, smallest, 0;
  const SymmetricEigen tiny = DecomposeSymmetric(a);
  EXPECT_EQ(tiny.values[0], smallest);
  EXPECT_EQ(tiny.values[1], -smallest);
  for (const SymmetricEigen* eigen : {&huge, &tiny}) {
    EXPECT_TRUE(Close(eigen->vectors.cwiseAbs(), DoubleMatrix::Constant(2, 2, std::sqrt(0.5)), 1e-15));
  }
}

TEST(SymmetricEigenTest, ReadsTheLowerTriangleOnly) {
  TestRandom random(7);
  const DoubleMatrix a = RandomSymmetric(random, 9);
  DoubleMatrix lower = a;
  lower.triangularView<Eigen::StrictlyUpper>().setConstant(std::numeric_limits<double>::quiet_NaN());
  const SymmetricEigen expected = DecomposeSymmetric(a), actual = DecomposeSymmetric(lower);
  EXPECT_TRUE(SameBits(actual.values, expected.values));
  EXPECT_TRUE(SameBits(actual.vectors, expected.vectors));
}

TEST(SymmetricEigenTest, WhatIsNotFiniteGivesNan) {
  TestRandom random(8);
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                           -std::numeric_limits<double>::infinity()}) {
    for (const Index n : {1, 2, 10}) {
      DoubleMatrix a = RandomSymmetric(random, n);
      a(n - 1, 0) = bad;
      const SymmetricEigen eigen = DecomposeSymmetric(a);
      EXPECT_TRUE(eigen.values.array().isNaN().all());
      EXPECT_TRUE(eigen.vectors.array().isNaN().all());
    }
  }
}

// The hash is of what the first implementation gave, natively and as wasm: every target computes the same.
TEST(SymmetricEigenTest, SameBitsOnEveryTarget) {
  TestRandom random(9);
  const SymmetricEigen eigen = DecomposeSymmetric(RandomSymmetric(random, 45));
  const uint64_t values = HashBytes(eigen.values.data(), sizeof(double) * 45);
  EXPECT_EQ(HashBytes(eigen.vectors.data(), sizeof(double) * 45 * 45, values), 2939153164536001615u);
}

}  // namespace
}  // namespace rqvae
