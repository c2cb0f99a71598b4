// Residual quantisation (Zeghidour et al. 2021, Lee et al. 2022): each level picks the nearest code of what the levels
// before it left over.
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

#include "config.h"
#include "parameter_store.h"
#include "random.h"

namespace rqvae {

// A codebook prepared for searching. Distances are compared in a frame centred on the codebook's mean m,
//   argmin_k ||r - c_k||^2 = argmin_k ( ||c_k - m||^2 / 2 - (r - m).(c_k - m) ),
// so that an offset shared by all codes does not cancel away the digits that tell them apart.
struct SearchableCodebook {
  Vector mean;       // d
  Matrix centred;    // K x d
  Vector half_norm;  // K

  void Prepare(const ConstMatrixRef& codebook);
};

// codes[i] = index of the code nearest to row i of r (ties: the lowest).  r: n x d.
// margin (may be null, n): squared distance to the runner-up minus that to the nearest; +infinity with one code.
void FindNearest(const SearchableCodebook& codebook, const ConstMatrixRef& r, uint32_t* codes, float* margin);

class ResidualQuantizer {
 public:
  // What Forward keeps for Backward and for the caller.
  struct Tape {
    CodeMatrix codes;               // n x L
    std::vector<Matrix> residuals;  // L + 1 of n x d: r_1 ... r_L and what is left after the last level
    std::vector<Vector> error;      // L of n: ||r_l - q_l||^2
  };

  // Declares quantization_layers.{l}.embedding.weight (K x d) and, with SimVQ, quantization_layers.{l}.out_proj.weight
  // (d x d).
  ResidualQuantizer(ParameterStore& store, const ModelConfig& config);

  // Codes N(0, 1) as torch.nn.Embedding; out_proj as torch.nn.Linear.
  void Initialize(ParameterStore& store, uint64_t seed) const;

  // Must be called after any change of the codebooks and before Forward: projects them (SimVQ) and prepares the search.
  void Prepare(const ParameterStore& store);

  // Fills the tape.  z: n x d, quantized (n x d) = sum_l q_l.
  void Forward(const ConstMatrixRef& z, Tape& tape, MatrixRef quantized) const;

  // Gradient of  sum over rows of scale * sum_l loss_l  and of the reconstruction, whose gradient with respect to the
  // decoder's input is dquantized (n x d). Adds to the effective codebooks' gradients and writes dz (n x d).
  //   quantization: dz = dquantized + commitment;  dC_l[k_l] += 2 scale (q_l - r_l)
  //   joint:        the same, and dC_l[k_l] += dquantized
  //   hopwise:      the commitment term of level 1 only, as the reference's graph has it
  void Backward(const Tape& tape, const ConstMatrixRef& dquantized, float scale, MatrixRef dz);

  // Turns the gradients of the effective codebooks, gathered since ZeroGradients(), into those of the parameters.
  void FinishBackward(ParameterStore& store);
  void ZeroGradients();

  // codes: n x L -> quantized: n x d, the sum of the codes' vectors in level order.
  void Lookup(const ConstCodeMatrixRef& codes, MatrixRef quantized) const;
  // margins (may be null): n x L.
  void Encode(const ConstMatrixRef& z, CodeMatrixRef codes, MatrixRef* margins) const;

  Index levels() const { return static_cast<Index>(embeddings_.size()); }
  // The effective codebook of a level, K x d: after out_proj with SimVQ.
  const Matrix& codebook(Index level) const { return codebooks_[level]; }
  const SearchableCodebook& searchable(Index level) const { return searchable_[level]; }
  Index embedding(Index level) const { return embeddings_[level]; }  // handle

 private:
  CodebookGradient gradient_;
  Compat compat_;
  float commitment_weight_;
  std::vector<Index> embeddings_;   // handles
  std::vector<Index> projections_;  // handles, -1 without SimVQ
  std::vector<Matrix> codebooks_;
  std::vector<SearchableCodebook> searchable_;
  std::vector<Matrix> codebook_gradients_;
};

}  // namespace rqvae

#endif  // RQVAE_RESIDUAL_QUANTIZER_H_
