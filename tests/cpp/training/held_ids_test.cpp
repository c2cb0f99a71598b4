// Known items hold their IDs: which ID a step uses, the gradient of the hinge, and what both do in training.
#include "held_ids.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <vector>

#include "error.h"
#include "initializer.h"
#include "test_data.h"
#include "train_job.h"
#include "train_step.h"
#include "training_data.h"

namespace rqvae {
namespace {

constexpr Index kRows = 60;
constexpr double kFirst = 0.5;  // the first code's weight

// An untrained model, its IDs, and others that its items hold.
struct Held {
  explicit Held(double stability) : rows(Catalogue(kRows, 7)), model(Config()), ids(stability, kFirst, {8, 6, 5}) {
    InitializeJob job(&model, &rows);
    RunToEnd(job);
    z.resize(kRows, 5);
    model.Latents(rows.data(), z);
    found.resize(kRows, 3);
    model.Encode(rows.data(), found, nullptr);
    codes = found;
    for (Index i = 0; i < kRows; ++i) {  // the ID of another item, none, or its own
      if (i % 4 != 3) codes.row(i) = found.row((i + 1) % kRows);
      if (i % 4 == 2) codes(i, 0) = HeldIds::kNone;
    }
    ids.Hold(codes);
    training.resize(kRows);
    std::iota(training.begin(), training.end(), 0u);
  }
  static ModelConfig Config() {
    ModelConfig config = SmallConfig(7);
    config.latent_dim = 5;
    config.codebook_sizes = {8, 6, 5};
    config.encode_beam = 4;
    config.first_code_weight = kFirst;
    return config;
  }
  // ||z - z^||^2 + w ||z - C_1[k_1]||^2, in double.
  double Objective(const Eigen::VectorXd& at, CodeMatrix::ConstRowXpr id) const {
    const auto vector = [&](Index level) {
      return model.quantizer().codebook(level).row(static_cast<Index>(id[level])).cast<double>().transpose();
    };
    return (at - vector(0) - vector(1) - vector(2)).squaredNorm() + kFirst * (at - vector(0)).squaredNorm();
  }
  double Objective(Index row, CodeMatrix::ConstRowXpr id) const {
    return Objective(z.row(row).cast<double>().transpose(), id);
  }
  CodeMatrix Chosen() const {
    CodeMatrix chosen(kRows, 3);
    ids.Choose(model.quantizer(), training, training.data(), z, found, {0, kRows}, chosen);
    return chosen;
  }

