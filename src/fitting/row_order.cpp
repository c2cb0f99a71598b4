#include "row_order.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace rqvae {
namespace {

constexpr Index kShuffleBlock = 4096;  // rows
constexpr Index kShuffleWindow = 16;   // blocks

template <typename T>
void Shuffle(T* begin, Index count, Random& random) {  // Fisher & Yates
  for (Index i = count - 1; i > 0; --i) {
    std::swap(begin[i], begin[static_cast<Index>(random.Below(static_cast<uint64_t>(i) + 1))]);
  }
}

}  // namespace

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
  bucket_sizes_.resize(count_ < rows_ ? size_t{1} << kBucketBits : 0);
}

// Hashes are uniform, so the first bits of nearly every row's hash tell on which side of the sample's border it lies. A
// first pass counts the buckets of equal first bits and finds the border's bucket. A second pass takes the rows up to
// this bucket; only the rows in it are compared by their whole hashes.
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
      ++bucket_sizes_[bucket];
    } else if (bucket <= border_) {
      if (bucket == border_) at_border_.push_back({hash, row});
      sample_.push_back(row);
    }
  }
  if (next_ < rows_) return true;
  next_ = 0;
  if (!counted_) {
    FindBorder();
    counted_ = true;
    return true;
  }
  DropRowsBeyondBorder();
  done_ = true;
  return false;
}

void RowSampler::FindBorder() {
  Index left = count_;
  for (border_ = 0; left > static_cast<Index>(bucket_sizes_[border_]); ++border_) {
    left -= static_cast<Index>(bucket_sizes_[border_]);
  }
  taken_at_border_ = static_cast<size_t>(left);
  sample_.reserve(static_cast<size_t>(count_) + bucket_sizes_[border_]);
  bucket_sizes_ = {};
}

void RowSampler::DropRowsBeyondBorder() {
  SortRows(at_border_);
  std::vector<KeyedRow> dropped(at_border_.begin() + static_cast<std::ptrdiff_t>(taken_at_border_), at_border_.end());
  for (KeyedRow& one : dropped) one.key = 0;  // to sort by row
  SortRows(dropped);
  auto next = dropped.begin();
  sample_.erase(std::remove_if(sample_.begin(), sample_.end(),
                               [&](uint32_t row) {
                                 const bool drop = next != dropped.end() && next->row == row;
                                 if (drop) ++next;
                                 return drop;
                               }),
                sample_.end());
}

Index ValidationRows(Index rows, double validation_share) {
  const auto wanted = static_cast<Index>(std::floor(validation_share * static_cast<double>(rows) + 0.5));
  return std::min(wanted, rows - 1);
}

SplitJob::SplitJob(uint64_t seed, Index rows, double validation_share)
    : rows_(rows), sampler_(seed, Stream::kValidation, rows, ValidationRows(rows, validation_share)) {}

bool SplitJob::Advance() {
  if (sampler_.Advance()) return true;
  split_.validation = sampler_.Take();
  split_.training.reserve(static_cast<size_t>(rows_) - split_.validation.size());
  auto next = split_.validation.begin();
  for (uint32_t row = 0; row < static_cast<uint32_t>(rows_); ++row) {
    if (next != split_.validation.end() && *next == row) {
      ++next;
    } else {
      split_.training.push_back(row);
    }
  }
  return false;
}

}  // namespace rqvae
