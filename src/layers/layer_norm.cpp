#include "layer_norm.h"

#include <cmath>

#include "gemm.h"

namespace rqvae {
namespace {

constexpr double kEpsilon = 1e-5;  // torch.nn.LayerNorm's

}  // namespace

void LayerNormTape::Resize(Index n, Index m) {
  normalized.resize(n, m);
  inverse.resize(n);
}

void LayerNormForward(const ConstMatrixRef& x, const ConstMatrixMap& gain, const ConstMatrixMap& bias, Range rows,
                      LayerNormTape& tape, MatrixRef y) {
  const Index n = x.rows(), m = x.cols();
  for (Index i = 0; i < n; ++i) {
    double sum = 0, squares = 0;
    for (Index j = 0; j < m; ++j) sum += x(i, j);
    const double mean = sum / static_cast<double>(m);
    for (Index j = 0; j < m; ++j) squares += (x(i, j) - mean) * (x(i, j) - mean);
    const auto inverse = static_cast<float>(1.0 / std::sqrt(squares / static_cast<double>(m) + kEpsilon));
    tape.inverse[rows.first + i] = inverse;
    tape.normalized.row(rows.first + i) = (x.row(i).array() - static_cast<float>(mean)) * inverse;
  }
  y = tape.normalized.middleRows(rows.first, n).array().rowwise() * gain.col(0).transpose().array();
  y.rowwise() += bias.col(0).transpose();
}

// With h = (x - mean) inverse and g = dy gain:  dx = inverse (g - mean(g) - h mean(g h)), means over the features.
void LayerNormBackward(const LayerNormTape& tape, const ConstMatrixMap& gain, Range rows, const ConstMatrixRef& dy,
                       MatrixRef dx) {
  const Index n = dy.rows(), m = dy.cols();
  for (Index i = 0; i < n; ++i) {
    const auto normalized = tape.normalized.row(rows.first + i);
    double sum = 0, product = 0;
    for (Index j = 0; j < m; ++j) {
      const double g = static_cast<double>(dy(i, j)) * gain(j, 0);
      sum += g;
      product += g * normalized[j];
    }
    const auto mean = static_cast<float>(sum / static_cast<double>(m));
    const auto slope = static_cast<float>(product / static_cast<double>(m));
    for (Index j = 0; j < m; ++j) {
      dx(i, j) = tape.inverse[rows.first + i] * (dy(i, j) * gain(j, 0) - mean - normalized[j] * slope);
    }
  }
}

void AddLayerNormGradient(const LayerNormTape& tape, const ConstMatrixRef& dy, Range features, MatrixMap dgain,
                          MatrixMap dbias) {
  const auto own = dy.middleCols(features.first, features.count);
  const Matrix products = own.array() * tape.normalized.middleCols(features.first, features.count).array();
  AccumulateRows(own, Eigen::Map<Vector>(dbias.data() + features.first, features.count));
  AccumulateRows(products, Eigen::Map<Vector>(dgain.data() + features.first, features.count));
}

}  // namespace rqvae
