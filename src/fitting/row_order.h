// Decides which rows of a catalogue are used for what, and in which order, as a function of (seed, epoch, row). It is
// the same for rows in memory and streamed rows.
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

// The rows of an epoch in training order: permutes blocks of 4,096 rows, then the rows within windows of 16 blocks. A
// streamed catalogue thus needs one window in memory. The order is made window by window, each in a few milliseconds.
class EpochShuffle {
 public:
  EpochShuffle() : EpochShuffle(0, 0, 0) {}
  EpochShuffle(uint64_t seed, uint64_t epoch, Index rows);

  // Adds the next window to the order. Returns false if there was none left.
  bool Extend();
  const std::vector<uint32_t>& order() const { return order_; }  // so far
  std::vector<uint32_t>& order() { return order_; }
  const std::vector<Index>& window_ends() const { return window_ends_; }  // where each window ends in order()

 private:
  Index rows_;
  Random random_;
  std::vector<uint32_t> blocks_;
  Index next_block_ = 0;
  std::vector<uint32_t> order_;
  std::vector<Index> window_ends_;
};

// Samples the `count` rows with the smallest Hash(seed, stream, row), in ascending row order; all rows if count >=
// rows. A job, since a catalogue may have millions of rows.
class RowSampler : public Job {
 public:
  static constexpr Index kSliceRows = 1 << 16;

  RowSampler(uint64_t seed, Stream stream, Index rows, Index count);

  // Does one slice. Returns false once the sample is whole.
  bool Advance() override;
  std::vector<uint32_t> Take() { return std::move(sample_); }

 private:
  static constexpr int kBucketBits = 16;

  void FindBorder();
  void DropRowsBeyondBorder();

  uint64_t seed_;
  Stream stream_;
  Index rows_;
  Index count_;
  Index next_ = 0;
  bool counted_ = false, done_ = false;
  std::vector<uint32_t> bucket_sizes_;
  size_t border_ = 0;                // the bucket that holds the sample's last row
  size_t taken_at_border_ = 0;       // how many of its rows are in the sample
  std::vector<KeyedRow> at_border_;  // its rows
  std::vector<uint32_t> sample_;
};

// The rows of a catalogue that train and those that validate, each list in ascending order. A share of the rows,
// rounded, validates, but at least one row trains. The rows with the smallest Hash(seed, kValidation, row) validate, so
// a row's side does not depend on the order of the others.
struct Split {
  std::vector<uint32_t> training;
  std::vector<uint32_t> validation;
};
Index ValidationRows(Index rows, double validation_share);  // how many validate
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
