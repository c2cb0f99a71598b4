// Shapes whose sizes go beyond 32 bits, through the code that multiplies counts. Here they are small otherwise, so that
// they run as WebAssembly too, where a pointer has 32 bits.
#include <gtest/gtest.h>

#include <new>
#include <vector>

#include "beam_search.h"
#include "error.h"
#include "fingerprint.h"
#include "kmeans.h"
#include "memory_need.h"
#include "model.h"
#include "residual_quantizer.h"
#include "row_source.h"
#include "test_data.h"
#include "train_job.h"
#include "train_step.h"

namespace rqvae {
namespace {

SearchableCodebook Numbers(Index codes) {
  SearchableCodebook codebook;
  codebook.Prepare(Vector::LinSpaced(codes, -1, 1));
  return codebook;
}

TEST(Sizes, TablesOfProductsAreLeftOutWhereverTheyAreTooLarge) {
  const std::vector<std::vector<Index>> shapes = {
      {65536, 65536},                       // 2^32: 0 in 32 bits
      {65536, 65537},                       // 65,536 in 32 bits
      {32768, 65536},                       // 2^31: negative
      {27000, 27000, 27000},                // a sum beyond 2^31
      {46341, 46341},        {2048, 2049},  // 2^22 + 2048: the first beyond the limit
  };
  for (const std::vector<Index>& shape : shapes) {
    std::vector<SearchableCodebook> codebooks;
    for (const Index codes : shape) codebooks.push_back(Numbers(codes));
    CodeProducts products;
    products.Prepare(codebooks);
    EXPECT_TRUE(products.empty()) << shape[0] << " x " << shape[1];
  }
  CodeProducts products;
  products.Prepare({Numbers(2048), Numbers(2048)});
  EXPECT_FALSE(products.empty());
}

TEST(Sizes, KmeansWhereOneRowsWorkTimesTheBlockIsTwoToThe32) {
  // 256 rows x 4096 dimensions x 4096 codes = 2^32 multiplications a block.
  for (const Index dim : {Index{2}, Index{4096}}) {
    const Index codes = (Index{1} << 24) / dim;
    if (dim == 2 && sizeof(size_t) > 4) continue;  // nothing else natively, and slow under sanitizers
    TestRandom random(1);
    const Matrix data = RandomMatrix(random, 3, dim);
    KmeansJob job(&data, codes, Random(0, Stream::kKmeans, 0), {.max_iterations = 1});
    RunToEnd(job);
    EXPECT_EQ(job.inertia(), 0);
  }
}

TEST(Sizes, ModelsThatMemoryCannotHoldAreRefused) {
  ModelConfig config;
  config.input_dim = 3;
  config.hidden_dims = {65536, 65536};  // 2^32 weights
  // Declared, it is only numbers; natively they are compared with what WebAssembly has.
  auto refused = [](const ModelConfig& shape) {
    const Model model(shape, Part::kFull, Model::kDeclared);
    EXPECT_THROW(RequireMemory(NeedOf(model), 0x1p32), Error);
    if (sizeof(size_t) > 4) return;
    EXPECT_THROW(Model{shape}, Error);
  };
  refused(config);
  config.hidden_dims.assign(64, 1 << 24);
  refused(config);
  config.hidden_dims = {};
  config.latent_dim = 65536;
  config.codebook_sizes = {65536};
  refused(config);
  config.latent_dim = 4;
  config.codebook_sizes.assign(64, 1 << 24);
  refused(config);
}

TEST(Sizes, WhatAModelTakesIsKnownBeforeItIsMade) {
  ModelConfig config;
  config.input_dim = 12;
  config.latent_dim = 5;
  config.hidden_dims = {7};
  config.codebook_sizes = {11, 3};
  config.encode_beam = 2;
  const Model declared(config, Part::kFull, Model::kDeclared);
  const Model made(config);
  EXPECT_EQ(declared.store().values().size(), 0);
  EXPECT_EQ(declared.store().size(), made.store().values().size());
  EXPECT_EQ(NeedOf(declared).total(), NeedOf(made).total());
  // Panels of sixteen columns: of 11 and 3 codes, of the layers 12 -> 7 -> 5 -> 7 -> 12, and of the skips.
  const Index packed = 16 * (5 + 5 + 12 + 7 + 5 + 7 + 12 + 5);
  EXPECT_EQ(NeedOf(made).model, 4.0 * (made.store().values().size() + 14 * (2 * 5 + 2) + 33 + packed));

  const MatrixRows rows(1000, 12);  // enough that the initialisation takes more than a step
  TrainConfig train;
  train.batch_size = 64;
  const MemoryNeed need = NeedOfTraining(made, RowCounts::Of(rows), train);
  EXPECT_EQ(need.items, 4.0 * 1000 * 12);
  EXPECT_EQ(need.optimizer, 4.0 * 4 * made.store().values().size());
  EXPECT_EQ(need.batch, 0);
  EXPECT_GT(need.work, NeedOf(made).total());  // its initialisation works on a draft
  EXPECT_EQ(NeedOfTraining(declared, RowCounts::Of(rows), train).total(), need.total());
  train.validation_share = 0.5;  // half of the rows are not in the sample
  EXPECT_LT(NeedOfTraining(made, RowCounts::Of(rows), train).work, need.work);
  train.validation_until = 0.5;  // in the end all are, beside the best weights
  EXPECT_GT(NeedOfTraining(made, RowCounts::Of(rows), train).work, need.work);

  EXPECT_EQ(NeedOfStep(made, 64).work, 4.0 * (made.store().size() + 14 * 5));
  config.sinkhorn_epsilon = {0, 0.1};
  config.codebook_sizes = {9, 1000};
  EXPECT_EQ(NeedOfStep(Model(config, Part::kFull, Model::kDeclared), 64).batch, 4.0 * 2 * 64 * (1000 + 5));
}

TEST(Sizes, TheRefusalNamesTheNumbersAndWhatToDo) {
  try {
    RequireMemory({.model = 0x1p30, .items = 0x1p29, .batch = 0x1p34, .buffer = 0x1p33}, 0x1p32);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kOutOfMemory);
    EXPECT_STREQ(e.what(),
                 "about 17.5 GB of memory would be needed: the model 1 GB, the items 0.5 GB, balancing a batch 16 GB. "
                 "WebAssembly has 4 GB at most, and 2 GB for one matrix, of which the largest would be 8 GB. Make "
                 "{batch_size} smaller, or {codebook_size} at the levels with {sinkhorn_epsilon}");
  }
  RequireMemory({.model = 0x1p32 - 1, .buffer = 0x1p31 - 1}, 0x1p32);
  EXPECT_THROW(RequireMemory({.model = 0x1p31, .buffer = 0x1p31}, 0x1p32), Error);
}

TEST(Sizes, AnAllocatedModelIsZeroUntilItIsFilled) {
  ModelConfig config;
  config.input_dim = 4;
  const Model made(config);
  Model model(config, Part::kFull, Model::kDeclared);
  model.Allocate();
  EXPECT_TRUE(model.store().values().isZero(0));
  model.store().values() = made.store().values();
  model.ParametersChanged();
  EXPECT_EQ(Fingerprint(model), Fingerprint(made));
}

TEST(Sizes, RowsThatMemoryCannotHoldAreRefused) {
  if (sizeof(size_t) > 4) return;
  EXPECT_THROW(MatrixRows(65536, 65536), std::bad_alloc);
  EXPECT_THROW(MatrixRows(65537, 65536), std::bad_alloc);
  EXPECT_THROW(MatrixRows((Index{1} << 31) - 1, (Index{1} << 24)), std::bad_alloc);
}

TEST(Sizes, BalancedAssignmentThatMemoryCannotHoldIsRefused) {
  if (sizeof(size_t) > 4) return;  // 17 GB, which a machine may have
  ModelConfig config;
  config.input_dim = 2;
  config.latent_dim = 1;
  config.hidden_dims = {};
  config.linear_skip = LinearSkip::kNone;
  config.codebook_sizes = {65536};
  config.sinkhorn_epsilon = {0.05};
  const Model model(config);
  TestRandom random(1);
  const Matrix z = RandomMatrix(random, 65536, 1);
  CodeMatrix codes(z.rows(), 1);
  EXPECT_THROW(model.quantizer().AssignBatch(z, codes), std::bad_alloc);
  Model trained(config);
  EXPECT_THROW(TrainStep(&trained).Begin(65536, 0), Error);
  const Matrix few = z.topRows(2);
  CodeMatrix of_few(2, 1);
  model.quantizer().AssignBatch(few, of_few);
}

}  // namespace
}  // namespace rqvae
