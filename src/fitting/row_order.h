// Which rows of a catalogue are for what, and in which order: functions of (seed, epoch, row), the same in memory and
// streamed.
#ifndef RQVAE_ROW_ORDER_H_
#define RQVAE_ROW_ORDER_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "job.h"
#include "matrix.h"
#include "random.h"
#include "sorting.h"

namespace rqvae {

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
class RowSampler : public Job {
 public:
  static constexpr Index kSliceRows = 1 << 16;

  RowSampler(uint64_t seed, Stream stream, Index rows, Index count);

  // Does one slice. Returns false once the sample is whole.
  bool Advance() override;
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

// The rows of a catalogue, each list in ascending order: those that train and those that validate. A share of the rows,
// rounded, validates, but at least one row trains. They are the rows with the smallest Hash(seed, kValidation, row), so
// that a row's side does not depend on the order of the others.
struct Split {
  std::vector<uint32_t> training;
  std::vector<uint32_t> validation;
};
Index ValidationRows(Index rows, double validation_share);  // how many
class SplitJob : public Job {
 public:
  SplitJob(uint64_t seed, Index rows, double validation_share);
  bool Advance() override;
  Split Take() { return std::move(split_); }  // once Advance() has returned false

 private:
  Index rows_;
  RowSampler sampler_;
  Split split_;
};

}  // namespace rqvae

#endif  // RQVAE_ROW_ORDER_H_
