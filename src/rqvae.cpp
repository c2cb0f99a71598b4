#include "rqvae.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "activation.h"
#include "error.h"
#include "hash.h"
#include "id_statistics.h"

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

}  // namespace

struct RqVae::Workspace {
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
};

RqVae::RqVae(const ModelConfig& config, Part part)
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
  store_.Allocate();
  Random random(config_.seed, Stream::kWeights);
  encoder_.Initialize(store_, random);
  if (decoder_) decoder_->Initialize(store_, random);
  quantizer_.Initialize(store_, config_.seed);
  scaler_.Initialize(store_);
  // Nothing needs data: the model may be used as it is.
  initialized_ = !config_.codebook_kmeans_init && config_.linear_skip == LinearSkip::kNone &&
                 config_.input_scaling == InputScaling::kNone;
  ParametersChanged();
}

RqVae::~RqVae() = default;

void RqVae::ParametersChanged() { quantizer_.Prepare(store_); }

void RqVae::FinishUpdate() {
  quantizer_.UpdateAverages(store_);
  ParametersChanged();
}

void RqVae::ReplaceCode(Index level, Index code, const ConstVectorRef& vector) {
  quantizer_.SetCode(store_, level, code, vector);
}

void RqVae::ReplaceCodebook(Index level, const ConstMatrixRef& centers) {
  quantizer_.SetCodebook(store_, level, centers);
  ParametersChanged();
}

const ResidualQuantizer::Tape& RqVae::last_block() const { return workspace_->tape; }

