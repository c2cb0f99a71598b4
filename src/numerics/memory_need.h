// How much memory something will take, so that what cannot fit is refused before time and memory are spent on it. It is
// a lower bound: what is counted is certainly needed at the same time. The rest is still refused where it is allocated,
// by std::bad_alloc.
#ifndef RQVAE_MEMORY_NEED_H_
#define RQVAE_MEMORY_NEED_H_

#include <algorithm>

#include "matrix.h"

namespace rqvae {

// Bytes of each part, as double, so that sums and products of counts cannot wrap around.
struct MemoryNeed {
  double model = 0;  // weights, codebooks prepared for the search
  double items = 0;  // the rows that are held
  double optimizer = 0;
  double work = 0;    // initialising, then training with its gradients: the larger of both
  double batch = 0;   // of the steps
  double buffer = 0;  // the largest matrix or vector of all; half of memory at most (checked_size.h)

  double total() const { return model + items + optimizer + work + batch; }

  // The bytes of a matrix or vector, which `buffer` records.
  double Floats(Index rows, Index cols = 1) { return Buffer(sizeof(float), rows, cols); }
  double Doubles(Index rows, Index cols) { return Buffer(sizeof(double), rows, cols); }

 private:
  double Buffer(double bytes_each, Index rows, Index cols) {
    const double bytes = bytes_each * static_cast<double>(rows) * static_cast<double>(cols);
    buffer = std::max(buffer, bytes);
    return bytes;
  }
};

// Throws kOutOfMemory, with the numbers and what to do, if memory does not suffice.
void RequireMemory(const MemoryNeed& need, double most = sizeof(size_t) > 4 ? 0x1p62 : 0x1p32);

}  // namespace rqvae

#endif  // RQVAE_MEMORY_NEED_H_
