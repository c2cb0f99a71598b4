// The kernel of every product: tiles of eight SIMD registers over packed panels, handed to whoever uses the sums.
// Internal to gemm.cpp and the code search.
#ifndef RQVAE_GEMM_KERNEL_H_
#define RQVAE_GEMM_KERNEL_H_

#include <algorithm>

#include "matrix.h"
#include "simd.h"

namespace rqvae::kernel {

// A strided view: element (i, k) of an operand at data[i * outer + k * inner], where k is the inner index of the
// product.
struct Operand {
  const float* data;
  Index count;  // rows of the left operand or columns of the right one
  Index outer;
  Index inner;
};

// One tile of the output is kTileRows x kTileCols and lives in eight registers. The left operand is packed in panels of
// kTileRows rows, the right one in panels of kTileCols columns, both with the inner index outermost, so that the kernel
// reads both in order. Panels are padded with zeros; padded results are not used.
inline constexpr Index kTileRows = 4;
inline constexpr Index kTileCols = 8;

// sums[i][j] = (fresh ? 0 : sums[i][j]) + sum over k, ascending, of left[k][i] * right[k][j], for whole panels.
void SumTiles(const float* left, Index left_panels, const float* right, Index right_panels, Index depth, bool fresh,
              float* sums, Index stride);

// Part of an output, rows x cols at (row, col), and its sums.
struct Strip {
  Index row, rows;
  Index col, cols;
  float* sums;
  Index stride;

  // Calls f(row, column, lanes, address of the sums) for four columns at a time.
  template <typename F>
  void ForEach(F f) const {
    float* line = sums;
    for (Index i = row; i < row + rows; ++i, line += stride) {
      for (Index j = 0; j < cols; j += kLanes) f(i, col + j, std::min(kLanes, cols - j), line + j);
    }
  }
};

// Who uses the sums.
class Output {
 public:
  // Where sums may be formed and wait incomplete, laid out as the output, or null.
  float* place = nullptr;
  Index stride = 0;

  // Strips come by columns, ascending.
  virtual void Take(const Strip& strip) = 0;

 protected:
  ~Output() = default;
};

// The sums of left right^T over `depth`, each over ascending k in one accumulator.
void Product(const Operand& left, const Operand& right, Index depth, Output& out);

}  // namespace rqvae::kernel

#endif  // RQVAE_GEMM_KERNEL_H_
