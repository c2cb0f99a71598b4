#include "activation.h"

#include "activation_lanes.h"
#include "simd.h"

namespace rqvae {
void ActivationForward(Activation activation, const ConstMatrixRef& x, MatrixRef out) {
  ForEachLane([activation](F32x4 v) { return Activate(activation, v); }, out, x);
}

void ActivationBackward(Activation activation, const ConstMatrixRef& x, const ConstMatrixRef& dout, MatrixRef dx) {
  ForEachLane([activation](F32x4 v, F32x4 d) { return ActivationBackwardLanes(activation, v, d); }, dx, x, dout);
}

void Sigmoid(const ConstMatrixRef& x, MatrixRef out) { ForEachLane(SigmoidLanes, out, x); }

}  // namespace rqvae
