// Activation functions and their derivatives, on F32x4 lanes with an exponential of our own: the same bits in every
// lane, tail and engine (see matrix.h on why Eigen's exp is not used).
#ifndef RQVAE_ACTIVATION_H_
#define RQVAE_ACTIVATION_H_

#include "matrix.h"

namespace rqvae {

enum class Activation { kSilu, kRelu };

// out = f(x), slope = f'(x).  x, out, slope: n x m; slope may be x.  SiLU: x sigmoid(x) (Elfwing et al. 2018). ReLU:
// max(x, 0).
void ActivationForward(Activation activation, const ConstMatrixRef& x, MatrixRef out, MatrixRef slope);

// out = 1 / (1 + exp(-x)).
void Sigmoid(const ConstMatrixRef& x, MatrixRef out);

}  // namespace rqvae

#endif  // RQVAE_ACTIVATION_H_
