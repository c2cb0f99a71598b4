// A training that was interrupted at any point and resumed is, byte for byte, the one that was not.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "error.h"
#include "fingerprint.h"
#include "test_data.h"
#include "train_job.h"
#include "training_data.h"

namespace rqvae {
namespace {

constexpr Index kRows = 330;  // batches of 300 and 30: blocks of 256, 44 and 30

const TrainingCase kCases[] = {
    kPlainTraining,
    {"SkipJointNoiseAdamW",
     [](ModelConfig& m, TrainConfig& t) {
       m.input_noise = 0.2;
       t.optimizer.kind = OptimizerKind::kAdamW;
       t.optimizer.weight_decay = 0.1;
     }},
    {"Ema",
     [](ModelConfig& m, TrainConfig&) {
       m.codebook_gradient = CodebookGradient::kQuantization;
       m.codebook_update = CodebookUpdate::kEma;
       m.ema_decay = 0.8;
     }},
    {"Sinkhorn",
     [](ModelConfig& m, TrainConfig&) {
       m.sinkhorn_epsilon = {0.003, 0.01};
       m.input_noise = 0.1;
     }},
    {"DeadCodeRestart",
     [](ModelConfig& m, TrainConfig& t) {
       m.codebook_kmeans_init = false;
       m.codebook_sizes = {40, 40};
       t.dead_code_restart = true;
       t.epochs = 5;
     }},
    {"ValidationPatienceSelectLoss",
     [](ModelConfig&, TrainConfig& t) {
       t.validation_share = 0.15;
       t.batch_size = 270;
       t.select = Selection::kLoss;
       t.patience = 2;
       t.epochs = 12;
       t.optimizer.learning_rate = 0.05;  // so that it stops early
     }},
    {"SelectCollisionEvaluatedSeldom",
     [](ModelConfig&, TrainConfig& t) {
       t.validation_share = 0.1;
       t.select = Selection::kCollision;
       t.evaluate_every = 2;
     }},
    {"Momentum",
     [](ModelConfig&, TrainConfig& t) {
       t.optimizer.kind = OptimizerKind::kSgd;
       t.optimizer.momentum = 0.9;
     }},
    {"Sgd", [](ModelConfig&, TrainConfig& t) { t.optimizer.kind = OptimizerKind::kSgd; }},
    {"Adagrad", [](ModelConfig&, TrainConfig& t) { t.optimizer.kind = OptimizerKind::kAdagrad; }},
    {"ClipWarmupCosine",
     [](ModelConfig&, TrainConfig& t) {
       t.optimizer.gradient_clip = 0.5;
       t.warmup = 0.3;
       t.schedule = Schedule::kCosine;
     }},
    {"LayerNormRotationSimVq",
     [](ModelConfig& m, TrainConfig&) {
       m.layer_norm = true;
       m.gradient_estimator = GradientEstimator::kRotation;
       m.codebook_sim_vq = true;
       m.input_scaling = InputScaling::kPerDimension;
     }},
    // Few rows a code: candidates, and k-means in growing dimensions.
    {"RefinedByCandidates",
     [](ModelConfig& m, TrainConfig&) {
       m.codebook_refine = true;
       m.encode_beam = 4;
       m.codebook_sizes = {20, 24};
     }},
    {"RefinedByCandidatesInOtherDirections",
     [](ModelConfig& m, TrainConfig&) {
       m.codebook_refine = true;
       m.encode_beam = 3;
       m.linear_skip = LinearSkip::kNone;
       m.codebook_sizes = {6, 24, 20};
     }},
    // Enough rows: least squares.
    {"RefinedByLeastSquares",
     [](ModelConfig& m, TrainConfig&) {
       m.codebook_refine = true;
       m.encode_beam = 4;
       m.codebook_gradient = CodebookGradient::kQuantization;
       m.codebook_update = CodebookUpdate::kEma;
     }},
    {"ResidualNoise", [](ModelConfig&, TrainConfig& t) { t.residual_noise = 0.5; }},
    {"Separation",
     [](ModelConfig& m, TrainConfig& t) {
       m.codebook_sizes = {16, 16};
       t.separation_weight = 0.5;
       t.validation_share = 0.1;
     }},
    {"ValidationJoins",
     [](ModelConfig& m, TrainConfig& t) {
       m.linear_skip = LinearSkip::kNone;  // so that training gains much, on every host
       t.optimizer.learning_rate = 0.01;
       m.codebook_sizes = {16, 16};
       m.input_noise = 0.1;
       t.epochs = 6;
       t.validation_share = 0.1;
       t.validation_until = 0.5;
       t.batch_size = 200;
       t.residual_noise = 0.3;
       t.separation_weight = 0.5;
       t.dead_code_restart = false;
       t.select = Selection::kLoss;
       t.schedule = Schedule::kCosine;
     }},
    {"ValidationJoinsByCollision",
     [](ModelConfig& m, TrainConfig& t) {
       m.linear_skip = LinearSkip::kNone;
       t.optimizer.learning_rate = 0.01;
       t.epochs = 7;
       t.validation_share = 0.2;
       t.validation_until = 0.5;
       t.evaluate_every = 2;
       t.batch_size = 200;
       t.select = Selection::kCollision;
     }},
    {"StartKept",
     [](ModelConfig& m, TrainConfig& t) {
       m.hidden_dims = {64};
       t.epochs = 6;
       t.validation_share = 0.2;
       t.validation_until = 0.5;
       t.batch_size = 200;
       t.separation_weight = 0.1;
       t.optimizer.learning_rate = 0.5;
     }},
    {"Stability",
     [](ModelConfig&, TrainConfig& t) {
       t.stability = 0.8;
       t.new_item_repeats = 3;
       t.validation_share = 0.1;
     }},
    {"Together",
     [](ModelConfig& m, TrainConfig& t) {
       m.codebook_gradient = CodebookGradient::kQuantization;
       m.codebook_update = CodebookUpdate::kEma;
       m.codebook_kmeans_init = false;
       m.codebook_sizes = {30, 20};
       m.sinkhorn_epsilon = {0.01, 0};
       m.encode_beam = 3;
       m.input_noise = 0.1;
       m.input_scaling = InputScaling::kL2;
       t.dead_code_restart = true;
       t.validation_share = 0.1;
       t.select = Selection::kCollision;
       t.residual_noise = 0.3;
       t.separation_weight = 0.3;
       t.optimizer.gradient_clip = 1;
       t.schedule = Schedule::kLinear;
     }},
};

class ResumeTest : public ::testing::TestWithParam<TrainingCase> {
 protected:
  ResumeTest() : rows_(Catalogue(kRows, 6)) {
    model_config_.input_dim = 6;
    model_config_.latent_dim = 4;
    model_config_.hidden_dims = {8};
    model_config_.codebook_sizes = {8, 6};
    config_.epochs = 4;
    config_.batch_size = 300;
    GetParam().set(model_config_, config_);
  }

