#include "epoch_rows.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace rqvae {

void EpochRows::Start(uint64_t seed, uint64_t epoch, Index rows) {
  order_ = EpochShuffle(seed, epoch, rows);
  epoch_ = static_cast<Index>(epoch);
  rows_ = rows;
  announced_ = read_ = 0;
}

void EpochRows::Favour(std::vector<uint32_t> rows, Index times) {
  favoured_ = std::move(rows);
  const auto more = (times - 1) * static_cast<Index>(favoured_.size());
  distance_ = more > 0 ? std::max<Index>(2, rows_ / more) : 0;
}

bool EpochRows::HasOrder(Index end) {
  // One window more than that, which Read foresees.
  const std::vector<Index>& ends = order_.window_ends();
  if ((ends.size() > 1 && ends[ends.size() - 2] >= end) || static_cast<Index>(order_.order().size()) == rows_)
    return true;
  auto at = static_cast<Index>(order_.order().size());
  order_.Extend();
  if (distance_ == 0) return false;
  std::vector<uint32_t>& order = order_.order();
  for (at = (at + distance_ - 1) / distance_; at * distance_ < static_cast<Index>(order.size()); ++at) {
    const Index turn = epoch_ * (rows_ / distance_) + at;
    order[static_cast<size_t>(at * distance_)] = favoured_[static_cast<size_t>(turn) % favoured_.size()];
  }
  return false;
}

const Matrix& EpochRows::Read(const RowSource& training, Index first, Index count) {
  block_.resize(count, training.dim());
  while (read_ < count) {
    const Index at = first + read_;
    const std::vector<Index>& window_ends = order_.window_ends();
    const auto window = std::upper_bound(window_ends.begin(), window_ends.end(), at);
    if (*window != announced_) {
      const Index begin = window == window_ends.begin() ? 0 : *(window - 1);
      training.Prefetch(row_ids(begin), *window - begin);
      const Index after = window + 1 == window_ends.end() ? *window : *(window + 1);
      training.Foresee(row_ids(*window), after - *window);
      announced_ = *window;
    }
    const Index rows = std::min(count - read_, *window - at);
    training.Read(row_ids(at), rows, block_.middleRows(read_, rows));
    read_ += rows;
  }
  read_ = 0;
  return block_;
}

}  // namespace rqvae
