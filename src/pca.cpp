#include "pca.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "blas1.h"
#include "gemm.h"
#include "symmetric_eigen.h"

namespace rqvae {
namespace {

constexpr Index kOversampling = 8;
constexpr Index kMaxIterations = 60;
// Stop when an iteration raises the captured variance by less than this share.
constexpr double kTolerance = 1e-6;
constexpr Index kCovarianceColumns = 256;  // of one slice

// Orthonormalises the rows by modified Gram-Schmidt, twice, in double. Rows that depend on earlier ones become zero.
void Orthonormalize(Matrix& basis) {
  DoubleMatrix q = basis.cast<double>();
  const Index d = q.cols();
  for (Index c = 0; c < q.rows(); ++c) {
    double* const row = q.row(c).data();
    const double before = std::sqrt(Dot(d, row, row));
    for (int pass = 0; pass < 2; ++pass) {
      for (Index e = 0; e < c; ++e) {
        const double* const earlier = q.row(e).data();
        Axpy(d, -Dot(d, earlier, row), earlier, row);
      }
    }
    const double norm = std::sqrt(Dot(d, row, row));
    const bool independent = norm > 1e-6 * before && norm > 0;
    for (Index k = 0; k < d; ++k) row[k] = independent ? row[k] / norm : 0;
  }
  basis = q.cast<float>();
}

}  // namespace

PcaJob::PcaJob(const Matrix* data, Index components, Random random)
    : data_(data), components_(components), random_(random) {}

bool PcaJob::Advance() {
  switch (phase_) {
    case Phase::kMean: {
      Eigen::RowVectorXd sum = Eigen::RowVectorXd::Zero(data_->cols());
      for (Index i = 0; i < data_->rows(); ++i) sum += data_->row(i).cast<double>();
      mean_ = (sum / static_cast<double>(data_->rows())).cast<float>().transpose();
      covariance_ = Matrix::Zero(data_->cols(), data_->cols());
      phase_ = Phase::kCovariance;
      return true;
    }
    case Phase::kCovariance:
      CovarianceSlice();
      return true;
    case Phase::kStart:
      Start();
      return true;
    case Phase::kIterate:
      Iterate();
      return true;
    case Phase::kDone:
      return false;
  }
  return false;
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
  phase_ = Phase::kStart;
}

void PcaJob::Start() {
  const Index d = data_->cols();
  const Index width = std::min(d, components_ + kOversampling);
  basis_.resize(width, d);
  for (Index i = 0; i < d; ++i) {
    for (Index j = 0; j < width; ++j) basis_(j, i) = random_.Uniform(-1.0f, 1.0f);
  }
  Orthonormalize(basis_);
  phase_ = Phase::kIterate;
}

// One power iteration with Rayleigh-Ritz: Q <- orth(Q C), then rotated to the eigenvectors of Q C Q^T.
void PcaJob::Iterate() {
  const Index width = basis_.rows(), d = basis_.cols(), kept = std::min(components_, width);
  Matrix image(width, d);
  Multiply(basis_, covariance_, image);
  Orthonormalize(image);
  basis_.swap(image);
  Multiply(basis_, covariance_, image);
  const DoubleMatrix q = basis_.cast<double>();
  DoubleMatrix rows = image.cast<double>();
  DoubleMatrix projected(width, width);  // symmetric: the lower triangle is enough
  for (Index i = 0; i < width; ++i) {
    for (Index j = 0; j <= i; ++j) projected(i, j) = Dot(d, q.row(i).data(), rows.row(j).data());
  }
  const SymmetricEigen eigen = DecomposeSymmetric(std::move(projected));
  rows.setZero();
  for (Index i = 0; i < width; ++i) {
    for (Index k = 0; k < width; ++k) Axpy(d, eigen.vectors(i, k), q.row(k).data(), rows.row(i).data());
  }
  basis_ = rows.cast<float>();
  double captured = 0;
  for (Index c = 0; c < kept; ++c) captured += std::max(0.0, eigen.values[c]);
  ++iterations_;
  const bool exact = width == data_->cols();  // the basis spans everything: one rotation is the answer
  if (!exact && iterations_ < kMaxIterations && captured - captured_ > kTolerance * captured) {
    captured_ = captured;
    return;
  }
  directions_ = Matrix::Zero(components_, data_->cols());
  variances_ = Vector::Zero(components_);
  const double largest = std::max(0.0, eigen.values[0]);
  // What rounding makes of equal rows: the variance of an error of one part in a million of the largest mean.
  double rounding = 0;
  for (Index j = 0; j < mean_.size(); ++j) rounding = std::max(rounding, 1e-12 * mean_[j] * mean_[j]);
  for (Index c = 0; c < kept; ++c) {
    const double variance = eigen.values[c];
    if (variance <= std::max(1e-6 * largest, rounding)) break;  // beyond the data's rank
    const auto direction = basis_.row(c);
    Index pivot = 0;
    for (Index j = 1; j < direction.size(); ++j) {
      if (std::abs(direction[j]) > std::abs(direction[pivot])) pivot = j;
    }
    directions_.row(c) = (direction[pivot] < 0 ? -1.0f : 1.0f) * direction;
    variances_[c] = static_cast<float>(variance);
  }
  covariance_.resize(0, 0);
  phase_ = Phase::kDone;
}

}  // namespace rqvae
