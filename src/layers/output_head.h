// The last step of the decoder.
//
//   kLinear         y = o
//   kUnitSigmoid    y = u / max(||u||, 1e-12),  u = sigmoid(o): as in the Hopwise tutorial's program
#ifndef RQVAE_OUTPUT_HEAD_H_
#define RQVAE_OUTPUT_HEAD_H_

#include "matrix.h"

namespace rqvae {

class OutputHead {
 public:
  enum class Kind { kLinear, kUnitSigmoid };

  // What Forward keeps for Backward.
  struct Tape {
    Matrix sigmoid;  // u, n x D
    Vector norm;     // ||u||, n
  };

  explicit OutputHead(Kind kind) : kind_(kind) {}
  bool linear() const { return kind_ == Kind::kLinear; }

  void Resize(Index n, Index dim, Tape& tape) const;
  // These rows of o and y, n x D each.
  void Forward(const ConstMatrixRef& o, Range rows, Tape& tape, MatrixRef y) const;
  // dy becomes the gradient of o, in place.  y and tape as Forward left them.
  void Backward(const ConstMatrixRef& y, Range rows, const Tape& tape, MatrixRef dy) const;

 private:
  Kind kind_;
};

}  // namespace rqvae

#endif  // RQVAE_OUTPUT_HEAD_H_