  MatrixRows rows;
  Model model;
  HeldIds ids;
  Matrix z;
  CodeMatrix found, codes;
  std::vector<uint32_t> training;
};

TEST(HeldIds, AreUsedWhileTheyAreNearEnough) {
  for (const double stability : {0.0, 0.5, 0.8, 1.0}) {
    const Held held(stability);
    const CodeMatrix chosen = held.Chosen();
    int kept = 0, left = 0;
    for (Index i = 0; i < kRows; ++i) {
      if (held.codes(i, 0) == HeldIds::kNone || held.codes.row(i) == held.found.row(i)) {
        EXPECT_EQ(chosen.row(i), held.found.row(i));
        continue;
      }
      const double own = (1 - stability) * held.Objective(i, held.codes.row(i));
      const double best = held.Objective(i, held.found.row(i));
      if (std::abs(own - best) < 1e-5 * best) continue;  // float may say either
      EXPECT_EQ(chosen.row(i), own <= best ? held.codes.row(i) : held.found.row(i)) << i;
      ++(own <= best ? kept : left);
    }
    EXPECT_EQ(kept > 0, stability > 0);
    EXPECT_EQ(left > 0, stability < 1);
  }
}

// The rows of a step are positions among the training rows; the block may be any part of them.
TEST(HeldIds, FollowTheRowsThatTrain) {
  const Held held(1);
  const std::vector<uint32_t> training = {40, 5, 12, 9};
  const std::vector<uint32_t> row_ids = {3, 0, 2};
  CodeMatrix found(3, 3), chosen(3, 3);
  Matrix z(3, 5);
  for (Index i = 0; i < 3; ++i) {
    const Index row = training[row_ids[static_cast<size_t>(i)]];
    found.row(i) = held.found.row(row);
    z.row(i) = held.z.row(row);
  }
  held.ids.Choose(held.model.quantizer(), training, row_ids.data(), z, found, {0, 3}, chosen);
  EXPECT_EQ(chosen.row(0), held.codes.row(9));
  EXPECT_EQ(chosen.row(1), held.codes.row(40));
  EXPECT_EQ(chosen.row(2), held.codes.row(12));
}

TEST(HeldIds, GradientIsThatOfTheHinge) {
  const double stability = 0.9, scale = 0.5;
  const Held held(stability);
  const CodeMatrix chosen = held.Chosen();
  Matrix dz = Matrix::Zero(kRows, 5);
  std::vector<double> hinges(kRows, 0.0);
  held.ids.AddGradient(held.model.quantizer(), held.z, held.found, chosen, static_cast<float>(scale), {0, kRows}, dz,
                       hinges.data());
  const auto hinge = [&](Index row, const Eigen::VectorXd& at) {
    const double gap = held.Objective(at, chosen.row(row)) - held.Objective(at, held.found.row(row));
    return gap > 0 ? 30 * stability * gap : 0;
  };
  int active = 0;
  for (Index i = 0; i < kRows; ++i) {
    const Eigen::VectorXd at = held.z.row(i).cast<double>().transpose();
    EXPECT_NEAR(hinges[static_cast<size_t>(i)], hinge(i, at), 1e-4 * (1 + hinge(i, at))) << i;
    active += hinge(i, at) > 0 ? 1 : 0;
    for (Index j = 0; j < 5; ++j) {
      const Eigen::VectorXd step = 1e-4 * Eigen::VectorXd::Unit(5, j);
      const double slope = (hinge(i, at + step) - hinge(i, at - step)) / 2e-4;
      EXPECT_NEAR(dz(i, j), scale * slope, 1e-3 * (1 + std::abs(slope))) << i << ", " << j;
    }
  }
  EXPECT_GT(active, 2);  // how many there are rests on the rounding of a platform's mathematical functions
}

TEST(HeldIds, RefusesCodesThatThereAreNoneOf) {
  HeldIds ids(1, 0, {4, 3});
  CodeMatrix codes(2, 2);
  codes << 3, 2, 0, 3;
  EXPECT_THROW(ids.Hold(codes), Error);
  EXPECT_FALSE(ids.any());
  codes << 3, 2, HeldIds::kNone, 99;
  ids.Hold(codes);
  EXPECT_TRUE(ids.HasOne(0));
  EXPECT_FALSE(ids.HasOne(1));
}

// A step's losses are those of the IDs that are held, and so is what moves the codebooks.
TEST(HeldIds, AreWhatAStepQuantisesBy) {
  Held held(1);
  TrainStep step(&held.model);
  const StepTerms terms{.held = &held.ids, .training = &held.training};
  const Matrix items = held.rows.data();
  step.Begin(kRows, 0, terms);
  step.Add(items, held.training.data());
  EXPECT_TRUE(step.last_block()->codes == [&] {
    CodeMatrix expected = held.codes;
    for (Index i = 0; i < kRows; ++i) {
      if (expected(i, 0) == HeldIds::kNone) expected.row(i) = step.last_block()->codes.row(i);
    }
    return expected;
  }());
  EXPECT_GT(step.Finish().separation, 0);
}

// Trained on with another rate, items that hold their IDs find more of them again.
TEST(HeldIds, KeepTheIdsOfATraining) {
  MatrixRows rows(Catalogue(400, 8));
  TrainConfig config = ShortTraining();
  config.optimizer.learning_rate = 0.01;
  std::vector<Index> kept;
  for (const double stability : {0.0, 0.5, 1.0}) {
    Model model(SmallConfig(8));
    InitializeJob start(&model, &rows);
    RunToEnd(start);
    CodeMatrix before(400, 3), after(400, 3);
    model.Encode(rows.data(), before, nullptr);
    config.stability = stability;
    TrainJob job(&model, &rows, config);
    if (stability > 0) job.Hold(before);
    RunToEnd(job);
    model.Encode(rows.data(), after, nullptr);
    Index same = 0;
    for (Index i = 0; i < 400; ++i) same += before.row(i) == after.row(i) ? 1 : 0;
    kept.push_back(same);
  }
  EXPECT_LT(kept[0], kept[1]);
  EXPECT_LT(kept[1], kept[2]);
}

}  // namespace
}  // namespace rqvae
