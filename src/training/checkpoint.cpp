// A training job as bytes: TrainJob::Save and Restore.
#include "archive.h"
#include "train_job.h"

namespace rqvae {
namespace {

void VisitFields(Archive& archive, Losses& losses) {
  for (const auto field : kEpochLosses) archive.Visit(losses.*field);
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
  if (config_.stability > 0) held_.Visit(archive, training_rows_ + validation_rows_);  // the rows may be gone by now
  if (archive.reading()) Rehold(Validation::kHeldOut);
  if (phase == Phase::kInitialize) {
    if (!initialize_) Archive::Fail();
    initialize_->Visit(archive);
    return;
  }
  const Index size = values.size();
  archive.Visit(values);
  if (values.size() != size) Archive::Fail();
  if (phase == Phase::kSplit) {  // nothing was done yet, and the model was already initialised
    if (archive.reading()) refits_ = false;
    return;
  }
  if (ends_holding_out()) {
    archive.Visit(refits_);
    Validation now = validation_now_;
    archive.Visit(now);
    if (now > Validation::kStartKept) Archive::Fail();
    if (archive.reading()) Rehold(now);
  }
  archive.Visit(begun_with_);
  optimizer_.Visit(archive);
  dead_codes_.Visit(archive);
  separation_.Visit(archive, training_rows_);
  noise_.Visit(archive, model_->config().input_dim);
  archive.Visit(epoch_);
  archive.Visit(step_);
  archive.Visit(position_);
  VisitFields(archive, epoch_losses_.sums());
  archive.Visit(last_rate_);
  auto epochs = static_cast<Index>(history_.size());
  archive.Visit(epochs);
  if (archive.reading()) {
    if (epochs < 0 || epochs > config_.epochs) Archive::Fail();
    history_.resize(static_cast<size_t>(epochs));
  }
  for (EpochRecord& record : history_) VisitFields(archive, record);
  VisitFields(archive, start_);
  VisitFields(archive, best_.by_loss);
  VisitFields(archive, best_.by_collision);
  archive.Visit(best_.without_better);
  archive.Visit(stopped_early_);
  if (phase != Phase::kRefit) return;
  if (archive.reading()) {
    if (!ends_holding_out()) Archive::Fail();
    refit_ = std::make_unique<InitializeJob>(model_, &training_);
  }
  refit_->Visit(archive);
}

// What a checkpoint says about the validation rows. The split gives the rows themselves.
void TrainJob::Rehold(Validation now) {
  validation_now_ = now;
  validation_rows_ = now == Validation::kHeldOut ? held_out_rows_ : 0;
  training_rows_ = source_->rows() - validation_rows_;
}

std::vector<uint8_t> TrainJob::Save() {
  Archive archive;
  // An evaluation starts again, and so does the step in progress, since position_ is where its batch starts.
  Phase phase = phase_ == Phase::kSeparate ? Phase::kEvaluate : phase_;
  if (phase == Phase::kSplit && after_split_) phase = *after_split_;
  if (phase == Phase::kSplit && initialize_) phase = Phase::kInitialize;
  Visit(archive, phase, model_->store().values());
  return archive.bytes();
}

// Whether the training can resume from what was read: sizes that loops rely on, and positions that exist.
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
  const bool begun = !best_.by_loss || (MayKeepStart() && phase != Phase::kDone);
  if (begun_with_.size() != (begun ? model_->store().values().size() : 0)) return false;
  for (const std::optional<Snapshot>* snapshot : {&best_.by_loss, &best_.by_collision}) {
    if (*snapshot &&
        ((*snapshot)->values.size() != model_->store().values().size() || !whole((*snapshot)->evaluation))) {
      return false;
    }
  }
  const auto epochs = static_cast<Index>(history_.size());  // whose steps are done
  if (epochs > config_.epochs || step_ < 0 || step_ > total_steps_) return false;
  const bool joined = validation_now_ == Validation::kJoined, kept = validation_now_ == Validation::kStartKept;
  if (joined || kept) {  // what the decision was based on
    if (!start_ || epochs < held_out_epochs_ || !history_[static_cast<size_t>(held_out_epochs_ - 1)].evaluation) {
      return false;
    }
  }
  if (kept && (epoch_ != held_out_epochs_ || !best_.by_loss || best_.by_loss->epoch != -1)) return false;
  if (phase != Phase::kDone && joined != (ends_holding_out() && epoch_ >= held_out_epochs_ && !kept)) return false;
  if (kept != (phase == Phase::kRefit || phase == Phase::kEvaluateRefit) && phase != Phase::kDone) return false;
  switch (phase) {
    case Phase::kTrain:
      return epoch_ == epochs && epoch_ < config_.epochs && position_ >= 0 && position_ < training_rows_;
    case Phase::kStartEpoch:
      return epoch_ == epochs && epoch_ < config_.epochs;
    case Phase::kDone:
    case Phase::kRefit:
    case Phase::kEvaluateRefit:
      return epoch_ == epochs && best_.by_loss && best_.by_collision;
    case Phase::kResidualNoise:
    case Phase::kEvaluate:
      return epoch_ + 1 == epochs;
    default:  // Save has no other
      return false;
  }
}

void TrainJob::Restore(const uint8_t* bytes, size_t size) {
  Archive archive(bytes, size);
  Vector values = model_->store().values();
  Phase phase = phase_;
  const Validation before = validation_now_;
  Visit(archive, phase, values);
  if (!archive.at_end()) Archive::Fail();
  if (phase != Phase::kInitialize) {
    if (phase != Phase::kSplit && !Fits(phase)) Archive::Fail();
    initialize_.reset();
    if (phase != Phase::kRefit) refit_.reset();
    model_->store().values() = values;
    model_->set_initialized(true);
    model_->ParametersChanged();
    train_step_.Drop();
    dead_codes_.DiscardStep();
  }
  bool split = phase_ != Phase::kSplit;
  if (split && before != validation_now_) {  // the rows that train differ from those of this job
    split_ = SplitJob(model_->config().seed, source_->rows(), config_.validation_share);
    after_split_.reset();
    phase_ = Phase::kSplit;
    split = false;
  }
  if (phase == Phase::kSplit) {
    if (split) Begin();
    return;
  }
  phase_ = phase;
  if (phase == Phase::kTrain) {
    ShuffleRows();
  } else if (phase == Phase::kEvaluate) {
    EvaluateOrGoOn();
  } else if (phase == Phase::kResidualNoise) {
    Begin();
  } else if (phase == Phase::kEvaluateRefit) {
    evaluation_.Begin(*model_, *source_);
  }
  if (split || phase_ == Phase::kDone) return;
  after_split_ = phase_;
  phase_ = Phase::kSplit;
}

}  // namespace rqvae
