// Balanced assignment against the algorithm in double: the same plan, its sums, its limits, and LC-Rec's published
// form.
#include "sinkhorn.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "test_data.h"

namespace rqvae {
namespace {

// Squared distances of clustered rows to K codes: most rows are near few of the codes.
Matrix Costs(Index n, Index k, uint64_t seed) {
  TestRandom random(seed);
  const Matrix codes = RandomMatrix(random, k, 4), rows = ClusteredRows(random, n, 4, 3, 0.4);
  Matrix cost(n, k);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < k; ++j) cost(i, j) = (rows.row(i) - codes.row(j)).squaredNorm();
  }
  return cost;
}

std::vector<uint32_t> Assign(double epsilon, Index iterations, Matrix cost) {
  std::vector<uint32_t> codes(static_cast<size_t>(cost.rows()), UINT32_MAX);
  AssignBalanced(epsilon, iterations, cost, codes.data());
  EXPECT_TRUE(cost.allFinite()) << "the logits, which take the costs' place";
  for (const uint32_t code : codes) EXPECT_LT(code, static_cast<uint32_t>(cost.cols()));
  return codes;
}

std::vector<Index> Counts(const std::vector<uint32_t>& codes, Index k) {
  std::vector<Index> counts(static_cast<size_t>(k));
  for (const uint32_t code : codes) ++counts[code];
  return counts;
}

Eigen::MatrixXd Centred(const Matrix& cost) {
  const Eigen::MatrixXd d = cost.cast<double>();
  const double middle = (d.maxCoeff() + d.minCoeff()) / 2, half = d.maxCoeff() - middle;
  return (d.array() - middle) / (half > 0 ? half : 1);
}

// log of the plan, on logarithms in double: codes' sums to 1/K, then rows' sums to 1/n, `iterations` times.
Eigen::MatrixXd LogPlan(double epsilon, Index iterations, const Matrix& cost) {
  Eigen::MatrixXd log_plan = -Centred(cost) / epsilon;
  auto log_sum = [](const auto& values) {
    const double top = values.maxCoeff();
    double sum = 0;
    for (Index i = 0; i < values.size(); ++i) sum += std::exp(values[i] - top);
    return top + std::log(sum);
  };
  const double n = static_cast<double>(cost.rows()), k = static_cast<double>(cost.cols());
  for (Index iteration = 0; iteration < iterations; ++iteration) {
    for (Index j = 0; j < log_plan.cols(); ++j) {
      const Eigen::VectorXd column = log_plan.col(j);
      log_plan.col(j).array() -= log_sum(column) + std::log(k);
    }
    for (Index i = 0; i < log_plan.rows(); ++i) {
      const Eigen::VectorXd row = log_plan.row(i).transpose();
      log_plan.row(i).array() -= log_sum(row) + std::log(n);
    }
  }
  return log_plan;
}

// The code with the most of a row's weight, and how far the second is below it.
struct Most {
  uint32_t code;
  double margin;
};
Most MostOf(const Eigen::MatrixXd& log_plan, Index row) {
  double best = -std::numeric_limits<double>::infinity(), second = best;
  uint32_t code = 0;
  for (Index j = 0; j < log_plan.cols(); ++j) {
    if (log_plan(row, j) > best) {
      second = best;
      best = log_plan(row, j);
      code = static_cast<uint32_t>(j);
    } else {
      second = std::max(second, log_plan(row, j));
    }
  }
  return {code, best - second};
}

// Compares where the plan is no near tie; at least `share` of the rows.
void ExpectAgreement(const std::vector<uint32_t>& codes, const Eigen::MatrixXd& log_plan, double near, double share,
                     const std::string& what) {
  Index compared = 0;
  for (Index i = 0; i < log_plan.rows(); ++i) {
    const Most most = MostOf(log_plan, i);
    if (most.margin < near) continue;
    ++compared;
    EXPECT_EQ(codes[static_cast<size_t>(i)], most.code) << what << ", row " << i << ", margin " << most.margin;
  }
  EXPECT_GE(static_cast<double>(compared), share * static_cast<double>(log_plan.rows())) << what;
}

