// The training rows of an epoch, block by block in their shuffled order. Some rows may come more often than the others.
#ifndef RQVAE_EPOCH_ROWS_H_
#define RQVAE_EPOCH_ROWS_H_

#include <vector>

#include "matrix.h"
#include "row_order.h"
#include "row_source.h"

namespace rqvae {

class EpochRows {
 public:
  void Start(uint64_t seed, uint64_t epoch, Index rows);
  // These rows come about `times` as often as in one epoch of all: at even distances in the shuffled order, at most at
  // every second place, they take the places of others in turn. Call it before HasOrder; an epoch has as many steps as
  // before. It holds for later epochs too.
  void Favour(std::vector<uint32_t> rows, Index times);

  // Whether the order reaches that far, and a window further; if not, works on it for one slice.
  bool HasOrder(Index end);
  // The rows at positions first, first + 1, ...; HasOrder(first + count) must have been true. Only one window of the
  // shuffle need be in memory at a time: if Read throws RowsMissing, what it read of one window is kept while the next
  // is fetched, and the same call continues. The block is valid until the next call.
  const Matrix& Read(const RowSource& training, Index first, Index count);
  // Their numbers among the training rows.
  const uint32_t* row_ids(Index first) const { return order_.order().data() + first; }

 private:
  EpochShuffle order_;
  Index epoch_ = 0, rows_ = 0;
  std::vector<uint32_t> favoured_;
  Index distance_ = 0;   // of their places
  Index announced_ = 0;  // end of the window that was announced to the source
  Matrix block_;
  Index read_ = 0;  // rows of the block that were already read
};

}  // namespace rqvae

#endif  // RQVAE_EPOCH_ROWS_H_
