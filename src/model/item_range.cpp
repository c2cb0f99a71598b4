#include "item_range.h"

#include <string>

#include "sums.h"

namespace rqvae {
namespace {

// Far enough below the square root of the largest float that a code's own length may be squared with it as well.
constexpr double kMaxLatentLength = 1e18;

}  // namespace

ItemOutOfRange::ItemOutOfRange(Index row)
    : Error(ErrorKind::kInvalidInput,
            "item " + std::to_string(row) + ": its values are too large: it has no finite distance to any code"),
      row_(row) {}

Index ItemOutOfRange::FirstOf(const ConstMatrixRef& latents) {
  for (Index i = 0; i < latents.rows(); ++i) {
    const double square = SquaredLengthInDoubleLanes(latents.row(i).data(), latents.cols()).InPairs();
    if (!(square <= kMaxLatentLength * kMaxLatentLength)) return i;
  }
  return latents.rows();
}

void ItemOutOfRange::Check(const ConstMatrixRef& latents, Index first) {
  const Index row = FirstOf(latents);
  if (row < latents.rows()) throw ItemOutOfRange(first + row);
}

}  // namespace rqvae
