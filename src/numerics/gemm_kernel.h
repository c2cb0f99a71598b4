// The kernel of every matrix product. It sums tiles of eight SIMD registers over packed panels and hands the sums to an
// Output. Internal to gemm.cpp, the code search and k-means.
#ifndef RQVAE_GEMM_KERNEL_H_
#define RQVAE_GEMM_KERNEL_H_

#include <algorithm>

#include "matrix.h"
#include "simd.h"

namespace rqvae::kernel {

// A strided view of one operand: element (i, k) is at data[i * outer + k * inner], where k is the product's inner
// index.
struct Operand {
  const float* data;
  Index count;  // rows of the left operand, columns of the right one
  Index outer;
  Index inner;
};

// A tile of the output is kTileRows x kTileCols and lives in eight registers. The left operand is packed in panels of
// kTileRows rows, the right one in panels of kTileCols columns, both with the inner index outermost: the kernel reads
// both in order. Panels are padded with zeros, and nobody uses the sums of the padding.
inline constexpr Index kTileRows = 4;
inline constexpr Index kTileCols = 8;

// Where the sums of a tile start: at zero, or at what `sums` holds.
enum class Start : bool { kZero, kSums };

// sums[i][j] = start + sum over k, ascending, of left[k][i] * right[k][j], for whole panels.
void SumTiles(const float* left, Index left_panels, const float* right, Index right_panels, Index depth, Start start,
              float* sums, Index stride);

// The sums of one part of the output, rows x cols at (row, col).
struct Strip {
  Index row, rows;
  Index col, cols;
  float* sums;
  Index stride;

  // Calls f(row, column, lanes, address of the sums) for four columns at a time; `lanes` of them are in the output.
  template <typename F>
  void ForEach(F f) const {
    float* line = sums;
    for (Index i = row; i < row + rows; ++i, line += stride) {
      for (Index j = 0; j < cols; j += kLanes) f(i, col + j, std::min(kLanes, cols - j), line + j);
    }
  }
};

// Receives the sums of a product.
class Output {
 public:
  // A matrix of the output's shape that the kernel may use for incomplete sums, or null: the kernel then sums over the
  // whole depth at once.
  float* place = nullptr;
  Index stride = 0;

  // Receives the complete sums of a strip. The strips of a row come in ascending order of columns.
  virtual void Take(const Strip& strip) = 0;

 protected:
  ~Output() = default;
};

// Sums left right^T over the inner indices 0 ... depth - 1, each element in ascending order in one accumulator.
void Product(const Operand& left, const Operand& right, Index depth, Output& out);

}  // namespace rqvae::kernel

#endif  // RQVAE_GEMM_KERNEL_H_
