#include "mlp.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "activation.h"
#include "gemm.h"
#include "parallel.h"
#include "simd.h"

namespace rqvae {
namespace {

ConstMatrixRef RowsOf(const Matrix& m, Range rows) { return m.middleRows(rows.first, rows.count); }
MatrixRef RowsOf(Matrix& m, Range rows) { return m.middleRows(rows.first, rows.count); }

// dw += dout^T x, db += sum of dout's rows: the given stretch of the outputs.
void AddLinearGradient(const ConstMatrixRef& x, const ConstMatrixRef& dout, Range outputs, MatrixMap dw, MatrixMap db) {
  const auto own = dout.middleCols(outputs.first, outputs.count);
  AccumulateTransposedProduct(own, x, dw.middleRows(outputs.first, outputs.count));
  AccumulateRows(own, Eigen::Map<Vector>(db.data() + outputs.first, outputs.count));
}

}  // namespace

Mlp::Mlp(ParameterStore& store, const std::string& prefix, std::vector<Index> dims, Activation activation,
         bool layer_norm, bool skip, ParameterGroup group)
    : dims_(std::move(dims)), activation_(activation) {
  const size_t layers = skip && dims_.size() == 2 ? 0 : dims_.size() - 1;
  for (size_t i = 0; i < layers; ++i) {
    // A Sequential counts the layer norms and activations too.
    const size_t number = (layer_norm ? 3 : 2) * i;
    auto name = [&](size_t module, const char* tensor) {
      return prefix + ".network." + std::to_string(module) + tensor;
    };
    weights_.push_back(store.Add(name(number, ".weight"), {dims_[i + 1], dims_[i]}, group, true));
    biases_.push_back(store.Add(name(number, ".bias"), {dims_[i + 1]}, group, false));
    if (layer_norm && i + 1 < layers) {
      norm_gains_.push_back(store.Add(name(number + 1, ".weight"), {dims_[i + 1]}, group, false));
      norm_biases_.push_back(store.Add(name(number + 1, ".bias"), {dims_[i + 1]}, group, false));
    }
  }
  if (skip) {
    skip_weight_ = store.Add(prefix + ".skip.weight", {dims_.back(), dims_.front()}, group, false);
    skip_bias_ = store.Add(prefix + ".skip.bias", {dims_.back()}, group, false);
  }
}

void Mlp::Initialize(ParameterStore& store, Random& random) const {
  for (size_t i = 0; i < weights_.size(); ++i) {
    const bool zero = skip_weight_ >= 0 && i + 1 == weights_.size();
    const float bound = zero ? 0.0f : static_cast<float>(1.0 / std::sqrt(static_cast<double>(dims_[i])));
    for (const Index handle : {weights_[i], biases_[i]}) {
      MatrixMap values = store.value(handle);
      for (Index r = 0; r < values.rows(); ++r) {
        for (Index c = 0; c < values.cols(); ++c) values(r, c) = zero ? 0.0f : random.Uniform(-bound, bound);
      }
    }
  }
  for (const Index gain : norm_gains_) store.value(gain).setOnes();
}

void Mlp::Prepare(const ParameterStore& store) {
  packed_.resize(size());
  float* at = packed_.data();
  auto pack = [&](Index handle) {
    const ConstMatrixMap weights = store.value(handle);
    PackWeights(weights, at);
    at += PackedWeights::Size(weights.rows(), weights.cols());
  };
  for (const Index handle : weights_) pack(handle);
  if (skips()) pack(skip_weight_);
}

PackedWeights Mlp::packed(size_t linear) const {
  const float* at = packed_.data();
  for (size_t i = 0; i < linear; ++i) at += PackedWeights::Size(dims_[i + 1], dims_[i]);
  if (linear == weights_.size()) return {at, dims_.back(), dims_.front()};
  return {at, dims_[linear + 1], dims_[linear]};
}

Index Mlp::size() const {
  Index size = skips() ? PackedWeights::Size(dims_.back(), dims_.front()) : 0;
  for (size_t i = 0; i < weights_.size(); ++i) size += PackedWeights::Size(dims_[i + 1], dims_[i]);
  return size;
}

void Mlp::Resize(Index n, bool backward, Tape& tape) const {
  auto resize = [&](std::vector<Matrix>& layers, size_t count) {
    layers.resize(count);
    for (size_t i = 0; i < count; ++i) layers[i].resize(n, dims_[i + 1]);
  };
  resize(tape.slope, backward ? hidden() : 0);
  resize(tape.post, hidden());
  resize(tape.gradient, backward ? hidden() : 0);
  resize(tape.norm_gradient, backward && normed() ? hidden() : 0);
  tape.norms.resize(norm_gains_.size());
  for (size_t i = 0; i < tape.norms.size(); ++i) tape.norms[i].Resize(n, dims_[i + 1]);
  if (!skips() || weights_.empty()) return;
  tape.skip_out.resize(n, dims_.back());
  if (backward) tape.skip_dx.resize(n, dims_.front());
}

void Mlp::Forward(const ParameterStore& store, const ConstMatrixRef& x, Tape& tape, MatrixRef out) const {
  Resize(x.rows(), false, tape);
  Forward(store, x, {0, x.rows()}, tape, out);
}

void Mlp::Forward(const ParameterStore& store, const ConstMatrixRef& all_x, Range rows, Tape& tape,
                  MatrixRef all_out) const {
  const ConstMatrixRef x = all_x.middleRows(rows.first, rows.count);
  MatrixRef out = all_out.middleRows(rows.first, rows.count);
  // The skip first: the last layer adds it to what it stores.
  MatrixRef skip = skips() && !weights_.empty() ? RowsOf(tape.skip_out, rows) : out;
  if (skips()) MultiplyTransposed(x, packed(weights_.size()), skip, {.bias = store.value(skip_bias_).data()});
  if (weights_.empty()) return;
  auto input_of = [&](size_t layer) { return layer == 0 ? x : RowsOf(std::as_const(tape.post[layer - 1]), rows); };
  for (size_t i = 0; i < hidden(); ++i) HiddenForward(store, i, input_of(i), rows, tape);
  MultiplyTransposed(input_of(hidden()), packed(hidden()), out,
                     {.bias = store.value(biases_.back()).data(), .addend = skips() ? &skip : nullptr});
}

void Mlp::HiddenForward(const ParameterStore& store, size_t layer, const ConstMatrixRef& input, Range rows,
                        Tape& tape) const {
  const bool sloped = !tape.slope.empty();
  MatrixRef post = RowsOf(tape.post[layer], rows);
  MatrixRef slope = sloped ? RowsOf(tape.slope[layer], rows) : post;
  MatrixRef* const to_slope = sloped ? &slope : nullptr;
  Epilogue epilogue{.bias = store.value(biases_[layer]).data()};
  if (!normed()) {
    epilogue.activation = &activation_;
    epilogue.slope = to_slope;
  }
  MultiplyTransposed(input, packed(layer), post, epilogue);
  if (!normed()) return;
  LayerNormForward(post, store.value(norm_gains_[layer]), store.value(norm_biases_[layer]), rows, tape.norms[layer],
                   post);
  ActivationForward(activation_, post, post, to_slope);
}

void Mlp::Backward(const ParameterStore& store, const ConstMatrixRef& all_dout, Range rows, Tape& tape,
                   MatrixRef* all_dx) const {
  const ConstMatrixRef dout = all_dout.middleRows(rows.first, rows.count);
  auto gradient_of = [&](size_t layer) {
    return layer == hidden() ? dout : RowsOf(std::as_const(tape.gradient[layer]), rows);
  };
  for (size_t i = weights_.size(); i-- > 1;) HiddenBackward(store, i - 1, gradient_of(i), rows, tape);
  if (all_dx == nullptr) return;
  MatrixRef dx = all_dx->middleRows(rows.first, rows.count);
  if (weights_.empty()) {
    Multiply(dout, store.value(skip_weight_), dx);
    return;
  }
  if (!skips()) {
    Multiply(gradient_of(0), store.value(weights_[0]), dx);
    return;
  }
  MatrixRef skip = RowsOf(tape.skip_dx, rows);
  Multiply(dout, store.value(skip_weight_), skip);
  Multiply(gradient_of(0), store.value(weights_[0]), dx, {.addend = &skip});
}

// From the gradient of the layer above: through the activation, and the norm if there is one.
void Mlp::HiddenBackward(const ParameterStore& store, size_t layer, const ConstMatrixRef& gradient, Range rows,
                         Tape& tape) const {
  const ConstMatrixRef slope = RowsOf(std::as_const(tape.slope[layer]), rows);
  MatrixRef below = RowsOf(normed() ? tape.norm_gradient[layer] : tape.gradient[layer], rows);
  Multiply(gradient, store.value(weights_[layer + 1]), below, {.factor = &slope});
  if (!normed()) return;
  LayerNormBackward(tape.norms[layer], store.value(norm_gains_[layer]), rows, below,
                    RowsOf(tape.gradient[layer], rows));
}

void Mlp::AddGradients(const ParameterStore& store, const ConstMatrixRef& x, const ConstMatrixRef& dout,
                       const Tape& tape, Index part, Index parts, Vector& gradients) const {
  auto of = [&](Index handle) { return store.View(gradients, handle); };
  for (size_t i = 0; i < weights_.size(); ++i) {
    const ConstMatrixRef input = i == 0 ? x : ConstMatrixRef(tape.post[i - 1]);
    const bool last = i + 1 == weights_.size();
    const ConstMatrixRef gradient = last ? dout : ConstMatrixRef(tape.gradient[i]);
    const Range outputs = PartOf(gradient.cols(), part, parts, kLanes);
    if (outputs.count == 0) continue;
    AddLinearGradient(input, gradient, outputs, of(weights_[i]), of(biases_[i]));
    if (normed() && !last) {
      AddLayerNormGradient(tape.norms[i], tape.norm_gradient[i], outputs, of(norm_gains_[i]), of(norm_biases_[i]));
    }
  }
  if (!skips()) return;
  const Range outputs = PartOf(dout.cols(), part, parts, kLanes);
  if (outputs.count == 0) return;
  AddLinearGradient(x, dout, outputs, of(skip_weight_), of(skip_bias_));
}

}  // namespace rqvae
