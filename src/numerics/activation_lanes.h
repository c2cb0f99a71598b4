// The activation functions and their derivatives on four lanes, for kernels that apply them to what they just computed.
#ifndef RQVAE_ACTIVATION_LANES_H_
#define RQVAE_ACTIVATION_LANES_H_

#include "activation.h"
#include "simd.h"

namespace rqvae {

// A NaN must come out as NaN, so that divergence is seen: Exp clamps it away.
inline F32x4 SigmoidLanes(F32x4 x) { return Select(x == x, Splat(1.0f) / (Splat(1.0f) + Exp(-x)), x); }

// f(x), and f'(x) in `slope`: one exponential for both. ReLU as PyTorch: the derivative at 0 is 0.
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
