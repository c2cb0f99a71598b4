// Every optimiser on the same toy problem, and the rules that parity with PyTorch does not show.
#include "optimizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "test_data.h"
#include "whole_block.h"

namespace rqvae {
namespace {

struct Toy {
  StoreWithGradients store;
  Index weight, bias, code, mean;
  Toy() {
    weight = store.Add("w", {3, 5}, ParameterGroup::kEncoder, true);
    bias = store.Add("b", {3}, ParameterGroup::kEncoder, false);
    code = store.Add("c", {2, 3}, ParameterGroup::kCodebook, false);
    mean = store.Add("m", {5}, ParameterGroup::kInput, false);
    store.Allocate();
    for (Index handle : {weight, bias, code, mean}) store.value(handle).setConstant(1.0f);
  }
  // The gradient of ||p - target||^2 / 2.
  void Gradient(float target) { store.gradients() = store.values().array() - target; }
};

TEST(Optimizer, EachKindFindsTheMinimum) {
  for (OptimizerKind kind :
       {OptimizerKind::kAdam, OptimizerKind::kAdamW, OptimizerKind::kAdagrad, OptimizerKind::kSgd}) {
    for (double momentum : {0.0, 0.9}) {
      Toy toy;
      OptimizerConfig config;
      config.kind = kind;
      config.learning_rate = kind == OptimizerKind::kSgd ? 0.05 : (kind == OptimizerKind::kAdagrad ? 0.5 : 0.02);
      config.momentum = momentum;
      Optimizer optimizer(config, toy.store);
      for (int step = 0; step < 600; ++step) {
        toy.Gradient(0.25f);
        optimizer.Step(toy.store, toy.store.gradients());
      }
      EXPECT_EQ(optimizer.steps(), 600);
      for (Index handle : {toy.weight, toy.bias, toy.code}) {
        EXPECT_LT((toy.store.value(handle).array() - 0.25f).abs().maxCoeff(), 1e-2f) << static_cast<int>(kind);
      }
      EXPECT_TRUE((toy.store.value(toy.mean).array() == 1.0f).all()) << "input statistics are not trained";
    }
  }
}

TEST(Optimizer, DecaysWeightsOnly) {
  for (OptimizerKind kind :
       {OptimizerKind::kAdam, OptimizerKind::kAdamW, OptimizerKind::kAdagrad, OptimizerKind::kSgd}) {
    Toy toy;
    OptimizerConfig config;
    config.kind = kind;
    config.learning_rate = 0.01;
    config.weight_decay = 0.5;
    Optimizer optimizer(config, toy.store);
    toy.store.ZeroGradients();
    optimizer.Step(toy.store, toy.store.gradients());
    EXPECT_LT(toy.store.value(toy.weight).maxCoeff(), 1.0f);
    for (Index handle : {toy.bias, toy.code, toy.mean}) EXPECT_TRUE((toy.store.value(handle).array() == 1.0f).all());
  }
}

TEST(Optimizer, ScalesRates) {
  auto moved = [](double codebook_scale, double rate_scale) {
    Toy toy;
    OptimizerConfig config;
    config.kind = OptimizerKind::kSgd;
    config.learning_rate = 0.125;
    config.codebook_learning_rate_scale = codebook_scale;
    Optimizer optimizer(config, toy.store);
    toy.Gradient(0);
    optimizer.Step(toy.store, toy.store.gradients(), rate_scale);
    return std::pair(toy.store.value(toy.weight)(0, 0), toy.store.value(toy.code)(0, 0));
  };
  EXPECT_EQ(moved(1, 1), std::pair(0.875f, 0.875f));
  EXPECT_EQ(moved(4, 1), std::pair(0.875f, 0.5f));
  EXPECT_EQ(moved(1, 0), std::pair(1.0f, 1.0f));
  EXPECT_EQ(moved(4, 0.5), std::pair(0.9375f, 0.75f));
}

// -- The definitions once more, in double.

struct Network {
  Network() {
    parameters = {store.Add("encoder.weight", {4, 3}, ParameterGroup::kEncoder, true),
                  store.Add("encoder.bias", {4}, ParameterGroup::kEncoder, false),
                  store.Add("codes", {5, 3}, ParameterGroup::kCodebook, false),
                  store.Add("fixed", {2, 3}, ParameterGroup::kCodebook, false, false),
                  store.Add("decoder.weight", {3, 4}, ParameterGroup::kDecoder, true),
                  store.Add("mean", {3}, ParameterGroup::kInput, false),
                  store.Add("averages", {3}, ParameterGroup::kState, true)};
    store.Allocate();
    TestRandom random(1);
    for (const Index handle : parameters) Draw(random, store.value(handle), 1);
  }
  static void Draw(TestRandom& random, MatrixMap target, double scale) {
    target = RandomMatrix(random, target.rows(), target.cols(), scale);
  }
  // Gradients of every parameter, those that must not count too.
  void DrawGradients(TestRandom& random, double scale) {
    for (const Index handle : parameters) Draw(random, store.gradient(handle), scale);
  }

