// Known items hold the IDs that they have: a model that is trained further then changes an ID only where that is worth
// it.
//
// With the stability s, an item that holds the ID h is quantised by it in a step, in place of the ID k that the search
// finds, as long as
//
//   (1 - s) J(h) <= J(k),   J(k) = ||z - z^_k||^2 + w ||z - C_1[k_1]||^2 ,
//
// where w is the first code's weight in the search (beam_search.h): with s = 0 only if it is as good, with s = 1
// always. All losses are then those of h, so that the codes' vectors follow the items that hold them, and the items
// stay near their codes. Where the search finds another ID though, the item's loss has one more hinge, with the
// codebooks held fixed as in separation.h, so that it finds h in the end:
//
//   30 s [ J(h) - J(k) ]_+
#ifndef RQVAE_HELD_IDS_H_
#define RQVAE_HELD_IDS_H_

#include <vector>

#include "archive.h"
#include "residual_quantizer.h"

namespace rqvae {

class HeldIds {
 public:
  // In place of an item's first code, if it holds no ID.
  static constexpr uint32_t kNone = 0xffffffff;

  HeldIds(double stability, double first_code_weight, std::vector<Index> codebook_sizes);

  // codes: n x L, of all rows of the catalogue. Throws kInvalidInput for a code that there is none of.
  void Hold(CodeMatrix codes);
  bool any() const { return codes_.rows() > 0; }
  bool HasOne(Index row) const { return any() && codes_(row, 0) != kNone; }
  // L codes.
  const uint32_t* of(Index row) const { return &codes_(row, 0); }

  // The IDs that a step uses for these rows of a block.  z: n x d; found: n x L, what the search finds; row_ids: n,
  // positions in `training`, the rows of the catalogue that train; codes: n x L.
  void Choose(const ResidualQuantizer& quantizer, const std::vector<uint32_t>& training, const uint32_t* row_ids,
              const ConstMatrixRef& z, const CodeMatrix& found, Range rows, CodeMatrix& codes) const;
  // Adds the gradient of scale * sum of hinges over these rows to dz (n x d), and each row's hinge, not scaled, to
  // hinges.
  void AddGradient(const ResidualQuantizer& quantizer, const ConstMatrixRef& z, const CodeMatrix& found,
                   const CodeMatrix& codes, float scale, Range rows, MatrixRef dz, double* hinges) const;

  void Visit(Archive& archive, Index rows);  // of the catalogue

 private:
  bool Exist(const CodeMatrix& codes) const;

  float stability_;
  float first_code_weight_;
  std::vector<Index> codebook_sizes_;
  CodeMatrix codes_;
};

}  // namespace rqvae

#endif  // RQVAE_HELD_IDS_H_
