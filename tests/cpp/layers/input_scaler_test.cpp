// Every input scaling: statistics against the naive ones in double, the way in and the way out, and what has no scale.
#include "input_scaler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "test_data.h"

namespace rqvae {
namespace {

constexpr InputScaling kAll[] = {InputScaling::kNone, InputScaling::kCenter, InputScaling::kCommonScale,
                                 InputScaling::kPerDimension, InputScaling::kL2};

struct Scaler {
  Scaler(InputScaling kind, Index input_dim) : scaling(kind), dim(input_dim), scaler(store, kind, input_dim) {
    store.Allocate();
    scaler.Initialize(store);
  }

  // In blocks, as a job does.
  void Learn(const Matrix& rows) {
    if (!scaler.learned()) return;
    InputScaler::Statistics statistics(scaling, dim);
    for (const bool mean : {true, false}) {
      if (!mean && !statistics.needs_variance()) break;
      for (Index first = 0; first < rows.rows(); first += kRowBlock) {
        Matrix block = rows.middleRows(first, std::min(kRowBlock, rows.rows() - first));
        if (mean) {
          statistics.AddToMean(block);
        } else {
          statistics.AddToVariance(block);
        }
      }
      if (mean) {
        statistics.FinishMean(rows.rows());
      } else {
        statistics.FinishVariance(rows.rows());
      }
    }
    scaler.Learn(store, statistics);
  }

  Matrix Scale(const Matrix& rows) const {
    Matrix out(rows.rows(), rows.cols());
    scaler.Scale(store, rows, out);
    return out;
  }
  Matrix Unscale(const Matrix& rows) const {
    Matrix out(rows.rows(), rows.cols());
    scaler.Unscale(store, rows, out);
    return out;
  }
  Eigen::MatrixXd Value(const char* name) const { return store.value(store.Find(name)).cast<double>(); }

