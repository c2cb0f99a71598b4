#include "codebook_refinement.h"

#include <algorithm>
#include <utility>

#include "beam_search.h"
#include "checked_size.h"
#include "parallel.h"

namespace rqvae {
namespace {

constexpr Index kRowsPerCode = 70;
// A prefix that leaves more than this times what the best one leaves is far from what the search would choose.
constexpr float kFurthest = 2;
constexpr double kHold = 2;                   // lambda
constexpr Index kSliceWork = 1 << 25;         // multiplications of a search
constexpr Index kSliceTerms = 1 << 22;        // additions in double
constexpr Index kMinWorkPerThread = 1 << 18;  // multiplications

// How many rows may be searched in a slice, at most a block.
Index RowsToSearch(Index width, Index codes, Index dim) {
  return std::clamp<Index>(kSliceWork / (width * codes) / dim, 1, kRowBlock);
}

Index CodesOf(const std::vector<Index>& codebook_sizes, Index levels) {
  Index codes = 0;
  for (Index l = 0; l < levels; ++l) codes += codebook_sizes[static_cast<size_t>(l)];
  return codes;
}

// Number of prefixes of the first `levels` codes, at most `most`.
Index Beginnings(const std::vector<Index>& codebook_sizes, Index levels, Index most) {
  Index beginnings = 1;
  for (Index l = 0; l < levels && beginnings < most; ++l) beginnings *= codebook_sizes[static_cast<size_t>(l)];
  return std::min(beginnings, most);
}

}  // namespace

std::vector<Index> CandidateCounts(const ModelConfig& config, Index rows) {
  rows = std::max<Index>(rows, 1);
  std::vector<Index> counts;
  for (const Index codes : config.codebook_sizes) {
    const Index rounded = (2 * kRowsPerCode * codes + rows) / (2 * rows);
    counts.push_back(std::clamp<Index>(rounded, 1, config.encode_beam));
  }
  return counts;
}

Index CandidateResiduals::Rows(const std::vector<Index>& codebook_sizes, Index rows, Index levels, Index count,
                               Index most) {
  return std::min(rows * Beginnings(codebook_sizes, levels, count), std::max(rows, most));
}

CandidateResiduals::CandidateResiduals(const Model& model, const Matrix* latents, Index levels, Index count, Index most,
                                       Matrix* residuals)
    : latents_(latents),
      levels_(levels),
      count_(Beginnings(model.config().codebook_sizes, levels, count)),
      residuals_(residuals),
      first_code_weight_(static_cast<float>(model.config().first_code_weight)) {
  for (Index l = 0; l < levels; ++l) {
    codebooks_.push_back(model.quantizer().codebook(l));
    searchable_.push_back(model.quantizer().searchable(l));
  }
  residuals->resize(Rows(model.config().codebook_sizes, latents->rows(), levels, count, most), latents->cols());
}

// Where to write the residual that a row's candidate of this rank leaves; -1 if it is not used.
Index CandidateResiduals::PlaceOf(Index row, Index rank) const {
  const Index n = latents_->rows(), rest = residuals_->rows() - rank * n;
  if (rest >= n) return rank * n + row;
  if (rest <= 0) return -1;
  const Index place = row * rest / n;
  return (row + 1) * rest / n > place ? rank * n + place : -1;
}

bool CandidateResiduals::Advance() {
  const Index n = latents_->rows();
  if (next_row_ == n) return false;
  Index codes_of_all = 0;
  for (const Matrix& codebook : codebooks_) codes_of_all += codebook.rows();
  const Index rows = std::min(RowsToSearch(count_, codes_of_all, latents_->cols()), n - next_row_);
  CodeMatrix codes(rows * count_, levels_);
  std::vector<float> errors(CheckedSize(rows, count_));
  const CodeProducts none;  // a few candidates are not worth them
  ForRanges(rows, kMinWorkPerThread / (count_ * codes_of_all * latents_->cols()) + 1, 1, [&](Range range) {
    BeamSearch({codebooks_, searchable_, none, count_, count_, first_code_weight_},
               latents_->middleRows(next_row_ + range.first, range.count),
               codes.middleRows(range.first * count_, range.count * count_), errors.data() + range.first * count_);
  });
  const Index d = latents_->cols();
  for (Index i = 0; i < rows; ++i) {
    for (Index rank = 0; rank < count_; ++rank) {
      const Index place = PlaceOf(next_row_ + i, rank), best = i * count_;
      if (place < 0) continue;
      const float error = errors[static_cast<size_t>(best + rank)];
      const Index from = error > kFurthest * errors[static_cast<size_t>(best)] ? best : best + rank;
      float* residual = residuals_->row(place).data();
      std::copy_n(latents_->row(next_row_ + i).data(), d, residual);
      for (Index l = 0; l < levels_; ++l) {
        const float* code = codebooks_[static_cast<size_t>(l)].row(codes(from, l)).data();
        for (Index j = 0; j < d; ++j) residual[j] -= code[j];
      }
    }
  }
  next_row_ += rows;
  return true;
}

CodebookRefinement::CodebookRefinement(Model* model, const Matrix* latents)
    : model_(model),
      latents_(latents),
      weights_(static_cast<size_t>(model->config().levels()), 0.0),
      codes_(CodeMatrix::Zero(latents->rows(), model->config().levels())),
      left_(static_cast<size_t>(latents->cols())) {
  // The objective of the search, whose weight only has an effect with a beam.
  if (model->config().encode_beam > 1) weights_.front() = model->config().first_code_weight;
  weights_.back() = 1;
}

bool CodebookRefinement::Advance() {
  switch (phase_) {
    case Phase::kEncode:
      EncodeSlice();
      return true;
    case Phase::kSum:
      SumSlice();
      return true;
    case Phase::kDone:
      break;
  }
  return false;
}

double CodebookRefinement::progress() const {
  const double rows = static_cast<double>(next_row_) / static_cast<double>(latents_->rows());
  // The search takes most of the time.
  const double of_pass = phase_ == Phase::kEncode ? 0.8 * rows : 0.9;
  return phase_ == Phase::kDone ? 1 : (static_cast<double>(pass_) + of_pass) / kPasses;
}

// Finds the codes of some rows.
void CodebookRefinement::EncodeSlice() {
  const ModelConfig& config = model_->config();
  const Index n = latents_->rows(), d = latents_->cols();
  const Index codes = CodesOf(config.codebook_sizes, config.levels());
  const Index rows = std::min(RowsToSearch(config.encode_beam, codes, d), n - next_row_);
  ForRanges(rows, kMinWorkPerThread / (config.encode_beam * codes * d) + 1, 1, [&](Range range) {
    const Index first = next_row_ + range.first;
    model_->quantizer().Encode(latents_->middleRows(first, range.count), codes_.middleRows(first, range.count),
                               nullptr);
  });
  next_row_ += rows;
  if (next_row_ < n) return;
  next_row_ = 0;
  phase_ = Phase::kSum;
}

// Adds up the targets t of some rows.
void CodebookRefinement::SumSlice() {
  const ModelConfig& config = model_->config();
  const Index n = latents_->rows(), d = latents_->cols();
  if (next_row_ == 0) sums_.Start(config.codebook_sizes[static_cast<size_t>(level_)], d);
  std::vector<const float*> codebooks;
  codebooks.reserve(static_cast<size_t>(config.levels()));
  for (Index l = 0; l < config.levels(); ++l) {
    codebooks.push_back(std::as_const(*model_).store().value(model_->quantizer().embedding(l)).data());
  }
  const Index affordable = std::max<Index>(1, kSliceTerms / (kRowBlock * d * config.levels()));
  for (Index block = 0; block < affordable && next_row_ < n; ++block) {
    const Index rows = std::min(kRowBlock, n - next_row_);
    sums_.AddBlock(
        {next_row_, rows}, [this](Index i) { return codes_(i, level_); },
        [&](Index i, double* sum) { AddTarget(codebooks, i, sum); });
    next_row_ += rows;
  }
  if (next_row_ < n) return;
  next_row_ = 0;
  MoveCodes();
}

// sum (d) += t of the row, one level of its prefixes after the other.
void CodebookRefinement::AddTarget(const std::vector<const float*>& codebooks, Index row, double* sum) {
  const Index d = latents_->cols(), levels = codes_.cols();
  const float* z = latents_->row(row).data();
  for (Index j = 0; j < d; ++j) left_[static_cast<size_t>(j)] = z[j];
  for (Index l = 0; l < levels; ++l) {
    const float* code = codebooks[static_cast<size_t>(l)] + codes_(row, l) * d;
    const double weight = l < level_ ? 0 : weights_[static_cast<size_t>(l)];
    for (Index j = 0; j < d; ++j) {
      double& left = left_[static_cast<size_t>(j)];
      if (l != level_) left -= code[j];
      sum[j] += weight * left;
    }
  }
}

// Sets the level's codes to the minimum, then continues with the next level, sweep or pass.
void CodebookRefinement::MoveCodes() {
  const Index d = latents_->cols(), levels = model_->config().levels();
  Matrix codebook = model_->store().value(model_->quantizer().embedding(level_));
  double weight = 0;
  for (Index l = level_; l < levels; ++l) weight += weights_[static_cast<size_t>(l)];
  for (Index k = 0; k < codebook.rows(); ++k) {
    const Index count = sums_.counts()[static_cast<size_t>(k)];
    if (count == 0) continue;
    const double divisor = weight * static_cast<double>(count) + kHold;
    for (Index j = 0; j < d; ++j) {
      codebook(k, j) = static_cast<float>((sums_.total(k, j) + kHold * codebook(k, j)) / divisor);
    }
  }
  model_->quantizer().SetCodebook(model_->store(), level_, codebook);
  if (++level_ < levels) return;
  level_ = 0;
  if (++sweep_ < kSweeps) return;
  sweep_ = 0;
  model_->ParametersChanged();
  phase_ = ++pass_ < kPasses ? Phase::kEncode : Phase::kDone;
}

// A search continues where it was; sums are computed again.
void CodebookRefinement::Visit(Archive& archive) {
  archive.Visit(phase_);
  archive.Visit(pass_);
  archive.Visit(sweep_);
  archive.Visit(level_);
  Index next_row = phase_ == Phase::kEncode ? next_row_ : 0;
  archive.Visit(next_row);
  std::vector<uint32_t> codes(codes_.data(), codes_.data() + codes_.size());
  archive.Visit(codes);
  if (!archive.reading()) return;
  const ModelConfig& config = model_->config();
  bool ok = phase_ <= Phase::kDone && pass_ >= 0 && pass_ <= kPasses && sweep_ >= 0 && sweep_ < kSweeps &&
            level_ >= 0 && level_ < config.levels() && next_row >= 0 && next_row < latents_->rows() &&
            codes.size() == static_cast<size_t>(codes_.size());
  for (size_t i = 0; ok && i < codes.size(); ++i) {
    ok = codes[i] < config.codebook_sizes[i % config.codebook_sizes.size()];
  }
  if (!ok) Archive::Fail();
  codes_ = Eigen::Map<const CodeMatrix>(codes.data(), codes_.rows(), codes_.cols());
  next_row_ = next_row;
}

}  // namespace rqvae
