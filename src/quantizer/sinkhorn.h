// Balanced assignment of a batch to codes (Sinkhorn & Knopp 1967; Cuturi 2013; for codebooks Caron et al. 2020 and
// LC-Rec, Zheng et al. 2024). It finds the plan Q that minimises sum Q_ik cost_ik - epsilon entropy(Q) where every item
// has weight 1/n and every code weight 1/K. Each item then takes the code with the largest share of its weight.
//
// Costs are distances scaled to [-1, 1] over the batch, as in LC-Rec, so that epsilon means the same for all data:
// 0.003 nearly balances a batch, while with large values items go to their nearest codes.
#ifndef RQVAE_SINKHORN_H_
#define RQVAE_SINKHORN_H_

#include <vector>

#include "matrix.h"

namespace rqvae {

// Sets codes[i] for each row of `cost` (n x K, any finite values; overwritten). Ties: the lowest code. It works on
// logarithms, so no weight under- or overflows for any epsilon > 0, even with fewer rows than codes.
void AssignBalanced(double epsilon, Index iterations, Matrix& cost, uint32_t* codes);

}  // namespace rqvae

#endif  // RQVAE_SINKHORN_H_
