#include "residual_quantizer.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "gemm.h"
#include "parallel.h"
#include "random.h"
#include "simd.h"
#include "sinkhorn.h"
#include "sums.h"

namespace rqvae {

ResidualQuantizer::ResidualQuantizer(ParameterStore& store, QuantizerOptions options) : options_(std::move(options)) {
  const std::vector<Index>& sizes = options_.codebook_sizes;
  options_.sinkhorn_epsilon.resize(sizes.size(), 0.0);
  const Index d = options_.latent_dim;
  const bool fixed = (options_.sim_vq && !options_.hopwise) || ema();
  for (size_t l = 0; l < sizes.size(); ++l) {
    const std::string layer = "quantization_layers." + std::to_string(l);
    const Index k = sizes[l];
    embeddings_.push_back(store.Add(layer + ".embedding.weight", {k, d}, ParameterGroup::kCodebook, false, !fixed));
    projections_.push_back(
        options_.sim_vq ? store.Add(layer + ".out_proj.weight", {d, d}, ParameterGroup::kCodebook, false) : -1);
    if (ema()) {
      average_counts_.push_back(store.Add(layer + ".cluster_size", {k}, ParameterGroup::kState, false));
      average_sums_.push_back(store.Add(layer + ".embed_avg", {k, d}, ParameterGroup::kState, false));
    }
  }
}

void ResidualQuantizer::Allocate() {
  searchable_.resize(embeddings_.size());
  for (const Index k : options_.codebook_sizes) codebooks_.emplace_back(k, options_.latent_dim);
}

Index ResidualQuantizer::size() const {
  Index size = options_.encode_beam > 1 ? CodeProducts::Size(options_.codebook_sizes) : 0;
  for (const Index k : options_.codebook_sizes)
    size += k * (options_.latent_dim + 1) + SearchableCodebook::Size(k, options_.latent_dim);
  return size;
}

Index ResidualQuantizer::gradients_size() const {
  Index size = 0;
  for (const Index k : options_.codebook_sizes) size += k * (options_.latent_dim + (ema() ? 1 : 0));
  return size;
}

void ResidualQuantizer::Initialize(ParameterStore& store, uint64_t seed) const {
  for (size_t l = 0; l < embeddings_.size(); ++l) {
    Random random(seed, Stream::kCodebook, l);
    MatrixMap embedding = store.value(embeddings_[l]);
    for (Index i = 0; i < embedding.rows(); ++i) {
      for (Index j = 0; j < embedding.cols(); ++j) embedding(i, j) = static_cast<float>(random.Normal());
    }
    if (projections_[l] < 0) continue;
    MatrixMap projection = store.value(projections_[l]);
    if (!options_.hopwise && options_.kmeans_init) {
      projection.setIdentity();
      continue;
    }
    const float bound = static_cast<float>(1.0 / std::sqrt(static_cast<double>(projection.cols())));
    for (Index i = 0; i < projection.rows(); ++i) {
      for (Index j = 0; j < projection.cols(); ++j) projection(i, j) = random.Uniform(-bound, bound);
    }
  }
}

void ResidualQuantizer::Prepare(const ParameterStore& store) {
  for (size_t l = 0; l < embeddings_.size(); ++l) {
    if (projections_[l] < 0) {
      codebooks_[l] = store.value(embeddings_[l]);
    } else {
      MultiplyTransposed(store.value(embeddings_[l]), store.value(projections_[l]), codebooks_[l]);
    }
    searchable_[l].Prepare(codebooks_[l]);
  }
  if (options_.encode_beam > 1) products_.Prepare(searchable_);
}

void ResidualQuantizer::Resize(Index n, Tape& tape) const {
  tape.codes.resize(n, levels());
  tape.residuals.resize(embeddings_.size() + 1);
  for (Matrix& residual : tape.residuals) residual.resize(n, codebooks_[0].cols());
  tape.error.resize(embeddings_.size());
  for (Vector& error : tape.error) error.resize(n);
}

void ResidualQuantizer::Forward(const ConstMatrixRef& z, const CodeMatrix* codes, Range rows, Tape& tape,
                                MatrixRef quantized) const {
  const Index end = rows.first + rows.count;
  auto own = tape.codes.middleRows(rows.first, rows.count);
  if (codes != nullptr) {
    own = codes->middleRows(rows.first, rows.count);
  } else {
    Encode(z.middleRows(rows.first, rows.count), own, nullptr);
  }
  tape.residuals[0].middleRows(rows.first, rows.count) = z.middleRows(rows.first, rows.count);
  for (size_t l = 0; l < embeddings_.size(); ++l) {
    const Matrix& r = tape.residuals[l];
    Matrix& next = tape.residuals[l + 1];
    for (Index i = rows.first; i < end; ++i) {
      const float* const code = codebooks_[l].row(tape.codes(i, static_cast<Index>(l))).data();
      Subtract(r.row(i).data(), code, z.cols(), next.row(i).data());
      tape.error[l][i] = SquaredLength(next.row(i).data(), z.cols());
    }
  }
  Lookup(own, quantized.middleRows(rows.first, rows.count));
}

void ResidualQuantizer::Lookup(const ConstCodeMatrixRef& codes, MatrixRef quantized) const {
  for (Index i = 0; i < codes.rows(); ++i) {
    quantized.row(i) = codebooks_[0].row(codes(i, 0));
    for (Index l = 1; l < levels(); ++l) quantized.row(i) += codebooks_[static_cast<size_t>(l)].row(codes(i, l));
  }
}

void ResidualQuantizer::Encode(const ConstMatrixRef& z, CodeMatrixRef codes, MatrixRef* margins) const {
  if (options_.encode_beam == 1) {
    EncodeGreedily(z, codes, margins);
    return;
  }
  Search(z, options_.encode_beam, 1, codes, nullptr);
  if (margins != nullptr) MeasureMargins(z, codes, *margins);
}

void ResidualQuantizer::EncodeGreedily(const ConstMatrixRef& z, CodeMatrixRef codes, MatrixRef* margins) const {
  Matrix r = z;
  std::vector<uint32_t> nearest(static_cast<size_t>(z.rows()));
  Vector gaps(margins == nullptr ? 0 : z.rows());
  for (Index l = 0; l < levels(); ++l) {
    FindNearest(searchable_[static_cast<size_t>(l)], r, nearest.data(), margins == nullptr ? nullptr : gaps.data());
    for (Index i = 0; i < z.rows(); ++i) codes(i, l) = nearest[static_cast<size_t>(i)];
    SubtractCodes(l, codes, r);
    if (margins != nullptr) margins->col(l) = gaps;
  }
}

// The margins of codes that a beam search chose.
void ResidualQuantizer::MeasureMargins(const ConstMatrixRef& z, const ConstCodeMatrixRef& codes,
                                       MatrixRef margins) const {
  Matrix r = z;
  std::vector<uint32_t> nearest(static_cast<size_t>(z.rows()));
  Vector gaps(z.rows());
  for (Index l = 0; l < levels(); ++l) {
    const Matrix& codebook = codebooks_[static_cast<size_t>(l)];
    FindNearest(searchable_[static_cast<size_t>(l)], r, nearest.data(), gaps.data());
    for (Index i = 0; i < z.rows(); ++i) {
      const uint32_t near = nearest[static_cast<size_t>(i)];
      if (near == codes(i, l)) continue;
      // The nearest other code is the nearest of all.
      float difference = 0;
      for (Index j = 0; j < z.cols(); ++j) {
        const float to_near = r(i, j) - codebook(near, j), to_chosen = r(i, j) - codebook(codes(i, l), j);
        difference += to_near * to_near - to_chosen * to_chosen;
      }
      gaps[i] = std::min(difference, 0.0f);
    }
    SubtractCodes(l, codes, r);
    margins.col(l) = gaps;
  }
}

// r -= q_l.
void ResidualQuantizer::SubtractCodes(Index level, const ConstCodeMatrixRef& codes, Matrix& r) const {
  const Matrix& codebook = codebooks_[static_cast<size_t>(level)];
  for (Index i = 0; i < r.rows(); ++i) {
    float* const row = r.row(i).data();
    Subtract(row, codebook.row(codes(i, level)).data(), r.cols(), row);
  }
}

void ResidualQuantizer::Candidates(const ConstMatrixRef& z, Index count, CodeMatrixRef codes, float* errors) const {
  Search(z, std::max(count, options_.encode_beam), count, codes, errors);
}

// Beam search of this width. A greedy quantiser does not need the weight: its first code is always the nearest.
void ResidualQuantizer::Search(const ConstMatrixRef& z, Index width, Index keep, CodeMatrixRef codes,
                               float* errors) const {
  const float weight = options_.encode_beam > 1 ? options_.first_code_weight : 0.0f;
  BeamSearch({codebooks_, searchable_, products_, width, keep, weight}, z, codes, errors);
}

void ResidualQuantizer::AssignBatch(const ConstMatrixRef& z, CodeMatrixRef codes) const {
  const Index n = z.rows();
  Matrix r = z;
  std::vector<uint32_t> assigned(static_cast<size_t>(n));
  for (Index l = 0; l < levels(); ++l) {
    const double epsilon = options_.sinkhorn_epsilon[static_cast<size_t>(l)];
    if (epsilon > 0) {
      Matrix cost = Distances(l, r);
      AssignBalanced(epsilon, options_.sinkhorn_iterations, cost, assigned.data());
    } else {
      FindNearest(searchable_[static_cast<size_t>(l)], r, assigned.data(), nullptr);
    }
    for (Index i = 0; i < n; ++i) codes(i, l) = assigned[static_cast<size_t>(i)];
    SubtractCodes(l, codes, r);
  }
}

// ||r - c||^2 of every row and code of a level.  r: n x d -> n x K.
Matrix ResidualQuantizer::Distances(Index level, const Matrix& r) const {
  const SearchableCodebook& codebook = searchable_[static_cast<size_t>(level)];
  const Matrix centred = r.rowwise() - codebook.mean.transpose();
  Matrix distances(r.rows(), codebook.centred.rows());
  MultiplyTransposed(centred, codebook.packed(), distances);
  for (Index i = 0; i < r.rows(); ++i) {
    const float length = SquaredLength(centred.row(i).data(), centred.cols());
    distances.row(i) = length + 2 * (codebook.half_norm.transpose() - distances.row(i)).array();
  }
  return distances;
}

void ResidualQuantizer::SetCodebook(ParameterStore& store, Index level, const ConstMatrixRef& centers) const {
  const auto l = static_cast<size_t>(level);
  store.value(embeddings_[l]) = centers;
  if (projections_[l] >= 0 && !options_.hopwise) store.value(projections_[l]).setIdentity();
  if (ema()) store.value(average_counts_[l]).setZero();  // to be computed again
}

void ResidualQuantizer::SetCode(ParameterStore& store, Index level, Index code, const ConstVectorRef& vector) const {
  const auto l = static_cast<size_t>(level);
  store.value(embeddings_[l]).row(code) = vector.transpose();
  if (ema()) {
    store.value(average_counts_[l])(code, 0) = 1;
    store.value(average_sums_[l]).row(code) = vector.transpose();
  }
}

void ResidualQuantizer::ZeroGradients(Gradients& gradients) const {
  const std::vector<Index>& sizes = options_.codebook_sizes;
  gradients.codebooks.resize(sizes.size());
  gradients.counts.resize(ema() ? sizes.size() : 0);
  for (size_t l = 0; l < sizes.size(); ++l) {
    gradients.codebooks[l].setZero(sizes[l], options_.latent_dim);
    if (ema()) gradients.counts[l].setZero(sizes[l]);
  }
}

// J^T g = lambda (g - 2 s (s.g) + 2 e (u.g)), in place.
void ResidualQuantizer::RotateGradient(const ConstMatrixRef& z, const ConstMatrixRef& quantized, MatrixRef dz) {
  const Index d = z.cols();
  for (Index i = 0; i < z.rows(); ++i) {
    const double z_square = SquaredLengthInDouble(z.row(i).data(), d);
    const double q_square = SquaredLengthInDouble(quantized.row(i).data(), d);
    if (z_square <= 0 || q_square <= 0) continue;
    const double z_norm = std::sqrt(z_square), q_norm = std::sqrt(q_square);
    double s_square = 0, s_dot = 0, u_dot = 0;
    for (Index j = 0; j < d; ++j) {
      const double u = quantized(i, j) / q_norm, s = z(i, j) / z_norm + u;
      s_square += s * s;
      s_dot += s * dz(i, j);
      u_dot += u * dz(i, j);
    }
    if (s_square < 1e-12) continue;  // opposite directions: no rotation of least angle
    const double lambda = q_norm / z_norm;
    for (Index j = 0; j < d; ++j) {
      const double e = z(i, j) / z_norm, s = e + quantized(i, j) / q_norm;
      dz(i, j) = static_cast<float>(lambda * (dz(i, j) - 2 * s * s_dot / s_square + 2 * e * u_dot));
    }
  }
}

void ResidualQuantizer::Backward(const Tape& tape, const ConstMatrixRef& quantized, const ConstMatrixRef& dquantized,
                                 float scale, Range rows, MatrixRef all_dz) const {
  auto own = [rows](const auto& m) { return m.middleRows(rows.first, rows.count); };
  MatrixRef dz = all_dz.middleRows(rows.first, rows.count);
  dz = own(dquantized);
  if (options_.estimator == GradientEstimator::kRotation) RotateGradient(own(tape.residuals[0]), own(quantized), dz);
  const float commitment = 2 * scale * options_.commitment_weight;
  if (commitment == 0) return;
  for (size_t l = 0; l < embeddings_.size(); ++l) {
    if (l == 0 || !options_.hopwise) dz += commitment * own(tape.residuals[l + 1]);  // r_l - q_l
  }
}

void ResidualQuantizer::AddGradients(const Tape& tape, const ConstMatrixRef& dquantized, float scale, Index part,
                                     Index parts, Gradients& gradients) const {
  const float weight = 2 * scale * options_.codebook_weight;
  for (size_t l = 0; l < embeddings_.size(); ++l) {
    const Range own = PartOf(gradients.codebooks[l].rows(), part, parts);
    // This block's sums start from zero and are then added, as everywhere (matrix.h).
    Matrix block = Matrix::Zero(own.count, gradients.codebooks[l].cols());
    for (Index i = 0; i < dquantized.rows(); ++i) {
      const Index code = static_cast<Index>(tape.codes(i, static_cast<Index>(l))) - own.first;
      if (code < 0 || code >= own.count) continue;
      auto target = block.row(code);
      if (ema()) {
        target += tape.residuals[l].row(i);
        gradients.counts[l][own.first + code] += 1;
        continue;
      }
      target -= weight * tape.residuals[l + 1].row(i);  // r_l - q_l
      if (options_.gradient == CodebookGradient::kJoint) target += dquantized.row(i);
    }
    gradients.codebooks[l].middleRows(own.first, own.count) += block;
  }
}

void ResidualQuantizer::UpdateAverages(ParameterStore& store, const Gradients& gradients) const {
  constexpr float kEpsilon = 1e-5f;
  for (size_t l = 0; l < average_counts_.size(); ++l) {
    MatrixMap counts = store.value(average_counts_[l]), sums = store.value(average_sums_[l]);
    MatrixMap embedding = store.value(embeddings_[l]);
    const auto codes = static_cast<float>(embedding.rows());
    if (counts.isZero(0)) {
      counts.setOnes();
      sums = embedding;
    }
    counts = options_.ema_decay * counts + (1 - options_.ema_decay) * gradients.counts[l];
    sums = options_.ema_decay * sums + (1 - options_.ema_decay) * gradients.codebooks[l];
    float total = 0;
    for (Index k = 0; k < counts.rows(); ++k) total += counts(k, 0);
    for (Index k = 0; k < counts.rows(); ++k) {
      embedding.row(k) = sums.row(k) / ((counts(k, 0) + kEpsilon) / (total + codes * kEpsilon) * total);
    }
  }
}

void ResidualQuantizer::FinishBackward(const ParameterStore& store, const Gradients& gradients,
                                       Vector& of_parameters) const {
  if (ema()) return;
  auto of = [&](Index handle) { return store.View(of_parameters, handle); };
  for (size_t l = 0; l < embeddings_.size(); ++l) {
    const Matrix& gradient = gradients.codebooks[l];
    if (projections_[l] < 0) {
      of(embeddings_[l]) += gradient;
      continue;
    }
    // C = E W^T:  dE = dC W,  dW = dC^T E.
    Matrix embedding_gradient(gradient.rows(), gradient.cols());
    Multiply(gradient, store.value(projections_[l]), embedding_gradient);
    of(embeddings_[l]) += embedding_gradient;
    AccumulateTransposedProduct(gradient, store.value(embeddings_[l]), of(projections_[l]));
  }
}

}  // namespace rqvae
