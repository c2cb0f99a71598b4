#include "random.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "hash.h"

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

EpochShuffle::EpochShuffle(uint64_t seed, uint64_t epoch, Index rows)
    : rows_(rows), random_(seed, Stream::kShuffle, epoch) {
  blocks_.resize(static_cast<size_t>((rows + kShuffleBlock - 1) / kShuffleBlock));
  std::iota(blocks_.begin(), blocks_.end(), 0u);
  Shuffle(blocks_.data(), static_cast<Index>(blocks_.size()), random_);
  order_.reserve(static_cast<size_t>(rows));
}

bool EpochShuffle::Extend() {
  const Index window = static_cast<Index>(order_.size());
  if (window == rows_) return false;
  const auto end = std::min(next_block_ + kShuffleWindow, static_cast<Index>(blocks_.size()));
  for (; next_block_ < end; ++next_block_) {
    const Index begin = static_cast<Index>(blocks_[static_cast<size_t>(next_block_)]) * kShuffleBlock;
    for (Index row = begin; row < std::min(begin + kShuffleBlock, rows_); ++row) {
      order_.push_back(static_cast<uint32_t>(row));
    }
  }
  Shuffle(order_.data() + window, static_cast<Index>(order_.size()) - window, random_);
  window_ends_.push_back(static_cast<Index>(order_.size()));
  return true;
}

RowSampler::RowSampler(uint64_t seed, Stream stream, Index rows, Index count)
    : seed_(seed), stream_(stream), rows_(rows), count_(std::min(count, rows)) {
  below_.resize(count_ < rows_ ? size_t{1} << kBucketBits : 0);
}

// Hashes are uniform: their first bits say of nearly every row on which side of the sample's border it lies. The first
// pass finds the border's bucket, the second takes what is below it; only the bucket's own rows are compared.
bool RowSampler::Advance() {
  if (count_ == 0 || done_) return false;
  if (count_ == rows_) {
    sample_.resize(static_cast<size_t>(rows_));
    std::iota(sample_.begin(), sample_.end(), 0u);
    done_ = true;
    return false;
  }
  const Index end = std::min(next_ + kSliceRows, rows_);
  for (; next_ < end; ++next_) {
    const auto row = static_cast<uint32_t>(next_);
    const uint64_t hash = Hash(seed_, stream_, row);
    const auto bucket = static_cast<size_t>(hash >> (64 - kBucketBits));
    if (!counted_) {
      ++below_[bucket];
    } else if (bucket <= border_) {
      if (bucket == border_) at_border_.push_back({hash, row});
      sample_.push_back(row);
    }
  }
  if (next_ < rows_) return true;
  next_ = 0;
  if (!counted_) {
    Index left = count_;
    for (border_ = 0; left > static_cast<Index>(below_[border_]); ++border_)
      left -= static_cast<Index>(below_[border_]);
    counted_ = true;
    taken_at_border_ = static_cast<size_t>(left);
    sample_.reserve(static_cast<size_t>(count_) + below_[border_]);
    below_ = {};
    return true;
  }
  SortRows(at_border_);
  std::vector<KeyedRow> left_out(at_border_.begin() + static_cast<std::ptrdiff_t>(taken_at_border_), at_border_.end());
  for (KeyedRow& one : left_out) one.key = 0;  // from now on by row
  SortRows(left_out);
  auto next = left_out.begin();
  sample_.erase(
      std::remove_if(sample_.begin(), sample_.end(),
                     [&](uint32_t row) { return next != left_out.end() && next->row == row && (++next, true); }),
      sample_.end());
  done_ = true;
  return false;
}

std::vector<uint32_t> SampleRows(uint64_t seed, Stream stream, Index rows, Index count) {
  RowSampler sampler(seed, stream, rows, count);
  while (sampler.Advance()) {
  }
  return sampler.Take();
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
