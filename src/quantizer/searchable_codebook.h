// Nearest-code search in one codebook.
#ifndef RQVAE_SEARCHABLE_CODEBOOK_H_
#define RQVAE_SEARCHABLE_CODEBOOK_H_

#include "matrix.h"

namespace rqvae {

// A codebook prepared for searching. Distances are compared in a frame centred on the codebook's mean m,
//   argmin_k ||r - c_k||^2 = argmin_k ( ||c_k - m||^2 / 2 - (r - m).(c_k - m) ),
// so that an offset shared by all codes does not cancel away the digits that tell them apart.
struct SearchableCodebook {
  Vector mean;       // d
  Matrix centred;    // K x d
  Vector half_norm;  // K

  void Prepare(const ConstMatrixRef& codebook);
};

// codes[i] = index of the code nearest to row i of r (ties: the lowest).  r: n x d.
// margin (may be null, n): squared distance to the runner-up minus that to the nearest; +infinity with one code.
void FindNearest(const SearchableCodebook& codebook, const ConstMatrixRef& r, uint32_t* codes, float* margin);

}  // namespace rqvae

#endif  // RQVAE_SEARCHABLE_CODEBOOK_H_
