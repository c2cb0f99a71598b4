// Fits from data, before training, what training starts from.
#ifndef RQVAE_INITIALIZER_H_
#define RQVAE_INITIALIZER_H_

#include <memory>
#include <vector>

#include "archive.h"
#include "codebook_refinement.h"
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

// Fits the input statistics on all rows, then on a sample the linear skip (principal directions) and the codebooks,
// level by level on the residuals of the levels before; with codebook_refine together with the search
// (codebook_refinement.h). On an initialised model it fits the codebooks only: a new skip
// path or new statistics under trained layers would undo what these learned. The job works on a draft and changes the
// model in its last slice, all at once, so a dropped job leaves the model as it was.
class InitializeJob : public Job {
 public:
  // PCA and k-means see a sample: all rows up to this many, or 40 for each code of the largest codebook if that is
  // more.
  static constexpr Index kSampleRows = 20480;
  static Index SampleSize(const ModelConfig& config, Index rows);

  // Without `codebooks` it fits only the input statistics and the linear skip.
  InitializeJob(Model* model, const RowSource* source, bool codebooks = true);
  ~InitializeJob() override;

  bool Advance() override;
  double progress() const;                                         // in [0, 1], for a progress bar
  const std::vector<double>& inertia() const { return inertia_; }  // per level, over the rows that it was fitted to

  // Saves or restores the state of a job that is not done. The job then continues to the same bytes, given the same
  // rows and a model of the same configuration.
  void Visit(Archive& archive);

 private:
  // The last three are of codebook_refine. Checkpoints have these numbers.
  enum class Phase : uint8_t {
    kMean,
    kVariance,
    kGather,
    kPca,
    kLatents,
    kKmeans,
    kResidual,
    kCommit,
    kDone,
    kDirections,
    kCandidates,
    kRefine
  };

  void StatisticsSlice();
  void GatherSlice();
  void SetLinearPath(const Matrix& directions, const Vector& mean);
  void LatentsSlice();
  void KmeansSlice();
  void StartKmeans();
  void ResidualSlice();
  void CandidatesSlice();
  void RefineSlice();
  void Commit();

  bool refines() const { return codebooks_ && model_->config().codebook_refine; }
  // Whether there are enough rows per code to estimate all levels again.
  bool ends_in_refinement() const;
  // If a row has several candidates; with two, seeds from k-means++ work as well.
  bool is_progressive(Index level) const { return level > 0 && candidates_[static_cast<size_t>(level)] > 2; }
  bool Consistent() const;

  Model* model_;
  const RowSource* source_;
  bool codebooks_;
  std::unique_ptr<Model> draft_;
  Phase phase_;
  Index next_row_ = 0;
  InputScaler::Statistics statistics_;
  std::unique_ptr<RowSampler> sampler_;
  std::vector<uint32_t> sample_ids_;  // its rows, until they are read
  Matrix sample_;                     // m x D, scaled
  Matrix residuals_;                  // m x d: what the levels before left of the latents; a level is fitted to it
  Index level_ = 0;
  std::unique_ptr<PcaJob> pca_;
  std::unique_ptr<Clustering> kmeans_;
  // With codebook_refine. The first level is fitted to the latents themselves, and residuals_ has as many rows as there
  // are candidates.
  std::vector<Index> candidates_;  // per level
  Matrix latents_;                 // m x d
  Matrix directions_;              // leading directions of the latents, where their columns are not in that order
  std::unique_ptr<CandidateResiduals> candidate_job_;
  std::unique_ptr<CodebookRefinement> refinement_;
  std::vector<double> inertia_;
};

}  // namespace rqvae

#endif  // RQVAE_INITIALIZER_H_
