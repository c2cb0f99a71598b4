// Training as a job: epochs of steps, evaluation, the choice of the best epoch, and its whole state as bytes.
#ifndef RQVAE_TRAIN_JOB_H_
#define RQVAE_TRAIN_JOB_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dead_codes.h"
#include "epoch_rows.h"
#include "evaluation.h"
#include "held_ids.h"
#include "initializer.h"
#include "job.h"
#include "losses.h"
#include "memory_need.h"
#include "model.h"
#include "noise.h"
#include "optimizer.h"
#include "row_order.h"
#include "row_source.h"
#include "separation.h"
#include "snapshot.h"
#include "train_config.h"
#include "train_step.h"

namespace rqvae {

// The record of one epoch: losses (without norms and distinct IDs) are means over its steps' items, while the weights
// changed.
struct EpochRecord {
  Index epoch = 0;
  Losses losses;
  double learning_rate = 0;              // of the last step
  std::vector<Index> dead_codes;         // per level: codes that no item chose in the epoch's steps
  std::vector<Index> restarted;          // per level: how many of them were restarted
  std::optional<Evaluation> evaluation;  // at the end of the epoch, see TrainConfig::evaluate_every
};

// The memory of the model, its initialisation and its training.
MemoryNeed NeedOfTraining(const Model& model, RowCounts counts, const TrainConfig& config);

// Trains the model in place, initialising it first where needed. A dropped job leaves the last whole step in the model
// (or, while initialising, the model as it was); a finished one leaves what TrainConfig::select says.
//
// A training that diverges (kDiverged) leaves the best weights so far, or those that it started with.
//
// Validation rows (SplitJob) take no part in initialisation and steps; with them, the start (before the first epoch) is
// evaluated and kept too, so that what is selected by loss is never worse on them than the start.
//
// With TrainConfig::validation_until < 1 they are held out for the first epochs only, since rows that never train cost
// a small catalogue more than the choice of an epoch wins. After these epochs, whatever the selection:
//
//   their loss is lower than at the start, and     they join: the rest of the epochs train on all rows, the schedule
//   still falling, or was kWorthTraining lower     is trusted, and kLoss keeps the last epoch. What was best before
//   after the best epoch                           is dropped.
//   it is not, but was kWorthKeeping lower         training ends, and the best is kept, as select says.
//   neither                                        training does not help here: the start is restored, its codebooks
//                                                  are fitted again, to all rows (if this training fitted
//                                                  them), and the training ends.
//
// Less than that is less than the rows held out are worth to codebooks that are fitted to all of them. Where the
// codebooks are not this training's, any gain is kept.
//
// Patience can run out only before that; training then ends as without validation_until.
class TrainJob : public Job {
 public:
  // Shares of the start's loss, by experiment (docs/training.md): below them the start, fitted to all rows, explains
  // more of unseen items.
  static constexpr double kWorthTraining = 0.01;
  static constexpr double kWorthKeeping = 0.03;

  // What happened to the validation rows. The numbers are in checkpoints.
  enum class Validation : uint8_t { kHeldOut = 0, kJoined = 1, kStartKept = 2 };

  TrainJob(Model* model, const RowSource* source, const TrainConfig& config);
  ~TrainJob() override;

  // The IDs that known items hold (held_ids.h): rows x L, before the first Advance. The model must be initialised.
  void Hold(CodeMatrix codes);

  bool Advance() override;

  bool initializing() const { return initialize_ != nullptr; }
  double initialize_progress() const { return initialize_ ? initialize_->progress() : 1.0; }  // in [0, 1]
  Index epoch() const { return epoch_; }                                                      // in progress
  int64_t step() const { return step_; }                                                      // whole steps done
  int64_t total_steps() const { return total_steps_; }
  Index training_rows() const { return training_rows_; }  // of the epoch in progress
  int64_t total_rows() const { return total_rows_; }      // that all steps take, summed over the epochs
  Validation validation() const { return validation_now_; }
  Index held_out_rows() const { return held_out_rows_; }      // at first
  Index held_out_epochs() const { return held_out_epochs_; }  // all, unless validation_until ends it earlier
  bool refits() const { return refits_; }                     // a kept start's codebooks, to all rows
  // Progress of fitting the kept start's codebooks, in [0, 1]; 0 unless it is in progress.
  double refit_progress() const { return refit_ ? refit_->progress() : 0.0; }
  const Losses& last_losses() const { return last_losses_; }  // of the last whole step
  Index last_batch_size() const { return last_batch_size_; }  // 0 before the first step of this object
  // Means over the items of the current epoch so far; at its start, those of the previous epoch. None before the first
  // step.
  std::optional<Losses> epoch_losses() const;
  const std::vector<EpochRecord>& history() const { return history_; }
  const std::optional<Evaluation>& start() const { return start_; }  // with validation rows
  const BestEpochs& best() const { return best_; }
  bool stopped_early() const { return stopped_early_; }
  // The snapshot that a finished job has put into the model; null if the model has the last step's weights.
  const Snapshot* selected() const;

