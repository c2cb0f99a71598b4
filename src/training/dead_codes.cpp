#include "dead_codes.h"

#include <algorithm>

#include "id_table.h"
#include "sorting.h"

namespace rqvae {

DeadCodes::DeadCodes(const ModelConfig& config, bool restarts) : latent_dim_(config.latent_dim), restarts_(restarts) {
  levels_.resize(config.codebook_sizes.size());
  step_.resize(levels_.size());
  for (size_t l = 0; l < levels_.size(); ++l) {
    const auto codes = static_cast<size_t>(config.codebook_sizes[l]);
    levels_[l].counts.resize(codes);
    step_[l].counts.resize(codes);
  }
}

void DeadCodes::Keep(Level& level, float error, uint32_t row_id, const float* residual) const {
  if (error < level.least) return;
  level.errors.push_back(error);
  level.row_ids.push_back(row_id);
  level.residuals.insert(level.residuals.end(), residual, residual + latent_dim_);
  if (level.row_ids.size() >= 2 * level.counts.size()) Sort(level);  // once for every K rows kept
}

void DeadCodes::Sort(Level& level) const {
  std::vector<KeyedRow> order;
  order.reserve(level.row_ids.size());
  for (size_t i = 0; i < level.row_ids.size(); ++i) {
    order.push_back({OrderedKey(-level.errors[i]) << 32 | level.row_ids[i], static_cast<uint32_t>(i)});
  }
  SortRows(order);
  if (order.size() > level.counts.size()) order.resize(level.counts.size());
  Level sorted;
  for (const KeyedRow& one : order) {
    sorted.errors.push_back(level.errors[one.row]);
    sorted.row_ids.push_back(level.row_ids[one.row]);
    const float* residual = level.residuals.data() + static_cast<size_t>(latent_dim_) * one.row;
    sorted.residuals.insert(sorted.residuals.end(), residual, residual + latent_dim_);
  }
  if (order.size() == level.counts.size()) level.least = sorted.errors.back();
  level.errors.swap(sorted.errors);
  level.row_ids.swap(sorted.row_ids);
  level.residuals.swap(sorted.residuals);
}

void DeadCodes::Observe(const ResidualQuantizer::Tape& tape, const uint32_t* row_ids) {
  for (size_t l = 0; l < step_.size(); ++l) {
    Level& level = step_[l];
    for (Index i = 0; i < tape.codes.rows(); ++i) {
      ++level.counts[tape.codes(i, static_cast<Index>(l))];
      const float error = tape.error[l][i];
      if (restarts_ && error > 0) Keep(level, error, row_ids[i], tape.residuals[l].row(i).data());
    }
  }
}

void DeadCodes::CommitStep() {
  for (size_t l = 0; l < levels_.size(); ++l) {
    const Level& step = step_[l];
    for (size_t k = 0; k < step.counts.size(); ++k) levels_[l].counts[k] += step.counts[k];
    for (size_t i = 0; i < step.row_ids.size(); ++i) {
      Keep(levels_[l], step.errors[i], step.row_ids[i], step.residuals.data() + static_cast<size_t>(latent_dim_) * i);
    }
  }
  DiscardStep();
}

void DeadCodes::Clear(Level& level) {
  std::fill(level.counts.begin(), level.counts.end(), 0);
  level.errors.clear();
  level.row_ids.clear();
  level.residuals.clear();
  level.least = 0;
}

void DeadCodes::DiscardStep() {
  for (Level& level : step_) Clear(level);
}

void DeadCodes::Clear() {
  for (Level& level : levels_) Clear(level);
}

Index DeadCodes::dead(Index level) const {
  const std::vector<int64_t>& counts = levels_[static_cast<size_t>(level)].counts;
  return static_cast<Index>(std::count(counts.begin(), counts.end(), 0));
}

std::vector<Index> DeadCodes::Restart(Model& model, Optimizer& optimizer) {
  std::vector<Index> moved;
  for (size_t l = 0; l < levels_.size(); ++l) {
    Level& level = levels_[l];
    Sort(level);
    DistinctRows taken(latent_dim_);  // residuals
    size_t next = 0;
    auto residual = [&] { return level.residuals.data() + static_cast<size_t>(latent_dim_) * next; };
    moved.push_back(0);
    for (size_t k = 0; k < level.counts.size(); ++k) {
      if (level.counts[k] != 0) continue;
      while (next < level.row_ids.size() && !taken.Add(residual())) ++next;
      if (next == level.row_ids.size()) break;
      model.ReplaceCode(static_cast<Index>(l), static_cast<Index>(k),
                        Eigen::Map<const Vector>(residual(), latent_dim_));
      optimizer.Forget(model.store(), model.quantizer().embedding(static_cast<Index>(l)), static_cast<Index>(k));
      ++next;
      ++moved.back();
    }
  }
  model.ParametersChanged();
  Clear();
  return moved;
}

void DeadCodes::Visit(Archive& archive) {
  for (Level& level : levels_) {
    Sort(level);  // so that equal states have equal bytes
    const size_t codes = level.counts.size();
    archive.Visit(level.counts);
    archive.Visit(level.errors);
    archive.Visit(level.row_ids);
    archive.Visit(level.residuals);
    if (level.counts.size() != codes || level.row_ids.size() > codes || level.errors.size() != level.row_ids.size() ||
        level.residuals.size() != level.row_ids.size() * static_cast<size_t>(latent_dim_)) {
      Archive::Fail();
    }
  }
}

}  // namespace rqvae
