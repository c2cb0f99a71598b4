#include "beam_search.h"

#include <algorithm>
#include <limits>

#include "gemm.h"
#include "simd.h"

namespace rqvae {
namespace {

// Rows of residuals that are compared with a codebook at a time: 256 / width items.
constexpr Index kCandidateRows = kRowBlock;

struct Candidate {
  float error;    // ||r||^2 after its code, up to a term that all candidates of the item share
  uint32_t from;  // the partial ID that it extends, counted within the item
  uint32_t code;
};

// The best `width` candidates seen, the best first. A candidate must be strictly better to pass an earlier one, which
// settles ties in favour of the earlier partial ID and the lower code. Where too few errors are numbers, the rest are
// the first code of the first partial ID.
class Best {
 public:
  explicit Best(Index width) : kept_(static_cast<size_t>(width)) {}
  void Clear() {
    size_ = 0;
    worst_ = std::numeric_limits<float>::infinity();
  }
  float worst() const { return worst_; }  // a candidate must be below this to be kept
  void Add(Candidate candidate) {
    size_t at = size_ < kept_.size() ? size_++ : size_ - 1;
    for (; at > 0 && candidate.error < kept_[at - 1].error; --at) kept_[at] = kept_[at - 1];
    kept_[at] = candidate;
    if (size_ == kept_.size()) worst_ = kept_.back().error;
  }
  Candidate operator[](size_t i) const { return i < size_ ? kept_[i] : Candidate{worst_, 0, 0}; }

 private:
  std::vector<Candidate> kept_;
  size_t size_ = 0;
  float worst_ = 0;
};

bool AnyBelow(F32x4 values, F32x4 bound) {
  const I32x4 mask = values < bound;
  return (mask[0] | mask[1] | mask[2] | mask[3]) != 0;
}

}  // namespace

void BeamSearch(const std::vector<Matrix>& codebooks, const std::vector<SearchableCodebook>& searchable,
                const ConstMatrixRef& z, Index width, Index keep, CodeMatrixRef codes, float* errors) {
  const Index d = z.cols(), levels = static_cast<Index>(codebooks.size());
  const Index items_at_once = std::max<Index>(1, kCandidateRows / width);
  Matrix residuals, next, centred, dots;
  CodeMatrix paths, next_paths;  // one row a partial ID
  Best best(width);
  for (Index first = 0; first < z.rows(); first += items_at_once) {
    const Index items = std::min(items_at_once, z.rows() - first);
    Index alive = 1;  // partial IDs of each item
    residuals = z.middleRows(first, items);
    paths.resize(items, levels);
    for (Index l = 0; l < levels; ++l) {
      const SearchableCodebook& codebook = searchable[static_cast<size_t>(l)];
      const Index k = codebook.centred.rows();
      const Index kept = std::min(l + 1 == levels ? keep : width, alive * k);
      // ||r - c||^2 = ||r - m||^2 + 2 (||c - m||^2 / 2 - (r - m).(c - m)), see SearchableCodebook.
      centred = residuals.rowwise() - codebook.mean.transpose();
      dots.resize(centred.rows(), k);
      MultiplyTransposed(centred, codebook.centred, dots);
      next.resize(items * kept, d);
      next_paths.resize(items * kept, levels);
      best = Best(kept);
      for (Index i = 0; i < items; ++i) {
        best.Clear();
        for (Index b = 0; b < alive; ++b) {
          const Index row = i * alive + b;
          // Left out where all candidates share it, so that far from the codebook it does not take the digits that tell
          // the codes apart: a width of one is the greedy search in every bit.
          float length = 0;
          if (alive > 1) {
            for (Index j = 0; j < d; ++j) length += centred(row, j) * centred(row, j);
          }
          const float half = 0.5f * length;
          const float* dot = dots.row(row).data();
          const float* norm = codebook.half_norm.data();
          auto consider = [&](Index c) {
            const float error = half + (norm[c] - dot[c]);
            if (error < best.worst()) best.Add({error, static_cast<uint32_t>(b), static_cast<uint32_t>(c)});
          };
          Index c = 0;
          for (; c + kLanes <= k; c += kLanes) {
            // Most lanes hold nothing that is better than what is kept.
            if (!AnyBelow(Splat(half) + (Load(norm + c) - Load(dot + c)), Splat(best.worst()))) continue;
            for (Index lane = 0; lane < kLanes; ++lane) consider(c + lane);
          }
          for (; c < k; ++c) consider(c);
        }
        for (Index b = 0; b < kept; ++b) {
          const Candidate candidate = best[static_cast<size_t>(b)];
          const Index from = i * alive + candidate.from, to = i * kept + b;
          next.row(to) = residuals.row(from) - codebooks[static_cast<size_t>(l)].row(candidate.code);
          next_paths.row(to) = paths.row(from);
          next_paths(to, l) = candidate.code;
        }
      }
      residuals.swap(next);
      paths.swap(next_paths);
      alive = kept;
    }
    for (Index i = 0; i < items; ++i) {
      for (Index b = 0; b < keep; ++b) {
        const Index from = i * alive + std::min(b, alive - 1), to = (first + i) * keep + b;
        codes.row(to) = paths.row(from);
        if (errors == nullptr) continue;
        float error = b < alive ? 0.0f : std::numeric_limits<float>::infinity();
        for (Index j = 0; j < d; ++j) error += residuals(from, j) * residuals(from, j);
        errors[to] = error;
      }
    }
  }
}

}  // namespace rqvae
