// The leading eigenvectors of a large symmetric matrix that is only ever multiplied by: block power iteration (subspace
// iteration with Rayleigh-Ritz, Halko et al. 2011), in slices.
#ifndef RQVAE_SUBSPACE_ITERATION_H_
#define RQVAE_SUBSPACE_ITERATION_H_

#include <memory>

#include "job.h"
#include "matrix.h"
#include "random.h"
#include "symmetric_eigen.h"

namespace rqvae {

// Finds the leading eigenvectors of C (D x D, symmetric, positive semidefinite). A derived class knows C.
//
// A power iteration is Q <- orth(Q C), rotated to the eigenvectors of Q C Q^T. Its phases:
//   kMultiply        image_ = Q C
//   kOrthonormalize  Q = orth(image_)
//   kMultiply        image_ = Q C
//   kProject         projected_ = image_ Q^T
//   kDecompose       the eigenvectors of projected_
//   kRotate          Q, rotated to them
class SubspaceIteration : public Job {
 public:
  bool Advance() override;

 protected:
  // Iterations stop when one raises the sum of the leading eigenvalues by less than the share `tolerance`.
  SubspaceIteration(Index components, double tolerance, const Random& random)
      : components_(components), tolerance_(tolerance), random_(random) {}

  // Draws the start, once D is known. Eigenvalues of at most `rounding` count as zero.
  void Start(Index dims, double rounding = 0);
  // One slice of image = basis C (p x D), from row next_row on. Returns how many rows it finished.
  virtual Index MultiplySlice(const Matrix& basis, Index next_row, Matrix& image) = 0;

  // Valid once Advance() has returned false.
  // components x D: orthonormal rows by falling eigenvalue. The element of largest magnitude in each row is positive.
  // Rows beyond the rank of C (or beyond D) are zero.
  const Matrix& vectors() const { return vectors_; }
  const Vector& values() const { return values_; }  // components

 private:
  enum class Phase { kOrthonormalize, kMultiply, kProject, kDecompose, kRotate, kDone };

  void Enter(Phase phase);
  void OrthonormalizeSlice();
  void Multiplied();
  void ProjectSlice();
  void RotateSlice();
  void FinishIteration();
  void TakeVectors();

  Index components_;
  double tolerance_;
  Random random_;
  double rounding_ = 0;
  Phase phase_ = Phase::kOrthonormalize;
  Index next_row_ = 0;
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
  double captured_ = 0;  // sum of the leading eigenvalues in the previous iteration
  Matrix vectors_;
  Vector values_;
};

}  // namespace rqvae

#endif  // RQVAE_SUBSPACE_ITERATION_H_
