// Sizes of memory as products of counts. Index has 64 bits everywhere (CMakeLists.txt), but WebAssembly addresses
// memory with 32. A product cut to 32 bits would allocate too little, and the code would write beyond its end. So every
// allocation takes its size from here or goes through a matrix, which does (checked_storage.h).
#ifndef RQVAE_CHECKED_SIZE_H_
#define RQVAE_CHECKED_SIZE_H_

#include <Eigen/Core>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>

namespace rqvae {

static_assert(sizeof(Eigen::Index) == 8, "the products of counts need 64 bits: EIGEN_DEFAULT_DENSE_INDEX_TYPE");

// The product of the counts. Throws std::bad_alloc if it is negative or more than memory can have.
template <typename... Counts>
size_t CheckedSize(Counts... counts) {
  uint64_t product = 1;
  const bool wrong = ((counts < 0 || __builtin_mul_overflow(product, static_cast<uint64_t>(counts), &product)) || ...);
  if (wrong || product > std::numeric_limits<ptrdiff_t>::max()) throw std::bad_alloc();
  return static_cast<size_t>(product);
}

}  // namespace rqvae

#endif  // RQVAE_CHECKED_SIZE_H_
