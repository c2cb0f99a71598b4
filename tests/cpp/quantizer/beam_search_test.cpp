// Beam search against the greedy search, exhaustive search and itself in other batches.
#include "beam_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include "config.h"
#include "residual_quantizer.h"
#include "test_data.h"

namespace rqvae {
namespace {

struct Levels {
  explicit Levels(std::vector<Matrix> books) : codebooks(std::move(books)), searchable(codebooks.size()) {
    for (size_t l = 0; l < codebooks.size(); ++l) searchable[l].Prepare(codebooks[l]);
    products.Prepare(searchable);
    EXPECT_EQ(products.empty(), codebooks.size() == 1);
  }
  // The same codebooks, searched without the table of products.
  Levels WithoutProducts() const {
    Levels copy = *this;
    copy.products = {};
    return copy;
  }

  // Codebooks that get finer, as residual quantisers' do.
  Levels(TestRandom& random, const std::vector<Index>& sizes, Index d, double offset = 0)
      : Levels(Draw(random, sizes, d, offset)) {}

  CodeMatrix Beam(const Matrix& z, Index width, float weight = 0) const {
    CodeMatrix codes = CodeMatrix::Constant(z.rows(), static_cast<Index>(codebooks.size()), UINT32_MAX);
    BeamSearch({codebooks, searchable, products, width, 1, weight}, z, codes, nullptr);
    for (Index l = 0; l < codes.cols(); ++l) {
      for (Index i = 0; i < codes.rows(); ++i) {
        EXPECT_LT(codes(i, l), static_cast<uint32_t>(codebooks[static_cast<size_t>(l)].rows()));
      }
    }
    return codes;
  }

  CodeMatrix Greedy(const Matrix& z) const {
    CodeMatrix codes(z.rows(), static_cast<Index>(codebooks.size()));
    Matrix r = z;
    std::vector<uint32_t> nearest(static_cast<size_t>(z.rows()));
    for (size_t l = 0; l < codebooks.size(); ++l) {
      FindNearest(searchable[l], r, nearest.data(), nullptr);
      for (Index i = 0; i < z.rows(); ++i) {
        codes(i, static_cast<Index>(l)) = nearest[static_cast<size_t>(i)];
        r.row(i) -= codebooks[l].row(nearest[static_cast<size_t>(i)]);
      }
    }
    return codes;
  }

  // ||z - sum of the codes||^2 of a row, in double.
  double Error(const Matrix& z, Index row, const CodeMatrix& codes) const {
    Eigen::RowVectorXd left = z.row(row).cast<double>();
    for (size_t l = 0; l < codebooks.size(); ++l) {
      left -= codebooks[l].row(codes(row, static_cast<Index>(l))).cast<double>();
    }
    return left.squaredNorm();
  }
  // ||z - q_1||^2 of a row and a first code.
  double FirstError(const Matrix& z, Index row, uint32_t code) const {
    return (z.row(row).cast<double>() - codebooks[0].row(code).cast<double>()).squaredNorm();
  }
  // What a search with this weight minimises.
  double Objective(const Matrix& z, Index row, const CodeMatrix& codes, double weight) const {
    return Error(z, row, codes) + weight * FirstError(z, row, codes(row, 0));
  }

  std::vector<Matrix> codebooks;
  std::vector<SearchableCodebook> searchable;
  CodeProducts products;

