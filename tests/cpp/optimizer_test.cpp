// Every optimiser on the same toy problem, and the rules that parity with PyTorch does not show.
#include "optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace rqvae {
namespace {

struct Toy {
  ParameterStore store;
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
        optimizer.Step(toy.store);
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
    optimizer.Step(toy.store);
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
    optimizer.Step(toy.store, rate_scale);
    return std::pair(toy.store.value(toy.weight)(0, 0), toy.store.value(toy.code)(0, 0));
  };
  EXPECT_EQ(moved(1, 1), std::pair(0.875f, 0.875f));
  EXPECT_EQ(moved(4, 1), std::pair(0.875f, 0.5f));
  EXPECT_EQ(moved(1, 0), std::pair(1.0f, 1.0f));
  EXPECT_EQ(moved(4, 0.5), std::pair(0.9375f, 0.75f));
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
