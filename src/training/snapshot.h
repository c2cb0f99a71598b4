// Keeps the weights of the best epochs.
#ifndef RQVAE_SNAPSHOT_H_
#define RQVAE_SNAPSHOT_H_

#include <optional>

#include "evaluation.h"
#include "train_config.h"

namespace rqvae {

struct Snapshot {
  Index epoch = -1;  // -1: before the first epoch
  double loss = 0;   // what Selection::kLoss compares
  Evaluation evaluation;
  Vector values;
};

struct BestEpochs {
  std::optional<Snapshot> by_loss;
  std::optional<Snapshot> by_collision;
  Index without_better = 0;  // evaluations since the last better one, by the measure of the selection

  // Keeps the weights if they are the best so far by either measure.
  void Consider(Selection selection, Index epoch, double loss, const Evaluation& evaluation, const Vector& values);
  // Null for Selection::kLast, and if nothing was considered.
  const Snapshot* Selected(Selection selection) const;
};

}  // namespace rqvae

#endif  // RQVAE_SNAPSHOT_H_
