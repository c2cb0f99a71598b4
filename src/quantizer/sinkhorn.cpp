#include "sinkhorn.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "simd.h"

namespace rqvae {
namespace {

// log sum_j exp(values_j), over `count` values padded with -infinity to whole lanes. Lanes are added in order.
float LogSumExp(const std::vector<float>& values) {
  F32x4 largest = Load(values.data());
  for (size_t j = kLanes; j < values.size(); j += kLanes) largest = Max(largest, Load(&values[j]));
  const float top = std::max(std::max(largest[0], largest[1]), std::max(largest[2], largest[3]));
  F32x4 sum = Splat(0);
  for (size_t j = 0; j < values.size(); j += kLanes) {
    const F32x4 shifted = Load(&values[j]) - Splat(top);
    // Exp clamps at -87: what is below counts as nothing, not as exp(-87).
    sum += Select(shifted > Splat(-87.0f), Exp(shifted), Splat(0));
  }
  return top + static_cast<float>(std::log(static_cast<double>(sum[0]) + sum[1] + sum[2] + sum[3]));
}

constexpr float kNothing = -3e38f;  // stands for log 0

}  // namespace

void AssignBalanced(double epsilon, Index iterations, Matrix& cost, uint32_t* codes) {
  const Index n = cost.rows(), k = cost.cols();
  // To -cost / epsilon, costs scaled to [-1, 1].
  float low = cost(0, 0), high = low;
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < k; ++j) {
      low = std::min(low, cost(i, j));
      high = std::max(high, cost(i, j));
    }
  }
  const float middle = 0.5f * low + 0.5f * high;
  const float half_range = high - middle;
  // Logits up to 1e6 keep float differences meaningful; a smaller epsilon would change nothing any more.
  const auto inverse = static_cast<float>(std::min(1 / epsilon, 1e6));
  // Divided before it is multiplied: inverse / half_range is no float where the costs are nearly equal and subnormal.
  const float divisor = half_range > 0 ? half_range : 1.0f;
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < k; ++j) cost(i, j) = (middle - cost(i, j)) / divisor * inverse;
  }
  const Matrix transposed = cost.transpose();
  // log Q_ik = logit_ik + f_i + g_k; an iteration makes the codes' sums 1/K, then the items' sums 1/n.
  auto padded = [](Index size) { return static_cast<size_t>((size + kLanes - 1) / kLanes * kLanes); };
  std::vector<float> items(padded(n), 0.0f), code_weights(padded(k), 0.0f);
  std::vector<float> row;
  auto balance = [&row](const Matrix& logits, std::vector<float>& own, const std::vector<float>& other, double mass) {
    const Index count = logits.cols();
    row.assign(other.size(), kNothing);
    const auto target = static_cast<float>(std::log(mass));
    for (Index i = 0; i < logits.rows(); ++i) {
      for (Index j = 0; j < count; ++j) {
        row[static_cast<size_t>(j)] = logits(i, j) + other[static_cast<size_t>(j)];
      }
      own[static_cast<size_t>(i)] = target - LogSumExp(row);
    }
  };
  for (Index iteration = 0; iteration < iterations; ++iteration) {
    balance(transposed, code_weights, items, 1.0 / static_cast<double>(k));
    balance(cost, items, code_weights, 1.0 / static_cast<double>(n));
  }
  for (Index i = 0; i < n; ++i) {
    uint32_t best = 0;
    float most = -std::numeric_limits<float>::infinity();
    for (Index j = 0; j < k; ++j) {
      const float weight = cost(i, j) + code_weights[static_cast<size_t>(j)];
      if (weight > most) {
        most = weight;
        best = static_cast<uint32_t>(j);
      }
    }
    codes[i] = best;
  }
}

}  // namespace rqvae
