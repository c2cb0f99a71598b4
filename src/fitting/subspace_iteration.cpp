#include "subspace_iteration.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "blas1.h"
#include "sums.h"

namespace rqvae {
namespace {

constexpr Index kOversampling = 8;
constexpr Index kMaxIterations = 60;
constexpr double kSliceDoubles = 1 << 24;  // multiplications in double

}  // namespace

bool SubspaceIteration::Advance() {
  switch (phase_) {
    case Phase::kOrthonormalize:
      OrthonormalizeSlice();
      return true;
    case Phase::kMultiply:
      image_.resize(basis_.rows(), basis_.cols());
      next_row_ += MultiplySlice(basis_, next_row_, image_);
      if (next_row_ == basis_.rows()) Multiplied();
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

void SubspaceIteration::Enter(Phase phase) {
  phase_ = phase;
  next_row_ = 0;
}

void SubspaceIteration::Start(Index dims, double rounding) {
  rounding_ = rounding;
  const Index width = std::min(dims, components_ + kOversampling);
  basis_.resize(width, dims);
  for (Index i = 0; i < dims; ++i) {
    for (Index j = 0; j < width; ++j) basis_(j, i) = random_.Uniform(-1.0f, 1.0f);
  }
  q_ = basis_.cast<double>();
}

// Orthonormalises the rows of q_ by modified Gram-Schmidt, twice, in double. Rows that depend on earlier ones become
// zero.
void SubspaceIteration::OrthonormalizeSlice() {
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

void SubspaceIteration::Multiplied() {
  const Index width = basis_.rows();
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

void SubspaceIteration::ProjectSlice() {
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

void SubspaceIteration::RotateSlice() {
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

void SubspaceIteration::FinishIteration() {
  const Index width = basis_.rows(), kept = std::min(components_, width);
  double captured = 0;
  for (Index c = 0; c < kept; ++c) captured += std::max(0.0, decomposed_.values[c]);
  ++iterations_;
  const bool exact = width == basis_.cols();  // the basis spans everything: one iteration suffices
  if (!exact && iterations_ < kMaxIterations && captured - captured_ > tolerance_ * captured) {
    captured_ = captured;
    powered_ = false;
    Enter(Phase::kMultiply);
    return;
  }
  TakeVectors();
  phase_ = Phase::kDone;
}

void SubspaceIteration::TakeVectors() {
  const Index kept = std::min(components_, basis_.rows());
  vectors_ = Matrix::Zero(components_, basis_.cols());
  values_ = Vector::Zero(components_);
  const double largest = std::max(0.0, decomposed_.values[0]);
  for (Index c = 0; c < kept; ++c) {
    const double value = decomposed_.values[c];
    if (value <= std::max(1e-6 * largest, rounding_)) break;  // beyond the rank
    const auto vector = basis_.row(c);
    Index pivot = 0;
    for (Index j = 1; j < vector.size(); ++j) {
      if (std::abs(vector[j]) > std::abs(vector[pivot])) pivot = j;
    }
    vectors_.row(c) = (vector[pivot] < 0 ? -1.0f : 1.0f) * vector;
    values_[c] = static_cast<float>(value);
  }
}

}  // namespace rqvae
