// Gradients against a double-precision oracle (oracle.h) and the two ways in which residual
// quantisers usually get them wrong.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "mlp.h"
#include "model.h"
#include "oracle.h"
#include "residual_quantizer.h"
#include "test_data.h"
#include "train_step.h"
#include "whole_block.h"

namespace rqvae {
namespace {

struct Case {
  const char* name;
  std::vector<Index> hidden;
  std::vector<Index> codebooks;
  Activation activation;
  LinearSkip skip;
  CodebookGradient gradient;
  double beta;
  double weight;
  InputScaling scaling = InputScaling::kNone;
  Compat compat = Compat::kNone;
  bool sim_vq = false;
  void (*change)(ModelConfig&) = nullptr;  // of what the columns do not say
};

constexpr auto kSilu = Activation::kSilu;
constexpr auto kRelu = Activation::kRelu;
constexpr auto kNoSkip = LinearSkip::kNone;
constexpr auto kSkip = LinearSkip::kPca;
constexpr auto kQuantization = CodebookGradient::kQuantization;
constexpr auto kJoint = CodebookGradient::kJoint;
constexpr auto kUnscaled = InputScaling::kNone;

const Case kCases[] = {
    {"Quantization", {6, 4}, {4, 3, 5}, kSilu, kNoSkip, kQuantization, 0.25, 1},
    {"QuantizationRelu", {6, 4}, {4, 3, 5}, kRelu, kNoSkip, kQuantization, 0.25, 1},
    {"Joint", {6, 4}, {4, 3, 5}, kSilu, kNoSkip, kJoint, 0.25, 1},
    {"JointRelu", {6}, {4, 3}, kRelu, kNoSkip, kJoint, 1.5, 0.5},
    {"SkipQuantization", {6, 4}, {4, 3, 5}, kSilu, kSkip, kQuantization, 1, 3},
    {"SkipJointScaled", {6, 4}, {4, 3, 5, 2}, kSilu, kSkip, kJoint, 0.25, 3, InputScaling::kCommonScale},
    {"SkipRelu", {5}, {4}, kRelu, kSkip, kJoint, 0.5, 1},
    {"NoHidden", {}, {4, 3}, kSilu, kNoSkip, kQuantization, 0.25, 2},
    {"NoHiddenSkip", {}, {4, 3}, kSilu, kSkip, kJoint, 0.25, 2, InputScaling::kCenter},
    {"OneLevelNoCommitment", {6}, {5}, kSilu, kNoSkip, kQuantization, 0, 1},
    {"NoReconstruction", {6}, {5, 4, 3}, kSilu, kNoSkip, kJoint, 0.25, 0},
    {"Hopwise", {6, 4}, {4, 3, 5}, kSilu, kNoSkip, kQuantization, 0.25, 1, InputScaling::kNone, Compat::kHopwise},
    {"HopwiseSimVq",
     {6, 4},
     {4, 3, 5},
     kRelu,
     kNoSkip,
     kQuantization,
     0.5,
     1,
     InputScaling::kNone,
     Compat::kHopwise,
     true},
    {"CodebookWeight",
     {6, 4},
     {4, 3, 5},
     kSilu,
     kNoSkip,
     kQuantization,
     0.25,
     1,
     kUnscaled,
     Compat::kNone,
     false,
     [](ModelConfig& c) { c.codebook_weight = 0.5; }},
    {"CodebookWeightJoint",
     {6},
     {4, 3, 5},
     kSilu,
     kSkip,
     kJoint,
     0.25,
     2,
     InputScaling::kCommonScale,
     Compat::kNone,
     false,
     [](ModelConfig& c) { c.codebook_weight = 3; }},
    {"Cosine",
     {6, 4},
     {4, 3, 5},
     kSilu,
     kNoSkip,
     kQuantization,
     0.25,
     3,
     kUnscaled,
     Compat::kNone,
     false,
     [](ModelConfig& c) { c.reconstruction = Reconstruction::kCosine; }},
    {"CosineJoint",
     {6},
     {4, 3},
     kRelu,
     kSkip,
     kJoint,
     0.25,
     1,
     InputScaling::kL2,
     Compat::kNone,
     false,
     [](ModelConfig& c) { c.reconstruction = Reconstruction::kCosine; }},
    {"LayerNorm",
     {6, 4},
     {4, 3, 5},
     kSilu,
     kNoSkip,
     kQuantization,
     0.25,
     1,
     kUnscaled,
     Compat::kNone,
     false,
     [](ModelConfig& c) { c.layer_norm = true; }},
    {"LayerNormJoint",
     {6},
     {4, 3},
     kRelu,
     kSkip,
     kJoint,
     0.5,
     1,
     InputScaling::kPerDimension,
     Compat::kNone,
     false,
     [](ModelConfig& c) { c.layer_norm = true; }},
    {"Rotation",
     {6, 4},
     {4, 3, 5},
     kSilu,
     kNoSkip,
     kQuantization,
     0.25,
     1,
     kUnscaled,
     Compat::kNone,
     false,
     [](ModelConfig& c) { c.gradient_estimator = GradientEstimator::kRotation; }},
    {"RotationJoint",
     {6},
     {4, 3},
     kSilu,
     kSkip,
     kJoint,
     0.25,
     2,
     InputScaling::kCenter,
     Compat::kNone,
     false,
     [](ModelConfig& c) { c.gradient_estimator = GradientEstimator::kRotation; }},
    {"SimVq", {6, 4}, {4, 3, 5}, kSilu, kNoSkip, kQuantization, 0.25, 1, kUnscaled, Compat::kNone, true},
    {"SimVqJoint", {6}, {4, 3, 5}, kSilu, kSkip, kJoint, 0.25, 1, kUnscaled, Compat::kNone, true},
    {"Ema",
     {6, 4},
     {4, 3, 5},
     kSilu,
     kNoSkip,
     kQuantization,
     0.25,
     1,
     kUnscaled,
     Compat::kNone,
     false,
     [](ModelConfig& c) { c.codebook_update = CodebookUpdate::kEma; }},
    {"PerDimension", {6}, {4, 3}, kSilu, kNoSkip, kQuantization, 0.25, 1, InputScaling::kPerDimension},
    {"L2", {6}, {4, 3}, kSilu, kNoSkip, kQuantization, 0.25, 1, InputScaling::kL2},
    {"Identity",
     {6},
     {4, 3},
     kSilu,
     LinearSkip::kIdentity,
     kJoint,
     0.25,
     1,
     InputScaling::kCommonScale,
     Compat::kNone,
     false,
     [](ModelConfig& c) { c.latent_dim = c.input_dim; }},
    {"Everything",
     {6, 4},
     {4, 3, 5},
     kSilu,
     kSkip,
     kJoint,
     0.25,
     2,
     InputScaling::kPerDimension,
     Compat::kNone,
     true,
     [](ModelConfig& c) {
       c.layer_norm = true;
       c.reconstruction = Reconstruction::kCosine;
       c.gradient_estimator = GradientEstimator::kRotation;
       c.codebook_weight = 0.7;
     }},
};

ModelConfig ConfigOf(const Case& c) {
  ModelConfig config;
  config.input_dim = 5;
  config.latent_dim = 3;
  config.hidden_dims = c.hidden;
  config.codebook_sizes = c.codebooks;
  config.activation = c.activation;
  config.input_scaling = c.scaling;
  config.linear_skip = c.skip;
  config.codebook_gradient = c.gradient;
  config.compat = c.compat;
  config.codebook_sim_vq = c.sim_vq;
  config.commitment_weight = c.beta;
  config.reconstruction_weight = c.weight;
  if (c.change != nullptr) c.change(config);
  return config;
}

// Every parameter away from zero, codebooks at the scale of the latents.
void Randomize(Model& model, TestRandom& random) {
  ParameterStore& store = model.store();
  for (Index handle = 0; handle < store.count(); ++handle) {
    const Parameter& p = store.parameter(handle);
    if (p.group == ParameterGroup::kState) continue;
    if (p.name == "input.scale" || p.name == "input.norm") {
      for (Index j = 0; j < p.rows(); ++j) store.value(handle)(j, 0) = 1.5f + 0.25f * static_cast<float>(j);
      continue;
    }
    const double scale = p.group == ParameterGroup::kCodebook ? 1 : 0.7;
    store.value(handle) = RandomMatrix(random, p.rows(), p.cols(), scale);
  }
  model.set_initialized(true);
  model.ParametersChanged();
}

// Losses and gradients of a step, these with their store's layout.
struct Stepped : Losses {
  Vector gradients;
};

Stepped Step(Model& model, const Matrix& x) {
  TrainStep step(&model);
  return {step.Run(x, 0), step.gradients()};
}

class GradientTest : public ::testing::TestWithParam<Case> {
 protected:
  GradientTest() : model_(ConfigOf(GetParam())) {
    TestRandom random(17);
    // A near tie would let float and double choose different codes: draw anew.
    do {
      Randomize(model_, random);
      x_ = RandomMatrix(random, 11, 5);
      frozen_ =
          oracle::Freeze(model_.config(), oracle::FromStore<double>(model_.store()), oracle::FromMatrix<double>(x_));
    } while (frozen_.margin < 1e-3 || !SeveralCodes());
  }

