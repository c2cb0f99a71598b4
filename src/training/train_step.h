// One step of training: forward, losses, backward, and the optimiser's update.
//
// The rows of a batch are taken in blocks of kRowBlock; gradients add up in block order (matrix.h). Codes are those
// that Encode gives, unless the assignment is balanced (sinkhorn.h): that needs the latents of the whole batch before
// the first gradient, so each block is processed twice.
//
// Compat::kHopwise: the commitment term of level 1 only reaches the encoder (its residual is cut from the graph).
#ifndef RQVAE_TRAIN_STEP_H_
#define RQVAE_TRAIN_STEP_H_

#include <memory>
#include <string>

#include "held_ids.h"
#include "losses.h"
#include "memory_need.h"
#include "model.h"
#include "noise.h"
#include "optimizer.h"
#include "separation.h"

namespace rqvae {

// Optional terms of a step besides the configuration's; null for none.
struct StepTerms {
  const ResidualNoise* noise = nullptr;
  const Separation* separation = nullptr;
  const HeldIds* held = nullptr;
  const std::vector<uint32_t>* training = nullptr;  // with held: the rows of the catalogue that train
};

struct Pass;  // the intermediate values of a block of rows, forward and backward

class TrainStep {
 public:
  // The model must outlive it, and have a decoder.
  explicit TrainStep(Model* model);
  ~TrainStep();

  // Starts a step and drops an unfinished one. `number` and the rows' IDs determine the noise; the terms must outlive
  // the step. Throws kInvalidInput for a model without a decoder, kOutOfMemory if balancing the batch needs too much.
  void Begin(Index batch_size, uint64_t number, const StepTerms& terms = {});
  bool under_way() const { return batch_size_ > 0; }
  Index batch_size() const { return batch_size_; }  // 0: there is no step in progress
  void Drop() { batch_size_ = 0; }
  // The rows of the batch that Add needs next; none (count 0) when it has all.
  Range next() const;
  // items: these rows, not scaled; row_ids: their numbers.
  void Add(const ConstMatrixRef& items, const uint32_t* row_ids);
  // How the last Add quantised its rows; null if it only planned their balanced assignment.
  const ResidualQuantizer::Tape* last_block() const;
  // Ends the step: the losses; gradients() holds the parameters' gradients.
  Losses Finish();
  Vector& gradients() { return gradients_; }
  const ResidualQuantizer::Gradients& codebook_gradients() const { return codebook_gradients_; }

  // Applies the optimiser's step, and the updates without gradients (EMA). Throws kDiverged and leaves the weights and
  // the optimiser as they were if the loss or a weight is no longer finite; the message starts with `where`.
  void Apply(Optimizer& optimizer, const Losses& losses, double rate_scale, const std::string& where);

  // Begin, Add and Finish over a batch in memory, whose rows are numbered by position.
  Losses Run(const ConstMatrixRef& batch, uint64_t number);

 private:
  void Plan(const ConstMatrixRef& items, const uint32_t* row_ids);
  void AddGradients(const ConstMatrixRef& items, const uint32_t* row_ids);
  void EncoderForward(const uint32_t* row_ids, Range rows);

  Model* model_;
  std::unique_ptr<Pass> pass_;
  Vector gradients_;  // of the store's layout
  ResidualQuantizer::Gradients codebook_gradients_;
  // The step in progress.
  Index batch_size_ = 0;
  uint64_t number_ = 0;
  StepTerms terms_;
  Index planned_ = 0;       // rows whose latents are known, with balanced assignment
  Index added_ = 0;         // rows whose gradients are added
  Matrix planned_latents_;  // batch x d
  CodeMatrix planned_codes_;
  BatchLosses losses_;
};

// The losses of a batch without noise and with the codes that Encode gives. Throws ItemOutOfRange.
Losses Evaluate(const Model& model, const ConstMatrixRef& items);

// The memory of the model and of steps over batches of this size.
MemoryNeed NeedOfStep(const Model& model, Index batch_size);

}  // namespace rqvae

#endif  // RQVAE_TRAIN_STEP_H_
