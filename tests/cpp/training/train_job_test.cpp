// Training as a job: what it promises about the model at every point, and what each option does.
#include "train_job.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "error.h"
#include "fingerprint.h"
#include "id_statistics.h"
#include "random.h"
#include "test_data.h"
#include "training_data.h"
#include "whole_block.h"

namespace rqvae {
namespace {

TEST(TrainJob, LearnsAndReports) {
  const MatrixRows rows(Catalogue(1000, 20));
  Model model(SmallConfig(20));
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
    EXPECT_EQ(record.evaluation.has_value(), record.epoch == 0 || (record.epoch + 1) % 7 == 0 || record.epoch == 29)
        << record.epoch;
    if (record.evaluation) EXPECT_EQ(record.evaluation->ids.items, 1000);
    EXPECT_NEAR(record.losses.loss, record.losses.reconstruction + record.losses.quantize, 1e-9);
    EXPECT_NEAR(record.losses.square_error, record.losses.reconstruction, 1e-9);
  }
  // The last record counts the IDs that the model now gives.
  MatrixRows copy(Catalogue(1000, 20));
  CodeMatrix codes(1000, 3);
  model.Encode(copy.data(), codes, nullptr);
  EXPECT_EQ(job.history().back().evaluation->ids.distinct_ids, CountDistinct(codes));
}

TEST(TrainJob, SameSeedSameBitsAnotherSeedOtherWeights) {
  const MatrixRows rows(Catalogue(700, 20));
  auto train = [&](uint64_t seed) {
    ModelConfig config = SmallConfig(20);
    config.seed = seed;
    Model model(config);
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
  Model model(SmallConfig(20));
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
  Model model(SmallConfig(20));
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
    Model model(SmallConfig(20));
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
  Model model(SmallConfig(20));
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
    EXPECT_NE(std::string(e.what()).find("learning_rate"), std::string::npos);
  }
  EXPECT_TRUE(model.store().values().allFinite());

  // One step only, and so large that the weights, not the loss, are the first to go.
  Model other(SmallConfig(20));
  config.epochs = 1;
  config.batch_size = 400;
  config.optimizer.learning_rate = 1e300;
  TrainJob one(&other, &rows, config);
  EXPECT_THROW(RunToEnd(one), Error);
  EXPECT_TRUE(other.store().values().allFinite());
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
    Model model(config);
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

// -- Validation rows and the choice of an epoch.

// A run that cannot but overtrain: few rows, a large network, a large rate.
ModelConfig Overtrained() {
  ModelConfig config = SmallConfig(10);
  config.latent_dim = 6;
  config.hidden_dims = {64};
  config.codebook_sizes = {8, 8};
  config.input_noise = 0;
  return config;
}

TrainConfig Overtraining() {
  TrainConfig config;
  config.epochs = 30;
  config.batch_size = 10;
  config.validation_share = 0.4;
  config.optimizer.learning_rate = 0.02;
  return config;
}

struct FinishedRun {
  FinishedRun(const ModelConfig& model_config, const Matrix& data, const TrainConfig& config)
      : rows(data), model(model_config), job(&model, &rows, config) {
    RunToEnd(job);
  }
  MatrixRows rows;
  Model model;
  TrainJob job;
};

TEST(TrainJob, ValidationRowsNeverReachTraining) {
  Matrix data = Catalogue(400, 10);
  TrainConfig config = ShortTraining();
  config.validation_share = 0.25;
  config.batch_size = 100;
  const FinishedRun before(SmallConfig(10), data, config);
  ASSERT_EQ(before.job.training_rows(), 300);
  const Split split = SplitRows(0, 400, 0.25);
  for (const uint32_t row : split.validation) data.row(row) = -3 * data.row(row);
  const FinishedRun after(SmallConfig(10), data, config);
  for (size_t e = 0; e < 5; ++e) {
    const Losses &a = before.job.history()[e].losses, &b = after.job.history()[e].losses;
    EXPECT_EQ(a.loss, b.loss) << "epoch " << e;
    EXPECT_EQ(a.reconstruction, b.reconstruction);
    EXPECT_EQ(a.quantization_error, b.quantization_error);
    EXPECT_NE(before.job.history()[e].evaluation->reconstruction, after.job.history()[e].evaluation->reconstruction);
  }
  EXPECT_TRUE(SameBits(before.model.store().values(), after.model.store().values()));
  EXPECT_NE(before.job.start()->reconstruction, after.job.start()->reconstruction);

  // A row that trains does reach it.
  data.row(split.training[7]) *= 2;
  const FinishedRun other(SmallConfig(10), data, config);
  EXPECT_NE(other.job.history()[0].losses.loss, after.job.history()[0].losses.loss);
}

// With the training rows alone, in the same order, the same model comes out.
TEST(TrainJob, TheOtherRowsMightAsWellNotBeThere) {
  const Matrix data = Catalogue(300, 10);
  TrainConfig config = ShortTraining();
  config.validation_share = 0.2;
  const FinishedRun with(SmallConfig(10), data, config);
  const Split split = SplitRows(0, 300, 0.2);
  Matrix training(static_cast<Index>(split.training.size()), 10);
  for (Index i = 0; i < training.rows(); ++i) training.row(i) = data.row(split.training[static_cast<size_t>(i)]);
  config.validation_share = 0;
  const FinishedRun without(SmallConfig(10), training, config);
  EXPECT_TRUE(SameBits(with.model.store().values(), without.model.store().values()));
  EXPECT_FALSE(without.job.start().has_value());
}

TEST(TrainJob, RecordsTheStart) {
  const Matrix data = Catalogue(300, 10);
  const MatrixRows rows(data);
  Model model(SmallConfig(10));
  TrainConfig config = ShortTraining();
  config.validation_share = 0.2;
  TrainJob job(&model, &rows, config);
  while (!job.start()) ASSERT_TRUE(job.Advance());
  EXPECT_EQ(job.epoch(), 0);
  EXPECT_EQ(job.step(), 0);
  ASSERT_TRUE(job.best().by_loss);
  EXPECT_EQ(job.best().by_loss->epoch, -1);
  EXPECT_EQ(job.best().by_collision->epoch, -1);
  EXPECT_TRUE(SameBits(job.best().by_loss->values, model.store().values()));
  CodeMatrix codes(300, 3);
  model.Encode(data, codes, nullptr);
  EXPECT_EQ(job.start()->ids.distinct_ids, CountDistinct(codes));
  EXPECT_EQ(job.start()->validation_rows, 60);
  const double start = job.start()->reconstruction;
  EXPECT_GT(start, 0);
  RunToEnd(job);
  EXPECT_EQ(job.start()->reconstruction, start);
  EXPECT_EQ(job.selected(), nullptr) << "the last step's weights are what was asked for";
}

TEST(TrainJob, SelectLossIsNeverWorseThanTheStart) {
  const Matrix data = Catalogue(60, 10);
  Matrix validation(24, 10);
  const Split split = SplitRows(0, 60, 0.4);
  for (Index i = 0; i < 24; ++i) validation.row(i) = data.row(split.validation[static_cast<size_t>(i)]);
  for (const double rate : {0.001, 0.02, 0.3}) {
    TrainConfig config = Overtraining();
    config.optimizer.learning_rate = rate;
    config.select = Selection::kLoss;
    const FinishedRun run(Overtrained(), data, config);
    const double start = run.job.start()->reconstruction;
    if (rate > 0.01) {
      EXPECT_GT(run.job.history().back().evaluation->reconstruction, 1.05 * start) << "not overtrained: nothing tested";
    }
    ASSERT_NE(run.job.selected(), nullptr);
    const Snapshot& selected = *run.job.selected();
    const double now = Evaluate(run.model, validation).reconstruction;
    EXPECT_NEAR(now, selected.loss, 1e-9 * now) << "the model does not hold what was selected";
    EXPECT_LE(now, start * (1 + 1e-9));
    double least = start;
    Index epoch = -1;
    for (const EpochRecord& record : run.job.history()) {
      if (record.evaluation->reconstruction < least) {
        least = record.evaluation->reconstruction;
        epoch = record.epoch;
      }
    }
    EXPECT_EQ(selected.epoch, epoch);
    EXPECT_EQ(selected.loss, least);
    EXPECT_TRUE(SameBits(selected.values, run.model.store().values()));
  }
}

// Without validation rows it goes by the training loss.
TEST(TrainJob, SelectLossWithoutValidationRowsTakesTheLowestTrainingLoss) {
  TrainConfig config = Overtraining();
  config.validation_share = 0;
  config.optimizer.learning_rate = 0.1;  // jumps about
  config.evaluate_every = 2;
  config.select = Selection::kLoss;
  int before_the_last = 0;
  for (const uint64_t seed : {0, 1, 2, 3, 4, 5, 6, 7}) {
    ModelConfig model = Overtrained();
    model.seed = seed;
    const FinishedRun run(model, Catalogue(60, 10), config);
    double least = std::numeric_limits<double>::infinity();
    Index epoch = -1;
    for (const EpochRecord& record : run.job.history()) {
      if (!record.evaluation || record.losses.loss >= least) continue;
      least = record.losses.loss;
      epoch = record.epoch;
    }
    EXPECT_EQ(run.job.selected()->epoch, epoch);
    EXPECT_EQ(run.job.selected()->loss, least);
    before_the_last += epoch < 29 ? 1 : 0;
  }
  EXPECT_GT(before_the_last, 0) << "the last epoch is always the best: nothing tested";
}

TEST(TrainJob, SelectCollisionKeepsTheMostDistinctIds) {
  const Matrix data = Catalogue(150, 10);
  for (const double share : {0.0, 0.3}) {
    TrainConfig config = Overtraining();
    config.validation_share = share;
    config.select = Selection::kCollision;
    const FinishedRun run(Overtrained(), data, config);
    Index most = -1, epoch = -2;
    double loss = 0;
    auto consider = [&](const Evaluation& evaluation, double its_loss, Index its_epoch) {
      if (evaluation.ids.distinct_ids < most || (evaluation.ids.distinct_ids == most && its_loss >= loss)) return;
      most = evaluation.ids.distinct_ids;
      loss = its_loss;
      epoch = its_epoch;
    };
    if (share > 0) consider(*run.job.start(), run.job.start()->reconstruction, -1);
    std::set<Index> seen;
    for (const EpochRecord& record : run.job.history()) {
      seen.insert(record.evaluation->ids.distinct_ids);
      consider(*record.evaluation, share > 0 ? record.evaluation->reconstruction : record.losses.loss, record.epoch);
    }
    EXPECT_GT(seen.size(), 3u) << "nothing to choose from";
    ASSERT_NE(run.job.selected(), nullptr);
    EXPECT_EQ(run.job.selected()->epoch, epoch);
    EXPECT_EQ(run.job.selected()->evaluation.ids.distinct_ids, most);
    CodeMatrix codes(150, 2);
    run.model.Encode(data, codes, nullptr);
    EXPECT_EQ(CountDistinct(codes), most) << "the model does not hold what was selected";
  }
}

// The run stops where a reader of the full run's history would have stopped it, and is the same until then.
TEST(TrainJob, PatienceStops) {
  const Matrix data = Catalogue(60, 10);
  for (const Selection select : {Selection::kLast, Selection::kLoss, Selection::kCollision}) {
    for (const Index every : {1, 3}) {
      TrainConfig config = Overtraining();
      config.select = select;
      config.evaluate_every = every;
      const FinishedRun full(Overtrained(), data, config);
      EXPECT_FALSE(full.job.stopped_early());
      ASSERT_EQ(full.job.history().size(), 30u);
      for (const Index patience : {1, 2, 4}) {
        auto value = [&](const Evaluation& evaluation) {
          return select == Selection::kCollision
                     ? std::pair(-static_cast<double>(evaluation.ids.distinct_ids), evaluation.reconstruction)
                     : std::pair(evaluation.reconstruction, 0.0);
        };
        auto best = value(*full.job.start());
        Index without = 0;
        size_t epochs = 0;
        for (const EpochRecord& record : full.job.history()) {
          ++epochs;
          if (!record.evaluation) continue;
          if (value(*record.evaluation) < best) {
            best = value(*record.evaluation);
            without = 0;
          } else if (++without == patience) {
            break;
          }
        }
        config.patience = patience;
        const FinishedRun run(Overtrained(), data, config);
        EXPECT_EQ(run.job.history().size(), epochs) << "patience " << patience;
        EXPECT_EQ(run.job.stopped_early(), epochs < 30);
        for (size_t e = 0; e < std::min(epochs, run.job.history().size()); ++e) {
          EXPECT_EQ(run.job.history()[e].losses.loss, full.job.history()[e].losses.loss);
        }
        if (select == Selection::kLoss) EXPECT_EQ(run.job.selected()->loss, best.first);
        if (patience == 1) EXPECT_LT(epochs, 30u) << "it never stops: nothing tested";
      }
    }
  }
}

// -- Validation rows that join.

TrainConfig Joining() {
  TrainConfig config = ShortTraining();
  config.batch_size = 100;
  config.validation_share = 0.25;
  config.validation_until = 0.4;
  config.select = Selection::kLoss;
  return config;
}

// From codes drawn at random, which any training improves on, on every host.
ModelConfig Untrained(Index dim) {
  ModelConfig config = SmallConfig(dim);
  config.codebook_kmeans_init = false;
  return config;
}

TEST(TrainJob, HeldOutRowsJoin) {
  Matrix data = Catalogue(430, 10);
  TrainConfig config = Joining();
  config.evaluate_every = 5;  // the second epoch's evaluation comes for the decision
  const FinishedRun run(Untrained(10), data, config);
  ASSERT_EQ(run.job.held_out_rows(), 108);
  ASSERT_EQ(run.job.held_out_epochs(), 2);
  EXPECT_EQ(run.job.validation(), TrainJob::Validation::kJoined);
  EXPECT_EQ(run.job.training_rows(), 430);
  EXPECT_EQ(run.job.total_steps(), 2 * 4 + 3 * 5);
  EXPECT_EQ(run.job.step(), run.job.total_steps());
  EXPECT_EQ(run.job.total_rows(), 2 * 322 + 3 * 430);
  EXPECT_EQ(run.job.selected(), nullptr) << "after the join the last epoch is trusted";
  EXPECT_EQ(run.job.start()->validation_rows, 108);
  const std::vector<EpochRecord>& history = run.job.history();
  ASSERT_EQ(history.size(), 5u);
  for (size_t e = 0; e < 5; ++e) {
    ASSERT_EQ(history[e].evaluation.has_value(), e == 0 || e == 1 || e == 4) << e;
    if (!history[e].evaluation) continue;
    EXPECT_EQ(history[e].evaluation->validation_rows, e < 2 ? 108 : 0);
    EXPECT_EQ(history[e].evaluation->ids.items, 430);
  }
  EXPECT_EQ(run.job.best().by_loss->epoch, 4) << "what was best before the join is dropped";
  EXPECT_EQ(run.job.best().by_loss->loss, history[4].losses.loss);

  // Until the join it is the training that holds out to the end.
  TrainConfig to_the_end = config;
  to_the_end.validation_until = 1;
  const FinishedRun held(Untrained(10), data, to_the_end);
  EXPECT_EQ(held.job.validation(), TrainJob::Validation::kHeldOut);
  for (size_t e = 0; e < 5; ++e) EXPECT_EQ(held.job.history()[e].losses.loss == history[e].losses.loss, e < 2) << e;

  // And the held-out rows reach it after that only.
  for (const uint32_t row : SplitRows(0, 430, 0.25).validation) data.row(row) *= 0.99f;
  const FinishedRun other(Untrained(10), data, config);
  for (size_t e = 0; e < 5; ++e) EXPECT_EQ(other.job.history()[e].losses.loss == history[e].losses.loss, e < 2) << e;
}

// A training whose validation rows join is two plain loops, with one schedule over the steps of both.
TEST(TrainJob, JoiningIsTwoTrainingLoops) {
  const Matrix data = Catalogue(430, 20);
  const MatrixRows rows(data);
  TrainConfig config = Joining();
  config.schedule = Schedule::kLinear;
  const FinishedRun run(Untrained(20), data, config);
  ASSERT_EQ(run.job.validation(), TrainJob::Validation::kJoined);

  Model model(Untrained(20));
  const SubsetRows training(&rows, SplitRows(0, 430, 0.25).training);
  InitializeJob initialize(&model, &training, false);
  RunToEnd(initialize);
  Optimizer optimizer(config.optimizer, model.store());
  TrainStep train_step(&model);
  int64_t step = 0;
  for (uint64_t epoch = 0; epoch < 5; ++epoch) {
    const RowSource& source = epoch < 2 ? static_cast<const RowSource&>(training) : rows;
    const std::vector<uint32_t> order = EpochOrder(0, epoch, source.rows());
    for (Index first = 0; first < source.rows(); first += 100) {
      const Index n = std::min<Index>(100, source.rows() - first);
      Matrix block(n, 20);
      source.Read(&order[static_cast<size_t>(first)], n, block);
      train_step.Begin(n, static_cast<uint64_t>(step));
      train_step.Add(block, &order[static_cast<size_t>(first)]);
      train_step.Apply(optimizer, train_step.Finish(), 1 - static_cast<double>(step) / 23, "");
      ++step;
    }
  }
  EXPECT_EQ(step, 23);
  EXPECT_TRUE(SameBits(run.model.store().values(), model.store().values()));
}

// A batch that holds all training rows holds all rows after the join.
TEST(TrainJob, TheBatchGrowsWithTheRows) {
  TrainConfig config = Joining();
  config.batch_size = 1000;
  const FinishedRun run(Untrained(10), Catalogue(430, 10), config);
  EXPECT_EQ(run.job.total_steps(), 5);
  EXPECT_EQ(run.job.last_batch_size(), 430);
}

// Items without structure that all differ: no epoch can be better on unseen ones.
Matrix Structureless(Index rows, Index dim) {
  TestRandom random(5);
  return RandomMatrix(random, rows, dim);
}

TEST(TrainJob, WhereTrainingTeachesNothingTheStartIsFittedToAllRows) {
  const Matrix data = Structureless(300, 10);
  const MatrixRows rows(data);
  for (const Selection select : {Selection::kLast, Selection::kLoss, Selection::kCollision}) {
    TrainConfig config = Joining();
    config.batch_size = 10;
    config.select = select;
    config.optimizer.learning_rate = 0.02;
    ModelConfig model_config = Overtrained();
    const FinishedRun run(model_config, data, config);
    ASSERT_EQ(run.job.validation(), TrainJob::Validation::kStartKept);
    EXPECT_EQ(run.job.history().size(), 2u);
    EXPECT_FALSE(run.job.stopped_early());
    EXPECT_EQ(run.job.refit_progress(), 0);

    Model start(model_config);
    const SubsetRows training(&rows, SplitRows(0, 300, 0.25).training);
    InitializeJob initialize(&start, &training);
    RunToEnd(initialize);
    const Vector unfitted = start.store().values();
    InitializeJob refit(&start, &rows);
    RunToEnd(refit);
    EXPECT_FALSE(SameBits(start.store().values(), unfitted));
    EXPECT_TRUE(SameBits(run.model.store().values(), start.store().values()));
    EXPECT_EQ(Fingerprint(run.model), Fingerprint(start));

    ASSERT_NE(run.job.selected(), nullptr);
    EXPECT_EQ(run.job.selected()->epoch, -1);
    EXPECT_EQ(run.job.selected()->loss, run.job.start()->reconstruction);
    CodeMatrix codes(300, 2);
    run.model.Encode(data, codes, nullptr);
    for (const std::optional<Snapshot>& best : {run.job.best().by_loss, run.job.best().by_collision}) {
      EXPECT_TRUE(SameBits(best->values, run.model.store().values()));
      EXPECT_EQ(best->evaluation.ids.distinct_ids, CountDistinct(codes));
      EXPECT_EQ(best->evaluation.validation_rows, 0) << "they are fitted to";
    }

    // What this training did not fit it does not fit again.
    model_config.codebook_kmeans_init = false;
    model_config.linear_skip = LinearSkip::kNone;
    config.optimizer.learning_rate = 3;
    const FinishedRun unfit(model_config, data, config);
    ASSERT_EQ(unfit.job.validation(), TrainJob::Validation::kStartKept);
    Model other(model_config);
    InitializeJob statistics(&other, &training, false);
    RunToEnd(statistics);
    EXPECT_TRUE(SameBits(unfit.model.store().values(), other.store().values()));
    EXPECT_EQ(unfit.job.selected()->evaluation.validation_rows, 75);

    config.optimizer.learning_rate = 0.02;
    Model trained(Overtrained());
    trained.store().values() = unfitted;
    trained.set_initialized(true);
    trained.ParametersChanged();
    TrainJob second(&trained, &rows, config);
    RunToEnd(second);
    ASSERT_EQ(second.validation(), TrainJob::Validation::kStartKept);
    EXPECT_TRUE(SameBits(trained.store().values(), unfitted));
  }
}

// What is hardly better than at the start is trusted while it still falls, and not worth the rows held out otherwise.
TEST(TrainJob, TrainingThatGainsLittleKeepsTheStartUnlessItStillImproves) {
  const Matrix data = Catalogue(430, 10);
  const MatrixRows rows(data);
  ModelConfig far = Overtrained();
  far.linear_skip = LinearSkip::kNone;  // so that training gains, on every host
  TrainConfig config = Joining();
  config.optimizer.learning_rate = 1e-5;
  const FinishedRun slow(far, data, config);
  const auto gain = [&](size_t epoch) {
    return 1 - slow.job.history()[epoch].evaluation->reconstruction / slow.job.start()->reconstruction;
  };
  ASSERT_GT(gain(1), gain(0));
  ASSERT_LT(gain(1), TrainJob::kWorthTraining);
  EXPECT_EQ(slow.job.validation(), TrainJob::Validation::kJoined);

  // No epoch changes anything: none is better than the start.
  config.optimizer.learning_rate = 1e-30;
  const FinishedRun still(far, data, config);
  EXPECT_EQ(still.job.validation(), TrainJob::Validation::kStartKept);
  EXPECT_EQ(still.job.selected()->epoch, -1);
}

TEST(TrainJob, HowLongRowsAreHeldOut) {
  const MatrixRows rows(Catalogue(100, 10));
  Model model(SmallConfig(10));
  auto epochs = [&](double until, Index all, double share = 0.2) {
    TrainConfig config;
    config.epochs = all;
    config.validation_share = share;
    config.validation_until = until;
    return TrainJob(&model, &rows, config).held_out_epochs();
  };
  EXPECT_EQ(epochs(0.6, 40), 24);
  EXPECT_EQ(epochs(0.5, 5), 3);
  EXPECT_EQ(epochs(0.001, 40), 1);
  EXPECT_EQ(epochs(0.999, 40), 39);
  EXPECT_EQ(epochs(1, 40), 40);
  EXPECT_EQ(epochs(0.5, 2), 1);
  EXPECT_EQ(epochs(0.5, 1), 1);
  EXPECT_EQ(epochs(0.5, 40, 0), 40);
}

// Without rows to hold out, or an epoch to join in, it is no other training.
TEST(TrainJob, ValidationUntilChangesNothingWhereNothingJoins) {
  const Matrix data = Catalogue(200, 10);
  for (const bool one_epoch : {false, true}) {
    TrainConfig config = ShortTraining();
    if (one_epoch) {
      config.epochs = 1;
      config.validation_share = 0.2;
      config.select = Selection::kLoss;
    }
    FinishedRun without(SmallConfig(10), data, config);
    config.validation_until = 0.5;
    FinishedRun with(SmallConfig(10), data, config);
    EXPECT_EQ(with.job.Save(), without.job.Save());
  }
}

TEST(TrainJob, PatienceEndsOnlyWhatIsHeldOutAndWhatUndidItsGainEndsToo) {
  const Matrix data = Catalogue(300, 10);
  int stopped = 0, joined = 0, undone = 0, kept = 0;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    for (const auto& [rate, patience, until] :
         {std::tuple(0.001, 2, 0.1), {0.02, 2, 0.1}, {0.03, 15, 0.5}, {0.03, 27, 0.9}}) {
      ModelConfig model = Overtrained();
      model.seed = seed;
      TrainConfig config = Overtraining();
      config.optimizer.learning_rate = rate;
      config.select = Selection::kLoss;
      config.patience = patience;
      const FinishedRun held(model, data, config);
      config.validation_until = until;
      const FinishedRun run(model, data, config);
      const size_t held_out = static_cast<size_t>(30 * until + 0.5);
      if (held.job.history().size() <= held_out) {
        ++stopped;
        EXPECT_TRUE(run.job.stopped_early());
        EXPECT_EQ(run.job.validation(), TrainJob::Validation::kHeldOut);
        EXPECT_EQ(run.job.selected()->epoch, held.job.selected()->epoch);
        EXPECT_TRUE(SameBits(run.model.store().values(), held.model.store().values()));
        continue;
      }
      const double start = held.job.start()->reconstruction;
      double least = start;
      for (size_t e = 0; e < held_out; ++e) {
        least = std::min(least, held.job.history()[e].evaluation->reconstruction);
      }
      const bool improving = least == held.job.history()[held_out - 1].evaluation->reconstruction;
      const bool undid = held.job.history()[held_out - 1].evaluation->reconstruction >= start;
      const double enough = undid ? TrainJob::kWorthKeeping : improving ? 0 : TrainJob::kWorthTraining;
      if (least >= start || least > (1 - enough) * start) {
        ++kept;
        EXPECT_EQ(run.job.history().size(), held_out);
        EXPECT_EQ(run.job.validation(), TrainJob::Validation::kStartKept);
      } else if (undid) {
        ++undone;  // better than the start for a while, and worse when it is decided: what was best is kept
        EXPECT_TRUE(run.job.stopped_early());
        EXPECT_EQ(run.job.history().size(), held_out);
        EXPECT_EQ(run.job.validation(), TrainJob::Validation::kHeldOut);
        ASSERT_NE(run.job.selected(), nullptr);
        EXPECT_GE(run.job.selected()->epoch, 0);
        EXPECT_LT(run.job.selected()->loss, run.job.start()->reconstruction);
        EXPECT_TRUE(SameBits(run.model.store().values(), run.job.selected()->values));
      } else {
        ++joined;
        EXPECT_FALSE(run.job.stopped_early());
        EXPECT_EQ(run.job.history().size(), 30u);
        EXPECT_EQ(run.job.validation(), TrainJob::Validation::kJoined);
      }
    }
  }
  EXPECT_GT(stopped, 0);
  EXPECT_GT(joined, 0);
  EXPECT_GT(undone, 0);
  EXPECT_GT(kept, 0);
}

TEST(TrainJob, AfterTheJoinTheMostDistinctIdsAreThoseSinceThen) {
  const Matrix data = Catalogue(150, 10);
  int before_was_better = 0;
  for (const uint64_t seed : {0, 1, 2, 3, 4, 5}) {
    ModelConfig model = Overtrained();
    model.seed = seed;
    TrainConfig config = Overtraining();
    config.validation_share = 0.3;
    config.validation_until = 0.5;
    config.select = Selection::kCollision;
    config.optimizer.learning_rate = 0.005;
    const FinishedRun run(model, data, config);
    if (run.job.validation() != TrainJob::Validation::kJoined) continue;
    Index most = -1, before = -1;
    for (const EpochRecord& record : run.job.history()) {
      Index& of = record.epoch < 15 ? before : most;
      of = std::max(of, record.evaluation->ids.distinct_ids);
    }
    EXPECT_GE(run.job.selected()->epoch, 15);
    EXPECT_EQ(run.job.selected()->evaluation.ids.distinct_ids, most);
    before_was_better += before > most ? 1 : 0;
  }
  EXPECT_GT(before_was_better, 0) << "nothing tested";
}

// Until there is an evaluation, what a training goes back to is where the rows joined.
TEST(TrainJob, DivergenceAfterTheJoinGoesBackToIt) {
  const Matrix data = Catalogue(400, 20);
  const MatrixRows rows(data);
  int tried = 0;
  for (double rate = 1e-4; rate < 10 && tried == 0; rate *= 1.3) {
    Model model(SmallConfig(20));
    TrainConfig config = Joining();
    config.epochs = 40;
    config.validation_until = 0.25;
    config.evaluate_every = 30;
    config.warmup = 1;  // it gets worse and worse
    config.optimizer.kind = OptimizerKind::kSgd;
    config.optimizer.learning_rate = rate;
    TrainJob job(&model, &rows, config);
    Vector at_join;
    try {
      while (job.Advance()) {
        if (at_join.size() == 0 && job.validation() == TrainJob::Validation::kJoined) at_join = model.store().values();
      }
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kDiverged);
      if (job.validation() != TrainJob::Validation::kJoined || job.best().by_loss) continue;
      ++tried;
      EXPECT_NE(std::string(e.what()).find("The model went back to those of {epoch=9}"), std::string::npos) << e.what();
      EXPECT_TRUE(SameBits(model.store().values(), at_join));
    }
  }
  EXPECT_EQ(tried, 1) << "no rate diverges there";
}

