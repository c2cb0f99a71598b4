// The residual-quantised autoencoder, which encodes and decodes. Its training is in training/.
//
//   x~ = (x - mean) / scale                     InputScaler, learned on the training set
//   z  = enc(x~)                                Mlp
//   codes and z^ = sum_l q_l                    ResidualQuantizer
//   y  = head(dec(z^))                          Mlp, OutputHead; y reconstructs x~
//
// Compat::kHopwise: no input scaling, and the head is OutputHead::Kind::kUnitSigmoid.
#ifndef RQVAE_MODEL_H_
#define RQVAE_MODEL_H_

#include <memory>

#include "config.h"
#include "input_scaler.h"
#include "item_range.h"
#include "memory_need.h"
#include "mlp.h"
#include "output_head.h"
#include "parameter_store.h"
#include "residual_quantizer.h"

namespace rqvae {

enum class Part { kFull, kEncoder };

class Model {
 public:
  // Draws the weights from the seed; nothing that needs data is set yet. Part::kEncoder leaves the decoder out: such a
  // model only encodes. Throws kInvalidInput, or kOutOfMemory at once.
  explicit Model(const ModelConfig& config, Part part = Part::kFull);
  // Only declares its parameters. Allocate() makes room for them, all zero, for values that come from elsewhere;
  // ParametersChanged() must follow. Throws kOutOfMemory at once if they cannot fit.
  enum Declared { kDeclared };
  Model(const ModelConfig& config, Part part, Declared);
  void Allocate();

  const ModelConfig& config() const { return config_; }
  Part part() const { return decoder_ ? Part::kFull : Part::kEncoder; }

  // -- Inference. Row-wise functions of the items: pure, any number of rows, the same bits in any batch. Those of items
  // throw ItemOutOfRange; their output is then undefined.

  void Latents(const ConstMatrixRef& items, MatrixRef latents) const;  // n x D -> n x d
  void Encode(const ConstMatrixRef& items, CodeMatrixRef codes,
              MatrixRef* margins) const;                                // n x D -> n x L (margins: n x L)
  void Decode(const ConstCodeMatrixRef& codes, MatrixRef items) const;  // n x L -> n x D, in input units
  // Everything about the quantisation of each item. embeddings, residuals: n x (L d), level-major; quantize_loss: n.
  void Quantize(const ConstMatrixRef& items, CodeMatrixRef codes, MatrixRef embeddings, MatrixRef residuals,
                VectorRef quantize_loss) const;
  // x~ of each item, and y of its ID.  scaled, reconstructed: n x D.
  void Reconstruct(const ConstMatrixRef& items, MatrixRef scaled, MatrixRef reconstructed) const;
  // Each code of a level decoded alone, in input units. K x D.
  Matrix CodebookInInputSpace(Index level) const;

  // -- Parameters

  ParameterStore& store() { return store_; }
  const ParameterStore& store() const { return store_; }
  // Must be called after parameters were changed from outside (by loading, or an optimiser's step).
  void ParametersChanged();
  // Replaces one code of a level by a vector (d). ParametersChanged must follow.
  void ReplaceCode(Index level, Index code, const ConstVectorRef& vector);
  // Replaces a codebook (K x d), then does as ParametersChanged.
  void ReplaceCodebook(Index level, const ConstMatrixRef& centers);
  // Whether codes mean anything: codebooks and input statistics were fitted or loaded, or need no data.
  bool initialized() const { return initialized_; }
  void set_initialized(bool initialized) { initialized_ = initialized; }

  // -- Parts

  const InputScaler& scaler() const { return scaler_; }
  const Mlp& encoder() const { return encoder_; }
  const ResidualQuantizer& quantizer() const { return quantizer_; }
  const Mlp& decoder() const { return *decoder_; }  // of Part::kFull
  const OutputHead& head() const { return head_; }
  // Throws kInvalidInput for Part::kEncoder, saying what it lacks.
  void RequireDecoder(const char* lack = "cannot decode") const;
  // The fewest rows per thread: with fewer, starting it takes longer than it saves.
  Index least_rows() const { return least_rows_; }

 private:
  template <typename F>
  void ForBlocks(Index n, F f) const;
  template <typename F>
  void ForItemBlocks(Index n, F f) const;
  void LatentsOfBlock(const ConstMatrixRef& items, Range rows, MatrixRef latents) const;
  void LatentsOfScaled(const ConstMatrixRef& scaled, Range rows, MatrixRef latents) const;
  void DecodeLatents(const ConstMatrixRef& latents, MatrixRef reconstructed) const;

  ModelConfig config_;
  ParameterStore store_;
  InputScaler scaler_;
  Mlp encoder_;
  ResidualQuantizer quantizer_;
  std::unique_ptr<Mlp> decoder_;  // null in an encoder part
  OutputHead head_;
  bool initialized_ = false;
  Index least_rows_ = 1;
};

// Weights, and what is prepared from weights and codebooks. The model may be one that is only declared.
MemoryNeed NeedOf(const Model& model);

}  // namespace rqvae

#endif  // RQVAE_MODEL_H_