uint64_t RqVae::Fingerprint() const {
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

void RqVae::Latents(const ConstMatrixRef& items, MatrixRef latents) const {
  Matrix scaled;
  Mlp::Tape tape;
  for (Index first = 0; first < items.rows(); first += kRowBlock) {
    const Index rows = std::min(kRowBlock, items.rows() - first);
    scaled.resize(rows, items.cols());
    ScaleInput(items.middleRows(first, rows), scaled);
    encoder_.Forward(store_, scaled, tape, latents.middleRows(first, rows));
  }
}

void RqVae::Encode(const ConstMatrixRef& items, CodeMatrixRef codes, MatrixRef* margins) const {
  Matrix latents;
  for (Index first = 0; first < items.rows(); first += kRowBlock) {
    const Index rows = std::min(kRowBlock, items.rows() - first);
    latents.resize(rows, config_.latent_dim);
    Latents(items.middleRows(first, rows), latents);
    if (margins == nullptr) {
      quantizer_.Encode(latents, codes.middleRows(first, rows), nullptr);
    } else {
      MatrixRef block = margins->middleRows(first, rows);
      quantizer_.Encode(latents, codes.middleRows(first, rows), &block);
    }
  }
}

void RqVae::OutputForward(Workspace& w) const {
  if (config_.compat != Compat::kHopwise) {
    w.output = w.decoded;
    return;
  }
  const Index rows = w.decoded.rows(), cols = w.decoded.cols();
  w.sigmoid.resize(rows, cols);
  w.output.resize(rows, cols);
  w.norm.resize(rows);
  Sigmoid(w.decoded, w.sigmoid);
  for (Index i = 0; i < rows; ++i) {
    float square = 0;
    for (Index j = 0; j < cols; ++j) square += w.sigmoid(i, j) * w.sigmoid(i, j);
    w.norm[i] = std::sqrt(square);
    w.output.row(i) = w.sigmoid.row(i) / std::max(w.norm[i], kNormalizeEpsilon);
  }
}

// y = u / max(||u||, eps):  du = (dy - y (y.dy)) / ||u||,  or dy / eps below eps;  u = sigmoid(o):  do = du u (1 - u).
void RqVae::OutputBackward(Workspace& w) const {
  if (config_.compat != Compat::kHopwise) return;
  for (Index i = 0; i < w.doutput.rows(); ++i) {
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

void RqVae::Decode(const ConstCodeMatrixRef& codes, MatrixRef items) const {
  if (!decoder_) throw Error(ErrorKind::kInvalidInput, "this model holds the encoder part only and cannot decode");
  Workspace w;
  for (Index first = 0; first < codes.rows(); first += kRowBlock) {
    const Index rows = std::min(kRowBlock, codes.rows() - first);
    w.quantized.resize(rows, config_.latent_dim);
    w.decoded.resize(rows, config_.input_dim);
    quantizer_.Lookup(codes.middleRows(first, rows), w.quantized);
    decoder_->Forward(store_, w.quantized, w.decoder_tape, w.decoded);
    OutputForward(w);
    scaler_.Unscale(store_, w.output, items.middleRows(first, rows));
  }
}

Matrix RqVae::CodebookInInputSpace(Index level) const {
  if (!decoder_) throw Error(ErrorKind::kInvalidInput, "this model holds the encoder part only and cannot decode");
  const Matrix& codebook = quantizer_.codebook(level);
  Workspace w;
  w.decoded.resize(codebook.rows(), config_.input_dim);
  decoder_->Forward(store_, codebook, w.decoder_tape, w.decoded);
  OutputForward(w);
  Matrix items(codebook.rows(), config_.input_dim);
  scaler_.Unscale(store_, w.output, items);
  return items;
}

void RqVae::Quantize(const ConstMatrixRef& items, CodeMatrixRef codes, MatrixRef embeddings, MatrixRef residuals,
                     VectorRef quantize_loss) const {
  const Index d = config_.latent_dim;
  const float weight = static_cast<float>(config_.codebook_weight + config_.commitment_weight);
  Matrix latents, quantized;
  ResidualQuantizer::Tape tape;
  for (Index first = 0; first < items.rows(); first += kRowBlock) {
    const Index rows = std::min(kRowBlock, items.rows() - first);
    latents.resize(rows, d);
    quantized.resize(rows, d);
    Latents(items.middleRows(first, rows), latents);
    quantizer_.Forward(latents, nullptr, tape, quantized);
    codes.middleRows(first, rows) = tape.codes;
    auto loss = quantize_loss.segment(first, rows);
    loss.setZero();
    for (Index l = 0; l < config_.levels(); ++l) {
      residuals.block(first, l * d, rows, d) = tape.residuals[static_cast<size_t>(l)];
      for (Index i = 0; i < rows; ++i) {
        embeddings.block(first + i, l * d, 1, d) = quantizer_.codebook(l).row(tape.codes(i, l));
      }
      loss += weight * tape.error[static_cast<size_t>(l)];
    }
  }
}

void RqVae::EncoderForward(const ConstMatrixRef& items, const uint32_t* rows, uint64_t step, const StepExtras& extras,
                           Workspace& w) const {
  if (!decoder_) throw Error(ErrorKind::kInvalidInput, "this model holds the encoder part only and has no losses");
  w.target.resize(items.rows(), config_.input_dim);
  ScaleInput(items, w.target);
  w.input = w.target;
  if (rows != nullptr && config_.input_noise > 0) {
    AddNoise(config_.seed, step, rows, static_cast<float>(config_.input_noise), w.input);
  }
  if (rows != nullptr && extras.residuals != nullptr) {
    const auto pool = static_cast<uint64_t>(extras.residuals->rows());
    for (Index i = 0; i < items.rows(); ++i) {
      const uint64_t hash = Hash(config_.seed, Stream::kResidual, step, rows[i]);
      const auto chosen = static_cast<Index>(((hash >> 32) * pool) >> 32);
      const float factor = (hash & 1) != 0 ? extras.residual_noise : -extras.residual_noise;
      w.input.row(i) += factor * extras.residuals->row(chosen);
    }
  }
  w.latent.resize(items.rows(), config_.latent_dim);
  encoder_.Forward(store_, w.input, w.encoder_tape, w.latent);
}

void RqVae::DecoderForward(const CodeMatrix* codes, Workspace& w) const {
  const Index n = w.latent.rows();
  w.quantized.resize(n, config_.latent_dim);
  w.decoded.resize(n, config_.input_dim);
  quantizer_.Forward(w.latent, codes, w.tape, w.quantized);
  decoder_->Forward(store_, w.quantized, w.decoder_tape, w.decoded);
  OutputForward(w);
}

// Adds a block's sums of losses (not yet divided by the batch size). Within the block from zero, then added, as
// everywhere.
void RqVae::AddLosses(const Workspace& w, Losses& sums) const {
  double square_error = 0, energy = 0, cosine_loss = 0;
  for (Index i = 0; i < w.output.rows(); ++i) {
    for (Index j = 0; j < w.output.cols(); ++j) {
      const double difference = static_cast<double>(w.output(i, j)) - w.target(i, j);
      square_error += difference * difference;
    }
    for (Index j = 0; j < w.latent.cols(); ++j) energy += static_cast<double>(w.latent(i, j)) * w.latent(i, j);
    if (config_.reconstruction == Reconstruction::kCosine) cosine_loss += 1 - CosineOf(w.output, w.target, i).cosine;
  }
  sums.square_error += square_error;
  sums.latent_energy += energy;
  sums.reconstruction += config_.reconstruction == Reconstruction::kCosine ? cosine_loss : square_error;
  const auto levels = static_cast<size_t>(config_.levels());
  sums.quantization_error.resize(levels);
  sums.embedding_norm.resize(levels);
  for (size_t l = 0; l < levels; ++l) {
    double error = 0, norm = 0;
    const Matrix& codebook = quantizer_.codebook(static_cast<Index>(l));
    for (Index i = 0; i < w.output.rows(); ++i) {
      error += w.tape.error[l][i];
      double square = 0;
      const float* q = codebook.row(w.tape.codes(i, static_cast<Index>(l))).data();
      for (Index j = 0; j < codebook.cols(); ++j) square += static_cast<double>(q[j]) * q[j];
      norm += std::sqrt(square);
    }
    sums.quantization_error[l] += error;
    sums.embedding_norm[l] += norm;
  }
}

Losses RqVae::MeanLosses(Losses sums, const std::vector<uint32_t>& codes, Index batch_size) const {
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

void RqVae::Residuals(const ConstMatrixRef& items, MatrixRef residuals) const {
  Workspace w;
  for (Index first = 0; first < items.rows(); first += kRowBlock) {
    const Index rows = std::min(kRowBlock, items.rows() - first);
    EncoderForward(items.middleRows(first, rows), nullptr, 0, {}, w);
    DecoderForward(nullptr, w);
    residuals.middleRows(first, rows) = w.target - w.output;
  }
}

Losses RqVae::Evaluate(const ConstMatrixRef& items) const {
  Workspace w;
  Losses sums;
  std::vector<uint32_t> codes;
  for (Index first = 0; first < items.rows(); first += kRowBlock) {
    const Index rows = std::min(kRowBlock, items.rows() - first);
    EncoderForward(items.middleRows(first, rows), nullptr, 0, {}, w);
    DecoderForward(nullptr, w);
    AddLosses(w, sums);
    codes.insert(codes.end(), w.tape.codes.data(), w.tape.codes.data() + w.tape.codes.size());
  }
  return MeanLosses(std::move(sums), codes, items.rows());
}

void RqVae::BeginStep(Index batch_size) {
  store_.ZeroGradients();
  quantizer_.ZeroGradients();
  batch_size_ = batch_size;
  added_ = 0;
  planned_latents_.resize(config_.balanced() ? batch_size : 0, config_.latent_dim);
  sums_ = {};
  batch_codes_.clear();
}

void RqVae::PlanBlock(const ConstMatrixRef& items, const uint32_t* rows, uint64_t step, const StepExtras& extras) {
  EncoderForward(items, rows, step, extras, *workspace_);
  planned_latents_.middleRows(added_, items.rows()) = workspace_->latent;
  added_ += items.rows();
}

void RqVae::Plan() {
  planned_codes_.resize(planned_latents_.rows(), config_.levels());
  quantizer_.AssignBatch(planned_latents_, planned_codes_);
  added_ = 0;
}

void RqVae::AddBlock(const ConstMatrixRef& items, const uint32_t* rows, uint64_t step, const StepExtras& extras) {
  Workspace& w = *workspace_;
  EncoderForward(items, rows, step, extras, w);
  if (config_.balanced()) {
    const CodeMatrix codes = planned_codes_.middleRows(added_, items.rows());
    DecoderForward(&codes, w);
  } else {
    DecoderForward(nullptr, w);
  }
  added_ += items.rows();
  AddLosses(w, sums_);
  batch_codes_.insert(batch_codes_.end(), w.tape.codes.data(), w.tape.codes.data() + w.tape.codes.size());

  ReconstructionBackward(w);
  OutputBackward(w);
  decoder_->Backward(store_, w.quantized, w.decoder_tape, w.doutput, &w.dquantized);
  w.dlatent.resize(w.latent.rows(), w.latent.cols());
  const float per_item = 1.0f / static_cast<float>(batch_size_);
  quantizer_.Backward(w.tape, w.quantized, w.dquantized, per_item, w.dlatent);
  if (extras.separation != nullptr) {
    sums_.separation += extras.separation->AddGradient(quantizer_, rows, w.latent, per_item, w.dlatent);
  }
  encoder_.Backward(store_, w.input, w.encoder_tape, w.dlatent, nullptr);
}

// mse:    d loss / dy = 2 w (y - x~) / batch; hopwise sums over the batch
// cosine: d loss / dy = -w (x~ / |x~| - cos y / |y|) / (|y| batch), the second term only where |y| is not clamped
void RqVae::ReconstructionBackward(Workspace& w) const {
  const float per_item = 1.0f / static_cast<float>(batch_size_);
  const auto weight = static_cast<float>(config_.reconstruction_weight);
  if (config_.reconstruction == Reconstruction::kMse) {
    const float scale = 2 * weight * (config_.compat == Compat::kHopwise ? 1.0f : per_item);
    w.doutput = scale * (w.output - w.target);
    return;
  }
  w.doutput.resize(w.output.rows(), w.output.cols());
  for (Index i = 0; i < w.output.rows(); ++i) {
    const Cosine c = CosineOf(w.output, w.target, i);
    const auto toward = static_cast<float>(-weight * per_item / (c.y_norm * c.x_norm));
    const auto along =
        static_cast<float>(c.y_norm > kCosineEpsilon ? weight * per_item * c.cosine / (c.y_norm * c.y_norm) : 0.0);
    w.doutput.row(i) = toward * w.target.row(i) + along * w.output.row(i);
  }
}

Losses RqVae::FinishStep() {
  quantizer_.FinishBackward(store_);
  return MeanLosses(std::move(sums_), batch_codes_, batch_size_);
}

}  // namespace rqvae