// The weights of the plain loop: evaluations, snapshots and observers do not touch the training.
TEST(TrainJob, SelectLastIsTheTrainingLoopAlone) {
  const Matrix data = Catalogue(700, 20);
  const MatrixRows rows(data);
  TrainConfig config = ShortTraining();
  config.schedule = Schedule::kCosine;
  const FinishedRun run(SmallConfig(20), data, config);

  Model model(SmallConfig(20));
  InitializeJob initialize(&model, &rows);
  RunToEnd(initialize);
  Optimizer optimizer(config.optimizer, model.store());
  TrainStep train_step(&model);
  int64_t step = 0;
  for (uint64_t epoch = 0; epoch < 5; ++epoch) {
    const std::vector<uint32_t> order = EpochOrder(0, epoch, 700);
    for (Index first = 0; first < 700; first += 300) {
      const Index batch = std::min<Index>(300, 700 - first);
      train_step.Begin(batch, static_cast<uint64_t>(step));
      for (Index at = 0; at < batch; at += kRowBlock) {
        const Index n = std::min(kRowBlock, batch - at);
        Matrix block(n, 20);
        rows.Read(&order[static_cast<size_t>(first + at)], n, block);
        train_step.Add(block, &order[static_cast<size_t>(first + at)]);
      }
      train_step.Apply(optimizer, train_step.Finish(), (1 + std::cos(3.14159265358979323846 * step / 15)) / 2, "");
      ++step;
    }
  }
  EXPECT_TRUE(SameBits(run.model.store().values(), model.store().values()));
  EXPECT_EQ(run.job.selected(), nullptr);
}

