// The losses of a batch, and where their gradient starts.
//
//   loss = mean over items of [ w rec(y, x~) + sum_l ( w_c ||sg(r_l) - q_l||^2 + beta ||r_l - sg(q_l)||^2 ) +
//   separation ] rec(y, x~) = ||y - x~||^2 or 1 - cos(y, x~), as in torch.nn.functional.cosine_similarity (norms of
//   at least 1e-8)
//
// Both terms are squared L2 norms per item, then a mean over the batch: the objective depends neither on the batch size
// nor on duplicated rows.
//
// Compat::kHopwise: the reconstruction ||y - x~||^2 is summed over batch *and* features.
#ifndef RQVAE_LOSSES_H_
#define RQVAE_LOSSES_H_

#include <vector>

#include "config.h"
#include "matrix.h"
#include "residual_quantizer.h"

namespace rqvae {

// Means over the batch, in double.
struct Losses {
  double loss = 0;            // w * reconstruction + quantize + separation (hopwise: the sum over the batch + the mean)
  double reconstruction = 0;  // rec(y, x~) (hopwise: its sum over the batch)
  double quantize = 0;        // sum_l (w_c + beta) ||r_l - q_l||^2
  double separation = 0;      // see separation.h
  double square_error = 0;    // ||y - x~||^2, whatever rec is
  double latent_energy = 0;   // ||z||^2
  std::vector<double>
      quantization_error;              // per level: ||r_l - q_l||^2; codebook and commitment loss both have this value
  std::vector<double> embedding_norm;  // per level: ||q_l||
  Index distinct_ids = 0;              // of the batch
};

// The scalar fields whose means an epoch has.
inline constexpr double Losses::* kEpochLosses[] = {&Losses::loss,         &Losses::reconstruction,
                                                    &Losses::quantize,     &Losses::separation,
                                                    &Losses::square_error, &Losses::latent_energy};

// What each row of a block adds to the losses.
struct RowLosses {
  std::vector<double> square_error, reconstruction, latent_energy, separation;  // n; reconstruction: for kCosine
  std::vector<double> embedding_norm;                                           // n x L

  // All zero.
  void Resize(Index n, Index levels);
};

// rec(y, x~) of these rows, and ||y - x~||^2.  y, x: n x D.
void MeasureReconstruction(const ModelConfig& config, const ConstMatrixRef& y, const ConstMatrixRef& x, Range rows,
                           RowLosses& losses);
// The same, and d loss / dy of these rows (n x D, which may be y itself) in a batch of `batch` items.
//   kMse:     2 w (y - x~) / batch; hopwise sums over the batch
//   kCosine:  -w (x~ / |x~| - cos y / |y|) / (|y| batch), the second term only where |y| is not clamped
void Reconstruct(const ModelConfig& config, const ConstMatrixRef& y, const ConstMatrixRef& x, Range rows,
                 Index batch_size, RowLosses& losses, MatrixRef dy);
// ||z||^2 and ||q_l|| of these rows.  z: n x d.
void MeasureQuantization(const ResidualQuantizer& quantizer, const Matrix& z, const ResidualQuantizer::Tape& tape,
                         Range rows, RowLosses& losses);

// The losses of a batch, collected block by block.
class BatchLosses {
 public:
  // Sums within the block from zero, then adds, as everywhere (matrix.h).
  void Add(const ModelConfig& config, const RowLosses& rows, const ResidualQuantizer::Tape& tape);
  // Of all blocks.
  Losses Means(const ModelConfig& config) const;

 private:
  Losses sums_;
  std::vector<uint32_t> codes_;  // n x L
};

// The losses of an epoch: means over its steps' items, while the weights changed.
class EpochLosses {
 public:
  void Add(const Losses& losses, Index batch_size);
  Losses Means(Index rows) const;
  Losses& sums() { return sums_; }  // for checkpoints

 private:
  Losses sums_;
};

}  // namespace rqvae

#endif  // RQVAE_LOSSES_H_
