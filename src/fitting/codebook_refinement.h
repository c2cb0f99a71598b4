// Codebooks that are fitted together with the beam search that will use them. Residual k-means fits them greedily,
// level by level, so that each codebook is best for the nearest codes of the previous levels; but the search then
// chooses other codes.
//
// If few items share a code (CandidateCounts), each level is fitted to what several of the best prefixes of every ID
// leave over (CandidateResiduals; Liu et al. 2015, faiss's ResidualQuantizer): more rows per code, and those that the
// search will see. If many do, the codebooks are re-estimated with the codes that the search finds (CodebookRefinement;
// Babenko & Lempitsky 2014, Martinez et al. 2016).
#ifndef RQVAE_CODEBOOK_REFINEMENT_H_
#define RQVAE_CODEBOOK_REFINEMENT_H_

#include <vector>

#include "archive.h"
#include "config.h"
#include "group_sums.h"
#include "job.h"
#include "matrix.h"
#include "model.h"
#include "searchable_codebook.h"

namespace rqvae {

// How many of the best prefixes of each row's ID every level is fitted to, for a sample of `rows` rows: enough for
// about seventy rows per code, but no more than the search keeps.
std::vector<Index> CandidateCounts(const ModelConfig& config, Index rows);

// What the best prefixes of each row's ID leave of its latent. Each row contributes the `count` best prefixes of the
// first `levels` codes, or all if there are fewer; in all at most `most` rows, but at least one of each. The best of
// all rows come first, in the order of the rows, then the second best, and so on; if not all fit, those of the last
// rank are taken from evenly spread rows.
class CandidateResiduals : public Job {
 public:
  // The model's codebooks are copied, the latents (n x d) and `residuals` must outlive the job.
  CandidateResiduals(const Model& model, const Matrix* latents, Index levels, Index count, Index most,
                     Matrix* residuals);
  // The number of these rows.
  static Index Rows(const std::vector<Index>& codebook_sizes, Index rows, Index levels, Index count, Index most);

  bool Advance() override;

 private:
  Index PlaceOf(Index row, Index rank) const;

  const Matrix* latents_;
  Index levels_;
  Index count_;
  Matrix* residuals_;
  std::vector<Matrix> codebooks_;
  std::vector<SearchableCodebook> searchable_;
  float first_code_weight_;
  Index next_row_ = 0;
};

// Moves the codebooks of a model to where they describe the latents z (n x d) best, with the codes that the model's own
// search finds. A pass finds the codes, then goes through the levels twice. With the others held, the level a that
// minimises sum_i sum_l w_l ||z_i - q_i1 - ... - q_il||^2 over its codes c_k, each of which is also held near its
// present position, lambda ||c_k - c_k'||^2, has with W = sum_{l >= a} w_l
//   c_k = (sum_{i of k} t_i + lambda c_k') / (W n_k + lambda),   t_i = sum_{l >= a} w_l (z_i - sum_{m <= l, m != a}
//   q_im)
// w weighs the prefixes of an ID as the search does: the first code by first_code_weight, the whole ID by one.
class CodebookRefinement : public Job {
 public:
  static constexpr Index kPasses = 3;
  static constexpr Index kSweeps = 2;  // through the levels, in a pass

  // Both must outlive the job. The model's codebooks are changed as it goes.
  CodebookRefinement(Model* model, const Matrix* latents);

  bool Advance() override;
  double progress() const;

  // Saves or restores the state. The codebooks are the model's, and are not part of it.
  void Visit(Archive& archive);

 private:
  enum class Phase : uint8_t { kEncode, kSum, kDone };

  void EncodeSlice();
  void SumSlice();
  void AddTarget(const std::vector<const float*>& codebooks, Index row, double* sum);
  void MoveCodes();

  Model* model_;
  const Matrix* latents_;
  std::vector<double> weights_;  // w, one per level
  Phase phase_ = Phase::kEncode;
  Index pass_ = 0;
  Index sweep_ = 0;
  Index level_ = 0;
  Index next_row_ = 0;
  CodeMatrix codes_;          // n x L
  GroupSums sums_;            // of the targets of the level's codes
  std::vector<double> left_;  // d: what the levels so far leave of a row
};

}  // namespace rqvae

#endif  // RQVAE_CODEBOOK_REFINEMENT_H_