  // Everything that the rest of the training depends on, at the last whole step; a step in progress is left out.
  // Restore() needs a job made with the same model configuration, rows and TrainConfig (the caller's business to
  // check), changes the model's weights, and throws kInvalidInput for bytes that do not fit, leaving the model as it
  // was. A restored job continues to the same bytes as one that was never interrupted.
  std::vector<uint8_t> Save();
  void Restore(const uint8_t* bytes, size_t size);

 private:
  // The numbers are in checkpoints.
  enum class Phase : uint8_t {
    kSplit = 0,
    kInitialize = 1,
    kResidualNoise = 2,
    kEvaluate = 3,
    kSeparate = 5,
    kStartEpoch = 6,
    kTrain = 7,
    kDone = 8,
    kRefit = 9,
    kEvaluateRefit = 10
  };

  void Slice();
  [[noreturn]] void RefuseItem(Index row);
  [[noreturn]] void Diverge(const std::string& what);
  void FinishSplit();
  void Begin();
  void EvaluateOrGoOn();
  void ShuffleRows();
  void FavourNewRows();
  void StartEpoch();
  void TrainBlock();
  void FinishStep();
  void FinishEpochSteps();
  void SeparateOrGoOn();
  void FinishEvaluation();
  void NextEpoch();
  bool ends_holding_out() const { return held_out_epochs_ < config_.epochs; }
  // Whether the start may be kept instead of a better epoch, so that its weights are still needed.
  bool MayKeepStart() const { return refits_ && ends_holding_out() && validation_now_ == Validation::kHeldOut; }
  bool GainsAtLeast(double share) const;
  void TrainOnAllRows();
  void Join();
  void KeepStart();
  void FinishRefit();
  void Finish();
  // checkpoint.cpp
  void Visit(Archive& archive, Phase& phase, Vector& values);
  void Rehold(Validation now);
  bool Fits(Phase phase) const;

  Model* model_;
  const RowSource* source_;
  TrainConfig config_;
  SplitJob split_;
  Index held_out_rows_;
  Index training_rows_;    // now
  Index validation_rows_;  // now
  SubsetRows training_;    // once the rows are split
  SubsetRows validation_;
  std::unique_ptr<InitializeJob> initialize_;
  Index held_out_epochs_;
  bool refits_;  // whether this training fits the codebooks, so that a kept start's may be fitted again
  Validation validation_now_ = Validation::kHeldOut;
  std::unique_ptr<InitializeJob> refit_;

  TrainStep train_step_;
  Optimizer optimizer_;
  ResidualNoise noise_;
  Separation separation_;
  HeldIds held_;
  DeadCodes dead_codes_;
  EpochRows rows_;
  EvaluationPass evaluation_;

  Phase phase_ = Phase::kSplit;
  std::optional<Phase> after_split_;  // what a checkpoint says
  Index epoch_ = 0;                   // -1 while the start is evaluated
  int64_t step_ = 0;
  int64_t total_steps_ = 0;
  int64_t total_rows_ = 0;
  Index position_ = 0;  // of the current batch in the epoch's order
  Losses last_losses_;
  Index last_batch_size_ = 0;
  double last_rate_ = 0;
  EpochLosses epoch_losses_;
  std::vector<EpochRecord> history_;
  std::optional<Evaluation> start_;
  // The weights at the start, or when the validation rows joined, until there are best ones and MayKeepStart is false.
  Vector begun_with_;
  BestEpochs best_;
  bool stopped_early_ = false;
};

}  // namespace rqvae

#endif  // RQVAE_TRAIN_JOB_H_
