// Shared tasks: every part once, whatever the number of threads; and results that do not depend on it.
#include "parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kmeans.h"
#include "optimizer.h"
#include "test_data.h"
#include "train_job.h"
#include "training_data.h"
#include "whole_block.h"

namespace rqvae {
namespace {

// Some threads for a test, and one again after it.
struct WithThreads {
  explicit WithThreads(Index count) { SetThreads(count); }
  ~WithThreads() { SetThreads(1); }
};

TEST(PartOf, CoversWithoutOverlapInMultiplesOfTheUnit) {
  for (Index n : {0, 1, 3, 4, 5, 31, 256, 1000}) {
    for (Index parts : {1, 2, 3, 8, 40}) {
      for (Index unit : {1, 4, 8}) {
        Index at = 0;
        for (Index part = 0; part < parts; ++part) {
          const Range range = PartOf(n, part, parts, unit);
          EXPECT_EQ(range.first, at);
          EXPECT_GE(range.count, 0);
          EXPECT_TRUE(range.first % unit == 0 || range.count == 0);
          EXPECT_LE(range.count, (n / parts / unit + 2) * unit) << "uneven";
          at += range.count;
        }
        EXPECT_EQ(at, n);
      }
    }
  }
}

TEST(ForParts, DoesEveryPartOnceAndWaitsForAll) {
  for (Index threads : {1, 2, 4, 8}) {
    const WithThreads with(threads);
    for (int repeat = 0; repeat < 2000; ++repeat) {
      const Index parts = 1 + repeat % 19;
      std::vector<int> done(static_cast<size_t>(parts));
      ForParts(parts, [&](Index part) { done[static_cast<size_t>(part)] += repeat + 1; });
      for (const int one : done) ASSERT_EQ(one, repeat + 1);
    }
  }
}

TEST(ForParts, ThrowsWhatAPartThrewAndGoesOn) {
  const WithThreads with(4);
  for (int repeat = 0; repeat < 200; ++repeat) {
    std::atomic<int> done = 0;
    try {
      ForParts(9, [&](Index part) {
        ++done;
        if (part % 4 == 3) throw std::runtime_error("part " + std::to_string(part));
      });
      FAIL() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_TRUE(std::string(error.what()) == "part 3" || std::string(error.what()) == "part 7") << error.what();
    }
    // Without threads the first one ends it.
    EXPECT_EQ(done, ThreadsSupported() ? 9 : 4);
  }
}

TEST(ForParts, ATaskWithinATaskIsDoneOnTheSpot) {
  const WithThreads with(4);
  std::atomic<int> done = 0;
  ForParts(6, [&](Index) { ForParts(5, [&](Index) { ++done; }); });
  EXPECT_EQ(done, 30);
}

TEST(ForRanges, GivesNoThreadLessThanAsked) {
  const WithThreads with(ThreadsSupported() ? 4 : 1);
  EXPECT_EQ(Threads(), ThreadsSupported() ? 4 : 1);
  for (Index n : {1, 63, 64, 127, 128, 1000}) {
    std::atomic<Index> covered = 0, calls = 0;
    ForRanges(n, 32, 4, [&](Range range) {
      if (n >= 64) EXPECT_GE(range.count, 28);
      covered += range.count;
      ++calls;
    });
    EXPECT_EQ(covered, n);
    EXPECT_LE(calls, n < 64 ? 1 : 4);
  }
}

const TrainingCase kCases[] = {
    kPlainTraining,
    {"Default",
     [](ModelConfig& m, TrainConfig& t) {
       m.encode_beam = 4;
       m.first_code_weight = 0.5;
       t.residual_noise = 0.8;
       t.separation_weight = 10;
       t.validation_share = 0.1;
       t.optimizer.kind = OptimizerKind::kAdamW;
       t.optimizer.weight_decay = 0.1;
     }},
    {"ValidationJoins",
     [](ModelConfig&, TrainConfig& t) {
       t.separation_weight = 10;
       t.validation_share = 0.2;
       t.validation_until = 0.5;
     }},
    {"StartKept",
     [](ModelConfig&, TrainConfig& t) {
       t.validation_share = 0.2;
       t.validation_until = 0.5;
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
    {"LayerNormClipEma",
     [](ModelConfig& m, TrainConfig& t) {
       m.layer_norm = true;
       m.codebook_gradient = CodebookGradient::kQuantization;
       m.codebook_update = CodebookUpdate::kEma;
       t.optimizer.gradient_clip = 0.5;
     }},
    {"SinkhornSimVqCosine",
     [](ModelConfig& m, TrainConfig& t) {
       m.sinkhorn_epsilon = {0.003, 0.003};
       m.codebook_sim_vq = true;
       m.reconstruction = Reconstruction::kCosine;
       t.optimizer.kind = OptimizerKind::kAdagrad;
     }},
    {"Hopwise",
     [](ModelConfig& m, TrainConfig&) {
       m.compat = Compat::kHopwise;
       m.input_scaling = InputScaling::kNone;
       m.linear_skip = LinearSkip::kNone;
       m.codebook_gradient = CodebookGradient::kQuantization;
       m.input_noise = 0;
     }},
};

class ThreadCount : public ::testing::TestWithParam<TrainingCase> {};

// Wide enough that a block's rows and the parameters are shared out.
TEST_P(ThreadCount, ChangesNoByteOfATraining) {
  const Matrix data = Catalogue(700, 24);
  ModelConfig model_config = SmallConfig(24);
  model_config.hidden_dims = {96, 64};
  model_config.latent_dim = 12;
  model_config.codebook_sizes = {128, 96};
  TrainConfig config = ShortTraining();
  config.epochs = 3;
  GetParam().set(model_config, config);
  std::vector<uint8_t> expected;
  CodeMatrix expected_codes;
  for (Index threads : {1, 2, 4, 8}) {
    const WithThreads with(threads);
    Model model(model_config);
    const MatrixRows rows(data);
    TrainJob job(&model, &rows, config);
    HoldSome(job, model_config, config, data.rows());
    RunToEnd(job);
    CodeMatrix codes(data.rows(), 2);
    model.Encode(data, codes, nullptr);
    if (threads == 1) {
      expected = job.Save();
      expected_codes = codes;
    }
    EXPECT_EQ(job.Save(), expected) << threads << " threads";
    EXPECT_TRUE(SameBits(codes, expected_codes)) << threads << " threads";
  }
}

INSTANTIATE_TEST_SUITE_P(Options, ThreadCount, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Kmeans, IsTheSameWithAnyNumberOfThreads) {
  const Matrix data = Catalogue(3000, 32);
  Matrix expected;
  for (Index threads : {1, 2, 4, 8}) {
    const WithThreads with(threads);
    KmeansJob job(&data, 128, Random(3, Stream::kKmeans));
    RunToEnd(job);
    if (threads == 1) expected = job.centers();
    EXPECT_TRUE(SameBits(job.centers(), expected)) << threads << " threads";
  }
}

// More parameters than the trainings above have: enough for several threads.
TEST(Optimizer, IsTheSameWithAnyNumberOfThreads) {
  Vector expected;
  for (Index threads : {1, 2, 4, 8}) {
    const WithThreads with(threads);
    StoreWithGradients store;
    const Index weight = store.Add("w", {401, 499}, ParameterGroup::kEncoder, true);
    store.Allocate();
    Optimizer optimizer(OptimizerConfig{}, store);
    for (int step = 0; step < 20; ++step) {
      Random random(static_cast<uint64_t>(step), Stream::kSample);
      auto gradient = store.gradient(weight);
      for (Index i = 0; i < gradient.size(); ++i) gradient.data()[i] = static_cast<float>(random.Normal());
      EXPECT_TRUE(optimizer.Step(store, store.gradients()));
      if (step % 5 == 4) optimizer.UndoStep(store);
    }
    if (threads == 1) expected = store.values();
    EXPECT_TRUE(SameBits(store.values(), expected)) << threads << " threads";
  }
}

}  // namespace
}  // namespace rqvae
