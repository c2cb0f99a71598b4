#include "train_job.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "error.h"
#include "memory_need.h"
#include "random.h"
#include "schedule.h"

namespace rqvae {
namespace {

// Rows whose residuals serve as noise: enough that a row seldom meets the same one twice.
constexpr Index kResidualRows = 4096;

// What an epoch has the mean of, beside the error per level.
constexpr double Losses::* kMeans[] = {&Losses::loss,       &Losses::reconstruction, &Losses::quantize,
                                       &Losses::separation, &Losses::square_error,   &Losses::latent_energy};

}  // namespace

void ApplyStep(Model& model, Optimizer& optimizer, const Losses& losses, double rate_scale, const std::string& where) {
  ParameterStore& store = model.store();
  bool finite = std::isfinite(losses.loss);
  if (finite) {
    finite = optimizer.Step(store, rate_scale);
    if (finite) {
      model.FinishUpdate();
      finite = !model.moves_averages() || store.values().allFinite();
    }
    if (!finite) {
      optimizer.UndoStep(store);
      model.ParametersChanged();
    }
  }
  if (!finite) {
    throw Error(ErrorKind::kDiverged,
                where +
                    ": the loss or a weight is no longer finite. Lower {learningRate} or check the items for "
                    "extreme values");
  }
}

namespace {

Model* Fitting(Model* model, const RowSource& source, const TrainConfig& config) {
  RequireMemory(NeedOfTraining(*model, RowCounts::Of(source), config));
  return model;
}

}  // namespace

TrainJob::TrainJob(Model* model, const RowSource* source, const TrainConfig& config)
    : model_(Fitting(model, *source, config)),
      source_(source),
      config_(config),
      split_(model->config().seed, source->rows(), config.validation_share),
      training_rows_(source->rows() - ValidationRows(source->rows(), config.validation_share)),
      validation_rows_(source->rows() - training_rows_),
      training_(source, {}),
      validation_(source, {}),
      optimizer_(config.optimizer, model->store()),
      dead_codes_(model->config(), config.dead_code_restart),
      separation_(model->config(), config.separation_weight, config.separation_margin, training_rows_) {
  if (!model->initialized()) {  // it reads the training rows once they are known
    initialize_ = std::make_unique<InitializeJob>(model, &training_, model->config().codebook_kmeans_init);
  }
  config_.batch_size = std::min(config_.batch_size, training_rows_);
  total_steps_ = int64_t{config_.epochs} * ((training_rows_ + config_.batch_size - 1) / config_.batch_size);
}

TrainJob::~TrainJob() = default;

bool TrainJob::Advance() {
  if (phase_ == Phase::kDone) return false;
  try {
    Slice();
  } catch (const ItemOutOfRange& e) {
    RefuseItem(e.row());
  }
  return true;
}

void TrainJob::Slice() {
  switch (phase_) {
    case Phase::kSplit:
      if (!split_.Advance()) FinishSplit();
      break;
    case Phase::kInitialize:
      if (!initialize_->Advance()) {
        initialize_.reset();
        Begin();
      }
      break;
    case Phase::kResiduals:
      ResidualBlock();
      break;
    case Phase::kEvaluate:
      EvaluateBlock();
      break;
    case Phase::kValidate:
      ValidateBlock();
      break;
    case Phase::kSeparate:
      if (!separation_.Advance(*model_, training_)) FinishEvaluation();
      break;
    case Phase::kStartEpoch:
      StartEpoch();
      break;
    case Phase::kTrain:
      TrainBlock();
      break;
    case Phase::kDone:
      break;
  }
}

// Ends a training that diverged, with weights that encode.
void TrainJob::Diverge(const std::string& what) {
  model_->store().values() = best_by_loss_ ? best_by_loss_->values : begun_with_;
  model_->ParametersChanged();
  throw Error(ErrorKind::kDiverged,
              what + ". The model went back to " + (best_by_loss_ ? "its best weights so far" : "those it began with"));
}

// An item of the block at position_ has no finite distance to any code: it never had, or the epoch's steps did that.
void TrainJob::RefuseItem(Index row_of_block) {
  if (epoch_ < 0) {
    const auto at = static_cast<size_t>(position_ + row_of_block);
    const Index row = phase_ == Phase::kResiduals ? training_.row_ids()[residual_names_[at]] : position_ + row_of_block;
    throw Error(ErrorKind::kInvalidInput, "items: row " + std::to_string(row) +
                                              " has values too large for this model. Check the row for " +
                                              "extreme values, or train a new model");
  }
  Diverge("training diverged in {epoch=" + std::to_string(epoch_) +
          "}: an item's latent vector is no longer finite. Lower {learningRate} or check the items for extreme values");
}

void TrainJob::FinishSplit() {
  Split split = split_.Take();
  training_ = SubsetRows(source_, std::move(split.training));
  validation_ = SubsetRows(source_, std::move(split.validation));
  if (after_split_) {
    phase_ = *after_split_;
  } else if (initialize_) {
    phase_ = Phase::kInitialize;
  } else {
    Begin();
  }
}

// Of training proper: the model is initialised.
void TrainJob::Begin() {
  epoch_ = -1;
  begun_with_ = model_->store().values();
  if (config_.residual_noise <= 0) {
    EvaluateOrGoOn();
    return;
  }
  position_ = 0;
  residuals_.resize(std::min(kResidualRows, training_rows_), source_->dim());
  phase_ = Phase::kResiduals;
}

void TrainJob::ResidualBlock() {
  if (residual_names_.empty()) {  // once for all blocks, after a resume too
    if (!sampler_) {
      sampler_ =
          std::make_unique<RowSampler>(model_->config().seed, Stream::kResidual, training_rows_, residuals_.rows());
    }
    if (sampler_->Advance()) return;
    residual_names_ = sampler_->Take();
    sampler_.reset();
  }
  const Index rows = std::min(kRowBlock, residuals_.rows() - position_);
  block_.resize(rows, training_.dim());
  training_.ReadListed(residual_names_, position_, block_);
  model_->Residuals(block_, residuals_.middleRows(position_, rows));
  position_ += rows;
  if (position_ < residuals_.rows()) return;
  residual_names_ = {};
  EvaluateOrGoOn();
}

StepExtras TrainJob::Extras() const {
  StepExtras extras;
  if (residuals_.rows() > 0) {
    extras.residuals = &residuals_;
    extras.residual_noise = static_cast<float>(config_.residual_noise);
  }
  if (separation_.targets() > 0) extras.separation = &separation_;
  return extras;
}

// The start (epoch -1) is evaluated if there is something to compare it by; an epoch if it is due.
void TrainJob::EvaluateOrGoOn() {
  const Index done = epoch_ + 1;
  const bool due =
      epoch_ < 0 ? validation_rows_ > 0 : done == config_.epochs || done % config_.evaluate_every == 0 || epoch_ == 0;
  if (!due) {
    NextEpoch();
    return;
  }
  codes_.resize(source_->rows(), model_->config().levels());
  ids_ = IdCounter(source_->rows(), model_->config().codebook_sizes);
  evaluation_ = {};
  validation_error_ = validation_energy_ = 0;
  validation_mean_.assign(static_cast<size_t>(source_->dim()), 0.0);
  position_ = 0;
  phase_ = Phase::kEvaluate;
}

void TrainJob::ShuffleRows() {
  order_ = EpochShuffle(model_->config().seed, static_cast<uint64_t>(epoch_), training_rows_);
  announced_ = block_read_ = 0;
}

void TrainJob::StartEpoch() {
  ShuffleRows();
  position_ = in_batch_ = planned_ = 0;
  epoch_sums_ = {};
  dead_codes_.Clear();
  phase_ = Phase::kTrain;
}

// Whether the order reaches so far; if not, does a slice for it.
bool TrainJob::HasOrder(Index end) {
  if (static_cast<Index>(order_.order().size()) >= end) return true;
  order_.Extend();
  return false;
}

// Reads order_[first], ... into the block. Only one window of the shuffle need be there at a time: what was read of one
// is kept while the next is fetched.
void TrainJob::ReadShuffled(Index first, Index rows) {
  block_.resize(rows, source_->dim());
  while (block_read_ < rows) {
    const Index at = first + block_read_;
    const std::vector<Index>& window_ends = order_.window_ends();
    const auto window = std::upper_bound(window_ends.begin(), window_ends.end(), at);
    if (*window != announced_) {
      const Index begin = window == window_ends.begin() ? 0 : *(window - 1);
      training_.Prefetch(order_.order().data() + begin, *window - begin);
      announced_ = *window;
    }
    const Index count = std::min(rows - block_read_, *window - at);
    training_.Read(order_.order().data() + at, count, block_.middleRows(block_read_, count));
    block_read_ += count;
  }
  block_read_ = 0;
}

void TrainJob::TrainBlock() {
  const Index batch = std::min(config_.batch_size, training_rows_ - position_);
  const bool planning = model_->config().balanced() && planned_ < batch;
  Index& done = planning ? planned_ : in_batch_;
  const Index rows = std::min(kRowBlock, batch - done);
  if (!HasOrder(position_ + done + rows)) return;
  const uint32_t* names = order_.order().data() + position_ + done;
  ReadShuffled(position_ + done, rows);
  if (done == 0 && (planning || !model_->config().balanced())) model_->BeginStep(batch);
  if (planning) {
    model_->PlanBlock(block_, names, static_cast<uint64_t>(step_), Extras());
    planned_ += rows;
    if (planned_ == batch) model_->Plan();
    return;
  }
  model_->AddBlock(block_, names, static_cast<uint64_t>(step_), Extras());
  dead_codes_.Observe(model_->last_block(), names);
  in_batch_ += rows;
  if (in_batch_ == batch) FinishStep();
}

void TrainJob::FinishStep() {
  Losses losses = model_->FinishStep();
  const double rate_scale = RateScale(config_.schedule, config_.warmup, step_, total_steps_);
  try {
    ApplyStep(*model_, optimizer_, losses, rate_scale,
              "training diverged in {epoch=" + std::to_string(epoch_) + "}, step " + std::to_string(step_));
  } catch (const Error& e) {
    Diverge(e.what());  // a loss that is not finite is that of the weights as they are
  }
  dead_codes_.CommitStep();
  last_rate_ = config_.optimizer.learning_rate * rate_scale;
  ++step_;

  const auto n = static_cast<double>(in_batch_);
  for (const auto mean : kMeans) epoch_sums_.*mean += n * losses.*mean;
  epoch_sums_.quantization_error.resize(losses.quantization_error.size());
  for (size_t l = 0; l < losses.quantization_error.size(); ++l) {
    epoch_sums_.quantization_error[l] += n * losses.quantization_error[l];
  }
  last_losses_ = std::move(losses);
  last_batch_size_ = in_batch_;

  position_ += in_batch_;
  in_batch_ = planned_ = 0;
  if (position_ == training_rows_) FinishTraining();
}

Losses TrainJob::EpochMeans(Index rows) const {
  Losses means = epoch_sums_;
  const auto n = static_cast<double>(rows);
  for (const auto mean : kMeans) means.*mean /= n;
  for (double& error : means.quantization_error) error /= n;
  return means;
}

std::optional<Losses> TrainJob::epoch_losses() const {
  // position_ counts other rows in the other phases.
  if (phase_ == Phase::kTrain && position_ > 0) return EpochMeans(position_);
  if (history_.empty()) return std::nullopt;
  return history_.back().losses;
}

// The epoch's steps are done.
void TrainJob::FinishTraining() {
  EpochRecord record;
  record.epoch = epoch_;
  record.losses = EpochMeans(training_rows_);
  record.learning_rate = last_rate_;
  for (Index l = 0; l < model_->config().levels(); ++l) record.dead_codes.push_back(dead_codes_.dead(l));
  record.restarted.assign(record.dead_codes.size(), 0);
  // Not in the last fifth: a restarted code needs time to find its place.
  if (config_.dead_code_restart && 5 * (epoch_ + 1) <= 4 * config_.epochs) {
    record.restarted = dead_codes_.Restart(*model_, optimizer_);
  }
  history_.push_back(std::move(record));
  EvaluateOrGoOn();
}

void TrainJob::EvaluateBlock() {
  const Index rows = std::min(kRowBlock, source_->rows() - position_);
  block_.resize(rows, source_->dim());
  source_->ReadInOrder(position_, block_);
  auto codes = codes_.middleRows(position_, rows);
  model_->Encode(block_, codes, nullptr);
  ids_.Add(codes);
  position_ += rows;
  if (position_ < source_->rows()) return;
  evaluation_.ids = ids_.statistics();
  position_ = 0;
  if (validation_rows_ > 0) {
    phase_ = Phase::kValidate;
  } else {
    SeparateOrGoOn();
  }
}

void TrainJob::ValidateBlock() {
  const Index rows = std::min(kRowBlock, validation_.rows() - position_);
  block_.resize(rows, source_->dim());
  validation_.ReadInOrder(position_, block_);
  const Losses losses = model_->Evaluate(block_);
  // Hopwise's reconstruction is a sum already.
  const auto n = static_cast<double>(rows);
  evaluation_.reconstruction += (model_->config().compat == Compat::kHopwise ? 1.0 : n) * losses.reconstruction;
  evaluation_.quantize += n * losses.quantize;
  validation_error_ += n * losses.square_error;
  Matrix scaled(rows, source_->dim());
  model_->ScaleInput(block_, scaled);
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < scaled.cols(); ++j) {
      validation_energy_ += static_cast<double>(scaled(i, j)) * scaled(i, j);
      validation_mean_[static_cast<size_t>(j)] += scaled(i, j);
    }
  }
  position_ += rows;
  if (position_ < validation_.rows()) return;
  const auto total = static_cast<double>(validation_.rows());
  evaluation_.validation_rows = validation_.rows();
  evaluation_.reconstruction /= total;
  evaluation_.quantize /= total;
  double spread = validation_energy_;  // around the rows' mean
  for (double sum : validation_mean_) spread -= sum * sum / total;
  evaluation_.explained_variance = spread > 0 ? 1 - validation_error_ / spread : 0;
  SeparateOrGoOn();
}

