// Separating items that share an ID: who gets which target, the gradient of its loss, and what it does in training.
#include "separation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <vector>

#include "id_statistics.h"
#include "test_data.h"
#include "train_job.h"
#include "training_data.h"
#include "whole_block.h"

namespace rqvae {
namespace {

// An untrained model whose IDs collide, with all that Separation is told of it.
struct Crowd {
  explicit Crowd(Matrix items, double weight = 3) : rows(std::move(items)), model(Config(rows.dim())) {
    InitializeJob job(&model, &rows);
    RunToEnd(job);
    codes.resize(rows.rows(), 2);
    model.Encode(rows.data(), codes, nullptr);
    training.resize(static_cast<size_t>(rows.rows()));
    std::iota(training.begin(), training.end(), 0u);
    separation = std::make_unique<Separation>(model.config(), weight, 0.05, rows.rows());
  }
  static ModelConfig Config(Index dim) {
    ModelConfig config;
    config.input_dim = dim;
    config.latent_dim = 6;
    config.hidden_dims = {16};
    config.codebook_sizes = {8, 16};
    return config;
  }
  HeldIds held{1, 0, {8, 16}};
  void Search(double error = 2) {
    separation->Begin(Counted(), codes, training, error, held);
    const SubsetRows source(&rows, training);
    while (separation->Advance(model, source)) {
    }
  }
  IdCounter Counted() const {
    IdCounter ids(codes.rows(), model.config().codebook_sizes);
    ids.Add(codes);
    return ids;
  }
  // The sum of hinges and its gradient for all rows, by the class.
  double Gradient(Matrix* dz) {
    latents.resize(rows.rows(), 6);
    model.Latents(rows.data(), latents);
    std::vector<uint32_t> names(static_cast<size_t>(rows.rows()));
    std::iota(names.begin(), names.end(), 0u);
    *dz = Matrix::Zero(rows.rows(), 6);
    std::vector<double> hinges(names.size());
    separation->AddGradient(model.quantizer(), names.data(), latents, 0.5f, {0, latents.rows()}, *dz, hinges.data());
    return std::accumulate(hinges.begin(), hinges.end(), 0.0);
  }

