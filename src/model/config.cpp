#include "config.h"

#include <cmath>

#include "error.h"

namespace rqvae {
namespace {

// Far beyond the weight at which every first code is the nearest, but small enough that a search's sums stay finite.
constexpr double kMaxFirstCodeWeight = 1e6;

}  // namespace

QuantizerOptions ModelConfig::quantizer() const {
  return {.latent_dim = latent_dim,
          .codebook_sizes = codebook_sizes,
          .gradient = codebook_gradient,
          .update = codebook_update,
          .estimator = gradient_estimator,
          .hopwise = compat == Compat::kHopwise,
          .sim_vq = codebook_sim_vq,
          .kmeans_init = codebook_kmeans_init,
          .commitment_weight = static_cast<float>(commitment_weight),
          .codebook_weight = static_cast<float>(codebook_weight),
          .ema_decay = static_cast<float>(ema_decay),
          .sinkhorn_epsilon = sinkhorn_epsilon,
          .sinkhorn_iterations = sinkhorn_iterations,
          .encode_beam = encode_beam,
          .first_code_weight = static_cast<float>(first_code_weight)};
}

const ModelConfig& Validated(const ModelConfig& config) {
  auto require = [](bool ok, const char* message) {
    if (!ok) throw Error(ErrorKind::kInvalidInput, message);
  };
  require(config.input_dim > 0, "input_dim must be positive");
  require(config.latent_dim > 0, "latent_dim must be positive");
  require(!config.codebook_sizes.empty(), "codebook_sizes needs at least one level");
  for (Index size : config.codebook_sizes) require(size > 0, "codebook_sizes must be positive at every level");
  for (Index dim : config.hidden_dims) require(dim > 0, "hidden_dims must be positive");
  require(std::isfinite(config.commitment_weight) && config.commitment_weight >= 0,
          "commitment_weight must be at least 0");
  require(std::isfinite(config.codebook_weight) && config.codebook_weight >= 0, "codebook_weight must be at least 0");
  require(std::isfinite(config.reconstruction_weight) && config.reconstruction_weight >= 0,
          "reconstruction_weight must be at least 0");
  require(std::isfinite(config.input_noise) && config.input_noise >= 0, "input_noise must be at least 0");
  const bool hopwise = config.compat == Compat::kHopwise;
  require(
      !hopwise || (config.input_scaling == InputScaling::kNone && config.linear_skip == LinearSkip::kNone &&
                   config.codebook_gradient == CodebookGradient::kQuantization &&
                   config.codebook_update == CodebookUpdate::kGradient &&
                   config.gradient_estimator == GradientEstimator::kStraightThrough &&
                   config.reconstruction == Reconstruction::kMse && !config.layer_norm),
      "compat \"hopwise\" needs input_scaling \"none\", linear_skip \"none\", codebook_gradient \"quantization\", "
      "codebook_update \"gradient\", gradient_estimator \"straightThrough\", reconstruction \"mse\" and no layer_norm");
  require(config.codebook_update == CodebookUpdate::kGradient ||
              (config.codebook_gradient == CodebookGradient::kQuantization && !config.codebook_sim_vq),
          "codebook_update \"ema\" needs codebook_gradient \"quantization\" and no codebook_sim_vq");
  require(!config.codebook_refine || (!hopwise && !config.codebook_sim_vq),
          "codebook_refine cannot be combined with codebook_sim_vq or compat \"hopwise\"");
  require(config.ema_decay >= 0 && config.ema_decay < 1, "ema_decay must be from 0 to below 1");
  require(config.linear_skip != LinearSkip::kIdentity || config.latent_dim == config.input_dim,
          "linear_skip \"identity\" needs latent_dim to be input_dim");
  require(config.encode_beam > 0, "encode_beam must be positive");
  require(config.first_code_weight >= 0 && config.first_code_weight <= kMaxFirstCodeWeight,
          "first_code_weight must be from 0 to 1e6");
  require(config.sinkhorn_epsilon.empty() || static_cast<Index>(config.sinkhorn_epsilon.size()) == config.levels(),
          "sinkhorn_epsilon needs one value per level");
  for (double epsilon : config.sinkhorn_epsilon) {
    require(std::isfinite(epsilon) && epsilon >= 0, "sinkhorn_epsilon must be at least 0");
  }
  require(config.sinkhorn_iterations > 0, "sinkhorn_iterations must be positive");
  // NOLINTNEXTLINE(bugprone-return-const-ref-from-parameter): for initialisers, which copy it at once
  return config;
}

}  // namespace rqvae