// What the next epochs need of the codes that the evaluation found. At the start there is no epoch's error yet to
// measure distances by, and at the end no epoch to come.
void TrainJob::SeparateOrGoOn() {
  if (separation_.enabled() && epoch_ >= 0 && epoch_ + 1 < config_.epochs) {
    separation_.Begin(std::move(ids_), codes_, training_.row_ids(), history_.back().losses.quantization_error.back());
    phase_ = Phase::kSeparate;
  } else {
    ids_ = {};  // the search takes its memory with it
    FinishEvaluation();
  }
}

void TrainJob::FinishEvaluation() {
  if (epoch_ < 0) {
    start_ = evaluation_;
  } else {
    history_.back().evaluation = evaluation_;
  }
  Consider(evaluation_, validation_.rows() > 0 ? evaluation_.reconstruction : history_.back().losses.loss, epoch_);
  NextEpoch();
}

// Keeps the weights if they are the best so far by either measure.
void TrainJob::Consider(const Evaluation& evaluation, double loss, Index epoch) {
  const Index distinct = evaluation.ids.distinct_ids;
  const bool less_loss = !best_by_loss_ || loss < best_by_loss_->loss;
  const bool less_collision =
      !best_by_collision_ || distinct > best_by_collision_->evaluation.ids.distinct_ids ||
      (distinct == best_by_collision_->evaluation.ids.distinct_ids && loss < best_by_collision_->loss);
  for (auto* best : {less_loss ? &best_by_loss_ : nullptr, less_collision ? &best_by_collision_ : nullptr}) {
    if (best != nullptr) *best = Snapshot{epoch, loss, evaluation, model_->store().values()};
  }
  begun_with_.resize(0);
  const bool better = config_.select == Select::kCollision ? less_collision : less_loss;
  without_better_ = better ? 0 : without_better_ + 1;
}

