// Residual quantisation (Zeghidour et al. 2021, Lee et al. 2022): each level picks the code nearest to what the
// previous levels left over.
//
//   r_1 = z;   k_l = argmin_k ||r_l - C_l[k]||^2  (ties: the lowest k);   q_l = C_l[k_l];   r_{l+1} = r_l - sg(q_l)
//   z^  = sum_l q_l, summed in level order
//   loss_l = ||sg(r_l) - q_l||^2 + beta ||r_l - sg(q_l)||^2, per item
//
// The codes are subtracted detached and the straight-through estimator is applied once, to the sum: each level's
// commitment term then reaches the encoder with weight one. (Subtracting a straight-through output instead makes the
// commitment gradient of all levels but the first exactly zero; summing straight-through outputs of every level
// multiplies the decoder's gradient by the number of levels.)
#ifndef RQVAE_RESIDUAL_QUANTIZER_H_
#define RQVAE_RESIDUAL_QUANTIZER_H_

#include <vector>

#include "beam_search.h"
#include "parameter_store.h"
#include "searchable_codebook.h"

namespace rqvae {

// Which loss reaches the codebooks. The encoder always gets the reconstruction's gradient straight through.
enum class CodebookGradient {
  kQuantization,  // only ||sg(r) - q||^2: the classical straight-through estimator (van den Oord et al. 2017)
  kJoint,         // the reconstruction too: the decoder's input is sum(q) + z - sg(z)
};

// How the codebooks move.
enum class CodebookUpdate {
  kGradient,  // by the optimiser
  kEma,       // to exponential moving averages of the residuals assigned to each code (van den Oord et al. 2017, A.1)
};

// How the gradient of z^ becomes the gradient of z.
enum class GradientEstimator {
  kStraightThrough,  // dz = dz^ (Bengio et al. 2013)
  kRotation,         // through the rotation and scaling that take z to z^ (Fifty et al. 2024)
};

struct QuantizerOptions {
  Index latent_dim;
  std::vector<Index> codebook_sizes;  // one per level
  CodebookGradient gradient;
  CodebookUpdate update;
  GradientEstimator estimator;
  bool hopwise;      // the functions of the Hopwise tutorial's program
  bool sim_vq;       // codebook = embedding W^T with a learned square W (SimVQ, Zhu et al. 2024)
  bool kmeans_init;  // k-means will set the codes
  float commitment_weight;
  float codebook_weight;
  float ema_decay;
  std::vector<double> sinkhorn_epsilon;  // per level; 0, or an empty vector: the nearest code
  Index sinkhorn_iterations;
  Index encode_beam;
  float first_code_weight;
};

class ResidualQuantizer {
 public:
  // What Forward keeps for Backward, AddGradients and the caller.
  struct Tape {
    CodeMatrix codes;               // n x L
    std::vector<Matrix> residuals;  // L + 1 of n x d: r_1 ... r_L and what is left after the last level
    std::vector<Vector> error;      // L of n: ||r_l - q_l||^2
  };

  // What a step collects for the effective codebooks.
  struct Gradients {
    std::vector<Matrix> codebooks;  // L of K x d; with EMA the sums s of the residuals
    std::vector<Vector> counts;     // with EMA: L of K, the numbers n of them
  };

  // Declares quantization_layers.{l}.embedding.weight (K x d) and, with SimVQ, quantization_layers.{l}.out_proj.weight
  // (d x d); with EMA also .cluster_size (K) and .embed_avg (K x d), which are internal to training. Outside compat the
  // embedding of SimVQ is fixed and only the projection learns (Zhu et al. 2024).
  ResidualQuantizer(ParameterStore& store, QuantizerOptions options);

  // Makes room for what is kept besides the parameters.
  void Allocate();
  // How many floats that takes, and how many the gradients take.
  Index size() const;
  Index gradients_size() const;

  // Codes N(0, 1) as torch.nn.Embedding; out_proj as torch.nn.Linear, or the identity where k-means will set the codes.
  void Initialize(ParameterStore& store, uint64_t seed) const;

  // Must be called after any change of the codebooks and before Forward: projects them (SimVQ) and prepares the search.
  void Prepare(const ParameterStore& store);

  // As in Mlp, the functions with `rows` process these rows of whole matrices, in several threads if needed, after
  // Resize made room.
  void Resize(Index n, Tape& tape) const;

  // Fills the tape.  z: n x d, quantized (n x d) = sum_l q_l.  The codes are those of Encode, or `codes` (n x L) if
  // given: training assigns as encoding does, so that the codebooks fit the search that will use them.
  void Forward(const ConstMatrixRef& z, const CodeMatrix* codes, Range rows, Tape& tape, MatrixRef quantized) const;

