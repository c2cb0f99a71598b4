// Codebooks that are fitted together with the search, against the same by dense algebra and by enumeration.
#include "codebook_refinement.h"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "error.h"
#include "initializer.h"
#include "parallel.h"
#include "test_data.h"
#include "train_job.h"
#include "training_data.h"
#include "whole_block.h"

namespace rqvae {
namespace {

ModelConfig Config(std::vector<Index> codebook_sizes, Index beam) {
  ModelConfig config = SmallConfig(6);
  config.latent_dim = 6;
  config.codebook_sizes = std::move(codebook_sizes);
  config.encode_beam = beam;
  config.codebook_refine = true;
  return config;
}

// Codebooks that fit the latents somewhat: random rows of them, ever smaller.
void SetCodebooks(Model& model, const Matrix& latents) {
  TestRandom random(11);
  for (Index l = 0; l < model.config().levels(); ++l) {
    Matrix codebook(model.config().codebook_sizes[static_cast<size_t>(l)], latents.cols());
    for (Index k = 0; k < codebook.rows(); ++k) {
      codebook.row(k) = latents.row(random.Below(latents.rows())) / static_cast<float>(1 << l);
    }
    model.ReplaceCodebook(l, codebook);
  }
}

CodeMatrix Codes(const Model& model, const Matrix& latents) {
  CodeMatrix codes(latents.rows(), model.config().levels());
  model.quantizer().Encode(latents, codes, nullptr);
  return codes;
}

Matrix Codebook(const Model& model, Index level) { return model.store().value(model.quantizer().embedding(level)); }

double ErrorOf(const Model& model, const Matrix& latents, const CodeMatrix& codes) {
  double sum = 0;
  for (Index i = 0; i < latents.rows(); ++i) {
    Eigen::RowVectorXd left = latents.row(i).cast<double>();
    for (Index l = 0; l < codes.cols(); ++l) left -= Codebook(model, l).row(codes(i, l)).cast<double>();
    sum += left.squaredNorm();
  }
  return sum;
}

// One level by the normal equations, with a row of zeros and a one for each row's code.
Matrix BestCodebook(const Model& model, const Matrix& latents, const CodeMatrix& codes, Index level, double hold) {
  const Index n = latents.rows(), k = model.config().codebook_sizes[static_cast<size_t>(level)];
  Eigen::MatrixXd chosen = Eigen::MatrixXd::Zero(n, k), target = latents.cast<double>();
  for (Index i = 0; i < n; ++i) {
    chosen(i, codes(i, level)) = 1;
    for (Index l = 0; l < codes.cols(); ++l) {
      if (l != level) target.row(i) -= Codebook(model, l).row(codes(i, l)).cast<double>();
    }
  }
  const Eigen::MatrixXd present = Codebook(model, level).cast<double>();
  const Eigen::MatrixXd normal = chosen.transpose() * chosen + hold * Eigen::MatrixXd::Identity(k, k);
  return normal.ldlt().solve(chosen.transpose() * target + hold * present).cast<float>();
}

TEST(CodebookRefinement, IsLeastSquaresLevelByLevel) {
  const Matrix latents = Catalogue(700, 6);
  for (const Index beam : {1, 4}) {
    Model model(Config({12, 9, 30}, beam)), naive(model.config());
    SetCodebooks(model, latents);
    SetCodebooks(naive, latents);
    CodebookRefinement job(&model, &latents);
    RunToEnd(job);
    EXPECT_FALSE(job.Advance());
    for (Index pass = 0; pass < CodebookRefinement::kPasses; ++pass) {
      const CodeMatrix codes = Codes(naive, latents);
      for (Index sweep = 0; sweep < CodebookRefinement::kSweeps; ++sweep) {
        for (Index l = 0; l < 3; ++l) naive.ReplaceCodebook(l, BestCodebook(naive, latents, codes, l, 2));
      }
    }
    for (Index l = 0; l < 3; ++l) {
      EXPECT_TRUE(Close(Codebook(model, l), Codebook(naive, l), 1e-5)) << l;
      EXPECT_TRUE(SameBits(model.quantizer().codebook(l), Codebook(model, l))) << "the search has not heard of it";
    }
  }
}

TEST(CodebookRefinement, NoMoveRaisesTheError) {
  const Matrix latents = Catalogue(600, 6);
  Model model(Config({10, 10, 10}, 4));
  SetCodebooks(model, latents);
  const double start = ErrorOf(model, latents, Codes(model, latents));
  CodebookRefinement job(&model, &latents);
  CodeMatrix codes = Codes(model, latents);
  double error = start, progress = 0;
  int moves = 0, passes = 0;
  Vector before = model.store().values();
  while (job.Advance()) {
    EXPECT_GE(job.progress(), progress);
    if (static_cast<int>(3 * job.progress()) > static_cast<int>(3 * progress) && ++passes < 3) {
      const CodeMatrix next = Codes(model, latents);
      EXPECT_LT(ErrorOf(model, latents, codes), start);
      codes = next;
      error = ErrorOf(model, latents, codes);
      before = model.store().values();
    }
    progress = job.progress();
    if (SameBits(before, model.store().values())) continue;
    ++moves;
    const double after = ErrorOf(model, latents, codes);
    EXPECT_LE(after, error * (1 + 1e-6));
    error = after;
    before = model.store().values();
  }
  EXPECT_GE(moves, 14) << "three levels, twice, in three passes, less what the next pass hides";
  EXPECT_LT(ErrorOf(model, latents, Codes(model, latents)), 0.9 * start);
}

TEST(CodebookRefinement, ACodeWithoutRowsStays) {
  const Matrix latents = Catalogue(300, 6);
  Model model(Config({4, 4}, 2));
  SetCodebooks(model, latents);
  Matrix codebook = Codebook(model, 1);
  codebook.row(2).setConstant(1000);
  model.ReplaceCodebook(1, codebook);
  CodebookRefinement job(&model, &latents);
  RunToEnd(job);
  EXPECT_TRUE(SameBits(Codebook(model, 1).row(2), codebook.row(2)));
}

TEST(CandidateCounts, MakeSeventyRowsACode) {
  EXPECT_EQ(CandidateCounts(Config({256, 64, 1024}, 8), 4000), (std::vector<Index>{4, 1, 8}));
  EXPECT_EQ(CandidateCounts(Config({256, 64, 1024}, 2), 4000), (std::vector<Index>{2, 1, 2}));
  EXPECT_EQ(CandidateCounts(Config({256}, 1), 4000), (std::vector<Index>{1}));
  EXPECT_EQ(CandidateCounts(Config({300}, 8), 14000), (std::vector<Index>{2})) << "a half is rounded up";
  EXPECT_EQ(CandidateCounts(Config({16}, 8), 1), (std::vector<Index>{8}));
}

TEST(CandidateResiduals, AreThoseOfTheBestBeginnings) {
  const Matrix latents = Catalogue(300, 6);
  Model model(Config({4, 5, 3}, 8));
  SetCodebooks(model, latents);
  constexpr Index kCount = 7;  // more than the first level has: the search of two levels leaves nothing out
  Matrix residuals;
  CandidateResiduals job(model, &latents, 2, kCount, 1 << 20, &residuals);
  RunToEnd(job);
  ASSERT_EQ(residuals.rows(), kCount * 300);
  for (Index i = 0; i < 300; ++i) {
    std::vector<std::pair<double, Matrix>> all;
    for (Index a = 0; a < 4; ++a) {
      for (Index b = 0; b < 5; ++b) {
        const Matrix left = latents.row(i) - Codebook(model, 0).row(a) - Codebook(model, 1).row(b);
        all.emplace_back(left.cast<double>().squaredNorm(), left);
      }
    }
    std::stable_sort(all.begin(), all.end(), [](const auto& x, const auto& y) { return x.first < y.first; });
    for (Index rank = 0; rank < kCount; ++rank) {
      const double length = residuals.row(rank * 300 + i).cast<double>().squaredNorm();
      const double error = all[static_cast<size_t>(rank)].first, furthest = 2 * all[0].first;
      if (std::abs(error - furthest) < 1e-4 * (1 + furthest)) continue;  // either
      EXPECT_NEAR(length, error > furthest ? all[0].first : error, 1e-4 * (1 + length)) << i << ", " << rank;
    }
    EXPECT_TRUE(Close(Matrix(residuals.row(i)), all[0].second, 1e-5)) << i;
  }
}

TEST(CandidateResiduals, TakeTheBestRanksWhereNotAllFit) {
  const Matrix latents = Catalogue(100, 6);
  Model model(Config({4, 5, 3}, 8));
  SetCodebooks(model, latents);
  Matrix all, some, least, few;
  auto find = [&](Index levels, Index count, Index most, Matrix& residuals) {
    CandidateResiduals job(model, &latents, levels, count, most, &residuals);
    RunToEnd(job);
    EXPECT_EQ(residuals.rows(), CandidateResiduals::Rows({4, 5, 3}, 100, levels, count, most));
  };
  find(2, 3, 1000, all);
  find(2, 3, 150, some);
  find(2, 3, 10, least);
  ASSERT_EQ(all.rows(), 300);
  ASSERT_EQ(some.rows(), 150);
  EXPECT_TRUE(SameBits(some.topRows(100), all.topRows(100)));
  for (Index i = 0; i < 50; ++i) EXPECT_TRUE(SameBits(some.row(100 + i), all.row(100 + 2 * i + 1))) << i;
  EXPECT_TRUE(SameBits(least, all.topRows(100))) << "one of each row at least";
  find(1, 8, 1000, few);
  EXPECT_EQ(few.rows(), 400) << "there are no more beginnings than codes";
}

// -- As a part of the initialisation.

struct Fitted {
  Fitted(const ModelConfig& config, const Matrix& data) : model(config) {
    const MatrixRows rows(data);
    InitializeJob job(&model, &rows);
    double progress = 0;
    while (job.Advance()) {
      EXPECT_GE(job.progress(), progress);
      progress = job.progress();
      EXPECT_LE(progress, 1);
    }
    inertia = job.inertia();
  }
  double Loss(const Matrix& data) const {
    Matrix latents(data.rows(), model.config().latent_dim);
    model.Latents(data, latents);
    CodeMatrix codes(data.rows(), model.config().levels());
    model.quantizer().Encode(latents, codes, nullptr);
    return ErrorOf(model, latents, codes);
  }
  Model model;
  std::vector<double> inertia;
};

ModelConfig Without(ModelConfig config) {
  config.codebook_refine = false;
  return config;
}

TEST(RefinedInitialization, DescribesItemsBetter) {
  TestRandom random(2);
  for (const Index codes : {8, 48}) {  // enough rows a code, and few
    Matrix data = RandomMatrix(random, 1400, 16);
    for (Index j = 0; j < 16; ++j) data.col(j) /= static_cast<float>(1 + j);
    const Matrix seen = data.topRows(700), unseen = data.bottomRows(700);
    for (const LinearSkip skip : {LinearSkip::kPca, LinearSkip::kIdentity, LinearSkip::kNone}) {
      ModelConfig config = Config({codes, codes, codes}, 4);
      config.input_dim = config.latent_dim = 16;
      config.linear_skip = skip;
      const Fitted plain(Without(config), seen), refined(config, seen);
      // k-means++ takes outliers for codes: that pays among the rows that it saw, and among no others.
      if (codes == 8) EXPECT_LT(refined.Loss(seen), plain.Loss(seen)) << codes << ", " << static_cast<int>(skip);
      EXPECT_LT(refined.Loss(unseen), plain.Loss(unseen)) << codes << ", " << static_cast<int>(skip);
      EXPECT_EQ(refined.inertia.size(), 3u);
    }
  }
}

// Tight clusters, of which k-means++ finds each: what it gives is not lost.
TEST(RefinedInitialization, IsNoWorseForClusters) {
  const Matrix data = Catalogue(900, 6), seen = data.topRows(600), unseen = data.bottomRows(300);
  const ModelConfig config = Config({16, 16, 16}, 8);
  const Fitted plain(Without(config), seen), refined(config, seen);
  EXPECT_LT(refined.Loss(unseen), 1.05 * plain.Loss(unseen));
}

TEST(RefinedInitialization, ThreadsChangeNothing) {
  const Matrix data = Catalogue(900, 6);
  for (const Index codes : {8, 48}) {
    const ModelConfig config = Config({codes, codes + 1}, 4);
    const Vector one = Fitted(config, data).model.store().values();
    SetThreads(3);
    const Vector three = Fitted(config, data).model.store().values();
    SetThreads(1);
    EXPECT_TRUE(SameBits(one, three)) << codes;
  }
}

TEST(RefinedInitialization, HandlesFewAndEqualItems) {
  for (const Index n : {1, 2, 15, 16, 17, 60}) {
    for (const bool equal : {false, true}) {
      Matrix data = Catalogue(n, 6);
      if (equal) data.rowwise() = data.row(0).eval();
      for (const std::vector<Index>& sizes : {std::vector<Index>{16, 16, 16}, {1, 1}, {2, 300}, {5}}) {
        const Fitted fitted(Config(sizes, 4), data);
        EXPECT_TRUE(fitted.model.store().values().allFinite());
        if (equal) EXPECT_LT(fitted.Loss(data), 1e-6 * static_cast<double>(n));
      }
    }
  }
}

TEST(RefinedInitialization, RefitsATrainedModel) {
  const Matrix data = Catalogue(500, 6);
  const MatrixRows rows(data);
  for (const Index codes : {8, 48}) {
    Model model(Config({codes, codes}, 4));
    TrainConfig train = ShortTraining();
    TrainJob job(&model, &rows, train);
    RunToEnd(job);
    const Matrix skip = model.store().value(model.encoder().skip_weight());
    InitializeJob again(&model, &rows);
    RunToEnd(again);
    EXPECT_TRUE(SameBits(skip, Matrix(model.store().value(model.encoder().skip_weight()))));
  }
}

TEST(RefinedInitialization, GoesWithNeitherSimVqNorHopwise) {
  ModelConfig config = Config({8}, 1);
  config.codebook_sim_vq = true;
  EXPECT_THROW(Validated(config), Error);
  config = Config({8}, 1);
  config.input_scaling = InputScaling::kNone;
  config.linear_skip = LinearSkip::kNone;
  config.codebook_gradient = CodebookGradient::kQuantization;
  config.compat = Compat::kHopwise;
  EXPECT_THROW(Validated(config), Error);
  config.codebook_refine = false;
  EXPECT_NO_THROW(Validated(config));
}

}  // namespace
}  // namespace rqvae
