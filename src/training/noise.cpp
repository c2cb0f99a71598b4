#include "noise.h"

#include <algorithm>

#include "random.h"

namespace rqvae {
namespace {

// Rows of the pool: enough that a row seldom gets the same one twice.
constexpr Index kPoolRows = 4096;

}  // namespace

void ResidualNoise::Begin(Index training_rows, Index dim) {
  pool_.resize(std::min(kPoolRows, training_rows), dim);
  next_ = 0;
}

bool ResidualNoise::Advance(const Model& model, const RowSource& training) {
  if (sample_.empty()) {
    if (!sampler_) {
      sampler_ = std::make_unique<RowSampler>(model.config().seed, Stream::kResidual, training.rows(), pool_.rows());
    }
    if (sampler_->Advance()) return true;
    sample_ = sampler_->Take();
    sampler_.reset();
  }
  const Index rows = std::min(kRowBlock, pool_.rows() - next_);
  Matrix items(rows, training.dim()), scaled(rows, training.dim()), reconstructed(rows, training.dim());
  training.ReadListed(sample_, next_, items);
  try {
    model.Reconstruct(items, scaled, reconstructed);
  } catch (const ItemOutOfRange& e) {
    throw ItemOutOfRange(sample_[static_cast<size_t>(next_ + e.row())]);
  }
  pool_.middleRows(next_, rows) = scaled - reconstructed;
  next_ += rows;
  if (next_ < pool_.rows()) return true;
  sample_ = {};
  return false;
}

void ResidualNoise::Add(uint64_t seed, uint64_t step, const uint32_t* row_ids, MatrixRef x) const {
  const auto pool = static_cast<uint64_t>(pool_.rows());
  for (Index i = 0; i < x.rows(); ++i) {
    const uint64_t hash = Hash(seed, Stream::kResidual, step, row_ids[i]);
    const auto chosen = static_cast<Index>(((hash >> 32) * pool) >> 32);
    x.row(i) += ((hash & 1) != 0 ? factor_ : -factor_) * pool_.row(chosen);
  }
}

void ResidualNoise::Visit(Archive& archive, Index dim) {
  Vector pool = Eigen::Map<const Vector>(pool_.data(), pool_.size());
  archive.Visit(pool);
  if (!archive.reading()) return;
  if (pool.size() % dim != 0) Archive::Fail();
  pool_ = Eigen::Map<const Matrix>(pool.data(), pool.size() / dim, dim);
}

}  // namespace rqvae
