#include "held_ids.h"

#include <utility>

#include "error.h"
#include "sums.h"

namespace rqvae {
namespace {

// Of the hinge, by experiment (docs/training.md).
constexpr float kHingeWeight = 30;

bool Same(const CodeMatrix& a, const CodeMatrix& b, Index row) { return a.row(row) == b.row(row); }

// An ID and how far a row is from it.
struct Candidate {
  Matrix vector;  // 1 x d
  const Matrix* first_codebook;
  Index first_code;
  float objective;

  Candidate(const ResidualQuantizer& quantizer, const ConstCodeMatrixRef& codes, const float* z, float w)
      : vector(1, quantizer.codebook(0).cols()),
        first_codebook(&quantizer.codebook(0)),
        first_code(static_cast<Index>(codes(0, 0))) {
    quantizer.Lookup(codes, vector);
    objective = SquaredDistance(z, vector.data(), vector.cols());
    if (w > 0) objective += w * SquaredDistance(z, first_codebook->row(first_code).data(), vector.cols());
  }
};

}  // namespace

HeldIds::HeldIds(double stability, double first_code_weight, std::vector<Index> codebook_sizes)
    : stability_(static_cast<float>(stability)),
      first_code_weight_(static_cast<float>(first_code_weight)),
      codebook_sizes_(std::move(codebook_sizes)) {}

void HeldIds::Hold(CodeMatrix codes) {
  for (Index i = 0; i < codes.rows(); ++i) {
    if (codes(i, 0) == kNone) continue;
    for (Index l = 0; l < codes.cols(); ++l) {
      if (codes(i, l) >= codebook_sizes_[static_cast<size_t>(l)]) {
        throw Error(ErrorKind::kInvalidInput, "held codes are out of range");
      }
    }
  }
  codes_ = std::move(codes);
}

void HeldIds::Choose(const ResidualQuantizer& quantizer, const std::vector<uint32_t>& training, const uint32_t* row_ids,
                     const ConstMatrixRef& z, const CodeMatrix& found, Range rows, CodeMatrix& codes) const {
  for (Index i = rows.first; i < rows.first + rows.count; ++i) {
    codes.row(i) = found.row(i);
    const auto row = static_cast<Index>(training[row_ids[i]]);
    if (!HasOne(row) || codes_.row(row) == found.row(i)) continue;
    const Candidate held(quantizer, codes_.row(row), z.row(i).data(), first_code_weight_);
    const Candidate best(quantizer, found.row(i), z.row(i).data(), first_code_weight_);
    if ((1 - stability_) * held.objective <= best.objective) codes.row(i) = codes_.row(row);
  }
}

void HeldIds::AddGradient(const ResidualQuantizer& quantizer, const ConstMatrixRef& z, const CodeMatrix& found,
                          const CodeMatrix& codes, float scale, Range rows, MatrixRef dz, double* hinges) const {
  const float weight = kHingeWeight * stability_;
  if (!(weight > 0)) return;
  for (Index i = rows.first; i < rows.first + rows.count; ++i) {
    if (Same(found, codes, i)) continue;
    const Candidate held(quantizer, codes.row(i), z.row(i).data(), first_code_weight_);
    const Candidate best(quantizer, found.row(i), z.row(i).data(), first_code_weight_);
    const float hinge = held.objective - best.objective;
    if (!(hinge > 0)) continue;
    hinges[i] += static_cast<double>(weight) * hinge;
    dz.row(i) += (2 * scale * weight) * (best.vector.row(0) - held.vector.row(0));
    if (first_code_weight_ > 0 && held.first_code != best.first_code) {
      dz.row(i) += (2 * scale * weight * first_code_weight_) *
                   (best.first_codebook->row(best.first_code) - held.first_codebook->row(held.first_code));
    }
  }
}

void HeldIds::Visit(Archive& archive, Index rows) {
  const auto levels = static_cast<Index>(codebook_sizes_.size());
  std::vector<uint32_t> codes(codes_.data(), codes_.data() + codes_.size());
  archive.Visit(codes);
  if (!archive.reading()) return;
  const auto size = static_cast<Index>(codes.size());
  if (size != 0 && size != rows * levels) Archive::Fail();
  for (Index i = 0; i < size; ++i) {
    const bool none = codes[static_cast<size_t>(i - i % levels)] == kNone;
    if (!none && codes[static_cast<size_t>(i)] >= codebook_sizes_[static_cast<size_t>(i % levels)]) Archive::Fail();
  }
  codes_ = Eigen::Map<const CodeMatrix>(codes.data(), size / levels, levels);
}

}  // namespace rqvae
