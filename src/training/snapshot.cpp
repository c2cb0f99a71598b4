#include "snapshot.h"

namespace rqvae {

void BestEpochs::Consider(Selection selection, Index epoch, double loss, const Evaluation& evaluation,
                          const Vector& values) {
  const Index distinct = evaluation.ids.distinct_ids;
  const bool less_loss = !by_loss || loss < by_loss->loss;
  const bool less_collision = !by_collision || distinct > by_collision->evaluation.ids.distinct_ids ||
                              (distinct == by_collision->evaluation.ids.distinct_ids && loss < by_collision->loss);
  for (auto* best : {less_loss ? &by_loss : nullptr, less_collision ? &by_collision : nullptr}) {
    if (best != nullptr) *best = Snapshot{epoch, loss, evaluation, values};
  }
  const bool better = selection == Selection::kCollision ? less_collision : less_loss;
  without_better = better ? 0 : without_better + 1;
}

const Snapshot* BestEpochs::Selected(Selection selection) const {
  switch (selection) {
    case Selection::kLast:
      break;
    case Selection::kLoss:
      return by_loss ? &*by_loss : nullptr;
    case Selection::kCollision:
      return by_collision ? &*by_collision : nullptr;
  }
  return nullptr;
}

}  // namespace rqvae
