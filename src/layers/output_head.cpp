#include "output_head.h"

#include <algorithm>
#include <cmath>

#include "activation.h"
#include "sums.h"

namespace rqvae {
namespace {

// torch.nn.functional.normalize's eps.
constexpr float kNormalizeEpsilon = 1e-12f;

}  // namespace

void OutputHead::Resize(Index n, Index dim, Tape& tape) const {
  if (kind_ == Kind::kLinear) return;
  tape.sigmoid.resize(n, dim);
  tape.norm.resize(n);
}

void OutputHead::Forward(const ConstMatrixRef& o, Range rows, Tape& tape, MatrixRef y) const {
  if (kind_ == Kind::kLinear) {
    y.middleRows(rows.first, rows.count) = o.middleRows(rows.first, rows.count);
    return;
  }
  Sigmoid(o.middleRows(rows.first, rows.count), tape.sigmoid.middleRows(rows.first, rows.count));
  for (Index i = rows.first; i < rows.first + rows.count; ++i) {
    tape.norm[i] = std::sqrt(SquaredLength(tape.sigmoid.row(i).data(), y.cols()));
    y.row(i) = tape.sigmoid.row(i) / std::max(tape.norm[i], kNormalizeEpsilon);
  }
}

// du = (dy - y (y.dy)) / ||u||,  or dy / eps below eps;  do = du u (1 - u).
void OutputHead::Backward(const ConstMatrixRef& y, Range rows, const Tape& tape, MatrixRef dy) const {
  if (kind_ == Kind::kLinear) return;
  for (Index i = rows.first; i < rows.first + rows.count; ++i) {
    auto gradient = dy.row(i);
    if (tape.norm[i] > kNormalizeEpsilon) {
      gradient -= Dot(y.row(i).data(), gradient.data(), y.cols()) * y.row(i);
    }
    gradient /= std::max(tape.norm[i], kNormalizeEpsilon);
    gradient.array() *= tape.sigmoid.row(i).array() * (1.0f - tape.sigmoid.row(i).array());
  }
}

}  // namespace rqvae
