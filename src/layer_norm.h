// Layer normalisation (Ba et al. 2016), as torch.nn.LayerNorm: per row, y = gain (x - mean) / sqrt(variance + 1e-5) +
// bias, with the biased variance over the features.
#ifndef RQVAE_LAYER_NORM_H_
#define RQVAE_LAYER_NORM_H_

#include "matrix.h"

namespace rqvae {

// What LayerNormForward keeps for LayerNormBackward.
struct LayerNormTape {
  Matrix normalized;  // n x m: (x - mean) / sqrt(variance + 1e-5)
  Vector inverse;     // n: 1 / sqrt(variance + 1e-5)
};

// y (n x m) from x (n x m), gain and bias (m x 1).  y may be x.
void LayerNormForward(const ConstMatrixRef& x, const ConstMatrixMap& gain, const ConstMatrixMap& bias,
                      LayerNormTape& tape, MatrixRef y);

// dx from dy (n x m each; dx may be dy); adds to dgain and dbias (m x 1), the block's sums from zero.
void LayerNormBackward(const LayerNormTape& tape, const ConstMatrixMap& gain, const ConstMatrixRef& dy, MatrixMap dgain,
                       MatrixMap dbias, MatrixRef dx);

}  // namespace rqvae

#endif  // RQVAE_LAYER_NORM_H_
