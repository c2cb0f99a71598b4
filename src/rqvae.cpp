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
  require(std::isfinite(config.reconstruction_weight) && config.reconstruction_weight >= 0,
          "reconstructionWeight must be at least 0");
  require(std::isfinite(config.input_noise) && config.input_noise >= 0, "inputNoise must be at least 0");
  const bool hopwise = config.compat == Compat::kHopwise;
  require(hopwise || !config.codebook_sim_vq, "codebookSimVq needs compat \"hopwise\"");
  require(!hopwise || (config.input_scaling == InputScaling::kNone && config.linear_skip == LinearSkip::kNone &&
                       config.codebook_gradient == CodebookGradient::kQuantization),
          "compat \"hopwise\" needs inputScaling \"none\", linearSkip \"none\" and codebookGradient \"quantization\"");
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
      input_mean_(config.input_scaling == InputScaling::kNone
                      ? -1
                      : store_.Add("input.mean", {config.input_dim}, ParameterGroup::kInput, false)),
      input_scale_(config.input_scaling == InputScaling::kNone
                       ? -1
                       : store_.Add("input.scale", {1}, ParameterGroup::kInput, false)),
      encoder_(store_, "encoder", EncoderDims(config), config.activation, config.linear_skip != LinearSkip::kNone,
               ParameterGroup::kEncoder),
      quantizer_(store_, config),
      decoder_(part == Part::kEncoder
                   ? nullptr
                   : std::make_unique<Mlp>(store_, "decoder", DecoderDims(config), config.activation,
                                           config.linear_skip != LinearSkip::kNone, ParameterGroup::kDecoder)),
      workspace_(std::make_unique<Workspace>()) {
  store_.Allocate();
  Random random(config_.seed, Stream::kWeights);
  encoder_.Initialize(store_, random);
  if (decoder_) decoder_->Initialize(store_, random);
  quantizer_.Initialize(store_, config_.seed);
  if (input_scale_ >= 0) store_.value(input_scale_)(0, 0) = 1;
  // Nothing needs data: the model may be used as it is.
  initialized_ = !config_.codebook_kmeans_init && config_.linear_skip == LinearSkip::kNone &&
                 config_.input_scaling == InputScaling::kNone;
  ParametersChanged();
}

RqVae::~RqVae() = default;

void RqVae::ParametersChanged() { quantizer_.Prepare(store_); }

uint64_t RqVae::Fingerprint() const {
  uint64_t hash = kNumericsVersion;
  auto add = [&hash](const void* data, size_t size) { hash = HashBytes(data, size, hash); };
  const uint32_t functions[] = {static_cast<uint32_t>(config_.activation), static_cast<uint32_t>(config_.compat)};
  add(functions, sizeof functions);
  for (Index handle = 0; handle < store_.count(); ++handle) {
    const Parameter& p = store_.parameter(handle);
    if (p.group == ParameterGroup::kDecoder) continue;
    add(p.name.data(), p.name.size());
    for (const Index extent : p.shape) {
      const auto fixed = static_cast<uint64_t>(extent);
      add(&fixed, sizeof fixed);
    }
    add(store_.values().data() + p.offset, sizeof(float) * static_cast<size_t>(p.size));
  }
  return hash;
}

void RqVae::ScaleInput(const ConstMatrixRef& items, MatrixRef scaled) const {
  if (input_mean_ < 0) {
    scaled = items;
    return;
  }
  scaled = (items.rowwise() - store_.value(input_mean_).col(0).transpose()) / store_.value(input_scale_)(0, 0);
}

void RqVae::UnscaleInput(const ConstMatrixRef& scaled, MatrixRef items) const {
  if (input_mean_ < 0) {
    items = scaled;
    return;
  }
  items = (scaled * store_.value(input_scale_)(0, 0)).rowwise() + store_.value(input_mean_).col(0).transpose();
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
    UnscaleInput(w.output, items.middleRows(first, rows));
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
  UnscaleInput(w.output, items);
  return items;
}

