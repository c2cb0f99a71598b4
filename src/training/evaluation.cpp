#include "evaluation.h"

#include <algorithm>

#include "sums.h"
#include "train_step.h"

namespace rqvae {

void EvaluationPass::Begin(const Model& model, const RowSource& all) {
  codes_.resize(all.rows(), model.config().levels());
  ids_ = IdCounter(all.rows(), model.config().codebook_sizes);
  result_ = {};
  encoded_ = validated_ = 0;
  error_ = energy_ = 0;
  mean_.assign(static_cast<size_t>(all.dim()), 0.0);
}

bool EvaluationPass::Advance(const Model& model, const RowSource& all, const RowSource& validation) {
  if (encoded_ < all.rows()) {
    EncodeBlock(model, all);
  } else if (validated_ < validation.rows()) {
    ValidateBlock(model, validation);
  } else {
    return false;
  }
  return true;
}

void EvaluationPass::EncodeBlock(const Model& model, const RowSource& all) {
  Matrix block(std::min(kRowBlock, all.rows() - encoded_), all.dim());
  all.ReadInOrder(encoded_, block);
  auto codes = codes_.middleRows(encoded_, block.rows());
  try {
    model.Encode(block, codes, nullptr);
  } catch (const ItemOutOfRange& e) {
    throw ItemOutOfRange(encoded_ + e.row());
  }
  ids_.Add(codes);
  encoded_ += block.rows();
  if (encoded_ == all.rows()) result_.ids = ids_.statistics();
}

void EvaluationPass::ValidateBlock(const Model& model, const RowSource& validation) {
  const Index rows = std::min(kRowBlock, validation.rows() - validated_);
  Matrix block(rows, validation.dim()), scaled(rows, validation.dim());
  validation.ReadInOrder(validated_, block);
  const Losses losses = Evaluate(model, block);
  // Hopwise's reconstruction is a sum already.
  const auto n = static_cast<double>(rows);
  result_.reconstruction += (model.config().compat == Compat::kHopwise ? 1.0 : n) * losses.reconstruction;
  result_.quantize += n * losses.quantize;
  error_ += n * losses.square_error;
  model.scaler().Scale(model.store(), block, scaled);
  for (Index i = 0; i < rows; ++i) {
    energy_ = SquaredLengthInDouble(scaled.row(i).data(), scaled.cols(), energy_);
    for (Index j = 0; j < scaled.cols(); ++j) mean_[static_cast<size_t>(j)] += scaled(i, j);
  }
  validated_ += rows;
  if (validated_ < validation.rows()) return;
  const auto total = static_cast<double>(validation.rows());
  result_.validation_rows = validation.rows();
  result_.reconstruction /= total;
  result_.quantize /= total;
  double spread = energy_;  // around the rows' mean
  for (double sum : mean_) spread -= sum * sum / total;
  result_.explained_variance = spread > 0 ? 1 - error_ / spread : 0;
}

}  // namespace rqvae
