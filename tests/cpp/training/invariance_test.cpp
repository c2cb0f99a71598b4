// What must not depend on the company an item is in: its latent, codes and reconstruction bit for
// bit, the loss up to rounding. And the search against brute force.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "fingerprint.h"
#include "model.h"
#include "residual_quantizer.h"
#include "test_data.h"
#include "train_step.h"
#include "whole_block.h"

namespace rqvae {
namespace {

struct Shape {
  const char* name;
  Index input;
  std::vector<Index> hidden;
  Index latent;
  std::vector<Index> codebooks;
  Activation activation;
  LinearSkip skip;
  Compat compat;
};

ModelConfig ConfigOf(const Shape& s) {
  ModelConfig config;
  config.input_dim = s.input;
  config.hidden_dims = s.hidden;
  config.latent_dim = s.latent;
  config.codebook_sizes = s.codebooks;
  config.activation = s.activation;
  config.linear_skip = s.skip;
  config.compat = s.compat;
  config.input_scaling = s.skip == LinearSkip::kNone ? InputScaling::kNone : InputScaling::kCommonScale;
  config.codebook_gradient = s.skip == LinearSkip::kNone ? CodebookGradient::kQuantization : CodebookGradient::kJoint;
  return config;
}

void Randomize(Model& model, TestRandom& random) {
  ParameterStore& store = model.store();
  for (Index handle = 0; handle < store.count(); ++handle) {
    const Parameter& p = store.parameter(handle);
    store.value(handle) = RandomMatrix(random, p.rows(), p.cols(), 0.5);
    if (p.name == "input.scale") store.value(handle)(0, 0) = 1.75f;
  }
  model.set_initialized(true);
  model.ParametersChanged();
}

// Everything that a model says about items.
struct Answers {
  Answers(const Model& model, const ConstMatrixRef& x)
      : latents(x.rows(), model.config().latent_dim),
        codes(x.rows(), model.config().levels()),
        quantize_codes(x.rows(), model.config().levels()),
        margins(x.rows(), model.config().levels()),
        embeddings(x.rows(), model.config().levels() * model.config().latent_dim),
        residuals(x.rows(), model.config().levels() * model.config().latent_dim),
        decoded(x.rows(), model.config().input_dim),
        loss(x.rows()) {
    model.Latents(x, latents);
    MatrixRef margins_ref = margins;
    model.Encode(x, codes, &margins_ref);
    model.Quantize(x, quantize_codes, embeddings, residuals, loss);
    model.Decode(codes, decoded);
  }

  Matrix latents;
  CodeMatrix codes, quantize_codes;
  Matrix margins, embeddings, residuals, decoded;
  Vector loss;
};

::testing::AssertionResult SameRows(const Answers& part, const Answers& all, Index first) {
  const Index n = part.codes.rows();
  if (auto r = SameBits(part.latents, all.latents.middleRows(first, n)); !r) return r << " latents";
  if (auto r = SameBits(part.codes, all.codes.middleRows(first, n)); !r) return r << " codes";
  if (auto r = SameBits(part.margins, all.margins.middleRows(first, n)); !r) return r << " margins";
  if (auto r = SameBits(part.embeddings, all.embeddings.middleRows(first, n)); !r) {
    return r << " embeddings";
  }
  if (auto r = SameBits(part.residuals, all.residuals.middleRows(first, n)); !r) {
    return r << " residuals";
  }
  if (auto r = SameBits(part.decoded, all.decoded.middleRows(first, n)); !r) return r << " decoded";
  return SameBits(part.loss, all.loss.segment(first, n));
}

class InvarianceTest : public ::testing::TestWithParam<Shape> {
 protected:
  InvarianceTest() : model_(ConfigOf(GetParam())) {
    TestRandom random(31);
    Randomize(model_, random);
    x_ = RandomMatrix(random, 600, GetParam().input);
  }

  Losses Step(const Matrix& x) { return step_.Run(x, 0); }

