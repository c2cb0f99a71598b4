#include "model.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include "error.h"
#include "parallel.h"
#include "random.h"
#include "simd.h"

namespace rqvae {
namespace {

std::vector<Index> EncoderDims(const ModelConfig& config) {
  std::vector<Index> dims = {config.input_dim};
  dims.insert(dims.end(), config.hidden_dims.begin(), config.hidden_dims.end());
  dims.push_back(config.latent_dim);
  return dims;
}

std::vector<Index> DecoderDims(const ModelConfig& config) {
  std::vector<Index> dims = EncoderDims(config);
  std::reverse(dims.begin(), dims.end());
  return dims;
}

}  // namespace

Model::Model(const ModelConfig& config, Part part, Declared)
    : config_(Validated(config)),
      scaler_(store_, config.input_scaling, config.input_dim),
      encoder_(store_, "encoder", EncoderDims(config), config.activation, config.layer_norm,
               config.linear_skip != LinearSkip::kNone, ParameterGroup::kEncoder),
      quantizer_(store_, config.quantizer()),
      decoder_(part == Part::kEncoder
                   ? nullptr
                   : std::make_unique<Mlp>(store_, "decoder", DecoderDims(config), config.activation, config.layer_norm,
                                           config.linear_skip != LinearSkip::kNone, ParameterGroup::kDecoder)),
      head_(config.compat == Compat::kHopwise ? OutputHead::Kind::kUnitSigmoid : OutputHead::Kind::kLinear) {
  // Nothing needs data, so the model can be used as it is.
  initialized_ = !config_.codebook_kmeans_init && config_.linear_skip == LinearSkip::kNone &&
                 config_.input_scaling == InputScaling::kNone;
  // Six operations per parameter and row in training, and a thread should have a million of them.
  least_rows_ = std::max<Index>(32, 160000 / std::max<Index>(store_.size(), 1));
}

void Model::Allocate() {
  RequireMemory(NeedOf(*this));
  store_.Allocate();
  quantizer_.Allocate();
}

Model::Model(const ModelConfig& config, Part part) : Model(config, part, kDeclared) {
  Allocate();
  Random random(config_.seed, Stream::kWeights);
  encoder_.Initialize(store_, random);
  if (decoder_) decoder_->Initialize(store_, random);
  quantizer_.Initialize(store_, config_.seed);
  scaler_.Initialize(store_);
  ParametersChanged();
}

MemoryNeed NeedOf(const Model& model) {
  MemoryNeed need;
  Index packed = model.encoder().size();
  if (model.part() == Part::kFull) packed += model.decoder().size();
  need.model = need.Floats(model.store().size()) + need.Floats(model.quantizer().size()) +
               static_cast<double>(sizeof(float)) * static_cast<double>(packed);
  return need;
}

void Model::ParametersChanged() {
  encoder_.Prepare(store_);
  quantizer_.Prepare(store_);
  if (decoder_) decoder_->Prepare(store_);
}

void Model::ReplaceCode(Index level, Index code, const ConstVectorRef& vector) {
  quantizer_.SetCode(store_, level, code, vector);
}

void Model::ReplaceCodebook(Index level, const ConstMatrixRef& centers) {
  quantizer_.SetCodebook(store_, level, centers);
  ParametersChanged();
}

// f(rows) for blocks of rows, shared among the threads.
template <typename F>
void Model::ForBlocks(Index n, F f) const {
  ForRanges(n, least_rows_, kLanes, [&](Range own) {
    for (Index first = own.first; first < own.first + own.count; first += kRowBlock) {
      f(Range{first, std::min(kRowBlock, own.first + own.count - first)});
    }
  });
}

// ForBlocks that throws for the first item out of range, whichever thread found it.
template <typename F>
void Model::ForItemBlocks(Index n, F f) const {
  std::atomic<Index> refused = n;
  ForBlocks(n, [&](Range rows) {
    try {
      f(rows);
    } catch (const ItemOutOfRange& e) {
      Index before = refused;
      while (e.row() < before && !refused.compare_exchange_weak(before, e.row())) {
      }
    }
  });
  if (refused < n) throw ItemOutOfRange(refused);
}

// latents: of these rows alone.
void Model::LatentsOfBlock(const ConstMatrixRef& items, Range rows, MatrixRef latents) const {
  const ConstMatrixRef own = items.middleRows(rows.first, rows.count);
  if (!scaler_.learned()) return LatentsOfScaled(own, rows, latents);  // as they are
  Matrix scaled(rows.count, items.cols());
  scaler_.Scale(store_, own, scaled);
  LatentsOfScaled(scaled, rows, latents);
}

void Model::LatentsOfScaled(const ConstMatrixRef& scaled, Range rows, MatrixRef latents) const {
  Mlp::Tape tape;
  encoder_.Forward(store_, scaled, tape, latents);
  ItemOutOfRange::Check(latents, rows.first);
}

void Model::Latents(const ConstMatrixRef& items, MatrixRef latents) const {
  ForItemBlocks(items.rows(),
                [&](Range rows) { LatentsOfBlock(items, rows, latents.middleRows(rows.first, rows.count)); });
}

void Model::Encode(const ConstMatrixRef& items, CodeMatrixRef codes, MatrixRef* margins) const {
  ForItemBlocks(items.rows(), [&](Range rows) {
    Matrix latents(rows.count, config_.latent_dim);
    LatentsOfBlock(items, rows, latents);
    auto own = codes.middleRows(rows.first, rows.count);
    if (margins == nullptr) {
      quantizer_.Encode(latents, own, nullptr);
    } else {
      MatrixRef block = margins->middleRows(rows.first, rows.count);
      quantizer_.Encode(latents, own, &block);
    }
  });
}

void Model::Quantize(const ConstMatrixRef& items, CodeMatrixRef codes, MatrixRef embeddings, MatrixRef residuals,
                     VectorRef quantize_loss) const {
  const Index d = config_.latent_dim;
  const float weight = static_cast<float>(config_.codebook_weight + config_.commitment_weight);
  ForItemBlocks(items.rows(), [&](Range rows) {
    const Index n = rows.count;
    Matrix latents(n, d), quantized(n, d);
    ResidualQuantizer::Tape tape;
    quantizer_.Resize(n, tape);
    LatentsOfBlock(items, rows, latents);
    quantizer_.Forward(latents, nullptr, {0, n}, tape, quantized);
    codes.middleRows(rows.first, n) = tape.codes;
    auto loss = quantize_loss.segment(rows.first, n);
    loss.setZero();
    for (Index l = 0; l < config_.levels(); ++l) {
      residuals.block(rows.first, l * d, n, d) = tape.residuals[static_cast<size_t>(l)];
      for (Index i = 0; i < n; ++i) {
        embeddings.block(rows.first + i, l * d, 1, d) = quantizer_.codebook(l).row(tape.codes(i, l));
      }
      loss += weight * tape.error[static_cast<size_t>(l)];
    }
  });
}

void Model::Reconstruct(const ConstMatrixRef& items, MatrixRef scaled, MatrixRef reconstructed) const {
  RequireDecoder();
  ForItemBlocks(items.rows(), [&](Range rows) {
    Matrix latents(rows.count, config_.latent_dim), quantized(rows.count, config_.latent_dim);
    MatrixRef own = scaled.middleRows(rows.first, rows.count);
    scaler_.Scale(store_, items.middleRows(rows.first, rows.count), own);
    LatentsOfScaled(own, rows, latents);
    CodeMatrix codes(rows.count, config_.levels());
    quantizer_.Encode(latents, codes, nullptr);
    quantizer_.Lookup(codes, quantized);
    DecodeLatents(quantized, reconstructed.middleRows(rows.first, rows.count));
  });
}

void Model::Decode(const ConstCodeMatrixRef& codes, MatrixRef items) const {
  RequireDecoder();
  ForBlocks(codes.rows(), [&](Range rows) {
    Matrix quantized(rows.count, config_.latent_dim), reconstructed(rows.count, config_.input_dim);
    quantizer_.Lookup(codes.middleRows(rows.first, rows.count), quantized);
    DecodeLatents(quantized, reconstructed);
    scaler_.Unscale(store_, reconstructed, items.middleRows(rows.first, rows.count));
  });
}

Matrix Model::CodebookInInputSpace(Index level) const {
  RequireDecoder();
  const Matrix& codebook = quantizer_.codebook(level);
  Matrix reconstructed(codebook.rows(), config_.input_dim), items(codebook.rows(), config_.input_dim);
  DecodeLatents(codebook, reconstructed);
  scaler_.Unscale(store_, reconstructed, items);
  return items;
}

// y of each latent vector.
void Model::DecodeLatents(const ConstMatrixRef& latents, MatrixRef reconstructed) const {
  const Index n = latents.rows();
  Mlp::Tape tape;
  if (head_.linear()) return decoder_->Forward(store_, latents, tape, reconstructed);
  OutputHead::Tape head_tape;
  Matrix decoded(n, config_.input_dim);
  decoder_->Forward(store_, latents, tape, decoded);
  head_.Resize(n, config_.input_dim, head_tape);
  head_.Forward(decoded, {0, n}, head_tape, reconstructed);
}

void Model::RequireDecoder(const char* lack) const {
  if (decoder_) return;
  throw Error(ErrorKind::kInvalidInput, std::string("this model holds the encoder part only and ") + lack);
}

}  // namespace rqvae
