#include "train_job.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "error.h"

namespace rqvae {
namespace {

Model* Fitting(Model* model, const RowSource& source, const TrainConfig& config) {
  RequireMemory(NeedOfTraining(*model, RowCounts::Of(source), config));
  return model;
}

// How many epochs train without the validation rows: all, or some and then at least one with them.
Index HeldOutEpochs(const TrainConfig& config, Index validation_rows) {
  if (validation_rows == 0 || config.validation_until >= 1 || config.epochs < 2) return config.epochs;
  const auto share = static_cast<Index>(std::round(config.validation_until * static_cast<double>(config.epochs)));
  return std::clamp<Index>(share, 1, config.epochs - 1);
}

int64_t StepsOfEpoch(Index rows, const TrainConfig& config) {
  const Index batch_size = std::min(config.batch_size, rows);
  return (rows + batch_size - 1) / batch_size;
}

}  // namespace

MemoryNeed NeedOfTraining(const Model& model, RowCounts counts, const TrainConfig& config) {
  const Index validation_rows = ValidationRows(counts.rows, config.validation_share);
  const bool all_train = HeldOutEpochs(config, validation_rows) < config.epochs;  // in the end
  const Index training_rows = all_train ? counts.rows : counts.rows - validation_rows;
  MemoryNeed need = NeedOfStep(model, std::min(config.batch_size, training_rows));
  const double weights = need.Floats(model.store().size());
  need.optimizer = Optimizer::StateVectors(config.optimizer) * weights;
  // The weights before a step and at the start, and the best ones by either measure; the codes of all rows, those that
  // they hold, and their order twice.
  const double codes = need.Floats(counts.rows, model.config().levels());
  need.work += 4 * weights + (config.stability > 0 ? 2 : 1) * codes + 2 * need.Floats(counts.rows);
  need.items = HeldBytes(model, counts);
  if (model.initialized()) return need;
  const MemoryNeed initialization = NeedOfInitialization(model, {training_rows, counts.held});
  need.buffer = std::max(need.buffer, initialization.buffer);
  // If all rows train in the end, the codebooks may be fitted again next to the best weights.
  const double best = all_train ? 2 * weights : 0;
  need.work = std::max(need.work, initialization.work + best + need.Floats(counts.rows) - need.batch);
  return need;
}

TrainJob::TrainJob(Model* model, const RowSource* source, const TrainConfig& config)
    : model_(Fitting(model, *source, config)),
      source_(source),
      config_(config),
      split_(model->config().seed, source->rows(), config.validation_share),
      held_out_rows_(ValidationRows(source->rows(), config.validation_share)),
      training_rows_(source->rows() - held_out_rows_),
      validation_rows_(held_out_rows_),
      training_(source, {}),
      validation_(source, {}),
      held_out_epochs_(HeldOutEpochs(config, held_out_rows_)),
      refits_(!model->initialized() && model->config().codebook_kmeans_init),
      train_step_(model),
      optimizer_(config.optimizer, model->store()),
      noise_(config.residual_noise),
      separation_(model->config(), config.separation_weight, config.separation_margin, training_rows_),
      held_(config.stability, model->config().first_code_weight, model->config().codebook_sizes),
      dead_codes_(model->config(), config.dead_code_restart) {
  if (!model->initialized()) {  // it reads the training rows once they are known
    initialize_ = std::make_unique<InitializeJob>(model, &training_, model->config().codebook_kmeans_init);
  }
  total_steps_ = int64_t{held_out_epochs_} * StepsOfEpoch(training_rows_, config_) +
                 int64_t{config_.epochs - held_out_epochs_} * StepsOfEpoch(source->rows(), config_);
  total_rows_ = int64_t{config_.epochs} * source->rows() - int64_t{held_out_epochs_} * held_out_rows_;
}

TrainJob::~TrainJob() = default;

void TrainJob::Hold(CodeMatrix codes) { held_.Hold(std::move(codes)); }

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
      if (initialize_->Advance()) break;
      initialize_.reset();
      Begin();
      break;
    case Phase::kResidualNoise:
      if (!noise_.Advance(*model_, training_)) EvaluateOrGoOn();
      break;
    case Phase::kEvaluate:
      if (!evaluation_.Advance(*model_, *source_, validation_)) SeparateOrGoOn();
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
    case Phase::kRefit:
      if (refit_->Advance()) break;
      refit_.reset();
      evaluation_.Begin(*model_, *source_);
      phase_ = Phase::kEvaluateRefit;
      break;
    case Phase::kEvaluateRefit:
      if (!evaluation_.Advance(*model_, *source_, validation_)) FinishRefit();
      break;
    case Phase::kDone:
      break;
  }
}

// Ends a training that diverged, with weights that encode.
void TrainJob::Diverge(const std::string& what) {
  model_->store().values() = best_.by_loss ? best_.by_loss->values : begun_with_;
  model_->ParametersChanged();
  const std::string begun = validation_now_ == Validation::kJoined
                                ? "those of {epoch=" + std::to_string(held_out_epochs_ - 1) + "}"
                                : "those it began with";
  throw Error(ErrorKind::kDiverged,
              what + ". The model went back to " + (best_.by_loss ? "its best weights so far" : begun));
}