  MatrixRows rows;
  Model model;
  CodeMatrix codes;
  Matrix latents;
  std::vector<uint32_t> training;
  std::unique_ptr<Separation> separation;
};

Index Sharing(const CodeMatrix& codes) { return codes.rows() - CountDistinct(codes); }

TEST(Separation, GivesATargetToAllButOneOfEachGroup) {
  TestRandom random(4);
  Crowd crowd(ClusteredRows(random, 150, 9, 12, 0.4));
  ASSERT_GT(Sharing(crowd.codes), 20);
  crowd.Search();
  // Free IDs run out in none of the groups here: the beam finds eight, and 128 IDs are not all used.
  EXPECT_GT(crowd.separation->targets(), Sharing(crowd.codes) / 2);
  EXPECT_LE(crowd.separation->targets(), Sharing(crowd.codes));
  Matrix dz;
  EXPECT_GT(crowd.Gradient(&dz), 0);
  std::map<std::vector<uint32_t>, std::pair<int, int>> groups;  // members, moved
  for (Index i = 0; i < 150; ++i) {
    auto& [members, moved] = groups[{crowd.codes(i, 0), crowd.codes(i, 1)}];
    ++members;
    if (!dz.row(i).isZero(0)) ++moved;
  }
  for (const auto& [id, group] : groups) {
    if (group.first == 1) EXPECT_EQ(group.second, 0);
    EXPECT_LT(group.second, group.first);
  }
}

// The gradient points from the taken ID's vector to that of an ID which nobody has, and is that of the hinge.
TEST(Separation, GradientIsThatOfTheHinge) {
  TestRandom random(5);
  Crowd crowd(ClusteredRows(random, 120, 9, 10, 0.4));
  crowd.Search();
  Matrix dz;
  const double sum = crowd.Gradient(&dz);
  std::set<std::vector<uint32_t>> used, given;
  for (Index i = 0; i < 120; ++i) used.insert({crowd.codes(i, 0), crowd.codes(i, 1)});
  const ResidualQuantizer& quantizer = crowd.model.quantizer();
  double expected_sum = 0;
  for (Index i = 0; i < 120; ++i) {
    if (dz.row(i).isZero(0)) continue;
    const Matrix own = quantizer.codebook(0).row(crowd.codes(i, 0)) + quantizer.codebook(1).row(crowd.codes(i, 1));
    int matches = 0;
    for (uint32_t a = 0; a < 8; ++a) {
      for (uint32_t b = 0; b < 16; ++b) {
        const Matrix other = quantizer.codebook(0).row(a) + quantizer.codebook(1).row(b);
        // scale 0.5, weight 3: 2 * 0.5 * 3 (taken - alternative).
        if (!Close(dz.row(i), 3 * (own - other), 1e-5)) continue;
        ++matches;
        EXPECT_FALSE(used.contains({a, b}));
        EXPECT_TRUE(given.insert({a, b}).second) << "one ID for two items";
        const double hinge =
            (crowd.latents.row(i) - other).squaredNorm() - (crowd.latents.row(i) - own).squaredNorm() + 0.05 * 2;
        EXPECT_GT(hinge, 0);
        expected_sum += 3 * hinge;
      }
    }
    EXPECT_EQ(matches, 1) << i;
  }
  EXPECT_NEAR(sum, expected_sum, 1e-3 * expected_sum);
}

TEST(Separation, IdenticalItemsStayTogether) {
  TestRandom random(6);
  Matrix items = RandomMatrix(random, 60, 9);
  for (Index i = 30; i < 60; ++i) items.row(i) = items.row(i - 30);
  Crowd crowd(items);
  crowd.Search();
  Matrix dz;
  crowd.Gradient(&dz);
  for (Index i = 0; i < 30; ++i) EXPECT_TRUE(SameBits(Matrix(dz.row(i)), Matrix(dz.row(i + 30)))) << i;
  // All items the same: there is nothing to separate.
  Matrix same(40, 9);
  same.rowwise() = items.row(0);
  Crowd one(same);
  one.Search();
  EXPECT_EQ(one.separation->targets(), 0);
}

TEST(Separation, ARowThatDoesNotTrainKeepsTheId) {
  Matrix items(2, 9);
  items.setOnes();
  items(0, 0) = 1.001f;
  TestRandom random(7);
  Matrix many = RandomMatrix(random, 40, 9);
  many.topRows(2) = items;
  Crowd crowd(many);
  crowd.codes.row(1) = crowd.codes.row(0);
  crowd.training.erase(crowd.training.begin());  // row 0 validates; training row 0 is row 1 of the catalogue
  crowd.separation = std::make_unique<Separation>(crowd.model.config(), 3, 0.05, 39);
  for (Index i = 2; i < 40; ++i) crowd.codes.row(i) << static_cast<uint32_t>(i % 8), static_cast<uint32_t>(i % 16);
  const Index sharing = Sharing(crowd.codes.bottomRows(38));
  crowd.Search();
  const uint32_t moved = 0;
  Matrix z(1, 6), dz = Matrix::Zero(1, 6);
  crowd.model.Latents(crowd.rows.data().row(1), z);
  double hinge = 0;
  crowd.separation->AddGradient(crowd.model.quantizer(), &moved, z, 1, {0, z.rows()}, dz, &hinge);
  EXPECT_FALSE(dz.isZero(0));
  EXPECT_GE(crowd.separation->targets(), 1);
  EXPECT_LE(crowd.separation->targets(), 1 + sharing);
}

TEST(Separation, ATargetStandsWhileItsRowIsThere) {
  TestRandom random(8);
  Crowd crowd(ClusteredRows(random, 150, 9, 12, 0.4));
  crowd.Search();
  Matrix before, after;
  crowd.Gradient(&before);
  // Every moved row arrives at its alternative: read off the gradient.
  const ResidualQuantizer& quantizer = crowd.model.quantizer();
  for (Index i = 0; i < 150; ++i) {
    if (before.row(i).isZero(0)) continue;
    const Matrix own = quantizer.codebook(0).row(crowd.codes(i, 0)) + quantizer.codebook(1).row(crowd.codes(i, 1));
    for (uint32_t a = 0; a < 8; ++a) {
      for (uint32_t b = 0; b < 16; ++b) {
        const Matrix other = quantizer.codebook(0).row(a) + quantizer.codebook(1).row(b);
        if (Close(before.row(i), 3 * (own - other), 1e-5)) crowd.codes.row(i) << a, b;
      }
    }
  }
  crowd.Search();
  crowd.Gradient(&after);
  for (Index i = 0; i < 150; ++i) {
    if (!before.row(i).isZero(0)) EXPECT_TRUE(SameBits(Matrix(before.row(i)), Matrix(after.row(i)))) << i;
  }
  // A row that went elsewhere loses its target.
  for (Index i = 0; i < 150; ++i) crowd.codes.row(i) << static_cast<uint32_t>(i % 8), static_cast<uint32_t>(i / 8 % 16);
  CodeMatrix distinct = crowd.codes.topRows(128);
  crowd.codes = distinct;
  crowd.training.resize(128);
  crowd.separation->Begin(crowd.Counted(), crowd.codes, crowd.training, 2, crowd.held);
  const SubsetRows source(&crowd.rows, crowd.training);
  while (crowd.separation->Advance(crowd.model, source)) {
  }
  EXPECT_LE(crowd.separation->targets(), 3);  // those that are by chance where their target is
}

// The search as its definition says it, each member compared with all others: the bytes of a Separation that found what
// it should, at first.
std::vector<uint8_t> NaiveTargets(const Crowd& crowd, double error) {
  constexpr Index kCandidates = 8;
  const auto n = static_cast<size_t>(crowd.codes.rows());
  using Id = std::vector<uint32_t>;
  auto id_of = [&](size_t row) {
    return Id{crowd.codes(static_cast<Index>(row), 0), crowd.codes(static_cast<Index>(row), 1)};
  };
  std::map<Id, std::vector<uint32_t>> members;  // training rows
  std::map<Id, bool> has_guest;
  std::set<Id> used;
  std::vector<Id> groups;  // in order of appearance
  for (size_t row = 0, next = 0; row < n; ++row) {
    if (used.insert(id_of(row)).second) groups.push_back(id_of(row));
    if (next < crowd.training.size() && crowd.training[next] == row) {
      members[id_of(row)].push_back(static_cast<uint32_t>(next++));
    } else {
      has_guest[id_of(row)] = true;
    }
  }
  struct Found {
    float own = 0;
    std::vector<std::pair<float, Id>> candidates;
  };
  const std::set<Id> taken_at_first = used;
  auto find = [&](uint32_t name) {
    const Index row = crowd.training[name];
    Matrix item(1, crowd.rows.dim()), z(1, 6), own(1, 6);
    const uint32_t at = static_cast<uint32_t>(row);
    crowd.rows.Read(&at, 1, item);
    crowd.model.Latents(item, z);
    crowd.model.quantizer().Lookup(crowd.codes.middleRows(row, 1), own);
    CodeMatrix codes(kCandidates, 2);
    std::vector<float> errors(kCandidates);
    crowd.model.quantizer().Candidates(z, kCandidates, codes, errors.data());
    Found found;
    for (Index j = 0; j < 6; ++j) found.own += (z(0, j) - own(0, j)) * (z(0, j) - own(0, j));
    for (Index c = 0; c < kCandidates && std::isfinite(errors[static_cast<size_t>(c)]); ++c) {
      const Id id = {codes(c, 0), codes(c, 1)};
      if (!taken_at_first.contains(id)) found.candidates.push_back({errors[static_cast<size_t>(c)], id});
    }
    return found;
  };
  std::vector<uint32_t> rows, taken, alternative;
  for (const Id& id : groups) {
    if (members[id].size() + (has_guest[id] ? 1 : 0) < 2) continue;
    std::vector<std::pair<Found, std::vector<uint32_t>>> classes;
    for (const uint32_t name : members[id]) {
      const Found found = find(name);
      auto same = std::find_if(classes.begin(), classes.end(), [&](const auto& other) {
        return other.first.own == found.own && other.first.candidates == found.candidates;
      });
      if (same == classes.end()) {
        classes.push_back({found, {name}});
      } else {
        same->second.push_back(name);
      }
    }
    auto gap = [](const auto& one) {
      return one.first.candidates.empty() ? std::numeric_limits<float>::infinity()
                                          : one.first.candidates[0].first - one.first.own;
    };
    std::stable_sort(classes.begin(), classes.end(), [&](const auto& a, const auto& b) { return gap(a) < gap(b); });
    if (!has_guest[id]) classes.pop_back();
    for (const auto& [found, names] : classes) {
      for (const auto& [_, free] : found.candidates) {
        if (!used.insert(free).second) continue;
        for (const uint32_t name : names) {
          rows.push_back(name);
          taken.insert(taken.end(), id.begin(), id.end());
          alternative.insert(alternative.end(), free.begin(), free.end());
        }
        break;
      }
    }
  }
  Archive archive;
  auto error_as_float = static_cast<float>(error);
  archive.Visit(error_as_float);
  std::vector<int32_t> of_row(crowd.training.size(), -1);
  for (size_t i = 0; i < rows.size(); ++i) of_row[rows[i]] = static_cast<int32_t>(i);
  archive.Visit(of_row);
  archive.Visit(taken);
  archive.Visit(alternative);
  return archive.bytes();
}

TEST(Separation, FindsTheTargetsOfTheDefinition) {
  TestRandom random(11);
  for (const int kind : {0, 1, 2, 3}) {
    Matrix items = kind == 0 ? ClusteredRows(random, 300, 9, 12, 0.4) : ClusteredRows(random, 700, 9, 40, 0.2);
    for (Index i = 0; i < 60; ++i) items.row(items.rows() - 1 - 3 * i) = items.row(3 * i);  // twins, apart
    Crowd crowd(items);
    if (kind == 2) crowd.codes.setZero();  // one group of all
    if (kind == 3) {                       // guests
      for (size_t i = crowd.training.size(); i-- > 0;) {
        if (i % 5 == 2) crowd.training.erase(crowd.training.begin() + static_cast<std::ptrdiff_t>(i));
      }
      crowd.separation =
          std::make_unique<Separation>(crowd.model.config(), 3, 0.05, static_cast<Index>(crowd.training.size()));
    }
    crowd.Search(1.5);
    EXPECT_GT(crowd.separation->targets(), 10);
    Archive archive;
    crowd.separation->Visit(archive, static_cast<Index>(crowd.training.size()));
    EXPECT_EQ(archive.bytes(), NaiveTargets(crowd, 1.5)) << kind;
  }
}

// Each slice sees a bounded number of members, and no member is compared with all others: the whole group at once, or
// each with each, would not end in the time of a test.
TEST(Separation, AGroupOfManyIsDoneInSlices) {
  TestRandom random(12);
  Crowd crowd(ClusteredRows(random, 60000, 3, 5000, 0.3));
  crowd.codes.setZero();
  crowd.separation->Begin(crowd.Counted(), crowd.codes, crowd.training, 1, crowd.held);
  const SubsetRows source(&crowd.rows, crowd.training);
  Index slices = 1;
  while (crowd.separation->Advance(crowd.model, source)) ++slices;
  // Members, groups, candidates by blocks, classes, and classes assigned 4,096 members at a time.
  EXPECT_GE(slices, 1 + 1 + 60000 / kRowBlock + 60000 / 4096);
  EXPECT_GT(crowd.separation->targets(), 100);
}

TEST(Separation, GoesThroughAnArchive) {
  TestRandom random(9);
  Crowd crowd(ClusteredRows(random, 150, 9, 12, 0.4));
  crowd.Search();
  Matrix before, after;
  const double sum = crowd.Gradient(&before);
  Archive writer;
  crowd.separation->Visit(writer, 150);
  crowd.separation = std::make_unique<Separation>(crowd.model.config(), 3, 0.05, 150);
  Archive reader(writer.bytes().data(), writer.bytes().size());
  crowd.separation->Visit(reader, 150);
  EXPECT_TRUE(reader.at_end());
  EXPECT_EQ(crowd.Gradient(&after), sum);
  EXPECT_TRUE(SameBits(before, after));
  Separation other(crowd.model.config(), 3, 0.05, 149);
  Archive again(writer.bytes().data(), writer.bytes().size());
  EXPECT_THROW(other.Visit(again, 149), Error);
}

// Rows that come to train change the names of the others, not their targets.
TEST(Separation, TargetsStayWithTheirRows) {
  TestRandom random(9);
  Crowd crowd(ClusteredRows(random, 150, 9, 12, 0.4));
  crowd.Search();
  ASSERT_GT(crowd.separation->targets(), 10);
  const Matrix z = RandomMatrix(random, 150, 6);
  auto hinges = [&](const std::vector<uint32_t>& row_ids) {
    Matrix dz = Matrix::Zero(150, 6);
    std::vector<double> found(150);
    crowd.separation->AddGradient(crowd.model.quantizer(), row_ids.data(), z, 1, {0, 150}, dz, found.data());
    return found;
  };
  std::vector<uint32_t> names(150), names_later(150), others(150);
  for (uint32_t i = 0; i < 150; ++i) {
    names[i] = i;
    names_later[i] = 2 * i + 1;
    others[i] = 2 * i;
  }
  const std::vector<double> before = hinges(names);
  EXPECT_GT(*std::max_element(before.begin(), before.end()), 0);
  crowd.separation->Join(names_later, 300);
  EXPECT_EQ(hinges(names_later), before);
  EXPECT_EQ(hinges(others), std::vector<double>(150, 0.0));
}

TEST(Separation, TrainingSeparatesItems) {
  TestRandom random(10);
  const MatrixRows rows(ClusteredRows(random, 400, 12, 30, 0.5));
  auto distinct = [&](double weight) {
    ModelConfig model_config = Crowd::Config(12);
    model_config.codebook_sizes = {32, 64};
    model_config.encode_beam = 4;
    Model model(model_config);
    TrainConfig config;
    config.epochs = 30;
    config.batch_size = 100;
    config.schedule = Schedule::kCosine;
    config.optimizer.learning_rate = 2e-3;
    config.evaluate_every = 2;
    config.separation_weight = weight;
    TrainJob job(&model, &rows, config);
    RunToEnd(job);
    for (const EpochRecord& record : job.history()) {
      EXPECT_NEAR(record.losses.loss, record.losses.reconstruction + record.losses.quantize + record.losses.separation,
                  1e-9 * record.losses.loss);
    }
    EXPECT_EQ(job.history().back().losses.separation > 0, weight > 0);
    return job.history().back().evaluation->ids.distinct_ids;
  };
  const Index without = distinct(0), with = distinct(10);
  EXPECT_LT(400 - with, (400 - without) / 2) << without << " -> " << with;
}

// Residual noise: what is added is the residual of some row at the start, with either sign, times the factor.
TEST(ResidualNoise, MovesTrainingOnlyAndFollowsTheSeed) {
  const MatrixRows rows(Catalogue(300, 20));
  auto train = [&](double noise) {
    Model model(SmallConfig(20));
    TrainConfig config = ShortTraining();
    config.residual_noise = noise;
    TrainJob job(&model, &rows, config);
    RunToEnd(job);
    return std::make_pair(Vector(model.store().values()), job.history().back().losses.reconstruction);
  };
  const auto none = train(0), some = train(1.0), again = train(1.0);
  EXPECT_EQ(some.first, again.first);
  EXPECT_NE(some.first, none.first);
  EXPECT_GT(some.second, none.second);
}

TEST(ResidualNoise, HasTheSpreadOfTheResiduals) {
  MatrixRows rows(Catalogue(600, 20));
  Model model(SmallConfig(20));
  InitializeJob job(&model, &rows);
  RunToEnd(job);
  Matrix target(600, 20), output(600, 20), scaled(600, 20), decoded(600, 20);
  model.Reconstruct(rows.data(), target, output);
  const Matrix residuals = target - output;
  CodeMatrix codes(600, model.config().levels());
  model.Encode(rows.data(), codes, nullptr);
  model.Decode(codes, decoded);
  Matrix rescaled(600, 20);
  ScaleInput(model, decoded, rescaled);
  ScaleInput(model, rows.data(), scaled);
  EXPECT_TRUE(Close(residuals, Matrix(scaled - rescaled), 1e-4));
  // One pool row of ones in one dimension: the noise is plus or minus the factor there and nothing elsewhere.
  Vector pool = Vector::Zero(20);
  pool[3] = 1;
  Archive written;
  written.Visit(pool);
  Archive archive(written.bytes().data(), written.bytes().size());
  ResidualNoise noise(0.7);
  noise.Visit(archive, 20);
  const StepTerms extras{.noise = &noise};
  TrainStep train_step(&model);
  std::vector<uint32_t> names(200);
  std::iota(names.begin(), names.end(), 0u);
  auto latents_with = [&](const StepTerms& with, const Matrix& items, uint64_t step) {
    train_step.Begin(200, step, with);
    train_step.Add(items, names.data());
    return Matrix(train_step.last_block()->residuals[0]);
  };
  const Matrix items = rows.data().topRows(200);
  const Matrix plain = latents_with({}, items, 0), noisy = latents_with(extras, items, 0);
  const float scale = model.store().value(model.store().Find("input.scale"))(0, 0);
  Matrix plus = items, minus = items;
  plus.col(3).array() += 0.7f * scale;
  minus.col(3).array() -= 0.7f * scale;
  const Matrix up = latents_with({}, plus, 0), down = latents_with({}, minus, 0);
  int ups = 0;
  for (Index i = 0; i < 200; ++i) {
    const bool is_up = static_cast<bool>(Close(Matrix(noisy.row(i)), Matrix(up.row(i)), 1e-4));
    EXPECT_TRUE(is_up || Close(Matrix(noisy.row(i)), Matrix(down.row(i)), 1e-4)) << i;
    ups += is_up ? 1 : 0;
  }
  EXPECT_GT(ups, 70);
  EXPECT_LT(ups, 130);
  EXPECT_FALSE(SameBits(latents_with(extras, items, 1), noisy)) << "another step, other signs";
  EXPECT_FALSE(SameBits(plain, noisy));
}

}  // namespace
}  // namespace rqvae