// Counted and summed once more, in the plainest way.
TEST(TrainJob, EvaluatesWhatItSays) {
  const Matrix data = Catalogue(600, 20);
  for (const InputScaling scaling : {InputScaling::kCommonScale, InputScaling::kPerDimension, InputScaling::kNone}) {
    for (const Reconstruction reconstruction : {Reconstruction::kMse, Reconstruction::kCosine}) {
      ModelConfig model_config = SmallConfig(20);
      model_config.input_scaling = scaling;
      model_config.reconstruction = reconstruction;
      model_config.codebook_sizes = {8, 4, 3};
      TrainConfig config = ShortTraining();
      config.validation_share = 0.45;  // 270 rows: more than a block
      const FinishedRun run(model_config, data, config);
      const Evaluation& evaluation = *run.job.history().back().evaluation;
      CodeMatrix codes(600, 3);
      run.model.Encode(data, codes, nullptr);

      std::map<std::vector<uint32_t>, Index> groups;
      for (Index i = 0; i < 600; ++i) ++groups[{codes(i, 0), codes(i, 1), codes(i, 2)}];
      Index sharing = 0, largest = 0;
      for (const auto& [id, size] : groups) {
        if (size > 1) sharing += size;
        largest = std::max(largest, size);
      }
      EXPECT_EQ(evaluation.ids.items, 600);
      EXPECT_EQ(evaluation.ids.distinct_ids, static_cast<Index>(groups.size()));
      EXPECT_EQ(evaluation.ids.items_sharing, sharing);
      EXPECT_EQ(evaluation.ids.largest_group, largest);
      for (Index l = 0; l < 3; ++l) {
        std::map<uint32_t, Index> counts;
        for (Index i = 0; i < 600; ++i) ++counts[codes(i, l)];
        double entropy = 0;
        for (const auto& [code, count] : counts) {
          const double p = static_cast<double>(count) / 600;
          entropy -= p * std::log(p);
        }
        const auto level = static_cast<size_t>(l);
        EXPECT_EQ(evaluation.ids.used_codes[level], static_cast<Index>(counts.size()));
        EXPECT_NEAR(evaluation.ids.perplexity[level], std::exp(entropy), 1e-9);
        EXPECT_NEAR(evaluation.ids.usage[level],
                    static_cast<double>(counts.size()) / static_cast<double>(model_config.codebook_sizes[level]),
                    1e-12);
      }

      const Split split = SplitRows(0, 600, 0.45);
      const auto n = static_cast<Index>(split.validation.size());
      ASSERT_EQ(n, 270);
      ASSERT_EQ(evaluation.validation_rows, n);
      Matrix rows(n, 20), scaled(n, 20), decoded(n, 20), output(n, 20), latents(n, 8);
      CodeMatrix chosen(n, 3);
      for (Index i = 0; i < n; ++i) {
        rows.row(i) = data.row(split.validation[static_cast<size_t>(i)]);
        chosen.row(i) = codes.row(split.validation[static_cast<size_t>(i)]);
      }
      ScaleInput(run.model, rows, scaled);
      run.model.Decode(chosen, decoded);
      ScaleInput(run.model, decoded, output);
      const Eigen::MatrixXd x = scaled.cast<double>(), y = output.cast<double>();
      double loss = 0;
      for (Index i = 0; i < n; ++i) {
        loss += reconstruction == Reconstruction::kMse ? (y.row(i) - x.row(i)).squaredNorm()
                                                       : 1 - x.row(i).normalized().dot(y.row(i).normalized());
      }
      loss /= static_cast<double>(n);
      EXPECT_NEAR(evaluation.reconstruction, loss, 1e-5 * loss);
      const Eigen::RowVectorXd mean = x.colwise().mean();
      EXPECT_NEAR(evaluation.explained_variance, 1 - (y - x).squaredNorm() / (x.rowwise() - mean).squaredNorm(), 1e-5);
      run.model.Latents(rows, latents);
      double quantize = 0;
      Matrix r = latents;
      for (Index l = 0; l < 3; ++l) {
        for (Index i = 0; i < n; ++i) r.row(i) -= run.model.quantizer().codebook(l).row(chosen(i, l));
        quantize += 1.25 * r.cast<double>().squaredNorm() / static_cast<double>(n);
      }
      EXPECT_NEAR(evaluation.quantize, quantize, 1e-5 * quantize);
    }
  }
}

