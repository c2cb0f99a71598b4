// The activation functions and their derivatives on four lanes, for kernels that apply them to fresh results.
#ifndef RQVAE_ACTIVATION_LANES_H_
#define RQVAE_ACTIVATION_LANES_H_

#include "activation.h"
#include "simd.h"

namespace rqvae {

// Passes NaN through, which Exp would clamp away: divergence must stay visible.
inline F32x4 SigmoidLanes(F32x4 x) { return Select(x == x, Splat(1.0f) / (Splat(1.0f) + Exp(-x)), x); }

// Returns f(x) and sets `slope` to f'(x), with one exponential for both. As in PyTorch, ReLU's derivative at 0 is 0.
inline F32x4 Activate(Activation activation, F32x4 x, F32x4& slope) {
  if (activation == Activation::kSilu) {
    const F32x4 s = SigmoidLanes(x);
    slope = s * (Splat(1.0f) + x * (Splat(1.0f) - s));
    return x * s;
  }
  slope = Select(x > Splat(0), Splat(1.0f), Splat(0));
  return Select(x < Splat(0), Splat(0), x);  // max(x, 0) written so that NaN passes
}

}  // namespace rqvae

#endif  // RQVAE_ACTIVATION_LANES_H_
