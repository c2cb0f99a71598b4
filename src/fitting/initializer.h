// Initialisation from data as a job.
#ifndef RQVAE_INITIALIZER_H_
#define RQVAE_INITIALIZER_H_

#include <memory>
#include <vector>

#include "archive.h"
#include "input_scaler.h"
#include "job.h"
#include "kmeans.h"
#include "memory_need.h"
#include "model.h"
#include "pca.h"
#include "row_order.h"
#include "row_source.h"

namespace rqvae {

// How many rows there are, and how many of them are in memory.
struct RowCounts {
  Index rows = 0;
  Index held = 0;
  static RowCounts Of(const RowSource& source) { return {source.rows(), source.held()}; }
};
double HeldBytes(const Model& model, RowCounts counts);
// The memory of the model and its initialisation. The model may be one that is only declared.
MemoryNeed NeedOfInitialization(const Model& model, RowCounts counts);

// Fits what needs data. On an initialised model that is the codebooks only: a new skip path or new statistics under
// trained layers would undo what they learned. Otherwise: input statistics on all rows, then on the k-means sample the
// principal directions (linear skip) and the codebooks, level by level on what the levels before left over. Works on a
// draft: the model changes in the last slice, all at once, so that a dropped job leaves it as it was.
class InitializeJob : public Job {
 public:
  // Rows of the sample that PCA and k-means see: all rows up to this many, and at least 40 for each code.
  static constexpr Index kSampleRows = 20480;
  static Index SampleSize(const ModelConfig& config, Index rows);

  // Without `codebooks` only the input statistics and the linear skip are fitted.
  InitializeJob(Model* model, const RowSource* source, bool codebooks = true);
  ~InitializeJob() override;

  bool Advance() override;
  double progress() const;                                         // in [0, 1], for a progress bar
  const std::vector<double>& inertia() const { return inertia_; }  // per level, over the sample

  // Of a job that is not done. Goes on to the same bytes, given the same rows and a model of the same configuration.
  void Visit(Archive& archive);

 private:
  enum class Phase : uint8_t { kMean, kVariance, kGather, kPca, kLatents, kKmeans, kResidual, kCommit, kDone };

  void StatisticsSlice();
  void GatherSlice();
  void SetLinearPath(const Matrix& directions, const Vector& mean);
  void StartKmeans();
  void FinishLevel();

  Model* model_;
  const RowSource* source_;
  bool codebooks_;
  std::unique_ptr<Model> draft_;
  Phase phase_;
  Index next_row_ = 0;
  InputScaler::Statistics statistics_;
  std::unique_ptr<RowSampler> sampler_;
  std::vector<uint32_t> sample_names_;  // while it is gathered
  Matrix sample_;                       // scaled, m x D
  Matrix residuals_;                    // m x d
  Index level_ = 0;
  std::unique_ptr<PcaJob> pca_;
  std::unique_ptr<KmeansJob> kmeans_;
  std::vector<double> inertia_;
};

}  // namespace rqvae

#endif  // RQVAE_INITIALIZER_H_