// The IDs are those of Encode, with its beam.
TEST(TrainJob, EvaluatesTheIdsOfTheBeam) {
  const Matrix data = Catalogue(400, 20);
  ModelConfig config = SmallConfig(20);
  config.codebook_sizes = {6, 6, 6};
  config.encode_beam = 6;
  const FinishedRun run(config, data, ShortTraining());
  CodeMatrix codes(400, 3);
  run.model.Encode(data, codes, nullptr);
  EXPECT_EQ(run.job.history().back().evaluation->ids.distinct_ids, CountDistinct(codes));
  config.encode_beam = 1;
  const FinishedRun greedy(config, data, ShortTraining());
  EXPECT_FALSE(SameBits(greedy.model.store().values(), run.model.store().values())) << "training searches so, too";
  CodeMatrix others(400, 3);
  greedy.model.Encode(data, others, nullptr);
  EXPECT_FALSE(SameBits(others, codes));
}

// -- Dead codes.

// Rows around six points and codebooks of 32 random codes: most are far from everything.
ModelConfig Crowded() {
  ModelConfig config = SmallConfig(10);
  config.latent_dim = 4;
  config.codebook_sizes = {32, 32};
  config.codebook_kmeans_init = false;
  config.linear_skip = LinearSkip::kNone;
  config.input_noise = 0;
  return config;
}

