// k-means: greedy k-means++ seeding (Arthur & Vassilvitskii 2007; several candidates per centre, as in scikit-learn),
// then Lloyd's iterations. For each row they skip the groups of centres that cannot hold its nearest one by the
// triangle inequality (Ding et al. 2015, "Yinyang K-Means"), which changes the time only.
#ifndef RQVAE_KMEANS_H_
#define RQVAE_KMEANS_H_

#include <cstdint>
#include <vector>

#include "archive.h"
#include "group_sums.h"
#include "job.h"
#include "matrix.h"
#include "parallel.h"
#include "random.h"
#include "searchable_codebook.h"

namespace rqvae {

struct KmeansOptions {
  Index max_iterations = 100;
  double tolerance = 1e-4;  // stops once the centres' squared shift is at most this times the data's mean variance
};

// A job that finds centres of rows.
class Clustering : public Job {
 public:
  // Valid once Advance() has returned false.
  virtual const Matrix& centers() const = 0;  // K x d
  virtual double inertia() const = 0;         // sum of squared distances to the assigned centres

  // Saves or restores the state; the job then continues to the same bytes, given the same rows.
  virtual void Visit(Archive& archive) = 0;
};

// Clusters the rows of `data` (n x d, n >= 1), which must outlive the job.
//   * An empty cluster takes the row that is furthest from its centre (each row once; ties: the lowest row).
//   * With fewer distinct rows than clusters, every distinct row is a centre and the surplus centres repeat the first.
//     A tie goes to the lowest index, so no row chooses them.
class KmeansJob : public Clustering {
 public:
  KmeansJob(const Matrix* data, Index clusters, Random random, KmeansOptions options = {});
  // Starts the iterations at these centres (K x d) instead of seeding them.
  KmeansJob(const Matrix* data, Matrix centers, KmeansOptions options = {});

  bool Advance() override;

  const Matrix& centers() const override { return centers_; }
  const std::vector<uint32_t>& assignment() const { return assignment_; }  // n, by FindNearest of the final centres
  double inertia() const override { return inertia_; }
  Index iterations() const { return iterations_; }

  void Visit(Archive& archive) override;

  // Floats that an iteration keeps of each row for its bounds.
  static Index Bounds(Index clusters);

 private:
  // kMean and kPack prepare the rows. kSeed repeats until all centres are there; kAssign, kSum and kMove are an
  // iteration.
  enum class Phase : uint8_t { kMean, kPack, kSeed, kAssign, kSum, kMove, kDone };

  void Enter(Phase phase);
  Index block_count() const { return (data_->rows() + kRowBlock - 1) / kRowBlock; }
  void MeanSlice();
  void PackSlice();
  void FinishPacking();

  void SeedSlice();
  void DrawCandidates();
  Index DrawRow();
  void MeasureCandidates(Range blocks);
  void MeasureCandidate(Index candidate, Index block, const float* dots);
  void TakeBestCandidate();

  class Search;

  Index padded_centers() const;
  void PrepareCenters();
  void StartAssignment();
  void AssignSlice();
  void Assign(Range rows);
  void MeasureDistances(Range rows);
  void OpenGroups(Index row, Search& search);
  void TakeCenter(const Search& search, Index i);
  void SumSlice();
  void MoveCenters();
  std::vector<Index> FurthestRows(size_t count) const;

  bool Consistent(const Vector& centers, Phase phase, Index next_row) const;

  const Matrix* data_;
  Index clusters_;
  Random random_;
  KmeansOptions options_;
  bool given_ = false;  // the first centres: there is no seeding
  Phase phase_ = Phase::kMean;
  Index next_row_ = 0;  // of the current pass over the rows

  // The seeding.
  std::vector<double> mean_;        // d: of the data
  std::vector<double> squares_;     // d: sums of the squared differences from it
  std::vector<float> panels_;       // data less its mean, in panels of four rows: [n/4][d][4]
  std::vector<float> norms_;        // n: squared lengths of these rows
  std::vector<float> nearest_;      // n: squared distance to the nearest centre so far
  std::vector<double> potentials_;  // sums of nearest_ over blocks of kRowBlock rows
  double potential_ = 0;            // their sum
  Index seeded_ = 0;                // centres so far
  std::vector<Index> candidates_;   // rows, for the next centre; none between two centres
  std::vector<float> distances_;    // [candidates][n]: what nearest_ becomes with each candidate
  std::vector<double> sums_;        // [candidates][blocks]: what potentials_ becomes with each

  // The iterations.
  Matrix centers_;  // K x d
  SearchableCodebook searchable_;
  std::vector<float> center_panels_;  // its codes in panels of eight
  std::vector<float> half_norms_;     // and its half norms, filled up to whole panels
  std::vector<uint32_t> assignment_;  // n
  std::vector<uint32_t> previous_;    // n: the assignment that the centres are means of
  std::vector<float> distance_;       // n: squared distance to the assigned centre
  // [n][groups]: no centre of the group is nearer than this, but for the assigned one; below zero: unknown. The groups
  // are filled up to whole lanes.
  std::vector<float> bound_;
  std::vector<float> shift_;      // [groups]: how far the centre that moved most moved in the last iteration
  float rounding_ = 0;            // an upper limit of what rounding does to a squared distance
  GroupSums sums_of_rows_;        // of each centre
  std::vector<uint8_t> changed_;  // the centres whose rows are others than in the sums
  bool last_pass_ = false;
  double tolerance_ = 0;
  double inertia_ = 0;
  Index iterations_ = 0;
};

}  // namespace rqvae

#endif  // RQVAE_KMEANS_H_
