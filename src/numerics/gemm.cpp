#include "gemm.h"

#include <algorithm>

#include "activation_lanes.h"
#include "gemm_kernel.h"

namespace rqvae {
namespace {

using kernel::Operand;

// The elements of a matrix from (row, col) on, or null without a matrix.
template <typename M>
auto* At(M* m, Index row, Index col) {
  return m == nullptr ? nullptr : &(*m)(row, col);
}

// Stores a product, through an epilogue.
class Stored final : public kernel::Output {
 public:
  Stored(MatrixRef& out, const Epilogue& epilogue) : out_(out), epilogue_(epilogue) {
    place = out.data();
    stride = out.outerStride();
  }

  void Take(const kernel::Strip& strip) override {
    if (plain_ && strip.sums == &out_(strip.row, strip.col)) return;
    const float* const bias = epilogue_.bias == nullptr ? nullptr : epilogue_.bias + strip.col;
    const bool activates = epilogue_.activation != nullptr;
    const Activation activation = activates ? *epilogue_.activation : Activation::kSilu;
    for (Index i = 0; i < strip.rows; ++i) {
      const Index row = strip.row + i;
      const float* const sums = strip.sums + i * strip.stride;
      const float* const factor = At(epilogue_.factor, row, strip.col);
      const float* const addend = At(epilogue_.addend, row, strip.col);
      float* const slope = At(epilogue_.slope, row, strip.col);
      float* const out = &out_(row, strip.col);
      for (Index j = 0; j < strip.cols; j += kLanes) {
        const Index lanes = std::min(kLanes, strip.cols - j);
        F32x4 sum = Load(sums + j), derivative = sum;
        if (bias != nullptr) sum += LoadLanes(bias + j, lanes);
        if (activates) sum = Activate(activation, sum, derivative);
        if (slope != nullptr) StoreLanes(slope + j, derivative, lanes);
        if (factor != nullptr) sum *= LoadLanes(factor + j, lanes);
        if (addend != nullptr) sum += LoadLanes(addend + j, lanes);
        StoreLanes(out + j, sum, lanes);
      }
    }
  }

 private:
  MatrixRef& out_;
  const Epilogue epilogue_;
  bool plain_ = epilogue_.bias == nullptr && epilogue_.activation == nullptr && epilogue_.factor == nullptr &&
                epilogue_.addend == nullptr;
};

// Adds a product to the output.
class Added final : public kernel::Output {
 public:
  explicit Added(MatrixRef& out) : out_(out) {}

  void Take(const kernel::Strip& strip) override {
    strip.ForEach([this](Index row, Index col, Index lanes, const float* sums) {
      float* target = &out_(row, col);
      StoreLanes(target, LoadLanes(target, lanes) + Load(sums), lanes);
    });
  }

 private:
  MatrixRef& out_;
};

}  // namespace

void PackWeights(const ConstMatrixRef& w, float* packed) {
  kernel::PackPanels({w.data(), w.rows(), w.outerStride(), 1}, w.cols(), packed);
}

void MultiplyTransposed(const ConstMatrixRef& x, const ConstMatrixRef& w, MatrixRef out) {
  eigen_assert(x.cols() == w.cols() && out.rows() == x.rows() && out.cols() == w.rows());
  Stored stored(out, {});
  kernel::Product({x.data(), x.rows(), x.outerStride(), 1}, {w.data(), w.rows(), w.outerStride(), 1}, x.cols(), stored);
}

void MultiplyTransposed(const ConstMatrixRef& x, const PackedWeights& w, MatrixRef out, const Epilogue& epilogue) {
  eigen_assert(x.cols() == w.depth && out.rows() == x.rows() && out.cols() == w.count);
  Stored stored(out, epilogue);
  kernel::Product({x.data(), x.rows(), x.outerStride(), 1}, w, stored);
}

void Multiply(const ConstMatrixRef& x, const ConstMatrixRef& w, MatrixRef out, const Epilogue& epilogue) {
  eigen_assert(x.cols() == w.rows() && out.rows() == x.rows() && out.cols() == w.cols());
  Stored stored(out, epilogue);
  kernel::Product({x.data(), x.rows(), x.outerStride(), 1}, {w.data(), w.cols(), 1, w.outerStride()}, x.cols(), stored);
}

void AccumulateTransposedProduct(const ConstMatrixRef& a, const ConstMatrixRef& b, MatrixRef out) {
  eigen_assert(a.rows() == b.rows() && out.rows() == a.cols() && out.cols() == b.cols());
  Added added(out);
  for (Index row = 0; row < a.rows(); row += kRowBlock) {
    kernel::Product({a.data() + row * a.outerStride(), a.cols(), 1, a.outerStride()},
                    {b.data() + row * b.outerStride(), b.cols(), 1, b.outerStride()},
                    std::min(kRowBlock, a.rows() - row), added);
  }
}

void AccumulateRows(const ConstMatrixRef& a, VectorRef out) {
  eigen_assert(out.size() == a.cols());
  Vector block(a.cols());
  for (Index row = 0; row < a.rows(); row += kRowBlock) {
    block.setZero();
    const Index end = std::min(row + kRowBlock, a.rows());
    for (Index i = row; i < end; ++i) block += a.row(i).transpose();
    out += block;
  }
}

}  // namespace rqvae
