// How much memory a model, its initialisation and its training take, so that what cannot fit is refused before time and
// memory are spent on it. A lower bound: what is counted is certain to be needed at one time. What is not counted is
// still refused where it is allocated, by std::bad_alloc.
#ifndef RQVAE_MEMORY_NEED_H_
#define RQVAE_MEMORY_NEED_H_

#include "config.h"
#include "model.h"
#include "row_source.h"

namespace rqvae {

// Bytes of each part, as double: sums and products of counts, which nothing wraps around.
struct MemoryNeed {
  double model = 0;  // weights, codebooks prepared for the search
  double items = 0;  // the rows that are held
  double optimizer = 0;
  double work = 0;    // initialising, then training with its gradients: the larger of both
  double batch = 0;   // of the steps
  double buffer = 0;  // the largest matrix or vector of all; half of memory at most (checked_size.h)

  double total() const { return model + items + optimizer + work + batch; }
};

// How many rows there are, and how many of them are in memory.
struct RowCounts {
  Index rows = 0;
  Index held = 0;
  static RowCounts Of(const RowSource& source) { return {source.rows(), source.held()}; }
};

// The model may be one that is only declared.
MemoryNeed NeedOf(const Model& model);
MemoryNeed NeedOfInitialization(const Model& model, RowCounts counts);
MemoryNeed NeedOfTraining(const Model& model, RowCounts counts, const TrainConfig& config);
// Of a step with Sinkhorn's balance, which sees the batch at once.
MemoryNeed NeedOfStep(const Model& model, Index batch_size);

// Throws kOutOfMemory, with the numbers and what to do, where memory has not so much.
void RequireMemory(const MemoryNeed& need, double most = sizeof(size_t) > 4 ? 0x1p62 : 0x1p32);

}  // namespace rqvae

#endif  // RQVAE_MEMORY_NEED_H_
