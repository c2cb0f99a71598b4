// A training as bytes: TrainJob::Save and Restore.
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
  noise_.Visit(archive, model_->config().input_dim);  // the rows may be gone by now
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
}

std::vector<uint8_t> TrainJob::Save() {
  Archive archive;
  // An evaluation begins anew; so does the step in progress, since position_ is where its batch begins.
  Phase phase = phase_ == Phase::kSeparate ? Phase::kEvaluate : phase_;
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
  if (begun_with_.size() != (best_.by_loss ? 0 : model_->store().values().size())) return false;
  for (const std::optional<Snapshot>* snapshot : {&best_.by_loss, &best_.by_collision}) {
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
  Visit(archive, phase, values);
  if (!archive.at_end()) Archive::Fail();
  if (phase != Phase::kInitialize) {
    if (phase != Phase::kSplit && !Fits(phase)) Archive::Fail();
    initialize_.reset();
    model_->store().values() = values;
    model_->set_initialized(true);
    model_->ParametersChanged();
    train_step_.Drop();
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
  } else if (phase == Phase::kResidualNoise) {
    Begin();
  }
  if (split || phase_ == Phase::kDone) return;
  after_split_ = phase_;
  phase_ = Phase::kSplit;
}

}  // namespace rqvae
