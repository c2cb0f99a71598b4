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
