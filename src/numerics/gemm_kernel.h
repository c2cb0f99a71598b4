// The kernel of every matrix product. It sums tiles of eight SIMD registers over packed panels and hands the sums to an
// Output. Internal to gemm.cpp, the code search and k-means.
#ifndef RQVAE_GEMM_KERNEL_H_
#define RQVAE_GEMM_KERNEL_H_

#include <algorithm>

#include "matrix.h"
#include "panels.h"
#include "simd.h"

namespace rqvae::kernel {

// Where the sums of a tile start: at zero, or at what `sums` holds.
enum class Start : bool { kZero, kSums };

// sums[i][j] = start + sum over k, ascending, of left[k][i] * right[k][j], for whole panels of the left operand and
// whole tiles of a panel of the right one that is right_width wide.
void SumTiles(const float* left, Index left_panels, const float* right, Index right_tiles, Index right_width,
              Index depth, Start start, float* sums, Index stride);

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
// The same, fast for few rows too: left's inner stride must be 1.
void Product(const Operand& left, const Panels& right, Output& out);

}  // namespace rqvae::kernel

#endif  // RQVAE_GEMM_KERNEL_H_
