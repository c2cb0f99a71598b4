// Principal directions: the leading eigenvectors of the covariance matrix (subspace_iteration.h), in slices.
#ifndef RQVAE_PCA_H_
#define RQVAE_PCA_H_

#include "subspace_iteration.h"

namespace rqvae {

// Finds the principal directions of the rows of `data` (n x D, n >= 1) about their mean. `data` must outlive the job.
class PcaJob : public SubspaceIteration {
 public:
  PcaJob(const Matrix* data, Index components, Random random);

  bool Advance() override;

  // Valid once Advance() has returned false.
  // components x D: orthonormal rows in order of falling variance. The element of largest magnitude in each row is
  // positive. Rows beyond the data's rank (or beyond D) are zero.
  const Matrix& directions() const { return vectors(); }
  const Vector& variances() const { return values(); }  // components
  const Vector& mean() const { return mean_; }          // D

 private:
  enum class Phase { kMean, kCovariance, kDirections };

  void MeanSlice();
  void CovarianceSlice();
  Index MultiplySlice(const Matrix& basis, Index next_row, Matrix& image) override;

  const Matrix* data_;
  Phase phase_ = Phase::kMean;
  DoubleVector sum_;
  Vector mean_;
  Matrix covariance_;
  Matrix block_;  // centred rows of the current block
  Index next_row_ = 0;
  Index next_col_ = 0;
};

}  // namespace rqvae

#endif  // RQVAE_PCA_H_
