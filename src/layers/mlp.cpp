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

// out = x w^T + b.  x: n x in, w: out x in, b: out x 1.
void LinearForward(const ConstMatrixRef& x, const ConstMatrixMap& w, const ConstMatrixMap& b, MatrixRef out) {
  MultiplyTransposed(x, w, out, {.bias = b.data()});
}

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

void Mlp::Resize(Index n, bool backward, Tape& tape) const {
  const size_t hidden = weights_.empty() ? 0 : weights_.size() - 1;
  auto resize = [&](std::vector<Matrix>& layers, size_t count) {
    layers.resize(count);
    for (size_t i = 0; i < count; ++i) layers[i].resize(n, dims_[i + 1]);
  };
  resize(tape.slope, hidden);
  resize(tape.post, hidden);
  resize(tape.gradient, backward ? hidden : 0);
  resize(tape.norm_gradient, backward && normed() ? hidden : 0);
  tape.norms.resize(norm_gains_.size());
  for (size_t i = 0; i < tape.norms.size(); ++i) tape.norms[i].Resize(n, dims_[i + 1]);
  if (skip_weight_ >= 0 && !weights_.empty()) tape.linear.resize(n, std::max(dims_.front(), dims_.back()));
}

void Mlp::Forward(const ParameterStore& store, const ConstMatrixRef& x, Tape& tape, MatrixRef out) const {
  Resize(x.rows(), false, tape);
  Forward(store, x, {0, x.rows()}, tape, out);
}

void Mlp::Forward(const ParameterStore& store, const ConstMatrixRef& all_x, Range rows, Tape& tape,
                  MatrixRef all_out) const {
  const ConstMatrixRef x = all_x.middleRows(rows.first, rows.count);
  MatrixRef out = all_out.middleRows(rows.first, rows.count);
  if (weights_.empty()) {
    LinearForward(x, store.value(skip_weight_), store.value(skip_bias_), out);
    return;
  }
  const size_t hidden = weights_.size() - 1;
  for (size_t i = 0; i < hidden; ++i) {
    const ConstMatrixRef input = i == 0 ? x : RowsOf(std::as_const(tape.post[i - 1]), rows);
    MatrixRef slope = RowsOf(tape.slope[i], rows), post = RowsOf(tape.post[i], rows);
    Epilogue epilogue{.bias = store.value(biases_[i]).data(), .activation = activation_};
    if (!normed()) epilogue.activated = &post;
    MultiplyTransposed(input, store.value(weights_[i]), slope, epilogue);
    if (!normed()) continue;
    LayerNormForward(slope, store.value(norm_gains_[i]), store.value(norm_biases_[i]), rows, tape.norms[i], slope);
    ActivationForward(activation_, slope, post, slope);
  }
  const ConstMatrixRef input = hidden == 0 ? x : RowsOf(std::as_const(tape.post[hidden - 1]), rows);
  LinearForward(input, store.value(weights_[hidden]), store.value(biases_[hidden]), out);
  if (skip_weight_ >= 0) {
    MatrixRef linear = RowsOf(tape.linear, rows).leftCols(out.cols());
    LinearForward(x, store.value(skip_weight_), store.value(skip_bias_), linear);
    out += linear;
  }
}

void Mlp::Backward(const ParameterStore& store, const ConstMatrixRef& all_dout, Range rows, Tape& tape,
                   MatrixRef* all_dx) const {
  const ConstMatrixRef dout = all_dout.middleRows(rows.first, rows.count);
  for (size_t i = weights_.size(); i-- > 1;) {
    const ConstMatrixRef gradient = i + 1 == weights_.size() ? dout : RowsOf(std::as_const(tape.gradient[i]), rows);
    const ConstMatrixRef slope = RowsOf(std::as_const(tape.slope[i - 1]), rows);
    // Through the activation, and the norm if there is one.
    MatrixRef below = RowsOf(normed() ? tape.norm_gradient[i - 1] : tape.gradient[i - 1], rows);
    Multiply(gradient, store.value(weights_[i]), below, {.factor = &slope});
    if (normed()) {
      LayerNormBackward(tape.norms[i - 1], store.value(norm_gains_[i - 1]), rows, below,
                        RowsOf(tape.gradient[i - 1], rows));
    }
  }
  if (all_dx == nullptr) return;
  MatrixRef dx = all_dx->middleRows(rows.first, rows.count);
  if (!weights_.empty()) {
    const ConstMatrixRef gradient = weights_.size() == 1 ? dout : RowsOf(std::as_const(tape.gradient[0]), rows);
    Multiply(gradient, store.value(weights_[0]), dx);
    if (skip_weight_ < 0) return;
    MatrixRef linear = RowsOf(tape.linear, rows).leftCols(dx.cols());
    Multiply(dout, store.value(skip_weight_), linear);
    dx += linear;
  } else {
    Multiply(dout, store.value(skip_weight_), dx);
  }
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
  if (skip_weight_ < 0) return;
  const Range outputs = PartOf(dout.cols(), part, parts, kLanes);
  if (outputs.count == 0) return;
  AddLinearGradient(x, dout, outputs, of(skip_weight_), of(skip_bias_));
}

}  // namespace rqvae
