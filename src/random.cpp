#include "random.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "hash.h"
#include "sorting.h"

namespace rqvae {
namespace {

constexpr uint64_t kGolden = 0x9e3779b97f4a7c15u;  // splitmix64's increment

// Shuffle blocks of this many rows ...
constexpr Index kShuffleBlock = 4096;
// ... then rows within windows of this many blocks.
constexpr Index kShuffleWindow = 16;

template <typename T>
void Shuffle(T* begin, Index count, Random& random) {  // Fisher & Yates
  for (Index i = count - 1; i > 0; --i) {
    std::swap(begin[i], begin[static_cast<Index>(random.Below(static_cast<uint64_t>(i) + 1))]);
  }
}

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

std::vector<uint32_t> EpochOrder(uint64_t seed, uint64_t epoch, Index rows, std::vector<Index>* window_ends) {
  const Index blocks = (rows + kShuffleBlock - 1) / kShuffleBlock;
  std::vector<uint32_t> block_order(static_cast<size_t>(blocks));
  std::iota(block_order.begin(), block_order.end(), 0u);
  Random random(seed, Stream::kShuffle, epoch);
  Shuffle(block_order.data(), blocks, random);
  std::vector<uint32_t> order;
  order.reserve(static_cast<size_t>(rows));
  if (window_ends != nullptr) window_ends->clear();
  for (Index first = 0; first < blocks; first += kShuffleWindow) {
    const size_t window = order.size();
    for (Index b = first; b < std::min(first + kShuffleWindow, blocks); ++b) {
      const Index begin = static_cast<Index>(block_order[static_cast<size_t>(b)]) * kShuffleBlock;
      for (Index row = begin; row < std::min(begin + kShuffleBlock, rows); ++row) {
        order.push_back(static_cast<uint32_t>(row));
      }
    }
    Shuffle(order.data() + window, static_cast<Index>(order.size() - window), random);
    if (window_ends != nullptr) window_ends->push_back(static_cast<Index>(order.size()));
  }
  return order;
}

std::vector<uint32_t> SampleRows(uint64_t seed, Stream stream, Index rows, Index count) {
  std::vector<uint32_t> sample;
  if (count >= rows) {
    sample.resize(static_cast<size_t>(rows));
    std::iota(sample.begin(), sample.end(), 0u);
    return sample;
  }
  std::vector<KeyedRow> keyed;
  keyed.reserve(static_cast<size_t>(rows));
  for (uint32_t row = 0; row < static_cast<uint32_t>(rows); ++row) keyed.push_back({Hash(seed, stream, row), row});
  SelectSmallest(keyed, static_cast<size_t>(count));
  keyed.resize(static_cast<size_t>(count));
  for (KeyedRow& one : keyed) one.key = 0;  // from now on by row
  SortRows(keyed);
  for (const KeyedRow& one : keyed) sample.push_back(one.row);
  return sample;
}

void AddNoise(uint64_t seed, uint64_t step, const uint32_t* rows, float standard_deviation, MatrixRef x) {
  // A sum of eight uniform integers 0 ... 255 has mean 1020 and variance 8 (256^2 - 1) / 12 = 43690.
  const float scale = standard_deviation / std::sqrt(43690.0f);
  for (Index i = 0; i < x.rows(); ++i) {
    uint64_t state = Hash(seed, Stream::kNoise, step, rows[i]);
    for (Index j = 0; j < x.cols(); ++j) {
      const uint64_t bytes = Mix(state += kGolden);
      // Adds the eight bytes in parallel: pairs, then the four 16-bit sums.
      const uint64_t pairs = (bytes & 0x00ff00ff00ff00ffu) + ((bytes >> 8) & 0x00ff00ff00ff00ffu);
      const auto sum = static_cast<int32_t>((pairs * 0x0001000100010001u) >> 48);
      x(i, j) += static_cast<float>(sum - 1020) * scale;
    }
  }
}

}  // namespace rqvae
