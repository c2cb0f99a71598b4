#include "symmetric_eigen.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "blas1.h"
#include "sums.h"

namespace rqvae {
namespace {

// Lengths below this are taken for zero: their squares come too near the end of double's range to normalise by. The
// scaled matrix is of order 1, so that nothing of it is lost.
constexpr double kNegligible = 0x1p-480;
// Of QL, for each eigenvalue on average: LAPACK's limit. One or two are usual; it only guards against an endless loop.
constexpr Index kMaxSweeps = 30;
constexpr Index kSliceWork = 1 << 22;  // elements that a slice goes over, a few times each

// A = Q T Q^T with T tridiagonal and Q = P[n-1] ... P[2], where P[i] = 1 - u u^T / h[i] reflects the first i
// coordinates so that row i is left with one element beside its diagonal. P[i] is the identity where h[i] is 0.
//   a: n x n, in: A, both triangles; out: u of P[i] in the first i elements of row i.
//   diagonal, h: n.
//   beside: n - 1 are set, T(i, i + 1) at i.
// One step of it, row i; from the last row to the first.  q: n, scratch.
void Reflect(Index n, Index i, double* a, double* diagonal, double* beside, double* h, double* q) {
  double* const u = a + i * n;
  diagonal[i] = u[i];
  h[i] = 0;
  if (i == 0) return;
  const double last = u[i - 1];
  double square = DotInDoubleLanes(u, u, i - 1);
  if (square < kNegligible * kNegligible) {  // nothing to reflect away
    beside[i - 1] = last;
    return;
  }
  square += last * last;
  const double reflected = last < 0 ? std::sqrt(square) : -std::sqrt(square);  // this sign cancels nothing below
  beside[i - 1] = reflected;
  u[i - 1] = last - reflected;
  h[i] = square - last * reflected;
  // P A P = A - u q^T - q u^T with p = A u / h and q = p - (u^T p / 2h) u. Both triangles are kept: twice the
  // elements, but every loop runs along rows.
  std::fill_n(q, i, 0.0);
  for (Index j = 0; j < i; ++j) Axpy(i, u[j] / h[i], a + j * n, q);
  Axpy(i, -DotInDoubleLanes(u, q, i) / (2 * h[i]), u, q);
  for (Index j = 0; j < i; ++j) {
    Axpy(i, -u[j], q, a + j * n);
    Axpy(i, -q[j], u, a + j * n);
  }
}

// Turns what Reflect left in `a` into Q, from the innermost reflection outwards, each on a block larger by one: step i.
void FormReflection(Index n, Index i, double* a, const double* h, double* product) {
  double* const u = a + i * n;
  if (h[i] != 0) {
    std::fill_n(product, i, 0.0);
    for (Index j = 0; j < i; ++j) Axpy(i, u[j], a + j * n, product);
    for (Index j = 0; j < i; ++j) Axpy(i, -u[j] / h[i], product, a + j * n);
  }
  std::fill_n(u, i, 0.0);
  u[i] = 1;
  for (Index j = 0; j < i; ++j) a[j * n + i] = 0;
}

// QL: rotations of neighbouring coordinates, from the bottom of an undivided block to its top, that chase the element
// which the shift brings in outwards; each sweep makes the block's first off-diagonal element smaller, cubically in the
// end. The rotations are applied to the rows of `vectors` (n x n).
//   diagonal: n, in: T's, out: the eigenvalues in no order.
//   beside: n, of which the last is scratch.
// One eigenvalue, the one at `first`; from the first to the last. Takes its sweeps from those that are left.
void FindEigenvalue(Index n, Index first, double* diagonal, double* beside, double* vectors, Index& sweeps) {
  constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
  const auto divides = [&](Index i) {
    const double size = std::abs(beside[i]);
    return !(size > kEpsilon * (std::abs(diagonal[i]) + std::abs(diagonal[i + 1])) && size > kNegligible);
  };
  for (; sweeps > 0; --sweeps) {
    Index last = first;
    while (last + 1 < n && !divides(last)) ++last;
    if (last == first) break;
    // The shift is the eigenvalue of the block's first 2 x 2 that is nearer to its first element.
    const double gap = (diagonal[first + 1] - diagonal[first]) / (2 * beside[first]);
    const double root = std::sqrt(gap * gap + 1);
    const double shift = diagonal[first] - beside[first] / (gap + (gap < 0 ? -root : root));
    // The rotation of coordinates i and i + 1 takes `outer`, which the one before it pushed out of the band, into
    // `edge`, the element below T(i + 1, i + 1). The first one has the shifted corner and its neighbour in their
    // place.
    double edge = diagonal[last] - shift;
    double c = 1, s = 1;  // of the rotation before
    double moved = 0;     // what it took from T(i + 1, i + 1)
    Index i = last - 1;
    for (; i >= first; --i) {
      const double outer = s * beside[i], inner = c * beside[i];
      const double length = std::sqrt(outer * outer + edge * edge);
      const double at = diagonal[i + 1] - moved;
      if (length < kNegligible) {  // divided here already
        diagonal[i + 1] = at;
        beside[i + 1] = 0;
        beside[i] = inner;
        break;
      }
      beside[i + 1] = length;
      s = outer / length;
      c = edge / length;
      const double change = (diagonal[i] - at) * s + 2 * c * inner;
      moved = s * change;
      diagonal[i + 1] = at + moved;
      edge = c * change - inner;
      Rotate(n, vectors + (i + 1) * n, vectors + i * n, c, s);
    }
    if (i < first) {
      diagonal[first] -= moved;
      beside[first] = edge;
    }
    beside[last] = 0;
  }
}

}  // namespace

EigenJob::EigenJob(DoubleMatrix matrix) : matrix_(std::move(matrix)), values_(matrix_.rows()) {
  eigen_assert(matrix_.rows() == matrix_.cols());
  const Index n = matrix_.rows();
  double* const a = matrix_.data();
  double largest = 0;
  bool finite = true;
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j <= i; ++j) {
      const double size = std::abs(a[i * n + j]);
      finite = finite && size <= std::numeric_limits<double>::max();
      largest = std::max(largest, size);
    }
  }
  if (!finite || n == 0) {
    constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
    std::fill_n(a, n * n, kNan);
    std::fill_n(values_.data(), n, kNan);
    phase_ = Phase::kDone;
    return;
  }
  // To elements of at most 1, or near it at the ends of double's range, where the power itself has to stay inside.
  std::frexp(largest, &exponent_);
  exponent_ = std::clamp(exponent_, -1000, 1000);
  const double scale = std::ldexp(1.0, -exponent_);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j <= i; ++j) a[j * n + i] = a[i * n + j] *= scale;
  }
  for (auto* of_rows : {&beside_, &h_, &scratch_}) of_rows->resize(static_cast<size_t>(n));
  sweeps_ = kMaxSweeps * n;
}

