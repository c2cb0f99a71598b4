#include "beam_search.h"

#include <algorithm>
#include <limits>

#include "gemm.h"
#include "parallel.h"
#include "simd.h"
#include "sums.h"

namespace rqvae {
namespace {

// Partial IDs searched at a time, those of 1024 / width items.
constexpr Index kPartialIds = 4 * kRowBlock;

constexpr Index kMinCodesPerThread = 64;  // of a table of products

struct Candidate {
  float error;    // half of the objective of its partial ID, up to a term that all candidates of the item share
  uint32_t from;  // the partial ID that it extends, counted within the item
  uint32_t code;
};

// The best `width` candidates so far, the best first. A candidate passes an earlier one only if it is strictly better,
// so ties go to the earlier partial ID and the lower code. If too few errors are numbers, the first code of the first
// partial ID fills the rest.
class Best {
 public:
  explicit Best(Index width) : kept_(static_cast<size_t>(width)) {}
  void Clear() {
    size_ = 0;
    worst_ = std::numeric_limits<float>::infinity();
  }
  float worst() const { return worst_; }  // keeps only candidates below this
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

bool Any(I32x4 mask) {
  using I64x2 = int64_t __attribute__((vector_size(16)));
  const auto halves = (I64x2)mask;
  return (halves[0] | halves[1]) != 0;
}

// Offers the k codes that may follow the partial ID `from`: code c has the error half + (terms[0][c] + terms[1][c]
// ...).
void Offer(const std::vector<const float*>& terms, Index k, float half, uint32_t from, Best& best) {
  constexpr Index kStep = 4 * kLanes;  // most steps have nothing better than what is kept
  const F32x4 halves = Splat(half);
  const float* const* const begin = terms.data();
  const float* const* const end = begin + terms.size();
  auto offer = [&](Index code, float error) {
    if (error < best.worst()) best.Add({error, from, static_cast<uint32_t>(code)});
  };
  Index c = 0;
  for (; c + kStep <= k; c += kStep) {
    const float* at = *begin + c;
    F32x4 e0 = Load(at), e1 = Load(at + 4), e2 = Load(at + 8), e3 = Load(at + 12);
    for (const float* const* term = begin + 1; term < end; ++term) {
      at = *term + c;
      e0 += Load(at), e1 += Load(at + 4), e2 += Load(at + 8), e3 += Load(at + 12);
    }
    e0 = halves + e0, e1 = halves + e1, e2 = halves + e2, e3 = halves + e3;
    const F32x4 worst = Splat(best.worst());
    if (!Any((e0 < worst) | (e1 < worst) | (e2 < worst) | (e3 < worst))) continue;
    float errors[kStep];
    Store(errors, e0), Store(errors + 4, e1), Store(errors + 8, e2), Store(errors + 12, e3);
    for (Index i = 0; i < kStep; ++i) offer(c + i, errors[i]);
  }
  for (; c < k; ++c) {
    float score = begin[0][c];
    for (const float* const* term = begin + 1; term < end; ++term) score += (*term)[c];
    offer(c, half + score);
  }
}

// ||x - y||^2 in the order of SquaredLengthInLanes.
float SquaredDistanceInLanes(const float* x, const float* y, Index n) {
  F32x4 sum = Splat(0);
  Index i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const F32x4 difference = Load(x + i) - Load(y + i);
    sum += difference * difference;
  }
  float rest = 0;
  for (; i < n; ++i) rest += (x[i] - y[i]) * (x[i] - y[i]);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]) + rest;
}

// Searches the IDs of some items, level by level. There are two ways to the scores of a level's codes,
//   s = ||c'||^2 / 2 - (r - m).c',
// where r is the residual of a partial ID (see SearchableCodebook for m and c'): from the product of every residual
// with the codebook or, with CodeProducts, from the product of every item and the products of the codes chosen before.
class Search {
 public:
  explicit Search(const BeamArguments& arguments)
      : arguments_(arguments), by_products_(arguments.width > 1 && !arguments.products.empty()) {}

