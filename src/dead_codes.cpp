#include "dead_codes.h"

#include <algorithm>
#include <utility>

#include "id_table.h"

namespace rqvae {

DeadCodes::DeadCodes(const ModelConfig& config, bool restarts) : latent_dim_(config.latent_dim), restarts_(restarts) {
  for (const Index size : config.codebook_sizes) {
    levels_.push_back({std::vector<int64_t>(static_cast<size_t>(size)), {}});
  }
  step_ = levels_;
}

// By falling error; ties: the lowest row.
bool DeadCodes::Before(const Candidate& a, const Candidate& b) {
  return a.error != b.error ? a.error > b.error : a.row < b.row;
}

void DeadCodes::Keep(Level& level, Candidate candidate) {
  if (candidate.error < level.least) return;
  level.worst.push_back(std::move(candidate));
  if (level.worst.size() >= 2 * level.counts.size()) KeepMost(level);
}

// Leaves the K first, by one pass for every K candidates that came.
void DeadCodes::KeepMost(Level& level) {
  const size_t most = level.counts.size();
  if (level.worst.size() <= most) return;
  const auto end = level.worst.begin() + static_cast<std::ptrdiff_t>(most);
  std::nth_element(level.worst.begin(), end - 1, level.worst.end(), Before);
  level.least = (end - 1)->error;
  level.worst.erase(end, level.worst.end());
}

void DeadCodes::Sort(Level& level) {
  KeepMost(level);
  std::sort(level.worst.begin(), level.worst.end(), Before);
}

void DeadCodes::Observe(const ResidualQuantizer::Tape& tape, const uint32_t* rows) {
  for (size_t l = 0; l < step_.size(); ++l) {
    Level& level = step_[l];
    for (Index i = 0; i < tape.codes.rows(); ++i) {
      ++level.counts[tape.codes(i, static_cast<Index>(l))];
      if (!restarts_) continue;
      const float error = tape.error[l][i];
      if (!(error > 0) || error < level.least) continue;
      Keep(level, {error, rows[i], tape.residuals[l].row(i).transpose()});
    }
  }
}

void DeadCodes::CommitStep() {
  for (size_t l = 0; l < levels_.size(); ++l) {
    for (size_t k = 0; k < levels_[l].counts.size(); ++k) levels_[l].counts[k] += step_[l].counts[k];
    for (Candidate& candidate : step_[l].worst) Keep(levels_[l], std::move(candidate));
  }
  DiscardStep();
}

void DeadCodes::DiscardStep() {
  for (Level& level : step_) {
    std::fill(level.counts.begin(), level.counts.end(), 0);
    level.worst.clear();
    level.least = 0;
  }
}

void DeadCodes::Clear() {
  for (Level& level : levels_) {
    std::fill(level.counts.begin(), level.counts.end(), 0);
    level.worst.clear();
    level.least = 0;
  }
}

Index DeadCodes::dead(Index level) const {
  const std::vector<int64_t>& counts = levels_[static_cast<size_t>(level)].counts;
  return static_cast<Index>(std::count(counts.begin(), counts.end(), 0));
}

std::vector<Index> DeadCodes::Restart(RqVae& model, Optimizer& optimizer) {
  std::vector<Index> moved;
  for (size_t l = 0; l < levels_.size(); ++l) {
    Level& level = levels_[l];
    Sort(level);
    DistinctRows taken(latent_dim_);  // residuals
    auto next = level.worst.begin();
    moved.push_back(0);
    for (size_t k = 0; k < level.counts.size(); ++k) {
      if (level.counts[k] != 0) continue;
      while (next != level.worst.end() && !taken.Add(next->residual.data())) ++next;
      if (next == level.worst.end()) break;
      model.ReplaceCode(static_cast<Index>(l), static_cast<Index>(k), next->residual);
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
    if (level.counts.size() != codes) Archive::Fail();
    uint64_t size = level.worst.size();
    archive.Visit(size);
    if (archive.reading()) {
      if (size > codes) Archive::Fail();
      level.worst.resize(size);
    }
    for (Candidate& candidate : level.worst) {
      archive.Visit(candidate.error);
      archive.Visit(candidate.row);
      archive.Visit(candidate.residual);
      if (candidate.residual.size() != latent_dim_) Archive::Fail();
    }
  }
}

}  // namespace rqvae
