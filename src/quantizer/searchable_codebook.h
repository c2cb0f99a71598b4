// Search for the nearest code of one codebook.
#ifndef RQVAE_SEARCHABLE_CODEBOOK_H_
#define RQVAE_SEARCHABLE_CODEBOOK_H_

#include "gemm.h"
#include "matrix.h"

namespace rqvae {

// A codebook prepared for searching. Distances are compared in a frame centred on the codebook's mean m,
//   argmin_k ||r - c_k||^2 = argmin_k ( ||c_k - m||^2 / 2 - (r - m).(c_k - m) ),
// because an offset shared by all codes would cost the digits that tell them apart.
struct SearchableCodebook {
  Vector mean;          // d: m
  Matrix centred;       // K x d: c_k - m
  Vector half_norm;     // K: ||c_k - m||^2 / 2
  PackedFloats floats;  // of packed()

  void Prepare(const ConstMatrixRef& codebook);
  // centred, for products.
  PackedWeights packed() const { return {floats.data(), centred.rows(), centred.cols()}; }
  // Floats that K codes take.
  static Index Size(Index k, Index d) { return k * (d + 1) + PackedWeights::Size(k, d); }
};

// Sets codes[i] to the index of the code nearest to row i of r (ties: the lowest) and, unless null, margin[i] to the
// squared distance to the second nearest minus that to the nearest; +infinity with one code.  r: n x d; margin: n.
void FindNearest(const SearchableCodebook& codebook, const ConstMatrixRef& r, uint32_t* codes, float* margin);

}  // namespace rqvae

#endif  // RQVAE_SEARCHABLE_CODEBOOK_H_