 private:
  static std::vector<Matrix> Draw(TestRandom& random, const std::vector<Index>& sizes, Index d, double offset) {
    std::vector<Matrix> books;
    double scale = 1;
    for (const Index size : sizes) {
      books.push_back(RandomMatrix(random, size, d, scale, books.empty() ? offset : 0));
      scale *= 0.6;
    }
    return books;
  }
};

TEST(BeamSearch, WidthOneIsTheGreedySearchInEveryBit) {
  for (const Index d : {1, 2, 5, 8, 17}) {
    for (const std::vector<Index>& sizes : {std::vector<Index>{7}, {8, 8, 8}, {3, 13, 5, 4}, {1, 2}, {33, 31, 64}}) {
      TestRandom random(static_cast<uint64_t>(d * 10) + sizes.size());
      const Levels levels(random, sizes, d);
      // Rows near the codes, and rows so far that the distance to all codes is nearly the same.
      for (const double scale : {1.0, 30.0, 3000.0}) {
        for (const double offset : {0.0, 3.0, 100.0}) {
          const Matrix z = RandomMatrix(random, 400, d, scale, offset);
          EXPECT_TRUE(SameBits(levels.Beam(z, 1), levels.Greedy(z))) << d << " dimensions, " << scale << ", " << offset;
        }
      }
    }
  }
}

TEST(BeamSearch, OneLevelIsTheNearestCodeAtEveryWidth) {
  TestRandom random(2);
  const Levels levels(random, {37}, 6);
  const Matrix z = RandomMatrix(random, 500, 6);
  for (const Index width : {1, 2, 3, 8, 64}) EXPECT_TRUE(SameBits(levels.Beam(z, width), levels.Greedy(z))) << width;
}

// The best of all combinations in double, by the error and the weighted one of the first code; the gap to the second
// best.
struct Best {
  CodeMatrix codes;
  double error;
  double margin;
};
Best Exhaustive(const Levels& levels, const Matrix& z, Index row, double weight = 0) {
  const auto count = static_cast<Index>(levels.codebooks.size());
  CodeMatrix codes = CodeMatrix::Zero(z.rows(), count);
  Best best{codes.row(row), std::numeric_limits<double>::infinity(), 0};
  double second = best.error;
  for (bool more = true; more;) {
    const double error = levels.Objective(z, row, codes, weight);
    if (error < best.error) {
      second = best.error;
      best.error = error;
      best.codes = codes.row(row);
    } else {
      second = std::min(second, error);
    }
    more = false;
    for (Index l = count; l-- > 0 && !more;) {  // count on
      const bool last = ++codes(row, l) == static_cast<uint32_t>(levels.codebooks[static_cast<size_t>(l)].rows());
      if (last) codes(row, l) = 0;
      more = !last;
    }
  }
  best.margin = second - best.error;
  return best;
}

void ExpectExhaustive(float weight) {
  for (const Index d : {1, 3, 6}) {
    for (const std::vector<Index>& sizes : {std::vector<Index>{4, 4}, {5, 5, 5}, {2, 3, 4, 3}}) {
      TestRandom random(static_cast<uint64_t>(d) + 10 * sizes.size());
      const Levels levels(random, sizes, d);
      Index combinations = 1;
      for (size_t l = 0; l + 1 < sizes.size(); ++l) combinations *= sizes[l];
      const Matrix z = RandomMatrix(random, 60, d, 1.3);
      Index compared = 0, not_greedy = 0;
      const CodeMatrix greedy = levels.Greedy(z);
      for (const Index width : {combinations, 3 * combinations, Index{1000}}) {
        const CodeMatrix codes = levels.Beam(z, width, weight);
        for (Index i = 0; i < z.rows(); ++i) {
          const Best best = Exhaustive(levels, z, i, weight);
          EXPECT_NEAR(levels.Objective(z, i, codes, weight), best.error, 1e-5 * (1 + best.error));
          if (best.margin < 1e-5) continue;
          ++compared;
          EXPECT_TRUE(SameBits(CodeMatrix(codes.row(i)), best.codes)) << "row " << i;
          if (!SameBits(best.codes, CodeMatrix(greedy.row(i)))) ++not_greedy;
        }
      }
      EXPECT_GT(compared, 150);
      if (weight < 1) EXPECT_GT(not_greedy, 3) << "greedy search is as good: nothing tested";
    }
  }
}

TEST(BeamSearch, AWideBeamIsExhaustiveSearch) {
  for (const float weight : {0.0f, 0.25f, 1.0f, 8.0f}) ExpectExhaustive(weight);
}

// The beam search with this weight in double, a row's IDs with the best first.
std::vector<std::vector<uint32_t>> SearchInDouble(const Levels& levels, const Eigen::RowVectorXd& z, size_t width,
                                                  size_t keep, double weight) {
  struct Partial {
    double score = 0, first_error = 0;
    Eigen::RowVectorXd left;
    std::vector<uint32_t> codes;
  };
  std::vector<Partial> beam = {{0, 0, z, {}}};
  for (size_t l = 0; l < levels.codebooks.size(); ++l) {
    std::vector<Partial> next;
    for (const Partial& partial : beam) {
      for (Index k = 0; k < levels.codebooks[l].rows(); ++k) {
        Partial longer = partial;
        longer.left -= levels.codebooks[l].row(k).cast<double>();
        longer.codes.push_back(static_cast<uint32_t>(k));
        if (l == 0) longer.first_error = longer.left.squaredNorm();
        longer.score = longer.left.squaredNorm() + (l == 0 ? 0 : weight * longer.first_error);
        next.push_back(std::move(longer));
      }
    }
    std::stable_sort(next.begin(), next.end(), [](const Partial& a, const Partial& b) { return a.score < b.score; });
    next.resize(std::min(next.size(), l + 1 == levels.codebooks.size() ? keep : width));
    beam = std::move(next);
  }
  std::vector<std::vector<uint32_t>> ids;
  ids.reserve(beam.size());
  for (const Partial& whole : beam) ids.push_back(whole.codes);
  return ids;
}

// All IDs that are kept, in their order. Only rounding, where two are as good, may make a difference.
TEST(BeamSearch, FindsWhatASearchInDoubleFinds) {
  for (const std::vector<Index>& sizes : {std::vector<Index>{9, 12}, {16, 16, 16}, {1, 7, 5}, {12, 5, 9, 4}}) {
    TestRandom random(sizes.size() + 20);
    const Levels with(random, sizes, 6), without = with.WithoutProducts();
    const Matrix z = RandomMatrix(random, 150, 6);
    for (const float weight : {0.0f, 0.5f, 1.0f, 30.0f}) {
      for (const Levels& levels : {with, without}) {
        for (const Index width : {2, 5}) {
          CodeMatrix codes(150 * width, static_cast<Index>(sizes.size()));
          BeamSearch({levels.codebooks, levels.searchable, levels.products, width, width, weight}, z, codes, nullptr);
          Index different = 0;
          for (Index i = 0; i < 150; ++i) {
            const auto expected = SearchInDouble(levels, z.row(i).cast<double>(), static_cast<size_t>(width),
                                                 static_cast<size_t>(width), weight);
            for (Index b = 0; b < width; ++b) {
              const uint32_t* id = codes.row(i * width + b).data();
              if (!std::equal(id, id + codes.cols(), expected[static_cast<size_t>(b)].begin())) ++different;
            }
          }
          EXPECT_LE(different, 2) << sizes.size() << " levels, width " << width << ", weight " << weight;
        }
      }
    }
  }
}

// With a large weight the first code is the nearest one, and the rest what the beam finds from there: what is left of
// the digits still tells its IDs apart. Far from the origin, too.
TEST(BeamSearch, ALargeWeightTakesTheNearestFirstCodeAndSearchesFromThere) {
  for (const double offset : {0.0, 50.0}) {
    TestRandom random(31);
    const Levels levels(random, {16, 16, 16, 16}, 8, offset);
    const Levels later({levels.codebooks.begin() + 1, levels.codebooks.end()});
    const Matrix z = RandomMatrix(random, 2000, 8, 1.0, offset);
    const CodeMatrix greedy = levels.Greedy(z), free = levels.Beam(z, 8);
    EXPECT_LT((free.col(0).array() == greedy.col(0).array()).count(), 1800) << "nothing to keep";
    Matrix left = z;
    for (Index i = 0; i < z.rows(); ++i) left.row(i) -= levels.codebooks[0].row(greedy(i, 0));
    const CodeMatrix rest = later.Beam(left, 8);
    for (const float weight : {1e3f, 1e6f}) {
      const CodeMatrix codes = levels.Beam(z, 8, weight);
      Index different = 0;
      for (Index i = 0; i < z.rows(); ++i) {
        if (codes(i, 0) != greedy(i, 0)) {
          const double nearest = levels.FirstError(z, i, greedy(i, 0));
          ++different;
          EXPECT_NEAR(levels.FirstError(z, i, codes(i, 0)), nearest, (weight < 1e4f ? 2e-3 : 1e-5) * (1 + nearest));
        } else if (!SameBits(CodeMatrix(codes.row(i).tail(3)), CodeMatrix(rest.row(i)))) {
          ++different;
          CodeMatrix expected = codes;
          expected.row(i).tail(3) = rest.row(i);
          const double error = levels.Error(z, i, expected);
          EXPECT_NEAR(levels.Error(z, i, codes), error, 1e-3 * (1 + error)) << "row " << i;
        }
      }
      EXPECT_LE(different, 10) << weight << ", " << offset;
    }
  }
}

// What it is for: the more it counts, the more first codes are the nearest ones, at the price of a greater error.
TEST(BeamSearch, TheWeightTradesErrorForNearestFirstCodes) {
  TestRandom random(32);
  const Levels levels(random, {16, 16, 16}, 8);
  const Matrix z = RandomMatrix(random, 5000, 8);
  const CodeMatrix greedy = levels.Greedy(z);
  Index nearest = 0;
  double error = 0;
  for (const float weight : {0.0f, 0.3f, 1.0f, 10.0f}) {
    const CodeMatrix codes = levels.Beam(z, 8, weight);
    double sum = 0;
    for (Index i = 0; i < z.rows(); ++i) sum += levels.Error(z, i, codes);
    const Index same = (codes.col(0).array() == greedy.col(0).array()).count();
    EXPECT_GT(same, nearest) << weight;
    EXPECT_GT(sum, error) << weight;
    nearest = same;
    error = sum;
  }
  EXPECT_GT(nearest, 4800);
}

// The first code that the greedy search takes is always in the beam, and the last level takes the best of all: with two
// levels no row can be worse.
TEST(BeamSearch, TwoLevelsAreNeverWorseThanGreedy) {
  TestRandom random(5);
  const Levels levels(random, {16, 16}, 8);
  const Matrix z = RandomMatrix(random, 20000, 8);
  const CodeMatrix greedy = levels.Greedy(z);
  double before = 0, after = 0;
  for (const Index width : {2, 5, 16}) {
    const CodeMatrix codes = levels.Beam(z, width);
    before = after = 0;
    for (Index i = 0; i < z.rows(); ++i) {
      const double of_greedy = levels.Error(z, i, greedy), of_beam = levels.Error(z, i, codes);
      EXPECT_LE(of_beam, of_greedy + 1e-5) << "row " << i << ", width " << width;
      before += of_greedy;
      after += of_beam;
    }
    EXPECT_LT(after, 0.99 * before) << width;
  }
}

// With more levels a partial ID that would have come out best may fall out of the beam. That is rare, and on average a
// wider beam is better.
TEST(BeamSearch, MoreLevelsAreSeldomWorseThanGreedy) {
  TestRandom random(6);
  const Levels levels(random, {16, 16, 16, 16}, 8);
  const Matrix z = RandomMatrix(random, 5000, 8);
  auto errors = [&](const CodeMatrix& codes) {
    Eigen::VectorXd out(z.rows());
    for (Index i = 0; i < z.rows(); ++i) out[i] = levels.Error(z, i, codes);
    return out;
  };
  const Eigen::VectorXd greedy = errors(levels.Greedy(z));
  double last = greedy.sum();
  for (const Index width : {2, 4, 8, 16}) {
    const Eigen::VectorXd beam = errors(levels.Beam(z, width));
    EXPECT_LT(beam.sum(), last) << width;
    last = beam.sum();
    const auto worse = static_cast<double>((beam.array() > greedy.array() + 1e-5).count());
    EXPECT_LT(worse, 0.05 * static_cast<double>(z.rows())) << width;
  }
  EXPECT_LT(last, 0.8 * greedy.sum());
}

// The table of products of codes against a product with every residual: where they take different IDs, these are as
// good but for rounding. The offset is far from the origin, as embeddings with a common part are.
TEST(BeamSearch, ProductsOfCodesFindWhatEveryResidualFinds) {
  for (const std::vector<Index>& sizes : {std::vector<Index>{16, 16, 16}, {5, 33, 18, 7}, {64, 3, 19, 4, 16}}) {
    for (const double offset : {0.0, 200.0}) {
      for (const Index d : {3, 8, 33}) {
        TestRandom random(sizes.size() * 100 + static_cast<uint64_t>(d));
        const Levels levels(random, sizes, d, offset);
        const Matrix z = RandomMatrix(random, 700, d, 1.0, offset);
        for (const Index width : {2, 8}) {
          const CodeMatrix with = levels.Beam(z, width), without = levels.WithoutProducts().Beam(z, width);
          Index different = 0;
          for (Index i = 0; i < z.rows(); ++i) {
            if (SameBits(CodeMatrix(with.row(i)), CodeMatrix(without.row(i)))) continue;
            ++different;
            const double error = levels.Error(z, i, without);
            EXPECT_NEAR(levels.Error(z, i, with), error, (offset > 0 ? 2e-2 : 1e-5) * (1 + error)) << "row " << i;
          }
          EXPECT_LE(different, offset > 0 ? 12 : 2) << sizes.size() << " levels, " << d << " dimensions, " << offset;
        }
      }
    }
  }
}

TEST(BeamSearch, LeavesOutProductsThatWouldTakeTooMuchMemory) {
  std::vector<SearchableCodebook> searchable(2);
  CodeProducts products;
  for (const auto& [codes, empty] : {std::pair<Index, bool>{2048, false}, {2049, true}, {100, false}}) {
    for (SearchableCodebook& codebook : searchable) codebook.Prepare(Matrix::Zero(codes, 1));
    products.Prepare(searchable);
    EXPECT_EQ(products.empty(), empty) << codes;
  }
}

TEST(BeamSearch, ARowDoesNotDependOnTheOthers) {
  for (const std::vector<Index>& sizes : {std::vector<Index>{7, 9, 5}, {4, 16, 8}}) {
    TestRandom random(sizes.size() + static_cast<uint64_t>(sizes[0]));
    const Levels with(random, sizes, 5), without = with.WithoutProducts();
    const Matrix z = RandomMatrix(random, 1100, 5);
    for (const Levels& levels : {with, without}) {
      for (Index width = 1; width <= 9; ++width) {
        const float weight = width % 2 == 0 ? 0.0f : 0.7f;
        const CodeMatrix all = levels.Beam(z, width, weight);
        const Index block = std::max<Index>(1, 4 * kRowBlock / width);  // rows that are searched at a time
        for (const Index n : {Index{1}, Index{2}, block - 1, block, block + 1, 2 * block, 2 * block + 1, Index{599}}) {
          if (n < 1 || n > 1100) continue;
          for (const Index first : {Index{0}, Index{1}, 1100 - n}) {
            if (first + n > 1100) continue;
            EXPECT_TRUE(
                SameBits(levels.Beam(z.middleRows(first, n), width, weight), CodeMatrix(all.middleRows(first, n))))
                << n << " rows from " << first << ", width " << width;
          }
        }
        for (Index i = 0; i < 1100; i += 17) {
          const CodeMatrix alone = levels.Beam(z.row(i), width, weight);
          ASSERT_TRUE(SameBits(alone, CodeMatrix(all.row(i)))) << "row " << i << " alone";
        }
      }
      EXPECT_TRUE(SameBits(levels.Beam(z.topRows(3), 300), CodeMatrix(levels.Beam(z, 300).topRows(3))));
    }
  }
}

// Rows whose squared length is no float: whatever they get, it is the same in any company, and the greedy search's code
// where there is one level.
TEST(BeamSearch, RowsTooLongToMeasureDoNotDependOnTheOthersEither) {
  TestRandom random(8);
  const Levels levels(random, {7, 9, 5}, 5);
  Matrix z = RandomMatrix(random, 40, 5);
  for (Index i = 1; i < 40; i += 3) z.row(i) *= 1e25f;
  for (const Index width : {1, 2, 5, 9}) {
    for (const float weight : {0.0f, 1.0f, 1e6f}) {
      const CodeMatrix all = levels.Beam(z, width, weight);
      const CodeMatrix reversed = levels.Beam(z.colwise().reverse(), width, weight);
      EXPECT_TRUE(SameBits(CodeMatrix(reversed.colwise().reverse()), all)) << width;
      for (Index i = 0; i < 40; ++i) {
        EXPECT_TRUE(SameBits(levels.Beam(z.row(i), width, weight), CodeMatrix(all.row(i))))
            << "row " << i << ", width " << width << ", weight " << weight;
      }
    }
  }
  for (const float weight : {0.0f, 1.0f}) EXPECT_TRUE(SameBits(levels.Beam(z, 1, weight), levels.Greedy(z)));
}

// Small whole numbers, so that ties are exact.
TEST(BeamSearch, TiesGoToTheEarlierPartialIdThenTheLowerCode) {
  auto column = [](std::vector<float> values) {
    Matrix m(static_cast<Index>(values.size()), 1);
    for (size_t i = 0; i < values.size(); ++i) m(static_cast<Index>(i), 0) = values[i];
    return m;
  };
  auto codes = [](const Levels& levels, float z, Index width) {
    const CodeMatrix out = levels.Beam(Matrix::Constant(1, 1, z), width);
    return std::vector<uint32_t>(out.data(), out.data() + out.size());
  };
  using Ids = std::vector<uint32_t>;
  // 0 = 1 - 1 = -1 + 1.
  const Levels pair({column({1, -1}), column({-1, 1})});
  EXPECT_EQ(codes(pair, 0, 2), (Ids{0, 0}));
  const Levels swapped({column({-1, 1}), column({-1, 1})});
  EXPECT_EQ(codes(swapped, 0, 2), (Ids{0, 1}));
  // Every code twice: always the first of the two.
  const Levels twice({column({2, -2, 2, -2}), column({1, 1, -1, -1})});
  EXPECT_EQ(codes(twice, 3, 4), (Ids{0, 0}));
  EXPECT_EQ(codes(twice, -3, 4), (Ids{1, 2}));
  // The better partial ID comes first, whatever its code: 4 is nearer to 3 (code 1) than to 6 (code 0), and both end
  // with nothing left.
  const Levels better({column({6, 3}), column({-2, 1})});
  EXPECT_EQ(codes(better, 4, 2), (Ids{1, 1}));
  // Nothing but ties, at every width.
  const Levels equal({Matrix::Constant(9, 3, 0.5f), Matrix::Constant(6, 3, 0.25f)});
  for (const Index width : {1, 2, 9, 60}) {
    EXPECT_TRUE(SameBits(equal.Beam(Matrix::Zero(5, 3), width), CodeMatrix(CodeMatrix::Zero(5, 2)))) << width;
  }
}

// With a width of one the farther code of level 1 is lost that would leave nothing.
TEST(BeamSearch, TakesAFartherCodeThatTheNextLevelMakesUpFor) {
  Matrix first(2, 1), second(2, 1);
  first << 0, 10;
  second << -6, 1;
  const Levels levels({first, second});
  const Matrix z = Matrix::Constant(1, 1, 4);
  EXPECT_EQ(levels.Beam(z, 1)(0, 0), 0u);
  EXPECT_EQ(levels.Beam(z, 2)(0, 0), 1u);
  EXPECT_EQ(levels.Beam(z, 2)(0, 1), 0u);
}

// The same, where the farther code is farther by 36 - 16 and leaves 9 less: worth it up to a weight of 9 / 20.
TEST(BeamSearch, TakesAFartherCodeOnlyAsFarAsTheWeightLets) {
  Matrix first(2, 1), second(2, 1);
  first << 0, 10;
  second << -6, 1;
  const Levels levels({first, second});
  const Matrix z = Matrix::Constant(1, 1, 4);
  for (const float weight : {0.0f, 0.25f, 0.4375f}) EXPECT_EQ(levels.Beam(z, 2, weight)(0, 0), 1u) << weight;
  for (const float weight : {0.46875f, 1.0f, 1e6f}) EXPECT_EQ(levels.Beam(z, 2, weight)(0, 0), 0u) << weight;
}

TEST(BeamSearch, TakesCodebooksOfOneCode) {
  TestRandom random(9);
  const Levels ones(random, {1, 1, 1}, 4);
  const Matrix z = RandomMatrix(random, 300, 4);
  for (const Index width : {1, 2, 7, 300}) {
    EXPECT_TRUE(SameBits(ones.Beam(z, width), CodeMatrix(CodeMatrix::Zero(300, 3)))) << width;
  }
  // The beam is as wide as there are partial IDs, and grows later.
  const Levels mixed(random, {1, 2, 1, 5}, 4);
  for (const Index width : {3, 50}) {
    const CodeMatrix codes = mixed.Beam(z, width);
    for (Index i = 0; i < 300; ++i) {
      EXPECT_NEAR(mixed.Error(z, i, codes), Exhaustive(mixed, z, i).error, 1e-5) << i;
    }
  }
}

TEST(BeamSearch, TakesNoRows) {
  TestRandom random(10);
  const Levels levels(random, {4, 4}, 3);
  EXPECT_EQ(levels.Beam(Matrix(0, 3), 4).rows(), 0);
}

// Several IDs of each row: the best first, none twice, with their errors, which the weight is no part of; the first is
// the one alone.
void ExpectTheBestInOrder(float weight) {
  TestRandom random(11);
  const Levels levels(random, {4, 5, 3}, 4);
  const Matrix z = RandomMatrix(random, 90, 4, 1.3);
  for (const auto& [width, keep] : {std::pair<Index, Index>{1, 1}, {8, 3}, {20, 20}, {60, 60}, {100, 70}}) {
    CodeMatrix codes(90 * keep, 3);
    std::vector<float> errors(static_cast<size_t>(90 * keep), -1.0f);
    BeamSearch({levels.codebooks, levels.searchable, levels.products, width, keep, weight}, z, codes, errors.data());
    const CodeMatrix alone = levels.Beam(z, width, weight);
    const Index there = std::min<Index>(keep, 60);  // as many combinations as there are
    for (Index i = 0; i < 90; ++i) {
      EXPECT_TRUE(SameBits(codes.row(i * keep), alone.row(i)));
      std::set<std::vector<uint32_t>> seen;
      double last = 0;
      for (Index b = 0; b < keep; ++b) {
        const Index at = i * keep + b;
        if (b >= there) {
          EXPECT_EQ(errors[static_cast<size_t>(at)], std::numeric_limits<float>::infinity());
          EXPECT_TRUE(SameBits(codes.row(at), codes.row(i * keep + there - 1)));
          continue;
        }
        Eigen::RowVectorXd left = z.row(i).cast<double>();
        std::vector<uint32_t> id;
        for (Index l = 0; l < 3; ++l) {
          left -= levels.codebooks[static_cast<size_t>(l)].row(codes(at, l)).cast<double>();
          id.push_back(codes(at, l));
        }
        EXPECT_TRUE(seen.insert(id).second) << "an ID twice";
        EXPECT_NEAR(errors[static_cast<size_t>(at)], left.squaredNorm(), 1e-5 * (1 + left.squaredNorm()));
        const double score = left.squaredNorm() + weight * levels.FirstError(z, i, codes(at, 0));
        EXPECT_GE(score, last - 1e-5 * (1 + last));
        last = score;
      }
    }
  }
}

TEST(BeamSearch, KeepsTheBestInOrderWithTheirErrors) {
  for (const float weight : {0.0f, 1.0f, 20.0f}) ExpectTheBestInOrder(weight);
}

// With a beam of every combination these are the best of all, not only of what was kept.
TEST(BeamSearch, KeepsWhatExhaustiveSearchFinds) {
  TestRandom random(12);
  const Levels levels(random, {4, 4, 4}, 3);
  const Matrix z = RandomMatrix(random, 30, 3);
  const Index keep = 5;
  CodeMatrix codes(30 * keep, 3);
  std::vector<float> errors(static_cast<size_t>(30 * keep));
  BeamSearch({levels.codebooks, levels.searchable, levels.products, 16, keep}, z, codes, errors.data());
  for (Index i = 0; i < 30; ++i) {
    std::vector<double> all;
    for (uint32_t id = 0; id < 64; ++id) {
      CodeMatrix one = CodeMatrix::Zero(30, 3);
      one.row(i) << id / 16, id / 4 % 4, id % 4;
      all.push_back(levels.Error(z, i, one));
    }
    std::sort(all.begin(), all.end());
    for (Index b = 0; b < keep; ++b) {
      EXPECT_NEAR(errors[static_cast<size_t>(i * keep + b)], all[static_cast<size_t>(b)], 1e-5) << "row " << i;
    }
  }
}

// -- As the quantiser uses it.

struct Quantizer {
  Quantizer(const std::vector<Index>& sizes, Index d, Index beam, uint64_t seed)
      : config(Config(sizes, d, beam)), quantizer(store, config.quantizer()) {
    store.Allocate();
    quantizer.Allocate();
    TestRandom random(seed);
    const Levels levels(random, sizes, d);
    for (size_t l = 0; l < sizes.size(); ++l) {
      store.value(quantizer.embedding(static_cast<Index>(l))) = levels.codebooks[l];
    }
    quantizer.Prepare(store);
  }
  static ModelConfig Config(const std::vector<Index>& sizes, Index d, Index beam) {
    ModelConfig config;
    config.input_dim = d;
    config.latent_dim = d;
    config.codebook_sizes = sizes;
    config.encode_beam = beam;
    return config;
  }
  ModelConfig config;
  ParameterStore store;
  ResidualQuantizer quantizer;
};

// The squared distance of the level's residual to the nearest other code minus that to the chosen one.
TEST(BeamSearch, MarginsAreThoseOfTheChosenCodes) {
  for (const Index width : {1, 2, 8}) {
    const Quantizer q({9, 6, 4}, 5, width, 3);
    TestRandom random(4);
    const Matrix z = RandomMatrix(random, 700, 5);
    CodeMatrix codes(700, 3), without(700, 3);
    Matrix margins(700, 3);
    MatrixRef margins_ref = margins;
    q.quantizer.Encode(z, codes, &margins_ref);
    q.quantizer.Encode(z, without, nullptr);
    EXPECT_TRUE(SameBits(codes, without)) << "asking for margins changes no code";
    Index negative = 0;
    Eigen::MatrixXd r = z.cast<double>();
    for (Index l = 0; l < 3; ++l) {
      const Eigen::MatrixXd codebook = q.quantizer.codebook(l).cast<double>();
      for (Index i = 0; i < 700; ++i) {
        double other = std::numeric_limits<double>::infinity();
        for (Index k = 0; k < codebook.rows(); ++k) {
          if (k != codes(i, l)) other = std::min(other, (r.row(i) - codebook.row(k)).squaredNorm());
        }
        const double expected = other - (r.row(i) - codebook.row(codes(i, l))).squaredNorm();
        EXPECT_NEAR(margins(i, l), expected, 1e-5 + 1e-5 * std::abs(expected)) << "row " << i << ", level " << l;
        if (expected < -1e-4) ++negative;
        r.row(i) -= codebook.row(codes(i, l));
      }
    }
    if (width == 1) {
      EXPECT_EQ(negative, 0);
    } else {
      EXPECT_GT(negative, 50) << "a beam that never takes a farther code";
    }
  }
}

TEST(BeamSearch, TheLastLevelsMarginIsNeverNegative) {
  const Quantizer q({9, 6, 4}, 5, 8, 3);
  TestRandom random(5);
  const Matrix z = RandomMatrix(random, 700, 5);
  CodeMatrix codes(700, 3);
  Matrix margins(700, 3);
  MatrixRef margins_ref = margins;
  q.quantizer.Encode(z, codes, &margins_ref);
  EXPECT_GE(margins.col(2).minCoeff(), -1e-5f) << "nothing makes up for it";
}

TEST(BeamSearch, OneCodeHasAnInfiniteMargin) {
  const Quantizer q({1, 3}, 4, 4, 6);
  TestRandom random(7);
  const Matrix z = RandomMatrix(random, 20, 4);
  CodeMatrix codes(20, 2);
  Matrix margins(20, 2);
  MatrixRef margins_ref = margins;
  q.quantizer.Encode(z, codes, &margins_ref);
  for (Index i = 0; i < 20; ++i) {
    EXPECT_EQ(margins(i, 0), std::numeric_limits<float>::infinity());
    EXPECT_TRUE(std::isfinite(margins(i, 1)));
  }
}

}  // namespace
}  // namespace rqvae
