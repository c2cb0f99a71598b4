#include "progressive_kmeans.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "gemm.h"
#include "id_table.h"

namespace rqvae {
namespace {

constexpr Index kIterations = 10;      // of a stage
constexpr Index kLastIterations = 20;  // of the last one
constexpr Index kSliceWork = 1 << 25;  // multiplications

}  // namespace

ProgressiveKmeansJob::ProgressiveKmeansJob(const Matrix* data, const Matrix* directions, Index clusters, Random random)
    : data_(data), directions_(directions), clusters_(clusters), random_(random), widths_(Widths(data->cols())) {}

// d^(1/4), d^(2/4), d^(3/4) and d, rounded up, each once. By square roots, which are exact on every machine.
std::vector<Index> ProgressiveKmeansJob::Widths(Index dim) {
  const double half = std::sqrt(static_cast<double>(dim)), quarter = std::sqrt(half);
  std::vector<Index> widths;
  for (const double width : {quarter, half, half * quarter}) {
    const auto rounded = static_cast<Index>(std::ceil(width));
    if (rounded < dim && (widths.empty() || rounded > widths.back())) widths.push_back(rounded);
  }
  widths.push_back(dim);
  return widths;
}

Index ProgressiveKmeansJob::LeadingDirections(Index dim) {
  const std::vector<Index> widths = Widths(dim);
  return widths.size() > 1 ? widths[widths.size() - 2] : 0;
}

bool ProgressiveKmeansJob::Advance() {
  if (!kmeans_) {
    Seed();
  } else if (!is_last() && projected_ < data_->rows()) {
    ProjectSlice();
  } else if (!kmeans_->Advance()) {
    if (is_last()) return false;
    StartNextStage();
  }
  return true;
}

// Draws rows until there are enough distinct ones, or none left.
void ProgressiveKmeansJob::Seed() {
  std::vector<uint32_t> rows(static_cast<size_t>(data_->rows()));
  std::iota(rows.begin(), rows.end(), 0u);
  DistinctRows seen(data_->cols());
  Matrix centers(clusters_, data_->cols());
  Index found = 0;
  for (size_t i = 0; i < rows.size() && found < clusters_; ++i) {
    std::swap(rows[i], rows[i + static_cast<size_t>(random_.Below(rows.size() - i))]);
    const float* row = data_->row(rows[i]).data();
    if (seen.Add(row)) std::copy_n(row, data_->cols(), centers.row(found++).data());
  }
  if (found < clusters_) {
    for (; found < clusters_; ++found) std::copy_n(centers.data(), data_->cols(), centers.row(found).data());
    stage_ = static_cast<Index>(widths_.size()) - 1;
  }
  if (is_last()) {
    StartStage(std::move(centers));
    return;
  }
  Matrix leading(clusters_, width());
  Project(centers, leading);
  StartStage(std::move(leading));
}

// centers: K x width().
void ProgressiveKmeansJob::StartStage(Matrix centers) {
  kmeans_.reset();  // which looks at leading_
  projected_ = 0;
  leading_.resize(is_last() ? 0 : data_->rows(), is_last() ? 0 : width());
  const KmeansOptions options = {.max_iterations = is_last() ? kLastIterations : kIterations};
  kmeans_ = std::make_unique<KmeansJob>(is_last() ? data_ : &leading_, std::move(centers), options);
}

void ProgressiveKmeansJob::StartNextStage() {
  const Matrix& before = kmeans_->centers();
  const Index known = width();
  ++stage_;
  Matrix centers = Matrix::Zero(clusters_, width());
  if (is_last() && directions_->rows() > 0) {
    Multiply(before, directions_->topRows(known), centers);
  } else {
    centers.leftCols(known) = before;
  }
  StartStage(std::move(centers));
}

void ProgressiveKmeansJob::ProjectSlice() {
  const Index affordable = std::max<Index>(1, kSliceWork / (kRowBlock * data_->cols() * width())) * kRowBlock;
  const Index count = std::min(affordable, data_->rows() - projected_);
  Project(data_->middleRows(projected_, count), leading_.middleRows(projected_, count));
  projected_ += count;
}

// rows: n x d -> out: n x width().
void ProgressiveKmeansJob::Project(const ConstMatrixRef& rows, MatrixRef out) const {
  if (directions_->rows() > 0) {
    MultiplyTransposed(rows, directions_->topRows(width()), out);
  } else {
    out = rows.leftCols(width());
  }
}

// The state is the stage with its k-means; a restored job projects the rows again.
void ProgressiveKmeansJob::Visit(Archive& archive) {
  bool started = kmeans_ != nullptr;
  Index stage = stage_;
  archive.Visit(started);
  archive.Visit(stage);
  if (archive.reading()) {
    if (stage < 0 || stage >= static_cast<Index>(widths_.size())) Archive::Fail();
    stage_ = stage;
    if (started) StartStage(Matrix::Zero(clusters_, width()));
  }
  if (started) kmeans_->Visit(archive);
}

}  // namespace rqvae
