#include "train_step.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "error.h"
#include "parallel.h"
#include "simd.h"

namespace rqvae {

struct Pass {
  const ConstMatrixRef* items = nullptr;
  Matrix scaled;  // the items, if the model scales them
  Matrix noisy;   // x~ + noise
  bool has_noise = false;
  Mlp::Tape encoder_tape;
  Matrix latent;
  CodeMatrix found, chosen;  // with held IDs: those of the search, and those of the step
  ResidualQuantizer::Tape tape;
  Matrix quantized;
  Mlp::Tape decoder_tape;
  Matrix decoded;  // unless the head leaves it as it is
  OutputHead::Tape head_tape;
  Matrix output;  // y
  RowLosses losses;
  // And back.
  Matrix dquantized;
  Matrix dlatent;

  ConstMatrixRef target() const { return scaled.rows() > 0 ? ConstMatrixRef(scaled) : *items; }  // x~
  ConstMatrixRef input() const { return has_noise ? ConstMatrixRef(noisy) : target(); }
  // The gradient of what the decoder gives, in its place: it is not needed any more.
  Matrix& doutput(const Model& model) { return model.head().linear() ? output : decoded; }
  // The block must outlive the pass.
  void Begin(const Model& model, const ConstMatrixRef& block, bool backward);
  // The parts of the forward pass, for some rows of the block; ScaleInput leaves the input without noise.
  void ScaleInput(const Model& model, Range rows);
  void EncoderForward(const Model& model, Range rows);
  // codes: n x L, or null for those of Encode.
  void DecoderForward(const Model& model, const CodeMatrix* codes, Range rows);
};

void Pass::Begin(const Model& model, const ConstMatrixRef& block, bool backward) {
  const ModelConfig& config = model.config();
  const Index n = block.rows();
  items = &block;
  scaled.resize(model.scaler().learned() ? n : 0, config.input_dim);
  noisy.resize(has_noise ? n : 0, config.input_dim);
  model.encoder().Resize(n, backward, encoder_tape);
  latent.resize(n, config.latent_dim);
  model.quantizer().Resize(n, tape);
  quantized.resize(n, config.latent_dim);
  model.decoder().Resize(n, backward, decoder_tape);
  decoded.resize(model.head().linear() ? 0 : n, config.input_dim);
  model.head().Resize(n, config.input_dim, head_tape);
  output.resize(n, config.input_dim);
  losses.Resize(n, config.levels());
  if (!backward) return;
  dquantized.resize(n, config.latent_dim);
  dlatent.resize(n, config.latent_dim);
}

void Pass::ScaleInput(const Model& model, Range rows) {
  if (scaled.rows() > 0) {
    model.scaler().Scale(model.store(), items->middleRows(rows.first, rows.count),
                         scaled.middleRows(rows.first, rows.count));
  }
  if (has_noise) noisy.middleRows(rows.first, rows.count) = target().middleRows(rows.first, rows.count);
}

void Pass::EncoderForward(const Model& model, Range rows) {
  model.encoder().Forward(model.store(), input(), rows, encoder_tape, latent);
}

void Pass::DecoderForward(const Model& model, const CodeMatrix* codes, Range rows) {
  model.quantizer().Forward(latent, codes, rows, tape, quantized);
  const bool linear = model.head().linear();
  model.decoder().Forward(model.store(), quantized, rows, decoder_tape, linear ? output : decoded);
  if (!linear) model.head().Forward(decoded, rows, head_tape, output);
  MeasureQuantization(model.quantizer(), latent, tape, rows, losses);
}

TrainStep::TrainStep(Model* model) : model_(model), pass_(std::make_unique<Pass>()) {}

TrainStep::~TrainStep() = default;

MemoryNeed NeedOfStep(const Model& model, Index batch_size) {
  const ModelConfig& config = model.config();
  MemoryNeed need = NeedOf(model);
  need.work = need.Floats(model.store().size()) + need.Floats(model.quantizer().gradients_size());
  if (!config.balanced()) return need;
  Index codes = 0;
  for (size_t l = 0; l < config.sinkhorn_epsilon.size(); ++l) {
    if (config.sinkhorn_epsilon[l] > 0) codes = std::max(codes, config.codebook_sizes[l]);
  }
  // The costs and their transpose; latents and residuals.
  need.batch = 2 * need.Floats(batch_size, codes) + 2 * need.Floats(batch_size, config.latent_dim);
  return need;
}

void TrainStep::Begin(Index batch_size, uint64_t number, const StepTerms& terms) {
  const bool balanced = model_->config().balanced();
  model_->RequireDecoder("has no losses");
  if (balanced) RequireMemory(NeedOfStep(*model_, batch_size));
  gradients_.setZero(model_->store().size());
  model_->quantizer().ZeroGradients(codebook_gradients_);
  planned_latents_.resize(balanced ? batch_size : 0, model_->config().latent_dim);
  planned_ = balanced ? 0 : batch_size;
  added_ = 0;
  losses_ = {};
  number_ = number;
  terms_ = terms;
  batch_size_ = batch_size;
}

Range TrainStep::next() const {
  const Index first = planned_ < batch_size_ ? planned_ : added_;
  return {first, std::min(kRowBlock, batch_size_ - first)};
}

void TrainStep::Add(const ConstMatrixRef& items, const uint32_t* row_ids) {
  pass_->has_noise = model_->config().input_noise > 0 || terms_.noise != nullptr;
  pass_->Begin(*model_, items, true);
  if (planned_ < batch_size_) {
    Plan(items, row_ids);
  } else {
    AddGradients(items, row_ids);
  }
}

const ResidualQuantizer::Tape* TrainStep::last_block() const { return added_ > 0 ? &pass_->tape : nullptr; }

// Of rows of a block: with the step's noise.
void TrainStep::EncoderForward(const uint32_t* row_ids, Range rows) {
  const ModelConfig& config = model_->config();
  pass_->ScaleInput(*model_, rows);
  if (config.input_noise > 0) {
    AddNoise(config.seed, number_, row_ids + rows.first, static_cast<float>(config.input_noise),
             pass_->noisy.middleRows(rows.first, rows.count));
  }
  if (terms_.noise != nullptr) {
    terms_.noise->Add(config.seed, number_, row_ids + rows.first, pass_->noisy.middleRows(rows.first, rows.count));
  }
  pass_->EncoderForward(*model_, rows);
}

void TrainStep::Plan(const ConstMatrixRef& items, const uint32_t* row_ids) {
  Pass& pass = *pass_;
  ForRanges(items.rows(), model_->least_rows(), kLanes, [&](Range rows) { EncoderForward(row_ids, rows); });
  planned_latents_.middleRows(planned_, items.rows()) = pass.latent;
  planned_ += items.rows();
  if (planned_ < batch_size_) return;
  planned_codes_.resize(batch_size_, model_->config().levels());
  model_->quantizer().AssignBatch(planned_latents_, planned_codes_);
}

void TrainStep::AddGradients(const ConstMatrixRef& items, const uint32_t* row_ids) {
  const Model& model = *model_;
  const ModelConfig& config = model.config();
  Pass& pass = *pass_;
  const Index n = items.rows();
  const float per_item = 1.0f / static_cast<float>(batch_size_);
  CodeMatrix planned;
  if (config.balanced()) planned = planned_codes_.middleRows(added_, n);
  const HeldIds* const held = terms_.held;
  const CodeMatrix* const codes = held != nullptr ? &pass.chosen : config.balanced() ? &planned : nullptr;
  const CodeMatrix& found = config.balanced() ? planned : pass.found;
  if (held != nullptr) {
    pass.found.resize(n, config.levels());
    pass.chosen.resize(n, config.levels());
  }
  // What concerns a single row, forward and backward ...
  ForRanges(n, model.least_rows(), kLanes, [&](Range rows) {
    EncoderForward(row_ids, rows);
    if (held != nullptr) {
      if (!config.balanced()) {
        model.quantizer().Encode(pass.latent.middleRows(rows.first, rows.count),
                                 pass.found.middleRows(rows.first, rows.count), nullptr);
      }
      held->Choose(model.quantizer(), *terms_.training, row_ids, pass.latent, found, rows, pass.chosen);
    }
    pass.DecoderForward(model, codes, rows);
    Matrix& doutput = pass.doutput(model);
    Reconstruct(config, pass.output, pass.target(), rows, batch_size_, pass.losses, doutput);
    model.head().Backward(pass.output, rows, pass.head_tape, doutput);
    MatrixRef dquantized = pass.dquantized;
    model.decoder().Backward(model.store(), doutput, rows, pass.decoder_tape, &dquantized);
    model.quantizer().Backward(pass.tape, pass.quantized, pass.dquantized, per_item, rows, pass.dlatent);
    if (terms_.separation != nullptr) {
      terms_.separation->AddGradient(model.quantizer(), row_ids, pass.latent, per_item, rows, pass.dlatent,
                                     pass.losses.separation.data());
    }
    if (held != nullptr) {
      held->AddGradient(model.quantizer(), pass.latent, found, pass.chosen, per_item, rows, pass.dlatent,
                        pass.losses.separation.data());
    }
    model.encoder().Backward(model.store(), pass.dlatent, rows, pass.encoder_tape, nullptr);
  });
  // ... then the sums over rows, each thread for its parameters.
  const Index parts = n < 2 * model.least_rows() ? 1 : Threads();
  ForParts(parts, [&](Index part) {
    model.decoder().AddGradients(model.store(), pass.quantized, pass.doutput(model), pass.decoder_tape, part, parts,
                                 gradients_);
    model.quantizer().AddGradients(pass.tape, pass.dquantized, per_item, part, parts, codebook_gradients_);
    model.encoder().AddGradients(model.store(), pass.input(), pass.dlatent, pass.encoder_tape, part, parts, gradients_);
  });
  added_ += n;
  losses_.Add(config, pass.losses, pass.tape);
}

Losses TrainStep::Finish() {
  model_->quantizer().FinishBackward(model_->store(), codebook_gradients_, gradients_);
  batch_size_ = 0;
  return losses_.Means(model_->config());
}

void TrainStep::Apply(Optimizer& optimizer, const Losses& losses, double rate_scale, const std::string& where) {
  ParameterStore& store = model_->store();
  if (std::isfinite(losses.loss)) {
    bool finite = optimizer.Step(store, gradients_, rate_scale);
    if (finite) {
      const bool moves_averages = model_->config().codebook_update == CodebookUpdate::kEma;
      if (moves_averages) model_->quantizer().UpdateAverages(store, codebook_gradients_);
      finite = !moves_averages || store.values().allFinite();
    }
    if (!finite) optimizer.UndoStep(store);
    model_->ParametersChanged();
    if (finite) return;
  }
  throw Error(ErrorKind::kDiverged, where +
                                        ": the loss or a weight is no longer finite. Lower {learning_rate} or check "
                                        "the items for extreme values");
}

Losses TrainStep::Run(const ConstMatrixRef& batch, uint64_t number) {
  std::vector<uint32_t> row_ids(static_cast<size_t>(batch.rows()));
  std::iota(row_ids.begin(), row_ids.end(), 0u);
  Begin(batch.rows(), number);
  for (Range rows = next(); rows.count > 0; rows = next()) {
    Add(batch.middleRows(rows.first, rows.count), row_ids.data() + rows.first);
  }
  return Finish();
}

Losses Evaluate(const Model& model, const ConstMatrixRef& items) {
  model.RequireDecoder("has no losses");
  Pass pass;
  BatchLosses losses;
  for (Index first = 0; first < items.rows(); first += kRowBlock) {
    const ConstMatrixRef block = items.middleRows(first, std::min(kRowBlock, items.rows() - first));
    pass.Begin(model, block, false);
    ForRanges(block.rows(), model.least_rows(), kLanes, [&](Range rows) {
      pass.ScaleInput(model, rows);
      pass.EncoderForward(model, rows);
      pass.DecoderForward(model, nullptr, rows);
      MeasureReconstruction(model.config(), pass.output, pass.target(), rows, pass.losses);
    });
    ItemOutOfRange::Check(pass.latent, first);
    losses.Add(model.config(), pass.losses, pass.tape);
  }
  return losses.Means(model.config());
}

}  // namespace rqvae
