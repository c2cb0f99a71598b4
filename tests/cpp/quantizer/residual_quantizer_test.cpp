// The residual quantiser's options beside the plain gradients (gradient_test): averages, rotation, SimVQ, balanced
// assignment, and what is set from outside.
#include "residual_quantizer.h"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "beam_search.h"
#include "sinkhorn.h"
#include "test_data.h"
#include "whole_block.h"

namespace rqvae {
namespace {

struct Quantizer {
  explicit Quantizer(const ModelConfig& c) : config(c), quantizer(store, c) {
    store.Allocate();
    quantizer.Allocate();
    quantizer.Initialize(store, 0);
    quantizer.Prepare(store);
  }
  // Codes at the scale of N(0, 1) rows, finer at every level.
  void Draw(uint64_t seed) {
    TestRandom random(seed);
    double scale = 1;
    for (Index l = 0; l < quantizer.levels(); ++l) {
      const auto embedding = store.value(quantizer.embedding(l));
      quantizer.SetCodebook(store, l, RandomMatrix(random, embedding.rows(), embedding.cols(), scale));
      scale *= 0.7;
    }
    quantizer.Prepare(store);
  }
  MatrixMap Value(const std::string& name) {
    const Index handle = store.Find(name);
    EXPECT_GE(handle, 0) << name;
    return store.value(handle);
  }
  MatrixMap Level(Index level, const char* name) {
    return Value("quantization_layers." + std::to_string(level) + "." + name);
  }

