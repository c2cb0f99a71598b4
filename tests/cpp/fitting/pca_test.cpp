#include "pca.h"

#include <gtest/gtest.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <vector>

#include "hash.h"
#include "test_data.h"

namespace rqvae {
namespace {

struct Result {
  Matrix directions;
  Vector variances;
  Vector mean;
};

Result Decompose(const Matrix& data, Index components, uint64_t seed = 0) {
  PcaJob job(&data, components, Random(seed, Stream::kPca));
  RunToEnd(job);
  EXPECT_FALSE(job.Advance());
  return {job.directions(), job.variances(), job.mean()};
}

// Eigen's dense solver in double, in order of falling variance.
struct Exact {
  explicit Exact(const Matrix& data) {
    const Eigen::MatrixXd x = data.cast<double>();
    mean = x.colwise().mean().transpose();
    const Eigen::MatrixXd centred = x.rowwise() - mean.transpose();
    covariance = centred.transpose() * centred / static_cast<double>(x.rows());
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(covariance);
    variances = solver.eigenvalues().reverse();
    directions = solver.eigenvectors().rowwise().reverse().transpose();
  }

  Eigen::VectorXd mean, variances;
  Eigen::MatrixXd covariance, directions;
};

// Rows with a spectrum that falls by `ratio` a dimension, turned at random.
Matrix Spectrum(TestRandom& random, Index rows, Index dims, Index rank, double ratio) {
  Eigen::MatrixXd x = RandomMatrix(random, rows, dims).cast<double>();
  double scale = 1;
  for (Index j = 0; j < dims; ++j, scale *= ratio) x.col(j) *= j < rank ? scale : 0.0;
  const Eigen::MatrixXd noise = RandomMatrix(random, dims, dims).cast<double>();
  const Eigen::MatrixXd turn = Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(noise + noise.transpose()).eigenvectors();
  Eigen::MatrixXd turned = x * turn;
  turned.rowwise() += RandomMatrix(random, 1, dims, 2).row(0).cast<double>();
  return turned.cast<float>();
}

void ExpectOrthonormal(const Matrix& directions, Index rank) {
  const Eigen::MatrixXd rows = directions.topRows(rank).cast<double>();
  const Eigen::MatrixXd gram = rows * rows.transpose();
  EXPECT_TRUE(Close(gram, Eigen::MatrixXd(Eigen::MatrixXd::Identity(rank, rank)), 1e-5));
}

void ExpectSigns(const Matrix& directions, Index rank) {
  for (Index c = 0; c < rank; ++c) {
    Index at = 0;
    directions.row(c).cwiseAbs().maxCoeff(&at);
    EXPECT_GT(directions(c, at), 0) << "direction " << c;
  }
}

void ExpectExact(const Matrix& data, Index components, Index rank, double tolerance) {
  const Result result = Decompose(data, components);
  const Exact exact(data);
  ASSERT_EQ(result.directions.rows(), components);
  ASSERT_EQ(result.directions.cols(), data.cols());
  ASSERT_EQ(result.variances.size(), components);
  EXPECT_TRUE(Close(result.mean, exact.mean, 1e-5));
  const Index known = std::min(rank, components);
  ExpectOrthonormal(result.directions, known);
  ExpectSigns(result.directions, known);
  for (Index c = 0; c < known; ++c) {
    EXPECT_NEAR(result.variances[c], exact.variances[c], tolerance * exact.variances[c] + 1e-6 * exact.variances[0])
        << c;
    if (c > 0) {
      EXPECT_LE(result.variances[c], result.variances[c - 1]);
    }
    const double cosine = std::abs(result.directions.row(c).cast<double>().dot(exact.directions.row(c)));
    EXPECT_GT(cosine, 1 - tolerance) << "direction " << c;
  }
  for (Index c = known; c < components; ++c) {
    EXPECT_EQ(result.directions.row(c).cwiseAbs().maxCoeff(), 0) << "direction " << c;
    EXPECT_EQ(result.variances[c], 0) << "variance " << c;
  }
}

TEST(PcaTest, AgreesWithADenseSolver) {
  TestRandom random(1);
  for (const Index dims : {2, 5, 9, 16}) {
    for (const Index components : {Index{1}, Index{2}, dims}) {
      ExpectExact(Spectrum(random, 500, dims, dims, 0.75), components, dims, 1e-3);
    }
  }
}

TEST(PcaTest, FindsTheLeadingDirectionsOfManyDimensions) {
  TestRandom random(2);
  ExpectExact(Spectrum(random, 700, 80, 80, 0.85), 6, 80, 2e-3);
}

// A flat spectrum has no unique directions; the variance they capture is what counts.
TEST(PcaTest, CapturesTheVariance) {
  TestRandom random(3);
  for (const double ratio : {1.0, 0.99, 0.95}) {
    const Matrix data = Spectrum(random, 600, 60, 60, ratio);
    const Result result = Decompose(data, 8);
    const Exact exact(data);
    ExpectOrthonormal(result.directions, 8);
    ExpectSigns(result.directions, 8);
    const Eigen::MatrixXd rows = result.directions.cast<double>();
    const double captured = (rows * exact.covariance * rows.transpose()).trace();
    const double best = exact.variances.head(8).sum();
    EXPECT_GT(captured, 0.995 * best) << ratio;
    EXPECT_LE(captured, best * (1 + 1e-5)) << ratio;
    EXPECT_NEAR(result.variances.cast<double>().sum(), captured, 1e-3 * captured);
  }
}

TEST(PcaTest, MissingDirectionsAreZero) {
  TestRandom random(4);
  for (const Index rank : {1, 3, 5}) {
    ExpectExact(Spectrum(random, 300, 12, rank, 0.7), 7, rank, 1e-3);
    ExpectExact(Spectrum(random, 300, 40, rank, 0.7), 7, rank, 1e-3);
    ExpectExact(Spectrum(random, 300, 40, rank, 0.7), 40, rank, 1e-3);
  }
}

TEST(PcaTest, MoreComponentsThanDimensions) {
  TestRandom random(5);
  ExpectExact(Spectrum(random, 300, 4, 4, 0.6), 9, 4, 1e-3);
  ExpectExact(Spectrum(random, 300, 1, 1, 1), 3, 1, 1e-3);
}

TEST(PcaTest, FewerRowsThanDimensions) {
  TestRandom random(6);
  // n rows span n - 1 directions about their mean.
  ExpectExact(Spectrum(random, 2, 10, 10, 0.9), 5, 1, 1e-3);
  const Matrix four = Spectrum(random, 4, 30, 30, 0.9);
  const Result result = Decompose(four, 6);
  ExpectOrthonormal(result.directions, 3);
  for (Index c = 3; c < 6; ++c) EXPECT_EQ(result.directions.row(c).cwiseAbs().maxCoeff(), 0);
}

TEST(PcaTest, NoVariance) {
  TestRandom random(7);
  std::vector<Matrix> cases = {RandomMatrix(random, 1, 6), Matrix::Zero(50, 6), Matrix::Constant(300, 6, 0.1f),
                               Matrix::Constant(777, 6, -3.3e4f)};
  cases.push_back(RandomMatrix(random, 1, 6).replicate(301, 1));
  for (size_t i = 0; i < cases.size(); ++i) {
    const Result result = Decompose(cases[i], 3);
    EXPECT_EQ(result.directions.cwiseAbs().maxCoeff(), 0) << "case " << i;
    EXPECT_EQ(result.variances.cwiseAbs().maxCoeff(), 0) << "case " << i;
    EXPECT_TRUE(result.mean.allFinite());
  }
}

TEST(PcaTest, AxesInOrder) {
  // Variance 9, 4 and 1 along the axes 2, 0 and 1.
  Matrix data = Matrix::Zero(6, 3);
  data(0, 2) = 3;
  data(1, 2) = -3;
  data(2, 0) = 2;
  data(3, 0) = -2;
  data(4, 1) = 1;
  data(5, 1) = -1;
  const Result result = Decompose(data, 3);
  Matrix expected(3, 3);
  expected << 0, 0, 1, 1, 0, 0, 0, 1, 0;
  EXPECT_TRUE(Close(result.directions, expected, 1e-5));
  Vector variances(3);
  variances << 3, 4.0f / 3, 1.0f / 3;  // population variances: sums of squares over six rows
  EXPECT_TRUE(Close(result.variances, variances, 1e-5));
}

TEST(PcaTest, SameSeedSameBytes) {
  TestRandom random(8);
  const Matrix data = Spectrum(random, 400, 50, 50, 0.9);
  const Result first = Decompose(data, 5, 3), again = Decompose(data, 5, 3);
  EXPECT_TRUE(SameBits(first.directions, again.directions));
  EXPECT_TRUE(SameBits(first.variances, again.variances));
}

// The hash is of what this version of the numerics gives, natively and as wasm: every target computes the same.
TEST(PcaTest, SameBitsOnEveryTarget) {
  TestRandom random(10);
  const Result result = Decompose(RandomMatrix(random, 300, 40), 7);
  const uint64_t variances = HashBytes(result.variances.data(), sizeof(float) * 7);
  EXPECT_EQ(HashBytes(result.directions.data(), sizeof(float) * 7 * 40, variances), 2916321332529994112u);
}

TEST(PcaTest, LargeOffset) {
  TestRandom random(9);
  Matrix data = Spectrum(random, 600, 10, 10, 0.7);
  data.array() += 100.0f;
  ExpectExact(data, 4, 10, 2e-3);
}

}  // namespace
}  // namespace rqvae
