// Every field of ModelConfig, OptimizerConfig and TrainConfig does something: one table with a row a field, and a run
// with the field changed beside the same run without. A field without a row does not compile or fails the first test.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <ostream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "config.h"
#include "test_data.h"
#include "train_config.h"
#include "train_job.h"
#include "training_data.h"

namespace rqvae {
namespace {

struct Options {
  ModelConfig model;
  TrainConfig train;
};

// All fields in the order of config.h. A structured binding names every member or does not compile.
auto Fields(const Options& options) {
  const auto& [input_dim, latent_dim, hidden_dims, codebook_sizes, activation, input_scaling, linear_skip,
               codebook_gradient, codebook_update, gradient_estimator, reconstruction, compat, layer_norm,
               codebook_sim_vq, codebook_kmeans_init, codebook_refine, commitment_weight, codebook_weight,
               reconstruction_weight, input_noise, ema_decay, sinkhorn_epsilon, sinkhorn_iterations, encode_beam,
               first_code_weight, seed] = options.model;
  const auto& [optimizer, epochs, batch_size, schedule, warmup, evaluate_every, validation_share, validation_until,
               select, patience, dead_code_restart, residual_noise, separation_weight, separation_margin, stability,
               new_item_repeats] = options.train;
  const auto& [kind, learning_rate, encoder_scale, decoder_scale, codebook_scale, gradient_clip, weight_decay, beta1,
               beta2, epsilon, momentum] = optimizer;
  return std::tuple(
      input_dim, latent_dim, hidden_dims, codebook_sizes, activation, input_scaling, linear_skip, codebook_gradient,
      codebook_update, gradient_estimator, reconstruction, compat, layer_norm, codebook_sim_vq, codebook_kmeans_init,
      codebook_refine, commitment_weight, codebook_weight, reconstruction_weight, input_noise, ema_decay,
      sinkhorn_epsilon, sinkhorn_iterations, encode_beam, first_code_weight,
      seed,  //
      kind, learning_rate, encoder_scale, decoder_scale, codebook_scale, gradient_clip, weight_decay, beta1, beta2,
      epsilon, momentum,  //
      epochs, batch_size, schedule, warmup, evaluate_every, validation_share, validation_until, select, patience,
      dead_code_restart, residual_noise, separation_weight, separation_margin, stability, new_item_repeats);
}
constexpr size_t kFields = std::tuple_size_v<decltype(Fields(Options()))>;

// The places of the fields in which two sets of options differ.
template <size_t... I>
std::vector<size_t> Differing(const Options& a, const Options& b, std::index_sequence<I...>) {
  const auto left = Fields(a), right = Fields(b);
  std::vector<size_t> places;
  ((std::get<I>(left) == std::get<I>(right) ? void() : places.push_back(I)), ...);
  return places;
}

struct Row {
  const char* name;
  void (*change)(Options&);                  // to another value than the default
  void (*with)(Options&) = [](Options&) {};  // what both runs have besides
};

std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.name; }

void UnfittedCodebooks(Options& o) {
  o.model.codebook_kmeans_init = false;
  o.model.linear_skip = LinearSkip::kNone;
}
void Sgd(Options& o) { o.train.optimizer.kind = OptimizerKind::kSgd; }
// A run whose last epoch is not its best.
void Overtraining(Options& o) {
  o.model.hidden_dims = {64};
  o.train.epochs = 12;
  o.train.batch_size = 10;
  o.train.validation_share = 0.8;
  o.train.optimizer.learning_rate = 0.02;
}

const std::array<Row, kFields> kRows = {{
    {"InputDim", [](Options& o) { o.model.input_dim = 9; }},
    {"LatentDim", [](Options& o) { o.model.latent_dim = 5; }},
    {"HiddenDims", [](Options& o) { o.model.hidden_dims = {16, 8}; }},
    {"CodebookSizes", [](Options& o) { o.model.codebook_sizes = {16, 8, 4}; }},
    {"Activation", [](Options& o) { o.model.activation = Activation::kRelu; }},
    {"InputScaling", [](Options& o) { o.model.input_scaling = InputScaling::kPerDimension; }},
    {"LinearSkip", [](Options& o) { o.model.linear_skip = LinearSkip::kNone; }},
    {"CodebookGradient", [](Options& o) { o.model.codebook_gradient = CodebookGradient::kQuantization; }},
    {"CodebookUpdate", [](Options& o) { o.model.codebook_update = CodebookUpdate::kEma; },
     [](Options& o) { o.model.codebook_gradient = CodebookGradient::kQuantization; }},
    {"GradientEstimator", [](Options& o) { o.model.gradient_estimator = GradientEstimator::kRotation; }},
    {"Reconstruction", [](Options& o) { o.model.reconstruction = Reconstruction::kCosine; }},
    {"Compat", [](Options& o) { o.model.compat = Compat::kHopwise; },
     [](Options& o) {
       o.model.input_scaling = InputScaling::kNone;
       o.model.linear_skip = LinearSkip::kNone;
       o.model.codebook_gradient = CodebookGradient::kQuantization;
     }},
    {"LayerNorm", [](Options& o) { o.model.layer_norm = true; }},
    {"CodebookSimVq", [](Options& o) { o.model.codebook_sim_vq = true; }},
    {"CodebookKmeansInit", [](Options& o) { o.model.codebook_kmeans_init = false; }},
    {"CodebookRefine", [](Options& o) { o.model.codebook_refine = true; }},
    {"CommitmentWeight", [](Options& o) { o.model.commitment_weight = 5; }},
    {"CodebookWeight", [](Options& o) { o.model.codebook_weight = 5; }},
    {"ReconstructionWeight", [](Options& o) { o.model.reconstruction_weight = 5; }},
    {"InputNoise", [](Options& o) { o.model.input_noise = 0.5; }},
    {"EmaDecay", [](Options& o) { o.model.ema_decay = 0.5; },
     [](Options& o) {
       o.model.codebook_gradient = CodebookGradient::kQuantization;
       o.model.codebook_update = CodebookUpdate::kEma;
     }},
    {"SinkhornEpsilon", [](Options& o) { o.model.sinkhorn_epsilon = {0, 0, 0.003}; }, UnfittedCodebooks},
    {"SinkhornIterations", [](Options& o) { o.model.sinkhorn_iterations = 1; },
     [](Options& o) {
       UnfittedCodebooks(o);
       o.model.sinkhorn_epsilon = {0.003, 0.003, 0.003};
     }},
    {"EncodeBeam", [](Options& o) { o.model.encode_beam = 8; }},
    {"FirstCodeWeight", [](Options& o) { o.model.first_code_weight = 2; }, [](Options& o) { o.model.encode_beam = 8; }},
    {"Seed", [](Options& o) { o.model.seed = 1; }},
    {"Kind", [](Options& o) { o.train.optimizer.kind = OptimizerKind::kAdagrad; }},
    {"LearningRate", [](Options& o) { o.train.optimizer.learning_rate = 2e-3; }},
    {"EncoderLearningRateScale", [](Options& o) { o.train.optimizer.encoder_learning_rate_scale = 2; }},
    {"DecoderLearningRateScale", [](Options& o) { o.train.optimizer.decoder_learning_rate_scale = 2; }},
    {"CodebookLearningRateScale", [](Options& o) { o.train.optimizer.codebook_learning_rate_scale = 2; }},
    {"GradientClip", [](Options& o) { o.train.optimizer.gradient_clip = 1e-3; }, Sgd},
    {"WeightDecay", [](Options& o) { o.train.optimizer.weight_decay = 0.1; }},
    {"Beta1", [](Options& o) { o.train.optimizer.beta1 = 0.5; }},
    {"Beta2", [](Options& o) { o.train.optimizer.beta2 = 0.5; }},
    {"Epsilon", [](Options& o) { o.train.optimizer.epsilon = 0.1; }},
    {"Momentum", [](Options& o) { o.train.optimizer.momentum = 0.9; }, Sgd},
    {"Epochs", [](Options& o) { o.train.epochs = 3; }},
    {"BatchSize", [](Options& o) { o.train.batch_size = 50; }},
    {"Schedule", [](Options& o) { o.train.schedule = Schedule::kCosine; }},
    {"Warmup", [](Options& o) { o.train.warmup = 0.5; }},
    {"EvaluateEvery", [](Options& o) { o.train.evaluate_every = 4; }},
    {"ValidationShare", [](Options& o) { o.train.validation_share = 0.2; }},
    {"ValidationUntil", [](Options& o) { o.train.validation_until = 0.4; },
     [](Options& o) { o.train.validation_share = 0.2; }},
    {"Select", [](Options& o) { o.train.select = Selection::kLoss; }, Overtraining},
    {"Patience", [](Options& o) { o.train.patience = 2; },
     [](Options& o) {
       Overtraining(o);
       o.train.select = Selection::kLoss;
     }},
    {"DeadCodeRestart", [](Options& o) { o.train.dead_code_restart = true; }, UnfittedCodebooks},
    {"ResidualNoise", [](Options& o) { o.train.residual_noise = 0.5; }},
    {"SeparationWeight", [](Options& o) { o.train.separation_weight = 30; }},
    {"SeparationMargin", [](Options& o) { o.train.separation_margin = 0.5; },
     [](Options& o) { o.train.separation_weight = 30; }},
    {"Stability", [](Options& o) { o.train.stability = 1; }},
    {"NewItemRepeats", [](Options& o) { o.train.new_item_repeats = 3; }, [](Options& o) { o.train.stability = 0.5; }},
}};

// What both runs of every row have.
Options Common() {
  Options options;
  options.model = SmallConfig(10);
  options.model.input_noise = 0;
  options.train.epochs = 5;
  options.train.batch_size = 100;
  return options;
}

// All that can be seen of a training.
struct Outcome {
  explicit Outcome(const Options& options)
      : rows(Catalogue(300, options.model.input_dim)), model(options.model), job(&model, &rows, options.train) {
    if (options.train.stability > 0) {
      CodeMatrix held = CodeMatrix::Zero(300, options.model.levels());
      held.topRows(options.train.new_item_repeats > 1 ? 30 : 0).setConstant(HeldIds::kNone);
      job.Hold(held);
    }
    RunToEnd(job);
    codes.resize(300, options.model.levels());
    model.Encode(rows.data(), codes, nullptr);
    for (const EpochRecord& record : job.history()) evaluated.push_back(record.evaluation.has_value());
  }
  MatrixRows rows;
  Model model;
  TrainJob job;
  CodeMatrix codes;
  std::vector<bool> evaluated;  // per epoch
};

TEST(Options, TheTableHasARowForEachField) {
  const Options before;
  for (size_t i = 0; i < kRows.size(); ++i) {
    ASSERT_NE(kRows[i].change, nullptr) << "row " << i << " is missing";
    Options after;
    kRows[i].change(after);
    EXPECT_EQ(Differing(before, after, std::make_index_sequence<kFields>()), std::vector<size_t>{i})
        << kRows[i] << " is not the row of field " << i;
  }
}

class OptionsTest : public ::testing::TestWithParam<Row> {};

TEST_P(OptionsTest, ChangesWhatComesOut) {
  Options options = Common();
  GetParam().with(options);
  const Outcome without(options);
  GetParam().change(options);
  const Outcome with(options);
  const std::string name = GetParam().name;
  const bool same = SameBits(with.model.store().values(), without.model.store().values());
  if (name == "EvaluateEvery") {
    EXPECT_TRUE(same);
    EXPECT_NE(with.evaluated, without.evaluated);
  } else if (name == "Patience") {
    EXPECT_LT(with.evaluated.size(), without.evaluated.size());  // a later epoch might have been better
  } else {
    EXPECT_FALSE(same);
  }
  // And nothing but the options made the difference.
  EXPECT_TRUE(SameBits(Outcome(options).model.store().values(), with.model.store().values()));
}

INSTANTIATE_TEST_SUITE_P(Every, OptionsTest, ::testing::ValuesIn(kRows),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace rqvae
