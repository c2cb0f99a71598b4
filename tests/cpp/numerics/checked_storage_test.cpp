#include "checked_storage.h"

#include <gtest/gtest.h>

#include <new>
#include <type_traits>

#include "matrix.h"
#include "symmetric_eigen.h"

namespace rqvae {
namespace {

constexpr bool kSmallMemory = sizeof(size_t) == 4;  // WebAssembly

template <typename M>
void ExpectRefused(M& m, Index rows, Index cols) {
  EXPECT_THROW(m.resize(rows, cols), std::bad_alloc) << rows << " x " << cols;
}

TEST(CheckedStorage, IsWhatMatricesKeepTheirNumbersIn) {
  Matrix m;
  // Eigen would multiply to 0, or to something small, and be content.
  ExpectRefused(m, Index{1} << 32, Index{1} << 32);
  ExpectRefused(m, (Index{1} << 40) + 1, Index{1} << 24);
  if (kSmallMemory) {
    ExpectRefused(m, 65536, 65536);
    ExpectRefused(m, 65536, 65537);
    ExpectRefused(m, 16384, 32768);  // 2^31 bytes
  }
  CodeMatrix codes;
  ExpectRefused(codes, Index{1} << 32, Index{1} << 32);
  DoubleMatrix doubles;
  ExpectRefused(doubles, Index{1} << 31, Index{1} << 30);
  Vector v;
  EXPECT_THROW(v.resize(Index{1} << 62), std::bad_alloc);
  if (kSmallMemory) EXPECT_THROW(v.resize(Index{1} << 29), std::bad_alloc);
  EXPECT_THROW((Matrix(Index{1} << 32, Index{1} << 32)), std::bad_alloc);
}

TEST(CheckedStorage, StaysWholeWhereItCannotBeResized) {
  Matrix m = Matrix::Constant(3, 4, 7.0f);
  ExpectRefused(m, Index{1} << 40, Index{1} << 40);
  ASSERT_EQ(m.rows(), 3);
  EXPECT_EQ(m, Matrix::Constant(3, 4, 7.0f));
  if (!kSmallMemory) return;  // a machine that has so much would give it
  // A size that there may be, and for which there is no memory here: Eigen's own storage frees its numbers twice.
  Matrix large;
  for (Index rows = 16383; rows > 4000; rows -= 1000) {
    try {
      m.resize(rows, 32768);
      large.resize(rows, 32768);
    } catch (const std::bad_alloc&) {
      break;
    }
  }
  for (Matrix* one : {&m, &large}) {
    EXPECT_EQ(one->size() == 0, one->data() == nullptr);
    one->resize(2, 2);
    one->setOnes();
    EXPECT_EQ(*one, Matrix::Ones(2, 2));
  }
}

TEST(CheckedStorage, CopiesMovesAndResizesAsEigensOwn) {
  Matrix m(2, 3);
  m << 1, 2, 3, 4, 5, 6;
  Matrix copy = m;
  EXPECT_EQ(copy, m);
  copy(0, 0) = 9;
  EXPECT_EQ(m(0, 0), 1);
  copy = m;
  EXPECT_EQ(copy, m);
  const Matrix& self = copy;
  copy = self;
  EXPECT_EQ(copy, m);
  Matrix moved = std::move(copy);
  EXPECT_EQ(moved, m);
  const float* numbers = moved.data();
  moved.resize(3, 2);  // as many: the same numbers in the same place
  EXPECT_EQ(moved.data(), numbers);
  EXPECT_EQ(moved(2, 1), 6);
  moved.conservativeResize(4, 2);
  EXPECT_EQ(moved(2, 1), 6);
  moved.swap(m);
  EXPECT_EQ(moved.cols(), 3);
  Vector v = Vector::LinSpaced(5, 0, 4);
  v.conservativeResize(7);
  EXPECT_EQ(v[4], 4);
  Eigen::RowVectorXd row = Eigen::RowVectorXd::Ones(4);
  EXPECT_EQ(row.rows(), 1);
  EXPECT_EQ(row.cols(), 4);
  row = Eigen::RowVectorXd::Zero(9);
  EXPECT_EQ(row.size(), 9);
  static_assert(sizeof(Index) == 8);
}

TEST(CheckedSize, IsTheProductOrThrows) {
  EXPECT_EQ(CheckedSize(3, 4), 12u);
  EXPECT_EQ(CheckedSize(Index{0}, Index{1} << 40), 0u);
  EXPECT_EQ(CheckedSize(32768, 65535), 2147450880u);
  EXPECT_THROW(CheckedSize(-1, 4), std::bad_alloc);
  EXPECT_THROW(CheckedSize(Index{1} << 32, Index{1} << 32), std::bad_alloc);
  EXPECT_THROW(CheckedSize(Index{1} << 62, 2), std::bad_alloc);
  if (kSmallMemory) EXPECT_THROW(CheckedSize(65536, 65536), std::bad_alloc);
}

}  // namespace
}  // namespace rqvae
