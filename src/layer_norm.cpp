#include "layer_norm.h"

#include <cmath>

#include "gemm.h"

namespace rqvae {
namespace {

constexpr double kEpsilon = 1e-5;  // torch.nn.LayerNorm's

}  // namespace

void LayerNormForward(const ConstMatrixRef& x, const ConstMatrixMap& gain, const ConstMatrixMap& bias,
                      LayerNormTape& tape, MatrixRef y) {
  const Index n = x.rows(), m = x.cols();
  tape.normalized.resize(n, m);
  tape.inverse.resize(n);
  for (Index i = 0; i < n; ++i) {
    double sum = 0, squares = 0;
    for (Index j = 0; j < m; ++j) sum += x(i, j);
    const double mean = sum / static_cast<double>(m);
    for (Index j = 0; j < m; ++j) squares += (x(i, j) - mean) * (x(i, j) - mean);
    const auto inverse = static_cast<float>(1.0 / std::sqrt(squares / static_cast<double>(m) + kEpsilon));
    tape.inverse[i] = inverse;
    tape.normalized.row(i) = (x.row(i).array() - static_cast<float>(mean)) * inverse;
  }
  y = tape.normalized.array().rowwise() * gain.col(0).transpose().array();
  y.rowwise() += bias.col(0).transpose();
}

// With h = (x - mean) inverse and g = dy gain:  dx = inverse (g - mean(g) - h mean(g h)), means over the features.
void LayerNormBackward(const LayerNormTape& tape, const ConstMatrixMap& gain, const ConstMatrixRef& dy, MatrixMap dgain,
                       MatrixMap dbias, MatrixRef dx) {
  const Index n = dy.rows(), m = dy.cols();
  AccumulateRows(dy, Eigen::Map<Vector>(dbias.data(), m));
  AccumulateRows(Matrix(dy.array() * tape.normalized.array()), Eigen::Map<Vector>(dgain.data(), m));
  for (Index i = 0; i < n; ++i) {
    double sum = 0, product = 0;
    for (Index j = 0; j < m; ++j) {
      const double g = static_cast<double>(dy(i, j)) * gain(j, 0);
      sum += g;
      product += g * tape.normalized(i, j);
    }
    const auto mean = static_cast<float>(sum / static_cast<double>(m));
    const auto slope = static_cast<float>(product / static_cast<double>(m));
    for (Index j = 0; j < m; ++j) {
      dx(i, j) = tape.inverse[i] * (dy(i, j) * gain(j, 0) - mean - tape.normalized(i, j) * slope);
    }
  }
}

}  // namespace rqvae
