#include "beam_search.h"

#include <algorithm>
#include <limits>

#include "gemm.h"
#include "parallel.h"
#include "simd.h"
#include "sums.h"

namespace rqvae {
namespace {

// Residuals that are kept at a time: 1024 / width items.
constexpr Index kCandidateRows = 4 * kRowBlock;

constexpr Index kLeastCodes = 64;  // of a table of products that a thread should have

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

bool Any(I32x4 mask) {
  using I64x2 = int64_t __attribute__((vector_size(16)));
  const auto halves = (I64x2)mask;
  return (halves[0] | halves[1]) != 0;
}

// Offers the k codes after the partial ID `from`: code c has the error half + scores[c].
void Offer(const float* scores, Index k, float half, uint32_t from, Best& best) {
  constexpr Index kStep = 4 * kLanes;  // most steps hold nothing that is better than what is kept
  const F32x4 halves = Splat(half);
  auto add = [&](Index first, Index end) {
    for (Index c = first; c < end; ++c) {
      const float error = half + scores[c];
      if (error < best.worst()) best.Add({error, from, static_cast<uint32_t>(c)});
    }
  };
  Index c = 0;
  for (; c + kStep <= k; c += kStep) {
    const F32x4 worst = Splat(best.worst());
    const float* at = scores + c;
    const I32x4 below = ((halves + Load(at)) < worst) | ((halves + Load(at + 4)) < worst) |
                        ((halves + Load(at + 8)) < worst) | ((halves + Load(at + 12)) < worst);
    if (Any(below)) add(c, c + kStep);
  }
  add(c, k);
}

// out = x - y, which may be one of them.
void Subtract(const float* x, const float* y, Index n, float* out) {
  Index i = 0;
  for (; i + kLanes <= n; i += kLanes) Store(out + i, Load(x + i) - Load(y + i));
  for (; i < n; ++i) out[i] = x[i] - y[i];
}

void Add(const float* x, Index n, float* sum) {
  Index i = 0;
  for (; i + kLanes <= n; i += kLanes) Store(sum + i, Load(sum + i) + Load(x + i));
  for (; i < n; ++i) sum[i] += x[i];
}

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
      ForRanges(tables_[at].rows(), kLeastCodes, kLanes, [&](Range range) {
        MultiplyTransposed(codebooks[level].centred.middleRows(range.first, range.count), codebooks[later].centred,
                           tables_[at].middleRows(range.first, range.count));
      });
    }
  }
}

const float* CodeProducts::row(Index level, uint32_t code, Index later) const {
  return tables_[static_cast<size_t>(later * (later - 1) / 2 + level)].row(code).data();
}

void BeamSearch(const std::vector<Matrix>& codebooks, const std::vector<SearchableCodebook>& searchable,
                const CodeProducts& products, const ConstMatrixRef& z, Index width, Index keep, CodeMatrixRef codes,
                float* errors) {
  const Index levels = static_cast<Index>(codebooks.size());
  const bool shared = width > 1 && !products.empty();  // one product for all partial IDs of an item
  const Index items_at_once = std::max<Index>(1, kCandidateRows / width);
  Matrix residuals, next, centred, reduced, dots;
  CodeMatrix paths, next_paths;  // one row a partial ID
  std::vector<float> scores;
  Best best(width);
  for (Index first = 0; first < z.rows(); first += items_at_once) {
    const Index items = std::min(items_at_once, z.rows() - first);
    Index alive = 1;  // partial IDs of each item
    residuals = z.middleRows(first, items);
    if (shared) reduced = residuals;
    paths.resize(items, levels);
    for (Index l = 0; l < levels; ++l) {
      const SearchableCodebook& codebook = searchable[static_cast<size_t>(l)];
      const Index k = codebook.centred.rows();
      const Index kept = std::min(l + 1 == levels ? keep : width, alive * k);
      // ||r - c||^2 = ||r - m||^2 + 2 (||c - m||^2 / 2 - (r - m).(c - m)), see SearchableCodebook.
      centred.resize(residuals.rows(), residuals.cols());
      const float* mean = codebook.mean.data();
      for (Index i = 0; i < centred.rows(); ++i) {
        Subtract(residuals.row(i).data(), mean, centred.cols(), centred.row(i).data());
      }
      for (Index i = 0; i < reduced.rows(); ++i) {  // none unless shared
        Subtract(reduced.row(i).data(), mean, reduced.cols(), reduced.row(i).data());
      }
      const Matrix& factors = shared ? reduced : centred;
      dots.resize(factors.rows(), k);
      MultiplyTransposed(factors, codebook.centred, dots);
      for (Index i = 0; i < dots.rows(); ++i) {
        Subtract(codebook.half_norm.data(), dots.row(i).data(), k, dots.row(i).data());
      }
      next.resize(items * kept, centred.cols());
      next_paths.resize(items * kept, levels);
      best = Best(kept);
      for (Index i = 0; i < items; ++i) {
        best.Clear();
        for (Index b = 0; b < alive; ++b) {
          const Index row = i * alive + b;
          // Left out where all candidates share it, so that far from the codebook it does not take the digits that tell
          // the codes apart: a width of one is the greedy search in every bit.
          const float half = alive > 1 ? 0.5f * SquaredLengthInLanes(centred.row(row).data(), centred.cols()) : 0.0f;
          const float* score = dots.row(shared ? i : row).data();
          if (shared && l > 0) {
            scores.assign(score, score + k);
            for (Index before = 0; before < l; ++before) {
              Add(products.row(before, paths(row, before), l), k, scores.data());
            }
            score = scores.data();
          }
          Offer(score, k, half, static_cast<uint32_t>(b), best);
        }
        for (Index b = 0; b < kept; ++b) {
          const Candidate candidate = best[static_cast<size_t>(b)];
          const Index from = i * alive + candidate.from, to = i * kept + b;
          Subtract(residuals.row(from).data(), codebooks[static_cast<size_t>(l)].row(candidate.code).data(), z.cols(),
                   next.row(to).data());
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
        errors[to] = b < alive ? SquaredLengthInLanes(residuals.row(from).data(), z.cols())
                               : std::numeric_limits<float>::infinity();
      }
    }
  }
}

}  // namespace rqvae
