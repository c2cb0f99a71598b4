// Beam search over the quantisation levels. Instead of the nearest code at each level it keeps several partial IDs and
// takes the one of least total error (as in additive quantisation; faiss's ResidualQuantizer does the same). A farther
// code at one level may leave a residual that the next levels describe better.
#ifndef RQVAE_BEAM_SEARCH_H_
#define RQVAE_BEAM_SEARCH_H_

#include <vector>

#include "matrix.h"
#include "searchable_codebook.h"

namespace rqvae {

// The products of the codes of each level with those of each later one. With them a beam multiplies an item with each
// codebook once instead of once for every partial ID. With y_l = z - m_1 - ... - m_l and c' = c - m, the residual r of
// the partial ID k_1 ... k_{l-1} has
//   (r - m_l).c'  =  y_l.c' - sum_{i < l} c'_i[k_i].c'
// All are centred and keep their precision as in SearchableCodebook.
class CodeProducts {
 public:
  // Makes no tables if they would take more than kMaxProducts floats. The search then multiplies every residual, which
  // rounds differently, so whether there are tables must not depend on the rows that are searched.
  void Prepare(const std::vector<SearchableCodebook>& codebooks);

  // Floats of the tables for codebooks of these sizes; 0 if there are none.
  static Index Size(const std::vector<Index>& codebook_sizes);

  bool empty() const { return tables_.empty(); }
  // The products of a code of `level` with all codes of the level `later`: K_later floats.
  const float* row(Index level, uint32_t code, Index later) const;

 private:
  static constexpr Index kMaxProducts = Index{1} << 22;  // 16 MB; 3 x 1024, 4 x 512 and 11 x 256 fit

  std::vector<Matrix> tables_;  // of the levels (0, 1), (0, 2), (1, 2), (0, 3) ...
};

struct BeamArguments {
  const std::vector<Matrix>& codebooks;
  const std::vector<SearchableCodebook>& searchable;  // the same codebooks
  const CodeProducts& products;                       // of the same codebooks, or empty
  Index width;                                        // partial IDs kept at each level
  Index keep;                                         // number of IDs to return per row, 1 <= keep <= width
  float first_code_weight = 0;                        // w below, finite and at least 0
};

// Finds IDs of the rows of z (n x d). Each level keeps the `width` partial IDs with the least
//   ||r||^2 + w ||z - q_1||^2,
// where r is what the codes so far leave of z and q_1 the first of them (ties: the earlier one, then the lower code); a
// width of 1 is the greedy search. A beam takes a farther first code if that helps the later levels, so similar items
// share their first code less often. The weight w penalises that: the larger it is, the more first codes are the
// nearest. Writes `keep` IDs of each row, the best first, to codes (n keep x L) and, unless null, their ||z - z^||^2 to
// errors (n keep), which ascend only with w = 0. If there are fewer IDs, the last one repeats with an infinite error. A
// row's result does not depend on the other rows.
void BeamSearch(const BeamArguments& arguments, const ConstMatrixRef& z, CodeMatrixRef codes, float* errors);

}  // namespace rqvae

#endif  // RQVAE_BEAM_SEARCH_H_