void TrainJob::NextEpoch() {
  ++epoch_;
  stopped_early_ = config_.patience > 0 && without_better_ >= config_.patience && epoch_ < config_.epochs;
  if (epoch_ < config_.epochs && !stopped_early_) {
    phase_ = Phase::kStartEpoch;
  } else {
    Finish();
  }
}

void TrainJob::Finish() {
  phase_ = Phase::kDone;
  if (const Snapshot* chosen = selected()) {
    model_->store().values() = chosen->values;
    model_->ParametersChanged();
  }
}

const Snapshot* TrainJob::selected() const {
  if (phase_ != Phase::kDone) return nullptr;
  switch (config_.select) {
    case Select::kLast:
      return nullptr;
    case Select::kLoss:
      return &*best_by_loss_;
    case Select::kCollision:
      return &*best_by_collision_;
  }
  return nullptr;
}

// -- State as bytes

namespace {

void VisitFields(Archive& archive, Losses& losses) {
  for (const auto mean : kMeans) archive.Visit(losses.*mean);
  archive.Visit(losses.quantization_error);
  archive.Visit(losses.embedding_norm);
  archive.Visit(losses.distinct_ids);
}

void VisitFields(Archive& archive, IdStatistics& ids) {
  for (Index* count : {&ids.items, &ids.distinct_ids, &ids.items_sharing, &ids.largest_group}) archive.Visit(*count);
  archive.Visit(ids.used_codes);
  archive.Visit(ids.usage);
  archive.Visit(ids.perplexity);
}

void VisitFields(Archive& archive, Evaluation& evaluation) {
  VisitFields(archive, evaluation.ids);
  archive.Visit(evaluation.validation_rows);
  archive.Visit(evaluation.reconstruction);
  archive.Visit(evaluation.quantize);
  archive.Visit(evaluation.explained_variance);
}

void VisitFields(Archive& archive, Snapshot& snapshot) {
  archive.Visit(snapshot.epoch);
  archive.Visit(snapshot.loss);
  VisitFields(archive, snapshot.evaluation);
  archive.Visit(snapshot.values);
}

template <typename T>
void VisitFields(Archive& archive, std::optional<T>& value) {
  bool there = value.has_value();
  archive.Visit(there);
  if (archive.reading()) {
    value.reset();
    if (there) value.emplace();
  }
  if (there) VisitFields(archive, *value);
}

void VisitFields(Archive& archive, EpochRecord& record) {
  archive.Visit(record.epoch);
  VisitFields(archive, record.losses);
  archive.Visit(record.learning_rate);
  archive.Visit(record.dead_codes);
  archive.Visit(record.restarted);
  VisitFields(archive, record.evaluation);
}

}  // namespace

