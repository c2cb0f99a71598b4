#include "id_statistics.h"

#include <algorithm>
#include <cmath>

namespace rqvae {

IdCounter::IdCounter(Index rows, const std::vector<Index>& codebook_sizes)
    : ids_(static_cast<Index>(codebook_sizes.size())) {
  int64_t possible = 1;
  for (const Index size : codebook_sizes) possible = std::min<int64_t>(rows, possible * size);
  ids_.Reserve(static_cast<Index>(possible));
  group_.reserve(static_cast<size_t>(rows));
  for (const Index size : codebook_sizes) of_codes_.emplace_back(static_cast<size_t>(size));
}

void IdCounter::Add(const ConstCodeMatrixRef& codes) {
  for (Index i = 0; i < codes.rows(); ++i) {
    const uint32_t group = ids_.Add(codes.row(i).data());
    if (group == sizes_.size()) sizes_.push_back(0);
    ++sizes_[group];
    group_.push_back(group);
    for (size_t l = 0; l < of_codes_.size(); ++l) ++of_codes_[l][codes(i, static_cast<Index>(l))];
  }
}

IdStatistics IdCounter::statistics() const {
  IdStatistics result;
  result.items = rows();
  result.distinct_ids = groups();
  for (const uint32_t size : sizes_) {
    result.largest_group = std::max(result.largest_group, static_cast<Index>(size));
    if (size > 1) result.items_sharing += static_cast<Index>(size);
  }
  for (const std::vector<Index>& counts : of_codes_) {
    Index used = 0;
    double entropy = 0;
    for (Index count : counts) {
      if (count == 0) continue;
      ++used;
      const double p = static_cast<double>(count) / static_cast<double>(rows());
      entropy -= p * std::log(p);
    }
    result.used_codes.push_back(used);
    result.usage.push_back(static_cast<double>(used) / static_cast<double>(counts.size()));
    result.perplexity.push_back(std::exp(entropy));
  }
  return result;
}

Index CountDistinct(const ConstCodeMatrixRef& codes) {
  IdTable table(codes.cols());
  for (Index i = 0; i < codes.rows(); ++i) table.Add(codes.row(i).data());
  return table.size();
}

}  // namespace rqvae
