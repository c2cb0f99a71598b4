// Principal directions by block power iteration on the covariance matrix (subspace iteration with Rayleigh-Ritz, Halko
// et al. 2011), in slices.
#ifndef RQVAE_PCA_H_
#define RQVAE_PCA_H_

#include <memory>
#include <vector>

#include "job.h"
#include "matrix.h"
#include "random.h"
#include "symmetric_eigen.h"

namespace rqvae {

// Finds the principal directions of the rows of `data` (n x D, n >= 1) about their mean. `data` must outlive the job.
//
// A power iteration is Q <- orth(Q C), rotated to the eigenvectors of Q C Q^T. Its phases, with C in covariance_:
//   kMultiply        image_ = Q C
//   kOrthonormalize  Q = orth(image_)
//   kMultiply        image_ = Q C
//   kProject         projected_ = image_ Q^T
//   kDecompose       the eigenvectors of projected_
//   kRotate          Q, rotated to them
class PcaJob : public Job {
 public:
  PcaJob(const Matrix* data, Index components, Random random);

  bool Advance() override;

  // Valid once Advance() has returned false.
  // components x D: orthonormal rows in order of falling variance. The element of largest magnitude in each row is
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
  void TakeDirections();

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
  Matrix basis_;  // Q: p x D, orthonormal rows
  // The current iteration.
  bool started_ = false;    // the random start is orthonormal
  bool powered_ = false;    // the basis is that of Q C already
  Matrix image_;            // Q C: p x D
  DoubleMatrix q_;          // Q in double, or what becomes it
  DoubleMatrix rows_;       // the image in double, then the rotated basis
  DoubleMatrix projected_;  // p x p
  std::unique_ptr<EigenJob> eigen_;
  SymmetricEigen decomposed_;
  Index iterations_ = 0;
  double captured_ = 0;  // variance that the leading components captured in the previous iteration
  Matrix directions_;
  Vector variances_;
};

}  // namespace rqvae

#endif  // RQVAE_PCA_H_
