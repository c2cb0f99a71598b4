// Restarting codes that no item chose in an epoch ("dead codes"; as Dhariwal et al. 2020 and Zeghidour et al. 2021 do):
// each takes the place of one of the residuals that its level quantised worst in that epoch.
#ifndef RQVAE_DEAD_CODES_H_
#define RQVAE_DEAD_CODES_H_

#include <vector>

#include "archive.h"
#include "model.h"
#include "optimizer.h"

namespace rqvae {

class DeadCodes {
 public:
  // Without `restarts` only counts: Restart finds nothing to restart with.
  DeadCodes(const ModelConfig& config, bool restarts);

  // Looks at a block of the step in progress: who chose what, and the rows with the largest errors. `rows` names them.
  void Observe(const ResidualQuantizer::Tape& tape, const uint32_t* rows);
  void CommitStep();   // the step was applied: what was observed since the last commit counts
  void DiscardStep();  // it was not

  // Number of codes of a level that nobody chose since the last Restart or Clear.
  Index dead(Index level) const;
  // Moves every dead code to one of the worst-quantised residuals of its level (largest error first, equal residuals
  // once; ties: the lowest row) and forgets the optimiser's moments of it. Returns how many moved, per level. Then
  // clears.
  std::vector<Index> Restart(Model& model, Optimizer& optimizer);
  void Clear();

  void Visit(Archive& archive);  // committed state only

 private:
  // The rows with the largest errors of a level: its K first by falling error (ties: the lowest row) are among them.
  struct Level {
    std::vector<int64_t> counts;  // K
    std::vector<float> errors;    // at most 2 K, in no order
    std::vector<uint32_t> rows;
    std::vector<float> residuals;  // d each
    float least = 0;               // K others have an error that is not below this
  };
  void Keep(Level& level, float error, uint32_t row, const float* residual) const;
  // Leaves the K first, in their order.
  void Sort(Level& level) const;
  static void Clear(Level& level);

  Index latent_dim_;
  bool restarts_;
  std::vector<Level> levels_;
  std::vector<Level> step_;  // of the step in progress
};

}  // namespace rqvae

#endif  // RQVAE_DEAD_CODES_H_
