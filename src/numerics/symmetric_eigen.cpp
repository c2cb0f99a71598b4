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

// Lengths below this count as zero: their squares come too near the end of double's range to normalise by. Nothing is
// lost, since the scaled matrix is of order 1.
constexpr double kNegligible = 0x1p-480;
// Sweeps of QL that an eigenvalue may take on average: LAPACK's limit. One or two are usual; the limit only guards
// against an endless loop.
constexpr Index kMaxSweeps = 30;
constexpr Index kSliceWork = 1 << 22;  // elements that a slice goes over, a few times each

// Step 1 of 3:  A = Q T Q^T with T tridiagonal and Q = P[n-1] ... P[2]. P[i] = 1 - u u^T / h[i] reflects the first i
// coordinates so that row i keeps one element left of its diagonal; it is the identity where h[i] is 0.
//   a: n x n, in: A, both triangles; out: the u of P[i] in the first i elements of row i.
//   diagonal, h: n.
//   off_diagonal: n - 1 are set, T(i, i + 1) at i.
//   q: n, scratch.
// One call does row i; rows go from the last to the first.
void Reflect(Index n, Index i, double* a, double* diagonal, double* off_diagonal, double* h, double* q) {
  double* const u = a + i * n;
  diagonal[i] = u[i];
  h[i] = 0;
  if (i == 0) return;
  const double last = u[i - 1];
  double square = DotInDoubleLanes(u, u, i - 1);
  if (square < kNegligible * kNegligible) {  // the row has that form already
    off_diagonal[i - 1] = last;
    return;
  }
  square += last * last;
  const double reflected = last < 0 ? std::sqrt(square) : -std::sqrt(square);  // with this sign nothing cancels below
  off_diagonal[i - 1] = reflected;
  u[i - 1] = last - reflected;
  h[i] = square - last * reflected;
  // P A P = A - u q^T - q u^T with p = A u / h and q = p - (u^T p / 2h) u. Both triangles are updated: twice the
  // elements, but every loop runs along rows.
  std::fill_n(q, i, 0.0);
  for (Index j = 0; j < i; ++j) Axpy(i, u[j] / h[i], a + j * n, q);
  Axpy(i, -DotInDoubleLanes(u, q, i) / (2 * h[i]), u, q);
  for (Index j = 0; j < i; ++j) {
    Axpy(i, -u[j], q, a + j * n);
    Axpy(i, -q[j], u, a + j * n);
  }
}

// Step 2 of 3:  turns the reflections that Reflect left in `a` into Q, from the innermost one outwards. Each works on a
// block that is larger by one.  product: n, scratch.
// One call does reflection i; they go from the first to the last.
void ApplyReflection(Index n, Index i, double* a, const double* h, double* product) {
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

// Step 3 of 3, QL with implicit shifts: rotations turn T into its eigenvalues and Q into the eigenvectors.
//   diagonal: n, in: T's; out: the eigenvalues in no order.
//   off_diagonal: n, in: T's, the last is scratch; out: zeros, or what is too small to matter.
//   vectors: n x n, Q^T. A rotation of two coordinates rotates two of its rows.

// The last row of the block that begins at row `first`: behind it the off-diagonal element is negligible.
Index EndOfBlock(Index n, Index first, const double* diagonal, const double* off_diagonal) {
  constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
  Index last = first;
  for (; last + 1 < n; ++last) {
    const double size = std::abs(off_diagonal[last]);
    const double neighbours = std::abs(diagonal[last]) + std::abs(diagonal[last + 1]);
    if (!(size > kEpsilon * neighbours && size > kNegligible)) break;
  }
  return last;
}

// One sweep over the block first ... last, from its bottom to its top. The shift brings in an element outside the band,
// which the rotations chase upwards and out. Each sweep makes the block's first off-diagonal element smaller, cubically
// in the end.
void Sweep(Index n, Index first, Index last, double* diagonal, double* off_diagonal, double* vectors) {
  // The shift is the eigenvalue of the block's first 2 x 2 that is nearer to its first element.
  const double gap = (diagonal[first + 1] - diagonal[first]) / (2 * off_diagonal[first]);
  const double root = std::sqrt(gap * gap + 1);
  const double shift = diagonal[first] - off_diagonal[first] / (gap + (gap < 0 ? -root : root));
  // The rotation of coordinates i and i + 1 turns `outer`, which the previous rotation pushed out of the band, into
  // `edge`, the element below T(i + 1, i + 1). For the first rotation the shifted corner and its neighbour stand for
  // them.
  double edge = diagonal[last] - shift;
  double c = 1, s = 1;  // of the previous rotation
  double moved = 0;     // what it took from T(i + 1, i + 1)
  Index i = last - 1;
  for (; i >= first; --i) {
    const double outer = s * off_diagonal[i], inner = c * off_diagonal[i];
    const double length = std::sqrt(outer * outer + edge * edge);
    const double at = diagonal[i + 1] - moved;
    if (length < kNegligible) {  // the block ends here already
      diagonal[i + 1] = at;
      off_diagonal[i + 1] = 0;
      off_diagonal[i] = inner;
      break;
    }
    off_diagonal[i + 1] = length;
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
    off_diagonal[first] = edge;
  }
  off_diagonal[last] = 0;
}

// One call sweeps until `first` is a block of its own, which makes diagonal[first] an eigenvalue; it goes from the
// first to the last. `sweeps` counts down the sweeps left for all.
void FindEigenvalue(Index n, Index first, double* diagonal, double* off_diagonal, double* vectors, Index& sweeps) {
  for (; sweeps > 0; --sweeps) {
    const Index last = EndOfBlock(n, first, diagonal, off_diagonal);
    if (last == first) return;
    Sweep(n, first, last, diagonal, off_diagonal, vectors);
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
  // Scales by a power of two to elements of at most 1. At the ends of double's range the power itself has to stay
  // inside, so the elements come near 1 only.
  std::frexp(largest, &exponent_);
  exponent_ = std::clamp(exponent_, -1000, 1000);
  const double scale = std::ldexp(1.0, -exponent_);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j <= i; ++j) a[j * n + i] = a[i * n + j] *= scale;
  }
  for (auto* values : {&off_diagonal_, &h_, &scratch_}) values->resize(static_cast<size_t>(n));
  sweeps_ = kMaxSweeps * n;
}

bool EigenJob::Advance() {
  const Index n = matrix_.rows();
  double* const a = matrix_.data();
  // Each step takes a few times n^2 operations.
  for (Index work = 0; work < kSliceWork && phase_ != Phase::kDone; work += n * n) {
    switch (phase_) {
      case Phase::kReflect:
        Reflect(n, n - 1 - next_, a, values_.data(), off_diagonal_.data(), h_.data(), scratch_.data());
        if (++next_ == n) Enter(Phase::kApply);
        break;
      case Phase::kApply:
        ApplyReflection(n, next_, a, h_.data(), scratch_.data());
        if (++next_ == n) Enter(Phase::kTranspose);
        break;
      case Phase::kTranspose:  // of Q: the rotations then combine rows
        for (Index i = 0; i < n; ++i) {
          for (Index j = 0; j < i; ++j) std::swap(a[i * n + j], a[j * n + i]);
        }
        Enter(Phase::kRotate);
        break;
      case Phase::kRotate:
        FindEigenvalue(n, next_, values_.data(), off_diagonal_.data(), a, sweeps_);
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

// Sorts by falling eigenvalue and undoes the scaling.
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
