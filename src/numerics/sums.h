// Sums along one row: squared lengths, squared distances, dot products. The order in which terms are added decides the
// last bits and is part of the model format (matrix.h), so each order has its own name:
//
//   (no suffix)      one float, ascending
//   ...InLanes       four floats side by side (term j goes to lane j mod 4)
//   ...InDouble      one double, ascending
//   ...InDoubleLanes four doubles side by side
//
// One accumulator has to wait for every addition and a compiler may not split it; four do not wait. Floats become
// doubles before they are subtracted or multiplied where the sum is a double.
#ifndef RQVAE_SUMS_H_
#define RQVAE_SUMS_H_

#include "matrix.h"

namespace rqvae {

// One float, ascending.  x, y: n.
float SquaredLength(const float* x, Index n);
// Inline: in k-means' loop over candidates a call, however rare, would keep the loop's numbers out of registers.
inline float SquaredDistance(const float* x, const float* y, Index n) {
  float sum = 0;
  for (Index j = 0; j < n; ++j) sum += (x[j] - y[j]) * (x[j] - y[j]);
  return sum;
}
float Dot(const float* x, const float* y, Index n);

// Four floats, added in pairs, (0 + 1) + (2 + 3); the last n mod 4 terms are summed apart and added at the end.  x: n.
float SquaredLengthInLanes(const float* x, Index n);

// One double, ascending, starting from `sum`: a sum over several rows passes on what it has.  x: n.
double SquaredLengthInDouble(const float* x, Index n, double sum = 0);

// The three products of two rows in one pass, each in one double, ascending.  x, y: n.
struct RowProducts {
  double xx = 0, xy = 0, yy = 0;
};
RowProducts ProductsInDouble(const float* x, const float* y, Index n);

// Four doubles; the caller adds them up in one of two orders.  x, y: n.
struct DoubleLanes {
  double lane[4] = {0, 0, 0, 0};
  double InPairs() const { return (lane[0] + lane[1]) + (lane[2] + lane[3]); }
  double InOrder() const { return ((lane[0] + lane[1]) + lane[2]) + lane[3]; }
};
DoubleLanes SquaredLengthInDoubleLanes(const float* x, Index n);
DoubleLanes SquaredDistanceInDoubleLanes(const float* x, const float* y, Index n);

// Of doubles: four doubles, added in pairs; the last n mod 4 terms go to lane 0.  x, y: n, may be the same.
double DotInDoubleLanes(const double* x, const double* y, Index n);

}  // namespace rqvae

#endif  // RQVAE_SUMS_H_
