#include "searchable_codebook.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "gemm.h"
#include "gemm_kernel.h"
#include "sums.h"

namespace rqvae {

void SearchableCodebook::Prepare(const ConstMatrixRef& codebook) {
  const Index k = codebook.rows(), d = codebook.cols();
  mean = Vector::Zero(d);
  AccumulateRows(codebook, mean);
  mean /= static_cast<float>(k);
  centred = codebook.rowwise() - mean.transpose();
  half_norm.resize(k);
  for (Index i = 0; i < k; ++i) half_norm[i] = 0.5f * SquaredLength(centred.row(i).data(), d);
  floats.resize(PackedWeights::Size(k, d));
  PackWeights(centred, floats.data());
}

namespace {

// Keeps the nearest and, where margins are wanted, the second nearest code of each row, in eight lanes: a lane sees
// every eighth column.
class Nearest final : public kernel::Output {
 public:
  Nearest(const Vector& half_norm, Index rows, bool with_second)
      : half_norm_(half_norm), rows_(static_cast<size_t>(rows)), with_second_(with_second) {}

  void Take(const kernel::Strip& strip) override {
    for (Index i = 0; i < strip.rows; ++i) {
      Row& row = rows_[static_cast<size_t>(strip.row + i)];
      Row own = row;  // in registers
      const float *const sums = strip.sums + i * strip.stride, *const half_norm = half_norm_.data() + strip.col;
      Index j = 0;
      for (; j + 2 * kLanes <= strip.cols; j += 2 * kLanes) {
        See(strip.col + j, Load(half_norm + j) - Load(sums + j), own.even);
        See(strip.col + j + kLanes, Load(half_norm + j + kLanes) - Load(sums + j + kLanes), own.odd);
      }
      for (; j < strip.cols; j += kLanes) {
        const Index lanes = std::min(kLanes, strip.cols - j);
        F32x4 scores = LoadLanes(half_norm + j, lanes) - Load(sums + j);
        for (Index lane = lanes; lane < kLanes; ++lane) scores[lane] = kInfinity;
        See(strip.col + j, scores, j % (2 * kLanes) == 0 ? own.even : own.odd);
      }
      row = own;
    }
  }
  // Returns the lowest code of least score and sets `margin`, unless null, to the gap to the next score.
  uint32_t Code(Index row, float* margin) const {
    float best = kInfinity, second = best;
    int32_t code = 0;
    const Row& own = rows_[static_cast<size_t>(row)];
    for (const Lanes& from : {own.even, own.odd}) {
      for (Index lane = 0; lane < kLanes; ++lane) {
        const float score = from.best[lane];
        second = std::min({second, std::max(best, score), from.second[lane]});
        if (score < best || (score == best && from.code[lane] < code)) {
          best = score;
          code = from.code[lane];
        }
      }
    }
    if (margin != nullptr) *margin = second - best;
    return static_cast<uint32_t>(code);
  }

 private:
  static constexpr float kInfinity = std::numeric_limits<float>::infinity();
  struct Lanes {
    F32x4 best = Splat(kInfinity), second = best;
    I32x4 code = {0, 0, 0, 0};
  };
  struct Row {
    Lanes even, odd;
  };

  void See(Index col, F32x4 scores, Lanes& to) const {
    const auto column = static_cast<int32_t>(col);
    const I32x4 better = scores < to.best;
    if (with_second_) {
      const F32x4 other = Select(better, to.best, scores);
      to.second = Select(other < to.second, other, to.second);
    }
    to.best = Select(better, scores, to.best);
    to.code = (better & I32x4{column, column + 1, column + 2, column + 3}) | (~better & to.code);
  }

  const Vector& half_norm_;
  std::vector<Row> rows_;
  bool with_second_;
};

}  // namespace

void FindNearest(const SearchableCodebook& codebook, const ConstMatrixRef& r, uint32_t* codes, float* margin) {
  Matrix centred;
  for (Index first = 0; first < r.rows(); first += kRowBlock) {
    const Index rows = std::min(kRowBlock, r.rows() - first);
    centred = r.middleRows(first, rows).rowwise() - codebook.mean.transpose();
    Nearest nearest(codebook.half_norm, rows, margin != nullptr);
    kernel::Product({centred.data(), rows, centred.cols(), 1}, codebook.packed(), nearest);
    for (Index i = 0; i < rows; ++i) {
      codes[first + i] = nearest.Code(i, margin == nullptr ? nullptr : margin + first + i);
      if (margin != nullptr) margin[first + i] *= 2;
    }
  }
}

}  // namespace rqvae