void TrainJob::Visit(Archive& archive, Phase& phase, Vector& values) {
  archive.Visit(phase);
  if (phase == Phase::kInitialize) {
    if (!initialize_) Archive::Fail();
    initialize_->Visit(archive);
    return;
  }
  const Index size = values.size();
  archive.Visit(values);
  if (values.size() != size) Archive::Fail();
  if (phase == Phase::kSplit) return;  // nothing was done yet
  archive.Visit(begun_with_);
  optimizer_.Visit(archive);
  dead_codes_.Visit(archive);
  separation_.Visit(archive);
  Vector residuals = Eigen::Map<const Vector>(residuals_.data(), residuals_.size());
  archive.Visit(residuals);
  if (archive.reading()) {
    if (residuals.size() % source_->dim() != 0) Archive::Fail();
    residuals_ = Eigen::Map<const Matrix>(residuals.data(), residuals.size() / source_->dim(), source_->dim());
  }
  archive.Visit(epoch_);
  archive.Visit(step_);
  archive.Visit(position_);
  VisitFields(archive, epoch_sums_);
  archive.Visit(last_rate_);
  auto epochs = static_cast<Index>(history_.size());
  archive.Visit(epochs);
  if (archive.reading()) {
    if (epochs < 0 || epochs > config_.epochs) Archive::Fail();
    history_.resize(static_cast<size_t>(epochs));
  }
  for (EpochRecord& record : history_) VisitFields(archive, record);
  VisitFields(archive, start_);
  VisitFields(archive, best_by_loss_);
  VisitFields(archive, best_by_collision_);
  archive.Visit(without_better_);
  archive.Visit(stopped_early_);
}

