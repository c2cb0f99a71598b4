// Initialisation and training as jobs.
#ifndef RQVAE_TRAINER_H_
#define RQVAE_TRAINER_H_

#include <memory>
#include <string>
#include <vector>

#include "config.h"
#include "id_statistics.h"
#include "job.h"
#include "kmeans.h"
#include "optimizer.h"
#include "pca.h"
#include "rqvae.h"

namespace rqvae {

// Where a job reads its rows from.
class RowSource {
 public:
  virtual ~RowSource() = default;
  virtual Index rows() const = 0;
  virtual Index dim() const = 0;
  // Copies the given rows, in the given order.  out: count x dim.
  virtual void Read(const uint32_t* rows, Index count, MatrixRef out) const = 0;
};

// Rows of a matrix in memory; owns it.
class MatrixRows : public RowSource {
 public:
  explicit MatrixRows(Matrix data) : data_(std::move(data)) {}
  Index rows() const override { return data_.rows(); }
  Index dim() const override { return data_.cols(); }
  void Read(const uint32_t* rows, Index count, MatrixRef out) const override;
  Matrix& data() { return data_; }

 private:
  Matrix data_;
};

// Fits what needs data. On an initialised model that is the codebooks only: a new skip path or new statistics under
// trained layers would undo what they learned. Otherwise: input statistics on all rows, then on the k-means sample the
// principal directions (linear skip) and the codebooks, level by level on what the levels before left over. Works on a
// draft: the model changes in the last slice, all at once, so that a dropped job leaves it as it was.
class InitializeJob : public Job {
 public:
  // Rows of the sample that PCA and k-means see: all rows up to this many, and at least 40 for each code.
  static constexpr Index kSampleRows = 20480;

  // Without `codebooks` only the input statistics and the linear skip are fitted.
  InitializeJob(RqVae* model, const RowSource* source, bool codebooks = true);
  ~InitializeJob() override;

  bool Advance() override;
  double progress() const;                                         // in [0, 1], for a progress bar
  const std::vector<double>& inertia() const { return inertia_; }  // per level, over the sample

 private:
  enum class Phase { kMean, kVariance, kGather, kPca, kLatents, kKmeans, kResidual, kCommit, kDone };

  void StatisticsSlice();
  void ApplyPca();
  void FinishLevel();

  RqVae* model_;
  const RowSource* source_;
  bool codebooks_;
  std::unique_ptr<RqVae> draft_;
  Phase phase_;
  Index next_row_ = 0;
  std::vector<double> mean_;
  std::vector<double> sums_;
  double square_sum_ = 0;
  Matrix sample_;     // scaled, m x D
  Matrix residuals_;  // m x d
  Index level_ = 0;
  std::unique_ptr<PcaJob> pca_;
  std::unique_ptr<KmeansJob> kmeans_;
  std::vector<double> inertia_;
};

// What one epoch came to: losses (without norms and distinct IDs) are means over its steps' items, while the weights
// moved; the ID statistics are of the whole catalogue with the weights at the end of the epoch (of the last evaluated
// epoch, see TrainConfig::evaluate_every).
struct EpochRecord {
  Index epoch = 0;  // from 0
  Losses losses;
  IdStatistics ids;
  bool evaluated = false;
  double learning_rate = 0;  // at its last step
};

// Applies one optimiser step from the gradients in the store. A loss or a weight that is not finite throws
// Error(kDiverged) with `where` in its message, and the weights are as before the step. `backup` is scratch space.
void ApplyStep(RqVae& model, Optimizer& optimizer, const Losses& losses, double rate_scale, const std::string& where,
               Vector& backup);

// Trains a model. Initialises it first unless it is initialised. Dropped during initialisation, the model is as it was;
// dropped later, it keeps the last whole step. A loss that is not finite throws Error(kDiverged) before the step is
// applied.
class TrainJob : public Job {
 public:
  TrainJob(RqVae* model, const RowSource* source, const TrainConfig& config);
  ~TrainJob() override;

  bool Advance() override;

  bool initializing() const { return initialize_ != nullptr; }
  double initialize_progress() const { return initialize_ ? initialize_->progress() : 1.0; }
  Index epoch() const { return epoch_; }  // in progress
  int64_t step() const { return step_; }  // whole steps done
  int64_t total_steps() const { return total_steps_; }
  const Losses& last_losses() const { return last_losses_; }  // of the last whole step
  Index last_batch_size() const { return last_batch_size_; }
  const std::vector<EpochRecord>& history() const { return history_; }

 private:
  enum class Phase { kInitialize, kStartEpoch, kTrain, kEvaluate, kDone };

  void StartEpoch();
  void TrainBlock();
  void FinishStep();
  void EvaluateBlock();
  void FinishEpoch();
  double RateScale() const;

  RqVae* model_;
  const RowSource* source_;
  TrainConfig config_;
  Optimizer optimizer_;
  std::unique_ptr<InitializeJob> initialize_;
  Phase phase_;
  Index epoch_ = 0;
  int64_t step_ = 0;
  int64_t total_steps_ = 0;
  Index position_ = 0;  // within the epoch's order: first row not yet seen
  Index in_batch_ = 0;  // rows of the current batch already added
  std::vector<uint32_t> order_;
  Matrix block_;
  Losses last_losses_;
  Index last_batch_size_ = 0;
  Losses epoch_sums_;  // weighted by items
  double last_rate_ = 0;
  Vector backup_;
  CodeMatrix codes_;  // of the evaluation pass
  IdStatistics last_ids_;
  std::vector<EpochRecord> history_;
};

}  // namespace rqvae

#endif  // RQVAE_TRAINER_H_
