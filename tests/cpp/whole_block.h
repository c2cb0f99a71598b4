// The layers' functions that take a stretch of rows, for all rows at once, as tests want them.
#ifndef RQVAE_TESTS_WHOLE_BLOCK_H_
#define RQVAE_TESTS_WHOLE_BLOCK_H_

#include "config.h"
#include "layer_norm.h"
#include "mlp.h"
#include "model.h"
#include "residual_quantizer.h"

namespace rqvae {

// x~ of the items.
inline void ScaleInput(const Model& model, const ConstMatrixRef& items, MatrixRef scaled) {
  model.scaler().Scale(model.store(), items, scaled);
}

// A store with a buffer of gradients beside it.
struct StoreWithGradients : ParameterStore {
  void Allocate() {
    ParameterStore::Allocate();
    ZeroGradients();
  }
  void ZeroGradients() { buffer.setZero(size()); }
  Vector& gradients() { return buffer; }
  const Vector& gradients() const { return buffer; }
  MatrixMap gradient(Index handle) { return View(buffer, handle); }
  ConstMatrixMap gradient(Index handle) const { return View(buffer, handle); }
  Vector buffer;
};

// A quantiser with what a step gathers.
struct QuantizerWithGradients : ResidualQuantizer {
  QuantizerWithGradients(ParameterStore& store, const ModelConfig& config)
      : ResidualQuantizer(store, config.quantizer()) {}
  void ZeroGradients() { ResidualQuantizer::ZeroGradients(gathered); }
  void FinishBackward(StoreWithGradients& store) const {
    ResidualQuantizer::FinishBackward(store, gathered, store.gradients());
  }
  void UpdateAverages(ParameterStore& store) const { ResidualQuantizer::UpdateAverages(store, gathered); }
  Gradients gathered;
};

inline void Forward(const ResidualQuantizer& quantizer, const ConstMatrixRef& z, const CodeMatrix* codes,
                    ResidualQuantizer::Tape& tape, MatrixRef quantized) {
  quantizer.Resize(z.rows(), tape);
  quantizer.Forward(z, codes, {0, z.rows()}, tape, quantized);
}

inline void Backward(QuantizerWithGradients& quantizer, const ResidualQuantizer::Tape& tape,
                     const ConstMatrixRef& quantized, const ConstMatrixRef& dquantized, float scale, MatrixRef dz) {
  quantizer.Backward(tape, quantized, dquantized, scale, {0, quantized.rows()}, dz);
  quantizer.AddGradients(tape, dquantized, scale, 0, 1, quantizer.gathered);
}

// dx may be null.
inline void Backward(const Mlp& mlp, StoreWithGradients& store, const ConstMatrixRef& x, const ConstMatrixRef& dout,
                     Mlp::Tape& tape, Matrix* dx) {
  if (dx == nullptr) {
    mlp.Backward(store, dout, {0, x.rows()}, tape, nullptr);
  } else {
    dx->resize(x.rows(), x.cols());
    MatrixRef all = *dx;
    mlp.Backward(store, dout, {0, x.rows()}, tape, &all);
  }
  mlp.AddGradients(store, x, dout, tape, 0, 1, store.gradients());
}

inline void Forward(const ConstMatrixRef& x, const ConstMatrixMap& gain, const ConstMatrixMap& bias,
                    LayerNormTape& tape, MatrixRef y) {
  tape.Resize(x.rows(), x.cols());
  LayerNormForward(x, gain, bias, {0, x.rows()}, tape, y);
}

// dx may be dy.
inline void Backward(const LayerNormTape& tape, const ConstMatrixMap& gain, const ConstMatrixRef& dy, MatrixMap dgain,
                     MatrixMap dbias, MatrixRef dx) {
  AddLayerNormGradient(tape, dy, {0, dy.cols()}, dgain, dbias);
  LayerNormBackward(tape, gain, {0, dy.rows()}, dy, dx);
}

}  // namespace rqvae

#endif  // RQVAE_TESTS_WHOLE_BLOCK_H_
