#include "progressive_kmeans.h"

#include <gtest/gtest.h>

#include <Eigen/QR>
#include <algorithm>
#include <limits>
#include <vector>

#include "error.h"
#include "pca.h"
#include "test_data.h"

namespace rqvae {
namespace {

const Matrix kOrdered;  // no directions: the columns are in order

Matrix Centers(const Matrix& data, Index clusters, const Matrix& directions = kOrdered, double* inertia = nullptr) {
  ProgressiveKmeansJob job(&data, &directions, clusters, Random(0, Stream::kKmeans));
  RunToEnd(job);
  EXPECT_FALSE(job.Advance());
  if (inertia != nullptr) *inertia = job.inertia();
  return job.centers();
}

double Inertia(const Matrix& data, const Matrix& centers) {
  double sum = 0;
  for (Index i = 0; i < data.rows(); ++i) {
    double least = std::numeric_limits<double>::infinity();
    for (Index k = 0; k < centers.rows(); ++k) {
      least = std::min(least, (data.row(i) - centers.row(k)).cast<double>().squaredNorm());
    }
    sum += least;
  }
  return sum;
}

// Columns of falling scale.
Matrix Falling(Index rows, Index cols) {
  TestRandom random(3);
  Matrix data = ClusteredRows(random, rows, cols, 20, 0.8);
  for (Index j = 0; j < cols; ++j) data.col(j) /= static_cast<float>(1 + j);
  return data;
}

TEST(ProgressiveKmeans, UsesTheRootsOfTheDimension) {
  EXPECT_EQ(ProgressiveKmeansJob::LeadingDirections(16), 8);
  EXPECT_EQ(ProgressiveKmeansJob::LeadingDirections(81), 27);
  EXPECT_EQ(ProgressiveKmeansJob::LeadingDirections(64), 23);
  EXPECT_EQ(ProgressiveKmeansJob::LeadingDirections(384), 87);
  EXPECT_EQ(ProgressiveKmeansJob::LeadingDirections(3), 2);
  EXPECT_EQ(ProgressiveKmeansJob::LeadingDirections(2), 0);
  EXPECT_EQ(ProgressiveKmeansJob::LeadingDirections(1), 0);
}

TEST(ProgressiveKmeans, DescribesTheRowsAboutAsWellAsKmeans) {
  for (const Index cols : {2, 5, 16, 40}) {
    const Matrix data = Falling(600, cols);
    KmeansJob plain(&data, 20, Random(0, Stream::kKmeans));
    RunToEnd(plain);
    double inertia = 0;
    const Matrix centers = Centers(data, 20, kOrdered, &inertia);
    EXPECT_NEAR(inertia, Inertia(data, centers), 1e-4 * inertia) << cols;
    EXPECT_LT(inertia, 1.3 * plain.inertia()) << cols;
  }
}

// Every centre that has rows is their mean at the end, up to what the last iteration moved.
TEST(ProgressiveKmeans, FindsSeparatedClusters) {
  TestRandom random(5);
  Matrix data = RandomMatrix(random, 400, 20, 0.01);
  for (Index i = 0; i < data.rows(); ++i) data(i, i % 3) += 10;
  const Matrix centers = Centers(data, 3);
  EXPECT_LT(Inertia(data, centers), 400 * 20 * 0.011 * 0.011);
}

// The same rows in other axes, which the directions undo.
TEST(ProgressiveKmeans, FollowsTheDirections) {
  const Matrix data = Falling(500, 12);
  TestRandom random(7);
  const Eigen::MatrixXf square = RandomMatrix(random, 12, 12);
  const Matrix axes = Eigen::HouseholderQR<Eigen::MatrixXf>(square).householderQ();
  const Matrix turned = data * axes;  // row j of axes is where column j went
  double straight = 0, by_directions = 0;
  Centers(data, 16, kOrdered, &straight);
  const Matrix centers = Centers(turned, 16, axes, &by_directions);
  EXPECT_NEAR(by_directions, straight, 1e-3 * straight) << "the seeds are the same rows";
  EXPECT_NEAR(Inertia(turned, centers), by_directions, 1e-4 * straight);
}

TEST(ProgressiveKmeans, FewerDistinctRowsThanClusters) {
  for (const Index rows : {1, 5, 300}) {
    Matrix data(rows, 6);
    TestRandom random(1);
    const Matrix distinct = RandomMatrix(random, 5, 6);
    for (Index i = 0; i < rows; ++i) data.row(i) = distinct.row(i % 5);
    const Matrix centers = Centers(data, 8);
    EXPECT_TRUE(centers.allFinite());
    EXPECT_EQ(Inertia(data, centers), 0) << rows;
  }
}

TEST(ProgressiveKmeans, GoesOnToTheSameBytesAfterEverySlice) {
  const Matrix data = Falling(300, 17);
  Matrix directions;
  {
    PcaJob pca(&data, ProgressiveKmeansJob::LeadingDirections(17), Random(0, Stream::kPca));
    RunToEnd(pca);
    directions = pca.directions();
  }
  for (const Matrix* lead : {&kOrdered, const_cast<const Matrix*>(&directions)}) {
    const Matrix whole = Centers(data, 12, *lead);
    ProgressiveKmeansJob job(&data, lead, 12, Random(0, Stream::kKmeans));
    int slices = 0;
    do {
      Archive saved;
      job.Visit(saved);
      ProgressiveKmeansJob resumed(&data, lead, 12, Random(0, Stream::kKmeans));
      Archive read(saved.bytes().data(), saved.bytes().size());
      resumed.Visit(read);
      EXPECT_TRUE(read.at_end());
      RunToEnd(resumed);
      ASSERT_TRUE(SameBits(resumed.centers(), whole)) << "slice " << slices;
      ++slices;
    } while (job.Advance());
    EXPECT_GT(slices, 30);
  }
}

TEST(ProgressiveKmeans, RefusesAStageThatThereIsNot) {
  const Matrix data = Falling(50, 17);
  ProgressiveKmeansJob job(&data, &kOrdered, 4, Random(0, Stream::kKmeans));
  job.Advance();
  Archive saved;
  job.Visit(saved);
  std::vector<uint8_t> bytes = saved.bytes();
  bytes[1] = 4;  // the first byte says that it has begun
  Archive read(bytes.data(), bytes.size());
  ProgressiveKmeansJob other(&data, &kOrdered, 4, Random(0, Stream::kKmeans));
  EXPECT_THROW(other.Visit(read), Error);
}

}  // namespace
}  // namespace rqvae
