// The residual-quantised autoencoder: encoder, residual quantiser, decoder, their losses and gradients.
//
//   x~ = (x - mean) / scale                                    input scaling, learned on the training set
//   z  = enc(x~ + noise),  codes and z^ = sum_l q_l            ResidualQuantizer
//   y  = dec(z^)                                               linear output
//   loss = mean over items of [ w rec(y, x~) + sum_l ( w_c ||sg(r_l) - q_l||^2 + beta ||r_l - sg(q_l)||^2 ) ]
//   rec(y, x~) = ||y - x~||^2 or 1 - cos(y, x~), as torch.nn.functional.cosine_similarity has it (norms of at least
//   1e-8)
//
// Both terms are squared L2 norms per item, then a mean over the batch: the objective depends neither on the batch size
// nor on duplicated rows.
//
// Compat::kHopwise computes the functions of the Hopwise tutorial's program instead: no input scaling, sigmoid output
// then L2 normalisation, y = u / max(||u||, 1e-12) with u = sigmoid(dec(z^)); reconstruction ||y - x||^2 summed over
// batch *and* features; the commitment term of level 1 only reaches the encoder (its residual is cut from the graph).
//
// The rows of a batch are taken in blocks of kRowBlock; gradients add up in block order (matrix.h).
#ifndef RQVAE_MODEL_H_
#define RQVAE_MODEL_H_

#include <memory>
#include <string>
#include <vector>

#include "config.h"
#include "error.h"
#include "input_scaler.h"
#include "mlp.h"
#include "parameter_store.h"
#include "residual_quantizer.h"
#include "separation.h"

namespace rqvae {

// Means over the batch, in double.
struct Losses {
  double loss = 0;            // w * reconstruction + quantize (hopwise: the sum over the batch + the mean)
  double reconstruction = 0;  // rec(y, x~) (hopwise: its sum over the batch)
  double quantize = 0;        // sum_l (w_c + beta) ||r_l - q_l||^2
  double separation = 0;      // see separation.h
  double square_error = 0;    // ||y - x~||^2, whatever rec is
  double latent_energy = 0;   // ||z||^2
  std::vector<double>
      quantization_error;              // per level: ||r_l - q_l||^2; codebook and commitment loss both have this value
  std::vector<double> embedding_norm;  // per level: ||q_l||
  Index distinct_ids = 0;              // of the batch
};

enum class Part { kFull, kEncoder };

// An item whose latent vector is not finite, or so long that distances to the codes would not be: float32 ends at
// 3.4e38, and they are squared. It has no nearest code.
class ItemOutOfRange : public Error {
 public:
  explicit ItemOutOfRange(Index row);
  Index row() const { return row_; }  // the first such row of the items that were given

  // The first row of the latents (n x d) that is out of range; n when none is.
  static Index FirstOf(const ConstMatrixRef& latents);
  // Throws for that row; `first` is the number of the latents' first one.
  static void Check(const ConstMatrixRef& latents, Index first = 0);

 private:
  Index row_;
};

// What training adds to a step beyond the rows.
struct StepExtras {
  // Residual noise: each row gets the residual x~ - y of a random row of `residuals` (P x D), with a random sign, times
  // `residual_noise`, before the encoder. Its directions and sizes are those in which items differ from what their IDs
  // say, so that the noise fits tight clusters and wide ones alike.
  const Matrix* residuals = nullptr;
  float residual_noise = 0;
  const Separation* separation = nullptr;
};

class Model {
 public:
  // Weights by the seed; nothing that needs data is set yet. kEncoder leaves the decoder out: such a model encodes
  // only.
  explicit Model(const ModelConfig& config, Part part = Part::kFull);
  // Only says what its parameters are. Allocate() makes room for them, all zero, for values that come from elsewhere;
  // ParametersChanged() must follow. Throws kOutOfMemory before it begins where there cannot be so much.
  enum Declared { kDeclared };
  Model(const ModelConfig& config, Part part, Declared);
  void Allocate();

  const ModelConfig& config() const { return config_; }
  ParameterStore& store() { return store_; }
  const ParameterStore& store() const { return store_; }

  // Whether codes mean anything: codebooks and input statistics were fitted or loaded, or need no data.
  bool initialized() const { return initialized_; }
  void set_initialized(bool initialized) { initialized_ = initialized; }

  // Must be called after parameters were changed from outside (loading, an optimiser's step).
  void ParametersChanged();

  // 64-bit hash over the numerics version and everything that an ID depends on: input statistics, encoder, codebooks.
  // The decoder is left out, so that a model and its encoder part make IDs of one fingerprint.
  uint64_t Fingerprint() const;

  // -- Inference. Row-wise functions of the items: pure, any number of rows, the same bits in any batch. They throw
  // ItemOutOfRange; what they were to write is then of no use.

