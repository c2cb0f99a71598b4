// Counts over the IDs of a whole catalogue: distinct IDs by hashing, usage and perplexity per level.
#ifndef RQVAE_ID_STATISTICS_H_
#define RQVAE_ID_STATISTICS_H_

#include <utility>
#include <vector>

#include "id_table.h"
#include "matrix.h"

namespace rqvae {

struct IdStatistics {
  Index items = 0;
  Index distinct_ids = 0;          // number of different IDs; distinct_ids / items is the reference's p_unique_ids
  Index items_sharing = 0;         // items that share their ID with another item
  Index largest_group = 0;         // items that share the most frequent ID
  std::vector<Index> used_codes;   // per level
  std::vector<double> usage;       // per level: used_codes / codebook size, in [0, 1]
  std::vector<double> perplexity;  // per level: exp(entropy of the codes' frequencies), in [1, codebook size]
};

// Counts the IDs of a catalogue block by block, and records which items share one.
class IdCounter {
 public:
  IdCounter() : ids_(1) {}
  // rows: the number of rows to come. codebook_sizes: L.
  IdCounter(Index rows, const std::vector<Index>& codebook_sizes);

  void Add(const ConstCodeMatrixRef& codes);  // n x L
  IdStatistics statistics() const;

  Index rows() const { return static_cast<Index>(group_.size()); }
  // The number of a row's ID in order of first appearance, and how many rows have that ID.
  uint32_t group(Index row) const { return group_[static_cast<size_t>(row)]; }
  uint32_t size(uint32_t group) const { return sizes_[group]; }
  Index groups() const { return static_cast<Index>(sizes_.size()); }
  // Every ID, by those numbers; nothing can be added afterwards.
  IdTable TakeIds() { return std::move(ids_); }

 private:
  IdTable ids_;
  std::vector<uint32_t> group_;               // per row
  std::vector<uint32_t> sizes_;               // per ID
  std::vector<std::vector<Index>> of_codes_;  // per level and code: rows
};

// Number of distinct rows of codes (n x L).
Index CountDistinct(const ConstCodeMatrixRef& codes);

}  // namespace rqvae

#endif  // RQVAE_ID_STATISTICS_H_
