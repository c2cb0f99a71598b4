#include "pca.h"

#include <algorithm>

#include "gemm.h"

namespace rqvae {
namespace {

// Iterations stop when one raises the captured variance by less than this share.
constexpr double kTolerance = 1e-6;
constexpr Index kCovarianceColumns = 256;  // of one slice

constexpr double kSliceProducts = 1 << 27;  // multiplications in float
constexpr double kSliceDoubles = 1 << 24;   // multiplications in double

// How many pieces of `each` multiplications the budget of a slice allows, at least one.
Index PiecesOf(double budget, double each) { return std::max<Index>(1, static_cast<Index>(budget / each)); }

}  // namespace

PcaJob::PcaJob(const Matrix* data, Index components, Random random)
    : SubspaceIteration(components, kTolerance, random), data_(data) {}

bool PcaJob::Advance() {
  switch (phase_) {
    case Phase::kMean:
      MeanSlice();
      return true;
    case Phase::kCovariance:
      CovarianceSlice();
      return true;
    case Phase::kDirections:
      break;
  }
  if (SubspaceIteration::Advance()) return true;
  covariance_.resize(0, 0);
  return false;
}

void PcaJob::MeanSlice() {
  if (next_row_ == 0) sum_ = DoubleVector::Zero(data_->cols());
  const Index end = std::min(data_->rows(), next_row_ + PiecesOf(kSliceDoubles, static_cast<double>(data_->cols())));
  for (; next_row_ < end; ++next_row_) sum_ += data_->row(next_row_).cast<double>().transpose();
  if (next_row_ < data_->rows()) return;
  mean_ = (sum_ / static_cast<double>(data_->rows())).cast<float>();
  covariance_ = Matrix::Zero(data_->cols(), data_->cols());
  next_row_ = 0;
  phase_ = Phase::kCovariance;
}

void PcaJob::CovarianceSlice() {
  const Index n = data_->rows(), d = data_->cols();
  const Index rows = std::min(kRowBlock, n - next_row_);
  if (next_col_ == 0) block_ = data_->middleRows(next_row_, rows).rowwise() - mean_.transpose();
  const Index cols = std::min(kCovarianceColumns, d - next_col_);
  AccumulateTransposedProduct(block_.middleCols(next_col_, cols), block_, covariance_.middleRows(next_col_, cols));
  next_col_ += cols;
  if (next_col_ < d) return;
  next_col_ = 0;
  next_row_ += rows;
  if (next_row_ < n) return;
  covariance_ /= static_cast<float>(n);
  // The variance that rounding gives to equal rows: that of an error of one part in a million of the largest mean.
  double rounding = 0;
  for (const double mean : mean_) rounding = std::max(rounding, 1e-12 * mean * mean);
  Start(d, rounding);
  phase_ = Phase::kDirections;
}

Index PcaJob::MultiplySlice(const Matrix& basis, Index next_row, Matrix& image) {
  const Index d = basis.cols();
  const double each = static_cast<double>(d) * static_cast<double>(d);
  const Index rows = std::min(basis.rows() - next_row, std::max<Index>(8, PiecesOf(kSliceProducts, each)));
  Multiply(basis.middleRows(next_row, rows), covariance_, image.middleRows(next_row, rows));
  return rows;
}

}  // namespace rqvae
