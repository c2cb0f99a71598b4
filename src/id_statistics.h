// Counts over the IDs of a whole catalogue: distinct IDs by hashing, usage and perplexity per level.
#ifndef RQVAE_ID_STATISTICS_H_
#define RQVAE_ID_STATISTICS_H_

#include <vector>

#include "matrix.h"

namespace rqvae {

struct IdStatistics {
  Index items = 0;
  Index distinct_ids = 0;          // number of different IDs; distinct_ids / items is the reference's p_unique_ids
  Index items_sharing = 0;         // items whose ID another item has too
  Index largest_group = 0;         // items that share the most frequent ID
  std::vector<Index> used_codes;   // per level
  std::vector<double> usage;       // per level: used_codes / codebook size, in [0, 1]
  std::vector<double> perplexity;  // per level: exp(entropy of the codes' frequencies), in [1, codebook size]
};

// codes: n x L.  codebook_sizes: L.
IdStatistics CountIds(const ConstCodeMatrixRef& codes, const std::vector<Index>& codebook_sizes);

// Number of distinct rows of codes (n x L).
Index CountDistinct(const ConstCodeMatrixRef& codes);

}  // namespace rqvae

#endif  // RQVAE_ID_STATISTICS_H_
