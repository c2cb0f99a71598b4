// The three loops over rows of doubles that PCA's small dense algebra consists of, named as in the level 1 BLAS (Lawson
// et al. 1979). In a file of their own because they are the ones worth the bytes of full optimisation; what calls them
// is built for size. Each has one order of operations on every target.
#ifndef RQVAE_BLAS1_H_
#define RQVAE_BLAS1_H_

#include "matrix.h"

namespace rqvae {

// y += a x.  x, y: n, apart from each other.
void Axpy(Index n, double a, const double* x, double* y);

// The sum of x y, in four partial sums (every fourth term; the last n mod 4 go to the first), added in pairs. One
// accumulator would wait for every addition, and compilers must not split it by themselves.  x, y: n, may be the same.
double Dot(Index n, const double* x, const double* y);

// A plane rotation: x <- c x + s y, y <- c y - s x.  x, y: n, apart from each other.
void Rotate(Index n, double* x, double* y, double c, double s);

}  // namespace rqvae

#endif  // RQVAE_BLAS1_H_
