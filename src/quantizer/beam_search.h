// Beam search over the quantisation levels: the code of least total error among the partial IDs kept, instead of the
// nearest code at each level (as in additive quantisation; faiss's ResidualQuantizer does the same). A farther code at
// one level may leave a residual that the next levels describe better.
#ifndef RQVAE_BEAM_SEARCH_H_
#define RQVAE_BEAM_SEARCH_H_

#include <vector>

#include "matrix.h"
#include "searchable_codebook.h"

namespace rqvae {

// The products of the codes of one level with those of a later one, so that a beam multiplies an item with each
// codebook once instead of once for every partial ID. With y_l = z - m_1 - ... - m_l and c' = c - m, the residual r of
// the partial ID k_1 ... k_{l-1} has
//   (r - m_l).c'  =  y_l.c' - sum_{i < l} c'_i[k_i].c'
// All are centred, for the digits' sake as in SearchableCodebook.
class CodeProducts {
 public:
  // Leaves the products out where they would take more than kMaxProducts floats: the search then multiplies every
  // residual, which rounds differently, so this must not depend on the rows that are searched.
  void Prepare(const std::vector<SearchableCodebook>& codebooks);

  // Floats of the tables for codebooks of these sizes; 0 where they are left out.
  static Index Size(const std::vector<Index>& codebook_sizes);

  bool empty() const { return tables_.empty(); }
  // Of a code of `level` with all codes of the level `later`: K_later floats.
  const float* row(Index level, uint32_t code, Index later) const;

 private:
  static constexpr Index kMaxProducts = Index{1} << 22;  // 16 MB; 3 x 1024, 4 x 512 and 11 x 256 fit

  std::vector<Matrix> tables_;  // of the levels (0, 1), (0, 2), (1, 2), (0, 3) ...
};

// The IDs of the rows of z (n x d): at each level the `width` partial IDs with the least ||r||^2 are kept (ties: the
// earlier one, then the lower code). `keep` IDs of each row, the best first, are written to codes (n keep x L) and,
// unless null, their ||z - z^||^2 to errors (n keep). Where there are fewer, the last one repeats with an infinite
// error. 1 <= keep <= width; width 1 is the greedy search. A row's result does not depend on the others.
// products: of these codebooks, or empty.
void BeamSearch(const std::vector<Matrix>& codebooks, const std::vector<SearchableCodebook>& searchable,
                const CodeProducts& products, const ConstMatrixRef& z, Index width, Index keep, CodeMatrixRef codes,
                float* errors);

}  // namespace rqvae

#endif  // RQVAE_BEAM_SEARCH_H_
