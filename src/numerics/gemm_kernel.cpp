#include "gemm_kernel.h"

#include <vector>

namespace rqvae::kernel {
namespace {

// A strip of the output is as wide as a cache line and as high as still fits the first-level cache.
constexpr Index kStripRows = 64;
constexpr Index kStripCols = kPanelCols;
// Products go over the inner index in stretches of kDepth, so that the panels of a strip stay in the first-level cache,
// and over as many rows of the left operand at a time as fill half of a second-level cache of 512 KB. Between two
// stretches the sums wait in the output; floats go in and out, so this changes no bit.
constexpr Index kDepth = 256;
constexpr Index kLeftFloats = 1 << 16;

Index RoundUp(Index n, Index multiple) { return (n + multiple - 1) / multiple * multiple; }

// Packs kPanels adjacent panels of an operand with outer stride 1.
template <Index kWidth, Index kPanels>
void CopyPanels(const float* source, Index inner, Index depth, float* panels) {
  for (Index k = 0; k < depth; ++k, source += inner, panels += kWidth) {
    for (Index p = 0; p < kPanels; ++p) {
      for (Index lane = 0; lane < kWidth; lane += kLanes) {
        Store(panels + p * kWidth * depth + lane, Load(source + p * kWidth + lane));
      }
    }
  }
}

// Packs `count` rows or columns from `first`, of the inner indices first_k ... first_k + depth - 1, in panels of
// kWidth.
template <Index kWidth>
void Pack(const Operand& operand, Index first, Index count, Index first_k, Index depth, float* panels) {
  const float* source = operand.data + first * operand.outer + first_k * operand.inner;
  const Index whole = count / kWidth * kWidth;
  if (operand.outer == 1) {
    // Whole cache lines of the operand as long as there are any, so that each is read once.
    constexpr Index kLine = 16 / kWidth;
    Index i = 0;
    for (; i + kLine * kWidth <= whole; i += kLine * kWidth) {
      CopyPanels<kWidth, kLine>(source + i, operand.inner, depth, panels + i * depth);
    }
    for (; i < whole; i += kWidth) CopyPanels<kWidth, 1>(source + i, operand.inner, depth, panels + i * depth);
  } else {
    for (Index i = 0; i < whole; i += kWidth) {
      const float* corner = source + i * operand.outer;
      float* target = panels + i * depth;
      Index k = 0;
      for (; k + kLanes <= depth; k += kLanes, corner += kLanes, target += kLanes * kWidth) {
        for (Index lane = 0; lane < kWidth; lane += kLanes) {
          const float* const first = corner + lane * operand.outer;
          F32x4 block[4] = {Load(first), Load(first + operand.outer), Load(first + 2 * operand.outer),
                            Load(first + 3 * operand.outer)};
          Transpose(block);
          for (Index r = 0; r < kLanes; ++r) Store(target + r * kWidth + lane, block[r]);
        }
      }
      for (; k < depth; ++k, ++corner, target += kWidth) {
        for (Index lane = 0; lane < kWidth; ++lane) target[lane] = corner[lane * operand.outer];
      }
    }
  }
  if (whole == count) return;
  float* last = panels + whole * depth;
  std::fill_n(last, depth * kWidth, 0.0f);
  for (Index i = whole; i < count; ++i) {
    for (Index k = 0; k < depth; ++k) {
      last[k * kWidth + i - whole] = source[i * operand.outer + k * operand.inner];
    }
  }
}

}  // namespace

// Not inlined and not unrolled, because of the engine's compiler: it unrolls the innermost loop itself and keeps the
// accumulators in registers, but moves the loads of several steps to the front and spills if the loop comes unrolled.
// It multiplies in the order of the stores, so these are in the order of the loads.
RQVAE_OUTLINED void SumTiles(const float* left, Index left_panels, const float* right, Index right_tiles,
                             Index right_width, Index depth, Start start, float* sums, Index stride) {
  for (Index i = 0; i < left_panels; ++i) {
    for (Index j = 0; j < right_tiles; ++j) {
      float* const row0 = sums + i * kTileRows * stride + j * kTileCols;
      float *const row1 = row0 + stride, *const row2 = row1 + stride, *const row3 = row2 + stride;
      F32x4 a00 = Splat(0), a01 = a00, a10 = a00, a11 = a00, a20 = a00, a21 = a00, a30 = a00, a31 = a00;
      if (start == Start::kSums) {
        a00 = Load(row0), a01 = Load(row0 + kLanes), a10 = Load(row1), a11 = Load(row1 + kLanes);
        a20 = Load(row2), a21 = Load(row2 + kLanes), a30 = Load(row3), a31 = Load(row3 + kLanes);
      }
      const float* a = left + i * depth * kTileRows;
      const float* b = right + j * kTileCols;
      for (Index k = 0; k < depth; ++k, a += kTileRows, b += right_width) {
        const F32x4 b0 = Load(b), b1 = Load(b + kLanes);
        F32x4 x = Splat(a[0]);
        a00 += x * b0;
        a01 += x * b1;
        x = Splat(a[1]);
        a10 += x * b0;
        a11 += x * b1;
        x = Splat(a[2]);
        a20 += x * b0;
        a21 += x * b1;
        x = Splat(a[3]);
        a30 += x * b0;
        a31 += x * b1;
      }
      Store(row3 + kLanes, a31), Store(row3, a30), Store(row2 + kLanes, a21), Store(row2, a20);
      Store(row1 + kLanes, a11), Store(row1, a10), Store(row0 + kLanes, a01), Store(row0, a00);
    }
  }
}

namespace {

// A stretch of the inner index.
struct Stretch {
  Index first;
  Index count;
  bool last;
};

// Between two stretches the sums of a strip that is not formed in the output are parked there.
void Unpark(const Output& out, const Strip& strip) {
  strip.ForEach([&](Index row, Index col, Index lanes, float* sums) {
    Store(sums, LoadLanes(out.place + row * out.stride + col, lanes));
  });
}
void Park(const Output& out, const Strip& strip) {
  strip.ForEach([&](Index row, Index col, Index lanes, const float* sums) {
    StoreLanes(out.place + row * out.stride + col, Load(sums), lanes);
  });
}

// Adds a stretch to the sums of a strip and hands them to `out` after the last one. The sums are formed in the output
// where whole tiles fit there, else in the memory that `strip` comes with.
void SumStrip(const float* left_panels, const float* right, const Stretch& stretch, Strip strip, Output& out) {
  const Index tile_rows = RoundUp(strip.rows, kTileRows), tile_cols = RoundUp(strip.cols, kTileCols);
  const bool in_place = out.place != nullptr && tile_rows == strip.rows && tile_cols == strip.cols;
  const Start start = stretch.first == 0 ? Start::kZero : Start::kSums;
  if (in_place) {
    strip.sums = out.place + strip.row * out.stride + strip.col;
    strip.stride = out.stride;
  } else if (start == Start::kSums) {
    Unpark(out, strip);
  }
  SumTiles(left_panels, tile_rows / kTileRows, right, tile_cols / kTileCols, kPanelCols, stretch.count, start,
           strip.sums, strip.stride);
  if (stretch.last) {
    out.Take(strip);
  } else if (!in_place) {
    Park(out, strip);
  }
}

// The right operand: packed already, or packed here panel by panel.
class Right {
 public:
  Right(const Panels* panels, const Operand* operand) : panels_(panels), operand_(operand) {}
  Index count() const { return panels_ != nullptr ? panels_->count : operand_->count; }
  const float* Panel(Index col, Index k, Index depth) const {
    if (panels_ != nullptr) return panels_->at(col, k);
    thread_local CacheLines panel;
    thread_local Index capacity = 0;
    if (capacity < depth) panel.resize(kPanelCols * (capacity = depth));
    Pack<kPanelCols>(*operand_, col, std::min(kPanelCols, operand_->count - col), k, depth, panel.data());
    return panel.data();
  }

