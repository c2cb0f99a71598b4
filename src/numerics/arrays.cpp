#include "arrays.h"

#include <cmath>
#include <cstring>

#include "simd.h"

namespace rqvae {

Index FirstNonFinite(const float* values, Index count) {
  // The product with 0 is 0 for a finite number and NaN for any other. Steps of sixteen numbers until one is not.
  Index i = 0;
  for (; i + 4 * kLanes <= count; i += 4 * kLanes) {
    const float* const at = values + i;
    const F32x4 zero = (Load(at) * 0.0f + Load(at + 4) * 0.0f) + (Load(at + 8) * 0.0f + Load(at + 12) * 0.0f);
    const F32x4 pair = zero + __builtin_shufflevector(zero, zero, 2, 3, 0, 1);
    if (pair[0] + pair[1] != 0.0f) break;
  }
  for (; i < count; ++i) {
    if (!std::isfinite(values[i])) return i;
  }
  return -1;
}

void HalfToFloat(const void* halves, Index count, void* floats) {
  const auto* source = static_cast<const char*>(halves);
  auto* target = static_cast<char*>(floats);
  for (Index i = 0; i < count; ++i) {
    uint16_t bits;
    std::memcpy(&bits, source + sizeof bits * static_cast<size_t>(i), sizeof bits);
    const auto value = static_cast<float>(Eigen::numext::bit_cast<Eigen::half>(bits));
    std::memcpy(target + sizeof value * static_cast<size_t>(i), &value, sizeof value);
  }
}

}  // namespace rqvae
