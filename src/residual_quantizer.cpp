#include "residual_quantizer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

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

ResidualQuantizer::ResidualQuantizer(ParameterStore& store, const ModelConfig& config)
    : gradient_(config.codebook_gradient),
      compat_(config.compat),
      commitment_weight_(static_cast<float>(config.commitment_weight)) {
  const Index d = config.latent_dim;
  for (Index l = 0; l < config.levels(); ++l) {
    const std::string layer = "quantization_layers." + std::to_string(l);
    const Index k = config.codebook_sizes[static_cast<size_t>(l)];
    embeddings_.push_back(store.Add(layer + ".embedding.weight", {k, d}, ParameterGroup::kCodebook, false));
    projections_.push_back(
        config.codebook_sim_vq ? store.Add(layer + ".out_proj.weight", {d, d}, ParameterGroup::kCodebook, false) : -1);
    codebooks_.emplace_back(k, d);
    codebook_gradients_.emplace_back(Matrix::Zero(k, d));
  }
  searchable_.resize(embeddings_.size());
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
}

void ResidualQuantizer::Forward(const ConstMatrixRef& z, Tape& tape, MatrixRef quantized) const {
  const Index n = z.rows(), d = z.cols();
  const size_t levels = embeddings_.size();
  tape.codes.resize(n, this->levels());
  tape.residuals.resize(levels + 1);
  tape.error.resize(levels);
  tape.residuals[0] = z;
  std::vector<uint32_t> codes(static_cast<size_t>(n));
  for (size_t l = 0; l < levels; ++l) {
    const Matrix& r = tape.residuals[l];
    Matrix& next = tape.residuals[l + 1];
    next.resize(n, d);
    tape.error[l].resize(n);
    FindNearest(searchable_[l], r, codes.data(), nullptr);
    for (Index i = 0; i < n; ++i) {
      const uint32_t code = codes[static_cast<size_t>(i)];
      tape.codes(i, static_cast<Index>(l)) = code;
      const auto q = codebooks_[l].row(code);
      next.row(i) = r.row(i) - q;
      float error = 0;
      for (Index j = 0; j < d; ++j) error += next(i, j) * next(i, j);
      tape.error[l][i] = error;
    }
  }
  Lookup(tape.codes, quantized);
}

void ResidualQuantizer::Lookup(const ConstCodeMatrixRef& codes, MatrixRef quantized) const {
  for (Index i = 0; i < codes.rows(); ++i) {
    quantized.row(i) = codebooks_[0].row(codes(i, 0));
    for (Index l = 1; l < levels(); ++l) quantized.row(i) += codebooks_[static_cast<size_t>(l)].row(codes(i, l));
  }
}

void ResidualQuantizer::Encode(const ConstMatrixRef& z, CodeMatrixRef codes, MatrixRef* margins) const {
  const Index n = z.rows();
  Matrix r = z;
  std::vector<uint32_t> level_codes(static_cast<size_t>(n));
  Vector level_margins(margins == nullptr ? 0 : n);
  for (Index l = 0; l < levels(); ++l) {
    FindNearest(searchable_[static_cast<size_t>(l)], r, level_codes.data(),
                margins == nullptr ? nullptr : level_margins.data());
    for (Index i = 0; i < n; ++i) {
      codes(i, l) = level_codes[static_cast<size_t>(i)];
      r.row(i) -= codebooks_[static_cast<size_t>(l)].row(codes(i, l));
    }
    if (margins != nullptr) margins->col(l) = level_margins;
  }
}

void ResidualQuantizer::ZeroGradients() {
  for (Matrix& gradient : codebook_gradients_) gradient.setZero();
}

void ResidualQuantizer::Backward(const Tape& tape, const ConstMatrixRef& dquantized, float scale, MatrixRef dz) {
  const Index n = dquantized.rows();
  dz = dquantized;
  const float commitment = 2 * scale * commitment_weight_;
  Matrix block;
  for (size_t l = 0; l < embeddings_.size(); ++l) {
    const Matrix& left = tape.residuals[l + 1];  // r_l - q_l
    if (commitment != 0 && (l == 0 || compat_ != Compat::kHopwise)) dz += commitment * left;
    // This block's sums start from zero and are then added, as everywhere (matrix.h).
    block.setZero(codebook_gradients_[l].rows(), codebook_gradients_[l].cols());
    for (Index i = 0; i < n; ++i) {
      auto target = block.row(tape.codes(i, static_cast<Index>(l)));
      target -= (2 * scale) * left.row(i);
      if (gradient_ == CodebookGradient::kJoint) target += dquantized.row(i);
    }
    codebook_gradients_[l] += block;
  }
}

void ResidualQuantizer::FinishBackward(ParameterStore& store) {
  const ParameterStore& values = store;
  for (size_t l = 0; l < embeddings_.size(); ++l) {
    const Matrix& gradient = codebook_gradients_[l];
    if (projections_[l] < 0) {
      store.gradient(embeddings_[l]) += gradient;
      continue;
    }
    // C = E W^T:  dE = dC W,  dW = dC^T E.
    Matrix embedding_gradient(gradient.rows(), gradient.cols());
    Multiply(gradient, values.value(projections_[l]), embedding_gradient);
    store.gradient(embeddings_[l]) += embedding_gradient;
    AccumulateTransposedProduct(gradient, values.value(embeddings_[l]), store.gradient(projections_[l]));
  }
}

}  // namespace rqvae