TEST(AssignBalanced, IsTheMostOfThePlanInDouble) {
  for (const Index n : {2, 7, 64, 257, 700}) {
    for (const Index k : {2, 3, 8, 13, 32}) {
      if (n < k) continue;
      const Matrix cost = Costs(n, k, static_cast<uint64_t>(n * 100 + k));
      for (const double epsilon : {0.003, 0.01, 0.05, 0.3, 2.0}) {
        for (const Index iterations : {1, 3, 50}) {
          const std::string what = std::to_string(n) + " x " + std::to_string(k) + ", epsilon " +
                                   std::to_string(epsilon) + ", " + std::to_string(iterations) + " iterations";
          // A logit of 1/epsilon has 1e-7/epsilon of rounding, and so have the sums.
          ExpectAgreement(Assign(epsilon, iterations, cost), LogPlan(epsilon, iterations, cost), 3e-5 / epsilon + 1e-4,
                          n < 64 ? 0.4 : 0.9, what);
        }
      }
    }
  }
}

// The oracle is what it says: both sums of a plan that had time.
TEST(AssignBalanced, ThePlanHasItsSums) {
  const Matrix cost = Costs(300, 12, 5);
  const Eigen::MatrixXd plan = LogPlan(0.05, 500, cost).array().exp();
  EXPECT_TRUE(Close(Eigen::VectorXd(plan.rowwise().sum()), Eigen::VectorXd::Constant(300, 1.0 / 300), 1e-12));
  EXPECT_TRUE(Close(Eigen::VectorXd(plan.colwise().sum().transpose()), Eigen::VectorXd::Constant(12, 1.0 / 12), 1e-6));
}

TEST(AssignBalanced, ASmallEpsilonUsesEveryCodeAlike) {
  for (const Index k : {4, 16, 50}) {
    const Index n = 700;
    const Matrix cost = Costs(n, k, static_cast<uint64_t>(k));
    Index nearest_largest = 0;
    std::vector<uint32_t> nearest(static_cast<size_t>(n));
    for (Index i = 0; i < n; ++i) {
      Index code;
      cost.row(i).minCoeff(&code);
      nearest[static_cast<size_t>(i)] = static_cast<uint32_t>(code);
    }
    for (const Index count : Counts(nearest, k)) nearest_largest = std::max(nearest_largest, count);
    const double fair = static_cast<double>(n) / static_cast<double>(k);
    EXPECT_GT(static_cast<double>(nearest_largest), 2 * fair) << "nothing to balance";
    for (const Index count : Counts(Assign(0.003, 2000, cost), k)) {
      EXPECT_NEAR(static_cast<double>(count), fair, 0.1 * fair + 2) << k << " codes";
    }
    // The published number of iterations is near that already.
    for (const Index count : Counts(Assign(0.003, 50, cost), k)) {
      EXPECT_NEAR(static_cast<double>(count), fair, 0.6 * fair + 2) << k << " codes";
    }
  }
}

// As in LC-Rec (Zheng et al. 2024): centre_distance_for_constraint, then exp(-d / epsilon), alternately normalised:
// rows first, codes last. With time to converge the order does not matter.
TEST(AssignBalanced, AgreesWithThePublishedForm) {
  for (const uint64_t seed : {1u, 2u, 3u}) {
    const Index n = 400, k = 16;
    const Matrix cost = Costs(n, k, seed);
    Eigen::MatrixXd q = (-Centred(cost) / 0.05).array().exp();
    q /= q.sum();
    for (int iteration = 0; iteration < 50; ++iteration) {
      for (Index i = 0; i < n; ++i) q.row(i) /= q.row(i).sum() * static_cast<double>(n);
      for (Index j = 0; j < k; ++j) q.col(j) /= q.col(j).sum() * static_cast<double>(k);
    }
    ExpectAgreement(Assign(0.05, 50, cost), q.array().log(), 0.02, 0.9, "seed " + std::to_string(seed));
  }
}

