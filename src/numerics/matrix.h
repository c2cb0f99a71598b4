// The vocabulary of the core: row-major float matrices, one row an item.
//
// Summation order (promise "the same IDs everywhere", numerics version 1). A float sum depends on the order of its
// terms, so the order is part of the model format:
//   * an element of a matrix product sums over the inner index in ascending order in one float accumulator, in every
//     kernel, tail and batch size: an item's result never depends on the batch it came in;
//   * a sum over rows (gradients, k-means centres, losses) is taken in blocks of kRowBlock rows: ascending within the
//     block from zero, and the blocks' sums are added in block order, whatever the number of threads;
//   * Eigen's reductions (.sum(), .norm(), .dot(), its products) are not used for anything that reaches a result: they
//     choose their order by size and alignment. Element-wise Eigen arithmetic (+ - * / sqrt) is exact per IEEE 754 and
//     is used freely; its transcendental functions are not, since tails of a row go through another implementation.
//     (Sums along a row are in sums.h; PCA's small dense algebra, in double, is in blas1.h and symmetric_eigen.h.)
#ifndef RQVAE_MATRIX_H_
#define RQVAE_MATRIX_H_

#include <Eigen/Core>
#include <cstdint>

#include "checked_storage.h"

namespace rqvae {

// 64 bits, in WebAssembly too: no sum or product of counts wraps around.
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

// A stretch of rows, or of whatever is divided.
struct Range {
  Index first;
  Index count;
};

// Rows per block of every sum over rows, and rows per slice of every long job.
inline constexpr Index kRowBlock = 256;

// Raised by any change that alters a bit of any result for the same data, config and seed.
inline constexpr uint32_t kNumericsVersion = 1;

}  // namespace rqvae

#endif  // RQVAE_MATRIX_H_
