#include "kmeans.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "gemm_kernel.h"
#include "id_table.h"
#include "parallel.h"
#include "sorting.h"
#include "sums.h"

namespace rqvae {
namespace {

using kernel::kTileCols;  // at most this many candidates per centre
using kernel::kTileRows;

constexpr Index kMinWorkPerThread = 1 << 18;  // multiplications
constexpr Index kSliceWork = 1 << 25;         // multiplications
constexpr Index kSliceRows = 64 * kRowBlock;  // of a pass that only adds up
constexpr Index kMostGroups = 32;             // of centres
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// A float that is not less than x.
float RoundedUp(double x) { return static_cast<float>(x * (1 + 1e-6)); }

// The centres in groups of `width`, a multiple of kTileCols.
struct Grouping {
  static Grouping Of(Index centers) {
    const Index width = (centers + kMostGroups * kTileCols - 1) / (kMostGroups * kTileCols) * kTileCols;
    const Index groups = (centers + width - 1) / width;
    return {width, groups, (groups + kLanes - 1) / kLanes * kLanes};
  }
  Index width;
  Index groups;
  Index lanes;  // floats of what a row knows of every group
};

// The nearest and the second nearest centre of one group, for four rows.
struct Nearest {
  F32x4 best = Splat(kInfinity), second = best;
  I32x4 center = {0, 0, 0, 0};

  // sums: of four rows with the centres first ... first + kTileCols - 1, whose half norms these are.
  void See(const float* sums, const float* half_norms, Index first) {
    for (Index half = 0; half < kTileCols; half += kLanes) {
      F32x4 of_center[4] = {Load(sums + half), Load(sums + half + kTileCols), Load(sums + half + 2 * kTileCols),
                            Load(sums + half + 3 * kTileCols)};
      Transpose(of_center);
      for (Index c = 0; c < kLanes; ++c) {
        const F32x4 score = Splat(half_norms[half + c]) - of_center[c];
        const I32x4 better = score < best;
        const F32x4 other = Select(better, best, score);
        const auto number = static_cast<int32_t>(first + half + c);
        second = Min(other, second);
        best = Select(better, score, best);
        center = (better & I32x4{number, number, number, number}) | (~better & center);
      }
    }
  }
};

// The products of four rows with a panel of centres, sums: kTileRows x kTileCols, as kernel::SumTiles has them. Rows of
// a group lie anywhere, and to pack them takes a fifth of the time that their products with a few centres take.
RQVAE_OUTLINED void SumTile(const float* const (&x)[kTileRows], const float* centers, Index depth, float* sums) {
  const float *const x0 = x[0], *const x1 = x[1], *const x2 = x[2], *const x3 = x[3];
  F32x4 a00 = Splat(0), a01 = a00, a10 = a00, a11 = a00, a20 = a00, a21 = a00, a30 = a00, a31 = a00;
  for (Index k = 0; k < depth; ++k, centers += kTileCols) {
    const F32x4 b0 = Load(centers), b1 = Load(centers + kLanes);
    F32x4 row = Splat(x0[k]);
    a00 += row * b0;
    a01 += row * b1;
    row = Splat(x1[k]);
    a10 += row * b0;
    a11 += row * b1;
    row = Splat(x2[k]);
    a20 += row * b0;
    a21 += row * b1;
    row = Splat(x3[k]);
    a30 += row * b0;
    a31 += row * b1;
  }
  Store(sums, a00), Store(sums + 4, a01), Store(sums + 8, a10), Store(sums + 12, a11);
  Store(sums + 16, a20), Store(sums + 20, a21), Store(sums + 24, a30), Store(sums + 28, a31);
}

// Packs four rows as a panel: x[i][j] goes to panel[j][i].
void PackPanel(const float* const (&x)[4], Index n, float* panel) {
  Index j = 0;
  for (; j + kLanes <= n; j += kLanes) {
    F32x4 block[4] = {Load(x[0] + j), Load(x[1] + j), Load(x[2] + j), Load(x[3] + j)};
    Transpose(block);
    for (Index i = 0; i < kLanes; ++i) Store(panel + (j + i) * kTileRows, block[i]);
  }
  for (; j < n; ++j) {
    for (Index i = 0; i < kTileRows; ++i) panel[j * kTileRows + i] = x[i][j];
  }
}

}  // namespace

// Rows of a block whose centres may have changed: which groups may hold them now, and what is found there.
class KmeansJob::Search {
 public:
  explicit Search(const KmeansJob& job) : job_(job), dim_(job.data_->cols()) {}