  void Start(const ConstMatrixRef& z) {
    alive_ = 1;
    residuals_ = z;
    if (by_products_) items_ = z;
    paths_.resize(z.rows(), levels());
    penalties_.assign(static_cast<size_t>(z.rows()), 0.0f);
  }

  // Extends the partial IDs by a code of `level` and keeps the best of each item.
  void Extend(Index level) {
    const SearchableCodebook& codebook = arguments_.searchable[static_cast<size_t>(level)];
    const Index k = codebook.centred.rows(), items = residuals_.rows() / alive_;
    const Index kept = std::min(level + 1 == levels() ? arguments_.keep : arguments_.width, alive_ * k);
    if (by_products_) {
      SubtractMean(items_, codebook, items_);
      Score(items_, codebook);
    } else {
      SubtractMean(residuals_, codebook, centred_);
      Score(centred_, codebook);
    }
    next_residuals_.resize(items * kept, residuals_.cols());
    next_paths_.resize(items * kept, levels());
    next_penalties_.resize(static_cast<size_t>(items * kept));
    Best best(kept);
    for (Index item = 0; item < items; ++item) {
      best.Clear();
      for (Index b = 0; b < alive_; ++b) {
        const Index row = item * alive_ + b;
        FindTerms(level, item, row);
        Offer(terms_, k, HalfLength(codebook, row) + penalties_[static_cast<size_t>(row)], static_cast<uint32_t>(b),
              best);
      }
      for (Index b = 0; b < kept; ++b) {
        const Candidate candidate = best[static_cast<size_t>(b)];
        const Index from = item * alive_ + candidate.from, to = item * kept + b;
        Append(level, from, candidate.code, to);
        next_penalties_[static_cast<size_t>(to)] =
            level == 0 ? Penalty(candidate, best[0]) : penalties_[static_cast<size_t>(from)];
      }
    }
    residuals_.swap(next_residuals_);
    paths_.swap(next_paths_);
    penalties_.swap(next_penalties_);
    alive_ = kept;
  }

  // Writes the complete IDs of the items, starting at row `to` of codes and errors.
  void Finish(Index to, CodeMatrixRef codes, float* errors) const {
    const Index items = residuals_.rows() / alive_;
    for (Index item = 0; item < items; ++item) {
      for (Index b = 0; b < arguments_.keep; ++b, ++to) {
        const Index from = item * alive_ + std::min(b, alive_ - 1);
        codes.row(to) = paths_.row(from);
        if (errors == nullptr) continue;
        errors[to] = b < alive_ ? SquaredLengthInLanes(residuals_.row(from).data(), residuals_.cols())
                                : std::numeric_limits<float>::infinity();
      }
    }
  }

 private:
  Index levels() const { return static_cast<Index>(arguments_.codebooks.size()); }

  static void SubtractMean(const Matrix& rows, const SearchableCodebook& codebook, Matrix& out) {
    out.resize(rows.rows(), rows.cols());
    for (Index i = 0; i < rows.rows(); ++i) {
      Subtract(rows.row(i).data(), codebook.mean.data(), rows.cols(), out.row(i).data());
    }
  }

  // scores_ = s of every code for the given rows.
  void Score(const Matrix& rows, const SearchableCodebook& codebook) {
    scores_.resize(rows.rows(), codebook.centred.rows());
    MultiplyTransposed(rows, codebook.packed(), scores_);
    for (Index i = 0; i < scores_.rows(); ++i) {
      Subtract(codebook.half_norm.data(), scores_.row(i).data(), scores_.cols(), scores_.row(i).data());
    }
  }

  // terms_ = what the scores of a partial ID are the sums of: by products, those of its item and of each of its codes.
  void FindTerms(Index level, Index item, Index row) {
    terms_.assign(1, scores_.row(by_products_ ? item : row).data());
    for (Index before = 0; by_products_ && before < level; ++before) {
      terms_.push_back(arguments_.products.row(before, paths_(row, before), level));
    }
  }

