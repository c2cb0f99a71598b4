// Beam search over the quantisation levels: the code of least total error among the partial IDs kept, instead of the
// nearest code at each level (as in additive quantisation; faiss's ResidualQuantizer does the same). A farther code at
// one level may leave a residual that the next levels describe better.
#ifndef RQVAE_BEAM_SEARCH_H_
#define RQVAE_BEAM_SEARCH_H_

#include <vector>

#include "matrix.h"
#include "residual_quantizer.h"

namespace rqvae {

// The IDs of the rows of z (n x d): at each level the `width` partial IDs with the least ||r||^2 are kept (ties: the
// earlier one, then the lower code). `keep` IDs of each row, the best first, are written to codes (n keep x L) and,
// unless null, their ||z - z^||^2 to errors (n keep). Where there are fewer, the last one repeats with an infinite
// error. 1 <= keep <= width; width 1 is the greedy search. A row's result does not depend on the others.
void BeamSearch(const std::vector<Matrix>& codebooks, const std::vector<SearchableCodebook>& searchable,
                const ConstMatrixRef& z, Index width, Index keep, CodeMatrixRef codes, float* errors);

}  // namespace rqvae

#endif  // RQVAE_BEAM_SEARCH_H_
