// Items, and weights, whose distances are beyond float32: no code is the nearest, and nobody may be given one.
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "model.h"
#include "parallel.h"
#include "test_data.h"
#include "train_job.h"
#include "training_data.h"

namespace rqvae {
namespace {

constexpr Index kItems = 1000;

class ItemRange : public testing::TestWithParam<Index> {
 protected:
  ItemRange() : data_(Catalogue(kItems, 12)), model_(Config()) {
    SetThreads(GetParam());
    const MatrixRows rows(data_);
    InitializeJob initialize(&model_, &rows);
    RunToEnd(initialize);
  }
  ~ItemRange() override { SetThreads(1); }

  static ModelConfig Config() {
    ModelConfig config = SmallConfig(12);
    config.encode_beam = 4;
    return config;
  }
  // The row that `call` refuses, or -1.
  template <typename F>
  static Index Refused(F call) {
    try {
      call();
    } catch (const ItemOutOfRange& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kInvalidInput);
      return e.row();
    }
    return -1;
  }
  void ExpectRefused(const Matrix& items, Index row) {
    const Index levels = model_.config().levels(), d = model_.config().latent_dim;
    CodeMatrix codes(items.rows(), levels);
    Matrix latents(items.rows(), d), margins(items.rows(), levels), embeddings(items.rows(), levels * d);
    Matrix residuals(items.rows(), levels * d), scaled(items.rows(), items.cols()), out = scaled;
    Vector loss(items.rows());
    MatrixRef margins_ref = margins;
    EXPECT_EQ(Refused([&] { model_.Latents(items, latents); }), row);
    EXPECT_EQ(Refused([&] { model_.Encode(items, codes, nullptr); }), row);
    EXPECT_EQ(Refused([&] { model_.Encode(items, codes, &margins_ref); }), row);
    EXPECT_EQ(Refused([&] { model_.Quantize(items, codes, embeddings, residuals, loss); }), row);
    EXPECT_EQ(Refused([&] { model_.Reconstruct(items, scaled, out); }), row);
    EXPECT_EQ(Refused([&] { Evaluate(model_, items); }), row);
    if (row < 0) EXPECT_TRUE(margins.allFinite());
  }

  Matrix data_;
  Model model_;
};

TEST_P(ItemRange, NamesTheFirstItemThatHasNoDistances) {
  ExpectRefused(data_, -1);
  for (const float extreme : {1e20f, 1e30f, std::numeric_limits<float>::max()}) {
    for (const Index row : {Index{0}, Index{300}, kItems - 1}) {
      Matrix items = data_;
      items(row, 3) = -extreme;
      items(kItems - 1, 0) = extreme;  // not the first, unless it is
      ExpectRefused(items, row);
    }
  }
}

TEST_P(ItemRange, LargeItemsThatHaveDistancesAreEncoded) {
  Matrix items = data_;
  items.row(7) *= 1e12f;
  ExpectRefused(items, -1);
}

INSTANTIATE_TEST_SUITE_P(Threads, ItemRange, testing::Values(1, 4), testing::PrintToStringParamName());

TEST(ItemRangeTraining, FiniteWeightsThatEncodeNothingAreADivergence) {
  const Matrix data = Catalogue(200, 12);
  const MatrixRows rows(data);
  for (const double validation : {0.0, 0.2}) {
    Model model(SmallConfig(12));
    InitializeJob initialize(&model, &rows);
    RunToEnd(initialize);
    const Vector before = model.store().values();
    TrainConfig config = ShortTraining();
    config.optimizer.kind = OptimizerKind::kSgd;
    config.optimizer.learning_rate = 1e19;  // one step, whose loss and weights are finite
    config.epochs = 1;
    config.validation_share = validation;
    TrainJob job(&model, &rows, config);
    try {
      RunToEnd(job);
      FAIL() << "it went well";
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kDiverged);
      EXPECT_NE(std::string(e.what()).find("{epoch=0}"), std::string::npos) << e.what();
    }
    EXPECT_TRUE(SameBits(model.store().values(), before));
    CodeMatrix codes(data.rows(), model.config().levels());
    model.Encode(data, codes, nullptr);  // it still does
  }
}

TEST(ItemRangeTraining, ACatalogueBeyondAFittedModelIsNamed) {
  const Matrix data = Catalogue(200, 12);
  const MatrixRows rows(data);
  Model model(SmallConfig(12));
  InitializeJob initialize(&model, &rows);
  RunToEnd(initialize);
  Matrix other = data;
  other(123, 4) = 1e30f;
  const MatrixRows others(other);
  for (const double noise : {0.0, 0.5}) {
    TrainConfig config = ShortTraining();
    config.residual_noise = noise;
    config.validation_share = noise > 0 ? 0.0 : 0.1;
    TrainJob job(&model, &others, config);
    try {
      RunToEnd(job);
      FAIL() << "it went well";
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kInvalidInput);
      EXPECT_NE(std::string(e.what()).find("row 123 "), std::string::npos) << e.what();
    }
  }
}

TEST(ItemRangeTraining, LatentsBeyondDistancesAreNoGroundForCodebooks) {
  ModelConfig config = SmallConfig(12);
  config.input_scaling = InputScaling::kNone;
  config.linear_skip = LinearSkip::kNone;
  Matrix data = Catalogue(200, 12);
  data *= 1e24f;
  const MatrixRows rows(data);
  Model model(config);
  const Vector before = model.store().values();
  InitializeJob initialize(&model, &rows);
  EXPECT_THROW(RunToEnd(initialize), Error);
  EXPECT_TRUE(SameBits(model.store().values(), before));
  EXPECT_FALSE(model.initialized());
}

}  // namespace
}  // namespace rqvae
