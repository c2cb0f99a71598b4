#include "arrays.h"

#include <cmath>
#include <cstring>

namespace rqvae {

Index FirstNonFinite(const float* values, Index count) {
  for (Index i = 0; i < count; ++i) {
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
