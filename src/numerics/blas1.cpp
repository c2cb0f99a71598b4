#include "blas1.h"

namespace rqvae {

// Without __restrict the compiler adds a second, scalar loop for rows that overlap.

void Axpy(Index n, double a, const double* __restrict x, double* __restrict y) {
  for (Index k = 0; k < n; ++k) y[k] += a * x[k];
}

void Rotate(Index n, double* __restrict x, double* __restrict y, double c, double s) {
  for (Index k = 0; k < n; ++k) {
    const double before = x[k];
    x[k] = c * before + s * y[k];
    y[k] = c * y[k] - s * before;
  }
}

}  // namespace rqvae
