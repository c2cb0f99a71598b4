// What a model is (ModelConfig) and how it is trained (TrainConfig): plain structs, one line a parameter.
#ifndef RQVAE_CONFIG_H_
#define RQVAE_CONFIG_H_

#include <cstdint>
#include <vector>

#include "matrix.h"

namespace rqvae {

enum class Activation { kSilu, kRelu };

// How the input is shifted and scaled before the encoder: x~ = (x - mean) / scale, learned on the training set.
enum class InputScaling {
  kNone,          // x~ = x
  kCenter,        // mean per dimension, scale 1
  kCommonScale,   // mean per dimension, one scale: the root of the mean variance over all dimensions
  kPerDimension,  // mean and standard deviation per dimension
  kL2,            // every row to unit length first, then as kCommonScale
};

// A linear path beside each MLP: enc(x) = S x + s + mlp(x), dec(z) = T z + t + mlp'(z).
enum class LinearSkip {
  kNone,
  kPca,       // S, T start at the first principal directions and the last layers of both MLPs at zero: the untrained
              // model is residual k-means in a PCA space
  kIdentity,  // S, T start at the identity (latent_dim = input_dim): residual k-means at full width, without a PCA
};

// Which loss reaches the codebooks. The encoder always gets the reconstruction's gradient straight through.
enum class CodebookGradient {
  kQuantization,  // only ||sg(r) - q||^2: the classical straight-through estimator (van den Oord et al. 2017)
  kJoint,         // the reconstruction too: the decoder's input is sum(q) + z - sg(z)
};

// How the codebooks move.
enum class CodebookUpdate {
  kGradient,  // by the optimiser
  kEma,       // to exponential moving averages of the residuals assigned to each code (van den Oord et al. 2017, A.1)
};

// How the gradient of z^ becomes the gradient of z.
enum class GradientEstimator {
  kStraightThrough,  // dz = dz^ (Bengio et al. 2013)
  kRotation,         // through the rotation and scaling that take z to z^ (Fifty et al. 2024)
};

enum class Reconstruction {
  kMse,     // ||y - x~||^2, summed over the features
  kCosine,  // 1 - cos(y, x~)
};

enum class Compat {
  kNone,
  kHopwise,  // the functions of the Hopwise tutorial's program; see Model
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
  double commitment_weight = 0.25;   // beta
  double codebook_weight = 1.0;      // of ||sg(r) - q||^2
  double reconstruction_weight = 1.0;
  double input_noise = 0.0;  // standard deviation in units of x~, training only
  double ema_decay = 0.99;   // of CodebookUpdate::kEma, per step
  // Sinkhorn-balanced assignment in training (sinkhorn.h), one a level; 0, or empty: the nearest code.
  std::vector<double> sinkhorn_epsilon;
  Index sinkhorn_iterations = 50;
  Index encode_beam = 1;  // width of the beam search over the levels that gives IDs; 1: greedy
  uint64_t seed = 0;

  Index levels() const { return static_cast<Index>(codebook_sizes.size()); }
  bool balanced() const {
    for (double epsilon : sinkhorn_epsilon) {
      if (epsilon > 0) return true;
    }
    return false;
  }
};

enum class OptimizerKind { kAdam, kAdamW, kAdagrad, kSgd };

// PyTorch's definitions and defaults.
struct OptimizerConfig {
  OptimizerKind kind = OptimizerKind::kAdam;
  double learning_rate = 1e-3;
  double encoder_learning_rate_scale = 1.0;  // the encoder's rate is learning_rate times this; the others likewise
  double decoder_learning_rate_scale = 1.0;
  double codebook_learning_rate_scale = 1.0;
  double gradient_clip = 0.0;  // largest global norm of all gradients; 0: no clipping
  double weight_decay = 0.0;   // L2 in the gradient; decoupled for AdamW
  double beta1 = 0.9;          // Adam, AdamW
  double beta2 = 0.999;        // Adam, AdamW
  double epsilon = 1e-8;       // Adam, AdamW; Adagrad's is 1e-10
  double momentum = 0.0;       // SGD
};

enum class Schedule { kConstant, kCosine, kLinear };

// Which weights a finished training leaves in the model.
enum class Select {
  kLast,
  kLoss,       // lowest reconstruction loss of the validation rows (without such rows: lowest training loss)
  kCollision,  // most distinct IDs over all rows; ties: the lower loss
};

struct TrainConfig {
  OptimizerConfig optimizer;
  Index epochs = 100;
  Index batch_size = 1024;
  Schedule schedule = Schedule::kConstant;  // of the learning rate, per step, down to zero
  double warmup = 0.0;                      // share of all steps in which the rate rises linearly from zero
  Index evaluate_every = 1;                 // epochs between whole-catalogue evaluations; the last epoch always is one
  double validation_share = 0.0;            // of the rows, kept out of training and initialisation
  Select select = Select::kLast;
  Index patience = 0;              // stop after this many evaluations without a better one; 0: never
  bool dead_code_restart = false;  // see dead_codes.h
  double residual_noise = 0.0;     // factor of the residual noise; 0: none. See Model's StepExtras
  double separation_weight = 0.0;  // see separation.h; 0: off
  double separation_margin = 0.05;
};

}  // namespace rqvae

#endif  // RQVAE_CONFIG_H_
