#include "sums.h"

#include <algorithm>

#include "simd.h"

namespace rqvae {

float SquaredLength(const float* x, Index n) {
  float sum = 0;
  for (Index j = 0; j < n; ++j) sum += x[j] * x[j];
  return sum;
}

float Dot(const float* x, const float* y, Index n) {
  float sum = 0;
  for (Index j = 0; j < n; ++j) sum += x[j] * y[j];
  return sum;
}

float SquaredLengthInLanes(const float* x, Index n) {
  F32x4 sum = Splat(0);
  Index j = 0;
  for (; j + kLanes <= n; j += kLanes) sum += Load(x + j) * Load(x + j);
  float rest = 0;
  for (; j < n; ++j) rest += x[j] * x[j];
  return (sum[0] + sum[1]) + (sum[2] + sum[3]) + rest;
}

double SquaredLengthInDouble(const float* x, Index n, double sum) {
  for (Index j = 0; j < n; ++j) sum += static_cast<double>(x[j]) * x[j];
  return sum;
}

RowProducts ProductsInDouble(const float* x, const float* y, Index n) {
  RowProducts sums;
  for (Index j = 0; j < n; ++j) {
    sums.xx += static_cast<double>(x[j]) * x[j];
    sums.xy += static_cast<double>(x[j]) * y[j];
    sums.yy += static_cast<double>(y[j]) * y[j];
  }
  return sums;
}

namespace {

// term(j) for j in [0, n), in four lanes.
template <typename Term>
DoubleLanes SumInDoubleLanes(Index n, Term term) {
  DoubleLanes sums;
  Index j = 0;
  for (; j + 4 <= n; j += 4) {
    for (Index lane = 0; lane < 4; ++lane) sums.lane[lane] += term(j + lane);
  }
  for (Index lane = 0; j + lane < n; ++lane) sums.lane[lane] += term(j + lane);
  return sums;
}

}  // namespace

DoubleLanes SquaredLengthInDoubleLanes(const float* x, Index n) {
  return SumInDoubleLanes(n, [x](Index j) { return static_cast<double>(x[j]) * x[j]; });
}

DoubleLanes SquaredDistanceInDoubleLanes(const float* x, const float* y, Index n) {
  using F64x4 = double __attribute__((vector_size(32)));
  F64x4 sum = {0, 0, 0, 0};
  for (Index j = 0; j < n; j += kLanes) {  // a tail's other lanes add zero
    const Index lanes = std::min(kLanes, n - j);
    const F64x4 difference = __builtin_convertvector(LoadLanes(x + j, lanes), F64x4) -
                             __builtin_convertvector(LoadLanes(y + j, lanes), F64x4);
    sum += difference * difference;
  }
  return {{sum[0], sum[1], sum[2], sum[3]}};
}

double DotInDoubleLanes(const double* x, const double* y, Index n) {
  const Index whole = n / 4 * 4;
  DoubleLanes sums = SumInDoubleLanes(whole, [x, y](Index j) { return x[j] * y[j]; });
  for (Index j = whole; j < n; ++j) sums.lane[0] += x[j] * y[j];
  return sums.InPairs();
}

}  // namespace rqvae