  StoreWithGradients store;
  std::vector<Index> parameters;
};

struct Naive {
  Naive(const OptimizerConfig& c, const Network& network) : config(c), p(Values(network.store)) {
    m.assign(p.size(), Eigen::MatrixXd());
    v = m;
    for (size_t i = 0; i < p.size(); ++i) m[i] = v[i] = Eigen::MatrixXd::Zero(p[i].rows(), p[i].cols());
  }
  static std::vector<Eigen::MatrixXd> Values(const ParameterStore& store) {
    std::vector<Eigen::MatrixXd> out;
    for (Index handle = 0; handle < store.count(); ++handle) out.push_back(store.value(handle).cast<double>());
    return out;
  }

  void Step(const StoreWithGradients& store, double rate_scale) {
    ++t;
    std::vector<Eigen::MatrixXd> g;
    double square = 0;
    for (Index handle = 0; handle < store.count(); ++handle) {
      g.push_back(store.gradient(handle).cast<double>());
      if (store.parameter(handle).trained) square += g.back().squaredNorm();
    }
    if (config.gradient_clip > 0) {
      const double coefficient = std::min(1.0, config.gradient_clip / (std::sqrt(square) + 1e-6));
      for (Eigen::MatrixXd& gradient : g) gradient *= coefficient;
    }
    for (size_t i = 0; i < p.size(); ++i) {
      const Parameter& parameter = store.parameter(static_cast<Index>(i));
      if (!parameter.trained) continue;
      double rate = config.learning_rate * rate_scale;
      if (parameter.group == ParameterGroup::kEncoder) rate *= config.encoder_learning_rate_scale;
      if (parameter.group == ParameterGroup::kDecoder) rate *= config.decoder_learning_rate_scale;
      if (parameter.group == ParameterGroup::kCodebook) rate *= config.codebook_learning_rate_scale;
      const double decay = parameter.decayed ? config.weight_decay : 0;
      if (config.kind == OptimizerKind::kAdamW) {
        p[i] *= 1 - rate * decay;
      } else {
        g[i] += decay * p[i];
      }
      switch (config.kind) {
        case OptimizerKind::kAdam:
        case OptimizerKind::kAdamW:
          m[i] = config.beta1 * m[i] + (1 - config.beta1) * g[i];
          v[i] = config.beta2 * v[i] + (1 - config.beta2) * g[i].cwiseAbs2();
          p[i].array() -= rate * (m[i] / (1 - std::pow(config.beta1, t))).array() /
                          ((v[i] / (1 - std::pow(config.beta2, t))).array().sqrt() + config.epsilon);
          break;
        case OptimizerKind::kAdagrad:
          v[i] += g[i].cwiseAbs2();
          p[i].array() -= rate * g[i].array() / (v[i].array().sqrt() + config.epsilon);
          break;
        case OptimizerKind::kSgd:
          m[i] = t == 1 ? g[i] : Eigen::MatrixXd(config.momentum * m[i] + g[i]);
          p[i] -= rate * m[i];
          break;
      }
    }
  }
  void Forget(Index handle, Index row) {
    m[static_cast<size_t>(handle)].row(row).setZero();
    v[static_cast<size_t>(handle)].row(row).setZero();
  }

