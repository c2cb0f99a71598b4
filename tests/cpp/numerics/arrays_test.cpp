#include "arrays.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace rqvae {
namespace {

TEST(Arrays, FindsTheFirstValueThatIsNotFinite) {
  std::vector<float> values(1000, std::numeric_limits<float>::max());
  EXPECT_EQ(FirstNonFinite(values.data(), 1000), -1);
  values[700] = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(FirstNonFinite(values.data(), 1000), 700);
  EXPECT_EQ(FirstNonFinite(values.data(), 700), -1);
  values[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(FirstNonFinite(values.data(), 1000), 3);
  EXPECT_EQ(FirstNonFinite(nullptr, 0), -1);
  for (const float wrong : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    for (Index at = 0; at < 37; ++at) {
      std::vector<float> one(37, -0.0f);
      one[static_cast<size_t>(at)] = wrong;
      EXPECT_EQ(FirstNonFinite(one.data(), 37), at);
    }
  }
}

// All of them, by the definition of IEEE 754 binary16, and in place.
TEST(Arrays, ConvertsEveryHalfFloatExactly) {
  constexpr size_t kCount = 65536;
  std::vector<float> floats(kCount);
  char* halves = reinterpret_cast<char*>(floats.data()) + 2 * kCount;
  for (uint32_t bits = 0; bits < kCount; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    std::memcpy(halves + 2 * static_cast<size_t>(bits), &half, 2);
  }
  HalfToFloat(halves, kCount, floats.data());
  for (uint32_t bits = 0; bits < kCount; ++bits) {
    const int exponent = (bits >> 10) & 31, fraction = bits & 1023;
    double expected = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    if (exponent == 31) expected = std::numeric_limits<double>::infinity();
    if ((bits >> 15) != 0) expected = -expected;
    if (exponent == 31 && fraction != 0) {
      ASSERT_TRUE(std::isnan(floats[bits])) << bits;
    } else {
      ASSERT_EQ(floats[bits], static_cast<float>(expected)) << bits;
      ASSERT_EQ(std::signbit(floats[bits]), (bits >> 15) != 0) << bits;
    }
  }
}

}  // namespace
}  // namespace rqvae
