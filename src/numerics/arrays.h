// Checks and conversions of plain arrays, before they become matrices.
#ifndef RQVAE_ARRAYS_H_
#define RQVAE_ARRAYS_H_

#include "matrix.h"

namespace rqvae {

// The position of the first value that is NaN or infinite, or -1.
Index FirstNonFinite(const float* values, Index count);

// IEEE half floats to floats, exactly. The halves may be the upper half of the floats' own space: they are read front
// to back, byte by byte, each before anything is written over it.
void HalfToFloat(const void* halves, Index count, void* floats);

}  // namespace rqvae

#endif  // RQVAE_ARRAYS_H_
