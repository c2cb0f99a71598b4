#include "random.h"

#include <cmath>

#include "hash.h"

namespace rqvae {
namespace {

constexpr uint64_t kGolden = 0x9e3779b97f4a7c15u;  // splitmix64's increment

}  // namespace

uint64_t Hash(uint64_t seed, Stream stream, uint64_t a, uint64_t b) {
  uint64_t h = Mix(seed + kGolden);
  h = Mix(h ^ (static_cast<uint64_t>(stream) * kGolden));
  h = Mix(h ^ (a + kGolden));
  return Mix(h ^ (b + kGolden));
}

uint64_t Random::Next() { return Mix(state_ += kGolden); }

double Random::Uniform() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

float Random::Uniform(float low, float high) {
  return low + (high - low) * (static_cast<float>(Next() >> 40) * 0x1.0p-24f);
}

uint64_t Random::Below(uint64_t bound) {
  // Reject the incomplete last interval, so that every value is equally likely.
  const uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  uint64_t x = Next();
  while (x >= limit) x = Next();
  return x % bound;
}

double Random::Normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  double u, v, s;
  do {
    u = 2 * Uniform() - 1;
    v = 2 * Uniform() - 1;
    s = u * u + v * v;
  } while (s >= 1 || s == 0);
  const double scale = std::sqrt(-2 * std::log(s) / s);
  spare_ = v * scale;
  has_spare_ = true;
  return u * scale;
}

void AddNoise(uint64_t seed, uint64_t step, const uint32_t* row_ids, float standard_deviation, MatrixRef x) {
  // A sum of eight uniform integers 0 ... 255 has mean 1020 and variance 8 (256^2 - 1) / 12 = 43690.
  const float scale = standard_deviation / std::sqrt(43690.0f);
  for (Index i = 0; i < x.rows(); ++i) {
    uint64_t state = Hash(seed, Stream::kNoise, step, row_ids[i]);
    for (Index j = 0; j < x.cols(); ++j) {
      const uint64_t bytes = Mix(state += kGolden);
      // Adds the eight bytes in pairs, then the four 16-bit sums.
      const uint64_t pairs = (bytes & 0x00ff00ff00ff00ffu) + ((bytes >> 8) & 0x00ff00ff00ff00ffu);
      const auto sum = static_cast<int32_t>((pairs * 0x0001000100010001u) >> 48);
      x(i, j) += static_cast<float>(sum - 1020) * scale;
    }
  }
}

}  // namespace rqvae
