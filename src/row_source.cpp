#include "row_source.h"

#include <algorithm>
#include <cmath>

#include "random.h"

namespace rqvae {

void MatrixRows::Read(const uint32_t* rows, Index count, MatrixRef out) const {
  for (Index i = 0; i < count; ++i) out.row(i) = data_.row(rows[i]);
}

void SubsetRows::Read(const uint32_t* rows, Index count, MatrixRef out) const {
  std::vector<uint32_t> names(static_cast<size_t>(count));
  for (Index i = 0; i < count; ++i) names[static_cast<size_t>(i)] = names_[rows[i]];
  source_->Read(names.data(), count, out);
}

Split SplitRows(uint64_t seed, Index rows, double validation_share) {
  const auto wanted = static_cast<Index>(std::floor(validation_share * static_cast<double>(rows) + 0.5));
  Split split;
  split.validation = SampleRows(seed, Stream::kValidation, rows, std::min(wanted, rows - 1));
  split.training.reserve(static_cast<size_t>(rows) - split.validation.size());
  auto next = split.validation.begin();
  for (uint32_t row = 0; row < static_cast<uint32_t>(rows); ++row) {
    if (next != split.validation.end() && *next == row) {
      ++next;
    } else {
      split.training.push_back(row);
    }
  }
  return split;
}

}  // namespace rqvae
