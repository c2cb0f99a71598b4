// Vectors of the rows of a large sparse symmetric matrix: its truncated singular value decomposition, in slices.
#ifndef RQVAE_SPARSE_EIGEN_H_
#define RQVAE_SPARSE_EIGEN_H_

#include <Eigen/SparseCore>

#include "subspace_iteration.h"

namespace rqvae {

// M = U diag(lambda) U^T; the embedding (n x d) is U |lambda|^(1/2), of the d eigenvalues of largest magnitude (Levy,
// Goldberg & Dagan 2015, eq. 7). The element of largest magnitude in each column is positive. Columns beyond the rank,
// and rows of M that are empty, are zero.
//
// The iteration is that of M^2, whose eigenvalues lambda^2 are not negative, and which converges twice as fast.
class SparseEigenJob : public SubspaceIteration {
 public:
  using Sparse = Eigen::Map<const Eigen::SparseMatrix<float, Eigen::RowMajor>>;

  // The matrix and the embedding, n x d with n, d >= 1, must outlive the job.
  SparseEigenJob(const Sparse& matrix, MatrixMap embedding, const Random& random);

  bool Advance() override;

 private:
  Index MultiplySlice(const Matrix& basis, Index next_row, Matrix& image) override;

  Sparse matrix_;
  MatrixMap embedding_;
  // Some rows of the basis as columns, so that what an entry of M is multiplied by lies side by side.
  Matrix from_, to_;
  bool squared_ = false;  // from_ was multiplied by M once
  Index next_item_ = 0;
};

}  // namespace rqvae

#endif  // RQVAE_SPARSE_EIGEN_H_
