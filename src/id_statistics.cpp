#include "id_statistics.h"

#include <algorithm>
#include <cmath>

#include "id_table.h"

namespace rqvae {
namespace {

std::vector<Index> GroupSizes(const ConstCodeMatrixRef& codes) {
  IdTable table(codes.cols());
  std::vector<Index> sizes;
  for (Index i = 0; i < codes.rows(); ++i) {
    const uint32_t group = table.Add(codes.row(i).data());
    if (group == sizes.size()) sizes.push_back(0);
    ++sizes[group];
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