  // ||r - m||^2 / 2 of a partial ID. Left out if all candidates of an item share it, so that far from the codebook it
  // does not cost the digits that tell the codes apart: a width of one gives the greedy search, bit for bit.
  float HalfLength(const SearchableCodebook& codebook, Index row) const {
    if (alive_ == 1) return 0;
    return 0.5f * SquaredDistanceInLanes(residuals_.row(row).data(), codebook.mean.data(), residuals_.cols());
  }

  // w ||z - q_1||^2 / 2 of a first code, beyond that of the nearest: all partial IDs share the rest, which with a large
  // w would cost the digits that tell those with the same first code apart. Without a weight it is zero, even for rows
  // too long to measure.
  float Penalty(const Candidate& first, const Candidate& nearest) const {
    const float weight = arguments_.first_code_weight;
    return weight > 0 ? weight * (first.error - nearest.error) : 0.0f;
  }

  // Partial ID `to` of the next level is partial ID `from` with `code` appended.
  void Append(Index level, Index from, uint32_t code, Index to) {
    const Matrix& codebook = arguments_.codebooks[static_cast<size_t>(level)];
    Subtract(residuals_.row(from).data(), codebook.row(code).data(), residuals_.cols(), next_residuals_.row(to).data());
    next_paths_.row(to) = paths_.row(from);
    next_paths_(to, level) = code;
  }

  const BeamArguments& arguments_;
  bool by_products_;
  Index alive_ = 1;                                // partial IDs of each item
  Matrix residuals_, next_residuals_;              // of the partial IDs, those of an item together
  CodeMatrix paths_, next_paths_;                  // their codes
  std::vector<float> penalties_, next_penalties_;  // the cost of their first codes
  Matrix centred_;                                 // without products: residuals_ less the mean of the level's codebook
  Matrix items_;                                   // by products: the items less the means of all codebooks so far
  Matrix scores_;  // of the level's codes: a row for each partial ID or, by products, for each item
  std::vector<const float*> terms_;
};

}  // namespace

Index CodeProducts::Size(const std::vector<Index>& codebook_sizes) {
  Index floats = 0, before = 0;
  for (const Index size : codebook_sizes) {
    floats += before * size;
    before += size;
  }
  return floats > kMaxProducts ? 0 : floats;
}

void CodeProducts::Prepare(const std::vector<SearchableCodebook>& codebooks) {
  std::vector<Index> sizes;
  sizes.reserve(codebooks.size());
  for (const SearchableCodebook& codebook : codebooks) sizes.push_back(codebook.centred.rows());
  if (Size(sizes) == 0) {
    tables_.clear();
    return;
  }
  tables_.resize(codebooks.size() * (codebooks.size() - 1) / 2);
  size_t at = 0;
  for (size_t later = 1; later < codebooks.size(); ++later) {
    for (size_t level = 0; level < later; ++level, ++at) {
      tables_[at].resize(codebooks[level].centred.rows(), codebooks[later].centred.rows());
      ForRanges(tables_[at].rows(), kMinCodesPerThread, kLanes, [&](Range range) {
        MultiplyTransposed(codebooks[level].centred.middleRows(range.first, range.count), codebooks[later].packed(),
                           tables_[at].middleRows(range.first, range.count));
      });
    }
  }
}

const float* CodeProducts::row(Index level, uint32_t code, Index later) const {
  return tables_[static_cast<size_t>(later * (later - 1) / 2 + level)].row(code).data();
}

void BeamSearch(const BeamArguments& arguments, const ConstMatrixRef& z, CodeMatrixRef codes, float* errors) {
  const Index items_at_once = std::max<Index>(1, kPartialIds / arguments.width);
  Search search(arguments);
  for (Index first = 0; first < z.rows(); first += items_at_once) {
    search.Start(z.middleRows(first, std::min(items_at_once, z.rows() - first)));
    for (Index level = 0; level < static_cast<Index>(arguments.codebooks.size()); ++level) search.Extend(level);
    search.Finish(first * arguments.keep, codes, errors);
  }
}

}  // namespace rqvae
