#include "blas1.h"

namespace rqvae {

// __restrict: without it the compiler adds a second, scalar loop for rows that overlap.

void Axpy(Index n, double a, const double* __restrict x, double* __restrict y) {
  for (Index k = 0; k < n; ++k) y[k] += a * x[k];
}

double Dot(Index n, const double* x, const double* y) {
  double sums[4] = {0, 0, 0, 0};
  Index k = 0;
  for (; k + 4 <= n; k += 4) {
    for (Index lane = 0; lane < 4; ++lane) sums[lane] += x[k + lane] * y[k + lane];
  }
  for (; k < n; ++k) sums[0] += x[k] * y[k];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

void Rotate(Index n, double* __restrict x, double* __restrict y, double c, double s) {
  for (Index k = 0; k < n; ++k) {
    const double before = x[k];
    x[k] = c * before + s * y[k];
    y[k] = c * y[k] - s * before;
  }
}

}  // namespace rqvae
