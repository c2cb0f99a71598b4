#include "gemm_kernel.h"

#include <vector>

namespace rqvae::kernel {
namespace {

// The output is worked on in strips as wide as a cache line and as high as keeps a strip in the first-level cache.
inline constexpr Index kStripRows = 64;
inline constexpr Index kStripCols = 16;
// The inner index is taken in stretches of kDepth, so that the panels of a strip stay in the first-level cache, and as
// many rows of the left operand at a time as fill half of a second-level cache of 512 KB. A sum that is not complete
// waits in the output: float in, float out, the same bits.
inline constexpr Index kDepth = 256;
inline constexpr Index kLeftFloats = 1 << 16;
// Up to this many rows the right operand is read where it lies: packing it would take longer than it saves.
inline constexpr Index kFewRows = 4;

inline Index RoundUp(Index n, Index multiple) { return (n + multiple - 1) / multiple * multiple; }

// Adjacent panels of an operand whose rows or columns lie side by side.
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

// Panels of kWidth rows or columns.
template <Index kWidth>
void Pack(const Operand& operand, Index first, Index count, Index first_k, Index depth, float* panels) {
  const float* source = operand.data + first * operand.outer + first_k * operand.inner;
  const Index whole = count / kWidth * kWidth;
  if (operand.outer == 1) {
    // A cache line of the operand at a time, where there is one: it is then read once.
    constexpr Index kLine = 16 / kWidth;
    Index i = 0;
    for (; i + kLine * kWidth <= whole; i += kLine * kWidth) {
      CopyPanels<kWidth, kLine>(source + i, operand.inner, depth, panels + i * depth);
    }
    for (; i < whole; i += kWidth) CopyPanels<kWidth, 1>(source + i, operand.inner, depth, panels + i * depth);
  } else {
    for (Index i = 0; i < whole; i += kLanes) {
      const float* corner = source + i * operand.outer;
      float* target = panels + i / kWidth * kWidth * depth + i % kWidth;
      Index k = 0;
      for (; k + kLanes <= depth; k += kLanes, corner += kLanes) {
        F32x4 block[4] = {Load(corner), Load(corner + operand.outer), Load(corner + 2 * operand.outer),
                          Load(corner + 3 * operand.outer)};
        Transpose(block);
        for (const F32x4& column : block) {
          Store(target, column);
          target += kWidth;
        }
      }
      for (; k < depth; ++k, ++corner, target += kWidth) {
        for (Index lane = 0; lane < kLanes; ++lane) target[lane] = corner[lane * operand.outer];
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

// A function of its own, its innermost loop not unrolled: the engine's compiler unrolls it and keeps the accumulators
// in registers; where the loop is unrolled already it moves the loads of several steps to the front and spills. The
// order of the stores decides the order in which it multiplies, and this one is the order of its loads.
RQVAE_OUTLINED void SumTiles(const float* left, Index left_panels, const float* right, Index right_panels, Index depth,
                             bool fresh, float* sums, Index stride) {
  for (Index i = 0; i < left_panels; ++i) {
    for (Index j = 0; j < right_panels; ++j) {
      float* const row0 = sums + i * kTileRows * stride + j * kTileCols;
      float *const row1 = row0 + stride, *const row2 = row1 + stride, *const row3 = row2 + stride;
      F32x4 a00 = Splat(0), a01 = a00, a10 = a00, a11 = a00, a20 = a00, a21 = a00, a30 = a00, a31 = a00;
      if (!fresh) {
        a00 = Load(row0), a01 = Load(row0 + kLanes), a10 = Load(row1), a11 = Load(row1 + kLanes);
        a20 = Load(row2), a21 = Load(row2 + kLanes), a30 = Load(row3), a31 = Load(row3 + kLanes);
      }
      const float* a = left + i * depth * kTileRows;
      const float* b = right + j * depth * kTileCols;
      for (Index k = 0; k < depth; ++k, a += kTileRows, b += kTileCols) {
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

// Sums formed elsewhere than in the output wait there too.
void TakeUp(const Output& out, const Strip& strip) {
  strip.ForEach([&](Index row, Index col, Index lanes, float* sums) {
    Store(sums, LoadLanes(out.place + row * out.stride + col, lanes));
  });
}
void Park(const Output& out, const Strip& strip) {
  strip.ForEach([&](Index row, Index col, Index lanes, const float* sums) {
    StoreLanes(out.place + row * out.stride + col, Load(sums), lanes);
  });
}

void ProductOfPanels(const Operand& left, const Operand& right, Index depth, Output& out) {
  thread_local std::vector<float> left_panels, right_panels;
  alignas(16) float scratch[kStripRows * kStripCols];
  const Index block = out.place != nullptr ? std::min(depth, kDepth) : depth;
  const Index left_rows =
      std::min(RoundUp(left.count, kTileRows),
               std::max(kStripRows, kLeftFloats / std::max<Index>(block, 1) / kStripRows * kStripRows));
  left_panels.resize(std::max(left_panels.size(), CheckedSize(left_rows, block)));
  right_panels.resize(std::max(right_panels.size(), CheckedSize(kStripCols, block)));
  for (Index first = 0; first < left.count; first += left_rows) {
    const Index end = std::min(first + left_rows, left.count);
    Index k = 0;
    do {
      const Index stretch = std::min(block, depth - k);
      const bool complete = k + stretch == depth;
      Pack<kTileRows>(left, first, end - first, k, stretch, left_panels.data());
      for (Index j = 0; j < right.count; j += kStripCols) {
        const Index cols = std::min(kStripCols, right.count - j);
        Pack<kTileCols>(right, j, cols, k, stretch, right_panels.data());
        for (Index i = first; i < end; i += kStripRows) {
          Strip strip{i, std::min(kStripRows, end - i), j, cols, scratch, kStripCols};
          const Index tile_rows = RoundUp(strip.rows, kTileRows), tile_cols = RoundUp(cols, kTileCols);
          const bool in_place = out.place != nullptr && tile_rows == strip.rows && tile_cols == cols;
          if (in_place) {
            strip.sums = out.place + i * out.stride + j;
            strip.stride = out.stride;
          } else if (k > 0) {
            TakeUp(out, strip);
          }
          SumTiles(left_panels.data() + (i - first) * stretch, tile_rows / kTileRows, right_panels.data(),
                   tile_cols / kTileCols, stretch, k == 0, strip.sums, strip.stride);
          if (complete) {
            out.Take(strip);
          } else if (!in_place) {
            Park(out, strip);
          }
        }
      }
      k += stretch;
    } while (k < depth);
  }
}

// For few rows of the left operand, with an inner stride of one on both sides.
void ProductOfFewRows(const Operand& left, const Operand& right, Index depth, Output& out) {
  constexpr Index kGroups = kStripCols / kLanes;  // as many sums at a time as one waits for an addition
  F32x4 sums[kGroups];
  for (Index i = 0; i < left.count; ++i) {
    const float* x = left.data + i * left.outer;
    for (Index j = 0; j < right.count; j += kStripCols) {
      const Index cols = std::min(kStripCols, right.count - j);
      const float* w = right.data + j * right.outer;
      for (F32x4& sum : sums) sum = Splat(0);
      Index k = 0;
      if (cols == kStripCols) {
        for (; k + kLanes <= depth; k += kLanes) {
          for (Index g = 0; g < kGroups; ++g) {
            const float* corner = w + g * kLanes * right.outer + k;
            F32x4 block[4] = {Load(corner), Load(corner + right.outer), Load(corner + 2 * right.outer),
                              Load(corner + 3 * right.outer)};
            Transpose(block);
            for (Index r = 0; r < kLanes; ++r) sums[g] += Splat(x[k + r]) * block[r];
          }
        }
      }
      for (; k < depth; ++k) {
        for (Index c = 0; c < cols; ++c) sums[c / kLanes][c % kLanes] += x[k] * w[c * right.outer + k];
      }
      alignas(16) float line[kStripCols];
      for (Index g = 0; g < kGroups; ++g) Store(line + g * kLanes, sums[g]);
      out.Take({i, 1, j, cols, line, kStripCols});
    }
  }
}

}  // namespace

void Product(const Operand& left, const Operand& right, Index depth, Output& out) {
  if (left.count <= kFewRows && left.inner == 1 && right.inner == 1) {
    ProductOfFewRows(left, right, depth, out);
  } else {
    ProductOfPanels(left, right, depth, out);
  }
}

}  // namespace rqvae::kernel