  const Grouping& grouping() const { return grouping_; }
  Index count() const { return static_cast<Index>(rows_.size()); }
  Index row(Index i) const { return rows_[static_cast<size_t>(i)]; }

  void Clear() {
    rows_.clear();
    open_.clear();
    for (auto& of_group : in_group_) of_group.clear();
  }
  // open: a bit for each group.
  void Add(Index row, uint32_t open) {
    const auto i = static_cast<uint32_t>(rows_.size());
    for (uint32_t left = open; left != 0; left &= left - 1) in_group_[std::countr_zero(left)].push_back(i);
    rows_.push_back(row);
    open_.push_back(open);
  }

  void Run() {
    const Index n = count();
    centred_.resize(CheckedSize(n, dim_));
    for (Index i = 0; i < n; ++i) {
      const float *const from = job_.data_->data() + row(i) * dim_, *const mean = job_.searchable_.mean.data();
      for (Index j = 0; j < dim_; ++j) centred_[static_cast<size_t>(i * dim_ + j)] = from[j] - mean[j];
    }
    const size_t found = CheckedSize(n, grouping_.groups);
    best_.resize(found);
    second_.resize(found);
    center_.resize(found);
    for (Index group = 0; group < grouping_.groups; ++group) SearchGroup(group, in_group_[group]);
  }

  // After Run: calls f(group, the least score there, the second least, the centre that has the least) for the open
  // groups of row i.
  template <typename F>
  void ForOpenGroups(Index i, F f) const {
    for (uint32_t left = open_[static_cast<size_t>(i)]; left != 0; left &= left - 1) {
      const Index group = std::countr_zero(left);
      const auto at = static_cast<size_t>(i * grouping_.groups + group);
      f(group, best_[at], second_[at], center_[at]);
    }
  }

 private:
  void SearchGroup(Index group, const std::vector<uint32_t>& rows) {
    const Index first = group * grouping_.width, end = std::min(first + grouping_.width, job_.padded_centers());
    for (size_t i = 0; i < rows.size(); i += kTileRows) {
      const float* four[kTileRows];
      for (size_t lane = 0; lane < kTileRows; ++lane) {
        four[lane] = centred_.data() + rows[std::min(i + lane, rows.size() - 1)] * dim_;
      }
      Nearest nearest;
      for (Index c = first; c < end; c += kTileCols) {
        alignas(16) float sums[kTileRows * kTileCols];
        SumTile(four, job_.center_panels_.data() + c * dim_, dim_, sums);
        nearest.See(sums, job_.half_norms_.data() + c, c);
      }
      for (size_t lane = 0; lane < std::min<size_t>(kTileRows, rows.size() - i); ++lane) {
        const size_t at = rows[i + lane] * static_cast<size_t>(grouping_.groups) + static_cast<size_t>(group);
        best_[at] = nearest.best[lane];
        second_[at] = nearest.second[lane];
        center_[at] = static_cast<uint32_t>(nearest.center[lane]);
      }
    }
  }