  Model model_;
  TrainStep step_{&model_};
  Matrix x_;
};

TEST_P(InvarianceTest, AnItemIsTheSameInEveryBatch) {
  const Answers all(model_, x_);
  EXPECT_TRUE(SameBits(all.codes, all.quantize_codes));
  for (const Index n : {1, 2, 3, 4, 5, 7, 8, 255, 256, 257, 599, 600}) {
    for (const Index first : {Index{0}, Index{1}, Index{299}, 600 - n}) {
      if (first + n > 600) continue;
      EXPECT_TRUE(SameRows(Answers(model_, x_.middleRows(first, n)), all, first)) << n << " rows from " << first;
    }
  }
  for (Index i = 0; i < 600; ++i) {
    ASSERT_TRUE(SameRows(Answers(model_, x_.row(i)), all, i)) << "row " << i << " alone";
  }
}

// Rows of a wider matrix: another stride and another alignment.
TEST_P(InvarianceTest, AnItemIsTheSameInEveryLayout) {
  const Answers all(model_, x_);
  for (const Index padding : {1, 2, 3}) {
    Matrix wide = Matrix::Constant(600, x_.cols() + padding, std::numeric_limits<float>::quiet_NaN());
    wide.rightCols(x_.cols()) = x_;
    EXPECT_TRUE(SameRows(Answers(model_, wide.rightCols(x_.cols())), all, 0)) << padding;
  }
}

TEST_P(InvarianceTest, ReversedRowsGiveReversedAnswers) {
  const Answers all(model_, x_);
  const Answers reversed(model_, Matrix(x_.colwise().reverse()));
  EXPECT_TRUE(SameBits(CodeMatrix(reversed.codes.colwise().reverse()), all.codes));
  EXPECT_TRUE(SameBits(Matrix(reversed.latents.colwise().reverse()), all.latents));
}

// z^ is the sum of the codes' vectors and the decoder's output that of the losses' forward pass.
TEST_P(InvarianceTest, DecodeIsTheReconstructionOfTheLoss) {
  const Answers all(model_, x_);
  Matrix target(600, x_.cols()), output(600, x_.cols());
  ScaleInput(model_, x_, target);
  ScaleInput(model_, all.decoded, output);
  double sum = 0;
  for (Index i = 0; i < 600; ++i) {
    sum += (output.row(i) - target.row(i)).cast<double>().squaredNorm();
  }
  if (model_.config().compat != Compat::kHopwise) sum /= 600;
  const Losses losses = Evaluate(model_, x_);
  EXPECT_NEAR(losses.reconstruction, sum, 1e-5 * sum);

  double quantize = 0;
  for (Index i = 0; i < 600; ++i) quantize += static_cast<double>(all.loss[i]);
  EXPECT_NEAR(losses.quantize, quantize / 600, 1e-5 * losses.quantize);

  // A residual less its code is the next residual; codes and embeddings belong together.
  const Index d = model_.config().latent_dim;
  EXPECT_TRUE(SameBits(all.residuals.leftCols(d), all.latents));
  for (Index l = 0; l < model_.config().levels(); ++l) {
    for (Index i = 0; i < 600; ++i) {
      const auto q = all.embeddings.block(i, l * d, 1, d);
      ASSERT_TRUE(SameBits(q, model_.quantizer().codebook(l).row(all.codes(i, l))));
      if (l + 1 == model_.config().levels()) continue;
      const Matrix next = all.residuals.block(i, l * d, 1, d) - q;
      ASSERT_TRUE(SameBits(next, all.residuals.block(i, (l + 1) * d, 1, d)));
    }
  }
}

// Items that decode to themselves: encode(decode(encode)) may differ, decode(encode) may not.
TEST_P(InvarianceTest, DecodeOfEncodeIsRepeatable) {
  const Answers once(model_, x_), again(model_, x_);
  EXPECT_TRUE(SameRows(once, again, 0));
  for (Index i = 0; i < 600; i += 37) {
    CodeMatrix codes(1, model_.config().levels());
    Matrix decoded(1, x_.cols());
    model_.Encode(x_.row(i), codes, nullptr);
    model_.Decode(codes, decoded);
    EXPECT_TRUE(SameBits(decoded, once.decoded.row(i)));
  }
}

TEST_P(InvarianceTest, LossDoesNotDependOnTheSplit) {
  const Losses all = Evaluate(model_, x_);
  const double items = model_.config().compat == Compat::kHopwise ? 1 : 600;
  for (const Index n : {1, 7, 100, 256, 257, 599}) {
    double reconstruction = 0, quantize = 0;
    std::vector<double> error(all.quantization_error.size());
    for (Index first = 0; first < 600; first += n) {
      const Index count = std::min(n, 600 - first);
      const Losses part = Evaluate(model_, x_.middleRows(first, count));
      const double weight = items == 1 ? 1.0 : static_cast<double>(count) / 600;
      reconstruction += weight * part.reconstruction;
      quantize += static_cast<double>(count) / 600 * part.quantize;
      for (size_t l = 0; l < error.size(); ++l) {
        error[l] += static_cast<double>(count) / 600 * part.quantization_error[l];
      }
    }
    EXPECT_NEAR(reconstruction, all.reconstruction, 1e-6 * all.reconstruction) << n;
    EXPECT_NEAR(quantize, all.quantize, 1e-6 * all.quantize) << n;
    for (size_t l = 0; l < error.size(); ++l) {
      EXPECT_NEAR(error[l], all.quantization_error[l], 1e-6 * all.quantization_error[l]) << n;
    }
  }
  const Losses step = Step(x_);
  EXPECT_NEAR(step.loss, all.loss, 1e-6 * all.loss);
  EXPECT_EQ(step.distinct_ids, all.distinct_ids);
}

// The hopwise reconstruction is a sum over the batch: it grows with the copies, as there.
TEST_P(InvarianceTest, DuplicatedRowsChangeNeitherLossNorGradient) {
  const bool hopwise = model_.config().compat == Compat::kHopwise;
  const Losses once = Step(x_);
  const Vector gradient = step_.gradients();
  Matrix twice(1200, x_.cols());
  for (Index i = 0; i < 600; ++i) {
    twice.row(2 * i) = x_.row(i);
    twice.row(2 * i + 1) = x_.row(i);
  }
  Matrix repeated(1800, x_.cols());
  for (Index i = 0; i < 3; ++i) repeated.middleRows(600 * i, 600) = x_;
  for (const Matrix* rows : {&twice, &repeated}) {
    const Losses losses = Step(*rows);
    const double copies = static_cast<double>(rows->rows()) / 600;
    const double reconstruction = once.reconstruction * (hopwise ? copies : 1);
    EXPECT_NEAR(losses.reconstruction, reconstruction, 1e-6 * reconstruction);
    EXPECT_NEAR(losses.quantize, once.quantize, 1e-6 * once.quantize);
    EXPECT_NEAR(losses.loss, reconstruction + once.quantize, 1e-6 * losses.loss);
    EXPECT_EQ(losses.distinct_ids, once.distinct_ids);
    if (!hopwise) {
      EXPECT_TRUE(Close(step_.gradients(), gradient, 1e-5));
    }
  }
}

TEST_P(InvarianceTest, AskingChangesNothing) {
  Step(x_);  // gradients that must stay too
  const uint64_t fingerprint = Fingerprint(model_);
  const Vector values = model_.store().values(), gradients = step_.gradients();
  const Losses before = Evaluate(model_, x_);
  const Answers answers(model_, x_.topRows(300));
  model_.CodebookInInputSpace(0);
  const Losses after = Evaluate(model_, x_);
  EXPECT_EQ(Fingerprint(model_), fingerprint);
  EXPECT_TRUE(SameBits(model_.store().values(), values));
  EXPECT_TRUE(SameBits(step_.gradients(), gradients));
  EXPECT_EQ(before.loss, after.loss);
}

// A dropped step leaves nothing behind, and an interrupted one in between changes nothing.
TEST_P(InvarianceTest, ADroppedStepLeavesNoTrace) {
  const Losses first = Step(x_);
  const Vector gradients = step_.gradients();
  const std::vector<uint32_t> rows(100);
  step_.Begin(200, 5);
  step_.Add(x_.topRows(100), rows.data());
  const Losses second = Step(x_);
  EXPECT_EQ(first.loss, second.loss);
  EXPECT_TRUE(SameBits(step_.gradients(), gradients));
}

TEST_P(InvarianceTest, FingerprintSeesWhatIdsDependOn) {
  const uint64_t fingerprint = Fingerprint(model_);
  for (Index handle = 0; handle < model_.store().count(); ++handle) {
    const Parameter p = model_.store().parameter(handle);
    float& value = model_.store().value(handle)(p.rows() - 1, p.cols() - 1);
    const float start = value;
    value = std::nextafter(value, 10.0f);
    model_.ParametersChanged();
    if (p.group == ParameterGroup::kDecoder) {
      EXPECT_EQ(Fingerprint(model_), fingerprint) << p.name;
    } else {
      EXPECT_NE(Fingerprint(model_), fingerprint) << p.name;
    }
    value = start;
    model_.ParametersChanged();
  }
  EXPECT_EQ(Fingerprint(model_), fingerprint);
}

const Shape kShapes[] = {
    {"Odd", 13, {9, 7}, 5, {11, 7, 3}, Activation::kSilu, LinearSkip::kNone, Compat::kNone},
    {"SkipRelu", 33, {17}, 6, {8, 16}, Activation::kRelu, LinearSkip::kPca, Compat::kNone},
    {"Even", 16, {32, 8}, 8, {16, 4, 9}, Activation::kSilu, LinearSkip::kPca, Compat::kNone},
    {"One", 1, {}, 1, {1, 2}, Activation::kSilu, LinearSkip::kNone, Compat::kNone},
    {"Hopwise", 11, {6}, 3, {5, 6}, Activation::kSilu, LinearSkip::kNone, Compat::kHopwise},
};

INSTANTIATE_TEST_SUITE_P(Shapes, InvarianceTest, ::testing::ValuesIn(kShapes),
                         [](const auto& info) { return std::string(info.param.name); });

// -- The search.

std::vector<uint32_t> Search(const Matrix& codebook, const Matrix& r, Vector* margins = nullptr) {
  SearchableCodebook searchable;
  searchable.Prepare(codebook);
  std::vector<uint32_t> codes(static_cast<size_t>(r.rows()));
  if (margins != nullptr) margins->resize(r.rows());
  FindNearest(searchable, r, codes.data(), margins == nullptr ? nullptr : margins->data());
  return codes;
}

struct Found {
  uint32_t code;
  double margin;
};

Found BruteForce(const Matrix& codebook, const Matrix& r, Index row) {
  double best = std::numeric_limits<double>::infinity(), second = best;
  Index code = 0;
  for (Index k = 0; k < codebook.rows(); ++k) {
    double distance = 0;
    for (Index j = 0; j < codebook.cols(); ++j) {
      const double difference = static_cast<double>(r(row, j)) - codebook(k, j);
      distance += difference * difference;
    }
    if (distance < best) {
      second = best;
      best = distance;
      code = k;
    } else if (distance < second) {
      second = distance;
    }
  }
  return {static_cast<uint32_t>(code), second - best};
}

TEST(FindNearestTest, AgreesWithBruteForce) {
  for (const double offset : {0.0, 1.0, -50.0, 1000.0}) {
    for (const Index d : {1, 2, 3, 5, 8, 17, 64}) {
      for (const Index k : {1, 2, 3, 7, 8, 9, 31, 257}) {
        TestRandom random(static_cast<uint64_t>(d * 1000 + k));
        const Matrix codebook = RandomMatrix(random, k, d, 1, offset);
        const Matrix r = RandomMatrix(random, 70, d, 1, offset);
        Vector margins;
        const std::vector<uint32_t> codes = Search(codebook, r, &margins);
        // At +1000 the distances are of size d, the rows of size 1000: an expansion of the square
        // without centring would be off by tens.
        const double sure = 1e-4 * static_cast<double>(d);
        Index compared = 0;
        for (Index i = 0; i < r.rows(); ++i) {
          const Found expected = BruteForce(codebook, r, i);
          if (k == 1) {
            EXPECT_EQ(margins[i], std::numeric_limits<float>::infinity());
          } else {
            EXPECT_NEAR(margins[i], expected.margin, sure + 1e-4 * expected.margin);
          }
          EXPECT_GE(margins[i], 0);
          if (expected.margin < sure) continue;
          ++compared;
          EXPECT_EQ(codes[static_cast<size_t>(i)], expected.code)
              << "row " << i << ", d " << d << ", K " << k << ", offset " << offset;
        }
        EXPECT_GE(compared, d == 1 ? 20 : 60);  // many codes on a line are close together
      }
    }
  }
}

// Rows that are codes find themselves, wherever in the codebook they are.
TEST(FindNearestTest, ACodeFindsItself) {
  TestRandom random(4);
  for (const Index k : {1, 5, 8, 13, 64}) {
    const Matrix codebook = RandomMatrix(random, k, 7);
    const std::vector<uint32_t> codes = Search(codebook, codebook);
    for (Index i = 0; i < k; ++i) EXPECT_EQ(codes[static_cast<size_t>(i)], i);
  }
}

TEST(FindNearestTest, TiesGoToTheLowestCode) {
  TestRandom random(6);
  // Every code twice, the second time in another place: never the later one.
  for (const Index half : {1, 3, 4, 7, 8, 13, 33}) {
    const Matrix codes = RandomMatrix(random, half, 6);
    Matrix codebook(2 * half, 6);
    codebook.topRows(half) = codes;
    codebook.bottomRows(half) = codes.colwise().reverse();
    const Matrix r = RandomMatrix(random, 200, 6);
    Vector margins;
    for (const uint32_t code : Search(codebook, r, &margins)) EXPECT_LT(code, half);
    EXPECT_TRUE(SameBits(margins, Vector(Vector::Zero(200))));
  }
  // A row in the middle between two codes.
  Matrix pair(2, 4);
  pair.row(0).setConstant(1);
  pair.row(1).setConstant(-1);
  EXPECT_EQ(Search(pair, Matrix::Zero(1, 4))[0], 0u);
  pair.row(0).swap(pair.row(1));
  EXPECT_EQ(Search(pair, Matrix::Zero(1, 4))[0], 0u);
  // All the same.
  for (const uint32_t code : Search(Matrix::Constant(9, 3, 0.1f), RandomMatrix(random, 20, 3))) {
    EXPECT_EQ(code, 0u);
  }
}

// The model's levels are FindNearest on what the levels before left.
TEST(FindNearestTest, IsWhatTheModelUses) {
  TestRandom random(12);
  Model model(ConfigOf(kShapes[0]));
  Randomize(model, random);
  const Matrix x = RandomMatrix(random, 300, 13);
  const Answers answers(model, x);
  const Index d = model.config().latent_dim;
  Index used = 0;
  for (Index l = 0; l < model.config().levels(); ++l) {
    const Matrix residual = answers.residuals.middleCols(l * d, d);
    Vector margins;
    const std::vector<uint32_t> codes = Search(model.quantizer().codebook(l), residual, &margins);
    EXPECT_TRUE(SameBits(margins, Vector(answers.margins.col(l))));
    for (Index i = 0; i < 300; ++i) {
      EXPECT_EQ(answers.codes(i, l), codes[static_cast<size_t>(i)]);
      used = std::max(used, static_cast<Index>(codes[static_cast<size_t>(i)]));
    }
  }
  EXPECT_GT(used, 2);
}

}  // namespace
}  // namespace rqvae
