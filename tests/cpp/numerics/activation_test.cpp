#include "activation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace rqvae {
namespace {

Matrix Ramp(Index cols) {
  Matrix x(1, cols);
  for (Index j = 0; j < cols; ++j) x(0, j) = -20.0f + 40.0f * static_cast<float>(j) / static_cast<float>(cols - 1);
  return x;
}

TEST(Activation, SiluAndSigmoidMatchDoublePrecision) {
  const Matrix x = Ramp(1001);
  Matrix silu(1, 1001), sigmoid(1, 1001);
  ActivationForward(Activation::kSilu, x, silu, nullptr);
  Sigmoid(x, sigmoid);
  for (Index j = 0; j < x.cols(); ++j) {
    const double s = 1 / (1 + std::exp(-static_cast<double>(x(0, j))));
    EXPECT_NEAR(sigmoid(0, j) / s, 1, 5e-7) << x(0, j);
    EXPECT_NEAR(silu(0, j), x(0, j) * s, 5e-7 * std::abs(x(0, j) * s) + 1e-12) << x(0, j);
  }
}

TEST(Activation, DerivativesMatchFiniteDifferences) {
  const Matrix x = Ramp(401);
  for (Activation activation : {Activation::kSilu, Activation::kRelu}) {
    Matrix dx(1, x.cols());
    Matrix out(1, x.cols());
    MatrixRef slope = dx;
    ActivationForward(activation, x, out, &slope);
    for (Index j = 0; j < x.cols(); ++j) {
      const double v = x(0, j), h = 1e-6;
      if (activation == Activation::kRelu && std::abs(v) < h) continue;
      auto f = [&](double t) { return activation == Activation::kRelu ? std::max(t, 0.0) : t / (1 + std::exp(-t)); };
      EXPECT_NEAR(dx(0, j), (f(v + h) - f(v - h)) / (2 * h), 1e-5) << v;
    }
  }
}

// A lane of the body and an element of the tail go through the same code.
TEST(Activation, AnElementIsTheSameInEveryColumn) {
  for (Index cols = 1; cols <= 9; ++cols) {
    Matrix x = Matrix::Constant(3, cols, 0.7310585f), out(3, cols), slope(3, cols);
    MatrixRef to_slope = slope;
    ActivationForward(Activation::kSilu, x, out, &to_slope);
    EXPECT_TRUE((slope.array() == slope(0, 0)).all()) << cols;
    Matrix in_place = x;
    ActivationForward(Activation::kSilu, in_place, in_place, nullptr);
    EXPECT_TRUE((in_place.array() == out.array()).all()) << cols;
    EXPECT_TRUE((out.array() == out(0, 0)).all()) << cols;
    static float first = out(0, 0);
    EXPECT_EQ(out(0, 0), first);
  }
}

TEST(Activation, ExtremesStayFiniteAndNanIsSeen) {
  Matrix x(1, 4), out(1, 4), slope(1, 4);
  x << -1000.0f, 1000.0f, std::numeric_limits<float>::quiet_NaN(), 0.0f;
  for (Activation activation : {Activation::kSilu, Activation::kRelu}) {
    MatrixRef to_slope = slope;
    ActivationForward(activation, x, out, &to_slope);
    EXPECT_NEAR(out(0, 0), 0, 1e-30);
    EXPECT_EQ(out(0, 1), 1000.0f);
    EXPECT_TRUE(std::isnan(out(0, 2)));
    EXPECT_EQ(out(0, 3), 0.0f);
  }
  Sigmoid(x, out);
  EXPECT_TRUE(std::isnan(out(0, 2)));
}

}  // namespace
}  // namespace rqvae
