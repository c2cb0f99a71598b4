// Seeded, portable random numbers. They use integer arithmetic and IEEE + - * / sqrt only, so every engine draws the
// same ones. (Normal() also takes a logarithm: musl's, compiled into the wasm.)
//
// Every draw is a function of (seed, stream, counter). A stream stands for one purpose (initial weights, k-means of a
// level, the shuffle of an epoch), so another draw in one stream leaves the others as they were.
#ifndef RQVAE_RANDOM_H_
#define RQVAE_RANDOM_H_

#include <cstdint>

#include "archive.h"
#include "matrix.h"

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
  kBehaviour = 10,
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

// x += standard_deviation * noise(seed, step, row ID), in place.  x: n x m; row_ids: n, so that a row's noise does not
// depend on its place in the batch. The noise is a sum of eight uniform bytes, scaled (Irwin-Hall of eight: mean 0,
// variance 1, excess kurtosis -0.15). That is close enough to normal for denoising and an order of magnitude cheaper.
void AddNoise(uint64_t seed, uint64_t step, const uint32_t* row_ids, float standard_deviation, MatrixRef x);

}  // namespace rqvae

#endif  // RQVAE_RANDOM_H_
