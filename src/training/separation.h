// Separates colliding items in training: pulls items that differ but share an ID towards a free ID nearby.
//
// After an evaluation of the whole catalogue, in every group of training rows that share an ID, all but one get a
// target: the ID that they have ("taken") and the best free one among the candidates of a beam search ("alternative").
// The row whose alternative is worst stays. While its target is valid, a row's loss has one more hinge,
//
//   w [ ||z - z^_alternative||^2 - ||z - z^_taken||^2 + m e ]_+ ,
//
// with the codebooks held fixed, so that only the encoder moves: by 2 w (z^_taken - z^_alternative) while the hinge is
// active. e is the mean quantisation error, the scale of distances. A target is valid until an evaluation finds the row
// neither at its alternative nor in need of another.
//
// Why a separate loss: colliding items are near neighbours, less than a code's cell apart, and a mean over all items
// hardly depends on what tells them apart.
#ifndef RQVAE_SEPARATION_H_
#define RQVAE_SEPARATION_H_

#include <memory>
#include <vector>

#include "archive.h"
#include "held_ids.h"
#include "id_statistics.h"
#include "model.h"
#include "residual_quantizer.h"
#include "row_source.h"

namespace rqvae {

class Separation {
 public:
  // rows: number of training rows.
  Separation(const ModelConfig& config, double weight, double margin, Index rows);
  ~Separation();

  bool enabled() const { return weight_ > 0; }

  // Finds new targets in slices: call Begin, then Advance until it returns false. The new targets then replace the old.
  //   ids: all rows of the catalogue, counted; codes: their codes (n x L); training: which of them train;
  //   error: e above; held: rows that hold an ID stay, and no other row gets one of these IDs. codes, training and held
  //   must outlive the search.
  void Begin(IdCounter ids, const CodeMatrix& codes, const std::vector<uint32_t>& training, double error,
             const HeldIds& held);
  bool Advance(const Model& model, const RowSource& training);

  // More rows train from now on, `rows` in all: the previous row i is now row_ids[i]. Targets stay with their rows.
  void Join(const std::vector<uint32_t>& row_ids, Index rows);

  Index targets() const { return targets_.taken.rows(); }
  // Adds the gradient of scale * sum of hinges over these rows of the block to dz (n x d) and writes each row's hinge,
  // not scaled.  row_ids: n, rows of the training source; z: n x d; hinges: n.
  void AddGradient(const ResidualQuantizer& quantizer, const uint32_t* row_ids, const ConstMatrixRef& z, float scale,
                   Range rows, MatrixRef dz, double* hinges) const;

  void Visit(Archive& archive, Index rows);  // the targets, not a search in progress. rows: that train

 private:
  struct Targets {
    float error = 0;
    std::vector<int32_t> of_row;  // for each training row its position in the two below, or -1
    CodeMatrix taken;
    CodeMatrix alternative;
  };
  class Search;

  Index levels_;
  std::vector<Index> codebook_sizes_;
  float weight_;
  float margin_;
  Targets targets_;
  std::unique_ptr<Search> search_;  // in progress
};

}  // namespace rqvae

#endif  // RQVAE_SEPARATION_H_