TEST(TrainJob, DeadCodesAreCountedEveryEpoch) {
  TestRandom random(3);
  const Matrix data = ClusteredRows(random, 300, 10, 6, 0.1);
  TrainConfig config;
  config.epochs = 3;
  config.batch_size = 300;  // one step an epoch: its codes are those of the weights before it
  const MatrixRows rows(data);
  Model model(Crowded());
  InitializeJob initialize(&model, &rows, false);
  RunToEnd(initialize);
  TrainJob job(&model, &rows, config);
  size_t epochs = 0;
  CodeMatrix codes(300, 2);
  model.Encode(data, codes, nullptr);
  while (job.Advance()) {
    if (job.history().size() == epochs) continue;
    const std::vector<Index>& dead = job.history()[epochs++].dead_codes;
    ASSERT_EQ(dead.size(), 2u);
    for (Index l = 0; l < 2; ++l) {
      std::set<uint32_t> alive;
      for (Index i = 0; i < 300; ++i) alive.insert(codes(i, l));
      EXPECT_EQ(dead[static_cast<size_t>(l)], 32 - static_cast<Index>(alive.size()));
    }
    EXPECT_GT(dead[0], 10);
    model.Encode(data, codes, nullptr);
  }
  EXPECT_EQ(epochs, 3u);
}