  const KmeansJob& job_;
  const Grouping grouping_ = Grouping::Of(job_.clusters_);
  Index dim_;
  std::vector<Index> rows_;
  std::vector<uint32_t> open_;                   // their open groups
  std::vector<uint32_t> in_group_[kMostGroups];  // of each group the rows, counted among rows_
  std::vector<float> centred_;                   // rows_ less the mean of the centres
  std::vector<float> best_, second_;             // of each row and group
  std::vector<uint32_t> center_;
};

KmeansJob::KmeansJob(const Matrix* data, Index clusters, Random random, KmeansOptions options)
    : data_(data), clusters_(clusters), random_(random), options_(options), centers_(clusters, data->cols()) {}

KmeansJob::KmeansJob(const Matrix* data, Matrix centers, KmeansOptions options)
    : data_(data),
      clusters_(centers.rows()),
      random_(0, Stream::kKmeans),
      options_(options),
      given_(true),
      centers_(std::move(centers)) {}

bool KmeansJob::Advance() {
  switch (phase_) {
    case Phase::kMean:
      MeanSlice();
      return true;
    case Phase::kPack:
      PackSlice();
      return true;
    case Phase::kSeed:
      SeedSlice();
      return true;
    case Phase::kAssign:
      AssignSlice();
      return true;
    case Phase::kSum:
      SumSlice();
      return true;
    case Phase::kMove:
      MoveCenters();
      return true;
    case Phase::kDone:
      return false;
  }
  return false;
}

void KmeansJob::Enter(Phase phase) {
  phase_ = phase;
  next_row_ = 0;
}

void KmeansJob::MeanSlice() {
  const Index n = data_->rows(), d = data_->cols();
  mean_.resize(static_cast<size_t>(d));
  const Index end = std::min(n, next_row_ + kSliceRows);
  for (; next_row_ < end; ++next_row_) {
    for (Index j = 0; j < d; ++j) mean_[static_cast<size_t>(j)] += (*data_)(next_row_, j);
  }
  if (next_row_ < n) return;
  for (double& m : mean_) m /= static_cast<double>(n);
  squares_.assign(static_cast<size_t>(d), 0.0);
  if (!given_) panels_.assign(CheckedSize((n + kTileRows - 1) / kTileRows * kTileRows, d), 0.0f);
  norms_.resize(static_cast<size_t>(n));
  Enter(Phase::kPack);
}

void KmeansJob::PackSlice() {
  const Index n = data_->rows(), d = data_->cols();
  const Index end = std::min(n, next_row_ + kSliceRows);
  for (; next_row_ < end; ++next_row_) {
    const Index i = next_row_;
    float* panel = given_ ? nullptr : panels_.data() + i / kTileRows * kTileRows * d + i % kTileRows;
    double norm = 0;
    for (Index j = 0; j < d; ++j) {
      const double x = (*data_)(i, j) - mean_[static_cast<size_t>(j)];
      if (panel != nullptr) panel[j * kTileRows] = static_cast<float>(x);
      squares_[static_cast<size_t>(j)] += x * x;
      norm += x * x;
    }
    norms_[static_cast<size_t>(i)] = static_cast<float>(norm);
  }
  if (next_row_ == n) FinishPacking();
}

void KmeansJob::FinishPacking() {
  const auto n = static_cast<double>(data_->rows());
  const Index d = data_->cols();
  double variance = 0;
  for (double s : squares_) variance += s / n;
  tolerance_ = options_.tolerance * variance / static_cast<double>(d);
  // Scores and distances are sums of d products of rows and centres about the mean. None of these is longer than the
  // longest row, except for the mean's own rounding, and each pass rounds a bound once more. The limit is generous:
  // what is not skipped is only searched.
  float longest = *std::max_element(norms_.begin(), norms_.end());
  for (Index c = 0; given_ && c < clusters_; ++c) {  // such a centre may lie beyond the rows
    double norm = 0;
    for (Index j = 0; j < d; ++j) {
      const double x = centers_(c, j) - mean_[static_cast<size_t>(j)];
      norm += x * x;
    }
    longest = std::max(longest, RoundedUp(norm));
  }
  mean_ = squares_ = {};
  rounding_ = static_cast<float>(16 * static_cast<double>(d + options_.max_iterations) * 0x1p-23 * longest);
  if (given_) {
    norms_ = {};
    StartAssignment();
    return;
  }
  // A checkpoint of the seeding has restored them.
  if (nearest_.empty()) nearest_.assign(norms_.size(), std::numeric_limits<float>::infinity());
  Enter(Phase::kSeed);
}

// Works on one centre. Of several candidates it chooses the one that most reduces the sum of the squared distances to
// the nearest centre.
void KmeansJob::SeedSlice() {
  if (seeded_ > 0 && candidates_.empty() && potential_ <= 0) {  // every distinct row is a centre
    for (; seeded_ < clusters_; ++seeded_) centers_.row(seeded_) = centers_.row(0);
    StartAssignment();
    return;
  }
  if (candidates_.empty()) DrawCandidates();
  const auto trials = static_cast<Index>(candidates_.size());
  if (next_row_ == 0) {
    distances_.resize(CheckedSize(data_->rows(), trials));
    sums_.resize(CheckedSize(block_count(), trials));
  }
  const Index first = next_row_ / kRowBlock;
  const Index affordable = std::max<Index>(1, kSliceWork / (kRowBlock * data_->cols() * trials));
  const Index count = std::min(block_count() - first, affordable);
  MeasureCandidates({first, count});
  next_row_ = (first + count) * kRowBlock;
  if (next_row_ < data_->rows()) return;
  next_row_ = 0;
  TakeBestCandidate();
  if (seeded_ == clusters_) StartAssignment();
}

void KmeansJob::DrawCandidates() {
  const auto most = 2 + static_cast<Index>(std::log(static_cast<double>(clusters_)));
  const Index trials = seeded_ == 0 ? 1 : std::min<Index>(kTileCols, most);
  for (Index t = 0; t < trials; ++t) candidates_.push_back(DrawRow());
}

// Draws a row with probability proportional to its squared distance to the nearest centre so far.
Index KmeansJob::DrawRow() {
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

// Fills distances_ and sums_ for some blocks of rows: one matrix product per block, of its rows and the candidates.
void KmeansJob::MeasureCandidates(Range blocks) {
  const Index n = data_->rows(), d = data_->cols();
  const auto trials = static_cast<Index>(candidates_.size());
  std::vector<float> panel(CheckedSize(d, kTileCols));  // of the candidates
  for (Index t = 0; t < trials; ++t) {
    const Index row = candidates_[static_cast<size_t>(t)];
    const float* from = panels_.data() + row / kTileRows * kTileRows * d + row % kTileRows;
    for (Index j = 0; j < d; ++j) panel[static_cast<size_t>(j * kTileCols + t)] = from[j * kTileRows];
  }
  ForRanges(blocks.count, kMinWorkPerThread / (kRowBlock * d * trials) + 1, 1, [&](Range range) {
    float dots[kRowBlock * kTileCols];
    for (Index block = blocks.first + range.first; block < blocks.first + range.first + range.count; ++block) {
      const Index first = block * kRowBlock, rows = std::min(kRowBlock, n - first);
      kernel::SumTiles(panels_.data() + first * d, (rows + kTileRows - 1) / kTileRows, panel.data(), 1, kTileCols, d,
                       kernel::Start::kZero, dots, kTileCols);
      for (Index t = 0; t < trials; ++t) MeasureCandidate(t, block, dots + t);
    }
  });
}

// dots: of the block's rows with candidate number `candidate`, one every kTileCols floats.
void KmeansJob::MeasureCandidate(Index candidate, Index block, const float* dots) {
  const Index n = data_->rows(), d = data_->cols();
  const Index first = block * kRowBlock, row = candidates_[static_cast<size_t>(candidate)];
  const float *norms = norms_.data() + first, *nearest = nearest_.data() + first;
  const float own_norm = norms_[static_cast<size_t>(row)];
  float* distances = distances_.data() + candidate * n + first;
  const auto rows = static_cast<size_t>(std::min(kRowBlock, n - first));  // of a pointer's width: this is the hot loop
  double sum = 0;
  for (size_t i = 0; i < rows; ++i) {
    const float squares = norms[i] + own_norm;
    float distance = squares - 2 * dots[i * kTileCols];
    // Where the squares nearly cancel, precision is lost, so compute the distance exactly: a row equal to a centre must
    // have no weight.
    if (distance < 1e-3f * squares) {
      const Index other = first + static_cast<Index>(i);
      distance = SquaredDistance(data_->row(other).data(), data_->row(row).data(), d);
    }
    distance = std::min(distance, nearest[i]);
    distances[i] = distance;
    sum += distance;
  }
  sums_[static_cast<size_t>(candidate * block_count() + block)] = sum;
}

void KmeansJob::TakeBestCandidate() {
  const Index n = data_->rows();
  Index best = 0;
  for (Index t = 0; t < static_cast<Index>(candidates_.size()); ++t) {
    const double* own = sums_.data() + t * block_count();
    const double potential = std::accumulate(own, own + block_count(), 0.0);
    if (t > 0 && !(potential < potential_)) continue;
    best = t;
    potential_ = potential;
  }
  std::copy_n(distances_.data() + best * n, n, nearest_.data());
  potentials_.assign(sums_.data() + best * block_count(), sums_.data() + (best + 1) * block_count());
  centers_.row(seeded_++) = data_->row(candidates_[static_cast<size_t>(best)]);
  candidates_.clear();
}

void KmeansJob::StartAssignment() {
  PrepareCenters();
  const auto n = static_cast<size_t>(data_->rows());
  assignment_.resize(n);
  distance_.resize(n);
  Enter(Phase::kAssign);
}

Index KmeansJob::padded_centers() const { return (clusters_ + kTileCols - 1) / kTileCols * kTileCols; }

Index KmeansJob::Bounds(Index clusters) { return Grouping::Of(clusters).lanes; }

// Packs the centres as the searches read them. Nobody is nearest to the padding.
void KmeansJob::PrepareCenters() {
  const Index d = data_->cols();
  searchable_.Prepare(centers_);
  half_norms_.assign(static_cast<size_t>(padded_centers()), kInfinity);
  center_panels_.assign(CheckedSize(padded_centers(), d), 0.0f);
  for (Index c = 0; c < clusters_; ++c) {
    half_norms_[static_cast<size_t>(c)] = searchable_.half_norm[c];
    float* to = center_panels_.data() + c / kTileCols * kTileCols * d + c % kTileCols;
    const float* from = searchable_.centred.data() + c * d;
    for (Index j = 0; j < d; ++j) to[j * kTileCols] = from[j];
  }
  if (!bound_.empty()) return;
  const Grouping grouping = Grouping::Of(clusters_);
  bound_.assign(CheckedSize(data_->rows(), grouping.lanes), -1.0f);
  // A group that does not exist is infinitely far.
  shift_.assign(static_cast<size_t>(grouping.lanes), -kInfinity);
  std::fill_n(shift_.data(), grouping.groups, 0.0f);
}

void KmeansJob::AssignSlice() {
  const Index n = data_->rows(), work = data_->cols() * clusters_;
  const Index rows = std::min(std::max<Index>(1, kSliceWork / (kRowBlock * work)) * kRowBlock, n - next_row_);
  ForRanges(rows, kMinWorkPerThread / work + 1, kTileRows,
            [&](Range range) { Assign({next_row_ + range.first, range.count}); });
  next_row_ += rows;
  if (next_row_ < n) return;
  inertia_ = std::accumulate(distance_.begin(), distance_.end(), 0.0);
  if (last_pass_ || assignment_ == previous_) {
    panels_ = distances_ = norms_ = nearest_ = center_panels_ = bound_ = {};
    phase_ = Phase::kDone;
  } else {
    Enter(Phase::kSum);
  }
}

// Finds each row's centre, if it may have changed, and its squared distance to it.
void KmeansJob::Assign(Range rows) {
  Search search(*this);
  const Index end = rows.first + rows.count;
  for (Index first = rows.first; first < end; first += kRowBlock) {
    const Range block{first, std::min(kRowBlock, end - first)};
    search.Clear();
    MeasureDistances(block);
    for (Index i = first; i < first + block.count; ++i) OpenGroups(i, search);
    search.Run();
    for (Index i = 0; i < search.count(); ++i) TakeCenter(search, i);
  }
}

// Gives a row the best centre that is found, and bounds to the groups that were searched.
void KmeansJob::TakeCenter(const Search& search, Index i) {
  const Grouping& grouping = search.grouping();
  const Index row = search.row(i);
  const auto at = static_cast<size_t>(row);
  float least = kInfinity;
  uint32_t center = 0;
  search.ForOpenGroups(i, [&](Index /*group*/, float best, float /*second*/, uint32_t of_best) {
    if (!(best < least)) return;
    least = best;
    center = of_best;
  });
  if (assignment_[at] != center) {
    assignment_[at] = center;
    distance_[at] = SquaredDistance(data_->row(row).data(), centers_.row(center).data(), data_->cols());
  }
  const auto own_group = static_cast<Index>(center) / grouping.width;
  search.ForOpenGroups(i, [&](Index group, float best, float second, uint32_t /*of_best*/) {
    const float margin = 2 * ((group == own_group ? second : best) - least);
    bound_[static_cast<size_t>(row * grouping.lanes + group)] =
        std::sqrt(std::max(0.0f, distance_[at] + margin - rounding_));
  });
}

// Of these rows to the centres that they have, four side by side, each as SquaredDistance sums it.
void KmeansJob::MeasureDistances(Range rows) {
  const Index last = rows.first + rows.count - 1, d = data_->cols();
  std::vector<float> panels(CheckedSize(2 * kTileRows, d));
  float *const x = panels.data(), *const y = x + kTileRows * d;
  for (Index i = rows.first; i <= last; i += kTileRows) {
    const float *of_rows[kTileRows], *of_centers[kTileRows];
    for (Index lane = 0; lane < kTileRows; ++lane) {
      const Index row = std::min(i + lane, last);
      of_rows[lane] = data_->data() + row * d;
      of_centers[lane] = centers_.data() + assignment_[static_cast<size_t>(row)] * d;
    }
    PackPanel(of_rows, d, x);
    PackPanel(of_centers, d, y);
    F32x4 sums = Splat(0);
    for (Index at = 0; at < kTileRows * d; at += kTileRows) {
      const F32x4 difference = Load(x + at) - Load(y + at);
      sums += difference * difference;
    }
    StoreLanes(distance_.data() + i, sums, std::min(kTileRows, last + 1 - i));
  }
}

// Updates a row's bounds for the new centres, and adds it to the search if its centre may have changed.
void KmeansJob::OpenGroups(Index row, Search& search) {
  const Grouping& grouping = search.grouping();
  float* const bound = bound_.data() + row * grouping.lanes;
  const F32x4 distance = Splat(distance_[static_cast<size_t>(row)] + rounding_);
  I32x4 any = {0, 0, 0, 0};
  for (Index g = 0; g < grouping.lanes; g += kLanes) {
    // The centres of a group came nearer by at most the longest of their moves.
    const F32x4 to = Load(bound + g) - Load(shift_.data() + g);
    Store(bound + g, to);
    any |= ~((to > Splat(0)) & (distance < to * to));
  }
  if ((any[0] | any[1] | any[2] | any[3]) == 0) return;
  // Its own centre is what the others are compared with.
  uint32_t open = uint32_t{1} << (static_cast<Index>(assignment_[static_cast<size_t>(row)]) / grouping.width);
  for (Index g = 0; g < grouping.groups; ++g) {
    if (!(bound[g] > 0 && distance[0] < bound[g] * bound[g])) open |= uint32_t{1} << g;
  }
  search.Add(row, open);
}

// Adds up the rows of each centre that won or lost one; the others' sums would be the same.
void KmeansJob::SumSlice() {
  const Index n = data_->rows(), d = data_->cols();
  if (next_row_ == 0) {
    const bool first_pass = sums_of_rows_.counts().empty();
    changed_.assign(static_cast<size_t>(clusters_), first_pass);
    for (size_t i = 0; !first_pass && i < assignment_.size(); ++i) {
      if (assignment_[i] != previous_[i]) changed_[assignment_[i]] = changed_[previous_[i]] = 1;
    }
    first_pass ? sums_of_rows_.Start(clusters_, d) : sums_of_rows_.Restart(changed_);
  }
  const Index end = std::min(n, next_row_ + kSliceRows);
  for (; next_row_ < end; next_row_ += kRowBlock) {
    sums_of_rows_.AddBlock(
        {next_row_, std::min(kRowBlock, n - next_row_)},
        [this](Index i) {
          const uint32_t center = assignment_[static_cast<size_t>(i)];
          return changed_[center] != 0 ? center : GroupSums::kNone;
        },
        [this, d](Index i, double* sum) {
          const float* row = data_->row(i).data();
          for (Index j = 0; j < d; ++j) sum[j] += row[j];
        });
  }
  if (next_row_ >= n) Enter(Phase::kMove);
}

// Moves every centre to the mean of its rows, and the centre of an empty cluster to one of the furthest rows.
void KmeansJob::MoveCenters() {
  const Index d = data_->cols();
  const std::vector<Index>& counts = sums_of_rows_.counts();
  const auto empty = static_cast<size_t>(std::count(counts.begin(), counts.end(), 0));
  const std::vector<Index> far = empty > 0 ? FurthestRows(empty) : std::vector<Index>();
  const Grouping grouping = Grouping::Of(clusters_);
  std::fill_n(shift_.data(), grouping.groups, 0.0f);
  double shift = 0;  // squared, of all centres together
  size_t next_far = 0;
  for (Index c = 0; c < clusters_; ++c) {
    const Index count = counts[static_cast<size_t>(c)];
    if (count == 0 && next_far >= far.size()) continue;  // fewer distinct rows than clusters: it stays
    double moved = 0;
    for (Index j = 0; j < d; ++j) {
      const auto target = count > 0 ? static_cast<float>(sums_of_rows_.total(c, j) / static_cast<double>(count))
                                    : (*data_)(far[next_far], j);
      const double difference = static_cast<double>(target) - centers_(c, j);
      moved += difference * difference;
      centers_(c, j) = target;
    }
    if (count == 0) ++next_far;
    shift += moved;
    float& longest = shift_[static_cast<size_t>(c / grouping.width)];
    longest = std::max(longest, RoundedUp(std::sqrt(moved)));
  }
  previous_ = assignment_;
  ++iterations_;
  last_pass_ = (shift <= tolerance_ && next_far == 0) || iterations_ >= options_.max_iterations;
  StartAssignment();
}

// Lists up to `count` rows for empty clusters, furthest from their centres first. Equal rows come once, since they
// would give several clusters one centre, and rows at distance zero do not, since they would repeat their centre.
std::vector<Index> KmeansJob::FurthestRows(size_t count) const {
  std::vector<KeyedRow> furthest;
  for (Index i = 0; i < data_->rows(); ++i) {
    const float distance = distance_[static_cast<size_t>(i)];
    if (distance > 0) furthest.push_back({OrderedKey(-distance), static_cast<uint32_t>(i)});
  }
  SortRows(furthest);
  DistinctRows seen(data_->cols());
  std::vector<Index> rows;
  for (const KeyedRow& one : furthest) {
    if (rows.size() == count) break;
    if (seen.Add(data_->row(one.row).data())) rows.push_back(one.row);
  }
  return rows;
}

// The state is the centres and what the passes know of the rows. An assignment continues where it was; any other pass
// over the rows starts again.
void KmeansJob::Visit(Archive& archive) {
  Phase phase = phase_ == Phase::kMean || phase_ == Phase::kPack ? Phase::kMean : phase_;
  if (phase == Phase::kMove) phase = Phase::kSum;
  archive.Visit(phase);
  if (phase > Phase::kDone) Archive::Fail();
  random_.Visit(archive);
  archive.Visit(tolerance_);
  archive.Visit(rounding_);
  archive.Visit(potential_);
  archive.Visit(seeded_);
  archive.Visit(candidates_);
  archive.Visit(nearest_);
  archive.Visit(potentials_);
  Vector centers = Eigen::Map<const Vector>(centers_.data(), centers_.size());
  archive.Visit(centers);
  archive.Visit(assignment_);
  archive.Visit(previous_);
  archive.Visit(distance_);
  Index next_row = phase == Phase::kAssign ? next_row_ : 0;
  archive.Visit(next_row);
  archive.Visit(last_pass_);
  archive.Visit(inertia_);
  archive.Visit(iterations_);
  if (!archive.reading()) return;
  if (!Consistent(centers, phase, next_row)) Archive::Fail();
  centers_ = Eigen::Map<const Matrix>(centers.data(), centers_.rows(), centers_.cols());
  // The seeding needs the packed rows again.
  Enter(phase == Phase::kSeed ? Phase::kMean : phase);
  next_row_ = next_row;
  if (phase_ >= Phase::kAssign) PrepareCenters();  // bounds are found again: they change the time only
}

// Checks what the loops rely on in a restored state.
bool KmeansJob::Consistent(const Vector& centers, Phase phase, Index next_row) const {
  const auto n = static_cast<size_t>(data_->rows());
  if (phase == Phase::kPack || phase == Phase::kMove) return false;  // never saved: Visit saves the phase before
  if (phase == Phase::kSeed && given_) return false;
  const bool assigning = phase >= Phase::kAssign;
  auto fits = [n](size_t size, bool needed) { return size == n || (size == 0 && !needed); };
  bool ok = centers.size() == centers_.size() && seeded_ >= 0 && seeded_ <= clusters_ && next_row >= 0 &&
            next_row <= data_->rows() && candidates_.size() <= kTileCols &&
            fits(nearest_.size(), phase == Phase::kSeed) && fits(previous_.size(), false) &&
            potentials_.size() <= static_cast<size_t>(block_count());
  for (const size_t size : {assignment_.size(), distance_.size()}) ok = ok && fits(size, assigning);
  for (const Index row : candidates_) ok = ok && row >= 0 && row < data_->rows();
  for (const uint32_t code : assignment_) ok = ok && code < clusters_;
  if (phase == Phase::kSeed) ok = ok && (seeded_ == 0 || !potentials_.empty()) && seeded_ < clusters_;
  return ok;
}

}  // namespace rqvae