bool EigenJob::Advance() {
  const Index n = matrix_.rows();
  double* const a = matrix_.data();
  // Each step is some n^2 operations.
  for (Index work = 0; work < kSliceWork && phase_ != Phase::kDone; work += n * n) {
    switch (phase_) {
      case Phase::kReflect:
        Reflect(n, n - 1 - next_, a, values_.data(), beside_.data(), h_.data(), scratch_.data());
        if (++next_ == n) Enter(Phase::kForm);
        break;
      case Phase::kForm:
        FormReflection(n, next_, a, h_.data(), scratch_.data());
        if (++next_ == n) Enter(Phase::kTranspose);
        break;
      case Phase::kTranspose:  // eigenvectors are Q times the rotations: transposed, the rotations combine rows
        for (Index i = 0; i < n; ++i) {
          for (Index j = 0; j < i; ++j) std::swap(a[i * n + j], a[j * n + i]);
        }
        Enter(Phase::kRotate);
        break;
      case Phase::kRotate:
        FindEigenvalue(n, next_, values_.data(), beside_.data(), a, sweeps_);
        if (++next_ == n) Enter(Phase::kSort);
        break;
      case Phase::kSort:
        Sort();
        Enter(Phase::kDone);
        break;
      case Phase::kDone:
        break;
    }
  }
  return phase_ != Phase::kDone;
}

void EigenJob::Enter(Phase phase) {
  phase_ = phase;
  next_ = 0;
}

void EigenJob::Sort() {
  const Index n = matrix_.rows();
  double* const a = matrix_.data();
  for (Index i = 0; i < n; ++i) {
    Index best = i;
    for (Index j = i + 1; j < n; ++j) {
      if (values_[j] > values_[best]) best = j;
    }
    if (best != i) {
      std::swap(values_[i], values_[best]);
      std::swap_ranges(a + i * n, a + (i + 1) * n, a + best * n);
    }
    values_[i] *= std::ldexp(1.0, exponent_);
  }
}

}  // namespace rqvae
