#include "losses.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "id_statistics.h"
#include "simd.h"
#include "sums.h"

namespace rqvae {
namespace {

// torch.nn.functional.cosine_similarity's eps.
constexpr double kCosineEpsilon = 1e-8;

// cos(y, x) of row i, with norms of at least kCosineEpsilon.
struct Cosine {
  double cosine;
  double y_norm;
  double x_norm;
};
Cosine CosineOf(const ConstMatrixRef& y, const ConstMatrixRef& x, Index i) {
  const RowProducts products = ProductsInDouble(x.row(i).data(), y.row(i).data(), y.cols());
  const double y_norm = std::max(std::sqrt(products.yy), kCosineEpsilon);
  const double x_norm = std::max(std::sqrt(products.xx), kCosineEpsilon);
  return {products.xy / (y_norm * x_norm), y_norm, x_norm};
}

}  // namespace

void RowLosses::Resize(Index n, Index levels) {
  for (auto* of_rows : {&square_error, &reconstruction, &latent_energy, &separation}) {
    of_rows->assign(static_cast<size_t>(n), 0.0);
  }
  embedding_norm.resize(CheckedSize(n, levels));
}

void MeasureReconstruction(const ModelConfig& config, const ConstMatrixRef& y, const ConstMatrixRef& x, Range rows,
                           RowLosses& losses) {
  for (Index i = rows.first; i < rows.first + rows.count; ++i) {
    const auto at = static_cast<size_t>(i);
    losses.square_error[at] = SquaredDistanceInDoubleLanes(y.row(i).data(), x.row(i).data(), y.cols()).InPairs();
    if (config.reconstruction == Reconstruction::kCosine) losses.reconstruction[at] = 1 - CosineOf(y, x, i).cosine;
  }
}

void Reconstruct(const ModelConfig& config, const ConstMatrixRef& y, const ConstMatrixRef& x, Range rows,
                 Index batch_size, RowLosses& losses, MatrixRef dy) {
  const float per_item = 1.0f / static_cast<float>(batch_size);
  const auto weight = static_cast<float>(config.reconstruction_weight);
  const float scale = 2 * weight * (config.compat == Compat::kHopwise ? 1.0f : per_item);
  // Row by row, so that the gradient finds the row in the cache.
  for (Index i = rows.first; i < rows.first + rows.count; ++i) {
    MeasureReconstruction(config, y, x, {i, 1}, losses);
    if (config.reconstruction == Reconstruction::kMse) {
      ForEachLane([scale](F32x4 of_y, F32x4 of_x) { return scale * (of_y - of_x); }, dy.middleRows(i, 1),
                  y.middleRows(i, 1), x.middleRows(i, 1));
      continue;
    }
    const Cosine c = CosineOf(y, x, i);
    const auto toward = static_cast<float>(-weight * per_item / (c.y_norm * c.x_norm));
    const auto along =
        static_cast<float>(c.y_norm > kCosineEpsilon ? weight * per_item * c.cosine / (c.y_norm * c.y_norm) : 0.0);
    dy.row(i) = toward * x.row(i) + along * y.row(i);
  }
}

void MeasureQuantization(const ResidualQuantizer& quantizer, const Matrix& z, const ResidualQuantizer::Tape& tape,
                         Range rows, RowLosses& losses) {
  const Index levels = quantizer.levels();
  for (Index i = rows.first; i < rows.first + rows.count; ++i) {
    losses.latent_energy[static_cast<size_t>(i)] = SquaredLengthInDoubleLanes(z.row(i).data(), z.cols()).InPairs();
    for (Index l = 0; l < levels; ++l) {
      const Matrix& codebook = quantizer.codebook(l);
      losses.embedding_norm[static_cast<size_t>(i * levels + l)] =
          std::sqrt(SquaredLengthInDoubleLanes(codebook.row(tape.codes(i, l)).data(), codebook.cols()).InPairs());
    }
  }
}

void BatchLosses::Add(const ModelConfig& config, const RowLosses& rows, const ResidualQuantizer::Tape& tape) {
  auto sum = [](const std::vector<double>& of_rows) { return std::accumulate(of_rows.begin(), of_rows.end(), 0.0); };
  const double square_error = sum(rows.square_error);
  sums_.square_error += square_error;
  sums_.latent_energy += sum(rows.latent_energy);
  sums_.reconstruction += config.reconstruction == Reconstruction::kCosine ? sum(rows.reconstruction) : square_error;
  sums_.separation += sum(rows.separation);
  const auto levels = static_cast<size_t>(config.levels());
  sums_.quantization_error.resize(levels);
  sums_.embedding_norm.resize(levels);
  for (size_t l = 0; l < levels; ++l) {
    double error = 0, norm = 0;
    for (size_t i = 0; i < rows.square_error.size(); ++i) {
      error += tape.error[l][static_cast<Index>(i)];
      norm += rows.embedding_norm[i * levels + l];
    }
    sums_.quantization_error[l] += error;
    sums_.embedding_norm[l] += norm;
  }
  codes_.insert(codes_.end(), tape.codes.data(), tape.codes.data() + tape.codes.size());
}

Losses BatchLosses::Means(const ModelConfig& config) const {
  Losses means = sums_;
  const Index batch_size = static_cast<Index>(codes_.size()) / config.levels();
  const auto n = static_cast<double>(batch_size);
  if (config.compat != Compat::kHopwise) means.reconstruction /= n;
  means.separation /= n;
  means.square_error /= n;
  means.latent_energy /= n;
  means.quantize = 0;
  for (double& error : means.quantization_error) {
    error /= n;
    means.quantize += (config.codebook_weight + config.commitment_weight) * error;
  }
  for (double& norm : means.embedding_norm) norm /= n;
  means.loss = config.reconstruction_weight * means.reconstruction + means.quantize + means.separation;
  means.distinct_ids = CountDistinct(Eigen::Map<const CodeMatrix>(codes_.data(), batch_size, config.levels()));
  return means;
}

void EpochLosses::Add(const Losses& losses, Index batch_size) {
  const auto n = static_cast<double>(batch_size);
  for (const auto field : kEpochLosses) sums_.*field += n * losses.*field;
  sums_.quantization_error.resize(losses.quantization_error.size());
  for (size_t l = 0; l < losses.quantization_error.size(); ++l) {
    sums_.quantization_error[l] += n * losses.quantization_error[l];
  }
}

Losses EpochLosses::Means(Index rows) const {
  Losses means = sums_;
  const auto n = static_cast<double>(rows);
  for (const auto field : kEpochLosses) means.*field /= n;
  for (double& error : means.quantization_error) error /= n;
  return means;
}

}  // namespace rqvae
