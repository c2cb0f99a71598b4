// Training as a job: epochs of steps, evaluation, the choice of the best epoch, and its whole state as bytes.
#ifndef RQVAE_TRAIN_JOB_H_
#define RQVAE_TRAIN_JOB_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config.h"
#include "dead_codes.h"
#include "id_statistics.h"
#include "initializer.h"
#include "job.h"
#include "model.h"
#include "optimizer.h"
#include "row_order.h"
#include "row_source.h"

namespace rqvae {

// What the weights of one moment are worth: IDs are those that Encode gives to all rows, the rest is of the validation
// rows.
struct Evaluation {
  IdStatistics ids;
  Index validation_rows = 0;
  double reconstruction = 0;
  double quantize = 0;
  double explained_variance = 0;  // 1 - sum ||y - x~||^2 / sum ||x~ - mean||^2
};

// What one epoch came to: losses (without norms and distinct IDs) are means over its steps' items, while the weights
// moved.
struct EpochRecord {
  Index epoch = 0;
  Losses losses;
  double learning_rate = 0;              // of the last step
  std::vector<Index> dead_codes;         // per level: codes that no item chose in the epoch's steps
  std::vector<Index> restarted;          // per level: how many of them were restarted
  std::optional<Evaluation> evaluation;  // at the end of the epoch, see TrainConfig::evaluate_every
};

// The weights of one moment, kept.
struct Snapshot {
  Index epoch = -1;  // -1: before the first epoch
  double loss = 0;   // what Select::kLoss goes by
  Evaluation evaluation;
  Vector values;
};

// Applies the optimiser's step to a model whose gradients are ready. Throws kDiverged and leaves the weights as they
// were, and the optimiser, when the loss or a weight is no longer finite; `where` begins the message.
void ApplyStep(Model& model, Optimizer& optimizer, const Losses& losses, double rate_scale, const std::string& where);

// Trains the model in place, initialising it first where needed. A dropped job leaves the last whole step in the model
// (or, while initialising, the model as it was); a finished one leaves what TrainConfig::select says.
//
// A training that diverges (kDiverged) leaves the best weights so far, or those that it began with.
//
// Validation rows (SplitJob) take no part in initialisation and steps; with them, the start (before the first epoch)
// is evaluated and kept too, so that what is selected by loss is never worse on them than where it began.
class TrainJob : public Job {
 public:
  TrainJob(Model* model, const RowSource* source, const TrainConfig& config);
  ~TrainJob() override;

  bool Advance() override;

  bool initializing() const { return initialize_ != nullptr; }
  double initialize_progress() const { return initialize_ ? initialize_->progress() : 1.0; }  // in [0, 1]
  Index epoch() const { return epoch_; }                                                      // in progress
  int64_t step() const { return step_; }                                                      // whole steps done
  int64_t total_steps() const { return total_steps_; }
  Index training_rows() const { return training_rows_; }
  const Losses& last_losses() const { return last_losses_; }  // of the last whole step
  Index last_batch_size() const { return last_batch_size_; }  // 0 before the first step of this object
  // Means over the items of the epoch in progress so far; at its beginning, those of the epoch before. None before the
  // first step.
  std::optional<Losses> epoch_losses() const;
  const std::vector<EpochRecord>& history() const { return history_; }
  const std::optional<Evaluation>& start() const { return start_; }  // with validation rows
  const std::optional<Snapshot>& best_by_loss() const { return best_by_loss_; }
  const std::optional<Snapshot>& best_by_collision() const { return best_by_collision_; }
  bool stopped_early() const { return stopped_early_; }
  // The snapshot that a finished job has put into the model; null when that is the last step's weights.
  const Snapshot* selected() const;

  // Everything that the rest of the training depends on, at the last whole step; a step in progress is left out.
  // Restore() needs a job made with the same model configuration, rows and TrainConfig (the caller's business to
  // check), changes the model's weights, and throws kInvalidInput for bytes that do not fit, leaving the model as it
  // was. A job that was restored goes on to the same bytes as one that was never interrupted.
  std::vector<uint8_t> Save();
  void Restore(const uint8_t* bytes, size_t size);

 private:
  enum class Phase : uint8_t {
    kSplit,
    kInitialize,
    kResiduals,
    kEvaluate,
    kValidate,
    kSeparate,
    kStartEpoch,
    kTrain,
    kDone
  };

  void Slice();
  [[noreturn]] void RefuseItem(Index row_of_block);
  [[noreturn]] void Diverge(const std::string& what);
  void FinishSplit();
  void Begin();
  void ResidualBlock();
  void EvaluateOrGoOn();
  void StartEpoch();
  void ShuffleRows();
  bool HasOrder(Index end);
  void ReadShuffled(Index first, Index rows);
  void TrainBlock();
  void FinishStep();
  void FinishTraining();
  void EvaluateBlock();
  void ValidateBlock();
  void SeparateOrGoOn();
  void FinishEvaluation();
  void NextEpoch();
  StepExtras Extras() const;
  void Consider(const Evaluation& evaluation, double loss, Index epoch);
  void Finish();
  void Visit(Archive& archive, Phase& phase, Vector& values);
  bool Fits(Phase phase) const;
  Losses EpochMeans(Index rows) const;

  Model* model_;
  const RowSource* source_;
  TrainConfig config_;
  SplitJob split_;
  Index training_rows_;
  Index validation_rows_;
  SubsetRows training_;  // once the rows are split
  SubsetRows validation_;
  Optimizer optimizer_;
  DeadCodes dead_codes_;
  Separation separation_;
  Vector begun_with_;                     // the weights, until there are best ones
  Matrix residuals_;                      // pool of the residual noise
  std::unique_ptr<RowSampler> sampler_;   // of its rows
  std::vector<uint32_t> residual_names_;  // which they are, while it is being filled
  std::unique_ptr<InitializeJob> initialize_;
  Phase phase_ = Phase::kSplit;
  std::optional<Phase> after_split_;  // what a checkpoint says
  Index epoch_ = 0;                   // -1 while the start is evaluated
  int64_t step_ = 0;
  int64_t total_steps_ = 0;
  Index position_ = 0;  // within the epoch's order, or of an evaluation: first row not yet seen
  Index in_batch_ = 0;  // rows of the current batch already added
  Index planned_ = 0;   // rows of the current batch already planned (balanced assignment)
  EpochShuffle order_;
  Index announced_ = 0;  // where the window ends that was announced to the rows' source
  Matrix block_;
  Index block_read_ = 0;  // rows of the block that were read already: it may span windows
  Losses last_losses_;
  Index last_batch_size_ = 0;
  Losses epoch_sums_;  // weighted by items
  double last_rate_ = 0;
  CodeMatrix codes_;  // of the evaluation pass
  IdCounter ids_;
  Evaluation evaluation_;
  double validation_error_ = 0;  // sums over the validation rows
  double validation_energy_ = 0;
  std::vector<double> validation_mean_;
  std::vector<EpochRecord> history_;
  std::optional<Evaluation> start_;
  std::optional<Snapshot> best_by_loss_;
  std::optional<Snapshot> best_by_collision_;
  Index without_better_ = 0;  // evaluations since the last better one
  bool stopped_early_ = false;
};

}  // namespace rqvae

#endif  // RQVAE_TRAIN_JOB_H_
