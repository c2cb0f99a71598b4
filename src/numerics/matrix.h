// The types of the core: row-major float matrices with one item per row.
//
// Summation order (for the promise "the same IDs everywhere", numerics version 1). A float sum depends on the order of
// its terms, so the order is part of the model format:
//   * An element of a matrix product sums over the inner index in ascending order in one float accumulator, in every
//     kernel, tail and batch size. An item's result never depends on the batch that it came in.
//   * A sum over rows (gradients, k-means centres, losses) goes in blocks of kRowBlock rows: each block from zero in
//     ascending order, then the blocks' sums in block order, whatever the number of threads.
//   * A sum along a row is one of sums.h, whose names say their orders.
//   * Nothing that reaches a result uses Eigen's reductions (.sum(), .norm(), .dot(), its products): they choose their
//     order by size and alignment. Eigen's element-wise + - * / and sqrt are exact per IEEE 754 and used freely. Its
//     transcendental functions are not used: the tail of a row goes through another implementation.
#ifndef RQVAE_MATRIX_H_
#define RQVAE_MATRIX_H_

#include <Eigen/Core>
#include <cstdint>

#include "checked_storage.h"

namespace rqvae {

// 64 bits, in WebAssembly too, so that no sum or product of counts wraps around.
using Index = Eigen::Index;
using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Vector = Eigen::Matrix<float, Eigen::Dynamic, 1>;
using MatrixRef = Eigen::Ref<Matrix, 0, Eigen::OuterStride<>>;
using ConstMatrixRef = Eigen::Ref<const Matrix, 0, Eigen::OuterStride<>>;
using VectorRef = Eigen::Ref<Vector>;
using ConstVectorRef = Eigen::Ref<const Vector>;
using MatrixMap = Eigen::Map<Matrix>;
using ConstMatrixMap = Eigen::Map<const Matrix>;
// Codes, n x levels, row-major.
using CodeMatrix = Eigen::Matrix<uint32_t, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using CodeMatrixRef = Eigen::Ref<CodeMatrix, 0, Eigen::OuterStride<>>;
using ConstCodeMatrixRef = Eigen::Ref<const CodeMatrix, 0, Eigen::OuterStride<>>;

// The rows (or columns, parameters, ...) from `first` on.
struct Range {
  Index first;
  Index count;
};

// Rows per block of every sum over rows, and rows per slice of every long job.
inline constexpr Index kRowBlock = 256;

// Raise this with any change that alters a bit of any result for the same data, config and seed.
inline constexpr uint32_t kNumericsVersion = 1;

}  // namespace rqvae

#endif  // RQVAE_MATRIX_H_