 private:
  const Panels* panels_;
  const Operand* operand_;
};

void ProductOfPanels(const Operand& left, const Right& right, Index depth, Output& out) {
  thread_local std::vector<float> left_panels;
  alignas(16) float scratch[kStripRows * kStripCols];
  const Index most = out.place != nullptr ? std::min(depth, kDepth) : depth;  // of a stretch
  const Index left_rows =
      std::min(RoundUp(left.count, kTileRows),
               std::max(kStripRows, kLeftFloats / std::max<Index>(most, 1) / kStripRows * kStripRows));
  left_panels.resize(std::max(left_panels.size(), CheckedSize(left_rows, most)));
  for (Index first = 0; first < left.count; first += left_rows) {
    const Index end = std::min(first + left_rows, left.count);
    Index k = 0;
    do {  // once even if the depth is 0: the sums are then zero
      const Index count = std::min(most, depth - k);
      const Stretch stretch{k, count, k + count == depth};
      Pack<kTileRows>(left, first, end - first, k, count, left_panels.data());
      for (Index j = 0; j < right.count(); j += kStripCols) {
        const Index cols = std::min(kStripCols, right.count() - j);
        const float* const panel = right.Panel(j, k, count);
        for (Index i = first; i < end; i += kStripRows) {
          SumStrip(left_panels.data() + (i - first) * count, panel, stretch,
                   {i, std::min(kStripRows, end - i), j, cols, scratch, kStripCols}, out);
        }
      }
      k += count;
    } while (k < depth);
  }
}

// sums[j] = sum over k, ascending, of x[k] * right[k][j]: one row and one panel.
RQVAE_OUTLINED void SumRow(const float* x, const float* right, Index depth, float* sums) {
  F32x4 a0 = Splat(0), a1 = a0, a2 = a0, a3 = a0;
  for (Index k = 0; k < depth; ++k, right += kPanelCols) {
    const F32x4 factor = Splat(x[k]);
    a0 += factor * Load(right);
    a1 += factor * Load(right + 4);
    a2 += factor * Load(right + 8);
    a3 += factor * Load(right + 12);
  }
  Store(sums, a0), Store(sums + 4, a1), Store(sums + 8, a2), Store(sums + 12, a3);
}

void ProductOfRows(const Operand& left, const Panels& right, Output& out) {
  alignas(16) float sums[kPanelCols];
  for (Index i = 0; i < left.count; ++i) {
    for (Index j = 0; j < right.count; j += kPanelCols) {
      SumRow(left.data + i * left.outer, right.at(j), right.depth, sums);
      out.Take({i, 1, j, std::min(kPanelCols, right.count - j), sums, kPanelCols});
    }
  }
}

}  // namespace

void PackPanels(const Operand& right, Index depth, float* panels) {
  Pack<kPanelCols>(right, 0, right.count, 0, depth, panels);
}

void Product(const Operand& left, const Operand& right, Index depth, Output& out) {
  ProductOfPanels(left, Right(nullptr, &right), depth, out);
}

void Product(const Operand& left, const Panels& right, Output& out) {
  if (left.count < kTileRows) {
    ProductOfRows(left, right, out);
  } else {
    ProductOfPanels(left, Right(&right, nullptr), right.depth, out);
  }
}

}  // namespace rqvae::kernel
