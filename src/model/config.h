// A model's configuration: every choice that its parameters, its functions or its losses depend on.
#ifndef RQVAE_CONFIG_H_
#define RQVAE_CONFIG_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "activation.h"
#include "input_scaler.h"
#include "matrix.h"
#include "residual_quantizer.h"

namespace rqvae {

// A linear path next to each MLP: enc(x) = S x + s + mlp(x), dec(z) = T z + t + mlp'(z).
enum class LinearSkip {
  kNone,
  kPca,       // S, T start at the first principal directions and the last layers of both MLPs at zero: the untrained
              // model is residual k-means in a PCA space
  kIdentity,  // S, T start at the identity (latent_dim = input_dim): residual k-means at full width, without a PCA
};

enum class Reconstruction {
  kMse,     // ||y - x~||^2, summed over the features
  kCosine,  // 1 - cos(y, x~)
};

enum class Compat {
  kNone,
  kHopwise,  // the functions of the Hopwise tutorial's program; see Model and losses.h
};

struct ModelConfig {
  Index input_dim = 0;
  Index latent_dim = 64;
  std::vector<Index> hidden_dims = {256, 128};
  std::vector<Index> codebook_sizes = {256, 256, 256};  // one per quantisation level
  Activation activation = Activation::kSilu;
  InputScaling input_scaling = InputScaling::kCommonScale;
  LinearSkip linear_skip = LinearSkip::kPca;
  CodebookGradient codebook_gradient = CodebookGradient::kJoint;
  CodebookUpdate codebook_update = CodebookUpdate::kGradient;
  GradientEstimator gradient_estimator = GradientEstimator::kStraightThrough;
  Reconstruction reconstruction = Reconstruction::kMse;
  Compat compat = Compat::kNone;
  bool layer_norm = false;           // after every hidden Linear, before its activation
  bool codebook_sim_vq = false;      // codebook = embedding W^T with a learned square W (SimVQ, Zhu et al. 2024)
  bool codebook_kmeans_init = true;  // otherwise N(0, 1), as torch.nn.Embedding
  // k-means of the codebooks together with the search: see InitializeJob.
  bool codebook_refine = false;
  double commitment_weight = 0.25;  // beta
  double codebook_weight = 1.0;     // of ||sg(r) - q||^2
  double reconstruction_weight = 1.0;
  double input_noise = 0.0;  // standard deviation in units of x~, training only
  double ema_decay = 0.99;   // of CodebookUpdate::kEma, per step
  // Sinkhorn-balanced assignment in training (sinkhorn.h), one per level; 0, or empty: the nearest code.
  std::vector<double> sinkhorn_epsilon;
  Index sinkhorn_iterations = 50;
  Index encode_beam = 1;  // width of the beam search over the levels that gives IDs; 1: greedy
  // Weight of the first code's own error in that search, next to the whole ID's (beam_search.h). Without effect on a
  // greedy search.
  double first_code_weight = 0.0;
  uint64_t seed = 0;

  QuantizerOptions quantizer() const;

  Index levels() const { return static_cast<Index>(codebook_sizes.size()); }
  bool balanced() const {
    return std::any_of(sinkhorn_epsilon.begin(), sinkhorn_epsilon.end(), [](double epsilon) { return epsilon > 0; });
  }
};

// Throws kInvalidInput, naming the field, for invalid values. Returns the configuration.
const ModelConfig& Validated(const ModelConfig& config);

}  // namespace rqvae

#endif  // RQVAE_CONFIG_H_
