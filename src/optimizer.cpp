#include "optimizer.h"

#include <cmath>

namespace rqvae {

Optimizer::Optimizer(const OptimizerConfig& config, const ParameterStore& store) : config_(config) {
  const Index size = store.values().size();
  const bool moments = config.kind == OptimizerKind::kAdam || config.kind == OptimizerKind::kAdamW;
  if (moments || (config.kind == OptimizerKind::kSgd && config.momentum != 0)) first_ = Vector::Zero(size);
  if (moments || config.kind == OptimizerKind::kAdagrad) second_ = Vector::Zero(size);
}

// Per parameter p with gradient g, rate a, decay w (element-wise; hats are divisions by 1 - beta^t):
//   Adam      g += w p;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  p -= a m^ / (sqrt(v^) + eps)
//   AdamW     p -= a w p;  then Adam without decay
//   Adagrad   g += w p;  s += g^2;  p -= a g / (sqrt(s) + eps)
//   SGD       g += w p;  m = momentum m + g (m = g at the first step);  p -= a m
void Optimizer::Step(ParameterStore& store, double rate_scale) {
  ++steps_;
  beta1_power_ *= config_.beta1;
  beta2_power_ *= config_.beta2;
  const float beta1 = static_cast<float>(config_.beta1), beta2 = static_cast<float>(config_.beta2);
  const float one_minus_beta1 = static_cast<float>(1 - config_.beta1);
  const float one_minus_beta2 = static_cast<float>(1 - config_.beta2);
  const float root_correction2 = static_cast<float>(std::sqrt(1 - beta2_power_));
  const float epsilon = static_cast<float>(config_.epsilon);
  for (Index handle = 0; handle < store.count(); ++handle) {
    const Parameter& parameter = store.parameter(handle);
    if (!parameter.trained()) continue;
    const double rate = config_.learning_rate * rate_scale *
                        (parameter.group == ParameterGroup::kCodebook ? config_.codebook_learning_rate_scale : 1.0);
    const double decay = parameter.decayed ? config_.weight_decay : 0.0;
    auto p = store.values().segment(parameter.offset, parameter.size).array();
    auto g = store.gradients().segment(parameter.offset, parameter.size).array();
    auto m = first_.segment(first_.size() ? parameter.offset : 0, first_.size() ? parameter.size : 0).array();
    auto v = second_.segment(second_.size() ? parameter.offset : 0, second_.size() ? parameter.size : 0).array();
    if (decay != 0) {
      if (config_.kind == OptimizerKind::kAdamW) {
        p *= static_cast<float>(1 - rate * decay);
      } else {
        g += static_cast<float>(decay) * p;
      }
    }
    switch (config_.kind) {
      case OptimizerKind::kAdam:
      case OptimizerKind::kAdamW: {
        const float step_size = static_cast<float>(rate / (1 - beta1_power_));
        m = beta1 * m + one_minus_beta1 * g;
        v = beta2 * v + one_minus_beta2 * (g * g);
        p -= step_size * m / (v.sqrt() / root_correction2 + epsilon);
        break;
      }
      case OptimizerKind::kAdagrad:
        v += g * g;
        p -= static_cast<float>(rate) * g / (v.sqrt() + epsilon);
        break;
      case OptimizerKind::kSgd:
        if (config_.momentum != 0) {
          m = static_cast<float>(config_.momentum) * m + g;
          p -= static_cast<float>(rate) * m;
        } else {
          p -= static_cast<float>(rate) * g;
        }
        break;
    }
  }
}

}  // namespace rqvae