  // A model and its job, as the process that resumes makes them.
  struct Session {
    explicit Session(const ResumeTest& test) : model(test.model_config_), job(&model, &test.rows_, test.config_) {}
    Model model;
    TrainJob job;
  };

  MatrixRows rows_;
  ModelConfig model_config_;
  TrainConfig config_;
};

void ExpectSameSnapshot(const std::optional<Snapshot>& a, const std::optional<Snapshot>& b) {
  ASSERT_EQ(a.has_value(), b.has_value());
  if (!a) return;
  EXPECT_EQ(a->epoch, b->epoch);
  EXPECT_EQ(a->loss, b->loss);
  EXPECT_EQ(a->evaluation.ids.distinct_ids, b->evaluation.ids.distinct_ids);
  EXPECT_TRUE(SameBits(a->values, b->values));
}

TEST_P(ResumeTest, AfterEverySlice) {
  Session whole(*this);
  HoldSome(whole.job, model_config_, config_, kRows);  // those that are resumed have it from the state
  std::vector<std::vector<uint8_t>> states;            // each different one
  std::vector<int64_t> steps;
  size_t slices = 0;
  do {
    std::vector<uint8_t> state = whole.job.Save();
    // Saving changes nothing that is saved.
    ASSERT_TRUE(whole.job.Save() == state);
    if (states.empty() || states.back() != state) {
      states.push_back(std::move(state));
      steps.push_back(whole.job.step());
    }
    ++slices;
  } while (whole.job.Advance());
  const std::vector<uint8_t> end = whole.job.Save();
  ASSERT_TRUE(states.back() == end);
  const size_t epochs = whole.job.history().size();
  // Initialisation, two steps an epoch and evaluations: many slices, and a state of its own for each step at least.
  EXPECT_GT(slices, 40u);
  EXPECT_GE(states.size(), 2 * epochs + 2);
  if (config_.patience > 0) EXPECT_TRUE(whole.job.stopped_early()) << "patience is not tried";
  if (config_.dead_code_restart) EXPECT_GT(whole.job.history()[0].restarted[1], 0) << "nothing restarted";
  if (config_.separation_weight > 0) EXPECT_GT(whole.job.history().back().losses.separation, 0) << "no targets";
  if (config_.validation_until < 1) {
    EXPECT_EQ(whole.job.validation(), std::string(GetParam().name) == "StartKept" ? TrainJob::Validation::kStartKept
                                                                                  : TrainJob::Validation::kJoined);
  }

  for (size_t s = 0; s < states.size(); ++s) {
    SCOPED_TRACE("state " + std::to_string(s) + " of " + std::to_string(states.size()));
    Session resumed(*this);
    resumed.job.Restore(states[s].data(), states[s].size());
    EXPECT_EQ(resumed.job.step(), steps[s]);
    while (resumed.job.Advance()) {
    }
    ASSERT_TRUE(resumed.job.Save() == end) << "another state at the end";
    EXPECT_TRUE(SameBits(resumed.model.store().values(), whole.model.store().values()));
    EXPECT_TRUE(resumed.model.initialized());
    EXPECT_EQ(resumed.job.stopped_early(), whole.job.stopped_early());
    EXPECT_EQ(resumed.job.epoch(), whole.job.epoch());
    EXPECT_EQ(resumed.job.validation(), whole.job.validation());
    EXPECT_EQ(resumed.job.training_rows(), whole.job.training_rows());
    ExpectSameSnapshot(resumed.job.best().by_loss, whole.job.best().by_loss);
    ExpectSameSnapshot(resumed.job.best().by_collision, whole.job.best().by_collision);
    ASSERT_EQ(resumed.job.start().has_value(), whole.job.start().has_value());
    ASSERT_EQ(resumed.job.selected() == nullptr, whole.job.selected() == nullptr);
    if (whole.job.selected() != nullptr) EXPECT_EQ(resumed.job.selected()->epoch, whole.job.selected()->epoch);
    ASSERT_EQ(resumed.job.history().size(), epochs);
    for (size_t e = 0; e < epochs; ++e) {
      const EpochRecord &a = resumed.job.history()[e], &b = whole.job.history()[e];
      EXPECT_EQ(a.epoch, b.epoch);
      EXPECT_EQ(a.losses.loss, b.losses.loss);
      EXPECT_EQ(a.losses.quantization_error, b.losses.quantization_error);
      EXPECT_EQ(a.learning_rate, b.learning_rate);
      EXPECT_EQ(a.dead_codes, b.dead_codes);
      EXPECT_EQ(a.restarted, b.restarted);
      ASSERT_EQ(a.evaluation.has_value(), b.evaluation.has_value());
      if (!a.evaluation) continue;
      EXPECT_EQ(a.evaluation->ids.distinct_ids, b.evaluation->ids.distinct_ids);
      EXPECT_EQ(a.evaluation->ids.perplexity, b.evaluation->ids.perplexity);
      EXPECT_EQ(a.evaluation->reconstruction, b.evaluation->reconstruction);
      EXPECT_EQ(a.evaluation->explained_variance, b.evaluation->explained_variance);
    }
    // The search of a restored model goes by the restored codes.
    EXPECT_EQ(Fingerprint(resumed.model), Fingerprint(whole.model));
    EXPECT_TRUE(SameBits(resumed.model.quantizer().codebook(0), whole.model.quantizer().codebook(0)));
  }
}

// Interrupted again and again, after every few slices, and also in the middle of a job that goes on itself.
TEST_P(ResumeTest, AgainAndAgain) {
  Session whole(*this);
  RunToEnd(whole.job);
  const std::vector<uint8_t> end = whole.job.Save();
  for (const int slices : {2, 3, 7}) {
    std::vector<uint8_t> state;
    int sessions = 0;
    int64_t step = -1;
    for (bool more = true; more; ++sessions) {
      ASSERT_LT(sessions, 2000);
      auto session = std::make_unique<Session>(*this);
      if (!state.empty()) session->job.Restore(state.data(), state.size());
      // A step starts anew each time: let each session make one; and so does what comes before the codebooks.
      while (session->job.initializing() && session->job.initialize_progress() <= 0.2) session->job.Advance();
      for (int i = 0; i < slices || (more && session->job.step() == step); ++i) more = session->job.Advance();
      step = session->job.step();
      state = session->job.Save();
    }
    EXPECT_GE(sessions, 3);
    EXPECT_TRUE(state == end) << "another state at the end";
  }
}

// An initialised model's training resumes too, without the model that it began with.
TEST_P(ResumeTest, OnAnInitialisedModel) {
  Model initialized(model_config_);
  {
    TrainConfig none = config_;
    const Split split = SplitRows(model_config_.seed, kRows, none.validation_share);
    const SubsetRows training(&rows_, split.training);
    InitializeJob job(&initialized, &training, model_config_.codebook_kmeans_init);
    RunToEnd(job);
  }
  const Vector start = initialized.store().values();
  TrainJob whole(&initialized, &rows_, config_);
  ASSERT_FALSE(whole.initializing());
  std::vector<std::vector<uint8_t>> states;
  for (int i = 0; i < 9; ++i) {
    states.push_back(whole.Save());
    ASSERT_TRUE(whole.Advance());
  }
  RunToEnd(whole);
  for (const std::vector<uint8_t>& state : states) {
    Session fresh(*this);  // which would initialise
    fresh.job.Restore(state.data(), state.size());
    EXPECT_FALSE(fresh.job.initializing());
    RunToEnd(fresh.job);
    EXPECT_TRUE(fresh.job.Save() == whole.Save()) << "another state at the end";
    Model other(model_config_);  // initialised, but not so far
    other.store().values() = start;
    other.set_initialized(true);
    other.ParametersChanged();
    TrainJob job(&other, &rows_, config_);
    job.Restore(state.data(), state.size());
    RunToEnd(job);
    EXPECT_TRUE(SameBits(other.store().values(), initialized.store().values()));
  }
}

// A job that has come further, to other training rows even, goes back to what was saved.
TEST_P(ResumeTest, InAJobThatHasGoneOn) {
  Session whole(*this);
  while (whole.job.step() < 3) ASSERT_TRUE(whole.job.Advance());
  const std::vector<uint8_t> early = whole.job.Save();
  RunToEnd(whole.job);
  const std::vector<uint8_t> end = whole.job.Save();
  whole.job.Restore(early.data(), early.size());
  RunToEnd(whole.job);
  EXPECT_TRUE(whole.job.Save() == end);
  Session other(*this);
  while (other.job.step() < 3) ASSERT_TRUE(other.job.Advance());
  other.job.Restore(end.data(), end.size());
  EXPECT_FALSE(other.job.Advance());
  EXPECT_TRUE(other.job.Save() == end);
}

// -- Bytes that are not what was saved.

TEST_P(ResumeTest, DamagedBytesThrowAndLeaveTheModelAsItWas) {
  Session session(*this);
  while (session.job.step() < 3) ASSERT_TRUE(session.job.Advance());
  const std::vector<uint8_t> bytes = session.job.Save();
  auto refused = [&](const std::vector<uint8_t>& state) {
    Model model(model_config_);
    model.store().values().setConstant(0.25f);
    model.ParametersChanged();
    const Vector before = model.store().values();
    TrainJob job(&model, &rows_, config_);
    try {
      job.Restore(state.data(), state.size());
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kInvalidInput);
      EXPECT_FALSE(model.initialized());
      EXPECT_TRUE(SameBits(model.store().values(), before));
      EXPECT_EQ(model.quantizer().codebook(0)(0, 0), model.quantizer().codebook(0)(1, 1));
      return true;
    }
    return false;
  };
  ASSERT_FALSE(refused(bytes)) << "the bytes themselves";
  // Every length; far from the ends every 97th.
  for (size_t size = 0; size < bytes.size(); size += size > 200 && size + 200 < bytes.size() ? 97 : 1) {
    EXPECT_TRUE(refused({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)})) << size << " bytes";
  }
  std::vector<uint8_t> longer = bytes;
  longer.push_back(0);
  EXPECT_TRUE(refused(longer));
  std::vector<uint8_t> phase = bytes;
  for (const int value : {9, 10, 100, 255}) {
    phase[0] = static_cast<uint8_t>(value);
    EXPECT_TRUE(refused(phase)) << "there is no phase " << value;
  }
  EXPECT_TRUE(refused(std::vector<uint8_t>(bytes.size(), 0xff)));
}

