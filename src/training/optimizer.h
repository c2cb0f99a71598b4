// Optimisers of a ParameterStore, with PyTorch's definitions and defaults: Adam (Kingma & Ba 2015, weight decay as L2
// in the gradient), AdamW (Loshchilov & Hutter 2019, decoupled), Adagrad (Duchi et al. 2011), SGD with momentum.
#ifndef RQVAE_OPTIMIZER_H_
#define RQVAE_OPTIMIZER_H_

#include "archive.h"
#include "parameter_store.h"

namespace rqvae {

enum class OptimizerKind { kAdam, kAdamW, kAdagrad, kSgd };

// PyTorch's definitions and defaults.
struct OptimizerConfig {
  OptimizerKind kind = OptimizerKind::kAdam;
  double learning_rate = 1e-3;
  double encoder_learning_rate_scale =
      1.0;  // the encoder's rate is learning_rate times this; the other two work the same way
  double decoder_learning_rate_scale = 1.0;
  double codebook_learning_rate_scale = 1.0;
  double gradient_clip = 0.0;  // largest global norm of all gradients; 0: no clipping
  double weight_decay = 0.0;   // L2 in the gradient; decoupled for AdamW
  double beta1 = 0.9;          // Adam, AdamW
  double beta2 = 0.999;        // Adam, AdamW
  double epsilon = 1e-8;       // Adam, AdamW; Adagrad's is 1e-10
  double momentum = 0.0;       // SGD
};

// Holds only its own state. It never changes the input statistics; weight decay applies to parameters marked `decayed`.
class Optimizer {
 public:
  Optimizer(const OptimizerConfig& config, const ParameterStore& store);

  // How many vectors of the store's size its state takes, including the state before the last step.
  static int StateVectors(const OptimizerConfig& config);

  // Makes one step from the gradients (of the store's layout) at the learning rate config.learning_rate * rate_scale
  // (times the group's scale). With gradient_clip it first scales the gradients as torch.nn.utils.clip_grad_norm_ does:
  // by clip / (norm + 1e-6) if that is below one, with the global norm of all trained parameters' gradients. Returns
  // whether all values and moments are finite, and keeps their previous values until the next step.
  bool Step(ParameterStore& store, Vector& gradients, double rate_scale = 1.0);
  // Undoes the last Step, here and in the store. At most once per step.
  void UndoStep(ParameterStore& store);

  // Resets the moments of one row of a parameter that was replaced by something unrelated.
  void Forget(const ParameterStore& store, Index handle, Index row);

  void Visit(Archive& archive);

  int64_t steps() const { return state_.steps; }
  const OptimizerConfig& config() const { return config_; }

 private:
  struct State {
    int64_t steps = 0;
    double beta1_power = 1;  // beta1^steps, by repeated multiplication: pow differs between hosts
    double beta2_power = 1;
    Vector first;   // Adam: first moment; SGD: momentum buffer
    Vector second;  // Adam: second moment; Adagrad: sum of squares
  };

  bool StepRange(ParameterStore& store, const Vector& gradients, double rate_scale, Range range);

  OptimizerConfig config_;
  State state_;
  // Before the last step. A step computes all moments and values anew, so nothing is copied: the buffers are swapped.
  State previous_;
  Vector previous_values_;
};

}  // namespace rqvae

#endif  // RQVAE_OPTIMIZER_H_
