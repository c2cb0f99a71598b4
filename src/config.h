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
  kNone,         // x~ = x
  kCenter,       // mean per dimension, scale 1
  kCommonScale,  // mean per dimension, one scale: the root of the mean variance over all dimensions
};

// A linear path beside each MLP: enc(x) = S x + s + mlp(x), dec(z) = T z + t + mlp'(z).
enum class LinearSkip {
  kNone,
  kPca,  // S, T start at the first principal directions and the last layers of both MLPs at zero: the untrained model
         // is residual k-means in a PCA space
};

// Which loss reaches the codebooks. The encoder always gets the reconstruction's gradient straight through.
enum class CodebookGradient {
  kQuantization,  // only ||sg(r) - q||^2: the classical straight-through estimator (van den Oord et al. 2017)
  kJoint,         // the reconstruction too: the decoder's input is sum(q) + z - sg(z)
};

enum class Compat {
  kNone,
  kHopwise,  // the functions of the Hopwise tutorial's program; see RqVae
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
  Compat compat = Compat::kNone;
  bool codebook_sim_vq = false;      // codebook = embedding W^T with a learned square W (SimVQ); compat only
  bool codebook_kmeans_init = true;  // otherwise N(0, 1), as torch.nn.Embedding
  double commitment_weight = 0.25;   // beta
  double reconstruction_weight = 1.0;
  double input_noise = 0.0;  // standard deviation in units of x~, training only
  uint64_t seed = 0;

  Index levels() const { return static_cast<Index>(codebook_sizes.size()); }
};

enum class OptimizerKind { kAdam, kAdamW, kAdagrad, kSgd };

// PyTorch's definitions and defaults.
struct OptimizerConfig {
  OptimizerKind kind = OptimizerKind::kAdam;
  double learning_rate = 1e-3;
  double codebook_learning_rate_scale = 1.0;  // the codebooks' rate is learning_rate times this
  double weight_decay = 0.0;                  // L2 in the gradient; decoupled for AdamW
  double beta1 = 0.9;                         // Adam, AdamW
  double beta2 = 0.999;                       // Adam, AdamW
  double epsilon = 1e-8;                      // Adam, AdamW; Adagrad's is 1e-10
  double momentum = 0.0;                      // SGD
};

enum class Schedule { kConstant, kCosine, kLinear };

struct TrainConfig {
  OptimizerConfig optimizer;
  Index epochs = 100;
  Index batch_size = 1024;
  Schedule schedule = Schedule::kConstant;  // of the learning rate, per step, down to zero
  double warmup = 0.0;                      // share of all steps in which the rate rises linearly from zero
  Index evaluate_every = 1;                 // epochs between whole-catalogue evaluations; the last epoch always is one
};

}  // namespace rqvae

#endif  // RQVAE_CONFIG_H_
