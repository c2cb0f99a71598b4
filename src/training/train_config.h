// How a model is trained: plain values, one line per parameter.
#ifndef RQVAE_TRAIN_CONFIG_H_
#define RQVAE_TRAIN_CONFIG_H_

#include "matrix.h"
#include "optimizer.h"
#include "schedule.h"

namespace rqvae {

// Which weights a finished training leaves in the model.
enum class Selection {
  kLast,
  kLoss,       // lowest reconstruction loss of the validation rows (without such rows: lowest training loss)
  kCollision,  // most distinct IDs over all rows; ties: the lower loss
};

struct TrainConfig {
  OptimizerConfig optimizer;
  Index epochs = 100;
  Index batch_size = 1024;
  Schedule schedule = Schedule::kConstant;  // of the learning rate, per step, down to zero
  double warmup = 0.0;                      // share of all steps in which the rate rises linearly from zero
  Index evaluate_every = 1;       // epochs between whole-catalogue evaluations; the last epoch is always evaluated
  double validation_share = 0.0;  // share of the rows that is kept out of training and initialisation
  double validation_until = 1.0;  // share of the epochs for which they are. Then they train too, see TrainJob
  Selection select = Selection::kLast;
  Index patience = 0;              // stop after this many evaluations without a better one; 0: never
  bool dead_code_restart = false;  // see dead_codes.h
  double residual_noise = 0.0;     // factor of the residual noise; 0: none. See noise.h
  double separation_weight = 0.0;  // see separation.h; 0: off
  double separation_margin = 0.05;
  double stability = 0.0;      // of the IDs that known items hold, see held_ids.h
  Index new_item_repeats = 1;  // how often an epoch has the rows that hold no ID, where others hold theirs
};

}  // namespace rqvae

#endif  // RQVAE_TRAIN_CONFIG_H_
