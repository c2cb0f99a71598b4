// Seeded, portable random numbers: integer arithmetic and IEEE +,-,*,/,sqrt, so that every engine draws the same ones.
// (Normal() also takes a logarithm: musl's, compiled into the wasm.)
//
// Everything is a function of (seed, stream, counter): a draw does not depend on what was drawn before it elsewhere. A
// stream names a purpose (initial weights, k-means of a level, the shuffle of an epoch), so that adding a draw to one
// leaves the others as they were.
#ifndef RQVAE_RANDOM_H_
#define RQVAE_RANDOM_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "archive.h"
#include "matrix.h"
#include "sorting.h"

namespace rqvae {

enum class Stream : uint32_t {
  kWeights = 1,
  kCodebook = 2,
  kSample = 3,
  kKmeans = 4,
  kPca = 5,
  kShuffle = 6,
  kNoise = 7,
  kValidation = 8,
  kResidual = 9,
};

// A 64-bit mix of (seed, stream, a, b): splitmix64's finaliser (Steele et al. 2014) applied to each part in turn.
uint64_t Hash(uint64_t seed, Stream stream, uint64_t a = 0, uint64_t b = 0);

// A sequential generator for one purpose: splitmix64 from Hash(seed, stream, a, b).
class Random {
 public:
  Random(uint64_t seed, Stream stream, uint64_t a = 0, uint64_t b = 0) : state_(Hash(seed, stream, a, b)) {}

  uint64_t Next();
  double Uniform();                      // in [0, 1), 53 bits
  float Uniform(float low, float high);  // in [low, high)
  uint64_t Below(uint64_t bound);        // in [0, bound), unbiased; bound > 0
  double Normal();                       // N(0, 1), Marsaglia's polar method

  void Visit(Archive& archive) {
    archive.Visit(state_);
    archive.Visit(spare_);
    archive.Visit(has_spare_);
  }

 private:
  uint64_t state_;
  double spare_ = 0;
  bool has_spare_ = false;
};

// The rows of an epoch in training order. Blocks of 4,096 rows are permuted, then rows within windows of 16 blocks, so
// that a streamed catalogue needs one window in memory and gives the same order as one in memory. Made window by
// window, each in a few milliseconds.
class EpochShuffle {
 public:
  EpochShuffle() : EpochShuffle(0, 0, 0) {}
  EpochShuffle(uint64_t seed, uint64_t epoch, Index rows);

  // Adds the next window to the order. Returns false when there was none left.
  bool Extend();
  const std::vector<uint32_t>& order() const { return order_; }           // so far
  const std::vector<Index>& window_ends() const { return window_ends_; }  // in the order: where each window ends

 private:
  Index rows_;
  Random random_;
  std::vector<uint32_t> blocks_;
  Index next_block_ = 0;
  std::vector<uint32_t> order_;
  std::vector<Index> window_ends_;
};

// The `count` rows with the smallest Hash(seed, stream, row), in ascending row order; all rows when count >= rows. In
// slices, since a catalogue may have millions of rows.
class RowSampler {
 public:
  static constexpr Index kSliceRows = 1 << 16;

  RowSampler(uint64_t seed, Stream stream, Index rows, Index count);

  // Does one slice. Returns false once the sample is whole.
  bool Advance();
  std::vector<uint32_t> Take() { return std::move(sample_); }

 private:
  static constexpr int kBucketBits = 16;

  uint64_t seed_;
  Stream stream_;
  Index rows_;
  Index count_;
  Index next_ = 0;
  bool counted_ = false, done_ = false;
  std::vector<uint32_t> below_;  // rows a bucket has
  size_t border_ = 0;            // the bucket that holds the last row of the sample
  size_t taken_at_border_ = 0;
  std::vector<KeyedRow> at_border_;
  std::vector<uint32_t> sample_;
};
std::vector<uint32_t> SampleRows(uint64_t seed, Stream stream, Index rows, Index count);

// x += standard_deviation * noise(seed, step, row), in place.  x: n x m; `rows` names each row, so that a row's noise
// does not depend on its place in the batch. The noise is the sum of eight uniform bytes, scaled (Irwin-Hall of eight:
// mean 0, variance 1, excess kurtosis -0.15): close enough to normal for denoising and an order of magnitude cheaper.
void AddNoise(uint64_t seed, uint64_t step, const uint32_t* rows, float standard_deviation, MatrixRef x);

}  // namespace rqvae

#endif  // RQVAE_RANDOM_H_
