#include "mlp.h"

#include <cmath>
#include <utility>

#include "activation.h"
#include "gemm.h"

namespace rqvae {
namespace {

// out = x w^T + b.  x: n x in, w: out x in, b: out x 1.
void LinearForward(const ConstMatrixRef& x, const ConstMatrixMap& w, const ConstMatrixMap& b, MatrixRef out) {
  MultiplyTransposed(x, w, out);
  out.rowwise() += b.col(0).transpose();
}

// dw += dout^T x, db += sum of dout's rows; dx = dout w unless null.
void LinearBackward(const ConstMatrixRef& x, const ConstMatrixMap& w, const ConstMatrixRef& dout, MatrixMap dw,
                    MatrixMap db, Matrix* dx) {
  AccumulateTransposedProduct(dout, x, dw);
  AccumulateRows(dout, Eigen::Map<Vector>(db.data(), db.size()));
  if (dx == nullptr) return;
  dx->resize(dout.rows(), w.cols());
  Multiply(dout, w, *dx);
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

void Mlp::Forward(const ParameterStore& store, const ConstMatrixRef& x, Tape& tape, MatrixRef out) const {
  const size_t layers = weights_.size();
  if (layers == 0) {
    LinearForward(x, store.value(skip_weight_), store.value(skip_bias_), out);
    return;
  }
  tape.pre.resize(layers - 1);
  tape.post.resize(layers - 1);
  tape.norms.resize(norm_gains_.size());
  for (size_t i = 0; i < layers; ++i) {
    const ConstMatrixRef input = i == 0 ? x : ConstMatrixRef(tape.post[i - 1]);
    if (i + 1 == layers) {
      LinearForward(input, store.value(weights_[i]), store.value(biases_[i]), out);
    } else {
      tape.pre[i].resize(x.rows(), dims_[i + 1]);
      tape.post[i].resize(x.rows(), dims_[i + 1]);
      LinearForward(input, store.value(weights_[i]), store.value(biases_[i]), tape.pre[i]);
      if (!norm_gains_.empty()) {
        LayerNormForward(tape.pre[i], store.value(norm_gains_[i]), store.value(norm_biases_[i]), tape.norms[i],
                         tape.pre[i]);
      }
      ActivationForward(activation_, tape.pre[i], tape.post[i]);
    }
  }
  if (skip_weight_ >= 0) {
    Matrix linear(x.rows(), out.cols());
    LinearForward(x, store.value(skip_weight_), store.value(skip_bias_), linear);
    out += linear;
  }
}

void Mlp::Backward(ParameterStore& store, const ConstMatrixRef& x, const Tape& tape, const ConstMatrixRef& dout,
                   Matrix* dx) const {
  const ParameterStore& values = store;
  Matrix gradient = dout;  // of the current layer's output
  Matrix below;
  for (size_t i = weights_.size(); i-- > 0;) {
    const ConstMatrixRef input = i == 0 ? x : ConstMatrixRef(tape.post[i - 1]);
    Matrix* target = i > 0 ? &below : dx;
    LinearBackward(input, values.value(weights_[i]), gradient, store.gradient(weights_[i]), store.gradient(biases_[i]),
                   target);
    if (i > 0) {
      ActivationBackward(activation_, tape.pre[i - 1], below, below);
      if (!norm_gains_.empty()) {
        LayerNormBackward(tape.norms[i - 1], values.value(norm_gains_[i - 1]), below,
                          store.gradient(norm_gains_[i - 1]), store.gradient(norm_biases_[i - 1]), below);
      }
      gradient.swap(below);
    }
  }
  if (skip_weight_ >= 0) {
    Matrix skip_dx;
    LinearBackward(x, values.value(skip_weight_), dout, store.gradient(skip_weight_), store.gradient(skip_bias_),
                   dx == nullptr ? nullptr : &skip_dx);
    if (dx == nullptr) return;
    if (weights_.empty()) {
      dx->swap(skip_dx);
    } else {
      *dx += skip_dx;
    }
  }
}

}  // namespace rqvae
