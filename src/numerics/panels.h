// The right operand of matrix products, packed once for many: a layer's weights, a codebook.
#ifndef RQVAE_PANELS_H_
#define RQVAE_PANELS_H_

#include "matrix.h"

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
// kTileRows rows, the right one in panels of two tiles, a cache line, both with the inner index outermost: the kernel
// reads both in order. Panels are padded with zeros, and nobody uses the sums of the padding.
inline constexpr Index kTileRows = 4;
inline constexpr Index kTileCols = 8;
inline constexpr Index kPanelCols = 2 * kTileCols;

// A right operand that was packed once for many products, by PackPanels.
struct Panels {
  const float* first;
  Index count;  // columns
  Index depth;

  // The panel that column `col` begins, from the inner index k on.
  const float* at(Index col, Index k = 0) const { return first + col * depth + k * kPanelCols; }
  // Floats that they take.
  static Index Size(Index count, Index depth) { return (count + kPanelCols - 1) / kPanelCols * kPanelCols * depth; }
};

// Packs all of a right operand.  panels: Panels::Size floats.
void PackPanels(const Operand& right, Index depth, float* panels);

// Floats that begin with a cache line. (Those of a copy need not.)
class CacheLines {
 public:
  void resize(Index floats) {
    floats_.resize(floats + kPanelCols - 1);
    skipped_ = static_cast<Index>(-reinterpret_cast<uintptr_t>(floats_.data()) / sizeof(float) % kPanelCols);
  }
  float* data() { return floats_.data() + skipped_; }
  const float* data() const { return floats_.data() + skipped_; }

 private:
  Vector floats_;
  Index skipped_ = 0;
};

}  // namespace rqvae::kernel

#endif  // RQVAE_PANELS_H_