TEST(TrainJob, RestartsDeadCodesInTheFirstFourFifths) {
  TestRandom random(4);
  const Matrix data = ClusteredRows(random, 500, 10, 6, 0.3);
  TrainConfig config;
  config.batch_size = 100;
  for (const Index epochs : {1, 4, 5, 10, 17}) {
    config.epochs = epochs;
    config.dead_code_restart = true;
    const FinishedRun with(Crowded(), data, config);
    config.dead_code_restart = false;
    const FinishedRun without(Crowded(), data, config);
    for (const EpochRecord& record : with.job.history()) {
      const bool allowed = static_cast<double>(record.epoch + 1) <= 0.8 * static_cast<double>(epochs) + 1e-9;
      for (size_t l = 0; l < 2; ++l) {
        EXPECT_LE(record.restarted[l], record.dead_codes[l]);
        if (!allowed) EXPECT_EQ(record.restarted[l], 0) << record.epoch << " of " << epochs;
      }
      if (allowed && record.dead_codes[0] > 0) EXPECT_GT(record.restarted[0], 0) << record.epoch << " of " << epochs;
    }
    for (const EpochRecord& record : without.job.history()) EXPECT_EQ(record.restarted, (std::vector<Index>{0, 0}));
    if (epochs < 5) continue;
    const IdStatistics &used = with.job.history().back().evaluation->ids,
                       &before = without.job.history().back().evaluation->ids;
    for (size_t l = 0; l < 2; ++l) EXPECT_GT(used.used_codes[l], 2 * before.used_codes[l]) << epochs << " epochs";
    EXPECT_GT(used.distinct_ids, before.distinct_ids);
    double error = 0, other = 0;
    for (size_t l = 0; l < 2; ++l) {
      error = with.job.history().back().losses.quantization_error[l];
      other = without.job.history().back().losses.quantization_error[l];
    }
    EXPECT_LT(error, other);
  }
}

// -- Balanced assignment.

// The codes of a step over the given rows.
CodeMatrix CodesOfStep(TrainStep& train_step, const Model& model, const Matrix& data, uint64_t number) {
  std::vector<uint32_t> row_ids(static_cast<size_t>(data.rows()));
  std::iota(row_ids.begin(), row_ids.end(), 0u);
  CodeMatrix codes(data.rows(), model.config().levels());
  train_step.Begin(data.rows(), number);
  for (Range rows = train_step.next(); rows.count > 0; rows = train_step.next()) {
    train_step.Add(data.middleRows(rows.first, rows.count), &row_ids[static_cast<size_t>(rows.first)]);
    if (train_step.last_block() != nullptr) codes.middleRows(rows.first, rows.count) = train_step.last_block()->codes;
  }
  const Losses losses = train_step.Finish();
  EXPECT_TRUE(std::isfinite(losses.loss));
  EXPECT_TRUE(train_step.gradients().allFinite());
  EXPECT_EQ(losses.distinct_ids, CountDistinct(codes));
  return codes;
}

TEST(BalancedTraining, UsesEveryCodeOfABatchAlike) {
  // Three blocks. Most rows are in one cluster, so that the nearest codes are few.
  TestRandom random(5);
  Matrix data = RandomMatrix(random, 700, 20, 0.3);
  data.topRows(100) += RandomMatrix(random, 100, 20, 2);
  const MatrixRows rows(data);
  ModelConfig config = SmallConfig(20);
  for (const bool balanced : {true, false}) {
    config.sinkhorn_epsilon = balanced ? std::vector<double>{0.003, 0.003, 0.003} : std::vector<double>{};
    config.sinkhorn_iterations = 300;
    Model model(config);
    InitializeJob initialize(&model, &rows);
    RunToEnd(initialize);
    TrainStep train_step(&model);
    const CodeMatrix codes = CodesOfStep(train_step, model, data, 3);
    for (Index l = 0; l < 3; ++l) {
      std::vector<Index> counts(16);
      for (Index i = 0; i < 700; ++i) ++counts[codes(i, l)];
      const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
      if (balanced) {
        EXPECT_GE(*least, 30) << "level " << l;  // 700 / 16 = 43.75
        EXPECT_LE(*most, 60) << "level " << l;
      } else {
        EXPECT_GT(*most, 100) << "level " << l << ": nothing to balance";
      }
    }
    // The gradients and losses are those of these codes: the same step from the plan's own numbers.
    const Vector gradients = train_step.gradients();
    EXPECT_TRUE(SameBits(CodesOfStep(train_step, model, data, 3), codes)) << "a step may be repeated";
    EXPECT_TRUE(SameBits(train_step.gradients(), gradients));
    EXPECT_FALSE(SameBits(CodesOfStep(train_step, model, data, 4), codes)) << "another step has other noise";
  }
}

// IDs, evaluation and what is saved know nothing of it.
TEST(BalancedTraining, EncodesTheNearestCodes) {
  const Matrix data = Catalogue(400, 20);
  const MatrixRows rows(data);
  ModelConfig config = SmallConfig(20);
  Model plain(config);
  config.sinkhorn_epsilon = {0.003, 0.003, 0.003};
  Model balanced(config);
  CodeMatrix codes[2] = {CodeMatrix(400, 3), CodeMatrix(400, 3)};
  int at = 0;
  for (Model* model : {&plain, &balanced}) {
    InitializeJob initialize(model, &rows);
    RunToEnd(initialize);
    model->Encode(data, codes[at++], nullptr);
  }
  EXPECT_TRUE(SameBits(codes[0], codes[1]));
  EXPECT_EQ(Evaluate(plain, data).loss, Evaluate(balanced, data).loss);
  EXPECT_EQ(Fingerprint(plain), Fingerprint(balanced));
}

TEST(BalancedTraining, TrainsInBatchesOfSeveralBlocks) {
  const Matrix data = Catalogue(1500, 20);
  ModelConfig config = SmallConfig(20);
  for (const std::vector<double>& epsilon : {std::vector<double>{}, {0.003, 0.003, 0.003}, {0, 0, 0.003}}) {
    config.sinkhorn_epsilon = epsilon;
    TrainConfig train = ShortTraining();
    train.batch_size = 700;  // 700, 700, 100
    train.epochs = 15;
    const FinishedRun run(config, data, train);
    EXPECT_EQ(run.job.step(), 45);
    EXPECT_TRUE(run.model.store().values().allFinite());
    for (const EpochRecord& record : run.job.history()) {
      EXPECT_TRUE(std::isfinite(record.losses.loss));
      // Every batch has its own 1/16 of each code: none is dead.
      if (!epsilon.empty()) EXPECT_EQ(record.dead_codes[2], 0);
    }
    EXPECT_LT(run.job.history().back().losses.reconstruction, run.job.history().front().losses.reconstruction);
  }
}

// -- Averages.

