// Balanced assignment of a batch to codes (Sinkhorn & Knopp 1967; Cuturi 2013; for codebooks Caron et al. 2020 and
// LC-Rec, Zheng et al. 2024): the plan Q that minimises sum Q_ik cost_ik - epsilon entropy(Q) subject to every item
// having weight 1/n and every code weight 1/K; each item takes the code with the most of its weight.
//
// Costs are distances scaled to [-1, 1] over the batch, as in LC-Rec, so that epsilon has one meaning everywhere: with
// .003 a batch is nearly balanced, with large values items go where they like.
#ifndef RQVAE_SINKHORN_H_
#define RQVAE_SINKHORN_H_

#include <vector>

#include "matrix.h"

namespace rqvae {

// codes[i] for each row of `cost` (n x K, any finite values; overwritten). Works on logarithms: no weight under- or
// overflows, whatever epsilon > 0, also with fewer rows than codes. Ties: the lowest code.
void AssignBalanced(double epsilon, Index iterations, Matrix& cost, uint32_t* codes);

}  // namespace rqvae

#endif  // RQVAE_SINKHORN_H_
