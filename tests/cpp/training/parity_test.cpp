// The model and the optimisers against PyTorch: forward values, every gradient, ten steps.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "fixture.h"
#include "model.h"
#include "optimizer.h"
#include "test_data.h"
#include "train_step.h"

namespace rqvae {
namespace {

constexpr double kTolerance = 2e-5;

void SetValues(Model& model, const std::string& name, const FixtureTensor& tensor) {
  const Index handle = model.store().Find(name);
  ASSERT_GE(handle, 0) << name;
  ASSERT_EQ(model.store().parameter(handle).shape, tensor.shape) << name;
  model.store().value(handle) = tensor.matrix().cast<float>();
}

class ParityTest : public ::testing::TestWithParam<const char*> {
 protected:
  ParityTest() : fixture_(GetParam()), model_(fixture_.model_config()), x_(fixture_.floats("x")) {}

  void SetUp() override {
    Index set = 0;
    for (const auto& [name, tensor] : fixture_.tensors()) {
      if (name.rfind("encoder.", 0) == 0 || name.rfind("decoder.", 0) == 0 ||
          name.rfind("quantization_layers.", 0) == 0 || name.rfind("input.", 0) == 0) {
        SetValues(model_, name, tensor);
        ++set;
      }
    }
    Index expected = 0;  // averages begin by themselves
    for (Index handle = 0; handle < model_.store().count(); ++handle) {
      if (model_.store().parameter(handle).group != ParameterGroup::kState) ++expected;
    }
    ASSERT_EQ(set, expected) << "the fixture and the model have other parameters";
    model_.set_initialized(true);
    model_.ParametersChanged();
  }

  void ExpectLosses(const Losses& losses) const {
    auto expect = [&](double actual, const char* name) {
      const double expected = fixture_.scalar(name);
      EXPECT_NEAR(actual, expected, 1e-5 * std::abs(expected)) << name;
    };
    expect(losses.loss, "losses.loss");
    expect(losses.reconstruction, "losses.reconstruction");
    expect(losses.quantize, "losses.quantize");
    EXPECT_EQ(losses.distinct_ids, static_cast<Index>(fixture_.scalar("losses.distinct_ids")));
    const Eigen::MatrixXd error = fixture_.matrix("losses.quantization_error");
    const Eigen::MatrixXd norm = fixture_.matrix("losses.embedding_norm");
    ASSERT_EQ(losses.quantization_error.size(), static_cast<size_t>(error.size()));
    ASSERT_EQ(losses.embedding_norm.size(), static_cast<size_t>(norm.size()));
    for (size_t l = 0; l < losses.quantization_error.size(); ++l) {
      const Index i = static_cast<Index>(l);
      EXPECT_NEAR(losses.quantization_error[l], error(i), 1e-5 * error(i)) << "level " << l;
      EXPECT_NEAR(losses.embedding_norm[l], norm(i), 1e-5 * norm(i)) << "level " << l;
    }
  }

