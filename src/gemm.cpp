#include "gemm.h"

#include <algorithm>
#include <vector>

#include "simd.h"

namespace rqvae {
namespace {

// One tile of the output is kTileRows x kTileCols and lives in eight registers. The left operand is packed in panels of
// kTileRows rows, the right one in panels of kTileCols columns, both with the inner index outermost, so that the kernel
// reads both in order. Panels are padded with zeros; padded results are not stored.
constexpr Index kTileRows = 4;
constexpr Index kTileCols = 8;

Index RoundUp(Index n, Index multiple) { return (n + multiple - 1) / multiple * multiple; }

// A strided view: element (i, k) of an operand at data[i * outer + k * inner], where k is the inner index of the
// product.
struct Operand {
  const float* data;
  Index count;  // rows of the left operand or columns of the right one
  Index outer;
  Index inner;
};

// panel[k][i] = operand(first + i, first_k + k), i < width.
template <Index width>
void PackPanel(const Operand& a, Index first, Index first_k, Index depth, float* panel) {
  const Index valid = std::min(width, a.count - first);
  const float* source = a.data + first * a.outer + first_k * a.inner;
  if (valid == width && a.outer == 1) {
    for (Index k = 0; k < depth; ++k, source += a.inner, panel += width) std::copy_n(source, width, panel);
    return;
  }
  if (valid < width) std::fill_n(panel, depth * width, 0.0f);
  for (Index i = 0; i < valid; ++i) {
    const float* row = source + i * a.outer;
    float* column = panel + i;
    for (Index k = 0; k < depth; ++k, row += a.inner, column += width) *column = *row;
  }
}

// acc[r][c] = sum over k, ascending, of left[k][r] * right[k][c].
inline void Tile(const float* left, const float* right, Index depth, F32x4 (&acc)[kTileRows][2]) {
  F32x4 a00 = Splat(0), a01 = a00, a10 = a00, a11 = a00, a20 = a00, a21 = a00, a30 = a00, a31 = a00;
  for (Index k = 0; k < depth; ++k, left += kTileRows, right += kTileCols) {
    const F32x4 b0 = Load(right);
    const F32x4 b1 = Load(right + 4);
    F32x4 x = Splat(left[0]);
    a00 += x * b0;
    a01 += x * b1;
    x = Splat(left[1]);
    a10 += x * b0;
    a11 += x * b1;
    x = Splat(left[2]);
    a20 += x * b0;
    a21 += x * b1;
    x = Splat(left[3]);
    a30 += x * b0;
    a31 += x * b1;
  }
  acc[0][0] = a00, acc[0][1] = a01, acc[1][0] = a10, acc[1][1] = a11;
  acc[2][0] = a20, acc[2][1] = a21, acc[3][0] = a30, acc[3][1] = a31;
}

// out (+)= sum over k in [first_k, first_k + depth) of left(., k) right(., k).
void Product(const Operand& left, const Operand& right, Index first_k, Index depth, bool accumulate, MatrixRef out) {
  thread_local std::vector<float> left_panels, right_panel;
  const Index left_count = RoundUp(left.count, kTileRows);
  left_panels.resize(static_cast<size_t>(left_count * depth));
  right_panel.resize(static_cast<size_t>(kTileCols * depth));
  for (Index i = 0; i < left.count; i += kTileRows) {
    PackPanel<kTileRows>(left, i, first_k, depth, left_panels.data() + i * depth);
  }
  F32x4 acc[kTileRows][2];
  for (Index j = 0; j < right.count; j += kTileCols) {
    PackPanel<kTileCols>(right, j, first_k, depth, right_panel.data());
    const Index cols = std::min(kTileCols, right.count - j);
    for (Index i = 0; i < left.count; i += kTileRows) {
      Tile(left_panels.data() + i * depth, right_panel.data(), depth, acc);
      const Index rows = std::min(kTileRows, left.count - i);
      for (Index r = 0; r < rows; ++r) {
        float* target = &out(i + r, j);
        if (cols == kTileCols) {
          if (accumulate) {
            Store(target, Load(target) + acc[r][0]);
            Store(target + 4, Load(target + 4) + acc[r][1]);
          } else {
            Store(target, acc[r][0]);
            Store(target + 4, acc[r][1]);
          }
        } else {
          float lanes[kTileCols];
          Store(lanes, acc[r][0]);
          Store(lanes + 4, acc[r][1]);
          for (Index c = 0; c < cols; ++c) target[c] = accumulate ? target[c] + lanes[c] : lanes[c];
        }
      }
    }
  }
}

}  // namespace

void MultiplyTransposed(const ConstMatrixRef& x, const ConstMatrixRef& w, MatrixRef out) {
  eigen_assert(x.cols() == w.cols() && out.rows() == x.rows() && out.cols() == w.rows());
  Product({x.data(), x.rows(), x.outerStride(), 1}, {w.data(), w.rows(), w.outerStride(), 1}, 0, x.cols(), false, out);
}

void Multiply(const ConstMatrixRef& x, const ConstMatrixRef& w, MatrixRef out) {
  eigen_assert(x.cols() == w.rows() && out.rows() == x.rows() && out.cols() == w.cols());
  Product({x.data(), x.rows(), x.outerStride(), 1}, {w.data(), w.cols(), 1, w.outerStride()}, 0, x.cols(), false, out);
}

void AccumulateTransposedProduct(const ConstMatrixRef& a, const ConstMatrixRef& b, MatrixRef out) {
  eigen_assert(a.rows() == b.rows() && out.rows() == a.cols() && out.cols() == b.cols());
  for (Index row = 0; row < a.rows(); row += kRowBlock) {
    Product({a.data(), a.cols(), 1, a.outerStride()}, {b.data(), b.cols(), 1, b.outerStride()}, row,
            std::min(kRowBlock, a.rows() - row), true, out);
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
