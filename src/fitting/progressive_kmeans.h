// k-means in a growing number of dimensions, leading directions first (Jegou, Douze & Schmid's ProgressiveDimClustering
// of faiss). Where few rows share a centre, k-means++ picks outliers: a cluster of one row leaves nothing of it, and a
// level of residual quantisation that is fitted to what is left starves. Centres that are found where most of the
// variance lies describe what rows have in common.
#ifndef RQVAE_PROGRESSIVE_KMEANS_H_
#define RQVAE_PROGRESSIVE_KMEANS_H_

#include <memory>
#include <vector>

#include "kmeans.h"

namespace rqvae {

// Clusters the rows of `data` (n x d, n >= 1). Random distinct rows are the first centres, in the first d^(1/4)
// directions. After ten iterations, the directions up to d^(2/4) are added, in which all centres start at zero, then
// those up to d^(3/4), and finally all directions, for twenty iterations. With no more distinct rows than clusters
// every distinct row is a centre, and the surplus centres repeat the first.
class ProgressiveKmeansJob : public Clustering {
 public:
  // directions: orthonormal rows (at least LeadingDirections(d) x d), leading first; or no rows, if the columns of the
  // data are in that order. Both must outlive the job.
  ProgressiveKmeansJob(const Matrix* data, const Matrix* directions, Index clusters, Random random);

  // How many directions are used before all of the data's columns; 0 where these are so few that there is one stage.
  static Index LeadingDirections(Index dim);

  bool Advance() override;

  const Matrix& centers() const override { return kmeans_->centers(); }
  double inertia() const override { return kmeans_->inertia(); }

  void Visit(Archive& archive) override;

 private:
  static std::vector<Index> Widths(Index dim);

  bool is_last() const { return stage_ + 1 == static_cast<Index>(widths_.size()); }
  Index width() const { return widths_[static_cast<size_t>(stage_)]; }
  void Seed();
  void StartStage(Matrix centers);
  void StartNextStage();
  void ProjectSlice();
  void Project(const ConstMatrixRef& rows, MatrixRef out) const;

  const Matrix* data_;
  const Matrix* directions_;
  Index clusters_;
  Random random_;
  std::vector<Index> widths_;  // of the stages
  Index stage_ = 0;
  Matrix leading_;                     // n x width(): the data in the stage's directions; none in the last stage
  Index projected_ = 0;                // how many of its rows are there
  std::unique_ptr<KmeansJob> kmeans_;  // of the stage
};

}  // namespace rqvae

#endif  // RQVAE_PROGRESSIVE_KMEANS_H_
