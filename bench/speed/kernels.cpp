// The three products of a linear layer by themselves, for the part "products" of the bench.
#include "gemm.h"

namespace {

using rqvae::Index;
using rqvae::Matrix;

Matrix x, w, y, dy, dx, dw;

}  // namespace

extern "C" {

// x: n x k, w: m x k.
void Prepare(int n, int k, int m) {
  x = Matrix::Constant(n, k, 0.5f);
  w = Matrix::Constant(m, k, 0.25f);
  dy = Matrix::Constant(n, m, 0.125f);
  y.resize(n, m);
  dx.resize(n, k);
  dw = Matrix::Zero(m, k);
}
void Forward() { rqvae::MultiplyTransposed(x, w, y); }
void Backward() { rqvae::Multiply(dy, w, dx); }
void Gradient() { rqvae::AccumulateTransposedProduct(dy, x, dw); }

}  // extern "C"