TEST(EmaTraining, ReducesTheQuantisationErrorAndMovesCodebooksOnlyByAverages) {
  const Matrix data = Catalogue(800, 20);
  const MatrixRows rows(data);
  ModelConfig config = SmallConfig(20);
  config.codebook_gradient = CodebookGradient::kQuantization;
  config.codebook_update = CodebookUpdate::kEma;
  config.ema_decay = 0.9;
  config.codebook_kmeans_init = false;  // random codes: much to gain
  config.codebook_sizes = {8, 8, 8};
  config.input_noise = 0;
  Model model(config);
  InitializeJob initialize(&model, &rows, false);
  RunToEnd(initialize);
  const Losses before = Evaluate(model, data);
  TrainConfig train = ShortTraining();
  train.epochs = 30;
  train.optimizer.encoder_learning_rate_scale = 0;  // the codebooks alone
  train.optimizer.decoder_learning_rate_scale = 0;
  train.optimizer.codebook_learning_rate_scale = 100;  // of which averages know nothing
  TrainJob job(&model, &rows, train);
  RunToEnd(job);
  EXPECT_LT(Evaluate(model, data).quantization_error.back(), 0.7 * before.quantization_error.back());
  EXPECT_LT(job.history().back().losses.quantization_error[0], job.history().front().losses.quantization_error[0]);
  // Counts are averages of a batch's items.
  const Matrix counts = model.store().value(model.store().Find("quantization_layers.0.cluster_size"));
  EXPECT_NEAR(counts.sum(), 800.0 / 3, 40);
}

// -- Applying a step.

struct StepOf {
  StepOf(const ModelConfig& config, const OptimizerConfig& optimizer_config)
      : data(Catalogue(300, 20)), model(config), optimizer(optimizer_config, model.store()) {
    const MatrixRows rows(data);
    InitializeJob initialize(&model, &rows);
    RunToEnd(initialize);
  }
  Losses Gradients() { return train_step.Run(data, 0); }
  Matrix data;
  Model model;
  TrainStep train_step{&model};
  Optimizer optimizer;
};

ModelConfig SmallEma() {
  ModelConfig config = SmallConfig(20);
  config.codebook_gradient = CodebookGradient::kQuantization;
  config.codebook_update = CodebookUpdate::kEma;
  return config;
}

// Adam for the networks, averages for the codebooks; each touches its own only.
TEST(ApplyStep, WithAveragesBothMove) {
  StepOf step(SmallEma(), {}), twin(SmallEma(), {});
  for (int i = 0; i < 3; ++i) {
    step.train_step.Apply(step.optimizer, step.Gradients(), 0.5, "");
    twin.Gradients();
    const Vector start = twin.model.store().values();
    twin.optimizer.Step(twin.model.store(), twin.train_step.gradients(), 0.5);
    for (Index handle = 0; handle < twin.model.store().count(); ++handle) {
      const Parameter& p = twin.model.store().parameter(handle);
      const bool network = p.group == ParameterGroup::kEncoder || p.group == ParameterGroup::kDecoder;
      const Vector now = twin.model.store().values().segment(p.offset, p.size), then = start.segment(p.offset, p.size);
      if (!network) EXPECT_TRUE(SameBits(now, then)) << p.name << " is not Adam's";
      if (network) EXPECT_TRUE(SameBits(now, Vector(step.model.store().values().segment(p.offset, p.size)))) << p.name;
    }
    const Vector after_adam = twin.model.store().values();
    twin.model.quantizer().UpdateAverages(twin.model.store(), twin.train_step.codebook_gradients());
    twin.model.ParametersChanged();
    for (Index handle = 0; handle < twin.model.store().count(); ++handle) {
      const Parameter& p = twin.model.store().parameter(handle);
      const bool moved = p.name.find("embedding") != std::string::npos ||
                         p.name.find("cluster_size") != std::string::npos ||
                         p.name.find("embed_avg") != std::string::npos;
      EXPECT_EQ(static_cast<bool>(SameBits(twin.model.store().values().segment(p.offset, p.size),
                                           after_adam.segment(p.offset, p.size))),
                !moved)
          << p.name;
    }
    EXPECT_TRUE(SameBits(step.model.store().values(), twin.model.store().values()));
  }
  // The search goes by the new codes.
  EXPECT_TRUE(SameBits(step.model.quantizer().codebook(0),
                       Matrix(step.model.store().value(step.model.quantizer().embedding(0)))));
}

TEST(ApplyStep, DivergenceRestoresTheAveragesToo) {
  for (const bool by_loss : {true, false}) {
    OptimizerConfig config;
    config.kind = OptimizerKind::kSgd;
    StepOf step(SmallEma(), config);
    step.train_step.Apply(step.optimizer, step.Gradients(), 1, "");
    const Vector before = step.model.store().values();
    const Losses evaluated = Evaluate(step.model, step.data);
    const uint64_t fingerprint = Fingerprint(step.model);
    Losses losses = step.Gradients();
    // The averages move before a weight is found that is not finite.
    if (by_loss) losses.loss = std::numeric_limits<double>::quiet_NaN();
    try {
      step.train_step.Apply(step.optimizer, losses, by_loss ? 1 : 1e300, "here");
      FAIL() << "it went well";
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kDiverged);
      EXPECT_EQ(std::string(e.what()).find("here"), 0u);
    }
    EXPECT_TRUE(SameBits(step.model.store().values(), before));
    EXPECT_EQ(Evaluate(step.model, step.data).loss, evaluated.loss) << "the search still has the step's codes";
    EXPECT_EQ(Fingerprint(step.model), fingerprint);
  }
}

// -- Every option once.

struct Option {
  const char* name;
  void (*set)(ModelConfig&, TrainConfig&);
  void (*prepare)(ModelConfig&) = nullptr;  // what the model without the option has too
};

std::ostream& operator<<(std::ostream& out, const Option& option) { return out << option.name; }

