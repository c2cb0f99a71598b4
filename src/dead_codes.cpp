#include "dead_codes.h"

#include <algorithm>
#include <utility>

namespace rqvae {

DeadCodes::DeadCodes(const ModelConfig& config, bool restarts) : latent_dim_(config.latent_dim), restarts_(restarts) {
  for (const Index size : config.codebook_sizes) {
    levels_.push_back({std::vector<int64_t>(static_cast<size_t>(size)), {}});
  }
  step_ = levels_;
}

void DeadCodes::Keep(std::vector<Candidate>& worst, size_t most, Candidate candidate) {
  auto before = [](const Candidate& a, const Candidate& b) {
    return a.error != b.error ? a.error > b.error : a.row < b.row;
  };
  const auto at = std::lower_bound(worst.begin(), worst.end(), candidate, before);
  worst.insert(at, std::move(candidate));
  if (worst.size() > most) worst.pop_back();
}

void DeadCodes::Observe(const ResidualQuantizer::Tape& tape, const uint32_t* rows) {
  for (size_t l = 0; l < step_.size(); ++l) {
    Level& level = step_[l];
    const size_t most = level.counts.size();
    for (Index i = 0; i < tape.codes.rows(); ++i) {
      ++level.counts[tape.codes(i, static_cast<Index>(l))];
      if (!restarts_) continue;
      const float error = tape.error[l][i];
      if (!(error > 0) || (level.worst.size() == most && error < level.worst.back().error)) continue;
      Keep(level.worst, most, {error, rows[i], tape.residuals[l].row(i).transpose()});
    }
  }
}

void DeadCodes::CommitStep() {
  for (size_t l = 0; l < levels_.size(); ++l) {
    for (size_t k = 0; k < levels_[l].counts.size(); ++k) levels_[l].counts[k] += step_[l].counts[k];
    for (Candidate& candidate : step_[l].worst) {
      Keep(levels_[l].worst, levels_[l].counts.size(), std::move(candidate));
    }
  }
  DiscardStep();
}

void DeadCodes::DiscardStep() {
  for (Level& level : step_) {
    std::fill(level.counts.begin(), level.counts.end(), 0);
    level.worst.clear();
  }
}

void DeadCodes::Clear() {
  for (Level& level : levels_) {
    std::fill(level.counts.begin(), level.counts.end(), 0);
    level.worst.clear();
  }
}

Index DeadCodes::dead(Index level) const {
  const std::vector<int64_t>& counts = levels_[static_cast<size_t>(level)].counts;
  return static_cast<Index>(std::count(counts.begin(), counts.end(), 0));
}

std::vector<Index> DeadCodes::Restart(RqVae& model, Optimizer& optimizer) {
  std::vector<Index> moved;
  for (size_t l = 0; l < levels_.size(); ++l) {
    const Level& level = levels_[l];
    size_t next = 0;
    moved.push_back(0);
    for (size_t k = 0; k < level.counts.size(); ++k) {
      if (level.counts[k] != 0) continue;
      auto repeated = [&](size_t i) {
        return std::any_of(level.worst.begin(), level.worst.begin() + static_cast<std::ptrdiff_t>(i),
                           [&](const Candidate& other) { return other.residual == level.worst[i].residual; });
      };
      while (next < level.worst.size() && repeated(next)) ++next;
      if (next == level.worst.size()) break;
      model.ReplaceCode(static_cast<Index>(l), static_cast<Index>(k), level.worst[next].residual);
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
