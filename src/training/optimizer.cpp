#include "optimizer.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>

#include "parallel.h"
#include "simd.h"
#include "sums.h"

namespace rqvae {
namespace {

// Below this, starting a thread's share takes longer than doing it.
constexpr Index kLeastFloats = 1 << 15;

double GroupScale(const OptimizerConfig& config, ParameterGroup group) {
  switch (group) {
    case ParameterGroup::kEncoder:
      return config.encoder_learning_rate_scale;
    case ParameterGroup::kDecoder:
      return config.decoder_learning_rate_scale;
    case ParameterGroup::kCodebook:
      return config.codebook_learning_rate_scale;
    case ParameterGroup::kInput:
    case ParameterGroup::kState:
      break;
  }
  return 0;
}

void ClipGradients(const ParameterStore& store, double clip, Vector& gradients) {
  double square = 0;
  for (Index handle = 0; handle < store.count(); ++handle) {
    const Parameter& p = store.parameter(handle);
    if (!p.trained) continue;
    square += SquaredLengthInDoubleLanes(gradients.data() + p.offset, p.size).InOrder();
  }
  const double scale = clip / (std::sqrt(square) + 1e-6);
  if (scale < 1) gradients *= static_cast<float>(scale);
}

}  // namespace

int Optimizer::StateVectors(const OptimizerConfig& config) {
  switch (config.kind) {
    case OptimizerKind::kAdam:
    case OptimizerKind::kAdamW:
      return 4;
    case OptimizerKind::kAdagrad:
      return 2;
    case OptimizerKind::kSgd:
      break;
  }
  return config.momentum != 0 ? 2 : 0;
}

Optimizer::Optimizer(const OptimizerConfig& config, const ParameterStore& store) : config_(config) {
  const Index size = store.values().size();
  const bool moments = config.kind == OptimizerKind::kAdam || config.kind == OptimizerKind::kAdamW;
  if (moments || (config.kind == OptimizerKind::kSgd && config.momentum != 0)) state_.first = Vector::Zero(size);
  if (moments || config.kind == OptimizerKind::kAdagrad) state_.second = Vector::Zero(size);
  previous_ = state_;  // room, and zeros where nothing is trained
}

void Optimizer::Forget(const ParameterStore& store, Index handle, Index row) {
  const Parameter& parameter = store.parameter(handle);
  for (Vector* moments : {&state_.first, &state_.second}) {
    if (moments->size() > 0) {
      moments->segment(parameter.offset + row * parameter.cols(), parameter.cols()).setZero();
    }
  }
}

void Optimizer::Visit(Archive& archive) {
  const Index sizes[] = {state_.first.size(), state_.second.size()};
  archive.Visit(state_.steps);
  archive.Visit(state_.beta1_power);
  archive.Visit(state_.beta2_power);
  archive.Visit(state_.first);
  archive.Visit(state_.second);
  if (state_.first.size() != sizes[0] || state_.second.size() != sizes[1]) Archive::Fail();
}

// Per parameter p with gradient g, rate a, decay w (element-wise; hats are divisions by 1 - beta^t):
//   Adam      g += w p;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  p -= a m^ / (sqrt(v^) + eps)
//   AdamW     p -= a w p;  then Adam without decay
//   Adagrad   g += w p;  s += g^2;  p -= a g / (sqrt(s) + eps)
//   SGD       g += w p;  m = momentum m + g (m = g at the first step);  p -= a m
bool Optimizer::Step(ParameterStore& store, Vector& gradients, double rate_scale) {
  std::swap(state_, previous_);
  state_.steps = previous_.steps + 1;
  state_.beta1_power = previous_.beta1_power * config_.beta1;
  state_.beta2_power = previous_.beta2_power * config_.beta2;
  if (config_.gradient_clip > 0) ClipGradients(store, config_.gradient_clip, gradients);
  previous_values_.resize(store.values().size());
  store.values().swap(previous_values_);
  std::atomic<bool> finite = true;
  ForRanges(store.values().size(), kLeastFloats, kLanes, [&](Range range) {
    if (!StepRange(store, gradients, rate_scale, range)) finite = false;
  });
  return finite;
}

void Optimizer::UndoStep(ParameterStore& store) {
  std::swap(state_, previous_);
  store.values().swap(previous_values_);
}

// The part of the step that is in this range of the buffers.
bool Optimizer::StepRange(ParameterStore& store, const Vector& gradients, double rate_scale, Range range) {
  const float beta1 = static_cast<float>(config_.beta1), beta2 = static_cast<float>(config_.beta2);
  const float one_minus_beta1 = static_cast<float>(1 - config_.beta1);
  const float one_minus_beta2 = static_cast<float>(1 - config_.beta2);
  const float root_correction2 = static_cast<float>(std::sqrt(1 - state_.beta2_power));
  const float epsilon = static_cast<float>(config_.epsilon);
  F32x4 nothing = Splat(0);  // stays zero while all values and moments are finite
  for (Index handle = 0; handle < store.count(); ++handle) {
    const Parameter& parameter = store.parameter(handle);
    // Whole lanes: the padding behind a parameter is zero and stays so.
    const Index end =
        std::min(parameter.offset + (parameter.size + kLanes - 1) / kLanes * kLanes, range.first + range.count);
    const Index first = std::max(parameter.offset, range.first);
    if (first >= end) continue;
    const float* before = previous_values_.data();
    float* p = store.values().data();
    if (!parameter.trained) {
      std::copy(before + first, before + end, p + first);
      continue;
    }
    const double rate = config_.learning_rate * rate_scale * GroupScale(config_, parameter.group);
    const double decay = parameter.decayed ? config_.weight_decay : 0.0;
    const bool decoupled = config_.kind == OptimizerKind::kAdamW;
    const F32x4 shrink = Splat(decoupled ? static_cast<float>(1 - rate * decay) : 1.0f);
    const F32x4 l2 = Splat(decoupled ? 0.0f : static_cast<float>(decay));
    const bool decays = decay != 0;
    const float* g = gradients.data();
    const bool has_momentum = state_.first.size() > 0;
    const float *m_before = previous_.first.data(), *v_before = previous_.second.data();
    float *m = state_.first.data(), *v = state_.second.data();
    // update(gradient, i) -> what is subtracted from p.
    auto each = [&](auto update) {
      for (Index i = first; i < end; i += kLanes) {
        F32x4 value = Load(before + i), gradient = Load(g + i);
        if (decays) {
          value *= shrink;
          if (!decoupled) gradient += l2 * value;
        }
        value -= update(gradient, i);
        nothing += value * Splat(0);
        Store(p + i, value);
      }
    };
    switch (config_.kind) {
      case OptimizerKind::kAdam:
      case OptimizerKind::kAdamW: {
        const F32x4 step_size = Splat(static_cast<float>(rate / (1 - state_.beta1_power)));
        each([&](F32x4 gradient, Index i) {
          const F32x4 first_moment = Splat(beta1) * Load(m_before + i) + Splat(one_minus_beta1) * gradient;
          const F32x4 second_moment =
              Splat(beta2) * Load(v_before + i) + Splat(one_minus_beta2) * (gradient * gradient);
          Store(m + i, first_moment);
          Store(v + i, second_moment);
          nothing += second_moment * Splat(0);  // of an overflow here the value would show nothing: it stands still
          return step_size * first_moment / (Sqrt(second_moment) / Splat(root_correction2) + Splat(epsilon));
        });
        break;
      }
      case OptimizerKind::kAdagrad:
        each([&](F32x4 gradient, Index i) {
          const F32x4 squares = Load(v_before + i) + gradient * gradient;
          Store(v + i, squares);
          nothing += squares * Splat(0);
          return Splat(static_cast<float>(rate)) * gradient / (Sqrt(squares) + Splat(epsilon));
        });
        break;
      case OptimizerKind::kSgd:
        each([&](F32x4 gradient, Index i) {
          if (!has_momentum) return Splat(static_cast<float>(rate)) * gradient;
          const F32x4 momentum = Splat(static_cast<float>(config_.momentum)) * Load(m_before + i) + gradient;
          Store(m + i, momentum);
          return Splat(static_cast<float>(rate)) * momentum;
        });
        break;
    }
  }
  return nothing[0] == 0 && nothing[1] == 0 && nothing[2] == 0 && nothing[3] == 0;
}

}  // namespace rqvae
