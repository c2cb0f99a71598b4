// Items that have no nearest code.
#ifndef RQVAE_ITEM_RANGE_H_
#define RQVAE_ITEM_RANGE_H_

#include "error.h"
#include "matrix.h"

namespace rqvae {

// An item whose latent vector is not finite, or so long that distances to the codes would not be: float32 ends at
// 3.4e38, and they are squared.
class ItemOutOfRange : public Error {
 public:
  explicit ItemOutOfRange(Index row);
  Index row() const { return row_; }  // the first such row of the items that were given

  // The first row of the latents (n x d) that is out of range; n if none is.
  static Index FirstOf(const ConstMatrixRef& latents);
  // Throws for that row; `first` is the number of the latents' first one.
  static void Check(const ConstMatrixRef& latents, Index first = 0);

 private:
  Index row_;
};

}  // namespace rqvae

#endif  // RQVAE_ITEM_RANGE_H_
