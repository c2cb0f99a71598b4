#include "pca.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "gemm.h"

namespace rqvae {
namespace {

constexpr Index kOversampling = 8;
constexpr Index kMaxIterations = 60;
// Stop when an iteration raises the captured variance by less than this share.
constexpr double kTolerance = 1e-6;
constexpr Index kCovarianceColumns = 256;  // of one slice

// Orthonormalises the columns by modified Gram-Schmidt, twice, in double. Columns that depend on earlier ones become
// zero.
void Orthonormalize(Matrix& basis) {
  Eigen::MatrixXd q = basis.cast<double>();
  for (Index c = 0; c < q.cols(); ++c) {
    const double before = q.col(c).norm();
    for (int pass = 0; pass < 2; ++pass) {
      for (Index e = 0; e < c; ++e) q.col(c) -= q.col(e).dot(q.col(c)) * q.col(e);
    }
    const double norm = q.col(c).norm();
    if (norm > 1e-6 * before && norm > 0) {
      q.col(c) /= norm;
    } else {
      q.col(c).setZero();
    }
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
  basis_.resize(d, width);
  for (Index i = 0; i < d; ++i) {
    for (Index j = 0; j < width; ++j) basis_(i, j) = random_.Uniform(-1.0f, 1.0f);
  }
  Orthonormalize(basis_);
  phase_ = Phase::kIterate;
}

// One power iteration with Rayleigh-Ritz: Q <- orth(C Q), then rotated to the eigenvectors of Q^T C Q.
void PcaJob::Iterate() {
  Matrix image(basis_.rows(), basis_.cols());
  Multiply(covariance_, basis_, image);
  Orthonormalize(image);
  basis_.swap(image);
  Multiply(covariance_, basis_, image);
  const Eigen::MatrixXd q = basis_.cast<double>();
  Eigen::MatrixXd projected = q.transpose() * image.cast<double>();
  projected = (0.5 * (projected + projected.transpose())).eval();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(projected);
  // Eigenvalues come in ascending order.
  const Index width = basis_.cols(), kept = std::min(components_, width);
  const Eigen::MatrixXd rotated = q * solver.eigenvectors().rowwise().reverse();
  basis_ = rotated.cast<float>();
  double captured = 0;
  for (Index c = 0; c < kept; ++c) captured += std::max(0.0, solver.eigenvalues()[width - 1 - c]);
  ++iterations_;
  const bool exact = width == data_->cols();  // the basis spans everything: one rotation is the answer
  if (!exact && iterations_ < kMaxIterations && captured - captured_ > kTolerance * captured) {
    captured_ = captured;
    return;
  }
  directions_ = Matrix::Zero(components_, data_->cols());
  variances_ = Vector::Zero(components_);
  const double largest = std::max(0.0, solver.eigenvalues()[width - 1]);
  // What rounding makes of equal rows: the variance of an error of one part in a million of the largest mean.
  double rounding = 0;
  for (Index j = 0; j < mean_.size(); ++j) rounding = std::max(rounding, 1e-12 * mean_[j] * mean_[j]);
  for (Index c = 0; c < kept; ++c) {
    const double variance = solver.eigenvalues()[width - 1 - c];
    if (variance <= std::max(1e-6 * largest, rounding)) break;  // beyond the data's rank
    const auto column = basis_.col(c);
    Index pivot = 0;
    for (Index j = 1; j < column.size(); ++j) {
      if (std::abs(column[j]) > std::abs(column[pivot])) pivot = j;
    }
    directions_.row(c) = (column[pivot] < 0 ? -1.0f : 1.0f) * column.transpose();
    variances_[c] = static_cast<float>(variance);
  }
  covariance_.resize(0, 0);
  phase_ = Phase::kDone;
}

}  // namespace rqvae