  OptimizerConfig config;
  std::vector<Eigen::MatrixXd> p, m, v;
  int t = 0;
};

std::vector<OptimizerConfig> Kinds() {
  std::vector<OptimizerConfig> out;
  for (OptimizerKind kind :
       {OptimizerKind::kAdam, OptimizerKind::kAdamW, OptimizerKind::kAdagrad, OptimizerKind::kSgd}) {
    for (const double momentum : {0.0, 0.9}) {
      if (momentum != 0 && kind != OptimizerKind::kSgd) continue;
      OptimizerConfig config;
      config.kind = kind;
      config.momentum = momentum;
      config.learning_rate = 0.01;
      config.weight_decay = 0.1;
      out.push_back(config);
    }
  }
  return out;
}

void ExpectSame(const Network& network, const Naive& naive, double tolerance) {
  for (const Index handle : network.parameters) {
    EXPECT_TRUE(Close(network.store.value(handle), naive.p[static_cast<size_t>(handle)], tolerance))
        << network.store.parameter(handle).name;
  }
}

TEST(Optimizer, TakesTheStepsOfTheDefinitions) {
  for (OptimizerConfig config : Kinds()) {
    for (const double clip : {0.0, 0.5, 1e9}) {
      config.gradient_clip = clip;
      config.encoder_learning_rate_scale = 0.5;
      config.decoder_learning_rate_scale = 3;
      config.codebook_learning_rate_scale = 7;
      Network network;
      Naive naive(config, network);
      const std::vector<Eigen::MatrixXd> start = naive.p;
      Optimizer optimizer(config, network.store);
      TestRandom random(2);
      for (int step = 0; step < 12; ++step) {
        network.DrawGradients(random, step % 2 == 0 ? 1 : 0.01);
        const double rate_scale = 1.0 / (1 + step);
        naive.Step(network.store, rate_scale);  // first: clipping changes the gradients
        optimizer.Step(network.store, network.store.gradients(), rate_scale);
      }
      SCOPED_TRACE("kind " + std::to_string(static_cast<int>(config.kind)) + ", clip " + std::to_string(clip));
      ExpectSame(network, naive, 1e-5);
      for (const Index handle : network.parameters) {
        const auto i = static_cast<size_t>(handle);
        EXPECT_EQ(naive.p[i] != start[i], network.store.parameter(handle).trained);
      }
    }
  }
}

// torch.nn.utils.clip_grad_norm_: one norm over all trained parameters; gradients within it stay as they are.
TEST(Optimizer, ClipsTheGlobalNorm) {
  OptimizerConfig config;
  config.kind = OptimizerKind::kSgd;
  config.learning_rate = 1;
  config.gradient_clip = 2;
  for (const double scale : {1e-3, 0.1, 1.0, 1e4, 1e15}) {
    Network network;
    const Vector before = network.store.values();
    Optimizer optimizer(config, network.store);
    TestRandom random(3);
    network.DrawGradients(random, scale);
    // Those of what is not trained must not count, however large.
    for (const char* name : {"fixed", "mean", "averages"}) {
      network.store.gradient(network.store.Find(name)).setConstant(1e12f);
    }
    const Vector gradients = network.store.gradients();
    double square = 0;
    for (const Index handle : network.parameters) {
      if (network.store.parameter(handle).trained) {
        square += network.store.gradient(handle).cast<double>().squaredNorm();
      }
    }
    const double norm = std::sqrt(square);
    optimizer.Step(network.store, network.store.gradients());
    double moved = 0;
    for (const Index handle : network.parameters) {
      const Parameter& p = network.store.parameter(handle);
      const Vector change = before.segment(p.offset, p.size) - network.store.values().segment(p.offset, p.size);
      moved += change.cast<double>().squaredNorm();
      if (norm <= 1.9 && p.trained) {
        EXPECT_TRUE(SameBits(network.store.gradients().segment(p.offset, p.size), gradients.segment(p.offset, p.size)))
            << "within the norm nothing is scaled";
      }
    }
    EXPECT_NEAR(std::sqrt(moved), std::min(norm, 2.0), 1e-5 * std::min(norm, 2.0)) << scale;
  }
}

TEST(Optimizer, ScalesTheRateOfEachGroup) {
  for (const OptimizerConfig& kind : Kinds()) {
    auto moved = [&](double encoder, double decoder, double codebook) {
      OptimizerConfig config = kind;
      config.weight_decay = 0;
      config.encoder_learning_rate_scale = encoder;
      config.decoder_learning_rate_scale = decoder;
      config.codebook_learning_rate_scale = codebook;
      Network network;
      const Vector before = network.store.values();
      Optimizer optimizer(config, network.store);
      TestRandom random(4);
      network.DrawGradients(random, 1);
      optimizer.Step(network.store, network.store.gradients());
      std::vector<double> out;
      for (const Index handle : network.parameters) {
        const Parameter& p = network.store.parameter(handle);
        out.push_back((network.store.values() - before).segment(p.offset, p.size).cast<double>().norm());
      }
      return out;
    };
    const std::vector<double> one = moved(1, 1, 1), scaled = moved(2, 0.25, 5), none = moved(0, 0, 0);
    const double factors[] = {2, 2, 5, 0, 0.25, 0, 0};
    for (size_t i = 0; i < one.size(); ++i) {
      EXPECT_NEAR(scaled[i], factors[i] * one[i], 1e-4 * factors[i] * one[i]) << i;
      EXPECT_EQ(none[i], 0);
      EXPECT_EQ(one[i] > 0, factors[i] > 0);
    }
  }
}

// A replaced row starts with moments of zero; all others keep theirs.
// A step that is refused leaves no trace: the next ones are those of an optimiser that never saw it.
TEST(Optimizer, AnUndoneStepLeavesNoTrace) {
  for (OptimizerKind kind :
       {OptimizerKind::kAdam, OptimizerKind::kAdamW, OptimizerKind::kAdagrad, OptimizerKind::kSgd}) {
    // The square of 1e30 is no float, though the value that Adam would move to is one.
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 1e30f}) {
      for (const int before : {0, 1, 3}) {
        OptimizerConfig config;
        config.kind = kind;
        config.momentum = 0.9;
        config.learning_rate = kind == OptimizerKind::kSgd ? 1e10 : 0.1;
        Toy toy, twin;
        Optimizer optimizer(config, toy.store), other(config, twin.store);
        auto good = [](Toy& of, Optimizer& by) {
          of.store.gradients().setConstant(0.5f);
          ASSERT_TRUE(by.Step(of.store, of.store.gradients(), 1e-9));
        };
        for (int i = 0; i < before; ++i) {
          good(toy, optimizer);
          good(twin, other);
        }
        toy.store.gradients().setConstant(bad);
        ASSERT_FALSE(optimizer.Step(toy.store, toy.store.gradients()))
            << static_cast<int>(kind) << ", gradient " << bad;
        optimizer.UndoStep(toy.store);
        EXPECT_EQ(optimizer.steps(), before);
        for (int i = 0; i < 3; ++i) {
          EXPECT_TRUE(SameBits(toy.store.values(), twin.store.values())) << static_cast<int>(kind) << ", step " << i;
          good(toy, optimizer);
          good(twin, other);
        }
        Archive own, others;
        optimizer.Visit(own);
        other.Visit(others);
        EXPECT_EQ(own.bytes(), others.bytes());
      }
    }
  }
}