// A changed number cannot be told from another number. But it must end in an Error or in a training, not outside of
// what belongs to it (which the sanitizers see).
TEST_P(ResumeTest, ChangedBytesDoNoHarm) {
  TestRandom random(17);
  Session session(*this);
  std::vector<std::vector<uint8_t>> states;
  size_t epochs = 0;
  do {
    const bool of_interest = session.job.history().size() != epochs || session.job.step() == 3;
    epochs = session.job.history().size();
    if (of_interest && states.size() < 2) states.push_back(session.job.Save());
  } while (session.job.Advance());
  states.push_back(session.job.Save());
  ASSERT_EQ(states.size(), 3u);
  int gone_on = 0, refused = 0;
  auto attempt = [&](const std::vector<uint8_t>& bytes) {
    Session other(*this);
    try {
      other.job.Restore(bytes.data(), bytes.size());
      ++gone_on;
      for (int slice = 0; slice < 4; ++slice) other.job.Advance();
      EXPECT_FALSE(other.job.Save().empty());
    } catch (const Error&) {  // also kDiverged: a weight may have become infinite
      ++refused;
    }
  };
  for (const std::vector<uint8_t>& state : states) {
    // Weights and moments take most of the bytes: what comes after them, and whatever it is.
    for (int i = 0; i < 120; ++i) {
      std::vector<uint8_t> bytes = state;
      const auto size = static_cast<Index>(bytes.size());
      const Index at = i % 2 == 0 ? random.Below(size) : size - 1 - random.Below(std::min<Index>(size, 1500));
      bytes[static_cast<size_t>(at)] = static_cast<uint8_t>(random.Below(256));
      attempt(bytes);
    }
    // Sizes and counts are small numbers of eight bytes.
    for (size_t at = 0; at + 8 <= state.size(); ++at) {
      const bool number =
          state[at] != 0 && state[at] < 64 &&
          std::all_of(
              state.begin() + static_cast<std::ptrdiff_t>(at) + 1, state.begin() + static_cast<std::ptrdiff_t>(at) + 8,
              [](uint8_t byte) { return byte == 0; });
      if (!number) continue;
      std::vector<uint8_t> bytes = state;
      bytes[at] = static_cast<uint8_t>(bytes[at] - 1);
      attempt(bytes);
      bytes[at] = 63;
      attempt(bytes);
      std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.begin() + static_cast<std::ptrdiff_t>(at) + 8,
                static_cast<uint8_t>(0xff));
      attempt(bytes);
    }
  }
  EXPECT_GT(gone_on, 10);
  EXPECT_GT(refused, 10);
}