TEST(AssignBalanced, TakesFewerRowsThanCodes) {
  for (const Index n : {1, 2, 3, 9}) {
    for (const double epsilon : {0.003, 0.05, 1.0}) {
      const Matrix cost = Costs(n, 10, static_cast<uint64_t>(n));
      const std::vector<uint32_t> codes = Assign(epsilon, 50, cost);
      // A row may hold several codes' whole weight, which is a near tie. Where it is none, it is the plan's choice.
      ExpectAgreement(codes, LogPlan(epsilon, 50, cost), 3e-5 / epsilon + 1e-4, 0, std::to_string(n) + " rows");
      if (epsilon == 0.003 && n <= 3) {
        EXPECT_EQ(std::set<uint32_t>(codes.begin(), codes.end()).size(), static_cast<size_t>(n)) << "each its own";
      }
    }
  }
}

TEST(AssignBalanced, OneCodeTakesAll) {
  for (const Index n : {1, 5, 300}) {
    for (const uint32_t code : Assign(0.01, 50, Costs(n, 1, 8))) EXPECT_EQ(code, 0u);
  }
}

TEST(AssignBalanced, EqualCostsGoToTheLowestCode) {
  for (const float cost : {0.0f, 1.0f, -3.5f, 1e38f, 1e-42f}) {
    for (const Index n : {1, 4, 70}) {
      for (const uint32_t code : Assign(0.003, 50, Matrix::Constant(n, 9, cost))) EXPECT_EQ(code, 0u) << cost;
    }
  }
}

// Equal rows are assigned equally: nothing tells them apart.
TEST(AssignBalanced, EqualRowsGetOneCode) {
  Matrix cost = Costs(60, 7, 3);
  for (Index i = 0; i < 30; ++i) cost.row(30 + i) = cost.row(0);
  const std::vector<uint32_t> codes = Assign(0.01, 50, cost);
  for (Index i = 0; i < 30; ++i) EXPECT_EQ(codes[static_cast<size_t>(30 + i)], codes[0]);
}

// A factor that is a power of two changes no bit of the scaled costs; near the ends of the range nothing may overflow.
TEST(AssignBalanced, TheScaleOfTheCostsDoesNotMatter) {
  Matrix cost = Costs(200, 9, 4);
  const std::vector<uint32_t> codes = Assign(0.01, 50, cost);
  EXPECT_GT(std::set<uint32_t>(codes.begin(), codes.end()).size(), 7u);
  for (const int exponent : {-100, -20, 20, 100}) {
    EXPECT_EQ(Assign(0.01, 50, cost * std::ldexp(1.0f, exponent)), codes) << exponent;
  }
  // From -3e38 to 3e38, whose difference is no float.
  Matrix wide = cost * (3e38f / cost.maxCoeff());
  wide.array() -= 1.5e38f;
  wide *= 2;
  ExpectAgreement(Assign(0.01, 50, wide), LogPlan(0.01, 50, wide), 0.01, 0.9, "wide");
  // Subnormal costs have few digits, but an order.
  Matrix tiny(8, 2);
  for (Index i = 0; i < 8; ++i) {
    tiny(i, 0) = static_cast<float>(i) * 1e-42f;
    tiny(i, 1) = static_cast<float>(7 - i) * 1e-42f;
  }
  for (const double epsilon : {1e-6, 0.003, 0.1}) {
    EXPECT_EQ(Assign(epsilon, 50, tiny), (std::vector<uint32_t>{0, 0, 0, 0, 1, 1, 1, 1})) << epsilon;
  }
}

TEST(AssignBalanced, TakesAnyEpsilon) {
  const Matrix cost = Costs(120, 11, 6);
  for (const double epsilon : {5e-324, 1e-300, 1e-38, 1e-9, 1e-6, 1e-4, 1.0, 100.0, 1e6, 1e38, 1e300}) {
    Assign(epsilon, 50, cost);  // which looks for values that are not finite
  }
  // Below 1e-6 nothing changes any more.
  EXPECT_EQ(Assign(1e-6, 50, cost), Assign(1e-300, 50, cost));
}

TEST(AssignBalanced, IsDeterministic) {
  const Matrix cost = Costs(333, 21, 7);
  const std::vector<uint32_t> codes = Assign(0.01, 50, cost);
  EXPECT_EQ(Assign(0.01, 50, cost), codes);
  // Also as part of memory that is aligned otherwise.
  Matrix wide(333, 22);
  wide.rightCols(21) = cost;
  EXPECT_EQ(Assign(0.01, 50, wide.rightCols(21)), codes);
}

}  // namespace
}  // namespace rqvae