TEST(Optimizer, ForgetsTheMomentsOfOneRow) {
  for (const OptimizerConfig& config : Kinds()) {
    Network network;
    Naive naive(config, network);
    Optimizer optimizer(config, network.store);
    TestRandom random(5);
    const Index codes = network.store.Find("codes");
    for (int step = 0; step < 8; ++step) {
      if (step == 4) {
        optimizer.Forget(network.store, codes, 3);
        naive.Forget(codes, 3);
      }
      network.DrawGradients(random, 1);
      naive.Step(network.store, 1);
      optimizer.Step(network.store, network.store.gradients());
    }
    SCOPED_TRACE(static_cast<int>(config.kind));
    ExpectSame(network, naive, 1e-5);
  }
}

TEST(Optimizer, GoesOnFromItsBytes) {
  for (OptimizerConfig config : Kinds()) {
    config.gradient_clip = 1;
    Network whole, half;
    Optimizer first(config, whole.store), before(config, half.store);
    TestRandom random(6), other(6);
    for (int step = 0; step < 5; ++step) {
      whole.DrawGradients(random, 1);
      first.Step(whole.store, whole.store.gradients());
      half.DrawGradients(other, 1);
      before.Step(half.store, half.store.gradients());
    }
    Archive writer;
    before.Visit(writer);
    Optimizer after(config, half.store);
    Archive reader(writer.bytes().data(), writer.bytes().size());
    after.Visit(reader);
    EXPECT_TRUE(reader.at_end());
    EXPECT_EQ(after.steps(), 5);
    for (int step = 0; step < 5; ++step) {
      whole.DrawGradients(random, 1);
      first.Step(whole.store, whole.store.gradients());
      half.DrawGradients(other, 1);
      after.Step(half.store, half.store.gradients());
    }
    EXPECT_TRUE(SameBits(half.store.values(), whole.store.values()));
  }
}

