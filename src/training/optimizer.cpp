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

// With fewer numbers, waking a thread takes longer than its share of the work.
constexpr Index kMinFloatsPerThread = 1 << 15;

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

bool HasMoments(const OptimizerConfig& config) {
  return config.kind == OptimizerKind::kAdam || config.kind == OptimizerKind::kAdamW;
}
// The vectors of an optimiser's state.
bool HasFirst(const OptimizerConfig& config) {
  return HasMoments(config) || (config.kind == OptimizerKind::kSgd && config.momentum != 0);
}
bool HasSecond(const OptimizerConfig& config) { return HasMoments(config) || config.kind == OptimizerKind::kAdagrad; }

// Scales all gradients so that their norm is at most `clip`.
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

// Detects infinities and NaN among the numbers that it sees: their product with 0 is NaN, while that of any other
// number is 0.
class FiniteCheck {
 public:
  void See(F32x4 x) { zero_ += x * Splat(0); }
  bool finite() const { return zero_[0] == 0 && zero_[1] == 0 && zero_[2] == 0 && zero_[3] == 0; }

 private:
  F32x4 zero_ = Splat(0);
};

// The floats first ... end of one parameter, before and after the step.
struct Stretch {
  Index first;
  Index end;
  const float* before;
  const float* gradient;
  float* after;
};

// Weight decay: shrinks the value or adds l2 times the value to the gradient.
struct Decay {
  bool any;
  bool decoupled;  // shrinks
  F32x4 shrink;
  F32x4 l2;
};

// A moment (or sum) of every parameter, before and after the step.
struct Moment {
  const float* before;
  float* after;
};

// p <- p - rule(g). A rule is called with four gradients, their position and the check; it updates the moments there
// and returns what to subtract.
template <typename Rule>
void Update(const Stretch& stretch, const Decay& decay, FiniteCheck& all_checked, Rule rule) {
  FiniteCheck check = all_checked;  // in a register
  for (Index i = stretch.first; i < stretch.end; i += kLanes) {
    F32x4 value = Load(stretch.before + i), gradient = Load(stretch.gradient + i);
    if (decay.any && decay.decoupled) value *= decay.shrink;
    if (decay.any && !decay.decoupled) gradient += decay.l2 * value;
    value -= rule(gradient, i, check);
    check.See(value);
    Store(stretch.after + i, value);
  }
  all_checked = check;
}

struct AdamRule {
  F32x4 beta1, one_minus_beta1, beta2, one_minus_beta2;
  F32x4 step_size, root_correction2, epsilon;
  Moment first, second;

  F32x4 operator()(F32x4 gradient, Index i, FiniteCheck& check) const {
    const F32x4 m = beta1 * Load(first.before + i) + one_minus_beta1 * gradient;
    const F32x4 v = beta2 * Load(second.before + i) + one_minus_beta2 * (gradient * gradient);
    Store(first.after + i, m);
    Store(second.after + i, v);
    check.See(v);  // an overflow here would not show in the value, which does not change
    return step_size * m / (Sqrt(v) / root_correction2 + epsilon);
  }
};

struct AdagradRule {
  F32x4 rate, epsilon;
  Moment squares;

  F32x4 operator()(F32x4 gradient, Index i, FiniteCheck& check) const {
    const F32x4 sum = Load(squares.before + i) + gradient * gradient;
    Store(squares.after + i, sum);
    check.See(sum);
    return rate * gradient / (Sqrt(sum) + epsilon);
  }
};

struct SgdRule {
  F32x4 rate;
  bool has_momentum;
  F32x4 momentum;
  Moment buffer;

  F32x4 operator()(F32x4 gradient, Index i, FiniteCheck& /*check*/) const {
    if (!has_momentum) return rate * gradient;
    const F32x4 m = momentum * Load(buffer.before + i) + gradient;
    Store(buffer.after + i, m);
    return rate * m;
  }
};

F32x4 SplatFloat(double x) { return Splat(static_cast<float>(x)); }

}  // namespace

int Optimizer::StateVectors(const OptimizerConfig& config) {
  return 2 * ((HasFirst(config) ? 1 : 0) + (HasSecond(config) ? 1 : 0));
}

Optimizer::Optimizer(const OptimizerConfig& config, const ParameterStore& store) : config_(config) {
  const Index size = store.values().size();
  if (HasFirst(config)) state_.first = Vector::Zero(size);
  if (HasSecond(config)) state_.second = Vector::Zero(size);
  previous_ = state_;  // of the same sizes, and zeros where nothing is trained
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

// For parameters p with gradients g, rate a and decay w, element by element; m^ = m / (1 - b1^t), v^ = v / (1 - b2^t):
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
  ForRanges(store.values().size(), kMinFloatsPerThread, kLanes, [&](Range range) {
    if (!StepRange(store, gradients, rate_scale, range)) finite = false;
  });
  return finite;
}

void Optimizer::UndoStep(ParameterStore& store) {
  std::swap(state_, previous_);
  store.values().swap(previous_values_);
}

// Does the part of the step in this range of the buffers. Returns whether all results are finite.
bool Optimizer::StepRange(ParameterStore& store, const Vector& gradients, double rate_scale, Range range) {
  const Moment first{previous_.first.data(), state_.first.data()};
  const Moment second{previous_.second.data(), state_.second.data()};
  FiniteCheck check;
  for (Index handle = 0; handle < store.count(); ++handle) {
    const Parameter& parameter = store.parameter(handle);
    // Whole lanes: the padding after a parameter is zero and stays zero.
    const Index padded = parameter.offset + (parameter.size + kLanes - 1) / kLanes * kLanes;
    const Stretch stretch{std::max(parameter.offset, range.first), std::min(padded, range.first + range.count),
                          previous_values_.data(), gradients.data(), store.values().data()};
    if (stretch.first >= stretch.end) continue;
    if (!parameter.trained) {
      std::copy(stretch.before + stretch.first, stretch.before + stretch.end, stretch.after + stretch.first);
      continue;
    }
    const double rate = config_.learning_rate * rate_scale * GroupScale(config_, parameter.group);
    const double weight_decay = parameter.decayed ? config_.weight_decay : 0.0;
    const bool decoupled = config_.kind == OptimizerKind::kAdamW;
    const Decay decay{weight_decay != 0, decoupled, SplatFloat(1 - rate * weight_decay), SplatFloat(weight_decay)};
    switch (config_.kind) {
      case OptimizerKind::kAdam:
      case OptimizerKind::kAdamW:
        Update(stretch, decay, check,
               AdamRule{SplatFloat(config_.beta1), SplatFloat(1 - config_.beta1), SplatFloat(config_.beta2),
                        SplatFloat(1 - config_.beta2), SplatFloat(rate / (1 - state_.beta1_power)),
                        SplatFloat(std::sqrt(1 - state_.beta2_power)), SplatFloat(config_.epsilon), first, second});
        break;
      case OptimizerKind::kAdagrad:
        Update(stretch, decay, check, AdagradRule{SplatFloat(rate), SplatFloat(config_.epsilon), second});
        break;
      case OptimizerKind::kSgd:
        Update(stretch, decay, check,
               SgdRule{SplatFloat(rate), config_.momentum != 0, SplatFloat(config_.momentum), first});
        break;
    }
  }
  return check.finite();
}

}  // namespace rqvae
