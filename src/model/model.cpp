#include "model.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <numeric>
#include <utility>

#include "activation.h"
#include "error.h"
#include "hash.h"
#include "id_statistics.h"
#include "memory_need.h"
#include "simd.h"

namespace rqvae {
namespace {

// torch.nn.functional.normalize's eps.
constexpr float kNormalizeEpsilon = 1e-12f;
// torch.nn.functional.cosine_similarity's eps.
constexpr double kCosineEpsilon = 1e-8;

// cos(y, x) of row i, with norms of at least kCosineEpsilon.
struct Cosine {
  double cosine;
  double y_norm;
  double x_norm;
};
Cosine CosineOf(const Matrix& y, const Matrix& x, Index i) {
  double dot = 0, y_square = 0, x_square = 0;
  for (Index j = 0; j < y.cols(); ++j) {
    dot += static_cast<double>(y(i, j)) * x(i, j);
    y_square += static_cast<double>(y(i, j)) * y(i, j);
    x_square += static_cast<double>(x(i, j)) * x(i, j);
  }
  const double y_norm = std::max(std::sqrt(y_square), kCosineEpsilon);
  const double x_norm = std::max(std::sqrt(x_square), kCosineEpsilon);
  return {dot / (y_norm * x_norm), y_norm, x_norm};
}

// ||a - b||^2 (||a||^2 without b), in four sums that are added at the end: one alone would wait for each addition.
double SquaredDistance(const float* a, const float* b, Index n) {
  double sums[4] = {0, 0, 0, 0};
  Index j = 0;
  for (; j + 4 <= n; j += 4) {
    for (Index lane = 0; lane < 4; ++lane) {
      const double difference = static_cast<double>(a[j + lane]) - (b == nullptr ? 0.0 : b[j + lane]);
      sums[lane] += difference * difference;
    }
  }
  for (; j < n; ++j) {
    const double difference = static_cast<double>(a[j]) - (b == nullptr ? 0.0 : b[j]);
    sums[j % 4] += difference * difference;
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

const ModelConfig& Validated(const ModelConfig& config) {
  auto require = [](bool ok, const char* message) {
    if (!ok) throw Error(ErrorKind::kInvalidInput, message);
  };
  require(config.input_dim > 0, "inputDim must be positive");
  require(config.latent_dim > 0, "latentDim must be positive");
  require(!config.codebook_sizes.empty(), "codebookSize needs at least one level");
  for (Index size : config.codebook_sizes) require(size > 0, "codebookSize must be positive at every level");
  for (Index dim : config.hidden_dims) require(dim > 0, "hiddenDims must be positive");
  require(std::isfinite(config.commitment_weight) && config.commitment_weight >= 0,
          "commitmentWeight must be at least 0");
  require(std::isfinite(config.codebook_weight) && config.codebook_weight >= 0, "codebookWeight must be at least 0");
  require(std::isfinite(config.reconstruction_weight) && config.reconstruction_weight >= 0,
          "reconstructionWeight must be at least 0");
  require(std::isfinite(config.input_noise) && config.input_noise >= 0, "inputNoise must be at least 0");
  const bool hopwise = config.compat == Compat::kHopwise;
  require(
      !hopwise || (config.input_scaling == InputScaling::kNone && config.linear_skip == LinearSkip::kNone &&
                   config.codebook_gradient == CodebookGradient::kQuantization &&
                   config.codebook_update == CodebookUpdate::kGradient &&
                   config.gradient_estimator == GradientEstimator::kStraightThrough &&
                   config.reconstruction == Reconstruction::kMse && !config.layer_norm),
      "compat \"hopwise\" needs inputScaling \"none\", linearSkip \"none\", codebookGradient \"quantization\", "
      "codebookUpdate \"gradient\", gradientEstimator \"straightThrough\", reconstruction \"mse\" and no layerNorm");
  require(config.codebook_update == CodebookUpdate::kGradient ||
              (config.codebook_gradient == CodebookGradient::kQuantization && !config.codebook_sim_vq),
          "codebookUpdate \"ema\" needs codebookGradient \"quantization\" and no codebookSimVq");
  require(config.ema_decay >= 0 && config.ema_decay < 1, "emaDecay must be from 0 to below 1");
  require(config.linear_skip != LinearSkip::kIdentity || config.latent_dim == config.input_dim,
          "linearSkip \"identity\" needs latentDim to be inputDim");
  require(config.encode_beam > 0, "encodeBeam must be positive");
  require(config.sinkhorn_epsilon.empty() || static_cast<Index>(config.sinkhorn_epsilon.size()) == config.levels(),
          "sinkhornEpsilon needs one value a level");
  for (double epsilon : config.sinkhorn_epsilon) {
    require(std::isfinite(epsilon) && epsilon >= 0, "sinkhornEpsilon must be at least 0");
  }
  require(config.sinkhorn_iterations > 0, "sinkhornIterations must be positive");
  return config;
}

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

// Far enough below the square root of what a float holds that a code's own length, too, may be squared with it.
constexpr double kMaxLatentLength = 1e18;

}  // namespace

ItemOutOfRange::ItemOutOfRange(Index row)
    : Error(ErrorKind::kInvalidInput,
            "item " + std::to_string(row) + ": its values are too large: it has no finite distance to any code"),
      row_(row) {}

Index ItemOutOfRange::FirstOf(const ConstMatrixRef& latents) {
  for (Index i = 0; i < latents.rows(); ++i) {
    const double square = SquaredDistance(latents.row(i).data(), nullptr, latents.cols());
    if (!(square <= kMaxLatentLength * kMaxLatentLength)) return i;
  }
  return latents.rows();
}

void ItemOutOfRange::Check(const ConstMatrixRef& latents, Index first) {
  const Index row = FirstOf(latents);
  if (row < latents.rows()) throw ItemOutOfRange(first + row);
}

struct Model::Workspace {
  Matrix target;  // x~
  Matrix input;   // x~ + noise
  Mlp::Tape encoder_tape;
  Matrix latent;
  ResidualQuantizer::Tape tape;
  Matrix quantized;
  Mlp::Tape decoder_tape;
  Matrix decoded;  // the decoder's last Linear
  Matrix sigmoid;  // hopwise
  Vector norm;     // hopwise: ||sigmoid|| per row
  Matrix output;   // y
  Matrix doutput;
  Matrix dquantized;
  Matrix dlatent;
  // Of each row.
  std::vector<double> square_error, latent_energy, cosine_loss, hinge;
  std::vector<double> embedding_norm;  // n x L
};

void Model::Resize(Index n, bool backward, Workspace& w) const {
  w.target.resize(n, config_.input_dim);
  w.input.resize(n, config_.input_dim);
  encoder_.Resize(n, backward, w.encoder_tape);
  w.latent.resize(n, config_.latent_dim);
  if (decoder_) ResizeDecoder(n, backward, w);
  if (!backward) return;
  w.doutput.resize(n, config_.input_dim);
  w.dquantized.resize(n, config_.latent_dim);
  w.dlatent.resize(n, config_.latent_dim);
}

void Model::ResizeDecoder(Index n, bool backward, Workspace& w) const {
  quantizer_.Resize(n, w.tape);
  w.quantized.resize(n, config_.latent_dim);
  decoder_->Resize(n, backward, w.decoder_tape);
  w.decoded.resize(n, config_.input_dim);
  w.output.resize(n, config_.input_dim);
  if (config_.compat == Compat::kHopwise) {
    w.sigmoid.resize(n, config_.input_dim);
    w.norm.resize(n);
  }
  for (auto* of_rows : {&w.square_error, &w.latent_energy, &w.cosine_loss, &w.hinge}) {
    of_rows->assign(static_cast<size_t>(n), 0.0);
  }
  w.embedding_norm.resize(CheckedSize(n, config_.levels()));
}

Model::Model(const ModelConfig& config, Part part, Declared)
    : config_(Validated(config)),
      scaler_(store_, config),
      encoder_(store_, "encoder", EncoderDims(config), config.activation, config.layer_norm,
               config.linear_skip != LinearSkip::kNone, ParameterGroup::kEncoder),
      quantizer_(store_, config),
      decoder_(part == Part::kEncoder
                   ? nullptr
                   : std::make_unique<Mlp>(store_, "decoder", DecoderDims(config), config.activation, config.layer_norm,
                                           config.linear_skip != LinearSkip::kNone, ParameterGroup::kDecoder)),
      workspace_(std::make_unique<Workspace>()) {
  // Nothing needs data: the model may be used as it is.
  initialized_ = !config_.codebook_kmeans_init && config_.linear_skip == LinearSkip::kNone &&
                 config_.input_scaling == InputScaling::kNone;
  // Six operations a parameter and row in training, and a thread should have a million of them.
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

Model::~Model() = default;

void Model::ParametersChanged() { quantizer_.Prepare(store_); }

void Model::FinishUpdate() {
  quantizer_.UpdateAverages(store_);
  ParametersChanged();
}

void Model::ReplaceCode(Index level, Index code, const ConstVectorRef& vector) {
  quantizer_.SetCode(store_, level, code, vector);
}

void Model::ReplaceCodebook(Index level, const ConstMatrixRef& centers) {
  quantizer_.SetCodebook(store_, level, centers);
  ParametersChanged();
}

const ResidualQuantizer::Tape& Model::last_block() const { return workspace_->tape; }

uint64_t Model::Fingerprint() const {
  uint64_t hash = kNumericsVersion;
  auto add = [&hash](const void* data, size_t size) { hash = HashBytes(data, size, hash); };
  const uint32_t functions[] = {static_cast<uint32_t>(config_.activation), static_cast<uint32_t>(config_.compat),
                                static_cast<uint32_t>(config_.input_scaling),
                                static_cast<uint32_t>(config_.encode_beam)};
  add(functions, sizeof functions);
  for (Index handle = 0; handle < store_.count(); ++handle) {
    const Parameter& p = store_.parameter(handle);
    if (p.group == ParameterGroup::kDecoder || p.group == ParameterGroup::kState) continue;
    add(p.name.data(), p.name.size());
    for (const Index extent : p.shape) {
      const auto fixed = static_cast<uint64_t>(extent);
      add(&fixed, sizeof fixed);
    }
    add(store_.values().data() + p.offset, sizeof(float) * static_cast<size_t>(p.size));
  }
  return hash;
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

// ForBlocks that throws for the first item out of range, whichever thread met it.
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

void Model::Latents(const ConstMatrixRef& items, MatrixRef latents) const {
  ForItemBlocks(items.rows(),
                [&](Range rows) { LatentsOfBlock(items, rows, latents.middleRows(rows.first, rows.count)); });
}

void Model::LatentsOfBlock(const ConstMatrixRef& items, Range rows, MatrixRef latents) const {
  Matrix scaled(rows.count, items.cols());
  Mlp::Tape tape;
  ScaleInput(items.middleRows(rows.first, rows.count), scaled);
  encoder_.Forward(store_, scaled, tape, latents);
  ItemOutOfRange::Check(latents, rows.first);
}

void Model::Encode(const ConstMatrixRef& items, CodeMatrixRef codes, MatrixRef* margins) const {
  ForItemBlocks(items.rows(), [&](Range rows) {
    Matrix latents(rows.count, config_.latent_dim);
    LatentsOfBlock(items, rows, latents);
    if (margins == nullptr) {
      quantizer_.Encode(latents, codes.middleRows(rows.first, rows.count), nullptr);
    } else {
      MatrixRef block = margins->middleRows(rows.first, rows.count);
      quantizer_.Encode(latents, codes.middleRows(rows.first, rows.count), &block);
    }
  });
}

void Model::OutputForward(Range rows, Workspace& w) const {
  if (config_.compat != Compat::kHopwise) {
    w.output.middleRows(rows.first, rows.count) = w.decoded.middleRows(rows.first, rows.count);
    return;
  }
  Sigmoid(w.decoded.middleRows(rows.first, rows.count), w.sigmoid.middleRows(rows.first, rows.count));
  for (Index i = rows.first; i < rows.first + rows.count; ++i) {
    float square = 0;
    for (Index j = 0; j < w.sigmoid.cols(); ++j) square += w.sigmoid(i, j) * w.sigmoid(i, j);
    w.norm[i] = std::sqrt(square);
    w.output.row(i) = w.sigmoid.row(i) / std::max(w.norm[i], kNormalizeEpsilon);
  }
}

// y = u / max(||u||, eps):  du = (dy - y (y.dy)) / ||u||,  or dy / eps below eps;  u = sigmoid(o):  do = du u (1 - u).
void Model::OutputBackward(Range rows, Workspace& w) const {
  if (config_.compat != Compat::kHopwise) return;
  for (Index i = rows.first; i < rows.first + rows.count; ++i) {
    auto gradient = w.doutput.row(i);
    if (w.norm[i] > kNormalizeEpsilon) {
      float dot = 0;
      for (Index j = 0; j < gradient.size(); ++j) dot += w.output(i, j) * gradient[j];
      gradient -= dot * w.output.row(i);
    }
    gradient /= std::max(w.norm[i], kNormalizeEpsilon);
    gradient.array() *= w.sigmoid.row(i).array() * (1.0f - w.sigmoid.row(i).array());
  }
}

void Model::Decode(const ConstCodeMatrixRef& codes, MatrixRef items) const {
  if (!decoder_) throw Error(ErrorKind::kInvalidInput, "this model holds the encoder part only and cannot decode");
  ForBlocks(codes.rows(), [&](Range rows) {
    Matrix quantized(rows.count, config_.latent_dim);
    quantizer_.Lookup(codes.middleRows(rows.first, rows.count), quantized);
    DecodeLatents(quantized, items.middleRows(rows.first, rows.count));
  });
}

Matrix Model::CodebookInInputSpace(Index level) const {
  if (!decoder_) throw Error(ErrorKind::kInvalidInput, "this model holds the encoder part only and cannot decode");
  const Matrix& codebook = quantizer_.codebook(level);
  Matrix items(codebook.rows(), config_.input_dim);
  DecodeLatents(codebook, items);
  return items;
}

// What the decoder makes of the latents, in input units.
void Model::DecodeLatents(const ConstMatrixRef& latents, MatrixRef items) const {
  Workspace w;
  const Index n = latents.rows();
  ResizeDecoder(n, false, w);
  decoder_->Forward(store_, latents, {0, n}, w.decoder_tape, w.decoded);
  OutputForward({0, n}, w);
  scaler_.Unscale(store_, w.output, items);
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

void Model::EncoderForward(const ConstMatrixRef& items, const uint32_t* names, uint64_t step, const StepExtras& extras,
                           Range rows, Workspace& w) const {
  if (!decoder_) throw Error(ErrorKind::kInvalidInput, "this model holds the encoder part only and has no losses");
  ScaleInput(items.middleRows(rows.first, rows.count), w.target.middleRows(rows.first, rows.count));
  auto input = w.input.middleRows(rows.first, rows.count);
  input = w.target.middleRows(rows.first, rows.count);
  if (names != nullptr && config_.input_noise > 0) {
    AddNoise(config_.seed, step, names + rows.first, static_cast<float>(config_.input_noise), input);
  }
  if (names != nullptr && extras.residuals != nullptr) {
    const auto pool = static_cast<uint64_t>(extras.residuals->rows());
    for (Index i = rows.first; i < rows.first + rows.count; ++i) {
      const uint64_t hash = Hash(config_.seed, Stream::kResidual, step, names[i]);
      const auto chosen = static_cast<Index>(((hash >> 32) * pool) >> 32);
      const float factor = (hash & 1) != 0 ? extras.residual_noise : -extras.residual_noise;
      w.input.row(i) += factor * extras.residuals->row(chosen);
    }
  }
  encoder_.Forward(store_, w.input, rows, w.encoder_tape, w.latent);
}

void Model::DecoderForward(const CodeMatrix* codes, Range rows, Workspace& w) const {
  quantizer_.Forward(w.latent, codes, rows, w.tape, w.quantized);
  decoder_->Forward(store_, w.quantized, rows, w.decoder_tape, w.decoded);
  OutputForward(rows, w);
  const Index levels = config_.levels();
  for (Index i = rows.first; i < rows.first + rows.count; ++i) {
    const auto at = static_cast<size_t>(i);
    w.square_error[at] = SquaredDistance(w.output.row(i).data(), w.target.row(i).data(), w.output.cols());
    w.latent_energy[at] = SquaredDistance(w.latent.row(i).data(), nullptr, w.latent.cols());
    if (config_.reconstruction == Reconstruction::kCosine) {
      w.cosine_loss[at] = 1 - CosineOf(w.output, w.target, i).cosine;
    }
    for (Index l = 0; l < levels; ++l) {
      const Matrix& codebook = quantizer_.codebook(l);
      w.embedding_norm[static_cast<size_t>(i * levels + l)] =
          std::sqrt(SquaredDistance(codebook.row(w.tape.codes(i, l)).data(), nullptr, codebook.cols()));
    }
  }
}

// Adds a block's sums of losses (not yet divided by the batch size). Within the block from zero, then added, as
// everywhere.
void Model::AddLosses(const Workspace& w, Losses& sums) const {
  auto sum = [](const std::vector<double>& of_rows) { return std::accumulate(of_rows.begin(), of_rows.end(), 0.0); };
  const double square_error = sum(w.square_error);
  sums.square_error += square_error;
  sums.latent_energy += sum(w.latent_energy);
  sums.reconstruction += config_.reconstruction == Reconstruction::kCosine ? sum(w.cosine_loss) : square_error;
  sums.separation += sum(w.hinge);
  const auto levels = static_cast<size_t>(config_.levels());
  sums.quantization_error.resize(levels);
  sums.embedding_norm.resize(levels);
  for (size_t l = 0; l < levels; ++l) {
    double error = 0, norm = 0;
    for (size_t i = 0; i < w.square_error.size(); ++i) {
      error += w.tape.error[l][static_cast<Index>(i)];
      norm += w.embedding_norm[i * levels + l];
    }
    sums.quantization_error[l] += error;
    sums.embedding_norm[l] += norm;
  }
}

Losses Model::MeanLosses(Losses sums, const std::vector<uint32_t>& codes, Index batch_size) const {
  const auto n = static_cast<double>(batch_size);
  if (config_.compat != Compat::kHopwise) sums.reconstruction /= n;
  sums.separation /= n;
  sums.square_error /= n;
  sums.latent_energy /= n;
  sums.quantize = 0;
  for (double& error : sums.quantization_error) {
    error /= n;
    sums.quantize += (config_.codebook_weight + config_.commitment_weight) * error;
  }
  for (double& norm : sums.embedding_norm) norm /= n;
  sums.loss = config_.reconstruction_weight * sums.reconstruction + sums.quantize + sums.separation;
  sums.distinct_ids = CountDistinct(Eigen::Map<const CodeMatrix>(codes.data(), batch_size, config_.levels()));
  return sums;
}

void Model::Residuals(const ConstMatrixRef& items, MatrixRef residuals) const {
  Workspace w;
  EvaluateBlocks(items, w, [&](Index first) { residuals.middleRows(first, w.target.rows()) = w.target - w.output; });
}

Losses Model::Evaluate(const ConstMatrixRef& items) const {
  Workspace w;
  Losses sums;
  std::vector<uint32_t> codes;
  EvaluateBlocks(items, w, [&](Index) {
    AddLosses(w, sums);
    codes.insert(codes.end(), w.tape.codes.data(), w.tape.codes.data() + w.tape.codes.size());
  });
  return MeanLosses(std::move(sums), codes, items.rows());
}

// Encodes and decodes block after block, without noise, and calls f(first row) after each.
template <typename F>
void Model::EvaluateBlocks(const ConstMatrixRef& items, Workspace& w, F f) const {
  for (Index first = 0; first < items.rows(); first += kRowBlock) {
    const ConstMatrixRef block = items.middleRows(first, std::min(kRowBlock, items.rows() - first));
    Resize(block.rows(), false, w);
    ForRanges(block.rows(), least_rows_, kLanes, [&](Range rows) {
      EncoderForward(block, nullptr, 0, {}, rows, w);
      DecoderForward(nullptr, rows, w);
    });
    ItemOutOfRange::Check(w.latent, first);
    f(first);
  }
}

void Model::BeginStep(Index batch_size) {
  if (config_.balanced()) RequireMemory(NeedOfStep(*this, batch_size));
  store_.ZeroGradients();
  quantizer_.ZeroGradients();
  batch_size_ = batch_size;
  added_ = 0;
  planned_latents_.resize(config_.balanced() ? batch_size : 0, config_.latent_dim);
  sums_ = {};
  batch_codes_.clear();
}

void Model::PlanBlock(const ConstMatrixRef& items, const uint32_t* names, uint64_t step, const StepExtras& extras) {
  Workspace& w = *workspace_;
  Resize(items.rows(), true, w);
  ForRanges(items.rows(), least_rows_, kLanes,
            [&](Range rows) { EncoderForward(items, names, step, extras, rows, w); });
  planned_latents_.middleRows(added_, items.rows()) = w.latent;
  added_ += items.rows();
}

void Model::Plan() {
  planned_codes_.resize(planned_latents_.rows(), config_.levels());
  quantizer_.AssignBatch(planned_latents_, planned_codes_);
  added_ = 0;
}

void Model::AddBlock(const ConstMatrixRef& items, const uint32_t* names, uint64_t step, const StepExtras& extras) {
  Workspace& w = *workspace_;
  const Index n = items.rows();
  const float per_item = 1.0f / static_cast<float>(batch_size_);
  Resize(n, true, w);
  CodeMatrix planned;
  if (config_.balanced()) planned = planned_codes_.middleRows(added_, n);
  // What concerns a row alone, there and back ...
  ForRanges(n, least_rows_, kLanes, [&](Range rows) {
    EncoderForward(items, names, step, extras, rows, w);
    DecoderForward(config_.balanced() ? &planned : nullptr, rows, w);
    ReconstructionBackward(rows, w);
    OutputBackward(rows, w);
    MatrixRef dquantized = w.dquantized;
    decoder_->Backward(store_, w.doutput, rows, w.decoder_tape, &dquantized);
    quantizer_.Backward(w.tape, w.quantized, w.dquantized, per_item, rows, w.dlatent);
    if (extras.separation != nullptr) {
      extras.separation->AddGradient(quantizer_, names, w.latent, per_item, rows, w.dlatent, w.hinge.data());
    }
    encoder_.Backward(store_, w.dlatent, rows, w.encoder_tape, nullptr);
  });
  // ... then the sums over rows, each thread for its parameters.
  const Index parts = n < 2 * least_rows_ ? 1 : Threads();
  ForParts(parts, [&](Index part) {
    decoder_->AddGradients(store_, w.quantized, w.doutput, w.decoder_tape, part, parts);
    quantizer_.AddGradients(w.tape, w.dquantized, per_item, part, parts);
    encoder_.AddGradients(store_, w.input, w.dlatent, w.encoder_tape, part, parts);
  });
  added_ += n;
  AddLosses(w, sums_);
  batch_codes_.insert(batch_codes_.end(), w.tape.codes.data(), w.tape.codes.data() + w.tape.codes.size());
}

// mse:    d loss / dy = 2 w (y - x~) / batch; hopwise sums over the batch
// cosine: d loss / dy = -w (x~ / |x~| - cos y / |y|) / (|y| batch), the second term only where |y| is not clamped
void Model::ReconstructionBackward(Range rows, Workspace& w) const {
  const float per_item = 1.0f / static_cast<float>(batch_size_);
  const auto weight = static_cast<float>(config_.reconstruction_weight);
  if (config_.reconstruction == Reconstruction::kMse) {
    const float scale = 2 * weight * (config_.compat == Compat::kHopwise ? 1.0f : per_item);
    w.doutput.middleRows(rows.first, rows.count) =
        scale * (w.output.middleRows(rows.first, rows.count) - w.target.middleRows(rows.first, rows.count));
    return;
  }
  for (Index i = rows.first; i < rows.first + rows.count; ++i) {
    const Cosine c = CosineOf(w.output, w.target, i);
    const auto toward = static_cast<float>(-weight * per_item / (c.y_norm * c.x_norm));
    const auto along =
        static_cast<float>(c.y_norm > kCosineEpsilon ? weight * per_item * c.cosine / (c.y_norm * c.y_norm) : 0.0);
    w.doutput.row(i) = toward * w.target.row(i) + along * w.output.row(i);
  }
}

Losses Model::FinishStep() {
  quantizer_.FinishBackward(store_);
  return MeanLosses(std::move(sums_), batch_codes_, batch_size_);
}

}  // namespace rqvae
