#include "id_statistics.h"

#include <algorithm>
#include <cmath>

#include "hash.h"

namespace rqvae {
namespace {

// Size of each group of equal IDs, by open addressing on the hash of a row; equality is always checked on the codes
// themselves.
std::vector<Index> GroupSizes(const ConstCodeMatrixRef& codes) {
  const Index n = codes.rows();
  const size_t row_bytes = sizeof(uint32_t) * static_cast<size_t>(codes.cols());
  size_t capacity = 16;
  while (capacity < 2 * static_cast<size_t>(n)) capacity *= 2;
  constexpr uint32_t kEmpty = UINT32_MAX;
  std::vector<uint32_t> slots(capacity, kEmpty);  // group number
  std::vector<uint32_t> first_row;                // of each group
  std::vector<Index> sizes;
  for (Index i = 0; i < n; ++i) {
    const uint32_t* row = codes.row(i).data();
    size_t slot = HashBytes(row, row_bytes) & (capacity - 1);
    while (slots[slot] != kEmpty && !std::equal(row, row + codes.cols(), codes.row(first_row[slots[slot]]).data())) {
      slot = (slot + 1) & (capacity - 1);
    }
    if (slots[slot] == kEmpty) {
      slots[slot] = static_cast<uint32_t>(sizes.size());
      first_row.push_back(static_cast<uint32_t>(i));
      sizes.push_back(0);
    }
    ++sizes[slots[slot]];
  }
  return sizes;
}

}  // namespace

Index CountDistinct(const ConstCodeMatrixRef& codes) { return static_cast<Index>(GroupSizes(codes).size()); }

IdStatistics CountIds(const ConstCodeMatrixRef& codes, const std::vector<Index>& codebook_sizes) {
  IdStatistics result;
  result.items = codes.rows();
  for (Index size : GroupSizes(codes)) {
    ++result.distinct_ids;
    result.largest_group = std::max(result.largest_group, size);
    if (size > 1) result.items_sharing += size;
  }
  for (size_t l = 0; l < codebook_sizes.size(); ++l) {
    std::vector<Index> counts(static_cast<size_t>(codebook_sizes[l]));
    for (Index i = 0; i < codes.rows(); ++i) ++counts[codes(i, static_cast<Index>(l))];
    Index used = 0;
    double entropy = 0;
    for (Index count : counts) {
      if (count == 0) continue;
      ++used;
      const double p = static_cast<double>(count) / static_cast<double>(codes.rows());
      entropy -= p * std::log(p);
    }
    result.used_codes.push_back(used);
    result.usage.push_back(static_cast<double>(used) / static_cast<double>(codebook_sizes[l]));
    result.perplexity.push_back(std::exp(entropy));
  }
  return result;
}

}  // namespace rqvae
