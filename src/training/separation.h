// Separating colliding items in training: items that are not alike but share an ID are pulled towards a free ID nearby.
//
// After an evaluation of the whole catalogue, in every group of training rows that share an ID all but one get a
// target: the ID they have ("taken") and the best free one among the candidates of a beam search ("alternative"). The
// one whose alternative is worst stays. While the target stands, the row's loss has a hinge more,
//
//   w [ ||z - z^_alternative||^2 - ||z - z^_taken||^2 + m e ]_+ ,
//
// with the codebooks held fixed, so that only the encoder moves: 2 w (z^_taken - z^_alternative) while the hinge is
// active. e is the mean quantisation error, the scale of distances. A target stands until an evaluation finds the row
// neither at its alternative nor in need of another. Colliding items are near neighbours: what tells them apart is less
// than a code's cell, and no loss that is a mean over all items sees it.
#ifndef RQVAE_SEPARATION_H_
#define RQVAE_SEPARATION_H_

#include <memory>
#include <vector>

#include "archive.h"
#include "id_statistics.h"
#include "id_table.h"
#include "model.h"
#include "residual_quantizer.h"
#include "row_source.h"

namespace rqvae {

class Separation {
 public:
  // rows: number of training rows.
  Separation(const ModelConfig& config, double weight, double margin, Index rows);

  bool enabled() const { return weight_ > 0; }

  // New targets, in slices: Begin with the IDs of all rows of the catalogue, counted, and their codes (n x L) and which
  // of them are training rows, both of which must outlive the search; then Advance until it returns false, when the new
  // targets take the place of the old. error: e above.
  void Begin(IdCounter ids, const CodeMatrix& codes, const std::vector<uint32_t>& training, double error);
  bool Advance(const Model& model, const RowSource& training);

  Index targets() const { return targets_.taken.rows(); }
  // Adds the gradient of scale * sum of hinges over these rows of the block to dz (n x d) and writes each row's hinge,
  // not scaled.  names: n, rows of the training source; z: n x d; hinges: n.
  void AddGradient(const ResidualQuantizer& quantizer, const uint32_t* names, const ConstMatrixRef& z, float scale,
                   Range rows, MatrixRef dz, double* hinges) const;

  void Visit(Archive& archive);  // targets, not a search in progress

 private:
  // A training row that shares its ID.
  struct Member {
    uint32_t row;
    uint32_t group;
    float own_error = 0;               // ||z - z^||^2 with the ID it has
    std::vector<uint32_t> candidates;  // other IDs, L codes each, the best first
    std::vector<float> errors;
  };

  struct Targets {
    float error = 0;
    std::vector<int32_t> of_row;  // per training row: its place in the two below, or -1
    CodeMatrix taken;
    CodeMatrix alternative;
  };

  enum class Phase { kMembers, kGroups, kCandidates, kClasses, kAssign, kDone };

  void Reset();
  void Give(uint32_t row, const uint32_t* taken, const uint32_t* alternative);
  // The ID that a member has.
  CodeMatrix::ConstRowXpr CodesOf(const Member& member) const {
    return search_->codes->row(static_cast<Index>((*search_->training)[member.row]));
  }
  void FindMembers();
  void GroupMembers();
  void FindCandidates(const Model& model, const RowSource& training);
  size_t FindClasses();    // of one group; returns how many members it has
  size_t AssignClasses();  // of that group, a slice; returns how many members it saw
  bool Alike(const Member& a, const Member& b) const;
  float Gap(uint32_t of_class) const;

  Index levels_;
  float weight_;
  float margin_;
  Targets targets_;

  // The search in progress.
  struct Search {
    explicit Search(Index levels) : used(levels) {}
    Phase phase = Phase::kMembers;
    size_t next = 0;  // row, member or class that the phase comes to next
    IdCounter ids;
    const CodeMatrix* codes = nullptr;
    const std::vector<uint32_t>* training = nullptr;
    size_t next_training = 0;
    IdTable used;                 // every ID of the catalogue, and the alternatives given
    std::vector<bool> has_guest;  // per ID: a row that does not train has it
    std::vector<Member> members;  // by row
    std::vector<uint32_t> member_names;
    std::vector<uint32_t> begin;     // per ID: where its members begin in by_group; one more
    std::vector<uint32_t> by_group;  // members by group, then by row
    uint32_t group = 0;              // whose classes are found or assigned
    std::vector<uint32_t> sorted;    // the group's members, those of a class together
    std::vector<uint32_t> classes;   // where each class begins in it; one more
    std::vector<uint32_t> order;     // of the classes that move, by their gaps
    // The targets, from those that stand on.
    Targets found;
    std::vector<uint32_t> rows, taken, alternative;
  };
  std::unique_ptr<Search> search_;
};

}  // namespace rqvae

#endif  // RQVAE_SEPARATION_H_
