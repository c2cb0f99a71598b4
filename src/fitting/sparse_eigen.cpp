#include "sparse_eigen.h"

#include <algorithm>
#include <cmath>

namespace rqvae {
namespace {

constexpr Index kPanel = 8;                // rows of the basis at a time
constexpr Index kSliceProducts = 1 << 22;  // products of an entry with a panel's row: about 10 ms
// An embedding needs no more digits than that.
constexpr double kTolerance = 1e-4;

}  // namespace

SparseEigenJob::SparseEigenJob(const Sparse& matrix, MatrixMap embedding, const Random& random)
    : SubspaceIteration(embedding.cols(), kTolerance, random), matrix_(matrix), embedding_(embedding) {
  Start(matrix.rows());
}

bool SparseEigenJob::Advance() {
  if (SubspaceIteration::Advance()) return true;
  for (Index c = 0; c < embedding_.cols(); ++c) {
    embedding_.col(c) = std::sqrt(std::sqrt(values()[c])) * vectors().row(c).transpose();
  }
  return false;
}

Index SparseEigenJob::MultiplySlice(const Matrix& basis, Index next_row, Matrix& image) {
  const Index n = basis.cols(), rows = std::min(kPanel, basis.rows() - next_row);
  if (next_item_ == 0 && !squared_) {
    from_ = Matrix::Zero(n, kPanel);
    from_.leftCols(rows) = basis.middleRows(next_row, rows).transpose();
    to_.resize(n, kPanel);
  }
  for (Index work = 0; work < kSliceProducts && next_item_ < n; ++next_item_) {
    float sums[kPanel] = {};
    for (Sparse::InnerIterator entry(matrix_, next_item_); entry; ++entry) {
      const float* const row = &from_(entry.col(), 0);
      for (Index j = 0; j < kPanel; ++j) sums[j] += entry.value() * row[j];
      ++work;
    }
    std::copy_n(sums, kPanel, &to_(next_item_, 0));
    ++work;
  }
  if (next_item_ < n) return 0;
  next_item_ = 0;
  from_.swap(to_);
  squared_ = !squared_;
  if (squared_) return 0;
  image.middleRows(next_row, rows) = from_.leftCols(rows).transpose();
  return rows;
}

}  // namespace rqvae
