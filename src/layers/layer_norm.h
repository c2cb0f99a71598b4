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

  void Resize(Index n, Index m);
};

// y from x, gain and bias (m x 1); `rows` are those of the tape that x and y (rows.count x m) are.  y may be x.
void LayerNormForward(const ConstMatrixRef& x, const ConstMatrixMap& gain, const ConstMatrixMap& bias, Range rows,
                      LayerNormTape& tape, MatrixRef y);

// dx from dy (rows.count x m each; dx may be dy).
void LayerNormBackward(const LayerNormTape& tape, const ConstMatrixMap& gain, Range rows, const ConstMatrixRef& dy,
                       MatrixRef dx);
// Adds to dgain and dbias (m x 1) what the stretch `features` of dy (n x m) gives, the block's sums from zero.
void AddLayerNormGradient(const LayerNormTape& tape, const ConstMatrixRef& dy, Range features, MatrixMap dgain,
                          MatrixMap dbias);

}  // namespace rqvae

#endif  // RQVAE_LAYER_NORM_H_
