// Initialisation and training as jobs: what they promise about the model at every point.
#include "trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "error.h"
#include "gemm.h"
#include "random.h"

namespace rqvae {
namespace {

// Clusters with structure: centres, sub-centres, noise, and an offset shared by all.
Matrix Catalogue(Index rows, Index dim, uint64_t seed = 0) {
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

ModelConfig SmallConfig(Index dim) {
  ModelConfig config;
  config.input_dim = dim;
  config.latent_dim = 8;
  config.hidden_dims = {16};
  config.codebook_sizes = {16, 16, 16};
  config.input_noise = 0.2;
  return config;
}

TrainConfig ShortTraining() {
  TrainConfig config;
  config.epochs = 5;
  config.batch_size = 300;  // ragged last batch, and blocks of 256 + 44
  return config;
}

TEST(InitializeJob, TheUntrainedSkipModelIsResidualKmeansOfItsPcaLatent) {
  const MatrixRows rows(Catalogue(900, 20));
  RqVae model(SmallConfig(20));
  InitializeJob job(&model, &rows);
  RunToEnd(job);
  ASSERT_TRUE(model.initialized());

  // The latent by hand: scale, project on the directions.
  MatrixRows copy(Catalogue(900, 20));
  Matrix scaled(900, 20), latents(900, 8), own(900, 8);
  model.ScaleInput(copy.data(), scaled);
  PcaJob pca(&scaled, 8, Random(0, Stream::kPca));
  RunToEnd(pca);
  MultiplyTransposed(scaled.rowwise() - pca.mean().transpose(), pca.directions(), latents);
  model.Latents(copy.data(), own);
  EXPECT_LT((own - latents).cwiseAbs().maxCoeff(), 1e-4f * latents.cwiseAbs().maxCoeff());

  // Residual k-means of the model's latent, level by level, gives its codebooks and codes bit for bit.
  CodeMatrix codes(900, 3);
  model.Encode(copy.data(), codes, nullptr);
  Matrix residual = own;
  for (Index level = 0; level < 3; ++level) {
    KmeansJob kmeans(&residual, 16, Random(0, Stream::kKmeans, static_cast<uint64_t>(level)));
    RunToEnd(kmeans);
    EXPECT_TRUE((model.quantizer().codebook(level).array() == kmeans.centers().array()).all()) << level;
    EXPECT_EQ(job.inertia()[static_cast<size_t>(level)], kmeans.inertia());
    for (Index i = 0; i < 900; ++i) {
      ASSERT_EQ(codes(i, level), kmeans.assignment()[static_cast<size_t>(i)]);
      residual.row(i) -= kmeans.centers().row(codes(i, level));
    }
  }

  // And what it decodes is the projection of the quantised latent back to the input.
  Matrix decoded(900, 20);
  model.Decode(codes, decoded);
  Matrix expected = (own - residual) * pca.directions();
  expected.rowwise() += pca.mean().transpose();
  const float scale = model.store().value(model.input_scale())(0, 0);
  expected = (expected * scale).rowwise() + model.store().value(model.input_mean()).col(0).transpose();
  EXPECT_LT((decoded - expected).cwiseAbs().maxCoeff(), 1e-4f * expected.cwiseAbs().maxCoeff());
}

TEST(InitializeJob, LearnsMeanAndOneCommonScale) {
  const MatrixRows rows(Catalogue(1000, 6));
  MatrixRows copy(Catalogue(1000, 6));
  const Eigen::MatrixXd data = copy.data().cast<double>();
  const Eigen::RowVectorXd mean = data.colwise().mean();
  const double scale = std::sqrt((data.rowwise() - mean).squaredNorm() / 6000);
  for (InputScaling scaling : {InputScaling::kNone, InputScaling::kCenter, InputScaling::kCommonScale}) {
    ModelConfig config = SmallConfig(6);
    config.input_scaling = scaling;
    RqVae model(config);
    InitializeJob job(&model, &rows);
    RunToEnd(job);
    Matrix scaled(1000, 6);
    model.ScaleInput(copy.data(), scaled);
    Eigen::MatrixXd expected = data;
    if (scaling != InputScaling::kNone) expected.rowwise() -= mean;
    if (scaling == InputScaling::kCommonScale) expected /= scale;
    EXPECT_LT((scaled.cast<double>() - expected).cwiseAbs().maxCoeff(), 1e-5) << static_cast<int>(scaling);
  }
}

TEST(InitializeJob, DroppedItLeavesTheModelAsItWas) {
  const MatrixRows rows(Catalogue(900, 20));
  RqVae model(SmallConfig(20));
  const Vector before = model.store().values();
  for (int slices : {1, 3, 10, 40, 100}) {
    InitializeJob job(&model, &rows);
    for (int i = 0; i < slices; ++i) ASSERT_TRUE(job.Advance());
    ASSERT_FALSE(model.initialized());
    ASSERT_TRUE((model.store().values().array() == before.array()).all());
  }
}

TEST(InitializeJob, HandlesFewAndEqualItems) {
  for (Index n : {1, 2, 15, 16, 17}) {
    for (bool equal : {false, true}) {
      Matrix data = Catalogue(n, 20);
      if (equal) data.rowwise() = data.row(0).eval();
      const MatrixRows rows(data);
      RqVae model(SmallConfig(20));
      InitializeJob job(&model, &rows);
      RunToEnd(job);
      CodeMatrix codes(n, 3);
      Matrix decoded(n, 20);
      model.Encode(data, codes, nullptr);
      model.Decode(codes, decoded);
      EXPECT_TRUE(decoded.allFinite());
      // With as many codes as items every item is met, up to what the eight directions leave out.
      if (equal || n == 1) EXPECT_LT((decoded - data).cwiseAbs().maxCoeff(), 1e-3f) << n;
      if (equal) EXPECT_EQ(CountDistinct(codes), 1);
    }
  }
}

TEST(TrainJob, LearnsAndReports) {
  const MatrixRows rows(Catalogue(1000, 20));
  RqVae model(SmallConfig(20));
  TrainConfig config = ShortTraining();
  config.epochs = 30;
  config.evaluate_every = 7;
  TrainJob job(&model, &rows, config);
  RunToEnd(job);
  ASSERT_EQ(job.history().size(), 30u);
  EXPECT_EQ(job.step(), job.total_steps());
  EXPECT_EQ(job.step(), 30 * 4);
  EXPECT_LT(job.history().back().losses.reconstruction, 0.9 * job.history().front().losses.reconstruction);
  for (const EpochRecord& record : job.history()) {
    EXPECT_EQ(record.evaluated, record.epoch == 0 || (record.epoch + 1) % 7 == 0 || record.epoch == 29) << record.epoch;
    EXPECT_EQ(record.ids.items, 1000);
    EXPECT_NEAR(record.losses.loss, record.losses.reconstruction + record.losses.quantize, 1e-9);
  }
  // The last record counts the IDs that the model now gives.
  MatrixRows copy(Catalogue(1000, 20));
  CodeMatrix codes(1000, 3);
  model.Encode(copy.data(), codes, nullptr);
  EXPECT_EQ(job.history().back().ids.distinct_ids, CountDistinct(codes));
}

TEST(TrainJob, SameSeedSameBitsAnotherSeedOtherWeights) {
  const MatrixRows rows(Catalogue(700, 20));
  auto train = [&](uint64_t seed) {
    ModelConfig config = SmallConfig(20);
    config.seed = seed;
    RqVae model(config);
    TrainJob job(&model, &rows, ShortTraining());
    RunToEnd(job);
    return Vector(model.store().values());
  };
  const Vector first = train(3);
  EXPECT_TRUE((train(3).array() == first.array()).all());
  EXPECT_FALSE((train(4).array() == first.array()).all());
}

TEST(TrainJob, DroppedItKeepsTheLastWholeStep) {
  const MatrixRows rows(Catalogue(700, 20));
  RqVae model(SmallConfig(20));
  InitializeJob initialize(&model, &rows);
  RunToEnd(initialize);
  TrainJob job(&model, &rows, ShortTraining());
  Vector last = model.store().values();
  int64_t step = 0;
  for (int i = 0; i < 20; ++i) {
    job.Advance();
    const bool same = (model.store().values().array() == last.array()).all();
    EXPECT_EQ(same, job.step() == step) << "weights move with whole steps only";
    last = model.store().values();
    step = job.step();
  }
  EXPECT_GT(step, 3);
}

TEST(TrainJob, DoesNotInitialiseTwice) {
  const MatrixRows rows(Catalogue(700, 20));
  RqVae model(SmallConfig(20));
  TrainJob first(&model, &rows, ShortTraining());
  EXPECT_TRUE(first.initializing());
  RunToEnd(first);
  TrainJob second(&model, &rows, ShortTraining());
  EXPECT_FALSE(second.initializing());
  RunToEnd(second);
  EXPECT_LT(second.history().back().losses.loss, first.history().front().losses.loss);
}

TEST(TrainJob, SchedulesReachZeroAndWarmUp) {
  const MatrixRows rows(Catalogue(100, 20));
  for (Schedule schedule : {Schedule::kConstant, Schedule::kCosine, Schedule::kLinear}) {
    RqVae model(SmallConfig(20));
    TrainConfig config = ShortTraining();
    config.epochs = 40;  // one step each
    config.schedule = schedule;
    config.warmup = 0.25;
    config.optimizer.learning_rate = 0.5e-3;
    TrainJob job(&model, &rows, config);
    RunToEnd(job);
    const auto& history = job.history();
    EXPECT_NEAR(history[0].learning_rate, 0.05e-3, 1e-12);
    EXPECT_NEAR(history[9].learning_rate, 0.5e-3, 1e-12);
    EXPECT_NEAR(history[10].learning_rate, 0.5e-3, 1e-12);
    const double halfway = history[25].learning_rate;
    if (schedule == Schedule::kConstant) {
      EXPECT_EQ(history.back().learning_rate, 0.5e-3);
    } else {
      EXPECT_NEAR(halfway, 0.25e-3, 1e-12);
      EXPECT_LT(history.back().learning_rate, 0.02e-3);
    }
  }
}

TEST(TrainJob, DivergenceIsAnErrorAndTheModelStaysFinite) {
  const MatrixRows rows(Catalogue(400, 20));
  RqVae model(SmallConfig(20));
  TrainConfig config = ShortTraining();
  config.epochs = 200;
  config.optimizer.kind = OptimizerKind::kSgd;
  config.optimizer.learning_rate = 1e4;
  TrainJob job(&model, &rows, config);
  try {
    RunToEnd(job);
    FAIL() << "a learning rate of 10,000 went well";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kDiverged);
    EXPECT_NE(std::string(e.what()).find("learningRate"), std::string::npos);
  }
  EXPECT_TRUE(model.store().values().allFinite());

  // One step only, and so large that the weights, not the loss, are the first to go.
  RqVae other(SmallConfig(20));
  config.epochs = 1;
  config.batch_size = 400;
  config.optimizer.learning_rate = 1e300;
  TrainJob one(&other, &rows, config);
  EXPECT_THROW(RunToEnd(one), Error);
  EXPECT_TRUE(other.store().values().allFinite());
}

TEST(InitializeJob, RefusesValuesThatFloatCannotFit) {
  const MatrixRows rows(Matrix(Catalogue(300, 20) * 3e37f));
  ModelConfig config = SmallConfig(20);
  config.input_scaling = InputScaling::kNone;
  RqVae model(config);
  InitializeJob job(&model, &rows);
  EXPECT_THROW(RunToEnd(job), Error);
  EXPECT_FALSE(model.initialized());
  EXPECT_TRUE(model.store().values().allFinite());
}

TEST(InitializeJob, RefitsTheCodebooksOnlyOfATrainedModel) {
  const MatrixRows rows(Catalogue(1000, 20));
  MatrixRows copy(Catalogue(1000, 20));
  RqVae model(SmallConfig(20));
  TrainConfig config = ShortTraining();
  config.epochs = 30;
  TrainJob train(&model, &rows, config);
  RunToEnd(train);
  const Matrix skip = model.store().value(model.encoder().skip_weight());
  const double before = model.Evaluate(copy.data()).loss;
  InitializeJob job(&model, &rows);
  RunToEnd(job);
  EXPECT_TRUE((skip.array() == model.store().value(model.encoder().skip_weight()).array()).all());
  EXPECT_LT(model.Evaluate(copy.data()).loss, 1.05 * before);
}

TEST(TrainJob, TrainsEveryKindOfModel) {
  Matrix data = Catalogue(300, 10);
  data.rowwise().normalize();
  const MatrixRows rows(data);
  int models = 0;
  auto check = [&](ModelConfig config) {
    config.input_dim = 10;
    config.latent_dim = 6;
    config.hidden_dims = {12};
    config.codebook_sizes = {8, 4};
    RqVae model(config);
    TrainConfig train = ShortTraining();
    train.epochs = 40;
    train.optimizer.learning_rate = 5e-4;
    TrainJob job(&model, &rows, train);
    RunToEnd(job);
    EXPECT_LT(job.history().back().losses.reconstruction, job.history().front().losses.reconstruction);
    ++models;
  };
  for (Activation activation : {Activation::kSilu, Activation::kRelu}) {
    for (InputScaling scaling : {InputScaling::kNone, InputScaling::kCenter, InputScaling::kCommonScale}) {
      for (LinearSkip skip : {LinearSkip::kNone, LinearSkip::kPca}) {
        for (CodebookGradient gradient : {CodebookGradient::kQuantization, CodebookGradient::kJoint}) {
          ModelConfig config;
          config.activation = activation;
          config.input_scaling = scaling;
          config.linear_skip = skip;
          config.codebook_gradient = gradient;
          check(config);
        }
      }
    }
    for (bool sim_vq : {false, true}) {
      ModelConfig config;
      config.activation = activation;
      config.compat = Compat::kHopwise;
      config.codebook_sim_vq = sim_vq;
      config.input_scaling = InputScaling::kNone;
      config.linear_skip = LinearSkip::kNone;
      config.codebook_gradient = CodebookGradient::kQuantization;
      check(config);
    }
  }
  EXPECT_EQ(models, 28);
}

}  // namespace
}  // namespace rqvae
