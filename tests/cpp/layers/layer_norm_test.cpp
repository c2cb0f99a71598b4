// Layer normalisation against the naive formulas in double.
#include "layer_norm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "oracle.h"
#include "test_data.h"
#include "whole_block.h"

namespace rqvae {
namespace {

ConstMatrixMap Column(const Matrix& m) { return ConstMatrixMap(m.data(), m.rows(), m.cols()); }
MatrixMap Column(Matrix& m) { return MatrixMap(m.data(), m.rows(), m.cols()); }

struct Layer {
  Layer(TestRandom& random, Index n, Index m, double scale = 1, double offset = 0)
      : x(RandomMatrix(random, n, m, scale, offset)),
        gain(RandomMatrix(random, m, 1, 0.5, 1)),
        bias(RandomMatrix(random, m, 1)),
        y(n, m) {}

  void Forward() { rqvae::Forward(x, Column(std::as_const(gain)), Column(std::as_const(bias)), tape, y); }
  Eigen::MatrixXd Expected() const {
    return oracle::ToMatrix(oracle::LayerNorm(oracle::FromMatrix<double>(x), oracle::FromMatrix<double>(gain),
                                              oracle::FromMatrix<double>(bias)));
  }

  Matrix x, gain, bias, y;
  LayerNormTape tape;
};

TEST(LayerNorm, ForwardIsTheFormula) {
  for (const Index n : {1, 2, 300}) {
    for (const Index m : {1, 2, 3, 8, 33}) {
      TestRandom random(static_cast<uint64_t>(n * 100 + m));
      Layer layer(random, n, m);
      layer.Forward();
      // Two features are often close together: their difference has fewer digits than they have.
      EXPECT_TRUE(Close(layer.y, layer.Expected(), m == 2 ? 2e-5 : 1e-6)) << n << " x " << m;
    }
  }
}

// A mean far from zero must not cancel the digits of the variance away.
TEST(LayerNorm, ForwardIsExactFarFromZero) {
  TestRandom random(1);
  Layer layer(random, 20, 16, 1, 1000);
  layer.Forward();
  // The rows themselves have 1000 * 2^-24 = 6e-5 of rounding, which both see alike.
  EXPECT_TRUE(Close(layer.y, layer.Expected(), 1e-4));
  Layer large(random, 20, 16, 1e15, 0);
  large.Forward();
  EXPECT_TRUE(Close(large.y, large.Expected(), 1e-5));
}

// Variance 0: what is left is the bias, not 0/0.
TEST(LayerNorm, AConstantRowGivesTheBias) {
  TestRandom random(2);
  Layer layer(random, 3, 5);
  layer.x.row(0).setZero();
  layer.x.row(1).setConstant(0.1f);
  layer.x.row(2).setConstant(-7.0f);
  layer.Forward();
  for (Index i = 0; i < 3; ++i) EXPECT_TRUE(SameBits(layer.y.row(i), layer.bias.transpose())) << i;
  Matrix dgain = Matrix::Zero(5, 1), dbias = Matrix::Zero(5, 1), dx(3, 5);
  Backward(layer.tape, Column(std::as_const(layer.gain)), RandomMatrix(random, 3, 5), Column(dgain), Column(dbias), dx);
  EXPECT_TRUE(dx.allFinite());
}

TEST(LayerNorm, ForwardInPlaceGivesTheSameBits) {
  TestRandom random(3);
  Layer layer(random, 40, 7);
  layer.Forward();
  LayerNormTape tape;
  Matrix in_place = layer.x;
  rqvae::Forward(in_place, Column(std::as_const(layer.gain)), Column(std::as_const(layer.bias)), tape, in_place);
  EXPECT_TRUE(SameBits(in_place, layer.y));
  EXPECT_TRUE(SameBits(tape.normalized, layer.tape.normalized));
}

TEST(LayerNorm, ARowIsTheSameInEveryBatch) {
  TestRandom random(4);
  Layer layer(random, 50, 11);
  layer.Forward();
  for (Index i = 0; i < 50; ++i) {
    LayerNormTape tape;
    Matrix one(1, 11);
    rqvae::Forward(layer.x.row(i), Column(std::as_const(layer.gain)), Column(std::as_const(layer.bias)), tape, one);
    EXPECT_TRUE(SameBits(one, layer.y.row(i))) << i;
  }
}

// L = sum of y dy for a fixed dy: its derivatives by x, gain and bias.
TEST(LayerNorm, BackwardAgreesWithFiniteDifferences) {
  for (const Index m : {1, 3, 5, 9}) {
    TestRandom random(static_cast<uint64_t>(m));
    Layer layer(random, 6, m);
    const Matrix dy = RandomMatrix(random, 6, m);
    auto x = oracle::FromMatrix<double>(layer.x);
    auto gain = oracle::FromMatrix<double>(layer.gain), bias = oracle::FromMatrix<double>(layer.bias);
    auto differences = [&](oracle::Array<double>& a) {
      auto loss = [&] {
        const Eigen::MatrixXd y = oracle::ToMatrix(oracle::LayerNorm(x, gain, bias));
        return (y.array() * dy.cast<double>().array()).sum();
      };
      Eigen::MatrixXd out(a.rows, a.cols);
      for (Index i = 0; i < a.rows; ++i) {
        for (Index j = 0; j < a.cols; ++j) {
          const double start = a(i, j), h = 1e-6;
          a(i, j) = start + h;
          const double up = loss();
          a(i, j) = start - h;
          out(i, j) = (up - loss()) / (2 * h);
          a(i, j) = start;
        }
      }
      return out;
    };
    layer.Forward();
    // Gradients are added to what is there.
    Matrix dgain = Matrix::Constant(m, 1, 2), dbias = Matrix::Constant(m, 1, -3), dx(6, m);
    Backward(layer.tape, Column(std::as_const(layer.gain)), dy, Column(dgain), Column(dbias), dx);
    EXPECT_TRUE(Close(dx, differences(x), 1e-5, 1e-2)) << m;
    EXPECT_TRUE(Close(Matrix(dgain.array() - 2), differences(gain), 1e-5, 1e-2)) << m;
    EXPECT_TRUE(Close(Matrix(dbias.array() + 3), differences(bias), 1e-5, 1e-2)) << m;
    // dx may be dy.
    Matrix in_place = dy;
    Backward(layer.tape, Column(std::as_const(layer.gain)), in_place, Column(dgain), Column(dbias), in_place);
    EXPECT_TRUE(SameBits(in_place, dx));
  }
}

// A shift or a scale of a row changes nothing, so that no gradient points along them.
TEST(LayerNorm, NoGradientAlongShiftAndScale) {
  TestRandom random(6);
  Layer layer(random, 10, 8);
  layer.Forward();
  Matrix dgain = Matrix::Zero(8, 1), dbias = Matrix::Zero(8, 1), dx(10, 8);
  Backward(layer.tape, Column(std::as_const(layer.gain)), RandomMatrix(random, 10, 8), Column(dgain), Column(dbias),
           dx);
  for (Index i = 0; i < 10; ++i) {
    const Eigen::RowVectorXd gradient = dx.row(i).cast<double>();
    const Eigen::RowVectorXd centred = layer.x.row(i).cast<double>().array() - layer.x.row(i).cast<double>().mean();
    EXPECT_GT(gradient.norm(), 0.1);
    EXPECT_NEAR(gradient.sum(), 0, 1e-5 * gradient.norm());
    EXPECT_NEAR(gradient.dot(centred), 0, 1e-4 * gradient.norm() * centred.norm());  // up to the 1e-5 of the variance
  }
}

}  // namespace
}  // namespace rqvae