std::vector<uint8_t> TrainJob::Save() {
  Archive archive;
  // An evaluation begins anew; so does the step in progress, since position_ is where its batch begins.
  const bool evaluating = phase_ == Phase::kValidate || phase_ == Phase::kSeparate;
  Phase phase = evaluating ? Phase::kEvaluate : phase_;
  if (phase == Phase::kSplit && after_split_) phase = *after_split_;
  if (phase == Phase::kSplit && initialize_) phase = Phase::kInitialize;
  Visit(archive, phase, model_->store().values());
  return archive.bytes();
}

// Whether what was read can be gone on with: sizes that loops rely on, and places that exist.
bool TrainJob::Fits(Phase phase) const {
  const auto levels = static_cast<size_t>(model_->config().levels());
  auto whole = [levels](const Evaluation& evaluation) {
    const IdStatistics& ids = evaluation.ids;
    return ids.used_codes.size() == levels && ids.usage.size() == levels && ids.perplexity.size() == levels;
  };
  for (const EpochRecord& record : history_) {
    if (record.losses.quantization_error.size() != levels || record.dead_codes.size() != levels ||
        record.restarted.size() != levels || (record.evaluation && !whole(*record.evaluation))) {
      return false;
    }
  }
  if (start_ && !whole(*start_)) return false;
  if (begun_with_.size() != (best_by_loss_ ? 0 : model_->store().values().size())) return false;
  for (const std::optional<Snapshot>* snapshot : {&best_by_loss_, &best_by_collision_}) {
    if (*snapshot &&
        ((*snapshot)->values.size() != model_->store().values().size() || !whole((*snapshot)->evaluation))) {
      return false;
    }
  }
  const auto epochs = static_cast<Index>(history_.size());  // whose steps are done
  if (epochs > config_.epochs || step_ < 0 || step_ > total_steps_) return false;
  switch (phase) {
    case Phase::kTrain:
      return epoch_ == epochs && epoch_ < config_.epochs && position_ >= 0 && position_ < training_rows_;
    case Phase::kStartEpoch:
      return epoch_ == epochs && epoch_ < config_.epochs;
    case Phase::kDone:
      return epoch_ == epochs && best_by_loss_ && best_by_collision_;
    default:
      return epoch_ + 1 == epochs;
  }
}

void TrainJob::Restore(const uint8_t* bytes, size_t size) {
  Archive archive(bytes, size);
  Vector values = model_->store().values();
  Phase phase = phase_;
  Visit(archive, phase, values);
  if (!archive.at_end() || phase > Phase::kDone) Archive::Fail();
  if (phase != Phase::kInitialize) {
    if (phase != Phase::kSplit && !Fits(phase)) Archive::Fail();
    initialize_.reset();
    model_->store().values() = values;
    model_->set_initialized(true);
    model_->ParametersChanged();
    in_batch_ = planned_ = 0;
    dead_codes_.DiscardStep();
  }
  const bool split = phase_ != Phase::kSplit;
  if (phase == Phase::kSplit) {
    if (split) Begin();
    return;
  }
  phase_ = phase;
  if (phase == Phase::kTrain) {
    ShuffleRows();
  } else if (phase == Phase::kEvaluate) {
    EvaluateOrGoOn();
  } else if (phase == Phase::kResiduals) {
    Begin();
  }
  if (split || phase_ == Phase::kDone) return;
  after_split_ = phase_;
  phase_ = Phase::kSplit;
}

}  // namespace rqvae