TEST(Optimizer, RefusesTheBytesOfAnotherKindOrModel) {
  const std::vector<OptimizerConfig> kinds = Kinds();
  Network network;
  Toy toy;
  auto moments = [](const OptimizerConfig& config) {  // how many buffers of which use
    if (config.kind == OptimizerKind::kAdam || config.kind == OptimizerKind::kAdamW) return 3;
    if (config.kind == OptimizerKind::kAdagrad) return 2;
    return config.momentum != 0 ? 1 : 0;
  };
  for (const OptimizerConfig& of_bytes : kinds) {
    Archive writer;
    Optimizer(of_bytes, network.store).Visit(writer);
    const std::vector<uint8_t>& bytes = writer.bytes();
    for (const OptimizerConfig& config : kinds) {
      if (moments(config) == moments(of_bytes)) continue;
      Archive reader(bytes.data(), bytes.size());
      Optimizer optimizer(config, network.store);
      EXPECT_THROW(optimizer.Visit(reader), Error);
    }
    if (moments(of_bytes) == 0) continue;
    Archive reader(bytes.data(), bytes.size());
    Optimizer optimizer(of_bytes, toy.store);
    EXPECT_THROW(optimizer.Visit(reader), Error);
  }
}

TEST(ParameterStore, LaysParametersOutAlignedAndFindsThemByName) {
  Toy toy;
  for (Index handle = 0; handle < toy.store.count(); ++handle) {
    const Parameter& p = toy.store.parameter(handle);
    EXPECT_EQ(p.offset % ParameterStore::kAlignment, 0);
    EXPECT_EQ(toy.store.Find(p.name), handle);
  }
  EXPECT_EQ(toy.store.Find("nothing"), -1);
  EXPECT_EQ(toy.store.value(toy.weight).rows(), 3);
  EXPECT_EQ(toy.store.value(toy.bias).cols(), 1);
}

}  // namespace
}  // namespace rqvae
