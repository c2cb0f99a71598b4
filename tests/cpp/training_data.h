// A catalogue with structure, and a small model and training for it.
#ifndef RQVAE_TESTS_TRAINING_DATA_H_
#define RQVAE_TESTS_TRAINING_DATA_H_

#include <ostream>
#include <utility>
#include <vector>

#include "config.h"
#include "matrix.h"
#include "random.h"
#include "row_order.h"
#include "row_source.h"
#include "train_config.h"
#include "train_job.h"

namespace rqvae {

// Clusters with structure: centres, sub-centres, noise, and an offset shared by all.
inline Matrix Catalogue(Index rows, Index dim, uint64_t seed = 0) {
  Random random(seed, Stream::kSample);
  Matrix centers(12, dim), fine(40, dim), data(rows, dim);
  for (Index i = 0; i < centers.size(); ++i) centers.data()[i] = static_cast<float>(random.Normal());
  for (Index i = 0; i < fine.size(); ++i) fine.data()[i] = 0.5f * static_cast<float>(random.Normal());
  for (Index i = 0; i < rows; ++i) {
    data.row(i) = centers.row(static_cast<Index>(random.Below(12))) + fine.row(static_cast<Index>(random.Below(40)));
    for (Index j = 0; j < dim; ++j) data(i, j) += 5.0f + 0.2f * static_cast<float>(random.Normal());
  }
  return data;
}

inline ModelConfig SmallConfig(Index dim) {
  ModelConfig config;
  config.input_dim = dim;
  config.latent_dim = 8;
  config.hidden_dims = {16};
  config.codebook_sizes = {16, 16, 16};
  config.input_noise = 0.2;
  return config;
}

inline TrainConfig ShortTraining() {
  TrainConfig config;
  config.epochs = 5;
  config.batch_size = 300;  // ragged last batch, and blocks of 256 + 44
  return config;
}

// What the jobs do in slices, in one go.
inline Split SplitRows(uint64_t seed, Index rows, double validation_share) {
  SplitJob job(seed, rows, validation_share);
  RunToEnd(job);
  return job.Take();
}
inline std::vector<uint32_t> SampleRows(uint64_t seed, Stream stream, Index rows, Index count) {
  RowSampler sampler(seed, stream, rows, count);
  RunToEnd(sampler);
  return sampler.Take();
}
inline std::vector<uint32_t> EpochOrder(uint64_t seed, uint64_t epoch, Index rows,
                                        std::vector<Index>* window_ends = nullptr) {
  EpochShuffle shuffle(seed, epoch, rows);
  while (shuffle.Extend()) {
  }
  if (window_ends != nullptr) *window_ends = shuffle.window_ends();
  return shuffle.order();
}

// With a stability, two items of three hold IDs that have nothing to do with them.
inline void HoldSome(TrainJob& job, const ModelConfig& model, const TrainConfig& config, Index rows) {
  if (config.stability == 0) return;
  CodeMatrix codes(rows, model.levels());
  for (Index i = 0; i < rows; ++i) {
    for (Index l = 0; l < codes.cols(); ++l) {
      codes(i, l) = static_cast<uint32_t>((7 * i + 3 * l) % model.codebook_sizes[static_cast<size_t>(l)]);
    }
    if (i % 3 == 0) codes(i, 0) = HeldIds::kNone;
  }
  job.Hold(std::move(codes));
}

// One way to train, for tests that go through several.
struct TrainingCase {
  const char* name;
  void (*set)(ModelConfig&, TrainConfig&);
};

inline std::ostream& operator<<(std::ostream& out, const TrainingCase& c) { return out << c.name; }

inline const TrainingCase kPlainTraining = {"Plain", [](ModelConfig& m, TrainConfig&) {
                                              m.linear_skip = LinearSkip::kNone;
                                              m.codebook_gradient = CodebookGradient::kQuantization;
                                            }};

}  // namespace rqvae

#endif  // RQVAE_TESTS_TRAINING_DATA_H_