// An item has no finite distance to any code: it never had one, or the epoch's steps caused that. row: among the
// training rows for the residual noise, else among all.
void TrainJob::RefuseItem(Index row) {
  if (epoch_ < 0) {
    if (phase_ == Phase::kResidualNoise) row = training_.row_ids()[static_cast<size_t>(row)];
    throw Error(ErrorKind::kInvalidInput, "items: row " + std::to_string(row) +
                                              " has values too large for this model. Check the row for " +
                                              "extreme values, or train a new model");
  }
  Diverge(
      "training diverged in {epoch=" + std::to_string(epoch_) +
      "}: an item's latent vector is no longer finite. Lower {learning_rate} or check the items for extreme values");
}

void TrainJob::FinishSplit() {
  Split split = split_.Take();
  training_ = SubsetRows(source_, std::move(split.training));
  validation_ = SubsetRows(source_, std::move(split.validation));
  if (validation_now_ != Validation::kHeldOut) TrainOnAllRows();
  FavourNewRows();  // of an epoch that a checkpoint is in the middle of
  if (after_split_) {
    phase_ = *after_split_;
  } else if (initialize_) {
    phase_ = Phase::kInitialize;
  } else {
    Begin();
  }
}

// Training proper: the model is initialised.
void TrainJob::Begin() {
  epoch_ = -1;
  begun_with_ = model_->store().values();
  if (!noise_.enabled()) {
    EvaluateOrGoOn();
    return;
  }
  noise_.Begin(training_rows_, source_->dim());
  phase_ = Phase::kResidualNoise;
}

// The start (epoch -1) is evaluated if there are validation rows to judge it by; an epoch is evaluated if it is due.
void TrainJob::EvaluateOrGoOn() {
  const Index done = epoch_ + 1;
  const bool due = epoch_ < 0 ? validation_rows_ > 0
                              : done == config_.epochs || done == held_out_epochs_ ||
                                    done % config_.evaluate_every == 0 || epoch_ == 0;
  if (!due) {
    NextEpoch();
    return;
  }
  evaluation_.Begin(*model_, *source_);
  phase_ = Phase::kEvaluate;
}

void TrainJob::ShuffleRows() {
  rows_.Start(model_->config().seed, static_cast<uint64_t>(epoch_), training_rows_);
  FavourNewRows();
  train_step_.Drop();
}

void TrainJob::FavourNewRows() {
  if (config_.new_item_repeats < 2 || !held_.any()) return;
  std::vector<uint32_t> found;
  const std::vector<uint32_t>& rows = training_.row_ids();
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!held_.HasOne(static_cast<Index>(rows[i]))) found.push_back(static_cast<uint32_t>(i));
  }
  rows_.Favour(std::move(found), config_.new_item_repeats);
}

void TrainJob::StartEpoch() {
  ShuffleRows();
  position_ = 0;
  epoch_losses_ = {};
  dead_codes_.Clear();
  phase_ = Phase::kTrain;
}

void TrainJob::TrainBlock() {
  if (!train_step_.under_way()) {
    StepTerms terms;
    if (noise_.ready()) terms.noise = &noise_;
    if (separation_.targets() > 0) terms.separation = &separation_;
    if (held_.any()) {
      terms.held = &held_;
      terms.training = &training_.row_ids();
    }
    train_step_.Begin(std::min(config_.batch_size, training_rows_ - position_), static_cast<uint64_t>(step_), terms);
  }
  const Range next = train_step_.next();
  const Index first = position_ + next.first;
  if (!rows_.HasOrder(first + next.count)) return;
  const Matrix& block = rows_.Read(training_, first, next.count);
  train_step_.Add(block, rows_.row_ids(first));
  if (const auto* tape = train_step_.last_block()) dead_codes_.Observe(*tape, rows_.row_ids(first));
  if (train_step_.next().count == 0) FinishStep();
}

void TrainJob::FinishStep() {
  const Index batch_size = train_step_.batch_size();
  Losses losses = train_step_.Finish();
  const double rate_scale = RateScale(config_.schedule, config_.warmup, step_, total_steps_);
  try {
    train_step_.Apply(optimizer_, losses, rate_scale,
                      "training diverged in {epoch=" + std::to_string(epoch_) + "}, step " + std::to_string(step_));
  } catch (const Error& e) {
    Diverge(e.what());  // a loss that is not finite is that of the current weights
  }
  dead_codes_.CommitStep();
  last_rate_ = config_.optimizer.learning_rate * rate_scale;
  ++step_;
  epoch_losses_.Add(losses, batch_size);
  last_losses_ = std::move(losses);
  last_batch_size_ = batch_size;
  position_ += batch_size;
  if (position_ == training_rows_) FinishEpochSteps();
}

std::optional<Losses> TrainJob::epoch_losses() const {
  if (phase_ == Phase::kTrain && position_ > 0) return epoch_losses_.Means(position_);
  if (history_.empty()) return std::nullopt;
  return history_.back().losses;
}

