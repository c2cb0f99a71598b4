// Evaluates the current weights.
#ifndef RQVAE_EVALUATION_H_
#define RQVAE_EVALUATION_H_

#include <utility>
#include <vector>

#include "id_statistics.h"
#include "model.h"
#include "row_source.h"

namespace rqvae {

// The IDs are those that Encode gives to all rows; the rest is about the validation rows.
struct Evaluation {
  IdStatistics ids;
  Index validation_rows = 0;
  double reconstruction = 0;
  double quantize = 0;
  double explained_variance = 0;  // 1 - sum ||y - x~||^2 / sum ||x~ - mean||^2
};

// An evaluation in slices: first the IDs of all rows, then the losses of the validation rows.
class EvaluationPass {
 public:
  void Begin(const Model& model, const RowSource& all);
  // Processes a block. Returns false if there was nothing left to do. Throws ItemOutOfRange with the row's number among
  // all rows.
  bool Advance(const Model& model, const RowSource& all, const RowSource& validation);

  const Evaluation& result() const { return result_; }
  const CodeMatrix& codes() const { return codes_; }  // of all rows, n x L
  // The counted IDs. May be taken once; if not taken, they stay in memory until the next Begin.
  IdCounter TakeIds() { return std::move(ids_); }

 private:
  void EncodeBlock(const Model& model, const RowSource& all);
  void ValidateBlock(const Model& model, const RowSource& validation);

  CodeMatrix codes_;
  IdCounter ids_;
  Evaluation result_;
  Index encoded_ = 0;    // rows
  Index validated_ = 0;  // validation rows
  double error_ = 0;     // sums over the validation rows
  double energy_ = 0;
  std::vector<double> mean_;
};

}  // namespace rqvae

#endif  // RQVAE_EVALUATION_H_
