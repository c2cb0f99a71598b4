// Four float lanes as the compilers' vector extension. The same source becomes wasm SIMD, SSE or NEON; a multiplication
// and an addition stay two instructions (-ffp-contract=off), so every target gives the same bits.
#ifndef RQVAE_SIMD_H_
#define RQVAE_SIMD_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "matrix.h"

namespace rqvae {

#define RQVAE_OUTLINED __attribute__((noinline))

using F32x4 = float __attribute__((vector_size(16)));
using I32x4 = int32_t __attribute__((vector_size(16)));

inline constexpr Index kLanes = 4;

inline F32x4 Splat(float x) { return F32x4{x, x, x, x}; }
inline F32x4 Load(const float* p) {
  F32x4 v;
  std::memcpy(&v, p, sizeof v);  // compiles to one unaligned load
  return v;
}
inline void Store(float* p, F32x4 v) { std::memcpy(p, &v, sizeof v); }

// The first `lanes` floats at p, 1 <= lanes <= 4, and zeros behind; nothing else is read or written.
// Tails are outlined: they are many and seldom run.
RQVAE_OUTLINED inline F32x4 LoadTail(const float* p, Index lanes) {
  F32x4 v = Splat(0);
  std::memcpy(&v, p, sizeof(float) * static_cast<size_t>(lanes));
  return v;
}
RQVAE_OUTLINED inline void StoreTail(float* p, F32x4 v, Index lanes) {
  std::memcpy(p, &v, sizeof(float) * static_cast<size_t>(lanes));
}
inline F32x4 LoadLanes(const float* p, Index lanes) { return lanes == kLanes ? Load(p) : LoadTail(p, lanes); }
inline void StoreLanes(float* p, F32x4 v, Index lanes) {
  if (lanes == kLanes) return Store(p, v);
  StoreTail(p, v, lanes);
}

// Transposes a 4 x 4 block.
inline void Transpose(F32x4 (&m)[4]) {
  const F32x4 a = __builtin_shufflevector(m[0], m[1], 0, 4, 1, 5), b = __builtin_shufflevector(m[0], m[1], 2, 6, 3, 7);
  const F32x4 c = __builtin_shufflevector(m[2], m[3], 0, 4, 1, 5), d = __builtin_shufflevector(m[2], m[3], 2, 6, 3, 7);
  m[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
  m[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
  m[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
  m[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}

inline F32x4 Select(I32x4 mask, F32x4 a, F32x4 b) { return (F32x4)((mask & (I32x4)a) | (~mask & (I32x4)b)); }
// b where a lane of a is NaN.
inline F32x4 Min(F32x4 a, F32x4 b) { return a < b ? a : b; }
inline F32x4 Max(F32x4 a, F32x4 b) { return a > b ? a : b; }

inline F32x4 Sqrt(F32x4 x) {
#if defined(__clang__)
  return __builtin_elementwise_sqrt(x);
#else
  return F32x4{std::sqrt(x[0]), std::sqrt(x[1]), std::sqrt(x[2]), std::sqrt(x[3])};
#endif
}

// exp(x) to about 2 ulp: x = n ln 2 + r with |r| <= ln 2 / 2, then a degree-6 polynomial (coefficients of Cephes' expf
// by S. Moshier). x is clamped to [-87, 88], where the result is a normal float. The clamp swallows NaN: a caller that
// must keep it handles it itself.
inline F32x4 Exp(F32x4 x) {
  x = Max(Min(x, Splat(88.0f)), Splat(-87.0f));
  // Round to nearest by adding and subtracting 1.5 * 2^23.
  const F32x4 magic = Splat(12582912.0f);
  const F32x4 shifted = x * Splat(1.44269504088896341f) + magic, n = shifted - magic;
  F32x4 r = x - n * Splat(0.693359375f);
  r = r - n * Splat(-2.12194440e-4f);
  F32x4 p = Splat(1.9875691500e-4f);
  p = p * r + Splat(1.3981999507e-3f);
  p = p * r + Splat(8.3334519073e-3f);
  p = p * r + Splat(4.1665795894e-2f);
  p = p * r + Splat(1.6666665459e-1f);
  p = p * r + Splat(5.0000001201e-1f);
  p = p * (r * r) + r + Splat(1.0f);
  return p * (F32x4)(((I32x4)shifted + 127) << 23);  // the low bits of `shifted` are those of n
}

// out = x - y; out may be x or y.
inline void Subtract(const float* x, const float* y, Index n, float* out) {
  Index i = 0;
  for (; i + kLanes <= n; i += kLanes) Store(out + i, Load(x + i) - Load(y + i));
  for (; i < n; ++i) out[i] = x[i] - y[i];
}

// sum += x.
inline void Add(const float* x, Index n, float* sum) {
  Index i = 0;
  for (; i + kLanes <= n; i += kLanes) Store(sum + i, Load(sum + i) + Load(x + i));
  for (; i < n; ++i) sum[i] += x[i];
}

// Applies f(F32x4...) along the rows of matrices of one shape and writes the results to `out`. The tail of a row is
// padded with zeros and goes through the same lanes, so an element's result does not depend on its column.
template <typename F, typename... Inputs>
void ForEachLane(F f, MatrixRef out, const Inputs&... inputs) {
  const Index cols = out.cols();
  for (Index i = 0; i < out.rows(); ++i) {
    for (Index j = 0; j < cols; j += kLanes) {
      const Index lanes = std::min(kLanes, cols - j);
      StoreLanes(&out(i, j), f(LoadLanes(&inputs(i, j), lanes)...), lanes);
    }
  }
}

}  // namespace rqvae

#endif  // RQVAE_SIMD_H_
