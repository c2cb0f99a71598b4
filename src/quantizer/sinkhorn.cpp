#include "sinkhorn.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "simd.h"

namespace rqvae {
namespace {

constexpr float kLogOfZero = -3e38f;

// log sum_j exp(values_j). The values are padded with kLogOfZero to whole lanes; the lanes are added in order.
float LogSumExp(const std::vector<float>& values) {
  F32x4 largest = Load(values.data());
  for (size_t j = kLanes; j < values.size(); j += kLanes) largest = Max(largest, Load(&values[j]));
  const float top = std::max(std::max(largest[0], largest[1]), std::max(largest[2], largest[3]));
  F32x4 sum = Splat(0);
  for (size_t j = 0; j < values.size(); j += kLanes) {
    const F32x4 shifted = Load(&values[j]) - Splat(top);
    // Exp clamps at -87, but what is below counts as 0, not as exp(-87).
    sum += Select(shifted > Splat(-87.0f), Exp(shifted), Splat(0));
  }
  return top + static_cast<float>(std::log(static_cast<double>(sum[0]) + sum[1] + sum[2] + sum[3]));
}

// Replaces the costs by -cost / epsilon, with the costs scaled to [-1, 1].
void ToLogits(double epsilon, Matrix& cost) {
  float low = cost(0, 0), high = low;
  for (Index i = 0; i < cost.rows(); ++i) {
    for (Index j = 0; j < cost.cols(); ++j) {
      low = std::min(low, cost(i, j));
      high = std::max(high, cost(i, j));
    }
  }
  const float middle = 0.5f * low + 0.5f * high;
  const float half_range = high - middle;
  // Logits up to 1e6 keep float differences meaningful. A smaller epsilon would no longer change anything.
  const auto inverse = static_cast<float>(std::min(1 / epsilon, 1e6));
  // Divides before it multiplies: inverse / half_range overflows where the costs are nearly equal and subnormal.
  const float divisor = half_range > 0 ? half_range : 1.0f;
  for (Index i = 0; i < cost.rows(); ++i) {
    for (Index j = 0; j < cost.cols(); ++j) cost(i, j) = (middle - cost(i, j)) / divisor * inverse;
  }
}

// Half an iteration: sets `own` so that every row of exp(logits + own + other) sums to `mass`.
//   logits: n x m; own: n; other: m, each padded to whole lanes; row: scratch.
void Balance(const Matrix& logits, double mass, const std::vector<float>& other, std::vector<float>& own,
             std::vector<float>& row) {
  row.assign(other.size(), kLogOfZero);
  const auto target = static_cast<float>(std::log(mass));
  for (Index i = 0; i < logits.rows(); ++i) {
    for (Index j = 0; j < logits.cols(); ++j) {
      row[static_cast<size_t>(j)] = logits(i, j) + other[static_cast<size_t>(j)];
    }
    own[static_cast<size_t>(i)] = target - LogSumExp(row);
  }
}

size_t WholeLanes(Index size) { return static_cast<size_t>((size + kLanes - 1) / kLanes * kLanes); }

}  // namespace

// The plan is log Q_ik = logit_ik + items_i + weights_k. An iteration makes the codes' sums 1/K, then the items' sums
// 1/n.
void AssignBalanced(double epsilon, Index iterations, Matrix& cost, uint32_t* codes) {
  const Index n = cost.rows(), k = cost.cols();
  ToLogits(epsilon, cost);
  const Matrix& logits = cost;
  const Matrix transposed = logits.transpose();
  std::vector<float> items(WholeLanes(n), 0.0f), weights(WholeLanes(k), 0.0f), row;
  for (Index iteration = 0; iteration < iterations; ++iteration) {
    Balance(transposed, 1.0 / static_cast<double>(k), items, weights, row);
    Balance(logits, 1.0 / static_cast<double>(n), weights, items, row);
  }
  for (Index i = 0; i < n; ++i) {
    uint32_t best = 0;
    float most = -std::numeric_limits<float>::infinity();
    for (Index j = 0; j < k; ++j) {
      const float weight = logits(i, j) + weights[static_cast<size_t>(j)];
      if (weight > most) {
        most = weight;
        best = static_cast<uint32_t>(j);
      }
    }
    codes[i] = best;
  }
}

}  // namespace rqvae