  Fixture fixture_;
  Model model_;
  TrainStep step_{&model_};
  Matrix x_;
};

TEST_P(ParityTest, Forward) {
  const Index n = x_.rows();
  Matrix latents(n, model_.config().latent_dim);
  model_.Latents(x_, latents);
  EXPECT_TRUE(Close(latents, fixture_.matrix("latents"), kTolerance));

  CodeMatrix codes(n, model_.config().levels());
  model_.Encode(x_, codes, nullptr);
  const CodeMatrix expected = fixture_.matrix("codes").cast<uint32_t>();
  EXPECT_TRUE(SameBits(codes, expected));

  Matrix output(n, model_.config().input_dim);
  model_.Decode(expected, output);
  EXPECT_TRUE(Close(output, fixture_.matrix("reconstruction"), kTolerance));

  ExpectLosses(Evaluate(model_, x_));
}

TEST_P(ParityTest, EveryGradient) {
  ExpectLosses(step_.Run(x_, 0));
  const ParameterStore& store = model_.store();
  Index compared = 0;
  for (Index handle = 0; handle < store.count(); ++handle) {
    const Parameter& p = store.parameter(handle);
    if (!p.trained) {
      EXPECT_FALSE(fixture_.Has("grad." + p.name)) << p.name;
      if (p.group != ParameterGroup::kCodebook)
        EXPECT_EQ(store.View(step_.gradients(), handle).cwiseAbs().maxCoeff(), 0) << p.name;
      continue;
    }
    const Eigen::MatrixXd expected = fixture_.matrix("grad." + p.name);
    EXPECT_GT(expected.cwiseAbs().maxCoeff(), 1e-6) << p.name << ": nothing to compare";
    EXPECT_TRUE(Close(store.View(step_.gradients(), handle), expected, kTolerance)) << p.name;
    ++compared;
  }
  EXPECT_GE(compared, 10);
}

TEST_P(ParityTest, TenSteps) {
  Optimizer optimizer(fixture_.optimizer_config(), model_.store());
  std::vector<Matrix> batches;
  Index first = 0;
  for (Index rows : fixture_.config()["batches"].indices()) {
    batches.push_back(x_.middleRows(first, rows));
    first += rows;
  }
  ASSERT_EQ(first, x_.rows());
  const Eigen::MatrixXd losses = fixture_.matrix("train.losses");
  ASSERT_EQ(losses.size(), 10);
  for (Index step = 0; step < losses.size(); ++step) {
    const Matrix& batch = batches[static_cast<size_t>(step) % batches.size()];
    const Losses actual = step_.Run(batch, static_cast<uint64_t>(step));
    EXPECT_NEAR(actual.loss, losses(step), kTolerance * losses(step)) << "step " << step;
    step_.Apply(optimizer, actual, 1, "");
  }
  EXPECT_EQ(optimizer.steps(), 10);
  for (Index handle = 0; handle < model_.store().count(); ++handle) {
    const Parameter& p = model_.store().parameter(handle);
    const auto value = model_.store().value(handle);
    const bool average = model_.config().codebook_update == CodebookUpdate::kEma &&
                         (p.group == ParameterGroup::kCodebook || p.group == ParameterGroup::kState);
    if (!p.trained && !average) {
      EXPECT_FALSE(fixture_.Has("after." + p.name)) << p.name;
      EXPECT_TRUE(SameBits(value, fixture_.floats(p.name))) << p.name << " is not to be trained";
      continue;
    }
    EXPECT_TRUE(Close(value, fixture_.matrix("after." + p.name), kTolerance)) << p.name;
    // What the steps changed, so that large weights do not hide a wrong step.
    if (p.group == ParameterGroup::kState) continue;
    const Eigen::MatrixXd start = fixture_.matrix(p.name);
    EXPECT_TRUE(Close(value.cast<double>() - start, fixture_.matrix("after." + p.name) - start, 1e-3))
        << p.name << ", the change";
  }
}

INSTANTIATE_TEST_SUITE_P(Fixtures, ParityTest,
                         ::testing::Values("plain", "plain_relu_adamw", "skip_joint", "sgd_momentum", "blocks",
                                           "hopwise", "hopwise_simvq", "layer_norm_cosine", "rotation", "ema", "simvq",
                                           "per_dimension"),
                         [](const auto& info) { return std::string(info.param); });

// The reference's state_dict, read as a user's file is: shapes from the tensors, names mapped.
TEST(StateDictTest, GivesTheReferencesCodes) {
  const Fixture file("hopwise_state_dict");
  const Json expected = Json::Parse(ReadFixtureFile("hopwise_state_dict.expected.json"));
  ModelConfig config;
  config.input_dim = 20;
  config.latent_dim = 6;
  config.hidden_dims = {16, 8};
  config.codebook_sizes = {10, 10, 10};
  config.input_scaling = InputScaling::kNone;
  config.linear_skip = LinearSkip::kNone;
  config.codebook_gradient = CodebookGradient::kQuantization;
  config.compat = Compat::kHopwise;
  config.codebook_sim_vq = true;
  Model model(config);
  for (const auto& [name, tensor] : file.tensors()) {
    std::string ours = name;
    const size_t at = ours.find(".out_proj.0.");
    if (at != std::string::npos) ours.replace(at, 12, ".out_proj.");
    SetValues(model, ours, tensor);
  }
  ASSERT_EQ(static_cast<Index>(file.tensors().size()), model.store().count());
  model.set_initialized(true);
  model.ParametersChanged();
  const auto& items = expected["items"].items();
  const auto& rows = expected["codes"].items();
  ASSERT_EQ(items.size(), 50u);
  ASSERT_EQ(rows.size(), items.size());
  Matrix x(static_cast<Index>(items.size()), config.input_dim);
  for (Index i = 0; i < x.rows(); ++i) {
    for (Index j = 0; j < x.cols(); ++j) {
      const Json& item = items[static_cast<size_t>(i)].items().at(static_cast<size_t>(j));
      x(i, j) = static_cast<float>(item.number());
    }
  }
  CodeMatrix codes(x.rows(), 3);
  model.Encode(x, codes, nullptr);
  for (Index i = 0; i < codes.rows(); ++i) {
    const std::vector<Index> row = rows[static_cast<size_t>(i)].indices();
    for (Index l = 0; l < 3; ++l) {
      EXPECT_EQ(codes(i, l), static_cast<uint32_t>(row.at(static_cast<size_t>(l)))) << "row " << i << ", level " << l;
    }
  }
}

}  // namespace
}  // namespace rqvae
