#include "kmeans.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "gemm_kernel.h"
#include "parallel.h"
#include "sorting.h"

namespace rqvae {
namespace {

using kernel::kTileCols;  // candidates for a centre
using kernel::kTileRows;

constexpr Index kLeastWork = 1 << 18;  // multiplications that a thread should have
constexpr Index kSliceWork = 1 << 25;  // and that a slice may have

// Summed over ascending dimensions.
float SquaredDistance(Matrix::ConstRowXpr x, Matrix::ConstRowXpr y) {
  float sum = 0;
  for (Index j = 0; j < x.size(); ++j) sum += (x[j] - y[j]) * (x[j] - y[j]);
  return sum;
}

// A float that is not less.
float RoundedUp(double x) { return static_cast<float>(x * (1 + 1e-6)); }

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

void KmeansJob::Pack() {
  const Index n = data_->rows(), d = data_->cols();
  std::vector<double> mean(static_cast<size_t>(d)), square(static_cast<size_t>(d));
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < d; ++j) mean[static_cast<size_t>(j)] += (*data_)(i, j);
  }
  for (double& m : mean) m /= static_cast<double>(n);
  panels_.assign(CheckedSize((n + kTileRows - 1) / kTileRows * kTileRows, d), 0.0f);
  norms_.resize(static_cast<size_t>(n));
  for (Index i = 0; i < n; ++i) {
    float* panel = panels_.data() + i / kTileRows * kTileRows * d + i % kTileRows;
    double norm = 0;
    for (Index j = 0; j < d; ++j) {
      const double x = (*data_)(i, j) - mean[static_cast<size_t>(j)];
      panel[j * kTileRows] = static_cast<float>(x);
      square[static_cast<size_t>(j)] += x * x;
      norm += x * x;
    }
    norms_[static_cast<size_t>(i)] = static_cast<float>(norm);
  }
  double variance = 0;
  for (double s : square) variance += s / static_cast<double>(n);
  tolerance_ = options_.tolerance * variance / static_cast<double>(d);
  // Scores and distances are sums of d products of rows and centres about the mean, none longer than the longest row
  // but for where the mean lies; each pass rounds a bound once more. Generous: what is not skipped is searched.
  const float longest = *std::max_element(norms_.begin(), norms_.end());
  rounding_ = static_cast<float>(16 * static_cast<double>(d + options_.max_iterations) * 0x1p-23 * longest);
  nearest_.assign(static_cast<size_t>(n), std::numeric_limits<float>::infinity());
  phase_ = Phase::kSeed;
}

// A row, drawn with probability proportional to its squared distance to the nearest centre so far.
Index KmeansJob::DrawCandidate() {
  const Index n = data_->rows();
  if (seeded_ == 0) return static_cast<Index>(random_.Below(static_cast<uint64_t>(n)));
  double target = random_.Uniform() * potential_;
  // Rounding may leave a little of the target: the last block and the last row with weight take it.
  Index first = 0;
  for (size_t block = 0; block < potentials_.size(); ++block) {
    if (potentials_[block] <= 0) continue;
    first = static_cast<Index>(block) * kRowBlock;
    if (target < potentials_[block]) break;
    target -= potentials_[block];
  }
  Index chosen = -1;
  for (Index i = first; i < std::min(first + kRowBlock, n); ++i) {
    const double weight = nearest_[static_cast<size_t>(i)];
    if (weight <= 0) continue;
    chosen = i;
    target -= weight;
    if (target < 0) break;
  }
  return chosen;
}

// Chooses one centre: of several candidates the one that lowers the sum of the squared distances to the nearest centre
// most.
void KmeansJob::SeedNext() {
  const Index n = data_->rows(), d = data_->cols();
  if (seeded_ > 0 && potential_ <= 0) {  // every distinct row is a centre
    for (; seeded_ < clusters_; ++seeded_) centers_.row(seeded_) = centers_.row(0);
    StartAssignment();
    return;
  }
  const Index trials =
      seeded_ == 0 ? 1 : std::min<Index>(kTileCols, 2 + static_cast<Index>(std::log(static_cast<double>(clusters_))));
  Index candidates[kTileCols];
  std::vector<float> panel(CheckedSize(d, kTileCols));  // of the candidates
  for (Index t = 0; t < trials; ++t) {
    const Index row = candidates[t] = DrawCandidate();
    const float* from = panels_.data() + row / kTileRows * kTileRows * d + row % kTileRows;
    for (Index j = 0; j < d; ++j) panel[static_cast<size_t>(j * kTileCols + t)] = from[j * kTileRows];
  }
  const Index blocks = (n + kRowBlock - 1) / kRowBlock;
  std::vector<float> distances(CheckedSize(n, trials));   // [trials][n]
  std::vector<double> sums(CheckedSize(blocks, trials));  // [trials][blocks]
  ForRanges(blocks, kLeastWork / (kRowBlock * d * trials) + 1, 1, [&](Range range) {
    float dots[kRowBlock * kTileCols];
    for (Index block = range.first; block < range.first + range.count; ++block) {
      const Index first = block * kRowBlock, rows = std::min(kRowBlock, n - first);
      kernel::SumTiles(panels_.data() + first * d, (rows + kTileRows - 1) / kTileRows, panel.data(), 1, d, true, dots,
                       kTileCols);
      for (Index t = 0; t < trials; ++t) {
        double sum = 0;
        for (Index i = first; i < first + rows; ++i) {
          const float squares = norms_[static_cast<size_t>(i)] + norms_[static_cast<size_t>(candidates[t])];
          float distance = squares - 2 * dots[(i - first) * kTileCols + t];
          // Little is left of the squares: exactly, so that a row equal to a centre has no weight.
          if (distance < 1e-3f * squares) distance = SquaredDistance(data_->row(i), data_->row(candidates[t]));
          distance = std::min(distance, nearest_[static_cast<size_t>(i)]);
          distances[static_cast<size_t>(t * n + i)] = distance;
          sum += distance;
        }
        sums[static_cast<size_t>(t * blocks + block)] = sum;
      }
    }
  });
  Index best = 0;
  for (Index t = 0; t < trials; ++t) {
    const double* own = sums.data() + t * blocks;
    const double potential = std::accumulate(own, own + blocks, 0.0);
    if (t > 0 && !(potential < potential_)) continue;
    best = t;
    potential_ = potential;
  }
  std::copy_n(distances.data() + best * n, n, nearest_.data());
  potentials_.assign(sums.data() + best * blocks, sums.data() + (best + 1) * blocks);
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
  ForRanges(rows, kLeastWork / work + 1, kTileRows,
            [&](Range range) { Assign({next_row_ + range.first, range.count}); });
  next_row_ += rows;
  if (next_row_ < n) return;
  inertia_ = std::accumulate(distance_.begin(), distance_.end(), 0.0);
  if (last_pass_ || assignment_ == previous_) {
    panels_ = {};
    norms_ = nearest_ = {};
    phase_ = Phase::kDone;
  } else {
    phase_ = Phase::kUpdate;
  }
}

// The squared distance of each row to its centre, and its centre where it may have changed.
void KmeansJob::Assign(Range rows) {
  const Index d = data_->cols();
  const auto squared_distance = [&](Index i) {
    return SquaredDistance(data_->row(i), std::as_const(centers_).row(assignment_[static_cast<size_t>(i)]));
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
