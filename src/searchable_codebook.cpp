#include "searchable_codebook.h"

#include <algorithm>
#include <limits>

#include "gemm.h"

namespace rqvae {

void SearchableCodebook::Prepare(const ConstMatrixRef& codebook) {
  const Index k = codebook.rows(), d = codebook.cols();
  mean = Vector::Zero(d);
  AccumulateRows(codebook, mean);
  mean /= static_cast<float>(k);
  centred = codebook.rowwise() - mean.transpose();
  half_norm.resize(k);
  for (Index i = 0; i < k; ++i) {
    float norm = 0;
    for (Index j = 0; j < d; ++j) norm += centred(i, j) * centred(i, j);
    half_norm[i] = 0.5f * norm;
  }
}

void FindNearest(const SearchableCodebook& codebook, const ConstMatrixRef& r, uint32_t* codes, float* margin) {
  const Index k = codebook.centred.rows();
  Matrix centred, dots;
  for (Index first = 0; first < r.rows(); first += kRowBlock) {
    const Index rows = std::min(kRowBlock, r.rows() - first);
    centred = r.middleRows(first, rows).rowwise() - codebook.mean.transpose();
    dots.resize(rows, k);
    MultiplyTransposed(centred, codebook.centred, dots);
    for (Index i = 0; i < rows; ++i) {
      const float* dot = dots.row(i).data();
      float best = std::numeric_limits<float>::infinity(), second = best;
      uint32_t code = 0;
      for (Index c = 0; c < k; ++c) {
        const float score = codebook.half_norm[c] - dot[c];
        if (score < best) {
          second = best;
          best = score;
          code = static_cast<uint32_t>(c);
        } else if (score < second) {
          second = score;
        }
      }
      codes[first + i] = code;
      if (margin != nullptr) margin[first + i] = 2 * (second - best);
    }
  }
}

}  // namespace rqvae