  ModelConfig config;
  StoreWithGradients store;
  QuantizerWithGradients quantizer;
};

ModelConfig Config(std::vector<Index> sizes, Index d = 5) {
  ModelConfig config;
  config.input_dim = 9;
  config.latent_dim = d;
  config.codebook_sizes = std::move(sizes);
  config.codebook_gradient = CodebookGradient::kQuantization;
  return config;
}

ModelConfig EmaConfig(double decay, std::vector<Index> sizes) {
  ModelConfig config = Config(std::move(sizes));
  config.codebook_update = CodebookUpdate::kEma;
  config.ema_decay = decay;
  return config;
}

// -- Averages (van den Oord et al. 2017, A.1).

// N and m of every level, in double.
struct NaiveAverages {
  explicit NaiveAverages(Quantizer& q) {
    for (Index l = 0; l < q.quantizer.levels(); ++l) {
      codes.push_back(q.Level(l, "embedding.weight").cast<double>());
      sums.push_back(codes.back());
      counts.push_back(Eigen::VectorXd::Ones(codes.back().rows()));
    }
  }
  void Step(double decay, const Eigen::MatrixXd& z, const CodeMatrix& chosen) {
    Eigen::MatrixXd r = z;
    for (size_t l = 0; l < codes.size(); ++l) {
      Eigen::VectorXd n = Eigen::VectorXd::Zero(counts[l].size());
      Eigen::MatrixXd s = Eigen::MatrixXd::Zero(codes[l].rows(), codes[l].cols());
      for (Index i = 0; i < r.rows(); ++i) {
        const uint32_t code = chosen(i, static_cast<Index>(l));
        n[code] += 1;
        s.row(code) += r.row(i);
        r.row(i) -= codes[l].row(code);
      }
      counts[l] = decay * counts[l] + (1 - decay) * n;
      sums[l] = decay * sums[l] + (1 - decay) * s;
      const double total = counts[l].sum(), k = static_cast<double>(counts[l].size());
      for (Index c = 0; c < counts[l].size(); ++c) {
        codes[l].row(c) = sums[l].row(c) / ((counts[l][c] + 1e-5) / (total + k * 1e-5) * total);
      }
    }
  }
  std::vector<Eigen::MatrixXd> codes, sums;
  std::vector<Eigen::VectorXd> counts;
};

// One step over the rows of z, in blocks; the codes that were chosen.
CodeMatrix EmaStep(Quantizer& q, const Matrix& z) {
  q.quantizer.ZeroGradients();
  CodeMatrix codes(z.rows(), q.quantizer.levels());
  for (Index first = 0; first < z.rows(); first += kRowBlock) {
    const Index n = std::min(kRowBlock, z.rows() - first);
    ResidualQuantizer::Tape tape;
    Matrix quantized(n, z.cols()), dz(n, z.cols());
    Forward(q.quantizer, z.middleRows(first, n), nullptr, tape, quantized);
    Backward(q.quantizer, tape, quantized, Matrix::Zero(n, z.cols()), 1.0f / static_cast<float>(z.rows()), dz);
    codes.middleRows(first, n) = tape.codes;
  }
  q.store.ZeroGradients();
  q.quantizer.FinishBackward(q.store);
  EXPECT_EQ(q.store.gradients().cwiseAbs().maxCoeff(), 0) << "averages are no gradients";
  q.quantizer.UpdateAverages(q.store);
  q.quantizer.Prepare(q.store);
  return codes;
}

TEST(UpdateAverages, IsTheFormulaOverManySteps) {
  for (const double decay : {0.99, 0.5, 0.0}) {
    Quantizer q(EmaConfig(decay, {6, 30}));
    q.Draw(1);
    NaiveAverages naive(q);
    TestRandom random(2);
    for (int step = 0; step < 12; ++step) {
      // Batches of several sizes, more than a block too; some codes are chosen by nobody.
      const Matrix z = RandomMatrix(random, step % 3 == 0 ? 300 : 17, 5);
      const CodeMatrix codes = EmaStep(q, z);
      naive.Step(decay, z.cast<double>(), codes);
      for (Index l = 0; l < 2; ++l) {
        const auto i = static_cast<size_t>(l);
        ASSERT_TRUE(Close(q.Level(l, "cluster_size"), naive.counts[i], 1e-5)) << "level " << l << ", step " << step;
        ASSERT_TRUE(Close(q.Level(l, "embed_avg"), naive.sums[i], 1e-5)) << "level " << l << ", step " << step;
        ASSERT_TRUE(Close(q.Level(l, "embedding.weight"), naive.codes[i], 1e-4)) << "level " << l << ", step " << step;
        // The next step's codes are chosen with the core's own codebooks: carry those on, not their rounding.
        naive.codes[i] = q.Level(l, "embedding.weight").cast<double>();
      }
    }
    EXPECT_TRUE(SameBits(q.quantizer.codebook(0), Matrix(q.Level(0, "embedding.weight"))));
  }
}

// With a decay of zero a code becomes the mean of its rows, and one that nobody chose keeps nothing: it is what Laplace
// smoothing leaves, a finite vector.
TEST(UpdateAverages, WithoutMemoryGivesTheMeans) {
  Quantizer q(EmaConfig(0, {3}));
  Matrix codebook(3, 5);
  codebook.row(0).setConstant(1);
  codebook.row(1).setConstant(-1);
  codebook.row(2).setConstant(100);
  q.quantizer.SetCodebook(q.store, 0, codebook);
  q.quantizer.Prepare(q.store);
  Matrix z(4, 5);
  z.topRows(2) = Matrix::Constant(2, 5, 1.5f);
  z(0, 0) = 0.5f;
  z.bottomRows(2) = Matrix::Constant(2, 5, -2);
  EmaStep(q, z);
  const Matrix after = q.Level(0, "embedding.weight");
  EXPECT_TRUE(Close(after.row(0), z.topRows(2).colwise().mean(), 1e-4));
  EXPECT_TRUE(Close(after.row(1), z.bottomRows(2).colwise().mean(), 1e-4));
  EXPECT_TRUE(SameBits(after.row(2), Matrix(Matrix::Zero(1, 5))));
}

TEST(UpdateAverages, MovesNothingElse) {
  ModelConfig config = Config({4, 4});
  for (const bool ema : {true, false}) {
    config.codebook_update = ema ? CodebookUpdate::kEma : CodebookUpdate::kGradient;
    StoreWithGradients store;
    const Index other = store.Add("encoder.weight", {3, 3}, ParameterGroup::kEncoder, true);
    QuantizerWithGradients quantizer(store, config);
    const Index decoder = store.Add("decoder.weight", {3, 3}, ParameterGroup::kDecoder, true);
    store.Allocate();
    quantizer.Allocate();
    quantizer.Initialize(store, 0);
    store.value(other).setConstant(2);
    store.value(decoder).setConstant(3);
    quantizer.Prepare(store);
    TestRandom random(3);
    const Matrix z = RandomMatrix(random, 20, 5);
    Matrix quantized(20, 5), dz(20, 5);
    ResidualQuantizer::Tape tape;
    Forward(quantizer, z, nullptr, tape, quantized);
    quantizer.ZeroGradients();
    Backward(quantizer, tape, quantized, Matrix::Zero(20, 5), 0.05f, dz);
    const Vector before = store.values();
    quantizer.UpdateAverages(store);
    EXPECT_EQ((store.values().array() != before.array()).any(), ema);
    EXPECT_TRUE((store.value(other).array() == 2).all());
    EXPECT_TRUE((store.value(decoder).array() == 3).all());
    for (Index l = 0; l < 2; ++l) {
      const Parameter& p = store.parameter(quantizer.embedding(l));
      EXPECT_EQ(p.trained, !ema) << "moved by one of the two only";
    }
    EXPECT_EQ(store.Find("quantization_layers.0.cluster_size") >= 0, ema);
  }
}

// The encoder's gradient is that of the plain quantiser: only the codebooks are moved otherwise.
TEST(UpdateAverages, LeavesTheLatentsGradientAsItWas) {
  Quantizer gradient(Config({6, 4})), ema(EmaConfig(0.9, {6, 4}));
  gradient.Draw(5);
  ema.Draw(5);
  TestRandom random(6);
  const Matrix z = RandomMatrix(random, 33, 5), dquantized = RandomMatrix(random, 33, 5, 0.1);
  Matrix dz[2];
  int at = 0;
  for (Quantizer* q : {&gradient, &ema}) {
    ResidualQuantizer::Tape tape;
    Matrix quantized(33, 5);
    dz[at].resize(33, 5);
    Forward(q->quantizer, z, nullptr, tape, quantized);
    q->quantizer.ZeroGradients();
    Backward(q->quantizer, tape, quantized, dquantized, 1.0f / 33, dz[at++]);
  }
  EXPECT_TRUE(SameBits(dz[0], dz[1]));
}

TEST(UpdateAverages, SetCodebooksAndCodesAreTakenUpAnew) {
  Quantizer q(EmaConfig(0.9, {4}));
  q.Draw(7);
  TestRandom random(8);
  EmaStep(q, RandomMatrix(random, 40, 5));
  // A whole codebook: N = 1, m = c again, whatever there was.
  const Matrix fresh = RandomMatrix(random, 4, 5);
  q.quantizer.SetCodebook(q.store, 0, fresh);
  q.quantizer.Prepare(q.store);
  NaiveAverages naive(q);
  Matrix z = RandomMatrix(random, 25, 5);
  naive.Step(0.9, z.cast<double>(), EmaStep(q, z));
  EXPECT_TRUE(Close(q.Level(0, "embedding.weight"), naive.codes[0], 1e-5));

  // One code: the others keep their averages.
  const Vector vector = RandomMatrix(random, 5, 1);
  q.quantizer.SetCode(q.store, 0, 2, vector);
  q.quantizer.Prepare(q.store);
  naive.counts[0][2] = 1;
  naive.sums[0].row(2) = vector.cast<double>().transpose();
  naive.codes[0] = q.Level(0, "embedding.weight").cast<double>();
  EXPECT_TRUE(SameBits(Matrix(q.quantizer.codebook(0).row(2)), Matrix(vector.transpose())));
  z = RandomMatrix(random, 25, 5);
  naive.Step(0.9, z.cast<double>(), EmaStep(q, z));
  EXPECT_TRUE(Close(q.Level(0, "embedding.weight"), naive.codes[0], 1e-5));
  EXPECT_TRUE(Close(q.Level(0, "cluster_size"), naive.counts[0], 1e-5));
}

// -- Rotation (Fifty et al. 2024).

// J of each row, by what Backward makes of each unit vector: dz = J^T e_j is row j of J.
std::vector<Eigen::MatrixXd> Jacobians(Quantizer& q, const Matrix& z, Matrix* quantized) {
  const Index n = z.rows(), d = z.cols();
  std::vector<Eigen::MatrixXd> out(static_cast<size_t>(n), Eigen::MatrixXd(d, d));
  ResidualQuantizer::Tape tape;
  quantized->resize(n, d);
  Forward(q.quantizer, z, nullptr, tape, *quantized);
  for (Index j = 0; j < d; ++j) {
    Matrix unit = Matrix::Zero(n, d), dz(n, d);
    unit.col(j).setOnes();
    q.quantizer.ZeroGradients();
    Backward(q.quantizer, tape, *quantized, unit, 1.0f, dz);
    for (Index i = 0; i < n; ++i) out[static_cast<size_t>(i)].row(j) = dz.row(i).cast<double>();
  }
  return out;
}

ModelConfig RotationConfig(std::vector<Index> sizes) {
  ModelConfig config = Config(std::move(sizes));
  config.gradient_estimator = GradientEstimator::kRotation;
  config.commitment_weight = 0;
  return config;
}

// What defines it: z goes to z^, all lengths by one factor, no mirroring, and what is orthogonal to both only scales.
TEST(RotationEstimator, IsTheRotationAndScalingFromLatentToQuantized) {
  Quantizer q(RotationConfig({6, 5, 4}));
  q.Draw(11);
  TestRandom random(12);
  for (const double scale : {1e-12, 1e-3, 1.0, 1e4}) {
    const Matrix z = RandomMatrix(random, 60, 5, scale);
    Matrix quantized;
    const auto jacobians = Jacobians(q, z, &quantized);
    for (Index i = 0; i < 60; ++i) {
      const Eigen::MatrixXd& jacobian = jacobians[static_cast<size_t>(i)];
      const Eigen::VectorXd from = z.row(i).cast<double>().transpose(),
                            to = quantized.row(i).cast<double>().transpose();
      const double lambda = to.norm() / from.norm();
      EXPECT_TRUE(Close(Eigen::VectorXd(jacobian * from), to, 1e-5)) << "row " << i << ", scale " << scale;
      EXPECT_TRUE(Close(Eigen::MatrixXd(jacobian * jacobian.transpose()),
                        Eigen::MatrixXd(lambda * lambda * Eigen::MatrixXd::Identity(5, 5)), 1e-5));
      EXPECT_NEAR(jacobian.determinant() / std::pow(lambda, 5), 1, 1e-4);
      Eigen::VectorXd other = RandomMatrix(random, 5, 1).cast<double>();
      const Eigen::VectorXd e = from.normalized();
      other -= other.dot(e) * e;
      const Eigen::VectorXd u = (to - to.dot(e) * e).normalized();
      other -= other.dot(u) * u;
      EXPECT_TRUE(Close(Eigen::VectorXd(jacobian * other), Eigen::VectorXd(lambda * other), 1e-4));
    }
  }
}

// No direction, or no rotation of least angle: straight through.
TEST(RotationEstimator, IsTheIdentityWhereItIsNotDefined) {
  Quantizer q(RotationConfig({3}));
  Matrix codebook(3, 5);
  codebook.row(0).setZero();
  codebook.row(1) << 2, 0, 0, 0, 0;
  codebook.row(2) << 0, 7, 0, 0, 0;
  q.quantizer.SetCodebook(q.store, 0, codebook);
  q.quantizer.Prepare(q.store);
  TestRandom random(13);
  const Matrix gradient = RandomMatrix(random, 4, 5);
  ResidualQuantizer::Tape tape;
  CodeMatrix codes(4, 1);
  Matrix z = Matrix::Zero(4, 5), quantized(4, 5), dz(4, 5);
  codes << 1, 0, 1, 2;
  z(1, 0) = 0.5f;  // to zero
  z(2, 0) = -3;    // to the opposite direction; row 0 is zero itself
  z(3, 0) = 1;     // a quarter turn, which is defined
  Forward(q.quantizer, z, &codes, tape, quantized);
  q.quantizer.ZeroGradients();
  Backward(q.quantizer, tape, quantized, gradient, 1.0f, dz);
  for (Index i = 0; i < 3; ++i) EXPECT_TRUE(SameBits(dz.row(i), gradient.row(i))) << i;
  // J = 7 (rotation that takes axis 0 to axis 1): J^T g turns back.
  Eigen::RowVectorXd expected = gradient.row(3).cast<double>();
  expected[0] = gradient(3, 1);
  expected[1] = -gradient(3, 0);
  EXPECT_TRUE(Close(dz.row(3), Eigen::RowVectorXd(7 * expected), 1e-5));
}

TEST(RotationEstimator, IsStraightThroughForACodeInTheSameDirection) {
  Quantizer q(RotationConfig({1}));
  q.quantizer.SetCodebook(q.store, 0, Matrix::Constant(1, 5, 0.5f));
  q.quantizer.Prepare(q.store);
  Matrix quantized;
  const auto jacobians = Jacobians(q, Matrix::Constant(1, 5, 0.25f), &quantized);
  EXPECT_TRUE(Close(jacobians[0], Eigen::MatrixXd(2 * Eigen::MatrixXd::Identity(5, 5)), 1e-6));
}

// Rotation is about the reconstruction's gradient: the commitment terms are added as they are.
TEST(RotationEstimator, LeavesTheCommitmentAlone) {
  ModelConfig config = RotationConfig({6, 5});
  config.commitment_weight = 0.4;
  Quantizer with(config);
  config.gradient_estimator = GradientEstimator::kStraightThrough;
  Quantizer without(config);
  with.Draw(14);
  without.Draw(14);
  TestRandom random(15);
  const Matrix z = RandomMatrix(random, 30, 5);
  Matrix dz[2];
  int at = 0;
  for (Quantizer* q : {&with, &without}) {
    ResidualQuantizer::Tape tape;
    Matrix quantized(30, 5);
    dz[at].resize(30, 5);
    Forward(q->quantizer, z, nullptr, tape, quantized);
    q->quantizer.ZeroGradients();
    Backward(q->quantizer, tape, quantized, Matrix::Zero(30, 5), 1.0f / 30, dz[at++]);
  }
  EXPECT_TRUE(SameBits(dz[0], dz[1]));
  EXPECT_GT(dz[0].cwiseAbs().maxCoeff(), 1e-3f);
}

// -- SimVQ (Zhu et al. 2024).

TEST(SimVq, OutsideCompatOnlyTheProjectionIsTrained) {
  for (const Compat compat : {Compat::kNone, Compat::kHopwise}) {
    ModelConfig config = Config({4, 3});
    config.codebook_sim_vq = true;
    config.compat = compat;
    Quantizer q(config);
    for (Index l = 0; l < 2; ++l) {
      EXPECT_EQ(q.store.parameter(q.quantizer.embedding(l)).trained, compat == Compat::kHopwise);
      const Index projection = q.store.Find("quantization_layers." + std::to_string(l) + ".out_proj.weight");
      ASSERT_GE(projection, 0);
      EXPECT_TRUE(q.store.parameter(projection).trained);
    }
  }
}

TEST(SimVq, StartsAtTheIdentityWhereKmeansSetsTheCodes) {
  for (const bool kmeans : {true, false}) {
    for (const Compat compat : {Compat::kNone, Compat::kHopwise}) {
      ModelConfig config = Config({8});
      config.codebook_sim_vq = true;
      config.compat = compat;
      config.codebook_kmeans_init = kmeans;
      Quantizer q(config);
      const Matrix projection = q.Level(0, "out_proj.weight");
      if (compat == Compat::kNone && kmeans) {
        EXPECT_TRUE(SameBits(projection, Matrix(Matrix::Identity(5, 5))));
        EXPECT_TRUE(Close(q.quantizer.codebook(0), Matrix(q.Level(0, "embedding.weight")), 1e-7));
      } else {
        // torch.nn.Linear's
        const double bound = 1 / std::sqrt(5.0);
        EXPECT_LE(projection.cwiseAbs().maxCoeff(), bound);
        EXPECT_GT(projection.cwiseAbs().maxCoeff(), 0.6 * bound);
        EXPECT_LT(projection.minCoeff(), -0.4 * bound);
      }
      // Centres that are set later: outside compat they are the codes, whatever the projection was.
      TestRandom random(16);
      q.Level(0, "out_proj.weight") = RandomMatrix(random, 5, 5);
      const Matrix centers = RandomMatrix(random, 8, 5);
      q.quantizer.SetCodebook(q.store, 0, centers);
      q.quantizer.Prepare(q.store);
      EXPECT_TRUE(SameBits(Matrix(q.Level(0, "embedding.weight")), centers));
      EXPECT_EQ(static_cast<bool>(SameBits(q.quantizer.codebook(0), centers)), compat == Compat::kNone);
    }
  }
}

// -- Assignment in training.

TEST(AssignBatch, WithoutEpsilonIsTheGreedySearch) {
  for (const std::vector<double>& epsilon : {std::vector<double>{}, {0, 0, 0}}) {
    ModelConfig config = Config({7, 6, 5});
    config.sinkhorn_epsilon = epsilon;
    Quantizer q(config);
    q.Draw(21);
    TestRandom random(22);
    const Matrix z = RandomMatrix(random, 600, 5);
    CodeMatrix assigned(600, 3), encoded(600, 3);
    q.quantizer.AssignBatch(z, assigned);
    q.quantizer.Encode(z, encoded, nullptr);
    EXPECT_TRUE(SameBits(assigned, encoded));
  }
}

// Level by level: balanced on the squared distances of what the levels before left, or the nearest code.
TEST(AssignBatch, BalancesTheLevelsThatHaveAnEpsilon) {
  ModelConfig config = Config({8, 8, 8});
  config.sinkhorn_epsilon = {0.01, 0, 0.05};
  config.sinkhorn_iterations = 40;
  Quantizer q(config);
  q.Draw(23);
  TestRandom random(24);
  // Far from the origin, where distances as differences of large numbers would lose their digits.
  const Matrix z = RandomMatrix(random, 700, 5, 1, 1).rowwise() + Eigen::RowVectorXf::Constant(5, 3);
  CodeMatrix codes(700, 3);
  q.quantizer.AssignBatch(z, codes);
  Matrix r = z;
  for (Index l = 0; l < 3; ++l) {
    const Matrix& codebook = q.quantizer.codebook(l);
    Matrix cost(700, 8);
    for (Index i = 0; i < 700; ++i) {
      for (Index k = 0; k < 8; ++k) {
        cost(i, k) = static_cast<float>((r.row(i) - codebook.row(k)).cast<double>().squaredNorm());
      }
    }
    std::vector<uint32_t> expected(700);
    if (config.sinkhorn_epsilon[static_cast<size_t>(l)] > 0) {
      Matrix work = cost;
      AssignBalanced(config.sinkhorn_epsilon[static_cast<size_t>(l)], 40, work, expected.data());
    } else {
      FindNearest(q.quantizer.searchable(l), r, expected.data(), nullptr);
    }
    Index same = 0;
    std::vector<Index> counts(8);
    for (Index i = 0; i < 700; ++i) {
      same += codes(i, l) == expected[static_cast<size_t>(i)] ? 1 : 0;
      ++counts[codes(i, l)];
      r.row(i) -= codebook.row(codes(i, l));
    }
    EXPECT_GE(same, 695) << "level " << l;  // near ties may fall otherwise
    if (l == 0) {
      for (const Index count : counts) EXPECT_NEAR(count, 700 / 8, 30);
    }
  }
}

// What Backward and the tape get are the codes that were given, not the nearest ones.
TEST(Forward, TakesGivenCodes) {
  Quantizer q(Config({7, 6}));
  q.Draw(25);
  TestRandom random(26);
  const Matrix z = RandomMatrix(random, 40, 5);
  CodeMatrix codes(40, 2);
  for (Index i = 0; i < 40; ++i) codes.row(i) << static_cast<uint32_t>(i % 7), static_cast<uint32_t>(i % 6);
  ResidualQuantizer::Tape tape;
  Matrix quantized(40, 5);
  Forward(q.quantizer, z, &codes, tape, quantized);
  EXPECT_TRUE(SameBits(tape.codes, codes));
  for (Index i = 0; i < 40; ++i) {
    const Matrix first = q.quantizer.codebook(0).row(i % 7), second = q.quantizer.codebook(1).row(i % 6);
    EXPECT_TRUE(SameBits(quantized.row(i), Matrix(first + second)));
    EXPECT_TRUE(SameBits(tape.residuals[1].row(i), Matrix(z.row(i) - first)));
    EXPECT_TRUE(SameBits(tape.residuals[2].row(i), Matrix(Matrix(z.row(i) - first) - second)));
    EXPECT_NEAR(tape.error[1][i], tape.residuals[2].row(i).squaredNorm(), 1e-5f);
  }
}

// As many candidates as asked for, by a beam of at least that width.
// Training searches as encoding does: the codebooks come to fit the search that will use them.
TEST(Forward, SearchesAsEncodeDoes) {
  TestRandom random(77);
  const Matrix z = RandomMatrix(random, 200, 5);
  std::vector<CodeMatrix> found;
  for (const Index beam : {1, 4}) {
    ModelConfig config = Config({8, 8, 8});
    config.encode_beam = beam;
    Quantizer q(config);
    q.Draw(5);
    ResidualQuantizer::Tape tape;
    Matrix quantized(200, 5);
    Forward(q.quantizer, z, nullptr, tape, quantized);
    CodeMatrix codes(200, 3);
    q.quantizer.Encode(z, codes, nullptr);
    EXPECT_TRUE(tape.codes == codes);
    for (Index i = 0; i < 200; ++i) {
      EXPECT_NEAR(tape.error[2][i], (z.row(i) - quantized.row(i)).squaredNorm(), 1e-5);
    }
    found.push_back(codes);
  }
  EXPECT_FALSE(found[0] == found[1]);
}

// A greedy quantiser takes the nearest first code in any case, and its candidates are those of a search without weight.
TEST(Candidates, AndCodesAreWeightedWithABeamOnly) {
  TestRandom random(29);
  const Matrix z = RandomMatrix(random, 300, 5);
  for (const Index beam : {1, 6}) {
    std::vector<CodeMatrix> codes, candidates;
    for (const double weight : {0.0, 2.0}) {
      ModelConfig config = Config({7, 6, 5});
      config.encode_beam = beam;
      config.first_code_weight = weight;
      Quantizer q(config);
      q.Draw(27);
      codes.emplace_back(300, 3);
      q.quantizer.Encode(z, codes.back(), nullptr);
      CodeMatrix found(300 * 4, 3);
      std::vector<float> errors(300 * 4);
      q.quantizer.Candidates(z, 4, found, errors.data());
      candidates.push_back(found);
      for (Index i = 0; i < 300 && beam > 1; ++i) EXPECT_TRUE(found.row(4 * i) == codes.back().row(i)) << i;
    }
    EXPECT_EQ(codes[0] == codes[1], beam == 1);
    EXPECT_EQ(candidates[0] == candidates[1], beam == 1);
  }
}

TEST(Candidates, AreThoseOfTheBeamSearch) {
  for (const Index beam : {1, 3, 12}) {
    ModelConfig config = Config({7, 6, 5});
    config.encode_beam = beam;
    Quantizer q(config);
    q.Draw(27);
    TestRandom random(28);
    const Matrix z = RandomMatrix(random, 50, 5);
    for (const Index count : {1, 4, 12}) {
      CodeMatrix codes(50 * count, 3), expected(50 * count, 3);
      std::vector<float> errors(static_cast<size_t>(50 * count)), expected_errors(errors);
      q.quantizer.Candidates(z, count, codes, errors.data());
      std::vector<Matrix> codebooks;
      std::vector<SearchableCodebook> searchable;
      for (Index l = 0; l < 3; ++l) {
        codebooks.push_back(q.quantizer.codebook(l));
        searchable.push_back(q.quantizer.searchable(l));
      }
      CodeProducts products;  // a quantiser that encodes greedily has none
      if (beam > 1) products.Prepare(searchable);
      BeamSearch({codebooks, searchable, products, std::max(beam, count), count}, z, expected, expected_errors.data());
      EXPECT_TRUE(SameBits(codes, expected));
      EXPECT_EQ(errors, expected_errors);
    }
  }
}

}  // namespace
}  // namespace rqvae
