#include "pca.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "blas1.h"
#include "gemm.h"
#include "sums.h"
#include "symmetric_eigen.h"

namespace rqvae {
namespace {

constexpr Index kOversampling = 8;
constexpr Index kMaxIterations = 60;
// Iterations stop when one raises the captured variance by less than this share.
constexpr double kTolerance = 1e-6;
constexpr Index kCovarianceColumns = 256;  // of one slice

constexpr double kSliceProducts = 1 << 27;  // multiplications in float
constexpr double kSliceDoubles = 1 << 24;   // multiplications in double

// How many pieces of `each` multiplications the budget of a slice allows, at least one.
Index PiecesOf(double budget, double each) { return std::max<Index>(1, static_cast<Index>(budget / each)); }

}  // namespace

PcaJob::PcaJob(const Matrix* data, Index components, Random random)
    : data_(data), components_(components), random_(random) {}

bool PcaJob::Advance() {
  switch (phase_) {
    case Phase::kMean:
      MeanSlice();
      return true;
    case Phase::kCovariance:
      CovarianceSlice();
      return true;
    case Phase::kStart:
      Start();
      return true;
    case Phase::kOrthonormalize:
      OrthonormalizeSlice();
      return true;
    case Phase::kMultiply:
      MultiplySlice();
      return true;
    case Phase::kProject:
      ProjectSlice();
      return true;
    case Phase::kDecompose:
      if (!eigen_->Advance()) {
        decomposed_ = eigen_->Take();
        eigen_.reset();
        Enter(Phase::kRotate);
      }
      return true;
    case Phase::kRotate:
      RotateSlice();
      return true;
    case Phase::kDone:
      return false;
  }
  return false;
}

void PcaJob::Enter(Phase phase) {
  phase_ = phase;
  next_row_ = 0;
}

void PcaJob::MeanSlice() {
  if (next_row_ == 0) sum_ = DoubleVector::Zero(data_->cols());
  const Index end = std::min(data_->rows(), next_row_ + PiecesOf(kSliceDoubles, static_cast<double>(data_->cols())));
  for (; next_row_ < end; ++next_row_) sum_ += data_->row(next_row_).cast<double>().transpose();
  if (next_row_ < data_->rows()) return;
  mean_ = (sum_ / static_cast<double>(data_->rows())).cast<float>();
  covariance_ = Matrix::Zero(data_->cols(), data_->cols());
  Enter(Phase::kCovariance);
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
  Enter(Phase::kStart);
}

void PcaJob::Start() {
  const Index d = data_->cols();
  const Index width = std::min(d, components_ + kOversampling);
  basis_.resize(width, d);
  for (Index i = 0; i < d; ++i) {
    for (Index j = 0; j < width; ++j) basis_(j, i) = random_.Uniform(-1.0f, 1.0f);
  }
  q_ = basis_.cast<double>();
  Enter(Phase::kOrthonormalize);
}

// Orthonormalises the rows of q_ by modified Gram-Schmidt, twice, in double. Rows that depend on earlier ones become
// zero.
void PcaJob::OrthonormalizeSlice() {
  const Index d = q_.cols();
  for (double work = 0; work < kSliceDoubles && next_row_ < q_.rows(); ++next_row_) {
    double* const row = q_.row(next_row_).data();
    const double before = std::sqrt(DotInDoubleLanes(row, row, d));
    for (int pass = 0; pass < 2; ++pass) {
      for (Index e = 0; e < next_row_; ++e) {
        const double* const earlier = q_.row(e).data();
        Axpy(d, -DotInDoubleLanes(earlier, row, d), earlier, row);
      }
    }
    const double norm = std::sqrt(DotInDoubleLanes(row, row, d));
    const bool independent = norm > 1e-6 * before && norm > 0;
    for (Index k = 0; k < d; ++k) row[k] = independent ? row[k] / norm : 0;
    work += 4.0 * static_cast<double>(next_row_ + 1) * static_cast<double>(d);
  }
  if (next_row_ < q_.rows()) return;
  basis_ = q_.cast<float>();
  powered_ = started_;
  started_ = true;
  Enter(Phase::kMultiply);
}

void PcaJob::MultiplySlice() {
  const Index width = basis_.rows(), d = basis_.cols();
  image_.resize(width, d);
  const double each = static_cast<double>(d) * static_cast<double>(d);
  const Index rows = std::min(width - next_row_, std::max<Index>(8, PiecesOf(kSliceProducts, each)));
  Multiply(basis_.middleRows(next_row_, rows), covariance_, image_.middleRows(next_row_, rows));
  next_row_ += rows;
  if (next_row_ < width) return;
  if (powered_) {
    q_ = basis_.cast<double>();
    rows_ = image_.cast<double>();
    projected_.resize(width, width);  // symmetric: only the lower triangle is set
    Enter(Phase::kProject);
  } else {
    q_ = image_.cast<double>();
    Enter(Phase::kOrthonormalize);
  }
}

void PcaJob::ProjectSlice() {
  const Index width = q_.rows(), d = q_.cols();
  for (double work = 0; work < kSliceDoubles && next_row_ < width; ++next_row_) {
    for (Index j = 0; j <= next_row_; ++j) {
      projected_(next_row_, j) = DotInDoubleLanes(q_.row(next_row_).data(), rows_.row(j).data(), d);
    }
    work += static_cast<double>(next_row_ + 1) * static_cast<double>(d);
  }
  if (next_row_ < width) return;
  rows_.setZero();
  eigen_ = std::make_unique<EigenJob>(std::move(projected_));
  Enter(Phase::kDecompose);
}

void PcaJob::RotateSlice() {
  const Index width = q_.rows(), d = q_.cols();
  for (double work = 0; work < kSliceDoubles && next_row_ < width; ++next_row_) {
    for (Index k = 0; k < width; ++k) {
      Axpy(d, decomposed_.vectors(next_row_, k), q_.row(k).data(), rows_.row(next_row_).data());
    }
    work += static_cast<double>(width) * static_cast<double>(d);
  }
  if (next_row_ < width) return;
  basis_ = rows_.cast<float>();
  FinishIteration();
}

void PcaJob::FinishIteration() {
  const Index width = basis_.rows(), kept = std::min(components_, width);
  double captured = 0;
  for (Index c = 0; c < kept; ++c) captured += std::max(0.0, decomposed_.values[c]);
  ++iterations_;
  const bool exact = width == data_->cols();  // the basis spans everything: one iteration suffices
  if (!exact && iterations_ < kMaxIterations && captured - captured_ > kTolerance * captured) {
    captured_ = captured;
    powered_ = false;
    Enter(Phase::kMultiply);
    return;
  }
  TakeDirections();
  covariance_.resize(0, 0);
  phase_ = Phase::kDone;
}

void PcaJob::TakeDirections() {
  const Index kept = std::min(components_, basis_.rows());
  const SymmetricEigen& eigen = decomposed_;
  directions_ = Matrix::Zero(components_, data_->cols());
  variances_ = Vector::Zero(components_);
  const double largest = std::max(0.0, eigen.values[0]);
  // The variance that rounding gives to equal rows: that of an error of one part in a million of the largest mean.
  double rounding = 0;
  for (const double mean : mean_) rounding = std::max(rounding, 1e-12 * mean * mean);
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
}

}  // namespace rqvae
