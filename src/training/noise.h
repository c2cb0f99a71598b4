// Residual noise: each row of a step gets the residual x~ - y of a random row of a pool, with a random sign, times a
// factor, before the encoder. Its directions and sizes are those of the IDs' errors, so that it suits both tight and
// wide clusters.
#ifndef RQVAE_NOISE_H_
#define RQVAE_NOISE_H_

#include <memory>
#include <vector>

#include "archive.h"
#include "model.h"
#include "row_order.h"
#include "row_source.h"

namespace rqvae {

class ResidualNoise {
 public:
  explicit ResidualNoise(double factor) : factor_(static_cast<float>(factor)) {}

  bool enabled() const { return factor_ > 0; }

  // Collects the pool from the training rows, in slices: Begin, then Advance until it returns false. Advance throws
  // ItemOutOfRange with the row's number among the training rows.
  void Begin(Index training_rows, Index dim);
  bool Advance(const Model& model, const RowSource& training);
  bool ready() const { return pool_.rows() > 0; }

  // x (n x D, scaled) += the noise of these rows in a step, which does not depend on a row's block.
  void Add(uint64_t seed, uint64_t step, const uint32_t* row_ids, MatrixRef x) const;

  void Visit(Archive& archive, Index dim);  // the pool

 private:
  float factor_;
  Matrix pool_;  // P x D
  // The collection in progress.
  std::unique_ptr<RowSampler> sampler_;
  std::vector<uint32_t> sample_;  // rows of the pool
  Index next_ = 0;
};

}  // namespace rqvae

#endif  // RQVAE_NOISE_H_
