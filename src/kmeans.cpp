#include "kmeans.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "parallel.h"
#include "simd.h"
#include "sorting.h"

namespace rqvae {
namespace {

constexpr Index kPanelRows = 4;
constexpr Index kMaxCandidates = 8;
constexpr Index kLeastWork = 1 << 18;  // multiplications that a thread should have
constexpr Index kSliceWork = 1 << 25;  // and that a slice may have

// A float that is not less.
float RoundedUp(double x) { return static_cast<float>(x * (1 + 1e-6)); }

// The squared distances of a panel's four rows to each candidate, each summed over ascending dimensions.
void AddSquaredDifferences(const float* panel, const float* candidates, Index d, F32x4 (&sums)[kMaxCandidates]) {
  F32x4 s0 = Splat(0), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
  const auto add = [](F32x4& sum, F32x4 x, float y) {
    const F32x4 difference = x - Splat(y);
    sum += difference * difference;
  };
  for (Index j = 0; j < d; ++j, panel += kPanelRows, candidates += kMaxCandidates) {
    const F32x4 x = Load(panel);
    add(s0, x, candidates[0]);
    add(s1, x, candidates[1]);
    add(s2, x, candidates[2]);
    add(s3, x, candidates[3]);
    add(s4, x, candidates[4]);
    add(s5, x, candidates[5]);
    add(s6, x, candidates[6]);
    add(s7, x, candidates[7]);
  }
  sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3, sums[4] = s4, sums[5] = s5, sums[6] = s6, sums[7] = s7;
}

}  // namespace

KmeansJob::KmeansJob(const Matrix* data, Index clusters, Random random, KmeansOptions options)
    : data_(data), clusters_(clusters), random_(random), options_(options), centers_(clusters, data->cols()) {}

bool KmeansJob::Advance() {
  switch (phase_) {
    case Phase::kPack:
      Pack();
      return true;
    case Phase::kSeed:
      SeedNext();
      return true;
    case Phase::kAssign:
      AssignBlock();
      return true;
    case Phase::kUpdate:
      Update();
      return true;
    case Phase::kDone:
      return false;
  }
  return false;
}

// Panels of four rows let one SIMD lane hold one row: a row's distance is then summed in ascending order like
// everything else.
void KmeansJob::Pack() {
  const Index n = data_->rows(), d = data_->cols();
  const Index panels = (n + kPanelRows - 1) / kPanelRows;
  panels_.assign(static_cast<size_t>(panels * d * kPanelRows), 0.0f);
  std::vector<double> sum(static_cast<size_t>(d)), square(static_cast<size_t>(d));
  for (Index i = 0; i < n; ++i) {
    float* panel = panels_.data() + (i / kPanelRows) * d * kPanelRows + i % kPanelRows;
    for (Index j = 0; j < d; ++j) {
      const float x = (*data_)(i, j);
      panel[j * kPanelRows] = x;
      sum[static_cast<size_t>(j)] += x;
    }
  }
  double longest = 0;
  for (Index i = 0; i < n; ++i) {
    double norm = 0;
    for (Index j = 0; j < d; ++j) {
      const double x = (*data_)(i, j) - sum[static_cast<size_t>(j)] / static_cast<double>(n);
      square[static_cast<size_t>(j)] += x * x;
      norm += x * x;
    }
    longest = std::max(longest, norm);
  }
  double variance = 0;
  for (double s : square) variance += s / static_cast<double>(n);
  tolerance_ = options_.tolerance * variance / static_cast<double>(d);
  // Scores and distances are sums of d products of rows and centres about the mean, none longer than the longest row
  // but for where the mean lies; each pass rounds a bound once more. Generous: what is not skipped is searched.
  rounding_ = static_cast<float>(16 * static_cast<double>(d + options_.max_iterations) * 0x1p-23 * longest);
  nearest_.assign(static_cast<size_t>(panels * kPanelRows), std::numeric_limits<float>::infinity());
  phase_ = Phase::kSeed;
}

// Chooses one centre: candidates are drawn with probability proportional to the squared distance to the nearest centre
// so far, and the one that lowers the sum of those distances most is taken. Distances are differences squared, not
// expanded, so that a row equal to a centre has exactly zero.
void KmeansJob::SeedNext() {
  const Index n = data_->rows(), d = data_->cols();
  if (seeded_ > 0 && potential_ <= 0) {  // every distinct row is a centre
    for (; seeded_ < clusters_; ++seeded_) centers_.row(seeded_) = centers_.row(0);
    StartAssignment();
    return;
  }
  const Index trials =
      seeded_ == 0 ? 1
                   : std::min<Index>(kMaxCandidates, 2 + static_cast<Index>(std::log(static_cast<double>(clusters_))));
  Index candidates[kMaxCandidates];
  for (Index t = 0; t < trials; ++t) {
    if (seeded_ == 0) {
      candidates[t] = static_cast<Index>(random_.Below(static_cast<uint64_t>(n)));
      continue;
    }
    double target = random_.Uniform() * potential_;
    Index chosen = -1;
    for (Index i = 0; i < n; ++i) {
      const double weight = nearest_[static_cast<size_t>(i)];
      if (weight <= 0) continue;
      chosen = i;  // rounding may leave a little of the target: the last row with weight takes it
      target -= weight;
      if (target < 0) break;
    }
    candidates[t] = chosen;
  }
  const Index panels = static_cast<Index>(nearest_.size()) / kPanelRows;
  // Side by side, so that a row is read once for all candidates.
  std::vector<float> side_by_side(static_cast<size_t>(d * kMaxCandidates));
  for (Index t = 0; t < trials; ++t) {
    for (Index j = 0; j < d; ++j)
      side_by_side[static_cast<size_t>(j * kMaxCandidates + t)] = (*data_)(candidates[t], j);
  }
  std::vector<float> distances[kMaxCandidates];
  for (Index t = 0; t < trials; ++t) distances[t].resize(nearest_.size());
  ForRanges(panels, kLeastWork / (kPanelRows * d * trials) + 1, 1, [&](Range range) {
    for (Index p = range.first; p < range.first + range.count; ++p) {
      F32x4 sums[kMaxCandidates];
      AddSquaredDifferences(panels_.data() + p * d * kPanelRows, side_by_side.data(), d, sums);
      const F32x4 nearest = Load(nearest_.data() + p * kPanelRows);
      for (Index t = 0; t < trials; ++t) Store(distances[t].data() + p * kPanelRows, Min(sums[t], nearest));
    }
  });
  double potentials[kMaxCandidates];
  for (Index t = 0; t < trials; ++t) {
    potentials[t] = std::accumulate(distances[t].begin(), distances[t].begin() + n, 0.0);
  }
  const Index best = std::min_element(potentials, potentials + trials) - potentials;
  nearest_ = std::move(distances[best]);
  potential_ = potentials[best];
  centers_.row(seeded_++) = data_->row(candidates[best]);
  if (seeded_ == clusters_) StartAssignment();
}

void KmeansJob::StartAssignment() {
  searchable_.Prepare(centers_);
  if (assignment_.empty()) {
    const auto n = static_cast<size_t>(data_->rows());
    assignment_.resize(n);
    distance_.resize(n);
    bound_.assign(n, -1.0f);
  }
  next_row_ = 0;
  phase_ = Phase::kAssign;
}

void KmeansJob::AssignBlock() {
  const Index n = data_->rows(), work = data_->cols() * clusters_;
  const Index rows = std::min(std::max<Index>(1, kSliceWork / (kRowBlock * work)) * kRowBlock, n - next_row_);
  ForRanges(rows, kLeastWork / work + 1, kPanelRows,
            [&](Range range) { Assign({next_row_ + range.first, range.count}); });
  next_row_ += rows;
  if (next_row_ < n) return;
  inertia_ = std::accumulate(distance_.begin(), distance_.end(), 0.0);
  if (last_pass_ || assignment_ == previous_) {
    panels_ = {};
    phase_ = Phase::kDone;
  } else {
    phase_ = Phase::kUpdate;
  }
}

// The squared distance of each row to its centre, and its centre where it may have changed.
void KmeansJob::Assign(Range rows) {
  const Index d = data_->cols();
  const auto squared_distance = [&](Index i) {
    const float* x = data_->row(i).data();
    const float* c = centers_.row(assignment_[static_cast<size_t>(i)]).data();
    float sum = 0;
    for (Index j = 0; j < d; ++j) sum += (x[j] - c[j]) * (x[j] - c[j]);
    return sum;
  };
  std::vector<Index> open;  // rows to be searched
  for (Index i = rows.first; i < rows.first + rows.count; ++i) {
    const auto at = static_cast<size_t>(i);
    float& bound = bound_[at];
    if (bound >= 0) {
      distance_[at] = squared_distance(i);
      // The other centres came nearer by the furthest move at most.
      bound -= assignment_[at] == furthest_moved_ ? second_shift_ : first_shift_;
    }
    if (!(bound > 0 && distance_[at] + rounding_ < bound * bound)) open.push_back(i);
  }
  if (open.empty()) return;
  const auto count = static_cast<Index>(open.size());
  Matrix gathered(count, d);
  for (Index k = 0; k < count; ++k) gathered.row(k) = data_->row(open[static_cast<size_t>(k)]);
  std::vector<uint32_t> codes(open.size());
  std::vector<float> margins(open.size());
  FindNearest(searchable_, gathered, codes.data(), margins.data());
  for (size_t k = 0; k < open.size(); ++k) {
    const auto at = static_cast<size_t>(open[k]);
    assignment_[at] = codes[k];
    distance_[at] = squared_distance(open[k]);
    bound_[at] = std::sqrt(std::max(0.0f, distance_[at] + margins[k] - rounding_));
  }
}

// Moves every centre to the mean of its rows.
void KmeansJob::Update() {
  const Index n = data_->rows(), d = data_->cols();
  Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> sums =
      Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>::Zero(clusters_, d);
  auto block = sums;
  std::vector<Index> counts(static_cast<size_t>(clusters_));
  for (Index first = 0; first < n; first += kRowBlock) {
    block.setZero();
    for (Index i = first; i < std::min(first + kRowBlock, n); ++i) {
      const uint32_t code = assignment_[static_cast<size_t>(i)];
      block.row(code) += data_->row(i).cast<double>();
      ++counts[code];
    }
    sums += block;
  }
  // Rows for the empty clusters, furthest first. A row at distance zero would only repeat its centre.
  std::vector<Index> far;
  const auto empty = static_cast<size_t>(std::count(counts.begin(), counts.end(), 0));
  if (empty > 0) {
    std::vector<KeyedRow> furthest;
    for (Index i = 0; i < n; ++i) {
      const float distance = distance_[static_cast<size_t>(i)];
      if (distance > 0) furthest.push_back({OrderedKey(-distance), static_cast<uint32_t>(i)});
    }
    SortRows(furthest);
    for (const KeyedRow& one : furthest) far.push_back(one.row);
    // Equal rows would fill several clusters with one centre.
    std::vector<Index> distinct;
    for (Index i : far) {
      if (distinct.size() == empty) break;
      const bool repeated = std::any_of(distinct.begin(), distinct.end(), [&](Index other) {
        return std::equal(data_->row(i).data(), data_->row(i).data() + d, data_->row(other).data());
      });
      if (!repeated) distinct.push_back(i);
    }
    far = std::move(distinct);
  }
  double shift = 0, first = 0, second = 0;
  size_t next_far = 0;
  for (Index c = 0; c < clusters_; ++c) {
    const Index count = counts[static_cast<size_t>(c)];
    if (count == 0 && next_far >= far.size()) continue;  // fewer distinct rows than codes: it keeps its place
    double moved = 0;
    for (Index j = 0; j < d; ++j) {
      const auto target =
          count > 0 ? static_cast<float>(sums(c, j) / static_cast<double>(count)) : (*data_)(far[next_far], j);
      const double difference = static_cast<double>(target) - centers_(c, j);
      moved += difference * difference;
      centers_(c, j) = target;
    }
    if (count == 0) ++next_far;
    shift += moved;
    if (moved > first) {
      second = first;
      first = moved;
      furthest_moved_ = static_cast<uint32_t>(c);
    } else {
      second = std::max(second, moved);
    }
  }
  first_shift_ = RoundedUp(std::sqrt(first));
  second_shift_ = RoundedUp(std::sqrt(second));
  previous_ = assignment_;
  ++iterations_;
  last_pass_ = (shift <= tolerance_ && next_far == 0) || iterations_ >= options_.max_iterations;
  StartAssignment();
}

}  // namespace rqvae
