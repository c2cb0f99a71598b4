#include "input_scaler.h"

#include <algorithm>
#include <cmath>

#include "simd.h"
#include "sums.h"

namespace rqvae {
namespace {

// Divides every row by its length; a zero row stays unchanged.
void NormalizeRows(const ConstMatrixRef& rows, MatrixRef out) {
  for (Index i = 0; i < rows.rows(); ++i) {
    const auto length = static_cast<float>(std::sqrt(SquaredLengthInDouble(rows.row(i).data(), rows.cols())));
    out.row(i) = rows.row(i) / (length > 0 ? length : 1.0f);
  }
}

}  // namespace

InputScaler::InputScaler(ParameterStore& store, InputScaling scaling, Index input_dim) : scaling_(scaling) {
  if (scaling_ == InputScaling::kNone) return;
  const Index scales = scaling_ == InputScaling::kPerDimension ? input_dim : 1;
  mean_ = store.Add("input.mean", {input_dim}, ParameterGroup::kInput, false);
  scale_ = store.Add("input.scale", {scales}, ParameterGroup::kInput, false);
  if (scaling_ == InputScaling::kL2) norm_ = store.Add("input.norm", {1}, ParameterGroup::kInput, false);
}

void InputScaler::Initialize(ParameterStore& store) const {
  if (scale_ >= 0) store.value(scale_).setOnes();
  if (norm_ >= 0) store.value(norm_).setOnes();
}

void InputScaler::Scale(const ParameterStore& store, const ConstMatrixRef& items, MatrixRef scaled) const {
  if (mean_ < 0) {
    scaled = items;
    return;
  }
  const bool normalizes = scaling_ == InputScaling::kL2, per_dimension = scaling_ == InputScaling::kPerDimension;
  if (normalizes) NormalizeRows(items, scaled);
  const float *const mean = store.value(mean_).data(), *const scale = store.value(scale_).data();
  for (Index i = 0; i < items.rows(); ++i) {
    const float* const from = normalizes ? &scaled(i, 0) : &items(i, 0);
    for (Index j = 0; j < items.cols(); j += kLanes) {
      const Index lanes = std::min(kLanes, items.cols() - j);
      const F32x4 divisor = per_dimension ? LoadLanes(scale + j, lanes) : Splat(scale[0]);
      StoreLanes(&scaled(i, j), (LoadLanes(from + j, lanes) - LoadLanes(mean + j, lanes)) / divisor, lanes);
    }
  }
}

void InputScaler::Unscale(const ParameterStore& store, const ConstMatrixRef& scaled, MatrixRef items) const {
  if (mean_ < 0) {
    items = scaled;
    return;
  }
  if (scaling_ == InputScaling::kPerDimension) {
    items = scaled.array().rowwise() * store.value(scale_).col(0).transpose().array();
  } else {
    items = scaled * store.value(scale_)(0, 0);
  }
  items.rowwise() += store.value(mean_).col(0).transpose();
  if (scaling_ == InputScaling::kL2) items *= store.value(norm_)(0, 0);
}

InputScaler::Statistics::Statistics(InputScaling scaling, Index input_dim)
    : scaling_(scaling), mean_(static_cast<size_t>(input_dim)), variance_(static_cast<size_t>(input_dim)) {}

void InputScaler::Statistics::AddToMean(Matrix& block) {
  if (scaling_ == InputScaling::kL2) {
    double square = 0;
    for (Index i = 0; i < block.rows(); ++i) {
      square = SquaredLengthInDouble(block.row(i).data(), block.cols(), square);
    }
    square_length_ += square;
    NormalizeRows(block, block);
  }
  block_.assign(mean_.size(), 0.0);
  for (Index i = 0; i < block.rows(); ++i) {
    for (Index j = 0; j < block.cols(); ++j) block_[static_cast<size_t>(j)] += block(i, j);
  }
  for (size_t j = 0; j < mean_.size(); ++j) mean_[j] += block_[j];
}

void InputScaler::Statistics::FinishMean(Index rows) {
  for (double& mean : mean_) mean /= static_cast<double>(rows);
  square_length_ /= static_cast<double>(rows);
}

bool InputScaler::Statistics::needs_variance() const {
  return scaling_ != InputScaling::kNone && scaling_ != InputScaling::kCenter;
}

void InputScaler::Statistics::AddToVariance(Matrix& block) {
  if (scaling_ == InputScaling::kL2) NormalizeRows(block, block);
  block_.assign(variance_.size(), 0.0);
  for (Index i = 0; i < block.rows(); ++i) {
    for (Index j = 0; j < block.cols(); ++j) {
      const double difference = block(i, j) - mean_[static_cast<size_t>(j)];
      block_[static_cast<size_t>(j)] += difference * difference;
    }
  }
  for (size_t j = 0; j < variance_.size(); ++j) variance_[j] += block_[j];
}

void InputScaler::Statistics::FinishVariance(Index rows) {
  for (double& variance : variance_) variance /= static_cast<double>(rows);
}

void InputScaler::Learn(ParameterStore& store, const Statistics& statistics) const {
  auto deviation = [](double variance) {
    const auto scale = static_cast<float>(std::sqrt(variance));
    return scale > 0 ? scale : 1.0f;
  };
  MatrixMap mean = store.value(mean_), scale = store.value(scale_);
  double total = 0;
  for (Index j = 0; j < mean.rows(); ++j) {
    mean(j, 0) = static_cast<float>(statistics.mean_[static_cast<size_t>(j)]);
    total += statistics.variance_[static_cast<size_t>(j)];
    if (scaling_ == InputScaling::kPerDimension) {
      scale(j, 0) = deviation(statistics.variance_[static_cast<size_t>(j)]);
    }
  }
  if (scaling_ == InputScaling::kCommonScale || scaling_ == InputScaling::kL2) {
    scale(0, 0) = deviation(total / static_cast<double>(mean.rows()));
  }
  if (norm_ >= 0) store.value(norm_)(0, 0) = deviation(statistics.square_length_);
}

void InputScaler::Statistics::Visit(Archive& archive) {
  const size_t sizes[] = {mean_.size(), variance_.size()};
  archive.Visit(square_length_);
  archive.Visit(mean_);
  archive.Visit(variance_);
  if (mean_.size() != sizes[0] || variance_.size() != sizes[1]) Archive::Fail();
}

}  // namespace rqvae
