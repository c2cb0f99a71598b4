#include "activation.h"

#include "simd.h"

namespace rqvae {
namespace {

// A NaN must come out as NaN, so that divergence is seen: Exp clamps it away.
F32x4 SigmoidLanes(F32x4 x) { return Select(x == x, Splat(1.0f) / (Splat(1.0f) + Exp(-x)), x); }

F32x4 Silu(F32x4 x) { return x * SigmoidLanes(x); }

F32x4 SiluDerivative(F32x4 x) {
  const F32x4 s = SigmoidLanes(x);
  return s * (Splat(1.0f) + x * (Splat(1.0f) - s));
}

}  // namespace

void ActivationForward(Activation activation, const ConstMatrixRef& x, MatrixRef out) {
  if (activation == Activation::kSilu) {
    ForEachLane(Silu, out, x);
  } else {
    // max(x, 0) written so that NaN passes.
    ForEachLane([](F32x4 v) { return Select(v < Splat(0), Splat(0), v); }, out, x);
  }
}

void ActivationBackward(Activation activation, const ConstMatrixRef& x, const ConstMatrixRef& dout, MatrixRef dx) {
  if (activation == Activation::kSilu) {
    ForEachLane([](F32x4 v, F32x4 d) { return d * SiluDerivative(v); }, dx, x, dout);
  } else {
    // PyTorch's convention: the derivative at 0 is 0.
    ForEachLane([](F32x4 v, F32x4 d) { return Select(v > Splat(0), d, Splat(0)); }, dx, x, dout);
  }
}

void Sigmoid(const ConstMatrixRef& x, MatrixRef out) { ForEachLane(SigmoidLanes, out, x); }

}  // namespace rqvae
