// Replaces the storage of Eigen's matrices, because Eigen's own
//   * takes rows * cols for the size without checking for wrap-around (the check is an assertion, and compiled out),
//   and
//     cuts it to the width of an address;
//   * frees the old numbers before it allocates: if that fails, the matrix still points at the freed memory and its
//     destructor frees it again.
// Here a size that memory cannot have throws std::bad_alloc, and a matrix that could not be resized is empty.
// tests/cpp/numerics/checked_storage_test.cpp fails if Eigen stops using this storage.
#ifndef RQVAE_CHECKED_STORAGE_H_
#define RQVAE_CHECKED_STORAGE_H_

#include <Eigen/Core>
#include <algorithm>
#include <type_traits>
#include <utility>

#include "checked_size.h"

namespace rqvae {

// Rows, Cols: the extents known at compile time, or Eigen::Dynamic.
template <typename T, int Rows, int Cols, bool Align>
class CheckedStorage {
  static_assert(std::is_trivial_v<T>);

 public:
  using Index = Eigen::Index;

  CheckedStorage() = default;
  CheckedStorage(Index /*size*/, Index rows, Index cols) { Allocate(rows, cols); }
  CheckedStorage(const CheckedStorage& other) {
    Allocate(other.rows_, other.cols_);
    std::copy_n(other.data_, size(), data_);
  }
  CheckedStorage(CheckedStorage&& other) noexcept { swap(other); }
  CheckedStorage& operator=(const CheckedStorage& other) {
    if (this != &other) {
      resize(other.size(), other.rows_, other.cols_);
      std::copy_n(other.data_, size(), data_);
    }
    return *this;
  }
  CheckedStorage& operator=(CheckedStorage&& other) noexcept {
    swap(other);
    return *this;
  }
  ~CheckedStorage() { Free(); }

  void swap(CheckedStorage& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(rows_, other.rows_);
    std::swap(cols_, other.cols_);
  }
  // Loses the numbers unless their count stays the same.
  void resize(Index /*size*/, Index rows, Index cols) {
    if (CheckedSize(rows, cols, sizeof(T)) != CheckedSize(rows_, cols_, sizeof(T))) {
      Free();
      Allocate(rows, cols);
    }
    rows_ = rows;
    cols_ = cols;
  }
  void conservativeResize(Index /*size*/, Index rows, Index cols) {
    CheckedStorage kept;
    kept.Allocate(rows, cols);
    std::copy_n(data_, std::min(size(), kept.size()), kept.data_);
    swap(kept);
  }
  Index rows() const { return Rows == Eigen::Dynamic ? rows_ : Rows; }
  Index cols() const { return Cols == Eigen::Dynamic ? cols_ : Cols; }
  Index size() const { return rows_ * cols_; }
  T* data() { return data_; }
  const T* data() const { return data_; }

 private:
  void Allocate(Index rows, Index cols) {
    const size_t bytes = CheckedSize(rows, cols, sizeof(T));
    data_ = static_cast<T*>(Eigen::internal::conditional_aligned_malloc<Align>(bytes));
    rows_ = rows;
    cols_ = cols;
  }
  void Free() {
    Eigen::internal::conditional_aligned_free<Align>(data_);
    data_ = nullptr;
    rows_ = cols_ = 0;
  }

  T* data_ = nullptr;
  Index rows_ = 0;
  Index cols_ = 0;
};

}  // namespace rqvae

namespace Eigen::internal {

// The constraint makes each of these more specialised than Eigen's own for the same extents.
template <typename T, int Options>
  requires(std::is_arithmetic_v<T>)
class DenseStorage_impl<T, Dynamic, Dynamic, Dynamic, Options>
    : public rqvae::CheckedStorage<T, Dynamic, Dynamic, (Options & DontAlign) == 0> {
  using rqvae::CheckedStorage<T, Dynamic, Dynamic, (Options & DontAlign) == 0>::CheckedStorage;
};
template <typename T, int Cols, int Options>
  requires(std::is_arithmetic_v<T>)
class DenseStorage_impl<T, Dynamic, Dynamic, Cols, Options>
    : public rqvae::CheckedStorage<T, Dynamic, Cols, (Options & DontAlign) == 0> {
  using rqvae::CheckedStorage<T, Dynamic, Cols, (Options & DontAlign) == 0>::CheckedStorage;
};
template <typename T, int Rows, int Options>
  requires(std::is_arithmetic_v<T>)
class DenseStorage_impl<T, Dynamic, Rows, Dynamic, Options>
    : public rqvae::CheckedStorage<T, Rows, Dynamic, (Options & DontAlign) == 0> {
  using rqvae::CheckedStorage<T, Rows, Dynamic, (Options & DontAlign) == 0>::CheckedStorage;
};

}  // namespace Eigen::internal

#endif  // RQVAE_CHECKED_STORAGE_H_