  InputScaling scaling;
  Index dim;
  ParameterStore store;
  InputScaler scaler;
};

// Rows of different offsets and spreads per column.
Matrix Rows(Index n, Index dim, uint64_t seed) {
  TestRandom random(seed);
  Matrix rows = RandomMatrix(random, n, dim);
  for (Index j = 0; j < dim; ++j) {
    rows.col(j) *= 0.5f + static_cast<float>(j);
    rows.col(j).array() += 3.0f * static_cast<float>(j % 3);
  }
  return rows;
}

Eigen::MatrixXd UnitRows(const Matrix& rows) {
  Eigen::MatrixXd out = rows.cast<double>();
  for (Index i = 0; i < out.rows(); ++i) {
    if (out.row(i).norm() > 0) out.row(i) /= out.row(i).norm();
  }
  return out;
}

// The formulas of input_scaler.h, in double and with Eigen's reductions.
struct Naive {
  Naive(InputScaling scaling, const Matrix& rows) {
    const Eigen::MatrixXd data = scaling == InputScaling::kL2 ? UnitRows(rows) : rows.cast<double>();
    const Index n = data.rows(), dim = data.cols();
    mean = Eigen::RowVectorXd::Zero(dim);
    scale = Eigen::RowVectorXd::Ones(dim);
    scaled = data;
    if (scaling == InputScaling::kNone) return;
    mean = data.colwise().mean();
    const Eigen::RowVectorXd variance =
        (data.rowwise() - mean).array().square().matrix().colwise().sum() / static_cast<double>(n);
    if (scaling == InputScaling::kPerDimension) {
      scale = variance.array().sqrt();
    } else if (scaling != InputScaling::kCenter) {
      scale.setConstant(std::sqrt(variance.mean()));
    }
    scaled = (data.rowwise() - mean).array().rowwise() / scale.array();
    norm = std::sqrt(rows.cast<double>().rowwise().squaredNorm().mean());
  }
  Eigen::RowVectorXd mean, scale;
  Eigen::MatrixXd scaled;
  double norm = 1;
};

TEST(InputScaler, LearnsTheNaiveStatistics) {
  for (const InputScaling scaling : kAll) {
    for (const Index n : {2, 3, 256, 257, 1000}) {
      const Matrix rows = Rows(n, 7, static_cast<uint64_t>(n));
      Scaler scaler(scaling, 7);
      scaler.Learn(rows);
      const Naive naive(scaling, rows);
      EXPECT_TRUE(Close(scaler.Scale(rows), naive.scaled, 2e-6)) << static_cast<int>(scaling) << ", " << n << " rows";
      if (scaling == InputScaling::kNone) {
        EXPECT_EQ(scaler.store.count(), 0);
        continue;
      }
      EXPECT_TRUE(Close(scaler.Value("input.mean"), naive.mean.transpose(), 1e-6));
      const bool each = scaling == InputScaling::kPerDimension;
      ASSERT_EQ(scaler.Value("input.scale").rows(), each ? 7 : 1);
      EXPECT_TRUE(
          Close(scaler.Value("input.scale"), Eigen::MatrixXd(naive.scale.head(each ? 7 : 1).transpose()), 1e-6));
      EXPECT_EQ(scaler.store.Find("input.norm") >= 0, scaling == InputScaling::kL2);
      if (scaling == InputScaling::kL2) EXPECT_NEAR(scaler.Value("input.norm")(0, 0), naive.norm, 1e-6 * naive.norm);
    }
  }
}

// Means of 1000 with spreads of 1: a variance from sums of squares in float would be noise.
TEST(InputScaler, LearnsSmallSpreadsFarFromZero) {
  TestRandom random(3);
  const Matrix rows = RandomMatrix(random, 900, 5, 1, 1000);
  for (const InputScaling scaling : {InputScaling::kCommonScale, InputScaling::kPerDimension, InputScaling::kL2}) {
    Scaler scaler(scaling, 5);
    scaler.Learn(rows);
    const Naive naive(scaling, rows);
    const Eigen::MatrixXd learned = scaler.Value("input.scale");
    // Unit rows have 6e-8 of rounding at a spread of 4e-4.
    EXPECT_TRUE(Close(learned, Eigen::MatrixXd(naive.scale.head(learned.rows()).transpose()),
                      scaling == InputScaling::kL2 ? 1e-3 : 1e-5));
  }
}

TEST(InputScaler, UnscaleUndoesScale) {
  for (const InputScaling scaling : kAll) {
    Scaler scaler(scaling, 9);
    const Matrix rows = Rows(400, 9, 5);
    scaler.Learn(rows);
    Eigen::MatrixXd expected = rows.cast<double>();
    if (scaling == InputScaling::kL2) {
      // The length of a row is gone; the typical one comes back.
      expected = UnitRows(rows) * scaler.Value("input.norm")(0, 0);
    }
    EXPECT_TRUE(Close(scaler.Unscale(scaler.Scale(rows)), expected, 1e-6)) << static_cast<int>(scaling);
    // Scaling what came back gives the same x~ again, whatever the scaling.
    const Matrix once = scaler.Scale(rows);
    EXPECT_TRUE(Close(scaler.Scale(scaler.Unscale(once)), once, 2e-6)) << static_cast<int>(scaling);
  }
}

TEST(InputScaler, IsTheIdentityUntilItLearned) {
  const Matrix rows = Rows(20, 4, 6);
  for (const InputScaling scaling : kAll) {
    const Scaler scaler(scaling, 4);
    EXPECT_EQ(scaler.scaler.learned(), scaling != InputScaling::kNone);
    if (scaling == InputScaling::kL2) {
      EXPECT_TRUE(Close(scaler.Scale(rows), UnitRows(rows), 1e-6));
    } else {
      EXPECT_TRUE(SameBits(scaler.Scale(rows), rows));
    }
    EXPECT_TRUE(SameBits(scaler.Unscale(rows), rows));
  }
}

TEST(InputScaler, AConstantColumnHasScaleOne) {
  // 0.1f is no binary fraction: its mean over 700 rows must still be itself, and its spread exactly zero.
  Matrix rows = Rows(700, 4, 7);
  rows.col(1).setConstant(0.1f);
  rows.col(3).setZero();
  Scaler scaler(InputScaling::kPerDimension, 4);
  scaler.Learn(rows);
  const Eigen::MatrixXd scale = scaler.Value("input.scale");
  EXPECT_EQ(scale(1, 0), 1);
  EXPECT_EQ(scale(3, 0), 1);
  EXPECT_GT(scale(0, 0), 0.4);
  const Matrix scaled = scaler.Scale(rows);
  EXPECT_TRUE(SameBits(scaled.col(1), Vector(Vector::Zero(700))));
  EXPECT_TRUE(SameBits(scaled.col(3), Vector(Vector::Zero(700))));
  EXPECT_TRUE(Close(scaler.Unscale(scaled).col(1), rows.col(1), 1e-6));
  // Another value of that column is as far away as it is.
  rows(0, 1) = 0.6f;
  EXPECT_NEAR(scaler.Scale(rows)(0, 1), 0.5f, 1e-6);
}

TEST(InputScaler, ACatalogueOfOnePointHasScaleOne) {
  for (const InputScaling scaling : kAll) {
    for (const Index n : {1, 300}) {
      Matrix rows = Matrix::Constant(n, 6, 0.3f);
      rows.col(2).setConstant(-1.7f);
      Scaler scaler(scaling, 6);
      scaler.Learn(rows);
      if (scaling != InputScaling::kNone) {
        EXPECT_TRUE((scaler.Value("input.scale").array() == 1).all()) << static_cast<int>(scaling);
        EXPECT_LT(scaler.Scale(rows).cwiseAbs().maxCoeff(), 1e-6f);
      }
      EXPECT_TRUE(Close(scaler.Unscale(scaler.Scale(rows)), rows, 1e-6)) << static_cast<int>(scaling);
    }
  }
}

TEST(InputScaler, AZeroRowStaysZeroUnderL2) {
  Matrix rows = Rows(300, 5, 8);
  rows.row(0).setZero();
  rows.row(299).setZero();
  Scaler scaler(InputScaling::kL2, 5);
  scaler.Learn(rows);
  const Naive naive(InputScaling::kL2, rows);
  const Matrix scaled = scaler.Scale(rows);
  EXPECT_TRUE(scaled.allFinite());
  EXPECT_TRUE(Close(scaled, naive.scaled, 2e-6));  // -mean / scale for the zero rows
  EXPECT_LT(scaler.Unscale(scaled).row(0).cwiseAbs().maxCoeff(), 1e-5f);

  // Nothing but zeros.
  Scaler nothing(InputScaling::kL2, 5);
  nothing.Learn(Matrix::Zero(10, 5));
  EXPECT_EQ(nothing.Value("input.norm")(0, 0), 1);
  EXPECT_TRUE(SameBits(nothing.Scale(Matrix::Zero(10, 5)), Matrix(Matrix::Zero(10, 5))));
}

TEST(InputScaler, L2TakesRowsOfAnyLength) {
  const Matrix rows = Rows(50, 6, 9);
  Scaler scaler(InputScaling::kL2, 6);
  scaler.Learn(rows);
  const Matrix scaled = scaler.Scale(rows);
  for (const float factor : {1e-30f, 1e-3f, 2.0f, 1e30f}) {
    EXPECT_TRUE(Close(scaler.Scale(rows * factor), scaled, 2e-6)) << factor;
  }
}

TEST(InputScaler, ARowIsTheSameInEveryBatch) {
  const Matrix rows = Rows(70, 5, 10);
  for (const InputScaling scaling : kAll) {
    Scaler scaler(scaling, 5);
    scaler.Learn(rows);
    const Matrix scaled = scaler.Scale(rows), back = scaler.Unscale(scaled);
    for (Index i = 0; i < 70; ++i) {
      ASSERT_TRUE(SameBits(scaler.Scale(rows.row(i)), scaled.row(i))) << static_cast<int>(scaling);
      ASSERT_TRUE(SameBits(scaler.Unscale(scaled.row(i)), back.row(i))) << static_cast<int>(scaling);
    }
  }
}

}  // namespace
}  // namespace rqvae