  // Gradient of  sum over rows of scale * sum_l loss_l  and of the reconstruction, whose gradient with respect to the
  // decoder's input is dquantized (n x d). Backward writes dz (n x d); AddGradients adds to the effective codebooks'
  // gradients, after ZeroGradients: part `part` of `parts` of the codes.  tape, quantized: as Forward left them.
  //   quantization: dz = J^T dquantized + commitment;  dC_l[k_l] += 2 scale w_c (q_l - r_l), w_c the codebook weight
  //   joint:        the same, and dC_l[k_l] += dquantized
  //   hopwise:      the commitment term of level 1 only, as the reference's graph has it
  // J is the identity (straight through), or with the rotation estimator the linear map that takes z to z^:
  //   J = lambda (I - 2 s s^T + 2 u e^T),  e = z/||z||, u = z^/||z^||, s = (e + u)/||e + u||, lambda = ||z^||/||z||,
  // taken as constant (Fifty et al. 2024, eq. 4). The identity where it is not defined.
  void Backward(const Tape& tape, const ConstMatrixRef& quantized, const ConstMatrixRef& dquantized, float scale,
                Range rows, MatrixRef dz) const;
  void AddGradients(const Tape& tape, const ConstMatrixRef& dquantized, float scale, Index part, Index parts,
                    Gradients& gradients) const;
  // Makes room if there is none yet.
  void ZeroGradients(Gradients& gradients) const;
  // Adds the gradients of the parameters, which follow from those of the effective codebooks, to a buffer of the
  // store's layout.
  void FinishBackward(const ParameterStore& store, const Gradients& gradients, Vector& of_parameters) const;

  // With CodebookUpdate::kEma: moves the codebooks by what AddGradients collected, n_k items with residuals that sum to
  // s_k (van den Oord et al. 2017, A.1; Laplace smoothing as in Razavi et al. 2019):
  //   N_k = g N_k + (1 - g) n_k,  m_k = g m_k + (1 - g) s_k,  c_k = m_k / ((N_k + e) / (N + K e) N)
  // with g = ema_decay, e = 1e-5, N = sum_k N_k. At first N_k = 1 and m_k = c_k. Otherwise does nothing.
  void UpdateAverages(ParameterStore& store, const Gradients& gradients) const;

  // codes: n x L -> quantized: n x d, the sum of the codes' vectors in level order.
  void Lookup(const ConstCodeMatrixRef& codes, MatrixRef quantized) const;
  // The codes of an item's ID, by beam search if encode_beam is above one; see BeamSearch for first_code_weight.
  // margins (may be null): n x L, the squared distance of the level's residual to the nearest other code minus that to
  // the chosen one: negative where the beam took a farther code.
  void Encode(const ConstMatrixRef& z, CodeMatrixRef codes, MatrixRef* margins) const;
  // The `count` best IDs that a beam of at least that width finds, see BeamSearch, ranked as Encode ranks them: without
  // first_code_weight where Encode is greedy.  codes: n count x L, errors: n count, ||z - z^||^2 of each.
  void Candidates(const ConstMatrixRef& z, Index count, CodeMatrixRef codes, float* errors) const;
  // The codes of a whole batch in training: balanced at the levels with a sinkhorn_epsilon.
  void AssignBatch(const ConstMatrixRef& z, CodeMatrixRef codes) const;

  // Sets a codebook to the given centres (K x d), or one code to a vector (d), and the state that belongs to it.
  void SetCodebook(ParameterStore& store, Index level, const ConstMatrixRef& centers) const;
  void SetCode(ParameterStore& store, Index level, Index code, const ConstVectorRef& vector) const;

  Index levels() const { return static_cast<Index>(embeddings_.size()); }
  // The effective codebook of a level, K x d: after out_proj with SimVQ.
  const Matrix& codebook(Index level) const { return codebooks_[level]; }
  const SearchableCodebook& searchable(Index level) const { return searchable_[level]; }
  Index embedding(Index level) const { return embeddings_[level]; }  // handle

 private:
  bool ema() const { return options_.update == CodebookUpdate::kEma; }
  void Search(const ConstMatrixRef& z, Index width, Index keep, CodeMatrixRef codes, float* errors) const;
  void EncodeGreedily(const ConstMatrixRef& z, CodeMatrixRef codes, MatrixRef* margins) const;
  void MeasureMargins(const ConstMatrixRef& z, const ConstCodeMatrixRef& codes, MatrixRef margins) const;
  void SubtractCodes(Index level, const ConstCodeMatrixRef& codes, Matrix& r) const;
  Matrix Distances(Index level, const Matrix& r) const;
  static void RotateGradient(const ConstMatrixRef& z, const ConstMatrixRef& quantized, MatrixRef dz);

  QuantizerOptions options_;
  std::vector<Index> embeddings_;      // handles
  std::vector<Index> projections_;     // handles, -1 without SimVQ
  std::vector<Index> average_counts_;  // handles of N (K x 1); none without EMA
  std::vector<Index> average_sums_;    // handles of m (K x d)
  std::vector<Matrix> codebooks_;
  std::vector<SearchableCodebook> searchable_;
  CodeProducts products_;
};

}  // namespace rqvae

#endif  // RQVAE_RESIDUAL_QUANTIZER_H_
