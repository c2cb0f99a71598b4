// All eigenvalues and eigenvectors of a small dense symmetric matrix. The time grows with the cube of its size: about
// 0.3 ms at 64, 0.1 s at 512.
//
// Householder tridiagonalisation (Martin, Reinsch & Wilkinson 1968; EISPACK's tred2), then QL with implicit shifts
// (Martin & Wilkinson 1968, Dubrulle 1970; EISPACK's imtql2), in double. It uses only + - * / and sqrt in one fixed
// order, so every target gives the same bits. Eigen's solver would make the WebAssembly a fifth larger, because of the
// blocked products that it brings, and it chooses its order by the size of the vectors.
#ifndef RQVAE_SYMMETRIC_EIGEN_H_
#define RQVAE_SYMMETRIC_EIGEN_H_

#include <utility>
#include <vector>

#include "job.h"
#include "matrix.h"

namespace rqvae {

using DoubleMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using DoubleVector = Eigen::Matrix<double, Eigen::Dynamic, 1>;

// A = vectors^T diag(values) vectors.
struct SymmetricEigen {
  DoubleVector values;   // n, falling
  DoubleMatrix vectors;  // n x n; row i is the eigenvector of values[i], of length 1 and either sign
};

// Reads `matrix` (n x n, n >= 0) on and below its diagonal only. The matrix's norm sets the accuracy: the residuals,
// the errors of the eigenvalues and the eigenvectors' departures from orthonormality stay within a small multiple of n
// 2^-53 of it. An eigenvalue far smaller than the largest may thus be rounding alone. Equal eigenvalues get orthonormal
// vectors like any others. Scaling the matrix by a power of two changes no bit of the vectors, short of overflow and
// underflow. An element that is not finite makes every result NaN.
class EigenJob : public Job {
 public:
  explicit EigenJob(DoubleMatrix matrix);
  bool Advance() override;
  SymmetricEigen Take() { return {std::move(values_), std::move(matrix_)}; }  // once Advance() has returned false

 private:
  enum class Phase { kReflect, kApply, kTranspose, kRotate, kSort, kDone };

  void Enter(Phase phase);
  void Sort();

  DoubleMatrix matrix_;  // becomes the eigenvectors
  DoubleVector values_;
  int exponent_ = 0;  // the matrix was scaled by 2^-exponent
  std::vector<double> off_diagonal_, h_, scratch_;
  Index sweeps_ = 0;  // left
  Phase phase_ = Phase::kReflect;
  Index next_ = 0;
};

}  // namespace rqvae

#endif  // RQVAE_SYMMETRIC_EIGEN_H_