  void Latents(const ConstMatrixRef& items, MatrixRef latents) const;  // n x D -> n x d
  void Encode(const ConstMatrixRef& items, CodeMatrixRef codes,
              MatrixRef* margins) const;                                // n x D -> n x L (margins: n x L)
  void Decode(const ConstCodeMatrixRef& codes, MatrixRef items) const;  // n x L -> n x D, in input units
  // Everything about the quantisation of each item. embeddings, residuals: n x (L d), level-major; quantize_loss: n.
  void Quantize(const ConstMatrixRef& items, CodeMatrixRef codes, MatrixRef embeddings, MatrixRef residuals,
                VectorRef quantize_loss) const;
  // What the decoder makes of each code of a level alone, in input units.  K x D.
  Matrix CodebookInInputSpace(Index level) const;
  // The losses of a batch without noise and with the codes that Encode gives.
  Losses Evaluate(const ConstMatrixRef& items) const;

  // -- Training. One step: BeginStep(n), AddBlock for each block of at most kRowBlock rows in order, then FinishStep;
  // the gradients are then in store().gradients(). A step may be dropped at any point: BeginStep starts anew. Balanced
  // assignment needs the whole batch before the first gradient: if config().balanced(), all blocks go through PlanBlock
  // first, then Plan() assigns the codes.

  ~Model();
  void BeginStep(Index batch_size);
  // items: rows of the batch, not scaled, at most kRowBlock; names, step: name the noise (AddNoise).
  void AddBlock(const ConstMatrixRef& items, const uint32_t* names, uint64_t step, const StepExtras& extras = {});
  Losses FinishStep();
  void PlanBlock(const ConstMatrixRef& items, const uint32_t* names, uint64_t step, const StepExtras& extras = {});
  void Plan();
  // What the last AddBlock quantised and how.
  const ResidualQuantizer::Tape& last_block() const;

  // After the optimiser's step: moves what is not moved by gradients (EMA), then as ParametersChanged.
  void FinishUpdate();
  bool moves_averages() const { return config_.codebook_update == CodebookUpdate::kEma; }
  // Replaces one code of a level by a vector (d). ParametersChanged must follow.
  void ReplaceCode(Index level, Index code, const ConstVectorRef& vector);
  // Replaces a codebook (K x d), then as ParametersChanged.
  void ReplaceCodebook(Index level, const ConstMatrixRef& centers);

  // x~ - y of each item, y being what its ID decodes to.  items, residuals: n x D.
  void Residuals(const ConstMatrixRef& items, MatrixRef residuals) const;

  // x~ of a block of items, exposed for initialisation.
  void ScaleInput(const ConstMatrixRef& items, MatrixRef scaled) const { scaler_.Scale(store_, items, scaled); }
  const InputScaler& scaler() const { return scaler_; }

  const ResidualQuantizer& quantizer() const { return quantizer_; }
  const Mlp& encoder() const { return encoder_; }
  const Mlp& decoder() const { return *decoder_; }
  Part part() const { return decoder_ ? Part::kFull : Part::kEncoder; }

 private:
  struct Workspace;  // buffers of one block

  // Room for n rows.
  void Resize(Index n, bool backward, Workspace& w) const;
  void ResizeDecoder(Index n, bool backward, Workspace& w) const;
  template <typename F>
  void ForBlocks(Index n, F f) const;
  template <typename F>
  void ForItemBlocks(Index n, F f) const;
  template <typename F>
  void EvaluateBlocks(const ConstMatrixRef& items, Workspace& w, F f) const;
  void LatentsOfBlock(const ConstMatrixRef& items, Range rows, MatrixRef latents) const;
  void DecodeLatents(const ConstMatrixRef& latents, MatrixRef items) const;

  // The parts of a step for some rows of the block, all in the workspace.
  // Without names: evaluation, no noise.
  void EncoderForward(const ConstMatrixRef& items, const uint32_t* names, uint64_t step, const StepExtras& extras,
                      Range rows, Workspace& w) const;
  // codes: n x L, or null for those of Encode. Also the rows' losses.
  void DecoderForward(const CodeMatrix* codes, Range rows, Workspace& w) const;
  void OutputForward(Range rows, Workspace& w) const;
  void OutputBackward(Range rows, Workspace& w) const;
  void ReconstructionBackward(Range rows, Workspace& w) const;

  void AddLosses(const Workspace& w, Losses& sums) const;
  Losses MeanLosses(Losses sums, const std::vector<uint32_t>& codes, Index batch_size) const;

  ModelConfig config_;
  ParameterStore store_;
  InputScaler scaler_;
  Mlp encoder_;
  ResidualQuantizer quantizer_;
  std::unique_ptr<Mlp> decoder_;  // null in an encoder part
  bool initialized_ = false;
  Index least_rows_ = 1;  // that a thread is given

  // The step in progress.
  Index batch_size_ = 0;
  std::vector<uint32_t> batch_codes_;
  Index added_ = 0;         // rows that AddBlock has seen
  Matrix planned_latents_;  // of PlanBlock's rows, batch x d
  CodeMatrix planned_codes_;
  Losses sums_;
  std::unique_ptr<Workspace> workspace_;
};

}  // namespace rqvae

#endif  // RQVAE_MODEL_H_
