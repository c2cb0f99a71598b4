#include "kmeans.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>
#include <vector>

#include "fixture.h"
#include "test_data.h"

namespace rqvae {
namespace {

struct Result {
  Matrix centers;
  std::vector<uint32_t> assignment;
  double inertia;
  Index iterations;
};

Result Cluster(const Matrix& data, Index clusters, uint64_t seed = 0, KmeansOptions options = {}) {
  KmeansJob job(&data, clusters, Random(seed, Stream::kKmeans), options);
  RunToEnd(job);
  EXPECT_FALSE(job.Advance());
  return {job.centers(), job.assignment(), job.inertia(), job.iterations()};
}

double Inertia(const Matrix& data, const Result& result) {
  double sum = 0;
  for (Index i = 0; i < data.rows(); ++i) {
    const uint32_t code = result.assignment[static_cast<size_t>(i)];
    sum += (data.row(i) - result.centers.row(code)).cast<double>().squaredNorm();
  }
  return sum;
}

// What every result must be: an assignment by FindNearest of the centres, with its inertia.
void ExpectConsistent(const Matrix& data, Index clusters, const Result& result) {
  ASSERT_EQ(result.centers.rows(), clusters);
  ASSERT_EQ(result.centers.cols(), data.cols());
  EXPECT_TRUE(result.centers.allFinite());
  ASSERT_EQ(static_cast<Index>(result.assignment.size()), data.rows());
  SearchableCodebook searchable;
  searchable.Prepare(result.centers);
  std::vector<uint32_t> codes(result.assignment.size());
  FindNearest(searchable, data, codes.data(), nullptr);
  EXPECT_EQ(result.assignment, codes);
  const double inertia = Inertia(data, result);
  EXPECT_NEAR(result.inertia, inertia, 1e-5 * inertia + 1e-9);
}

size_t Used(const Result& result) {
  return std::set<uint32_t>(result.assignment.begin(), result.assignment.end()).size();
}

size_t DistinctCenters(const Result& result) {
  std::set<std::vector<float>> rows;
  for (Index i = 0; i < result.centers.rows(); ++i) {
    const float* row = result.centers.row(i).data();
    rows.insert(std::vector<float>(row, row + result.centers.cols()));
  }
  return rows.size();
}

TEST(KmeansTest, IsAsGoodAsScikitLearn) {
  const Fixture fixture("kmeans");
  const Matrix data = fixture.floats("data");
  const Index clusters = fixture.config()["clusters"].index();
  const double best_known = fixture.scalar("inertia");  // of ten runs
  double best = std::numeric_limits<double>::infinity(), worst = 0, sum = 0;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const Result result = Cluster(data, clusters, seed);
    ExpectConsistent(data, clusters, result);
    EXPECT_EQ(Used(result), static_cast<size_t>(clusters));
    EXPECT_GT(result.iterations, 0);
    best = std::min(best, result.inertia);
    worst = std::max(worst, result.inertia);
    sum += result.inertia;
  }
  EXPECT_LE(best, 1.02 * best_known);
  EXPECT_LE(sum / 10, 1.06 * best_known);  // scikit-learn's single runs: up to 1.09
  EXPECT_LE(worst, 1.12 * best_known);
  EXPECT_GE(best, 0.98 * best_known) << "too good to be true";
}

// A fixed point of Lloyd's iterations: every centre is the mean of its rows.
TEST(KmeansTest, CentersAreMeans) {
  TestRandom random(1);
  const Matrix data = ClusteredRows(random, 700, 5, 9, 0.2);
  KmeansOptions options;
  options.tolerance = 0;
  const Result result = Cluster(data, 9, 2, options);
  ExpectConsistent(data, 9, result);
  Eigen::MatrixXd sums = Eigen::MatrixXd::Zero(9, 5);
  Eigen::VectorXd counts = Eigen::VectorXd::Zero(9);
  for (Index i = 0; i < 700; ++i) {
    const uint32_t code = result.assignment[static_cast<size_t>(i)];
    sums.row(code) += data.row(i).cast<double>();
    counts[code] += 1;
  }
  for (Index k = 0; k < 9; ++k) {
    ASSERT_GT(counts[k], 0);
    EXPECT_TRUE(Close(result.centers.row(k), Eigen::RowVectorXd(sums.row(k) / counts[k]), 1e-6));
  }
}

// Groups of centres are skipped in a pass when they cannot hold a row's centre: after any number of passes the
// assignment is the one of a search of all rows and centres. 270 centres make groups of more than one panel, and 5 make
// one group that is not full.
TEST(KmeansTest, SkippedCentresWouldNotHaveBeenChosen) {
  TestRandom random(20);
  const Matrix tight = ClusteredRows(random, 900, 6, 12, 0.05), loose = ClusteredRows(random, 700, 40, 30, 0.8);
  Matrix offset = loose.array() + 100.0f;  // where rounding is coarse
  for (const Matrix* data : {&tight, &loose, static_cast<const Matrix*>(&offset)}) {
    for (const Index clusters : {5, 24, 270}) {
      for (Index passes = 1; passes <= 12; ++passes) {
        KmeansOptions options;
        options.max_iterations = passes;
        ExpectConsistent(*data, clusters, Cluster(*data, clusters, 3, options));
      }
    }
  }
}

TEST(KmeansTest, FindsSeparatedClusters) {
  TestRandom random(2);
  for (uint64_t seed = 0; seed < 5; ++seed) {
    const Matrix centers = RandomMatrix(random, 6, 3, 20);
    Matrix data = RandomMatrix(random, 240, 3, 0.01);
    for (Index i = 0; i < 240; ++i) data.row(i) += centers.row(i % 6);
    const Result result = Cluster(data, 6, seed);
    ExpectConsistent(data, 6, result);
    for (Index i = 0; i < 240; ++i) {
      EXPECT_EQ(result.assignment[static_cast<size_t>(i)], result.assignment[static_cast<size_t>(i % 6)]);
    }
    EXPECT_EQ(Used(result), 6u);
  }
}

TEST(KmeansTest, OneRow) {
  TestRandom random(3);
  const Matrix data = RandomMatrix(random, 1, 4);
  for (const Index clusters : {1, 2, 9}) {
    const Result result = Cluster(data, clusters);
    ExpectConsistent(data, clusters, result);
    EXPECT_EQ(result.inertia, 0);
    EXPECT_EQ(result.assignment[0], 0u);
    for (Index k = 0; k < clusters; ++k) EXPECT_TRUE(SameBits(result.centers.row(k), data.row(0)));
  }
}

TEST(KmeansTest, FewerRowsThanCodes) {
  TestRandom random(4);
  const Matrix data = RandomMatrix(random, 5, 3);
  const Result result = Cluster(data, 12);
  ExpectConsistent(data, 12, result);
  EXPECT_EQ(result.inertia, 0);
  EXPECT_EQ(Used(result), 5u);
  EXPECT_EQ(DistinctCenters(result), 5u);
  // The surplus repeats the first centre and is never chosen.
  for (Index k = 5; k < 12; ++k) EXPECT_TRUE(SameBits(result.centers.row(k), result.centers.row(0)));
  for (const uint32_t code : result.assignment) EXPECT_LT(code, 5u);
}

TEST(KmeansTest, AsManyRowsAsCodes) {
  TestRandom random(5);
  for (const Index n : {1, 2, 7, 8, 31}) {
    const Matrix data = RandomMatrix(random, n, 3);
    const Result result = Cluster(data, n);
    ExpectConsistent(data, n, result);
    EXPECT_EQ(result.inertia, 0);
    EXPECT_EQ(Used(result), static_cast<size_t>(n));
  }
}

TEST(KmeansTest, AllRowsEqual) {
  for (const float value : {0.0f, 0.1f, -12345.678f}) {
    const Matrix data = Matrix::Constant(300, 3, value);
    const Result result = Cluster(data, 7);
    ExpectConsistent(data, 7, result);
    EXPECT_EQ(result.inertia, 0);
    EXPECT_EQ(Used(result), 1u);
    EXPECT_TRUE(SameBits(result.centers, Matrix(Matrix::Constant(7, 3, value))));
  }
}

TEST(KmeansTest, DuplicatesCountOnce) {
  TestRandom random(6);
  const Matrix distinct = RandomMatrix(random, 6, 4);
  Matrix data(500, 4);
  for (Index i = 0; i < 500; ++i) data.row(i) = distinct.row(i % 6);
  for (const Index clusters : {6, 10}) {
    const Result result = Cluster(data, clusters);
    ExpectConsistent(data, clusters, result);
    EXPECT_EQ(result.inertia, 0);
    EXPECT_EQ(Used(result), 6u);
    EXPECT_EQ(DistinctCenters(result), 6u);
  }
  // Fewer codes than distinct rows: all are used.
  const Result result = Cluster(data, 4);
  ExpectConsistent(data, 4, result);
  EXPECT_EQ(Used(result), 4u);
  EXPECT_GT(result.inertia, 0);
}

TEST(KmeansTest, SameSeedSameBytes) {
  TestRandom random(7);
  const Matrix data = ClusteredRows(random, 600, 9, 30, 0.7);
  const Result first = Cluster(data, 20, 3);
  const Result again = Cluster(data, 20, 3);
  EXPECT_TRUE(SameBits(first.centers, again.centers));
  EXPECT_EQ(first.assignment, again.assignment);
  EXPECT_EQ(first.inertia, again.inertia);
  EXPECT_EQ(first.iterations, again.iterations);
  const Result other = Cluster(data, 20, 4);
  EXPECT_FALSE(SameBits(first.centers, other.centers));
}

// The job reads its data and nothing else changes it.
TEST(KmeansTest, LeavesTheDataAlone) {
  TestRandom random(8);
  const Matrix data = RandomMatrix(random, 300, 3);
  const Matrix copy = data;
  Cluster(data, 11);
  EXPECT_TRUE(SameBits(data, copy));
}

TEST(KmeansTest, IterationsLowerTheInertia) {
  TestRandom random(9);
  const Matrix data = RandomMatrix(random, 1000, 4);
  double before = std::numeric_limits<double>::infinity();
  for (const Index iterations : {1, 2, 4, 8, 16, 32}) {
    KmeansOptions options;
    options.max_iterations = iterations;
    options.tolerance = 0;
    const Result result = Cluster(data, 25, 1, options);
    ExpectConsistent(data, 25, result);
    EXPECT_LE(result.iterations, iterations);
    EXPECT_LE(result.inertia, before * (1 + 1e-7));
    before = result.inertia;
  }
}

// A large common offset must not cost the clusters.
TEST(KmeansTest, OffsetDoesNotMatter) {
  TestRandom random(10);
  const Matrix centers = RandomMatrix(random, 5, 4, 3);
  Matrix data = RandomMatrix(random, 200, 4, 0.05);
  for (Index i = 0; i < 200; ++i) {
    data.row(i) += centers.row(i % 5);
    data.row(i).array() += 1000.0f;
  }
  const Result result = Cluster(data, 5);
  ExpectConsistent(data, 5, result);
  EXPECT_EQ(Used(result), 5u);
  EXPECT_LT(result.inertia, 200 * 4 * 0.05 * 0.05 * 1.5);
}

// The first byte of the state is the phase. Two phases need what is not in the state: a job never saves them.
TEST(Kmeans, RefusesAStateWhosePhaseIsNeverSaved) {
  TestRandom random(3);
  const Matrix data = RandomMatrix(random, 50, 4);
  KmeansJob job(&data, 5, Random(0, Stream::kKmeans));
  while (job.iterations() < 1) ASSERT_TRUE(job.Advance());
  Archive saved;
  job.Visit(saved);
  for (uint8_t phase = 0; phase < 9; ++phase) {
    std::vector<uint8_t> bytes = saved.bytes();
    bytes[0] = phase;
    KmeansJob read(&data, 5, Random(0, Stream::kKmeans));
    Archive archive(bytes.data(), bytes.size());
    const bool sound = phase == 0 || phase == 3 || phase == 4 || phase == 6;  // kMean, kAssign, kSum, kDone
    if (sound) {
      EXPECT_NO_THROW(read.Visit(archive));
    } else {
      EXPECT_THROW(read.Visit(archive), Error) << int{phase};
    }
  }
}

}  // namespace
}  // namespace rqvae
