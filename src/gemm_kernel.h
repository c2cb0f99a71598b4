// The kernel of every product: tiles of eight SIMD registers over packed panels, handed to whoever uses the sums.
// Internal to gemm.cpp and the code search.
//
// An `Out` takes the sums: a whole tile, or four columns of a row at a time, of which `lanes` are there:
//   out.PutTile(i, j, acc), out.Put(row, col, sum, lanes)
// and if Out::kParks, has a place where sums may wait incomplete, laid out as the output:
//   out.place(row, col), out.stride()
#ifndef RQVAE_GEMM_KERNEL_H_
#define RQVAE_GEMM_KERNEL_H_

#include <algorithm>
#include <vector>

#include "matrix.h"
#include "simd.h"

namespace rqvae::kernel {

// One tile of the output is kTileRows x kTileCols and lives in eight registers. The left operand is packed in panels of
// kTileRows rows, the right one in panels of kTileCols columns, both with the inner index outermost, so that the kernel
// reads both in order. Panels are padded with zeros; padded results are not stored.
inline constexpr Index kTileRows = 4;
inline constexpr Index kTileCols = 8;
// The inner index is taken in stretches of kDepth, so that a panel of each side stays in the first-level cache, and as
// many rows of the left operand at a time as fill half of a second-level cache of 512 KB. A sum that is not complete
// waits in the output: float in, float out, the same bits.
inline constexpr Index kDepth = 256;
inline constexpr Index kLeftFloats = 1 << 16;
// Up to this many rows the right operand is read where it lies: packing it would take longer than it saves.
inline constexpr Index kFewRows = 4;

inline Index RoundUp(Index n, Index multiple) { return (n + multiple - 1) / multiple * multiple; }

// A strided view: element (i, k) of an operand at data[i * outer + k * inner], where k is the inner index of the
// product.
struct Operand {
  const float* data;
  Index count;  // rows of the left operand or columns of the right one
  Index outer;
  Index inner;
};

// panel[k][i] = operand(first + i, first_k + k), i < width, a multiple of four.
RQVAE_OUTLINED inline void PackPanel(Index width, const Operand& a, Index first, Index first_k, Index depth,
                                     float* panel) {
  const Index valid = std::min(width, a.count - first);
  const float* source = a.data + first * a.outer + first_k * a.inner;
  if (valid < width) std::fill_n(panel, depth * width, 0.0f);
  Index k = 0;
  if (valid == width && a.outer == 1) {
    for (; k < depth; ++k, source += a.inner, panel += width) {
      for (Index i = 0; i < width; i += kLanes) Store(panel + i, Load(source + i));
    }
    return;
  }
  if (valid == width && a.inner == 1) {
    for (; k + kLanes <= depth; k += kLanes) {
      for (Index i = 0; i < width; i += kLanes) {
        const float* corner = source + i * a.outer + k;
        F32x4 block[4] = {Load(corner), Load(corner + a.outer), Load(corner + 2 * a.outer), Load(corner + 3 * a.outer)};
        Transpose(block);
        float* target = panel + k * width + i;
        Store(target, block[0]);
        Store(target + width, block[1]);
        Store(target + 2 * width, block[2]);
        Store(target + 3 * width, block[3]);
      }
    }
  }
  for (; k < depth; ++k) {
    for (Index i = 0; i < valid; ++i) panel[k * width + i] = source[i * a.outer + k * a.inner];
  }
}

using Accumulators = F32x4[kTileRows][2];

// acc[r][c] += sum over k, ascending, of left[k][r] * right[k][c]. Not unrolled: the engine's compiler then moves the
// loads of several steps to the front and spills the accumulators.
inline void Tile(const float* left, const float* right, Index depth, Accumulators& acc) {
  F32x4 a00 = acc[0][0], a01 = acc[0][1], a10 = acc[1][0], a11 = acc[1][1];
  F32x4 a20 = acc[2][0], a21 = acc[2][1], a30 = acc[3][0], a31 = acc[3][1];
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

// Calls f(row, column, lanes, sums) for the parts of a tile that are there. Not unrolled: the code would be too large.
template <typename F>
inline void ForEachPart(Index i, Index j, Index rows, Index cols, Accumulators& acc, F f) {
  RQVAE_ROLLED
  for (Index part = 0; part < 2 * std::min(kTileRows, rows - i); ++part) {
    const Index at = j + part % 2 * kLanes;
    if (at < cols) f(i + part / 2, at, std::min(kLanes, cols - at), acc[part / 2][part % 2]);
  }
}

// Sums that are not complete wait in the output.
inline void Park(const Accumulators& acc, float* place, Index stride) {
  for (const auto& row : acc) {
    Store(place, row[0]);
    Store(place + kLanes, row[1]);
    place += stride;
  }
}
inline void TakeUp(Accumulators& acc, const float* place, Index stride) {
  for (auto& row : acc) {
    row[0] = Load(place);
    row[1] = Load(place + kLanes);
    place += stride;
  }
}

// The sums of left right^T over `depth`. Tiles come by panels of columns, ascending.
template <typename Out>
void Product(const Operand& left, const Operand& right, Index depth, Out& out) {
  thread_local std::vector<float> left_panels, right_panel;
  const Index block = Out::kParks ? std::min(depth, kDepth) : depth;
  const Index left_rows =
      std::min(RoundUp(left.count, kTileRows),
               std::max(kTileRows, kLeftFloats / std::max<Index>(block, 1) / kTileRows * kTileRows));
  left_panels.resize(std::max(left_panels.size(), static_cast<size_t>(left_rows * block)));
  right_panel.resize(std::max(right_panel.size(), static_cast<size_t>(kTileCols * block)));
  Accumulators acc;
  for (Index first = 0; first < left.count; first += left_rows) {
    const Index end = std::min(first + left_rows, left.count);
    Index k = 0;
    do {
      const Index stretch = std::min(block, depth - k);
      for (Index i = first; i < end; i += kTileRows) {
        PackPanel(kTileRows, left, i, k, stretch, left_panels.data() + (i - first) * stretch);
      }
      for (Index j = 0; j < right.count; j += kTileCols) {
        PackPanel(kTileCols, right, j, k, stretch, right_panel.data());
        for (Index i = first; i < end; i += kTileRows) {
          const bool whole = i + kTileRows <= left.count && j + kTileCols <= right.count;
          const float* panel = left_panels.data() + (i - first) * stretch;
          for (auto& row : acc) row[0] = row[1] = Splat(0);
          if constexpr (Out::kParks) {
            if (k > 0 && whole) {
              TakeUp(acc, out.place(i, j), out.stride());
            } else if (k > 0) {
              ForEachPart(i, j, left.count, right.count, acc, [&](Index row, Index col, Index lanes, F32x4& sum) {
                sum = LoadLanes(out.place(row, col), lanes);
              });
            }
          }
          Tile(panel, right_panel.data(), stretch, acc);
          if constexpr (Out::kParks) {
            if (k + stretch < depth) {
              if (whole) {
                Park(acc, out.place(i, j), out.stride());
              } else {
                ForEachPart(i, j, left.count, right.count, acc, [&](Index row, Index col, Index lanes, F32x4& sum) {
                  StoreLanes(out.place(row, col), sum, lanes);
                });
              }
              continue;
            }
          }
          if (whole) {
            out.PutTile(i, j, acc);
          } else {
            ForEachPart(i, j, left.count, right.count, acc,
                        [&](Index row, Index col, Index lanes, F32x4& sum) { out.Put(row, col, sum, lanes); });
          }
        }
      }
      k += stretch;
    } while (k < depth);
  }
}

// The same for few rows of the left operand, with an inner stride of one on both sides: the right one is read where it
// lies, since packing it would take longer than it saves.
template <typename Out>
void ProductOfFewRows(const Operand& left, const Operand& right, Index depth, Out& out) {
  constexpr Index kGroups = 4;  // of four columns: as many sums at a time as one waits for an addition
  for (Index i = 0; i < left.count; ++i) {
    const float* x = left.data + i * left.outer;
    Index j = 0;
    for (; j + kGroups * kLanes <= right.count; j += kGroups * kLanes) {
      F32x4 sums[kGroups] = {Splat(0), Splat(0), Splat(0), Splat(0)};
      Index k = 0;
      for (; k + kLanes <= depth; k += kLanes) {
        for (Index g = 0; g < kGroups; ++g) {
          const float* corner = right.data + (j + g * kLanes) * right.outer + k;
          F32x4 block[4] = {Load(corner), Load(corner + right.outer), Load(corner + 2 * right.outer),
                            Load(corner + 3 * right.outer)};
          Transpose(block);
          for (Index r = 0; r < kLanes; ++r) sums[g] += Splat(x[k + r]) * block[r];
        }
      }
      for (; k < depth; ++k) {
        for (Index g = 0; g < kGroups; ++g) {
          const float* corner = right.data + (j + g * kLanes) * right.outer + k;
          sums[g] +=
              Splat(x[k]) * F32x4{corner[0], corner[right.outer], corner[2 * right.outer], corner[3 * right.outer]};
        }
      }
      for (Index g = 0; g < kGroups; ++g) out.Put(i, j + g * kLanes, sums[g], kLanes);
    }
    for (; j < right.count; ++j) {
      const float* w = right.data + j * right.outer;
      float sum = 0;
      for (Index k = 0; k < depth; ++k) sum += x[k] * w[k];
      out.Put(i, j, Splat(sum), 1);
    }
  }
}

}  // namespace rqvae::kernel

#endif  // RQVAE_GEMM_KERNEL_H_
