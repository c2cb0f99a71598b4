// Four float lanes as the compilers' vector extension. The same source becomes wasm SIMD, SSE or NEON; a multiplication
// and an addition stay two instructions (-ffp-contract=off), so every target gives the same bits.
#ifndef RQVAE_SIMD_H_
#define RQVAE_SIMD_H_

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
inline F32x4 LoadLanes(const float* p, Index lanes) {
  if (lanes == kLanes) return Load(p);
  F32x4 v = Splat(0);
  for (Index i = 0; i < lanes; ++i) v[i] = p[i];
  return v;
}
inline void StoreLanes(float* p, F32x4 v, Index lanes) {
  if (lanes == kLanes) return Store(p, v);
  for (Index i = 0; i < lanes; ++i) p[i] = v[i];
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
inline F32x4 Min(F32x4 a, F32x4 b) { return Select(a < b, a, b); }
inline F32x4 Max(F32x4 a, F32x4 b) { return Select(a > b, a, b); }

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
  const F32x4 n = (x * Splat(1.44269504088896341f) + magic) - magic;
  F32x4 r = x - n * Splat(0.693359375f);
  r = r - n * Splat(-2.12194440e-4f);
  F32x4 p = Splat(1.9875691500e-4f);
  p = p * r + Splat(1.3981999507e-3f);
  p = p * r + Splat(8.3334519073e-3f);
  p = p * r + Splat(4.1665795894e-2f);
  p = p * r + Splat(1.6666665459e-1f);
  p = p * r + Splat(5.0000001201e-1f);
  p = p * (r * r) + r + Splat(1.0f);
  const I32x4 exponent = (__builtin_convertvector(n, I32x4) + 127) << 23;
  return p * (F32x4)exponent;
}

// Applies f(F32x4...) along the rows of matrices of one shape and writes the results to `out`. The tail of a row is
// padded with zeros and goes through the same lanes, so an element's result does not depend on its column.
template <typename F, typename... Inputs>
void ForEachLane(F f, MatrixRef out, const Inputs&... inputs) {
  const Index cols = out.cols();
  for (Index i = 0; i < out.rows(); ++i) {
    Index j = 0;
    for (; j + kLanes <= cols; j += kLanes) Store(&out(i, j), f(Load(&inputs(i, j))...));
    if (j < cols) {
      const size_t bytes = sizeof(float) * static_cast<size_t>(cols - j);
      auto tail = [&](const auto& m) {
        F32x4 v = Splat(0);
        std::memcpy(&v, &m(i, j), bytes);
        return v;
      };
      const F32x4 result = f(tail(inputs)...);
      std::memcpy(&out(i, j), &result, bytes);
    }
  }
}

}  // namespace rqvae

#endif  // RQVAE_SIMD_H_
