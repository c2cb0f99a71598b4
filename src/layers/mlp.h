// A multilayer perceptron: Linear [+ LayerNorm] + activation per hidden width, then a Linear without activation; with a
// skip, a linear path is added (out = skip(x) + mlp(x)); without a hidden layer there is only the linear path. The
// encoder and the decoder are each one of these.
#ifndef RQVAE_MLP_H_
#define RQVAE_MLP_H_

#include <string>
#include <vector>

#include "activation.h"
#include "gemm.h"
#include "layer_norm.h"
#include "parameter_store.h"
#include "random.h"

namespace rqvae {

class Mlp {
 public:
  // What Forward keeps for Backward, and that for AddGradients.
  struct Tape {
    std::vector<LayerNormTape> norms;   // with layer norm: of each hidden layer
    std::vector<Matrix> post;           // activation of each hidden layer, n x width
    std::vector<Matrix> slope;          // for Backward: its derivative, n x width
    std::vector<Matrix> gradient;       // of each hidden layer's Linear, n x width
    std::vector<Matrix> norm_gradient;  // with layer norm: of its output, n x width
    Matrix skip_out;                    // of the skip next to an MLP, n x out
    Matrix skip_dx;                     // and the gradient of its input, n x in
  };

  // Declares the parameters PREFIX.network.{i}.{weight,bias}, numbered as the modules of a torch.nn.Sequential (0, 2,
  // 4 and so on; with layer norm Linear 0, 3, 6, LayerNorm 1, 4), and with a skip PREFIX.skip.{weight,bias}.
  // dims: input width, hidden widths, output width.
  Mlp(ParameterStore& store, const std::string& prefix, std::vector<Index> dims, Activation activation, bool layer_norm,
      bool skip, ParameterGroup group);

  // Weights and biases U(-1/sqrt(fan_in), 1/sqrt(fan_in)) as torch.nn.Linear; with a skip the last Linear of the MLP is
  // zero and the skip path too, until it is given its directions. Layer norm: gain 1, bias 0.
  void Initialize(ParameterStore& store, Random& random) const;

  // Packs the weights: must be called after any change of them and before Forward.
  void Prepare(const ParameterStore& store);
  // How many floats that takes.
  Index size() const;

  // Several threads may share the rows: the functions with `rows` process these rows of whole matrices, after Resize
  // made room in the tape.
  void Resize(Index n, bool backward, Tape& tape) const;

  // out = [skip(x) +] mlp(x).  x: n x in, out: n x out.
  void Forward(const ParameterStore& store, const ConstMatrixRef& x, Tape& tape, MatrixRef out) const;
  void Forward(const ParameterStore& store, const ConstMatrixRef& x, Range rows, Tape& tape, MatrixRef out) const;

  // The gradients of every layer's output, and of the input: dx (n x in) unless null.  x and tape as in Forward, dout:
  // n x out.
  void Backward(const ParameterStore& store, const ConstMatrixRef& dout, Range rows, Tape& tape, MatrixRef* dx) const;
  // Adds the gradients of the parameters, sums over the rows, to `gradients` (of the store's layout): part `part` of
  // `parts` of them.  x, dout, tape: as in Backward.
  void AddGradients(const ParameterStore& store, const ConstMatrixRef& x, const ConstMatrixRef& dout, const Tape& tape,
                    Index part, Index parts, Vector& gradients) const;

  Index skip_weight() const { return skip_weight_; }  // handles, -1 without a skip
  Index skip_bias() const { return skip_bias_; }

 private:
  bool normed() const { return !norm_gains_.empty(); }
  bool skips() const { return skip_weight_ >= 0; }
  size_t hidden() const { return weights_.empty() ? 0 : weights_.size() - 1; }  // layers
  // The packed weights of a Linear or, behind the last, of the skip.
  PackedWeights packed(size_t linear) const;
  void HiddenForward(const ParameterStore& store, size_t layer, const ConstMatrixRef& input, Range rows,
                     Tape& tape) const;
  void HiddenBackward(const ParameterStore& store, size_t layer, const ConstMatrixRef& gradient, Range rows,
                      Tape& tape) const;

  std::vector<Index> dims_;
  Activation activation_;
  std::vector<Index> weights_;  // handles, one per Linear; none if there is only the linear path
  std::vector<Index> biases_;
  PackedFloats packed_;            // those of every Linear, then of the skip
  std::vector<Index> norm_gains_;  // handles, one per hidden layer; none without layer norm
  std::vector<Index> norm_biases_;
  Index skip_weight_ = -1;
  Index skip_bias_ = -1;
};

}  // namespace rqvae

#endif  // RQVAE_MLP_H_
