#include "sparse_eigen.h"

#include <gtest/gtest.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <vector>

#include "hash.h"
#include "test_data.h"

namespace rqvae {
namespace {

using SparseMatrix = Eigen::SparseMatrix<float, Eigen::RowMajor>;

// Symmetric, with about `each` positive entries a row; the rows from `known` on are empty.
SparseMatrix RandomSparse(TestRandom& random, Index n, Index each, Index known) {
  std::vector<Eigen::Triplet<float>> entries;
  Eigen::MatrixXi taken = Eigen::MatrixXi::Zero(n, n);
  for (Index k = 0; k < n * each / 2; ++k) {
    const Index i = random.Below(known), j = random.Below(known);
    if (taken(i, j)++ > 0 || (i != j && taken(j, i)++ > 0)) continue;
    const auto value = static_cast<float>(0.1 + 3 * random.Uniform());
    entries.emplace_back(i, j, value);
    if (i != j) entries.emplace_back(j, i, value);
  }
  SparseMatrix matrix(n, n);
  matrix.setFromTriplets(entries.begin(), entries.end());
  return matrix;
}

Matrix Embed(const SparseMatrix& matrix, Index dim, uint64_t seed = 0) {
  // Not zero, as memory that was just allocated is not.
  Matrix embedding = Matrix::Constant(matrix.rows(), dim, 7);
  SparseEigenJob job(SparseEigenJob::Sparse(matrix.rows(), matrix.cols(), matrix.nonZeros(), matrix.outerIndexPtr(),
                                            matrix.innerIndexPtr(), matrix.valuePtr()),
                     MatrixMap(embedding.data(), embedding.rows(), embedding.cols()), Random(seed, Stream::kBehaviour));
  RunToEnd(job);
  EXPECT_FALSE(job.Advance());
  return embedding;
}

// Eigen's dense solver in double: U |lambda|^(1/2), by falling magnitude.
struct Exact {
  explicit Exact(const SparseMatrix& matrix) {
    const Eigen::MatrixXd dense = Eigen::MatrixXf(matrix).cast<double>();
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(dense);
    std::vector<Index> order;
    for (Index i = 0; i < dense.rows(); ++i) order.push_back(i);
    const auto& values = solver.eigenvalues();
    std::sort(order.begin(), order.end(), [&](Index a, Index b) { return std::abs(values[a]) > std::abs(values[b]); });
    magnitudes.resize(dense.rows());
    vectors.resize(dense.rows(), dense.rows());
    for (Index c = 0; c < dense.rows(); ++c) {
      const Index from = order[static_cast<size_t>(c)];
      magnitudes[c] = std::abs(values[from]);
      vectors.col(c) = solver.eigenvectors().col(from) * std::sqrt(magnitudes[c]);
    }
  }
  Eigen::VectorXd magnitudes;
  Eigen::MatrixXd vectors;
};

// What embeddings are used for: the products of rows.
void ExpectSameProducts(const Matrix& embedding, const Exact& exact, double tolerance) {
  const Index dim = std::min(embedding.cols(), exact.vectors.cols());
  const Eigen::MatrixXd given = embedding.cast<double>();
  const Eigen::MatrixXd wanted = exact.vectors.leftCols(dim) * exact.vectors.leftCols(dim).transpose();
  EXPECT_LT((given * given.transpose() - wanted).norm(), tolerance * wanted.norm());
}

TEST(SparseEigenTest, AllDimensionsAgreeWithADenseSolver) {
  TestRandom random(1);
  for (const Index n : {1, 2, 5, 9, 40}) {
    const SparseMatrix matrix = RandomSparse(random, n, 6, n);
    const Exact exact(matrix);
    for (const Index dim : {n, n + 3}) {
      const Matrix embedding = Embed(matrix, dim);
      // Eigenvalues below a thousandth of the largest count as zero.
      ExpectSameProducts(embedding, exact, 1e-3);
      for (Index c = n; c < dim; ++c) EXPECT_EQ(embedding.col(c).cwiseAbs().maxCoeff(), 0);
    }
  }
}

// Groups of items that are chosen together have eigenvalues that stand apart, of which some are negative here.
TEST(SparseEigenTest, LeadingDimensionsAgreeWithADenseSolver) {
  TestRandom random(2);
  const Index n = 240, groups = 6;
  SparseMatrix matrix = 0.01f * RandomSparse(random, n, 8, n);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < n; ++j) {
      const Index group = i * groups / n;
      if (group == j * groups / n)
        matrix.coeffRef(i, j) += (group == 2 ? -1.0f : 1.0f) * (1 + static_cast<float>(group));
    }
  }
  matrix.makeCompressed();
  const Exact exact(matrix);
  const Matrix embedding = Embed(matrix, groups);
  ExpectSameProducts(embedding, exact, 1e-4);
  for (Index c = 0; c < groups; ++c) {
    EXPECT_NEAR(embedding.col(c).squaredNorm(), exact.magnitudes[c], 1e-4 * exact.magnitudes[c]);
    const double product = std::abs(embedding.col(c).cast<double>().dot(exact.vectors.col(c)));
    EXPECT_GT(product, (1 - 1e-4) * exact.magnitudes[c]) << "column " << c;
    Index at = 0;
    embedding.col(c).cwiseAbs().maxCoeff(&at);
    EXPECT_GT(embedding(at, c), 0) << "column " << c;
  }
}

// A spectrum without gaps has no directions of its own; what they hold of the matrix counts.
TEST(SparseEigenTest, HoldsAsMuchOfTheMatrix) {
  TestRandom random(3);
  const SparseMatrix matrix = RandomSparse(random, 500, 10, 500);
  const Exact exact(matrix);
  const Index dim = 16;
  const Matrix embedding = Embed(matrix, dim);
  // The columns have the length |lambda|^(1/2).
  double held = 0;
  for (Index c = 0; c < dim; ++c) held += std::pow(embedding.col(c).cast<double>().squaredNorm(), 2);
  const double best = exact.magnitudes.head(dim).squaredNorm();
  EXPECT_GT(held, 0.99 * best);
  EXPECT_LE(held, best * (1 + 1e-5));
}

TEST(SparseEigenTest, EmptyRowsAreZero) {
  TestRandom random(4);
  const Matrix embedding = Embed(RandomSparse(random, 60, 6, 45), 10);
  EXPECT_EQ(embedding.bottomRows(15).cwiseAbs().maxCoeff(), 0);
  EXPECT_GT(embedding.topRows(45).cwiseAbs().maxCoeff(), 0);
  SparseMatrix none(5, 5);
  none.makeCompressed();
  EXPECT_EQ(Embed(none, 3).cwiseAbs().maxCoeff(), 0);
}

// The hash is of what this version of the numerics gives, natively and as wasm: every target computes the same.
TEST(SparseEigenTest, SameBitsOnEveryTarget) {
  TestRandom random(5);
  const SparseMatrix matrix = RandomSparse(random, 300, 12, 290);
  const Matrix embedding = Embed(matrix, 21, 3);
  EXPECT_TRUE(SameBits(embedding, Embed(matrix, 21, 3)));
  EXPECT_FALSE(SameBits(embedding, Embed(matrix, 21, 4)));
  EXPECT_EQ(HashBytes(embedding.data(), sizeof(float) * 300 * 21), 10371802638352866608u);
}

}  // namespace
}  // namespace rqvae
