// Items of several fields, some of which lack one: what is missing has no error, no noise and no gradient.
#include <gtest/gtest.h>

#include <vector>

#include "error.h"
#include "test_data.h"
#include "train_step.h"
#include "training_data.h"

namespace rqvae {
namespace {

constexpr Index kDim = 11;
const std::vector<Index> kEnds = {4, 5, 11};

struct Field {
  Index first, count;
};
constexpr Field kFields[] = {{0, 4}, {4, 1}, {5, 6}};

ModelConfig Config() {
  ModelConfig config = SmallConfig(kDim);
  config.linear_skip = LinearSkip::kNone;
  config.input_scaling = InputScaling::kNone;
  config.codebook_kmeans_init = false;
  return config;
}

// Rows of which each third lacks a field, in turn.
Matrix Items(Index rows) {
  Matrix items = Catalogue(rows, kDim);
  for (Index i = 0; i < rows; i += 3) {
    const Field& field = kFields[i / 3 % 3];
    items.row(i).segment(field.first, field.count).setZero();
  }
  return items;
}

bool IsMissing(const Matrix& items, Index row, const Field& field) {
  return items.row(row).segment(field.first, field.count).isZero(0);
}

TEST(MissingFields, HaveNoError) {
  const Matrix items = Items(300);
  Model model(Config());
  Matrix scaled(300, kDim), reconstructed(300, kDim);
  model.Reconstruct(items, scaled, reconstructed);
  double known = 0, all = 0;
  for (Index i = 0; i < items.rows(); ++i) {
    for (const Field& field : kFields) {
      const auto error = (reconstructed - items).row(i).segment(field.first, field.count).cast<double>();
      all += error.squaredNorm();
      if (!IsMissing(items, i, field)) known += error.squaredNorm();
    }
  }
  EXPECT_NEAR(Evaluate(model, items).reconstruction, all / 300, 1e-5 * all / 300);
  model.SetFieldEnds(kEnds);
  EXPECT_NEAR(Evaluate(model, items).reconstruction, known / 300, 1e-5 * known / 300);
  EXPECT_LT(known, (1 - 1e-4) * all);  // more than the tolerance
}

// d loss / d bias of the last layer is the mean over the batch of 2 w (y - x~), over the rows that have the entry.
TEST(MissingFields, HaveNoGradient) {
  const Index rows = 300;
  const Matrix items = Items(rows);
  ModelConfig config = Config();
  config.input_noise = 0;
  Model model(config);
  model.SetFieldEnds(kEnds);
  Matrix scaled(rows, kDim), reconstructed(rows, kDim);
  model.Reconstruct(items, scaled, reconstructed);
  Eigen::VectorXd expected = Eigen::VectorXd::Zero(kDim);
  for (Index i = 0; i < rows; ++i) {
    for (const Field& field : kFields) {
      if (IsMissing(items, i, field)) continue;
      for (Index j = field.first; j < field.first + field.count; ++j) {
        expected[j] += 2 * config.reconstruction_weight * (reconstructed(i, j) - items(i, j)) / rows;
      }
    }
  }
  TrainStep step(&model);
  step.Run(items, 0);
  const ParameterStore& store = model.store();
  const Index bias = store.Find("decoder.network.2.bias");
  ASSERT_GE(bias, 0);
  const Matrix gradient = store.View(step.gradients(), bias);
  ASSERT_EQ(gradient.size(), kDim);
  for (Index j = 0; j < kDim; ++j) EXPECT_NEAR(gradient(j, 0), expected[j], 1e-4 * expected.cwiseAbs().maxCoeff()) << j;
}

// The encoder's weights of an input that is zero in all rows have no gradient, unless noise reaches it.
TEST(MissingFields, GetNoNoise) {
  Matrix items = Catalogue(200, kDim);
  items.col(4).setZero();
  for (const bool has_fields : {false, true}) {
    Model model(Config());
    if (has_fields) model.SetFieldEnds(kEnds);
    TrainStep step(&model);
    step.Run(items, 0);
    const ParameterStore& store = model.store();
    const Index weight = store.Find("encoder.network.0.weight");
    ASSERT_GE(weight, 0);
    const Matrix gradient = store.View(step.gradients(), weight);
    ASSERT_EQ(gradient.cols(), kDim);
    EXPECT_EQ(gradient.col(4).isZero(0), has_fields);
    EXPECT_FALSE(gradient.col(3).isZero(0));
  }
}

TEST(MissingFields, ChangeNothingWhereNoneIsMissing) {
  const Matrix items = Catalogue(300, kDim);
  Model plain(Config()), with_fields(Config());
  with_fields.SetFieldEnds(kEnds);
  TrainStep a(&plain), b(&with_fields);
  EXPECT_EQ(a.Run(items, 3).loss, b.Run(items, 3).loss);
  EXPECT_TRUE(SameBits(a.gradients(), b.gradients()));
}

TEST(MissingFields, RefusesEndsThatDoNotFit) {
  Model model(Config());
  for (const auto& ends :
       std::vector<std::vector<Index>>{{4}, {4, 4, 11}, {5, 4, 11}, {4, 12}, {-1, 11}, {0, 11}, {11, 5}}) {
    EXPECT_THROW(model.SetFieldEnds(ends), Error);
  }
  model.SetFieldEnds({11});
  model.SetFieldEnds({});
}

}  // namespace
}  // namespace rqvae
