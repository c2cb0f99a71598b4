// Sums of rows in groups, such as the rows of a centre.
#ifndef RQVAE_GROUP_SUMS_H_
#define RQVAE_GROUP_SUMS_H_

#include <cstdint>
#include <vector>

#include "matrix.h"
#include "symmetric_eigen.h"

namespace rqvae {

// In the order of every sum over rows (matrix.h): each block of rows is summed from zero and then added.
class GroupSums {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;  // the group of a row that is in none

  void Start(Index groups, Index dim) {
    totals_ = DoubleMatrix::Zero(groups, dim);
    counts_.assign(static_cast<size_t>(groups), 0);
    block_.resize(kRowBlock, dim);
    place_.assign(static_cast<size_t>(groups), kNowhere);
  }

  // Empties some groups; the others keep their rows.
  void Restart(const std::vector<uint8_t>& emptied) {
    for (size_t group = 0; group < emptied.size(); ++group) {
      if (emptied[group] == 0) continue;
      totals_.row(static_cast<Index>(group)).setZero();
      counts_[group] = 0;
    }
  }

  // Adds a block of rows, at most kRowBlock. group_of(i) is the group of row i, and add(i, sum) adds the row to the d
  // doubles at `sum`.
  template <typename GroupOf, typename Add>
  void AddBlock(Range rows, GroupOf group_of, Add add) {
    for (Index i = rows.first; i < rows.first + rows.count; ++i) {
      const uint32_t group = group_of(i);
      if (group == kNone) continue;
      if (place_[group] == kNowhere) {
        place_[group] = static_cast<uint32_t>(present_.size());
        block_.row(place_[group]).setZero();
        present_.push_back(group);
      }
      add(i, block_.row(place_[group]).data());
      ++counts_[group];
    }
    for (const uint32_t group : present_) {
      totals_.row(group) += block_.row(place_[group]);
      place_[group] = kNowhere;
    }
    present_.clear();
  }

  double total(Index group, Index column) const { return totals_(group, column); }
  const std::vector<Index>& counts() const { return counts_; }  // of the rows of each group

 private:
  static constexpr uint32_t kNowhere = UINT32_MAX;

  DoubleMatrix totals_;  // groups x d
  std::vector<Index> counts_;
  DoubleMatrix block_;             // the sums of the block, one row for each group that has rows in it
  std::vector<uint32_t> present_;  // the group of each row of block_
  std::vector<uint32_t> place_;    // each group's row of block_
};

}  // namespace rqvae

#endif  // RQVAE_GROUP_SUMS_H_
