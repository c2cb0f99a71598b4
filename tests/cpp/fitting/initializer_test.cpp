// Initialisation from data: what it fits, on what, and what it leaves alone.
#include "initializer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "error.h"
#include "gemm.h"
#include "id_statistics.h"
#include "random.h"
#include "test_data.h"
#include "train_job.h"
#include "training_data.h"
#include "whole_block.h"

namespace rqvae {
namespace {

TEST(InitializeJob, TheUntrainedSkipModelIsResidualKmeansOfItsPcaLatent) {
  const MatrixRows rows(Catalogue(900, 20));
  Model model(SmallConfig(20));
  InitializeJob job(&model, &rows);
  RunToEnd(job);
  ASSERT_TRUE(model.initialized());

  // The latent by hand: scale, project on the directions.
  MatrixRows copy(Catalogue(900, 20));
  Matrix scaled(900, 20), latents(900, 8), own(900, 8);
  ScaleInput(model, copy.data(), scaled);
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
  const float scale = model.store().value(model.store().Find("input.scale"))(0, 0);
  expected = (expected * scale).rowwise() + model.store().value(model.store().Find("input.mean")).col(0).transpose();
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
    Model model(config);
    InitializeJob job(&model, &rows);
    RunToEnd(job);
    Matrix scaled(1000, 6);
    ScaleInput(model, copy.data(), scaled);
    Eigen::MatrixXd expected = data;
    if (scaling != InputScaling::kNone) expected.rowwise() -= mean;
    if (scaling == InputScaling::kCommonScale) expected /= scale;
    EXPECT_LT((scaled.cast<double>() - expected).cwiseAbs().maxCoeff(), 1e-5) << static_cast<int>(scaling);
  }
}

TEST(InitializeJob, DroppedItLeavesTheModelAsItWas) {
  const MatrixRows rows(Catalogue(900, 20));
  Model model(SmallConfig(20));
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
      Model model(SmallConfig(20));
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

TEST(InitializeJob, RefusesValuesThatFloatCannotFit) {
  const MatrixRows rows(Matrix(Catalogue(300, 20) * 3e37f));
  ModelConfig config = SmallConfig(20);
  config.input_scaling = InputScaling::kNone;
  Model model(config);
  InitializeJob job(&model, &rows);
  EXPECT_THROW(RunToEnd(job), Error);
  EXPECT_FALSE(model.initialized());
  EXPECT_TRUE(model.store().values().allFinite());
}

TEST(InitializeJob, RefitsTheCodebooksOnlyOfATrainedModel) {
  const MatrixRows rows(Catalogue(1000, 20));
  MatrixRows copy(Catalogue(1000, 20));
  Model model(SmallConfig(20));
  TrainConfig config = ShortTraining();
  config.epochs = 30;
  TrainJob train(&model, &rows, config);
  RunToEnd(train);
  const Matrix skip = model.store().value(model.encoder().skip_weight());
  const double before = Evaluate(model, copy.data()).loss;
  InitializeJob job(&model, &rows);
  RunToEnd(job);
  EXPECT_TRUE((skip.array() == model.store().value(model.encoder().skip_weight()).array()).all());
  EXPECT_LT(Evaluate(model, copy.data()).loss, 1.05 * before);
}

// Every scaling's statistics are those of all rows, not only of the k-means sample or the first block.
TEST(InitializeJob, LearnsEveryScaling) {
  const Index n = 5000;  // more than one slice of statistics
  Matrix data = Catalogue(n, 6);
  data.col(2) *= 10;
  data.bottomRows(200).array() += 3;
  const MatrixRows rows(data);
  for (InputScaling scaling : {InputScaling::kPerDimension, InputScaling::kL2}) {
    ModelConfig config = SmallConfig(6);
    config.input_scaling = scaling;
    Model model(config);
    InitializeJob job(&model, &rows);
    RunToEnd(job);
    Eigen::MatrixXd expected = data.cast<double>();
    if (scaling == InputScaling::kL2) expected.rowwise().normalize();
    const Eigen::RowVectorXd mean = expected.colwise().mean();
    expected.rowwise() -= mean;
    Eigen::RowVectorXd deviation = (expected.cwiseAbs2().colwise().sum() / static_cast<double>(n)).cwiseSqrt();
    if (scaling == InputScaling::kL2) deviation.setConstant(std::sqrt(deviation.cwiseAbs2().mean()));
    expected.array().rowwise() /= deviation.array();
    Matrix scaled(n, 6);
    ScaleInput(model, data, scaled);
    EXPECT_TRUE(Close(scaled, expected, 1e-5)) << static_cast<int>(scaling);
  }
}

// linearSkip "identity" without hidden layers: the latent is x~ itself, and the model residual k-means at full width.
TEST(InitializeJob, TheIdentityModelIsResidualKmeansOfTheScaledInput) {
  const Matrix data = Catalogue(700, 10);
  const MatrixRows rows(data);
  for (const std::vector<Index>& hidden : {std::vector<Index>{}, {12}}) {
    ModelConfig config = SmallConfig(10);
    config.hidden_dims = hidden;
    config.latent_dim = 10;
    config.linear_skip = LinearSkip::kIdentity;
    Model model(config);
    InitializeJob job(&model, &rows);
    RunToEnd(job);
    Matrix scaled(700, 10), latents(700, 10);
    ScaleInput(model, data, scaled);
    model.Latents(data, latents);
    EXPECT_TRUE(Close(latents, scaled, 1e-6));
    KmeansJob kmeans(&latents, 16, Random(0, Stream::kKmeans, 0));
    RunToEnd(kmeans);
    EXPECT_TRUE(SameBits(model.quantizer().codebook(0), kmeans.centers()));
    // What it decodes is the sum of the codes, brought back.
    CodeMatrix codes(700, 3);
    model.Encode(data, codes, nullptr);
    Matrix quantized(700, 10), decoded(700, 10), again(700, 10);
    model.quantizer().Lookup(codes, quantized);
    model.Decode(codes, decoded);
    ScaleInput(model, decoded, again);
    EXPECT_TRUE(Close(again, quantized, 1e-5));
  }
}

TEST(InitializeJob, APcaWithoutHiddenLayersIsTheProjection) {
  const Matrix data = Catalogue(700, 10);
  const MatrixRows rows(data);
  ModelConfig config = SmallConfig(10);
  config.hidden_dims = {};
  config.latent_dim = 10;  // all directions: nothing is lost
  Model model(config);
  EXPECT_EQ(model.store().Find("encoder.network.0.weight"), -1) << "the linear path is all there is";
  InitializeJob job(&model, &rows);
  RunToEnd(job);
  Matrix scaled(700, 10), latents(700, 10);
  ScaleInput(model, data, scaled);
  model.Latents(data, latents);
  for (Index i = 0; i < 700; ++i) EXPECT_NEAR(latents.row(i).norm(), scaled.row(i).norm(), 1e-3f);
}

TEST(InitializeJob, SimVqStartsAtTheCentres) {
  const Matrix data = Catalogue(900, 20);
  const MatrixRows rows(data);
  ModelConfig config = SmallConfig(20);
  Model plain(config);
  config.codebook_sim_vq = true;
  Model model(config);
  for (Model* one : {&plain, &model}) {
    InitializeJob job(one, &rows);
    RunToEnd(job);
  }
  for (Index l = 0; l < 3; ++l) {
    EXPECT_TRUE(SameBits(model.quantizer().codebook(l), plain.quantizer().codebook(l))) << l;
    const Matrix projection =
        model.store().value(model.store().Find("quantization_layers." + std::to_string(l) + ".out_proj.weight"));
    EXPECT_TRUE(SameBits(projection, Matrix(Matrix::Identity(8, 8)))) << l;
  }
}

// Codebooks that are not to be fitted stay; what the encoder needs is fitted all the same.
TEST(InitializeJob, LeavesTheCodebooksAloneWhenToldSo) {
  const Matrix data = Catalogue(400, 20);
  const MatrixRows rows(data);
  ModelConfig config = SmallConfig(20);
  config.codebook_kmeans_init = false;
  Model model(config);
  ASSERT_FALSE(model.initialized()) << "it has a scale and directions to learn";
  const Matrix codebook = model.quantizer().codebook(1);
  InitializeJob job(&model, &rows, false);
  RunToEnd(job);
  EXPECT_TRUE(model.initialized());
  EXPECT_TRUE(SameBits(model.quantizer().codebook(1), codebook));
  EXPECT_TRUE(job.inertia().empty());
  Matrix scaled(400, 20), latents(400, 8);
  ScaleInput(model, data, scaled);
  EXPECT_NEAR(scaled.cast<double>().squaredNorm() / 8000, 1, 1e-4);
  model.Latents(data, latents);
  EXPECT_GT(latents.norm(), 0.5f * scaled.norm());
}

// Nothing of what the other rows are.
TEST(InitializeJob, SeesTheRowsOfItsSourceOnly) {
  Matrix data = Catalogue(600, 20);
  const Split split = SplitRows(0, 600, 0.3);
  auto initialize = [&] {
    const MatrixRows rows(data);
    const SubsetRows training(&rows, split.training);
    Model model(SmallConfig(20));
    InitializeJob job(&model, &training);
    RunToEnd(job);
    return Vector(model.store().values());
  };
  const Vector before = initialize();
  for (const uint32_t row : split.validation) data.row(row).setConstant(1e6f);
  EXPECT_TRUE(SameBits(initialize(), before));
  data.row(split.training[0]).setConstant(1e3f);
  EXPECT_FALSE(SameBits(initialize(), before));
}

}  // namespace
}  // namespace rqvae
