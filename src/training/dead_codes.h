// Restarts codes that no item chose in an epoch ("dead codes"), like Dhariwal et al. 2020 and Zeghidour et al. 2021:
// each moves to one of the residuals that its level quantised worst in that epoch.
#ifndef RQVAE_DEAD_CODES_H_
#define RQVAE_DEAD_CODES_H_

#include <vector>

#include "archive.h"
#include "model.h"
#include "optimizer.h"

namespace rqvae {

class DeadCodes {
 public:
  // Without `restarts` it only counts, and Restart does nothing.
  DeadCodes(const ModelConfig& config, bool restarts);

  // Records, for a block of the step in progress, which codes were chosen and which rows have the largest errors.
  // row_ids: n.
  void Observe(const ResidualQuantizer::Tape& tape, const uint32_t* row_ids);
  void CommitStep();   // the step was applied, so what was observed since the last step counts
  void DiscardStep();  // it was not applied

  // Number of codes of a level that no item chose since the last Restart or Clear.
  Index dead(Index level) const;
  // Moves every dead code to one of the worst-quantised residuals of its level (largest error first, equal residuals
  // once; ties: the lowest row), resets its moments in the optimiser, and clears. Returns how many codes of each level
  // moved.
  std::vector<Index> Restart(Model& model, Optimizer& optimizer);
  void Clear();

  void Visit(Archive& archive);  // not the step in progress

 private:
  // What is known about a level: the K rows with the largest errors (ties: the lowest row) and, since they are selected
  // only occasionally, up to K others, in no order.
  struct Level {
    std::vector<int64_t> counts;  // K: how many rows chose each code
    std::vector<float> errors;
    std::vector<uint32_t> row_ids;
    std::vector<float> residuals;  // d each
    float least = 0;               // K rows have at least this error, so rows with less are not kept
  };
  void Keep(Level& level, float error, uint32_t row_id, const float* residual) const;
  // Drops all but the K rows with the largest errors and sorts these.
  void Sort(Level& level) const;
  static void Clear(Level& level);

  Index latent_dim_;
  bool restarts_;
  std::vector<Level> levels_;
  std::vector<Level> step_;  // the step in progress
};

}  // namespace rqvae

#endif  // RQVAE_DEAD_CODES_H_
