// The products against naive loops in the summation order of matrix.h, bit for bit, over every tail.
#include "gemm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "test_data.h"

namespace rqvae {
namespace {

Matrix RandomMatrix(Index rows, Index cols, uint64_t seed) {
  TestRandom random(seed);
  return RandomMatrix(random, rows, cols);
}

PackedWeights Packed(const Matrix& w, PackedFloats& floats) {
  floats.resize(PackedWeights::Size(w.rows(), w.cols()));
  PackWeights(w, floats.data());
  return {floats.data(), w.rows(), w.cols()};
}

TEST(Gemm, MultiplyTransposedIsTheAscendingSumInEveryTail) {
  for (Index n : {1, 2, 3, 4, 5, 7, 8, 9, 255, 257}) {
    for (Index m : {1, 3, 7, 8, 9, 15, 16, 17, 33, 47}) {
      for (Index k : {1, 2, 5, 64, 300}) {
        const Matrix x = RandomMatrix(n, k, 1), w = RandomMatrix(m, k, 2);
        Matrix expected(n, m), out(n, m);
        for (Index i = 0; i < n; ++i) {
          for (Index j = 0; j < m; ++j) {
            float sum = 0;
            for (Index c = 0; c < k; ++c) sum += x(i, c) * w(j, c);
            expected(i, j) = sum;
          }
        }
        MultiplyTransposed(x, w, out);
        ASSERT_TRUE(SameBits(out, expected)) << n << " x " << k << " x " << m;
        PackedFloats floats;
        const PackedWeights packed = Packed(w, floats);
        out.setZero();
        MultiplyTransposed(x, packed, out);
        ASSERT_TRUE(SameBits(out, expected)) << n << " x " << k << " x " << m << ", packed";
        Multiply(x, w.transpose().eval(), out);
        ASSERT_TRUE(SameBits(out, expected)) << n << " x " << k << " x " << m;
      }
    }
  }
}

// Each step by itself, in the epilogue's order, on tiles, tails and single rows, and where sums wait for a second
// stretch.
TEST(Gemm, TheEpilogueDoesAsTheStepsByThemselves) {
  for (Index n : {1, 3, 4, 70}) {
    for (Index m : {3, 16, 37}) {
      for (Index k : {5, 300}) {
        const Matrix x = RandomMatrix(n, k, 1), w = RandomMatrix(m, k, 2), bias = RandomMatrix(1, m, 3);
        const Matrix factor = RandomMatrix(n, m, 4);
        Matrix addend = RandomMatrix(n, m, 5);
        PackedFloats floats;
        const PackedWeights packed = Packed(w, floats);
        for (Activation activation : {Activation::kSilu, Activation::kRelu}) {
          Matrix expected(n, m), expected_slope(n, m), out(n, m), slope(n, m);
          MultiplyTransposed(x, w, expected);
          expected.rowwise() += bias.row(0);
          MatrixRef to_expected = expected_slope, to_slope = slope;
          ActivationForward(activation, expected, expected, &to_expected);
          const ConstMatrixRef factors = factor;
          MatrixRef addends = addend;
          MultiplyTransposed(x, packed, out, {.bias = bias.data(), .activation = &activation, .slope = &to_slope});
          ASSERT_TRUE(SameBits(out, expected)) << n << " x " << k << " x " << m;
          ASSERT_TRUE(SameBits(slope, expected_slope)) << n << " x " << k << " x " << m;
          MultiplyTransposed(x, packed, out, {.bias = bias.data(), .activation = &activation, .addend = &addends});
          ASSERT_TRUE(SameBits(out, Matrix(expected + addend))) << n << " x " << k << " x " << m;
          MultiplyTransposed(x, w, expected);
          expected.array() *= factor.array();
          expected += addend;
          Multiply(x, w.transpose().eval(), out, {.factor = &factors, .addend = &addends});
          ASSERT_TRUE(SameBits(out, expected)) << n << " x " << k << " x " << m;
        }
      }
    }
  }
}

TEST(Gemm, TransposedProductSumsInBlocksOfRows) {
  for (Index n : {1, 3, 255, 256, 257, 512, 700}) {
    for (Index p : {1, 4, 5, 9}) {
      for (Index q : {1, 7, 8, 10}) {
        const Matrix a = RandomMatrix(n, p, 3), b = RandomMatrix(n, q, 4);
        Matrix expected = RandomMatrix(p, q, 5), out = expected;
        for (Index first = 0; first < n; first += kRowBlock) {
          for (Index i = 0; i < p; ++i) {
            for (Index j = 0; j < q; ++j) {
              float sum = 0;
              for (Index r = first; r < std::min(first + kRowBlock, n); ++r) sum += a(r, i) * b(r, j);
              expected(i, j) += sum;
            }
          }
        }
        AccumulateTransposedProduct(a, b, out);
        ASSERT_TRUE(SameBits(out, expected)) << n << ": " << p << " x " << q;
      }
    }
  }
}

TEST(Gemm, RowSumsInBlocks) {
  const Matrix a = RandomMatrix(600, 5, 6);
  Vector expected = Vector::Zero(5), out = expected;
  for (Index first = 0; first < 600; first += kRowBlock) {
    Vector block = Vector::Zero(5);
    for (Index i = first; i < std::min<Index>(first + kRowBlock, 600); ++i) block += a.row(i).transpose();
    expected += block;
  }
  AccumulateRows(a, out);
  EXPECT_TRUE((out.array() == expected.array()).all());
}

TEST(Gemm, ReadsStridedOperands) {
  const Matrix wide = RandomMatrix(9, 20, 8), w = RandomMatrix(6, 7, 9);
  Matrix out(9, 6), expected(9, 6);
  MultiplyTransposed(wide.middleCols(3, 7), w, out);
  MultiplyTransposed(Matrix(wide.middleCols(3, 7)), w, expected);
  EXPECT_TRUE(SameBits(out, expected));
}

}  // namespace
}  // namespace rqvae
