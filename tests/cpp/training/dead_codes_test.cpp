// Dead codes: what counts as dead, what takes its place, and what is forgotten.
#include "dead_codes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "test_data.h"

namespace rqvae {
namespace {

ModelConfig Config(std::vector<Index> sizes) {
  ModelConfig config;
  config.input_dim = 4;
  config.latent_dim = 3;
  config.hidden_dims = {4};
  config.codebook_sizes = std::move(sizes);
  config.codebook_gradient = CodebookGradient::kQuantization;
  return config;
}

// A block as the quantiser leaves it, made by hand: row i chose codes(i, l) and left residuals[l] with that error.
struct Block {
  Block(Index n, Index levels, Index d) {
    tape.codes = CodeMatrix::Zero(n, levels);
    tape.residuals.assign(static_cast<size_t>(levels) + 1, Matrix::Zero(n, d));
    tape.error.assign(static_cast<size_t>(levels), Vector::Zero(n));
    rows.resize(static_cast<size_t>(n));
    for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<uint32_t>(i);
  }
  // Row i at level l chose `code` with this error; its residual begins with `mark`.
  void Set(Index i, Index level, uint32_t code, float error, float mark) {
    tape.codes(i, level) = code;
    tape.error[static_cast<size_t>(level)][i] = error;
    tape.residuals[static_cast<size_t>(level)].row(i).setConstant(mark);
  }
  ResidualQuantizer::Tape tape;
  std::vector<uint32_t> rows;
};

TEST(DeadCodes, CountsWhatNobodyChose) {
  DeadCodes codes(Config({4, 3}), false);
  EXPECT_EQ(codes.dead(0), 4);
  EXPECT_EQ(codes.dead(1), 3);
  Block block(3, 2, 3);
  block.Set(0, 0, 1, 1, 1);
  block.Set(1, 0, 3, 1, 2);
  block.Set(2, 0, 1, 1, 3);
  for (Index i = 0; i < 3; ++i) block.Set(i, 1, 2, 1, 1);
  codes.Observe(block.tape, block.rows.data());
  EXPECT_EQ(codes.dead(0), 4) << "the step is not applied yet";
  codes.CommitStep();
  EXPECT_EQ(codes.dead(0), 2);
  EXPECT_EQ(codes.dead(1), 2);
  // More steps only add to it.
  block.Set(0, 0, 0, 1, 1);
  codes.Observe(block.tape, block.rows.data());
  codes.CommitStep();
  EXPECT_EQ(codes.dead(0), 1);
  codes.Clear();
  EXPECT_EQ(codes.dead(0), 4);
}

TEST(DeadCodes, ADiscardedStepLeavesNoTrace) {
  const ModelConfig config = Config({4, 3});
  Model model(config);
  Optimizer optimizer({}, model.store());
  DeadCodes codes(config, true);
  Block block(3, 2, 3);
  for (Index i = 0; i < 3; ++i) block.Set(i, 0, static_cast<uint32_t>(i), 5, 7);
  codes.Observe(block.tape, block.rows.data());
  codes.DiscardStep();
  codes.CommitStep();
  EXPECT_EQ(codes.dead(0), 4);
  const Vector before = model.store().values();
  EXPECT_EQ(codes.Restart(model, optimizer), (std::vector<Index>{0, 0})) << "there is no residual to restart with";
  EXPECT_TRUE(SameBits(model.store().values(), before));
}

TEST(DeadCodes, RestartsTakeTheWorstResidualsInOrder) {
  const ModelConfig config = Config({6, 2});
  Model model(config);
  Optimizer optimizer({}, model.store());
  DeadCodes codes(config, true);
  // Codes 1 and 4 are alive at level 0, all at level 1. Over two steps of two blocks each.
  Block block(4, 2, 3);
  const float errors[4][4] = {{3, 1, 8, 2}, {0, 9, 4, 4}, {5, 5, 1, 0}, {7, 6, 2, 1}};
  for (int b = 0; b < 4; ++b) {
    for (Index i = 0; i < 4; ++i) {
      block.rows[static_cast<size_t>(i)] = static_cast<uint32_t>(100 + 4 * b + i);
      block.Set(i, 0, i % 2 == 0 ? 1 : 4, errors[b][i], static_cast<float>(100 + 4 * b + i));  // marked by its row
      block.Set(i, 1, static_cast<uint32_t>(i % 2), 1, static_cast<float>(i));
    }
    codes.Observe(block.tape, block.rows.data());
    if (b % 2 == 1) codes.CommitStep();
  }
  EXPECT_EQ(codes.dead(0), 4);
  EXPECT_EQ(codes.dead(1), 0);
  const Matrix first = model.quantizer().codebook(0), second = model.quantizer().codebook(1);
  EXPECT_EQ(codes.Restart(model, optimizer), (std::vector<Index>{4, 0}));
  // The largest errors are 9 (row 105), 8 (row 102), 7 (row 112), 6 (row 113); the dead codes 0, 2, 3, 5.
  const Matrix& now = model.quantizer().codebook(0);
  EXPECT_TRUE(SameBits(now.row(0), Matrix(Matrix::Constant(1, 3, 105))));
  EXPECT_TRUE(SameBits(now.row(2), Matrix(Matrix::Constant(1, 3, 102))));
  EXPECT_TRUE(SameBits(now.row(3), Matrix(Matrix::Constant(1, 3, 112))));
  EXPECT_TRUE(SameBits(now.row(5), Matrix(Matrix::Constant(1, 3, 113))));
  EXPECT_TRUE(SameBits(now.row(1), first.row(1)));
  EXPECT_TRUE(SameBits(now.row(4), first.row(4)));
  EXPECT_TRUE(SameBits(model.quantizer().codebook(1), second));
  EXPECT_TRUE(SameBits(Matrix(model.store().value(model.quantizer().embedding(0))), now));
  // And starts counting anew.
  EXPECT_EQ(codes.dead(0), 6);
  EXPECT_EQ(codes.Restart(model, optimizer), (std::vector<Index>{0, 0}));
}

TEST(DeadCodes, TiesGoToTheLowestRowWhateverTheOrder) {
  const ModelConfig config = Config({5});
  for (const bool reversed : {false, true}) {
    Model model(config);
    Optimizer optimizer({}, model.store());
    DeadCodes codes(config, true);
    Block block(8, 1, 3);
    for (Index i = 0; i < 8; ++i) {
      const Index row = reversed ? 7 - i : i;
      block.rows[static_cast<size_t>(i)] = static_cast<uint32_t>(row);
      block.Set(i, 0, 4, 2.0f, static_cast<float>(row));
    }
    codes.Observe(block.tape, block.rows.data());
    codes.CommitStep();
    EXPECT_EQ(codes.Restart(model, optimizer), std::vector<Index>{4});
    for (Index k = 0; k < 4; ++k) EXPECT_EQ(model.quantizer().codebook(0)(k, 0), static_cast<float>(k));
  }
}

// Equal items leave equal residuals: two codes in one place would be one dead code again.
TEST(DeadCodes, EqualResidualsCountOnce) {
  const ModelConfig config = Config({8});
  Model model(config);
  Optimizer optimizer({}, model.store());
  DeadCodes codes(config, true);
  Block block(6, 1, 3);
  const float marks[] = {1, 1, 2, 1, 3, 2};
  for (Index i = 0; i < 6; ++i) block.Set(i, 0, 7, 10 - marks[i], marks[i]);
  codes.Observe(block.tape, block.rows.data());
  codes.CommitStep();
  EXPECT_EQ(codes.dead(0), 7);
  const Matrix before = model.quantizer().codebook(0);
  EXPECT_EQ(codes.Restart(model, optimizer), std::vector<Index>{3}) << "three different residuals";
  const Matrix& now = model.quantizer().codebook(0);
  for (Index k = 0; k < 3; ++k)
    EXPECT_TRUE(SameBits(now.row(k), Matrix(Matrix::Constant(1, 3, static_cast<float>(k + 1)))));
  EXPECT_TRUE(SameBits(now.bottomRows(5), before.bottomRows(5)));
}

// What is quantised exactly needs no code of its own.
TEST(DeadCodes, RowsWithoutAnErrorAreNoPlaceForACode) {
  const ModelConfig config = Config({4});
  Model model(config);
  Optimizer optimizer({}, model.store());
  DeadCodes codes(config, true);
  Block block(3, 1, 3);
  for (Index i = 0; i < 3; ++i) block.Set(i, 0, 0, i == 1 ? 1e-30f : 0.0f, static_cast<float>(10 + i));
  codes.Observe(block.tape, block.rows.data());
  codes.CommitStep();
  EXPECT_EQ(codes.Restart(model, optimizer), std::vector<Index>{1});
  EXPECT_EQ(model.quantizer().codebook(0)(1, 0), 11);
}

// Against all residuals in one sorted list.
TEST(DeadCodes, AgreesWithBruteForce) {
  TestRandom random(1);
  for (int round = 0; round < 20; ++round) {
    const Index size = 3 + random.Below(30);
    const ModelConfig config = Config({size, size});
    Model model(config);
    Optimizer optimizer({}, model.store());
    DeadCodes codes(config, true);
    struct Row {
      float error;
      uint32_t name;
      Matrix residual;
    };
    std::vector<std::vector<Row>> all(2);
    std::vector<std::set<uint32_t>> alive(2);
    uint32_t name = 0;
    for (int step = 0; step < 5; ++step) {
      const bool dropped = step == 2;
      for (int b = 0; b < 2; ++b) {
        Block block(1 + random.Below(20), 2, 3);
        for (Index i = 0; i < block.tape.codes.rows(); ++i) {
          block.rows[static_cast<size_t>(i)] = name++;
          for (Index l = 0; l < 2; ++l) {
            const auto code = static_cast<uint32_t>(random.Below(1 + size / 3));
            const auto error = static_cast<float>(1 + random.Below(40));
            block.Set(i, l, code, error, 0);
            block.tape.residuals[static_cast<size_t>(l)].row(i) = RandomMatrix(random, 1, 3);
            if (dropped) continue;
            alive[static_cast<size_t>(l)].insert(code);
            all[static_cast<size_t>(l)].push_back(
                {error, name - 1, block.tape.residuals[static_cast<size_t>(l)].row(i)});
          }
        }
        codes.Observe(block.tape, block.rows.data());
      }
      if (dropped) {
        codes.DiscardStep();
      } else {
        codes.CommitStep();
      }
    }
    Matrix expected[2];
    std::vector<Index> moved;
    for (Index l = 0; l < 2; ++l) {
      const auto level = static_cast<size_t>(l);
      std::sort(all[level].begin(), all[level].end(),
                [](const Row& a, const Row& b) { return a.error != b.error ? a.error > b.error : a.name < b.name; });
      expected[l] = model.quantizer().codebook(l);
      size_t next = 0;
      for (Index k = 0; k < size; ++k) {
        if (alive[level].count(static_cast<uint32_t>(k)) > 0 || next == all[level].size()) continue;
        expected[l].row(k) = all[level][next++].residual;
      }
      moved.push_back(static_cast<Index>(next));
      EXPECT_EQ(codes.dead(l), size - static_cast<Index>(alive[level].size()));
    }
    EXPECT_EQ(codes.Restart(model, optimizer), moved);
    for (Index l = 0; l < 2; ++l) EXPECT_TRUE(SameBits(model.quantizer().codebook(l), expected[l])) << round;
  }
}

TEST(DeadCodes, WithoutRestartsItOnlyCounts) {
  const ModelConfig config = Config({4});
  Model model(config);
  Optimizer optimizer({}, model.store());
  DeadCodes codes(config, false);
  Block block(2, 1, 3);
  block.Set(0, 0, 1, 5, 5);
  codes.Observe(block.tape, block.rows.data());
  codes.CommitStep();
  EXPECT_EQ(codes.dead(0), 2);
  const Vector before = model.store().values();
  EXPECT_EQ(codes.Restart(model, optimizer), std::vector<Index>{0});
  EXPECT_TRUE(SameBits(model.store().values(), before));
}

// The optimiser would go on pushing the new code where the old one was going.
TEST(DeadCodes, ARestartForgetsTheMoments) {
  const ModelConfig config = Config({4});
  for (const OptimizerKind kind : {OptimizerKind::kAdam, OptimizerKind::kSgd}) {
    Model model(config);
    OptimizerConfig optimizer_config;
    optimizer_config.kind = kind;
    optimizer_config.momentum = 0.9;
    Optimizer optimizer(optimizer_config, model.store());
    Vector gradients = Vector::Ones(model.store().size());
    optimizer.Step(model.store(), gradients);
    DeadCodes codes(config, true);
    Block block(1, 1, 3);
    block.Set(0, 0, 2, 5, 0.5f);
    codes.Observe(block.tape, block.rows.data());
    codes.CommitStep();
    EXPECT_EQ(codes.Restart(model, optimizer), std::vector<Index>{1});  // one residual: code 0
    gradients.setZero();
    const Matrix before = model.store().value(model.quantizer().embedding(0));
    optimizer.Step(model.store(), gradients);
    const Matrix moved = model.store().value(model.quantizer().embedding(0)) - before;
    EXPECT_TRUE(SameBits(moved.row(0), Matrix(Matrix::Zero(1, 3))));
    EXPECT_GT(moved.bottomRows(3).cwiseAbs().minCoeff(), 0) << "the others go on";
  }
}

TEST(DeadCodes, ARestartSetsTheAveragesToo) {
  ModelConfig config = Config({4});
  config.codebook_update = CodebookUpdate::kEma;
  Model model(config);
  const Index counts = model.store().Find("quantization_layers.0.cluster_size");
  const Index sums = model.store().Find("quantization_layers.0.embed_avg");
  model.store().value(counts).setConstant(9);
  model.store().value(sums).setConstant(8);
  Optimizer optimizer({}, model.store());
  DeadCodes codes(config, true);
  Block block(1, 1, 3);
  block.Set(0, 0, 2, 5, 0.5f);
  codes.Observe(block.tape, block.rows.data());
  codes.CommitStep();
  codes.Restart(model, optimizer);
  EXPECT_EQ(model.store().value(counts)(0, 0), 1);
  EXPECT_EQ(model.store().value(sums)(0, 0), 0.5f);
  EXPECT_EQ(model.store().value(counts)(1, 0), 9);
  EXPECT_EQ(model.store().value(sums)(1, 0), 8);
}

// -- As bytes.

std::vector<uint8_t> Bytes(DeadCodes& codes) {
  Archive archive;
  codes.Visit(archive);
  return archive.bytes();
}

TEST(DeadCodes, GoesOnFromItsBytes) {
  const ModelConfig config = Config({7, 5});
  TestRandom random(4);
  DeadCodes codes(config, true), restored(config, true);
  auto observe = [&](std::initializer_list<DeadCodes*> all) {
    Block block(10, 2, 3);
    for (Index i = 0; i < 10; ++i) {
      for (Index l = 0; l < 2; ++l) {
        block.Set(i, l, static_cast<uint32_t>(random.Below(3)), static_cast<float>(random.Uniform()),
                  static_cast<float>(random.Uniform()));
      }
    }
    for (DeadCodes* one : all) one->Observe(block.tape, block.rows.data());
  };
  observe({&codes});
  codes.CommitStep();
  const std::vector<uint8_t> committed = Bytes(codes);
  observe({&codes});  // a step in progress is not part of it
  EXPECT_EQ(Bytes(codes), committed);
  codes.DiscardStep();
  Archive archive(committed.data(), committed.size());
  restored.Visit(archive);
  EXPECT_TRUE(archive.at_end());
  EXPECT_EQ(Bytes(restored), committed);
  observe({&codes, &restored});
  codes.CommitStep();
  restored.CommitStep();
  Model model(config), other(config);
  Optimizer optimizer({}, model.store());
  EXPECT_EQ(codes.Restart(model, optimizer), restored.Restart(other, optimizer));
  EXPECT_TRUE(SameBits(model.store().values(), other.store().values()));
}

TEST(DeadCodes, RefusesBytesThatDoNotFit) {
  const ModelConfig config = Config({7, 5});
  DeadCodes codes(config, true);
  Block block(10, 2, 3);
  for (Index i = 0; i < 10; ++i) {
    block.Set(i, 0, 1, static_cast<float>(i), static_cast<float>(i));
    block.Set(i, 1, 1, static_cast<float>(i), static_cast<float>(i));
  }
  codes.Observe(block.tape, block.rows.data());
  codes.CommitStep();
  const std::vector<uint8_t> bytes = Bytes(codes);
  auto visit = [&](const ModelConfig& of, const std::vector<uint8_t>& data) {
    DeadCodes fresh(of, true);
    Archive archive(data.data(), data.size());
    fresh.Visit(archive);
  };
  visit(config, bytes);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(visit(config, {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)}), Error) << size;
  }
  // Of a model with other codebooks or latents.
  EXPECT_THROW(visit(Config({7, 6}), bytes), Error);
  EXPECT_THROW(visit(Config({6, 5}), bytes), Error);
  EXPECT_THROW(visit(Config({8, 5}), bytes), Error);
  ModelConfig wide = config;
  wide.latent_dim = 4;
  EXPECT_THROW(visit(wide, bytes), Error);
}

}  // namespace
}  // namespace rqvae
