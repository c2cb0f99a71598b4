// Activation functions and their derivatives. They use F32x4 lanes and our own exponential, so the bits are the same in
// every lane, tail and engine (matrix.h says why Eigen's are not used).
#ifndef RQVAE_ACTIVATION_H_
#define RQVAE_ACTIVATION_H_

#include "matrix.h"

namespace rqvae {

enum class Activation { kSilu, kRelu };

// out = f(x), slope = f'(x) unless null.  x, out, slope: n x m; out may be x.  SiLU: x sigmoid(x) (Elfwing et al.
// 2018). ReLU: max(x, 0).
void ActivationForward(Activation activation, const ConstMatrixRef& x, MatrixRef out, MatrixRef* slope);

// out = 1 / (1 + exp(-x)).
void Sigmoid(const ConstMatrixRef& x, MatrixRef out);

}  // namespace rqvae

#endif  // RQVAE_ACTIVATION_H_