void TrainJob::FinishEpochSteps() {
  EpochRecord record;
  record.epoch = epoch_;
  record.losses = epoch_losses_.Means(training_rows_);
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

// What the next epochs need of the codes that the evaluation found. At the start there is no epoch's error yet to
// measure distances by, and at the end there is no next epoch.
void TrainJob::SeparateOrGoOn() {
  IdCounter ids = evaluation_.TakeIds();
  if (separation_.enabled() && epoch_ >= 0 && epoch_ + 1 < config_.epochs) {
    const double error = history_.back().losses.quantization_error.back();
    separation_.Begin(std::move(ids), evaluation_.codes(), training_.row_ids(), error, held_);
    phase_ = Phase::kSeparate;
  } else {
    FinishEvaluation();
  }
}

void TrainJob::FinishEvaluation() {
  const Evaluation& result = evaluation_.result();
  if (epoch_ < 0) {
    start_ = result;
  } else {
    history_.back().evaluation = result;
  }
  const double loss = validation_rows_ > 0 ? result.reconstruction : history_.back().losses.loss;
  best_.Consider(config_.select, epoch_, loss, result, model_->store().values());
  if (!MayKeepStart()) begun_with_.resize(0);
  NextEpoch();
}

void TrainJob::NextEpoch() {
  ++epoch_;
  stopped_early_ = config_.patience > 0 && best_.without_better >= config_.patience && epoch_ < config_.epochs &&
                   validation_now_ == Validation::kHeldOut;
  const bool decides = ends_holding_out() && epoch_ == held_out_epochs_ && !stopped_early_;
  if (decides) {
    // Training that helped and then undid that would continue to do so with all rows. Keep the epoch that helped.
    const std::optional<Evaluation>& now = history_.back().evaluation;
    const bool undone = now && start_ && now->reconstruction >= start_->reconstruction;
    const Snapshot* best = best_.Selected(Selection::kLoss);
    const bool improving = best != nullptr && best->epoch == epoch_ - 1;
    if (!GainsAtLeast(undone ? kWorthKeeping : improving ? 0 : kWorthTraining)) {
      KeepStart();
      return;
    }
    stopped_early_ = undone;
  }
  if (epoch_ == config_.epochs || stopped_early_) {
    Finish();
    return;
  }
  if (decides) Join();
  phase_ = Phase::kStartEpoch;
}

// Whether an epoch's loss on the validation rows is at least this share lower than the start's; any less will do where
// the start's codebooks cannot be fitted to all rows.
bool TrainJob::GainsAtLeast(double share) const {
  const Snapshot* best = best_.Selected(Selection::kLoss);
  if (best == nullptr || best->epoch < 0) return false;
  return !refits_ || !start_ || best->loss <= (1 - share) * start_->reconstruction;
}

void TrainJob::TrainOnAllRows() {
  training_rows_ = source_->rows();
  validation_rows_ = 0;
  std::vector<uint32_t> all(static_cast<size_t>(training_rows_));
  std::iota(all.begin(), all.end(), 0u);
  training_ = SubsetRows(source_, std::move(all));
  validation_ = SubsetRows(source_, {});
}

// The validation rows train from now on. Earlier losses are not comparable with later ones, so the search for the best
// starts again.
void TrainJob::Join() {
  validation_now_ = Validation::kJoined;
  separation_.Join(training_.row_ids(), source_->rows());
  TrainOnAllRows();
  best_ = {};
  begun_with_ = model_->store().values();
}

void TrainJob::KeepStart() {
  // Another epoch may have been a little better.
  if (refits_ && start_) best_.by_loss = Snapshot{-1, start_->reconstruction, *start_, begun_with_};
  best_.by_collision = best_.by_loss;
  validation_now_ = Validation::kStartKept;
  begun_with_.resize(0);
  separation_.Join(training_.row_ids(), source_->rows());
  TrainOnAllRows();
  if (const Snapshot* kept = best_.Selected(Selection::kLoss)) model_->store().values() = kept->values;
  model_->ParametersChanged();
  if (!refits_) {
    Finish();
    return;
  }
  refit_ = std::make_unique<InitializeJob>(model_, &training_);
  phase_ = Phase::kRefit;
}

// There are no validation figures for what was fitted to all rows; the loss stays the one that the choice was based on.
void TrainJob::FinishRefit() {
  if (best_.by_loss) {
    best_.by_loss->evaluation = evaluation_.result();
    best_.by_loss->values = model_->store().values();
  }
  best_.by_collision = best_.by_loss;
  Finish();
}

void TrainJob::Finish() {
  phase_ = Phase::kDone;
  begun_with_.resize(0);
  if (const Snapshot* chosen = selected()) {
    model_->store().values() = chosen->values;
    model_->ParametersChanged();
  }
}

const Snapshot* TrainJob::selected() const {
  if (phase_ != Phase::kDone) return nullptr;
  if (validation_now_ == Validation::kStartKept) return best_.Selected(Selection::kLoss);
  if (validation_now_ == Validation::kJoined && config_.select == Selection::kLoss) return nullptr;
  return best_.Selected(config_.select);
}

}  // namespace rqvae
