// The two updates of rows of doubles that PCA's dense algebra needs besides sums (sums.h), named as in the level 1 BLAS
// (Lawson et al. 1979). They have a file of their own because full optimisation is worth its bytes here; their callers
// are built for size. Every target does the same operations in the same order.
#ifndef RQVAE_BLAS1_H_
#define RQVAE_BLAS1_H_

#include "matrix.h"

namespace rqvae {

// y += a x.  x, y: n, must not overlap.
void Axpy(Index n, double a, const double* x, double* y);

// A plane rotation: x <- c x + s y, y <- c y - s x.  x, y: n, must not overlap.
void Rotate(Index n, double* x, double* y, double c, double s);

}  // namespace rqvae

#endif  // RQVAE_BLAS1_H_
