// Sizes that are products of counts. Index has 64 bits everywhere (CMakeLists.txt), memory has 32 in WebAssembly: a
// product of counts may be more than can be addressed, and cut to 32 bits it would be something small that is written
// beyond its end. What is allocated goes through here, or through matrices, which do the same (checked_storage.h).
#ifndef RQVAE_CHECKED_SIZE_H_
#define RQVAE_CHECKED_SIZE_H_

#include <Eigen/Core>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>

namespace rqvae {

static_assert(sizeof(Eigen::Index) == 8, "the products of counts need 64 bits: EIGEN_DEFAULT_DENSE_INDEX_TYPE");

// The product of counts as the size of something in memory. Throws std::bad_alloc where it has none.
template <typename... Counts>
size_t CheckedSize(Counts... counts) {
  uint64_t product = 1;
  const bool wrong = ((counts < 0 || __builtin_mul_overflow(product, static_cast<uint64_t>(counts), &product)) || ...);
  if (wrong || product > std::numeric_limits<ptrdiff_t>::max()) throw std::bad_alloc();
  return static_cast<size_t>(product);
}

}  // namespace rqvae

#endif  // RQVAE_CHECKED_SIZE_H_
