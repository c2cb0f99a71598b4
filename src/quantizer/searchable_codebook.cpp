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
}

namespace {

// Keeps the nearest and the second nearest code of each row, in eight lanes: a lane sees every eighth column.
class Nearest final : public kernel::Output {
 public:
  Nearest(const Vector& half_norm, Index rows) : half_norm_(half_norm), rows_(static_cast<size_t>(2 * rows)) {}

  void Take(const kernel::Strip& strip) override {
    strip.ForEach([this](Index row, Index col, Index lanes, const float* sums) { Put(row, col, Load(sums), lanes); });
  }
  // Returns the lowest code of least score and sets `margin`, unless null, to the gap to the next score.
  uint32_t Code(Index row, float* margin) const {
    float best = kInfinity, second = best;
    int32_t code = 0;
    for (Index half = 0; half < 2; ++half) {
      const Lanes& from = rows_[static_cast<size_t>(2 * row + half)];
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
  void Put(Index row, Index col, F32x4 dots, Index lanes) {
    F32x4 scores = LoadLanes(half_norm_.data() + col, lanes) - dots;
    for (Index lane = lanes; lane < kLanes; ++lane) scores[lane] = kInfinity;
    See(2 * row + (col / kLanes) % 2, col, scores);
  }

  static constexpr float kInfinity = std::numeric_limits<float>::infinity();
  struct Lanes {
    F32x4 best = Splat(kInfinity), second = best;
    I32x4 code = {0, 0, 0, 0};
  };

  void See(Index at, Index col, F32x4 scores) {
    Lanes& to = rows_[static_cast<size_t>(at)];
    const auto column = static_cast<int32_t>(col);
    const I32x4 better = scores < to.best;
    const F32x4 other = Select(better, to.best, scores);
    to.second = Select(other < to.second, other, to.second);
    to.best = Select(better, scores, to.best);
    to.code = (better & I32x4{column, column + 1, column + 2, column + 3}) | (~better & to.code);
  }

  const Vector& half_norm_;
  std::vector<Lanes> rows_;
};

}  // namespace

void FindNearest(const SearchableCodebook& codebook, const ConstMatrixRef& r, uint32_t* codes, float* margin) {
  Matrix centred;
  for (Index first = 0; first < r.rows(); first += kRowBlock) {
    const Index rows = std::min(kRowBlock, r.rows() - first);
    centred = r.middleRows(first, rows).rowwise() - codebook.mean.transpose();
    Nearest nearest(codebook.half_norm, rows);
    const Matrix& codes_of = codebook.centred;
    kernel::Product({centred.data(), rows, centred.cols(), 1}, {codes_of.data(), codes_of.rows(), codes_of.cols(), 1},
                    centred.cols(), nearest);
    for (Index i = 0; i < rows; ++i) {
      codes[first + i] = nearest.Code(i, margin == nullptr ? nullptr : margin + first + i);
      if (margin != nullptr) margin[first + i] *= 2;
    }
  }
}

}  // namespace rqvae
