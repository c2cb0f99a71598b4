// The three matrix products of a linear layer. Every element sums over the inner index in ascending order in one float
// accumulator (matrix.h), so a row's result is the same in every batch.
#ifndef RQVAE_GEMM_H_
#define RQVAE_GEMM_H_

#include "activation.h"
#include "matrix.h"
#include "panels.h"

namespace rqvae {

// What is done to each element s of a product before it is stored, in this order.
struct Epilogue {
  const float* bias = nullptr;             // s += bias[column]
  const Activation* activation = nullptr;  // s = f(s)
  MatrixRef* slope = nullptr;              // with an activation: f'(s) goes here
  const ConstMatrixRef* factor = nullptr;  // s *= factor(row, column)
  const MatrixRef* addend = nullptr;       // s += addend(row, column)
};

// Weights of a layer (m x k, stored out x in, as PyTorch does), packed once for many products: see panels.h.
using PackedWeights = kernel::Panels;
using PackedFloats = kernel::CacheLines;
// packed: PackedWeights::Size(m, k) floats.
void PackWeights(const ConstMatrixRef& w, float* packed);

// out = x w^T.  x: n x k, w: m x k, out: n x m.  (A layer's output.)
void MultiplyTransposed(const ConstMatrixRef& x, const ConstMatrixRef& w, MatrixRef out);
void MultiplyTransposed(const ConstMatrixRef& x, const PackedWeights& w, MatrixRef out, const Epilogue& epilogue = {});

// out = x w.  x: n x k, w: k x m, out: n x m.  (The gradient of a layer's input.)
void Multiply(const ConstMatrixRef& x, const ConstMatrixRef& w, MatrixRef out, const Epilogue& epilogue = {});

// out += a^T b, summed over rows in blocks of kRowBlock.  a: n x p, b: n x q, out: p x q.  (The gradient of a layer's
// weights.)
void AccumulateTransposedProduct(const ConstMatrixRef& a, const ConstMatrixRef& b, MatrixRef out);

// out += the sum of a's rows, in blocks of kRowBlock.  a: n x m, out: m.  (The gradient of a bias.)
void AccumulateRows(const ConstMatrixRef& a, VectorRef out);

}  // namespace rqvae

#endif  // RQVAE_GEMM_H_