TEST_P(ResumeTest, AnotherModelsBytesAreRefused) {
  Session session(*this);
  while (session.job.step() < 3) ASSERT_TRUE(session.job.Advance());
  const std::vector<uint8_t> bytes = session.job.Save();
  for (int change = 0; change < 3; ++change) {
    ModelConfig config = model_config_;
    if (change == 0) config.hidden_dims = {9};
    if (change == 1) config.codebook_sizes[0] += 8;
    if (change == 2) config.codebook_sizes.push_back(4), config.sinkhorn_epsilon.clear();
    Model model(config);
    TrainJob job(&model, &rows_, config_);
    EXPECT_THROW(job.Restore(bytes.data(), bytes.size()), Error) << change;
  }
  TrainConfig config = config_;
  config.optimizer.kind =
      config.optimizer.kind == OptimizerKind::kAdagrad ? OptimizerKind::kAdam : OptimizerKind::kAdagrad;
  Model model(model_config_);
  TrainJob job(&model, &rows_, config);
  EXPECT_THROW(job.Restore(bytes.data(), bytes.size()), Error);
}

INSTANTIATE_TEST_SUITE_P(Configurations, ResumeTest, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

// The binding gives the rows back when a training ends, and saves it whenever it is asked.
TEST(Resume, SavesAFinishedTrainingWhoseRowsAreGone) {
  Model model(SmallConfig(20));
  auto rows = std::make_unique<MatrixRows>(Catalogue(300, 20));
  TrainConfig config;
  config.epochs = 2;
  config.residual_noise = 0.3;
  config.validation_share = 0.1;
  TrainJob job(&model, rows.get(), config);
  RunToEnd(job);
  const std::vector<uint8_t> before = job.Save();
  rows.reset();
  EXPECT_EQ(job.Save(), before);
}

}  // namespace
}  // namespace rqvae
