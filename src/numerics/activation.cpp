#include "activation.h"

#include <algorithm>

#include "activation_lanes.h"
#include "simd.h"

namespace rqvae {

void ActivationForward(Activation activation, const ConstMatrixRef& x, MatrixRef out, MatrixRef* slope) {
  for (Index i = 0; i < x.rows(); ++i) {
    for (Index j = 0; j < x.cols(); j += kLanes) {
      const Index lanes = std::min(kLanes, x.cols() - j);
      F32x4 derivative;
      StoreLanes(&out(i, j), Activate(activation, LoadLanes(&x(i, j), lanes), derivative), lanes);
      if (slope != nullptr) StoreLanes(&(*slope)(i, j), derivative, lanes);
    }
  }
}

void Sigmoid(const ConstMatrixRef& x, MatrixRef out) { ForEachLane(SigmoidLanes, out, x); }

}  // namespace rqvae
