#include "trainer.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "error.h"
#include "gemm.h"

namespace rqvae {
namespace {

constexpr double kPi = 3.14159265358979323846;

// Rows per slice when all that is done with them is adding up.
constexpr Index kStatisticsRows = 16 * kRowBlock;

}  // namespace

void MatrixRows::Read(const uint32_t* rows, Index count, MatrixRef out) const {
  for (Index i = 0; i < count; ++i) out.row(i) = data_.row(rows[i]);
}

// -- InitializeJob

InitializeJob::InitializeJob(RqVae* model, const RowSource* source, bool codebooks)
    : model_(model),
      source_(source),
      codebooks_(codebooks),
      draft_(std::make_unique<RqVae>(model->config(), model->part())),
      phase_(model->initialized() ? Phase::kGather : Phase::kMean),
      mean_(static_cast<size_t>(source->dim())) {
  draft_->store().values() = model->store().values();
  draft_->ParametersChanged();
}

InitializeJob::~InitializeJob() = default;

double InitializeJob::progress() const {
  // Rough shares of the time, for a progress bar only.
  const auto levels = static_cast<double>(model_->config().levels());
  switch (phase_) {
    case Phase::kMean:
    case Phase::kVariance:
      return 0.05 * static_cast<double>(next_row_) / static_cast<double>(source_->rows());
    case Phase::kGather:
    case Phase::kPca:
      return 0.1;
    case Phase::kLatents:
      return 0.2;
    case Phase::kKmeans:
    case Phase::kResidual:
      return 0.2 + 0.8 * (static_cast<double>(level_) + 0.5) / levels;
    case Phase::kCommit:
    case Phase::kDone:
      break;
  }
  return 1.0;
}

bool InitializeJob::Advance() {
  const ModelConfig& config = model_->config();
  switch (phase_) {
    case Phase::kMean:
    case Phase::kVariance:
      StatisticsSlice();
      return true;
    case Phase::kGather: {
      Index rows = kSampleRows;
      for (Index size : config.codebook_sizes) rows = std::max(rows, 40 * size);
      const std::vector<uint32_t> names = SampleRows(config.seed, source_->rows(), rows);
      sample_.resize(static_cast<Index>(names.size()), source_->dim());
      source_->Read(names.data(), sample_.rows(), sample_);
      draft_->ScaleInput(sample_, sample_);
      if (config.linear_skip == LinearSkip::kPca && !model_->initialized()) {
        pca_ = std::make_unique<PcaJob>(&sample_, config.latent_dim, Random(config.seed, Stream::kPca));
        phase_ = Phase::kPca;
      } else {
        phase_ = Phase::kLatents;
      }
      return true;
    }
    case Phase::kPca:
      if (!pca_->Advance()) {
        ApplyPca();
        phase_ = Phase::kLatents;
      }
      return true;
    case Phase::kLatents: {
      if (!codebooks_) {
        phase_ = Phase::kCommit;
        return true;
      }
      residuals_.resize(sample_.rows(), config.latent_dim);
      const Index rows = std::min(kRowBlock, sample_.rows() - next_row_);
      Mlp::Tape tape;
      draft_->encoder().Forward(draft_->store(), sample_.middleRows(next_row_, rows), tape,
                                residuals_.middleRows(next_row_, rows));
      next_row_ += rows;
      if (next_row_ < sample_.rows()) return true;
      next_row_ = 0;
      sample_.resize(0, 0);
      phase_ = Phase::kKmeans;
      return true;
    }
    case Phase::kKmeans:
      if (!kmeans_) {
        kmeans_ = std::make_unique<KmeansJob>(&residuals_, config.codebook_sizes[static_cast<size_t>(level_)],
                                              Random(config.seed, Stream::kKmeans, static_cast<uint64_t>(level_)));
      }
      if (!kmeans_->Advance()) FinishLevel();
      return true;
    case Phase::kResidual: {
      const Index rows = std::min(kRowBlock, residuals_.rows() - next_row_);
      auto block = residuals_.middleRows(next_row_, rows);
      std::vector<uint32_t> codes(static_cast<size_t>(rows));
      FindNearest(draft_->quantizer().searchable(level_), block, codes.data(), nullptr);
      for (Index i = 0; i < rows; ++i)
        block.row(i) -= draft_->quantizer().codebook(level_).row(codes[static_cast<size_t>(i)]);
      next_row_ += rows;
      if (next_row_ < residuals_.rows()) return true;
      next_row_ = 0;
      ++level_;
      phase_ = level_ < config.levels() ? Phase::kKmeans : Phase::kCommit;
      return true;
    }
    case Phase::kCommit:
      if (!draft_->store().values().allFinite()) {
        throw Error(ErrorKind::kInvalidInput,
                    "items: their values are too large to be fitted in float32; scale them down (inputScaling "
                    "\"commonScale\" takes the widest range)");
      }
      model_->store().values() = draft_->store().values();
      model_->ParametersChanged();
      model_->set_initialized(true);
      draft_.reset();
      residuals_.resize(0, 0);
      phase_ = Phase::kDone;
      return true;
    case Phase::kDone:
      return false;
  }
  return false;
}

// Mean per dimension, then the mean variance over all dimensions, in double, over all rows of the training set.
void InitializeJob::StatisticsSlice() {
  const InputScaling scaling = model_->config().input_scaling;
  if (scaling == InputScaling::kNone) {
    phase_ = Phase::kGather;
    return;
  }
  const Index n = source_->rows(), dim = source_->dim();
  Matrix block;
  std::vector<uint32_t> rows;
  for (Index slice = 0; slice < kStatisticsRows && next_row_ < n; slice += kRowBlock) {
    const Index count = std::min(kRowBlock, n - next_row_);
    rows.resize(static_cast<size_t>(count));
    std::iota(rows.begin(), rows.end(), static_cast<uint32_t>(next_row_));
    block.resize(count, dim);
    source_->Read(rows.data(), count, block);
    if (phase_ == Phase::kMean) {
      sums_.assign(static_cast<size_t>(dim), 0.0);
      for (Index i = 0; i < count; ++i) {
        for (Index j = 0; j < dim; ++j) sums_[static_cast<size_t>(j)] += block(i, j);
      }
      for (Index j = 0; j < dim; ++j) mean_[static_cast<size_t>(j)] += sums_[static_cast<size_t>(j)];
    } else {
      double sum = 0;
      for (Index i = 0; i < count; ++i) {
        for (Index j = 0; j < dim; ++j) {
          const double difference = block(i, j) - mean_[static_cast<size_t>(j)];
          sum += difference * difference;
        }
      }
      square_sum_ += sum;
    }
    next_row_ += count;
  }
  if (next_row_ < n) return;
  next_row_ = 0;
  if (phase_ == Phase::kMean) {
    MatrixMap target = draft_->store().value(draft_->input_mean());
    for (Index j = 0; j < dim; ++j) {
      mean_[static_cast<size_t>(j)] /= static_cast<double>(n);
      target(j, 0) = static_cast<float>(mean_[static_cast<size_t>(j)]);
    }
    phase_ = scaling == InputScaling::kCommonScale ? Phase::kVariance : Phase::kGather;
  } else {
    const auto scale = static_cast<float>(std::sqrt(square_sum_ / static_cast<double>(n) / static_cast<double>(dim)));
    draft_->store().value(draft_->input_scale())(0, 0) = scale > 0 ? scale : 1.0f;
    phase_ = Phase::kGather;
  }
}

// S = directions, s = -S mean;  T = S^T, t = mean:  dec(enc(x)) is the projection of x onto the directions.
void InitializeJob::ApplyPca() {
  ParameterStore& store = draft_->store();
  const Matrix& directions = pca_->directions();
  store.value(draft_->encoder().skip_weight()) = directions;
  MatrixMap bias = store.value(draft_->encoder().skip_bias());
  for (Index i = 0; i < directions.rows(); ++i) {
    float dot = 0;
    for (Index j = 0; j < directions.cols(); ++j) dot += directions(i, j) * pca_->mean()[j];
    bias(i, 0) = -dot;
  }
  store.value(draft_->decoder().skip_weight()) = directions.transpose();
  store.value(draft_->decoder().skip_bias()).col(0) = pca_->mean();
  pca_.reset();
}

void InitializeJob::FinishLevel() {
  inertia_.push_back(kmeans_->inertia());
  draft_->store().value(draft_->quantizer().embedding(level_)) = kmeans_->centers();
  draft_->ParametersChanged();
  kmeans_.reset();
  phase_ = Phase::kResidual;
}

// -- TrainJob

void ApplyStep(RqVae& model, Optimizer& optimizer, const Losses& losses, double rate_scale, const std::string& where,
               Vector& backup) {
  Vector& values = model.store().values();
  backup = values;
  bool finite = std::isfinite(losses.loss);
  if (finite) {
    optimizer.Step(model.store(), rate_scale);
    finite = values.allFinite();
  }
  if (!finite) {
    values = backup;
    throw Error(ErrorKind::kDiverged,
                where +
                    ": the loss or a weight is no longer finite. The model keeps the step before it. "
                    "Lower learningRate or check the items for extreme values");
  }
  model.ParametersChanged();
}

TrainJob::TrainJob(RqVae* model, const RowSource* source, const TrainConfig& config)
    : model_(model),
      source_(source),
      config_(config),
      optimizer_(config.optimizer, model->store()),
      initialize_(model->initialized()
                      ? nullptr
                      : std::make_unique<InitializeJob>(model, source, model->config().codebook_kmeans_init)),
      phase_(initialize_ ? Phase::kInitialize : Phase::kStartEpoch) {
  config_.batch_size = std::min(config_.batch_size, source->rows());
  total_steps_ = int64_t{config_.epochs} * ((source->rows() + config_.batch_size - 1) / config_.batch_size);
}

TrainJob::~TrainJob() = default;

bool TrainJob::Advance() {
  switch (phase_) {
    case Phase::kInitialize:
      if (!initialize_->Advance()) {
        initialize_.reset();
        phase_ = Phase::kStartEpoch;
      }
      return true;
    case Phase::kStartEpoch:
      StartEpoch();
      return true;
    case Phase::kTrain:
      TrainBlock();
      return true;
    case Phase::kEvaluate:
      EvaluateBlock();
      return true;
    case Phase::kDone:
      return false;
  }
  return false;
}

void TrainJob::StartEpoch() {
  order_ = EpochOrder(model_->config().seed, static_cast<uint64_t>(epoch_), source_->rows());
  position_ = 0;
  in_batch_ = 0;
  epoch_sums_ = {};
  phase_ = Phase::kTrain;
}

void TrainJob::TrainBlock() {
  const Index batch = std::min(config_.batch_size, source_->rows() - position_);
  if (in_batch_ == 0) model_->BeginStep(batch);
  const Index rows = std::min(kRowBlock, batch - in_batch_);
  const uint32_t* names = order_.data() + position_ + in_batch_;
  block_.resize(rows, source_->dim());
  source_->Read(names, rows, block_);
  model_->AddBlock(block_, names, static_cast<uint64_t>(step_));
  in_batch_ += rows;
  if (in_batch_ == batch) FinishStep();
}

// The rate rises linearly over the warm-up, then follows the schedule down to zero over what is left.
double TrainJob::RateScale() const {
  const auto total = static_cast<double>(total_steps_);
  const double warmup = std::floor(config_.warmup * total);
  const auto step = static_cast<double>(step_);
  if (step < warmup) return (step + 1) / warmup;
  const double t = (step - warmup) / std::max(1.0, total - warmup);
  switch (config_.schedule) {
    case Schedule::kConstant:
      return 1.0;
    case Schedule::kCosine:
      return 0.5 * (1 + std::cos(kPi * t));
    case Schedule::kLinear:
      return 1 - t;
  }
  return 1.0;
}

void TrainJob::FinishStep() {
  Losses losses = model_->FinishStep();
  const double rate_scale = RateScale();
  ApplyStep(*model_, optimizer_, losses, rate_scale,
            "training diverged in epoch " + std::to_string(epoch_) + ", step " + std::to_string(step_), backup_);
  last_rate_ = config_.optimizer.learning_rate * rate_scale;
  ++step_;

  const auto n = static_cast<double>(in_batch_);
  epoch_sums_.loss += n * losses.loss;
  epoch_sums_.reconstruction += n * losses.reconstruction;
  epoch_sums_.quantize += n * losses.quantize;
  epoch_sums_.quantization_error.resize(losses.quantization_error.size());
  for (size_t l = 0; l < losses.quantization_error.size(); ++l) {
    epoch_sums_.quantization_error[l] += n * losses.quantization_error[l];
  }
  last_losses_ = std::move(losses);
  last_batch_size_ = in_batch_;

  position_ += in_batch_;
  in_batch_ = 0;
  if (position_ < source_->rows()) return;
  const bool last = epoch_ + 1 == config_.epochs;
  if (last || (epoch_ + 1) % config_.evaluate_every == 0 || epoch_ == 0) {
    codes_.resize(source_->rows(), model_->config().levels());
    position_ = 0;
    phase_ = Phase::kEvaluate;
  } else {
    FinishEpoch();
  }
}

void TrainJob::EvaluateBlock() {
  const Index rows = std::min(kRowBlock, source_->rows() - position_);
  std::vector<uint32_t> names(static_cast<size_t>(rows));
  std::iota(names.begin(), names.end(), static_cast<uint32_t>(position_));
  block_.resize(rows, source_->dim());
  source_->Read(names.data(), rows, block_);
  model_->Encode(block_, codes_.middleRows(position_, rows), nullptr);
  position_ += rows;
  if (position_ < source_->rows()) return;
  last_ids_ = CountIds(codes_, model_->config().codebook_sizes);
  FinishEpoch();
}

void TrainJob::FinishEpoch() {
  EpochRecord record;
  record.epoch = epoch_;
  record.losses = epoch_sums_;
  const auto n = static_cast<double>(source_->rows());
  record.losses.loss /= n;
  record.losses.reconstruction /= n;
  record.losses.quantize /= n;
  for (double& error : record.losses.quantization_error) error /= n;
  record.ids = last_ids_;
  record.evaluated = phase_ == Phase::kEvaluate;
  record.learning_rate = last_rate_;
  history_.push_back(std::move(record));
  ++epoch_;
  phase_ = epoch_ < config_.epochs ? Phase::kStartEpoch : Phase::kDone;
}

}  // namespace rqvae
