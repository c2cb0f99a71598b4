// Jobs on rows that are fetched as they are missed give the bytes that they give on rows in memory.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "initializer.h"
#include "streamed_rows.h"
#include "test_data.h"
#include "train_job.h"
#include "training_data.h"

namespace rqvae {
namespace {

constexpr Index kWindow = 65536;

const TrainingCase kCases[] = {
    kPlainTraining,
    {"Balanced",
     [](ModelConfig& m, TrainConfig&) {
       m.sinkhorn_epsilon = {0.003, 0.01};
       m.codebook_sizes = {8, 6};
     }},
    {"LayerNormL2", [](ModelConfig& m, TrainConfig&) { m.layer_norm = true, m.input_scaling = InputScaling::kL2; }},
    {"NoScaling", [](ModelConfig& m, TrainConfig&) { m.input_scaling = InputScaling::kNone; }},
    {"ResidualNoise", [](ModelConfig&, TrainConfig& t) { t.residual_noise = 0.5; }},
    {"SeparationValidation",
     [](ModelConfig& m, TrainConfig& t) {
       m.codebook_sizes = {16, 16};
       t.separation_weight = 0.5;
       t.validation_share = 0.1;
       t.select = Selection::kCollision;
     }},
    {"ValidationJoins",
     [](ModelConfig& m, TrainConfig& t) {
       m.linear_skip = LinearSkip::kNone;  // so that training gains much
       t.optimizer.learning_rate = 0.01;
       m.codebook_sizes = {16, 16};
       t.separation_weight = 0.5;
       t.validation_share = 0.1;
       t.validation_until = 0.4;
     }},
    {"StartKept",
     [](ModelConfig& m, TrainConfig& t) {
       m.hidden_dims = {64};
       t.validation_share = 0.1;
       t.validation_until = 0.4;
       t.optimizer.learning_rate = 0.5;
     }},
    {"Stability",
     [](ModelConfig& m, TrainConfig& t) {
       m.encode_beam = 3;
       m.first_code_weight = 0.5;
       t.stability = 0.8;
       t.new_item_repeats = 3;
       t.separation_weight = 0.5;
       t.validation_share = 0.1;
     }},
    {"DeadCodesWithoutKmeans",
     [](ModelConfig& m, TrainConfig& t) {
       m.codebook_kmeans_init = false;
       m.codebook_sizes = {40, 40};
       t.dead_code_restart = true;
     }},
};

// Trains in both ways, which must end with the same bytes.
Fetches TrainBothWays(const Matrix& data, const ModelConfig& config, const TrainConfig& training) {
  Model in_memory(config), streamed(config);
  const MatrixRows rows(data);
  TrainJob memory_job(&in_memory, &rows, training);
  HoldSome(memory_job, config, training, data.rows());
  RunToEnd(memory_job);
  StreamedRows stream(data.rows(), data.cols());
  TrainJob job(&streamed, &stream, training);
  HoldSome(job, config, training, data.rows());
  const Fetches fetches = RunStreamed(job, stream, data);
  EXPECT_TRUE(SameBits(streamed.store().values(), in_memory.store().values()));
  EXPECT_EQ(job.Save(), memory_job.Save());
  return fetches;
}

class StreamingTest : public ::testing::TestWithParam<TrainingCase> {};

INSTANTIATE_TEST_SUITE_P(Cases, StreamingTest, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

TEST_P(StreamingTest, TrainsAsInMemory) {
  const Matrix data = Catalogue(1000, 6);
  ModelConfig config = SmallConfig(6);
  TrainConfig training = ShortTraining();
  GetParam().set(config, training);

  const Fetches fetches = TrainBothWays(data, config, training);
  EXPECT_GT(fetches.times, 0);
  EXPECT_LE(fetches.most, data.rows());
}

// A balanced batch is read twice; batches end anywhere in a window, and one may be larger than it.
TEST(Streaming, CrossesTheShufflesWindows) {
  const Matrix data = Catalogue(2 * kWindow + 3000, 3);  // the last block is a short one
  for (const bool balanced : {false, true}) {
    ModelConfig config = SmallConfig(3);
    config.latent_dim = 3;
    config.hidden_dims = {4};
    config.codebook_sizes = {4, 4};
    if (balanced) config.sinkhorn_epsilon = {0.1, 0.1}, config.sinkhorn_iterations = 2;
    TrainConfig training;
    training.epochs = 2;
    training.batch_size = balanced ? kWindow + 5000 : 1000;
    training.evaluate_every = 2;
    training.validation_share = 0.01;

    SCOPED_TRACE(balanced ? "balanced" : "plain");
    const Fetches fetches = TrainBothWays(data, config, training);
    EXPECT_EQ(fetches.most, kWindow);
    EXPECT_GT(2 * fetches.foreseen, fetches.times);
  }
}

// Nothing but a window is ever asked for at a time, and an epoch asks for every row once.
TEST(Streaming, FetchesEachRowOnceAnEpoch) {
  const Matrix data = Catalogue(3 * kWindow, 2);
  ModelConfig config = SmallConfig(2);
  config.latent_dim = 2;
  config.hidden_dims = {};
  config.codebook_sizes = {4};
  config.codebook_kmeans_init = false;
  config.linear_skip = LinearSkip::kNone;
  config.input_scaling = InputScaling::kNone;
  TrainConfig training;
  training.epochs = 3;
  training.batch_size = 777;
  Model model(config);
  model.set_initialized(true);
  StreamedRows stream(data.rows(), data.cols());
  TrainJob job(&model, &stream, training);
  Fetches fetches;
  Index seen = 0;
  while (AdvanceStreamed(job, stream, data, fetches)) {
    if (job.history().size() == 1 && seen == 0) {  // the first epoch's steps are done, its evaluation is to come
      seen = fetches.rows;
      EXPECT_EQ(fetches.times, 3);
      EXPECT_EQ(fetches.foreseen, 2);  // the windows after the first
    }
  }
  EXPECT_EQ(seen, data.rows());
  EXPECT_EQ(fetches.most, kWindow);
}

TEST(Streaming, InitializesAsInMemory) {
  const Matrix data = Catalogue(InitializeJob::kSampleRows + 5000, 4);  // a sample of the rows
  Model in_memory(SmallConfig(4)), streamed(SmallConfig(4));
  const MatrixRows rows(data);
  InitializeJob memory_job(&in_memory, &rows);
  RunToEnd(memory_job);
  StreamedRows stream(data.rows(), data.cols());
  InitializeJob job(&streamed, &stream);
  const Fetches fetches = RunStreamed(job, stream, data);
  EXPECT_TRUE(SameBits(streamed.store().values(), in_memory.store().values()));
  EXPECT_EQ(fetches.most, RowSource::kPiece);
  EXPECT_EQ(fetches.rows, 2 * data.rows() + InitializeJob::kSampleRows);
}

// From one to the other and back, at any point.
TEST(Streaming, ResumesWhatBeganInMemoryAndTheOtherWayRound) {
  const Matrix data = Catalogue(kWindow + 2000, 3);
  ModelConfig config = SmallConfig(3);
  config.latent_dim = 3;
  config.codebook_sizes = {8, 8};
  TrainConfig training;
  training.epochs = 2;
  training.batch_size = 1000;
  training.residual_noise = 0.2;
  const MatrixRows rows(data);
  Model whole(config);
  TrainJob uninterrupted(&whole, &rows, training);
  RunToEnd(uninterrupted);
  const std::vector<uint8_t> expected = uninterrupted.Save();

  for (const bool streamed_first : {false, true}) {
    // After so many steps; 66: in the last window of the first epoch.
    for (const int64_t stop : streamed_first ? std::vector<int64_t>{0, 66} : std::vector<int64_t>{30, 90}) {
      Model first(config), second(config);
      StreamedRows stream(data.rows(), data.cols());
      const RowSource* one = &rows;
      const RowSource* other = &stream;
      if (streamed_first) std::swap(one, other);
      TrainJob begun(&first, one, training);
      Fetches fetches;
      while (begun.initializing() || begun.step() < stop) AdvanceStreamed(begun, stream, data, fetches);
      for (int slices = 0; slices < 2; ++slices) AdvanceStreamed(begun, stream, data, fetches);
      const std::vector<uint8_t> state = begun.Save();
      TrainJob resumed(&second, other, training);
      resumed.Restore(state.data(), state.size());
      RunStreamed(resumed, stream, data);
      EXPECT_EQ(resumed.Save(), expected) << "streamed first: " << streamed_first << ", stopped at " << stop;
    }
  }
}

}  // namespace
}  // namespace rqvae
