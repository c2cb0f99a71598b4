// k-means: greedy k-means++ seeding (Arthur & Vassilvitskii 2007, several candidates a centre as scikit-learn does),
// then Lloyd's iterations, in which rows are skipped that cannot have another centre by the triangle inequality
// (Hamerly 2010): nothing but the time depends on that.
#ifndef RQVAE_KMEANS_H_
#define RQVAE_KMEANS_H_

#include <vector>

#include "archive.h"
#include "job.h"
#include "matrix.h"
#include "parallel.h"
#include "random.h"
#include "searchable_codebook.h"
#include "symmetric_eigen.h"

namespace rqvae {

struct KmeansOptions {
  Index max_iterations = 100;
  double tolerance = 1e-4;  // stop when the centres' squared shift falls below this times the data's mean variance
};

// Clusters the rows of `data` (n x d, n >= 1), which must outlive the job.
//   * An empty cluster takes the row that is furthest from its centre (each row once; ties: the lowest row).
//   * With fewer distinct rows than codes, every distinct row is a centre and the surplus ones repeat the first: a tie
//     goes to the lowest index, so that they are never chosen.
class KmeansJob : public Job {
 public:
  KmeansJob(const Matrix* data, Index clusters, Random random, KmeansOptions options = {});

  bool Advance() override;

  // Valid once Advance() has returned false.
  const Matrix& centers() const { return centers_; }                       // K x d
  const std::vector<uint32_t>& assignment() const { return assignment_; }  // n, by FindNearest of the final centres
  double inertia() const { return inertia_; }  // sum of squared distances to the assigned centres
  Index iterations() const { return iterations_; }

  void Visit(Archive& archive);  // goes on to the same bytes, given the same rows

 private:
  enum class Phase : uint8_t { kMean, kPack, kSeed, kAssign, kSum, kMove, kDone };

  void Enter(Phase phase);
  void MeanSlice();
  void PackSlice();
  Index DrawCandidate();
  void SeedSlice();
  void MeasureCandidates(Range blocks);
  void StartAssignment();
  void AssignBlock();
  void Assign(Range rows);
  void SumSlice();
  std::vector<Index> FurthestRows(size_t count) const;
  void MoveCenters();

  const Matrix* data_;
  Index clusters_;
  Random random_;
  KmeansOptions options_;
  Phase phase_ = Phase::kMean;
  Index next_row_ = 0;  // of the pass under way

  // Of the seeding.
  std::vector<double> mean_, square_;  // of the data, and the squares around it
  std::vector<float> panels_;          // data less its mean, in panels of four rows: [n/4][d][4]
  std::vector<float> norms_;           // n: squared lengths of these rows
  std::vector<float> nearest_;         // n: squared distance to the nearest centre so far
  std::vector<double> potentials_;     // sums of nearest_ over blocks of kRowBlock rows
  double potential_ = 0;               // their sum
  Index seeded_ = 0;
  std::vector<Index> candidates_;  // for the next centre; none between two centres
  std::vector<float> distances_;   // [candidates][n]: nearest_ with each candidate
  std::vector<double> sums_;       // [candidates][blocks]: potentials_ with each

  Matrix centers_;
  SearchableCodebook searchable_;
  std::vector<uint32_t> assignment_;
  std::vector<uint32_t> previous_;
  std::vector<float> distance_;  // n: squared distance to the assigned centre
  std::vector<float> bound_;     // n: no other centre is nearer than this; below zero: unknown
  // How far the centre that moved most since the last pass moved, and the next.
  float first_shift_ = 0, second_shift_ = 0;
  uint32_t furthest_moved_ = 0;
  float rounding_ = 0;         // what rounding can do to a squared distance
  DoubleMatrix totals_;        // K x d: sums of the rows of each centre
  std::vector<Index> counts_;  // and their numbers
  bool last_pass_ = false;
  double tolerance_ = 0;
  double inertia_ = 0;
  Index iterations_ = 0;
};

}  // namespace rqvae

#endif  // RQVAE_KMEANS_H_