void RqVae::Quantize(const ConstMatrixRef& items, CodeMatrixRef codes, MatrixRef embeddings, MatrixRef residuals,
                     VectorRef quantize_loss) const {
  const Index d = config_.latent_dim;
  const float weight = static_cast<float>(1 + config_.commitment_weight);
  Matrix latents, quantized;
  ResidualQuantizer::Tape tape;
  for (Index first = 0; first < items.rows(); first += kRowBlock) {
    const Index rows = std::min(kRowBlock, items.rows() - first);
    latents.resize(rows, d);
    quantized.resize(rows, d);
    Latents(items.middleRows(first, rows), latents);
    quantizer_.Forward(latents, tape, quantized);
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

void RqVae::ForwardBlock(const ConstMatrixRef& items, const uint32_t* rows, uint64_t step, bool noise,
                         Workspace& w) const {
  if (!decoder_) throw Error(ErrorKind::kInvalidInput, "this model holds the encoder part only and has no losses");
  const Index n = items.rows();
  w.target.resize(n, config_.input_dim);
  ScaleInput(items, w.target);
  w.input = w.target;
  if (noise && config_.input_noise > 0) {
    AddNoise(config_.seed, step, rows, static_cast<float>(config_.input_noise), w.input);
  }
  w.latent.resize(n, config_.latent_dim);
  w.quantized.resize(n, config_.latent_dim);
  w.decoded.resize(n, config_.input_dim);
  encoder_.Forward(store_, w.input, w.encoder_tape, w.latent);
  quantizer_.Forward(w.latent, w.tape, w.quantized);
  decoder_->Forward(store_, w.quantized, w.decoder_tape, w.decoded);
  OutputForward(w);
}

// Adds a block's sums of losses (not yet divided by the batch size). Within the block from zero, then added, as
// everywhere.
void RqVae::AddLosses(const Workspace& w, Losses& sums) const {
  double reconstruction = 0;
  for (Index i = 0; i < w.output.rows(); ++i) {
    for (Index j = 0; j < w.output.cols(); ++j) {
      const double difference = static_cast<double>(w.output(i, j)) - w.target(i, j);
      reconstruction += difference * difference;
    }
  }
  sums.reconstruction += reconstruction;
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
  sums.quantize = 0;
  for (double& error : sums.quantization_error) {
    error /= n;
    sums.quantize += (1 + config_.commitment_weight) * error;
  }
  for (double& norm : sums.embedding_norm) norm /= n;
  sums.loss = config_.reconstruction_weight * sums.reconstruction + sums.quantize;
  sums.distinct_ids = CountDistinct(Eigen::Map<const CodeMatrix>(codes.data(), batch_size, config_.levels()));
  return sums;
}

Losses RqVae::Evaluate(const ConstMatrixRef& items) const {
  Workspace w;
  Losses sums;
  std::vector<uint32_t> codes;
  for (Index first = 0; first < items.rows(); first += kRowBlock) {
    ForwardBlock(items.middleRows(first, std::min(kRowBlock, items.rows() - first)), nullptr, 0, false, w);
    AddLosses(w, sums);
    codes.insert(codes.end(), w.tape.codes.data(), w.tape.codes.data() + w.tape.codes.size());
  }
  return MeanLosses(std::move(sums), codes, items.rows());
}

void RqVae::BeginStep(Index batch_size) {
  store_.ZeroGradients();
  quantizer_.ZeroGradients();
  batch_size_ = batch_size;
  sums_ = {};
  batch_codes_.clear();
}

void RqVae::AddBlock(const ConstMatrixRef& items, const uint32_t* rows, uint64_t step) {
  Workspace& w = *workspace_;
  ForwardBlock(items, rows, step, true, w);
  AddLosses(w, sums_);
  batch_codes_.insert(batch_codes_.end(), w.tape.codes.data(), w.tape.codes.data() + w.tape.codes.size());

  // d loss / dy = 2 w (y - x~) / batch; hopwise sums over the batch.
  const float per_item = 1.0f / static_cast<float>(batch_size_);
  const float scale =
      2 * static_cast<float>(config_.reconstruction_weight) * (config_.compat == Compat::kHopwise ? 1.0f : per_item);
  w.doutput = scale * (w.output - w.target);
  OutputBackward(w);
  decoder_->Backward(store_, w.quantized, w.decoder_tape, w.doutput, &w.dquantized);
  w.dlatent.resize(w.latent.rows(), w.latent.cols());
  quantizer_.Backward(w.tape, w.dquantized, per_item, w.dlatent);
  encoder_.Backward(store_, w.input, w.encoder_tape, w.dlatent, nullptr);
}

Losses RqVae::FinishStep() {
  quantizer_.FinishBackward(store_);
  return MeanLosses(std::move(sums_), batch_codes_, batch_size_);
}

}  // namespace rqvae