  bool SeveralCodes() const {
    for (const auto& level : frozen_.codes) {
      if (std::equal(level.begin() + 1, level.end(), level.begin())) return false;
    }
    return true;
  }

  Model model_;
  Matrix x_;
  oracle::Frozen frozen_;
};

TEST_P(GradientTest, OracleAgreesWithFiniteDifferences) {
  const auto p = oracle::FromStore<double>(model_.store());
  const auto dual = oracle::FromStore<oracle::Dual>(model_.store());
  for (const auto& [name, value] : p) {
    if (!model_.store().parameter(model_.store().Find(name)).trained) continue;
    const Eigen::MatrixXd exact =
        oracle::Gradient(model_.config(), dual, oracle::FromMatrix<oracle::Dual>(x_), frozen_, name);
    const Eigen::MatrixXd differences =
        oracle::FiniteDifferences(model_.config(), p, oracle::FromMatrix<double>(x_), frozen_, name);
    EXPECT_TRUE(Close(differences, exact, 1e-6, 1e-2)) << name;
  }
}

TEST_P(GradientTest, CoreAgreesWithOracle) {
  const Stepped losses = Step(model_, x_);
  const auto p = oracle::FromStore<double>(model_.store());
  const double loss = oracle::Surrogate(model_.config(), p, oracle::FromMatrix<double>(x_), frozen_);
  EXPECT_NEAR(losses.loss, loss, 1e-5 * loss);
  EXPECT_NEAR(Evaluate(model_, x_).loss, loss, 1e-5 * loss);

  const auto dual = oracle::FromStore<oracle::Dual>(model_.store());
  const auto x = oracle::FromMatrix<oracle::Dual>(x_);
  const ParameterStore& store = model_.store();
  for (Index handle = 0; handle < store.count(); ++handle) {
    const Parameter& parameter = store.parameter(handle);
    if (!parameter.trained) continue;
    const Eigen::MatrixXd exact = oracle::Gradient(model_.config(), dual, x, frozen_, parameter.name);
    EXPECT_TRUE(Close(store.View(losses.gradients, handle), exact, 2e-5, 1e-3)) << parameter.name;
    const bool decoder = parameter.group == ParameterGroup::kDecoder;
    if (!decoder || GetParam().weight > 0) {
      EXPECT_GT(exact.cwiseAbs().maxCoeff(), 1e-4) << parameter.name << ": nothing to compare";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, GradientTest, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

// -- The residual quantiser alone.

struct Quantizer {
  explicit Quantizer(const ModelConfig& config) : quantizer(store, config) {
    store.Allocate();
    quantizer.Allocate();
    quantizer.Prepare(store);
  }

  StoreWithGradients store;
  QuantizerWithGradients quantizer;
};

ModelConfig QuantizerConfig(std::vector<Index> codebooks, double beta, CodebookGradient gradient = kQuantization) {
  ModelConfig config;
  config.input_dim = 9;
  config.latent_dim = 5;
  config.codebook_sizes = std::move(codebooks);
  config.commitment_weight = beta;
  config.codebook_gradient = gradient;
  return config;
}

void SetCodebooks(Quantizer& q, const std::vector<Matrix>& codebooks) {
  for (size_t l = 0; l < codebooks.size(); ++l) {
    q.store.value(q.quantizer.embedding(static_cast<Index>(l))) = codebooks[l];
  }
  q.quantizer.Prepare(q.store);
}

// d L_rec / d z equals d L_rec / d z^ in every bit: the reconstruction goes straight through once,
// however many levels there are.
TEST(ResidualQuantizerGradientTest, ReconstructionGoesStraightThrough) {
  for (const CodebookGradient gradient : {kQuantization, kJoint}) {
    for (size_t levels = 1; levels <= 4; ++levels) {
      TestRandom random(levels);
      Quantizer q(QuantizerConfig(std::vector<Index>(levels, 6), 0, gradient));
      SetCodebooks(q, std::vector<Matrix>(levels, RandomMatrix(random, 6, 5)));
      const Matrix z = RandomMatrix(random, 37, 5);
      Matrix dquantized = RandomMatrix(random, 37, 5, 1e-3);
      dquantized(0, 0) = -0.0f;
      dquantized(1, 1) = 1e-42f;  // subnormal
      Matrix quantized(37, 5), dz(37, 5);
      ResidualQuantizer::Tape tape;
      Forward(q.quantizer, z, nullptr, tape, quantized);
      q.quantizer.ZeroGradients();
      Backward(q.quantizer, tape, quantized, dquantized, 1.0f / 37, dz);
      EXPECT_TRUE(SameBits(dz, dquantized)) << levels << " levels";
    }
  }
}

// Each level's commitment term reaches z with weight one. Subtracting a straight-through output
// instead of the detached code would make it zero at every level but the first.
TEST(ResidualQuantizerGradientTest, CommitmentOfEveryLevelReachesTheLatent) {
  TestRandom random(3);
  const std::vector<Matrix> codebooks = {RandomMatrix(random, 7, 5), RandomMatrix(random, 6, 5, 0.7),
                                         RandomMatrix(random, 4, 5, 0.5)};
  const Matrix z = RandomMatrix(random, 21, 5);
  const float scale = 1.0f / 21;
  const double beta = 0.375;
  Eigen::MatrixXd below = Eigen::MatrixXd::Zero(21, 5);
  for (size_t levels = 1; levels <= codebooks.size(); ++levels) {
    std::vector<Index> sizes;
    for (size_t l = 0; l < levels; ++l) sizes.push_back(codebooks[l].rows());
    Quantizer q(QuantizerConfig(sizes, beta));
    SetCodebooks(q, {codebooks.begin(), codebooks.begin() + static_cast<ptrdiff_t>(levels)});
    Matrix quantized(21, 5), dz(21, 5);
    ResidualQuantizer::Tape tape;
    Forward(q.quantizer, z, nullptr, tape, quantized);
    q.quantizer.ZeroGradients();
    Backward(q.quantizer, tape, quantized, Matrix::Zero(21, 5), scale, dz);
    // From z and the codes alone.
    Eigen::MatrixXd left = z.cast<double>();
    for (size_t l = 0; l < levels; ++l) {
      for (Index i = 0; i < 21; ++i) {
        left.row(i) -= codebooks[l].row(tape.codes(i, static_cast<Index>(l))).cast<double>();
      }
    }
    const Eigen::MatrixXd of_this_level = dz.cast<double>() - below;
    EXPECT_TRUE(Close(of_this_level, Eigen::MatrixXd(2 * beta / 21 * left), 1e-5)) << "level " << levels;
    below = dz.cast<double>();
  }
}

// A code that no row chose gets no gradient; the sum of a codebook's gradient is that of its rows.
TEST(ResidualQuantizerGradientTest, CodebookGradientGoesToTheChosenCodes) {
  TestRandom random(5);
  Quantizer q(QuantizerConfig({40, 30}, 0.25, kJoint));
  const std::vector<Matrix> codebooks = {RandomMatrix(random, 40, 5), RandomMatrix(random, 30, 5)};
  SetCodebooks(q, codebooks);
  const Matrix z = RandomMatrix(random, 13, 5), dquantized = RandomMatrix(random, 13, 5, 0.1);
  Matrix quantized(13, 5), dz(13, 5);
  ResidualQuantizer::Tape tape;
  Forward(q.quantizer, z, nullptr, tape, quantized);
  q.quantizer.ZeroGradients();
  Backward(q.quantizer, tape, quantized, dquantized, 0.5f, dz);
  q.store.ZeroGradients();
  q.quantizer.FinishBackward(q.store);
  Eigen::MatrixXd left = z.cast<double>();
  for (size_t l = 0; l < 2; ++l) {
    Eigen::MatrixXd expected = Eigen::MatrixXd::Zero(codebooks[l].rows(), 5);
    for (Index i = 0; i < 13; ++i) {
      const uint32_t code = tape.codes(i, static_cast<Index>(l));
      left.row(i) -= codebooks[l].row(code).cast<double>();
      expected.row(code) -= left.row(i);  // 2 scale (q - r), scale = 1/2
      expected.row(code) += dquantized.row(i).cast<double>();
    }
    EXPECT_TRUE(Close(q.store.gradient(q.quantizer.embedding(static_cast<Index>(l))), expected, 1e-6)) << "level " << l;
  }
}

// -- The model: what extra levels may change.

Model ModelWithZeroLevels(size_t extra, double beta, CodebookGradient gradient) {
  ModelConfig config;
  config.input_dim = 9;
  config.latent_dim = 5;
  config.hidden_dims = {8};
  config.codebook_sizes = {6, 4};
  config.codebook_sizes.insert(config.codebook_sizes.end(), extra, 3);
  config.input_scaling = InputScaling::kNone;
  config.linear_skip = LinearSkip::kNone;
  config.codebook_gradient = gradient;
  config.commitment_weight = beta;
  return Model(config);
}

void CopyShared(const Model& from, Model& to) {
  for (Index handle = 0; handle < to.store().count(); ++handle) {
    const Index other = from.store().Find(to.store().parameter(handle).name);
    if (other >= 0) {
      to.store().value(handle) = from.store().value(other);
    } else {
      to.store().value(handle).setZero();
    }
  }
  to.set_initialized(true);
  to.ParametersChanged();
}

// Levels whose codebooks are all zero leave z^ as it is. Without a commitment term they must change
// no bit of the encoder's and decoder's gradients; summed straight-through outputs would multiply
// the encoder's.
TEST(ExtraLevelsTest, ZeroCodebooksChangeNoEncoderGradient) {
  for (const CodebookGradient gradient : {kQuantization, kJoint}) {
    Model plain = ModelWithZeroLevels(0, 0, gradient);
    TestRandom random(8);
    Randomize(plain, random);
    const Matrix x = RandomMatrix(random, 23, 9);
    const Stepped of_plain = Step(plain, x);
    for (const size_t extra : {1u, 3u}) {
      Model more = ModelWithZeroLevels(extra, 0, gradient);
      CopyShared(plain, more);
      const Stepped of_more = Step(more, x);
      for (Index handle = 0; handle < plain.store().count(); ++handle) {
        const Parameter& p = plain.store().parameter(handle);
        const Index other = more.store().Find(p.name);
        EXPECT_TRUE(
            SameBits(plain.store().View(of_plain.gradients, handle), more.store().View(of_more.gradients, other)))
            << p.name << " with " << extra << " more levels";
        if (p.group == ParameterGroup::kEncoder) {
          EXPECT_GT(plain.store().View(of_plain.gradients, handle).cwiseAbs().maxCoeff(), 1e-4f) << p.name;
        }
      }
    }
  }
}

// With one, a level of zeros adds beta ||r||^2 and exactly its gradient, 2 beta r per item: seen in
// the bias of the encoder's last layer, which is the sum of dz.
TEST(ExtraLevelsTest, ZeroCodebooksAddTheirCommitment) {
  const double beta = 0.25;
  Model plain = ModelWithZeroLevels(0, beta, kQuantization);
  TestRandom random(9);
  Randomize(plain, random);
  const Matrix x = RandomMatrix(random, 23, 9);
  const Stepped without = Step(plain, x);
  Model more = ModelWithZeroLevels(2, beta, kQuantization);
  CopyShared(plain, more);
  const Stepped losses = Step(more, x);
  const oracle::Frozen frozen =
      oracle::Freeze(more.config(), oracle::FromStore<double>(more.store()), oracle::FromMatrix<double>(x));
  const Eigen::MatrixXd left = oracle::ToMatrix(frozen.residuals[2]);
  EXPECT_NEAR(losses.loss - without.loss, 2 * (1 + beta) * left.squaredNorm() / 23, 1e-4);
  const char* bias = "encoder.network.2.bias";
  const Eigen::MatrixXd added = more.store().View(losses.gradients, more.store().Find(bias)).cast<double>() -
                                plain.store().View(without.gradients, plain.store().Find(bias)).cast<double>();
  const Eigen::MatrixXd expected = 2 * (2 * beta / 23) * left.colwise().sum().transpose();
  EXPECT_TRUE(Close(added, expected, 1e-4));
}

// With a decoder of zeros nothing but the commitment terms reaches the encoder: each level's, seen
// as the difference that the level makes.
TEST(ExtraLevelsTest, EveryLevelsCommitmentReachesTheEncoder) {
  const double beta = 0.25;
  ModelConfig config = ModelWithZeroLevels(1, beta, kQuantization).config();
  Model full(config);
  TestRandom random(10);
  Randomize(full, random);
  for (Index handle = 0; handle < full.store().count(); ++handle) {
    if (full.store().parameter(handle).group == ParameterGroup::kDecoder) {
      full.store().value(handle).setZero();
    }
  }
  const Matrix x = RandomMatrix(random, 19, 9);
  const oracle::Frozen frozen =
      oracle::Freeze(config, oracle::FromStore<double>(full.store()), oracle::FromMatrix<double>(x));
  Eigen::MatrixXd below = Eigen::MatrixXd::Zero(5, 1);
  for (size_t levels = 1; levels <= 3; ++levels) {
    ModelConfig part = config;
    part.codebook_sizes.resize(levels);
    Model model(part);
    CopyShared(full, model);
    const Stepped stepped = Step(model, x);
    const Eigen::MatrixXd gradient =
        model.store().View(stepped.gradients, model.store().Find("encoder.network.2.bias")).cast<double>();
    const Eigen::MatrixXd left =
        oracle::ToMatrix(frozen.residuals[levels - 1]) - oracle::ToMatrix(frozen.chosen[levels - 1]);
    const Eigen::MatrixXd expected = 2 * beta / 19 * left.colwise().sum().transpose();
    ASSERT_GT(expected.norm(), 1e-3);
    EXPECT_TRUE(Close(Eigen::MatrixXd(gradient - below), expected, 1e-4)) << "level " << levels;
    below = gradient;

    part.commitment_weight = 0;
    Model without(part);
    CopyShared(full, without);
    const Stepped of_without = Step(without, x);
    for (Index handle = 0; handle < without.store().count(); ++handle) {
      if (without.store().parameter(handle).group == ParameterGroup::kEncoder) {
        EXPECT_EQ(without.store().View(of_without.gradients, handle).cwiseAbs().maxCoeff(), 0);
      }
    }
  }
}

// -- The multilayer perceptron alone.

struct MlpCase {
  const char* name;
  std::vector<Index> dims;
  Activation activation;
  bool layer_norm;
  bool skip;
};

class MlpGradientTest : public ::testing::TestWithParam<MlpCase> {};

// L = sum of out * g for a fixed g: its derivatives by every parameter and by x.
TEST_P(MlpGradientTest, AgreesWithFiniteDifferences) {
  const MlpCase& c = GetParam();
  const Index n = 7;
  StoreWithGradients store;
  Mlp mlp(store, "net", c.dims, c.activation, c.layer_norm, c.skip, ParameterGroup::kEncoder);
  store.Allocate();
  TestRandom random(23);
  for (Index handle = 0; handle < store.count(); ++handle) {
    const Parameter& p = store.parameter(handle);
    store.value(handle) = RandomMatrix(random, p.rows(), p.cols(), 0.7);
  }
  mlp.Prepare(store);
  const Matrix x = RandomMatrix(random, n, c.dims.front());
  const Matrix g = RandomMatrix(random, n, c.dims.back());
  const size_t hidden = c.dims.size() - 2;

  auto p = oracle::FromStore<double>(store);
  auto rows = oracle::FromMatrix<double>(x);
  auto loss = [&] {
    const auto out = oracle::Network(p, "net", rows, hidden, c.activation);
    double sum = 0;
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j < out.cols; ++j) sum += out(i, j) * static_cast<double>(g(i, j));
    }
    return sum;
  };
  auto differences = [&](oracle::Array<double>& a) {
    Eigen::MatrixXd out(a.rows, a.cols);
    for (Index i = 0; i < a.rows; ++i) {
      for (Index j = 0; j < a.cols; ++j) {
        const double start = a(i, j), h = 1e-6;
        a(i, j) = start + h;
        const double up = loss();
        a(i, j) = start - h;
        out(i, j) = (up - loss()) / (2 * h);
        a(i, j) = start;
      }
    }
    return out;
  };

  Mlp::Tape tape;
  Matrix out(n, c.dims.back()), dx;
  mlp.Resize(n, true, tape);
  mlp.Forward(store, x, {0, n}, tape, out);
  Mlp::Tape inference;
  Matrix inferred(n, c.dims.back());
  mlp.Forward(store, x, inference, inferred);
  EXPECT_TRUE(SameBits(inferred, out)) << "without what Backward needs";
  EXPECT_TRUE(Close(out, oracle::ToMatrix(oracle::Network(p, "net", rows, hidden, c.activation)), 1e-6));
  store.ZeroGradients();
  Backward(mlp, store, x, g, tape, &dx);
  for (Index handle = 0; handle < store.count(); ++handle) {
    const std::string& name = store.parameter(handle).name;
    EXPECT_TRUE(Close(store.gradient(handle), differences(p.at(name)), 1e-5)) << name;
  }
  EXPECT_TRUE(Close(dx, differences(rows), 1e-5));

  // A second pass adds; without dx the parameters' gradients are the same bits.
  const Vector once = store.gradients();
  Backward(mlp, store, x, g, tape, nullptr);
  EXPECT_TRUE(Close(store.gradients(), Vector(2 * once), 1e-6));
  store.ZeroGradients();
  Backward(mlp, store, x, g, tape, nullptr);
  EXPECT_TRUE(SameBits(store.gradients(), once));
}

INSTANTIATE_TEST_SUITE_P(Layers, MlpGradientTest,
                         ::testing::Values(MlpCase{"Linear", {6, 5}, kSilu, false, false},
                                           MlpCase{"LinearSkip", {6, 5}, kSilu, false, true},
                                           MlpCase{"Silu", {6, 7, 5}, kSilu, false, false},
                                           MlpCase{"Relu", {6, 7, 5}, kRelu, false, false},
                                           MlpCase{"SiluSkip", {6, 7, 3, 5}, kSilu, false, true},
                                           MlpCase{"ReluSkip", {6, 7, 3, 5}, kRelu, false, true},
                                           MlpCase{"Narrow", {1, 1, 1}, kSilu, false, true},
                                           MlpCase{"Wide", {33, 17, 9}, kSilu, false, false},
                                           MlpCase{"LayerNorm", {6, 7, 5}, kSilu, true, false},
                                           MlpCase{"LayerNormSkip", {6, 7, 3, 5}, kRelu, true, true}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace rqvae
