#include "held_ids.h"

#include <algorithm>
#include <utility>

#include "error.h"
#include "sums.h"

namespace rqvae {
namespace {

// Of the hinge, by experiment (docs/training.md).
constexpr float kHingeWeight = 30;

// Plain loops over rows here: Eigen's would cost the wasm a kilobyte for what hardly takes time.
bool Same(const uint32_t* a, const uint32_t* b, Index levels) { return std::equal(a, a + levels, b); }

// sum += s (a - b)
void AddDifference(float s, const float* a, const float* b, Index n, float* sum) {
  for (Index j = 0; j < n; ++j) sum[j] += s * (a[j] - b[j]);
}

// An ID and how far a row is from it.
struct Candidate {
  std::vector<float> vector;
  const float* first;  // the vector of the first code
  float objective;

  Candidate(const ResidualQuantizer& quantizer, const uint32_t* codes, Index levels, const ConstMatrixRef& z, Index row,
            float w)
      : vector(static_cast<size_t>(z.cols())), first(quantizer.codebook(0).data() + codes[0] * z.cols()) {
    for (Index l = 0; l < levels; ++l) {
      const float* code = quantizer.codebook(l).data() + codes[l] * z.cols();
      for (float& value : vector) value += *code++;
    }
    objective = SquaredDistance(&z(row, 0), vector.data(), z.cols());
    if (w > 0) objective += w * SquaredDistance(&z(row, 0), first, z.cols());
  }
};

}  // namespace

HeldIds::HeldIds(double stability, double first_code_weight, std::vector<Index> codebook_sizes)
    : stability_(static_cast<float>(stability)),
      first_code_weight_(static_cast<float>(first_code_weight)),
      codebook_sizes_(std::move(codebook_sizes)) {}

bool HeldIds::Exist(const CodeMatrix& codes) const {
  for (Index i = 0; i < codes.rows(); ++i) {
    for (Index l = 0; l < codes.cols() && codes(i, 0) != kNone; ++l) {
      if (codes(i, l) >= codebook_sizes_[static_cast<size_t>(l)]) return false;
    }
  }
  return true;
}

void HeldIds::Hold(CodeMatrix codes) {
  if (!Exist(codes)) throw Error(ErrorKind::kInvalidInput, "held codes are out of range");
  codes_ = std::move(codes);
}

void HeldIds::Choose(const ResidualQuantizer& quantizer, const std::vector<uint32_t>& training, const uint32_t* row_ids,
                     const ConstMatrixRef& z, const CodeMatrix& found, Range rows, CodeMatrix& codes) const {
  const Index levels = found.cols();
  for (Index i = rows.first; i < rows.first + rows.count; ++i) {
    const uint32_t* chosen = &found(i, 0);
    const auto row = static_cast<Index>(training[row_ids[i]]);
    if (HasOne(row) && !Same(of(row), chosen, levels)) {
      const Candidate held(quantizer, of(row), levels, z, i, first_code_weight_);
      const Candidate best(quantizer, chosen, levels, z, i, first_code_weight_);
      if ((1 - stability_) * held.objective <= best.objective) chosen = of(row);
    }
    std::copy_n(chosen, levels, &codes(i, 0));
  }
}

void HeldIds::AddGradient(const ResidualQuantizer& quantizer, const ConstMatrixRef& z, const CodeMatrix& found,
                          const CodeMatrix& codes, float scale, Range rows, MatrixRef dz, double* hinges) const {
  const float weight = kHingeWeight * stability_;
  if (!(weight > 0)) return;
  for (Index i = rows.first; i < rows.first + rows.count; ++i) {
    if (Same(&found(i, 0), &codes(i, 0), found.cols())) continue;
    const Candidate held(quantizer, &codes(i, 0), codes.cols(), z, i, first_code_weight_);
    const Candidate best(quantizer, &found(i, 0), codes.cols(), z, i, first_code_weight_);
    const float hinge = held.objective - best.objective;
    if (!(hinge > 0)) continue;
    hinges[i] += static_cast<double>(weight) * hinge;
    const float s = 2 * scale * weight;
    AddDifference(s, best.vector.data(), held.vector.data(), z.cols(), &dz(i, 0));
    if (first_code_weight_ > 0) AddDifference(s * first_code_weight_, best.first, held.first, z.cols(), &dz(i, 0));
  }
}

void HeldIds::Visit(Archive& archive, Index rows) {
  const auto levels = static_cast<Index>(codebook_sizes_.size());
  std::vector<uint32_t> codes(codes_.data(), codes_.data() + codes_.size());
  archive.Visit(codes);
  if (!archive.reading()) return;
  const auto size = static_cast<Index>(codes.size());
  if (size != 0 && size != rows * levels) Archive::Fail();
  codes_.resize(size / levels, levels);
  std::copy(codes.begin(), codes.end(), codes_.data());
  if (!Exist(codes_)) Archive::Fail();
}

}  // namespace rqvae
