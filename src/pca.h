// Principal directions by block power iteration (subspace iteration with Rayleigh-Ritz, Halko et al. 2011) on the
// covariance matrix, in slices.
#ifndef RQVAE_PCA_H_
#define RQVAE_PCA_H_

#include <vector>

#include "job.h"
#include "matrix.h"
#include "random.h"

namespace rqvae {

// Principal directions of the rows of `data` (n x D, n >= 1), which must outlive the job. The rows' mean is removed.
class PcaJob : public Job {
 public:
  PcaJob(const Matrix* data, Index components, Random random);

  bool Advance() override;

  // Valid once Advance() has returned false.
  // components x D, orthonormal rows in order of falling variance; each row's component of largest magnitude is
  // positive. Rows beyond the data's rank (or beyond D) are zero.
  const Matrix& directions() const { return directions_; }
  const Vector& variances() const { return variances_; }  // components
  const Vector& mean() const { return mean_; }            // D

 private:
  enum class Phase { kMean, kCovariance, kStart, kIterate, kDone };

  void CovarianceSlice();
  void Start();
  void Iterate();

  const Matrix* data_;
  Index components_;
  Random random_;
  Phase phase_ = Phase::kMean;
  Vector mean_;
  Matrix covariance_;
  Matrix block_;  // centred rows of the current block
  Index next_row_ = 0;
  Index next_col_ = 0;
  Matrix basis_;  // p x D, orthonormal rows
  Index iterations_ = 0;
  double captured_ = 0;  // variance captured by the leading components at the last iteration
  Matrix directions_;
  Vector variances_;
};

}  // namespace rqvae

#endif  // RQVAE_PCA_H_