const Option kOptions[] = {
    {"LayerNorm", [](ModelConfig& m, TrainConfig&) { m.layer_norm = true; }},
    {"Cosine", [](ModelConfig& m, TrainConfig&) { m.reconstruction = Reconstruction::kCosine; }},
    // Not from residual k-means in a PCA space, which is near the best: there is more to learn.
    {"Rotation", [](ModelConfig& m, TrainConfig&) { m.gradient_estimator = GradientEstimator::kRotation; },
     [](ModelConfig& m) { m.linear_skip = LinearSkip::kNone; }},
    {"RotationQuantization", [](ModelConfig& m, TrainConfig&) { m.gradient_estimator = GradientEstimator::kRotation; },
     [](ModelConfig& m) {
       m.linear_skip = LinearSkip::kNone;
       m.codebook_gradient = CodebookGradient::kQuantization;
     }},
    {"CodebookWeight", [](ModelConfig& m, TrainConfig&) { m.codebook_weight = 0.5; }},
    {"SimVq", [](ModelConfig& m, TrainConfig&) { m.codebook_sim_vq = true; }},
    {"SimVqRandom", [](ModelConfig& m, TrainConfig&) { m.codebook_sim_vq = true; },
     [](ModelConfig& m) { m.codebook_kmeans_init = false; }},
    {"Ema", [](ModelConfig& m, TrainConfig&) { m.codebook_update = CodebookUpdate::kEma; },
     [](ModelConfig& m) { m.codebook_gradient = CodebookGradient::kQuantization; }},
    {"Sinkhorn", [](ModelConfig& m, TrainConfig&) { m.sinkhorn_epsilon = {0.003, 0.003}; }},
    {"SinkhornLastLevel", [](ModelConfig& m, TrainConfig&) { m.sinkhorn_epsilon = {0, 0.01}; }},
    {"Beam", [](ModelConfig& m, TrainConfig&) { m.encode_beam = 4; }},
    {"NoSkip", [](ModelConfig& m, TrainConfig&) { m.linear_skip = LinearSkip::kNone; }},
    {"Identity",
     [](ModelConfig& m, TrainConfig&) {
       m.linear_skip = LinearSkip::kIdentity;
       m.latent_dim = m.input_dim;
     }},
    {"NoHiddenLayers", [](ModelConfig& m, TrainConfig&) { m.hidden_dims = {}; },
     [](ModelConfig& m) { m.codebook_kmeans_init = false; }},
    {"NoHiddenLayersNoSkip", [](ModelConfig& m, TrainConfig&) { m.hidden_dims = {}; },
     [](ModelConfig& m) { m.linear_skip = LinearSkip::kNone; }},
    {"Center", [](ModelConfig& m, TrainConfig&) { m.input_scaling = InputScaling::kCenter; }},
    {"PerDimension", [](ModelConfig& m, TrainConfig&) { m.input_scaling = InputScaling::kPerDimension; }},
    {"L2", [](ModelConfig& m, TrainConfig&) { m.input_scaling = InputScaling::kL2; }},
    {"Noise", [](ModelConfig& m, TrainConfig&) { m.input_noise = 0.1; }},
    {"Clip", [](ModelConfig&, TrainConfig& t) { t.optimizer.gradient_clip = 0.5; }},
    {"CosineSchedule",
     [](ModelConfig&, TrainConfig& t) {
       t.schedule = Schedule::kCosine;
       t.warmup = 0.1;
     }},
    {"LinearSchedule", [](ModelConfig&, TrainConfig& t) { t.schedule = Schedule::kLinear; }},
    {"RatesOfGroups",
     [](ModelConfig&, TrainConfig& t) {
       t.optimizer.encoder_learning_rate_scale = 0.5;
       t.optimizer.decoder_learning_rate_scale = 2;
       t.optimizer.codebook_learning_rate_scale = 5;
     }},
    {"AdamW",
     [](ModelConfig&, TrainConfig& t) {
       t.optimizer.kind = OptimizerKind::kAdamW;
       t.optimizer.weight_decay = 0.01;
     }},
    {"Adagrad",
     [](ModelConfig&, TrainConfig& t) {
       t.optimizer.kind = OptimizerKind::kAdagrad;
       t.optimizer.learning_rate = 5e-3;
       t.optimizer.epsilon = 1e-10;
     }},
    {"Momentum",
     [](ModelConfig&, TrainConfig& t) {
       t.optimizer.kind = OptimizerKind::kSgd;
       t.optimizer.momentum = 0.9;
     }},
    {"DeadCodeRestart", [](ModelConfig&, TrainConfig& t) { t.dead_code_restart = true; },
     [](ModelConfig& m) {
       m.codebook_kmeans_init = false;
       m.codebook_sizes = {40, 40};
     }},
    {"Validation",
     [](ModelConfig&, TrainConfig& t) {
       t.validation_share = 0.2;
       t.select = Selection::kLoss;
       t.patience = 50;
     }},
    {"SelectCollision", [](ModelConfig&, TrainConfig& t) { t.select = Selection::kCollision; }},
    {"ResidualNoise", [](ModelConfig&, TrainConfig& t) { t.residual_noise = 0.5; }},
    {"Separation", [](ModelConfig&, TrainConfig& t) { t.separation_weight = 0.5; },
     [](ModelConfig& m) { m.codebook_sizes = {16, 16}; }},  // so that there are free IDs
    {"Together",
     [](ModelConfig& m, TrainConfig& t) {
       m.layer_norm = true;
       m.gradient_estimator = GradientEstimator::kRotation;
       m.sinkhorn_epsilon = {0.003, 0.003};
       m.encode_beam = 3;
       m.input_noise = 0.1;
       m.input_scaling = InputScaling::kPerDimension;
       t.dead_code_restart = true;
       t.validation_share = 0.1;
       t.select = Selection::kLoss;
       t.optimizer.gradient_clip = 1;
       t.schedule = Schedule::kCosine;
     }},
};

class OptionTest : public ::testing::TestWithParam<Option> {};

TEST_P(OptionTest, Trains) {
  ModelConfig plain_model;
  plain_model.input_dim = 10;
  plain_model.latent_dim = 6;
  plain_model.hidden_dims = {12};
  plain_model.codebook_sizes = {8, 4};
  TrainConfig plain = ShortTraining();
  plain.epochs = 40;
  plain.batch_size = 100;
  if (GetParam().prepare != nullptr) GetParam().prepare(plain_model);
  ModelConfig model_config = plain_model;
  TrainConfig config = plain;
  GetParam().set(model_config, config);
  const Matrix data = Catalogue(300, 10);
  const FinishedRun run(model_config, data, config);
  ASSERT_EQ(run.job.history().size(), 40u);
  for (const EpochRecord& record : run.job.history()) {
    EXPECT_TRUE(std::isfinite(record.losses.loss));
    EXPECT_TRUE(std::isfinite(record.losses.latent_energy));
    for (const double error : record.losses.quantization_error) EXPECT_TRUE(std::isfinite(error));
    ASSERT_TRUE(record.evaluation.has_value());
    EXPECT_GT(record.evaluation->ids.distinct_ids, 1);
  }
  double least = std::numeric_limits<double>::infinity();
  for (const EpochRecord& record : run.job.history()) least = std::min(least, record.losses.reconstruction);
  EXPECT_LT(least, 0.98 * run.job.history().front().losses.reconstruction);
  EXPECT_TRUE(run.model.store().values().allFinite());
  // The same bits once more.
  const FinishedRun again(model_config, data, config);
  EXPECT_TRUE(SameBits(run.model.store().values(), again.model.store().values()));
  // And not those of the model without the option, where it is one of training.
  const FinishedRun without(plain_model, data, plain);
  const double loss = run.job.history().back().losses.loss, other = without.job.history().back().losses.loss;
  const std::string name = GetParam().name;
  if (name == "SelectCollision") {
    EXPECT_EQ(loss, other);
  } else {
    EXPECT_NE(loss, other) << "the option changes nothing";
  }
}

INSTANTIATE_TEST_SUITE_P(Options, OptionTest, ::testing::ValuesIn(kOptions),
                         [](const auto& info) { return std::string(info.param.name); });

// The embedding of SimVQ is fixed; its projection learns.
TEST(SimVqTraining, MovesTheProjectionOnly) {
  const Matrix data = Catalogue(300, 20);
  const MatrixRows rows(data);
  ModelConfig config = SmallConfig(20);
  config.codebook_sim_vq = true;
  Model model(config);
  InitializeJob initialize(&model, &rows);
  RunToEnd(initialize);
  const Vector before = model.store().values();
  TrainConfig train = ShortTraining();
  train.optimizer.gradient_clip = 1;  // which scales the frozen gradients too
  train.optimizer.weight_decay = 0.1;
  TrainJob job(&model, &rows, train);
  RunToEnd(job);
  for (Index handle = 0; handle < model.store().count(); ++handle) {
    const Parameter& p = model.store().parameter(handle);
    const bool fixed = p.name.find("embedding") != std::string::npos || p.group == ParameterGroup::kInput;
    EXPECT_EQ(
        static_cast<bool>(SameBits(model.store().values().segment(p.offset, p.size), before.segment(p.offset, p.size))),
        fixed)
        << p.name;
  }
}

}  // namespace
}  // namespace rqvae
