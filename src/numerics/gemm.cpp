#include "gemm.h"

#include <algorithm>

#include "activation_lanes.h"
#include "gemm_kernel.h"

namespace rqvae {
namespace {

using kernel::Operand;

// Stores a product, through an epilogue.
class Stored final : public kernel::Output {
 public:
  Stored(MatrixRef& out, const Epilogue& epilogue) : out_(out), epilogue_(epilogue) {
    place = out.data();
    stride = out.outerStride();
  }

  void Take(const kernel::Strip& strip) override {
    if (plain_ && strip.sums == &out_(strip.row, strip.col)) return;
    strip.ForEach([this](Index row, Index col, Index lanes, const float* sums) { Put(row, col, Load(sums), lanes); });
  }

 private:
  void Put(Index row, Index col, F32x4 sum, Index lanes) {
    if (epilogue_.bias != nullptr) sum += LoadLanes(epilogue_.bias + col, lanes);
    if (epilogue_.activated != nullptr) {
      F32x4 slope;
      StoreLanes(&(*epilogue_.activated)(row, col), Activate(epilogue_.activation, sum, slope), lanes);
      sum = slope;
    }
    if (epilogue_.factor != nullptr) sum *= LoadLanes(&(*epilogue_.factor)(row, col), lanes);
    StoreLanes(&out_(row, col), sum, lanes);
  }

  MatrixRef& out_;
  const Epilogue& epilogue_;
  bool plain_ = epilogue_.bias == nullptr && epilogue_.activated == nullptr && epilogue_.factor == nullptr;
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

void MultiplyTransposed(const ConstMatrixRef& x, const ConstMatrixRef& w, MatrixRef out, const Epilogue& epilogue) {
  eigen_assert(x.cols() == w.cols() && out.rows() == x.rows() && out.cols() == w.rows());
  Stored stored(out, epilogue);
  kernel::Product({x.data(), x.rows(), x.outerStride(), 1}, {w.data(), w.rows(), w.outerStride(), 1}, x.cols(), stored);
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
