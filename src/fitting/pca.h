// Principal directions by block power iteration (subspace iteration with Rayleigh-Ritz, Halko et al. 2011) on the
// covariance matrix, in slices.
#ifndef RQVAE_PCA_H_
#define RQVAE_PCA_H_

#include <memory>
#include <vector>

#include "job.h"
#include "matrix.h"
#include "random.h"
#include "symmetric_eigen.h"

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
  enum class Phase { kMean, kCovariance, kStart, kOrthonormalize, kMultiply, kProject, kDecompose, kRotate, kDone };

  void Enter(Phase phase);
  void MeanSlice();
  void CovarianceSlice();
  void Start();
  void OrthonormalizeSlice();
  void MultiplySlice();
  void ProjectSlice();
  void RotateSlice();
  void FinishIteration();

  const Matrix* data_;
  Index components_;
  Random random_;
  Phase phase_ = Phase::kMean;
  DoubleVector sum_;
  Vector mean_;
  Matrix covariance_;
  Matrix block_;  // centred rows of the current block
  Index next_row_ = 0;
  Index next_col_ = 0;
  Matrix basis_;  // p x D, orthonormal rows
  // Of an iteration.
  bool started_ = false;  // the first basis is orthonormal
  bool powered_ = false;  // the basis is that of Q C already
  Matrix image_;          // Q C, p x D
  DoubleMatrix q_;        // Q in double, or what is to become it
  DoubleMatrix rows_;     // the image in double, then the rotated basis
  DoubleMatrix projected_;
  std::unique_ptr<EigenJob> eigen_;
  SymmetricEigen decomposed_;
  Index iterations_ = 0;
  double captured_ = 0;  // variance captured by the leading components at the last iteration
  Matrix directions_;
  Vector variances_;
};

}  // namespace rqvae

#endif  // RQVAE_PCA_H_
