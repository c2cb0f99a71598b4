#include "memory_need.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "error.h"
#include "initializer.h"

namespace rqvae {
namespace {

constexpr double kFloat = sizeof(float), kDouble = sizeof(double);

Index LargestCodebook(const ModelConfig& config) {
  return *std::max_element(config.codebook_sizes.begin(), config.codebook_sizes.end());
}

// Rounded up, so that it is never the limit that it exceeds.
std::string Gigabytes(double bytes) {
  const auto tenths = static_cast<int64_t>(std::ceil(std::min(bytes, 0x1p80) / 0x1p30 * 10));
  std::string text = std::to_string(tenths / 10);
  if (tenths % 10 != 0) text += "." + std::to_string(tenths % 10);
  return text + " GB";
}

// A buffer of so many numbers: what it takes, and whether it is the largest of all.
double Add(MemoryNeed& need, double bytes_each, double rows, double cols) {
  const double bytes = bytes_each * rows * cols;
  need.buffer = std::max(need.buffer, bytes);
  return bytes;
}

void AddStep(MemoryNeed& need, const Model& model, Index batch_size) {
  const ModelConfig& config = model.config();
  if (!config.balanced()) return;
  Index codes = 0;
  for (size_t l = 0; l < config.sinkhorn_epsilon.size(); ++l) {
    if (config.sinkhorn_epsilon[l] > 0) codes = std::max(codes, config.codebook_sizes[l]);
  }
  const auto rows = static_cast<double>(batch_size);
  // The costs and their transpose; latents and residuals.
  need.batch = 2 * Add(need, kFloat, rows, static_cast<double>(codes)) +
               2 * Add(need, kFloat, rows, static_cast<double>(config.latent_dim));
}

double AddInitialization(MemoryNeed& need, const Model& model, Index rows) {
  const ModelConfig& config = model.config();
  const auto sample = static_cast<double>(InitializeJob::SampleSize(config, rows));
  const auto dim = static_cast<double>(config.input_dim), latent = static_cast<double>(config.latent_dim);
  const auto codes = static_cast<double>(LargestCodebook(config));
  const bool pca = config.linear_skip == LinearSkip::kPca && !model.initialized();
  // The sample with PCA's covariance or with the latents, then k-means: the latents again, centres, their sums.
  const double latents = Add(need, kFloat, sample, latent);
  const double gathering = Add(need, kFloat, sample, dim) + std::max(pca ? Add(need, kFloat, dim, dim) : 0, latents);
  double clustering = 0;
  if (config.codebook_kmeans_init) {
    clustering = 2 * (latents + Add(need, kFloat, codes, latent) + Add(need, kDouble, codes, latent));
  }
  return NeedOf(model).model + std::max(gathering, clustering);  // all in a draft of the model
}

double HeldBytes(const Model& model, RowCounts counts) {
  return kFloat * static_cast<double>(counts.held) * static_cast<double>(model.config().input_dim);
}

}  // namespace

MemoryNeed NeedOf(const Model& model) {
  MemoryNeed need;
  need.model = Add(need, kFloat, static_cast<double>(model.store().size()), 1) +
               kFloat * static_cast<double>(model.quantizer().size());
  return need;
}

MemoryNeed NeedOfInitialization(const Model& model, RowCounts counts) {
  MemoryNeed need = NeedOf(model);
  need.items = HeldBytes(model, counts);
  need.work = AddInitialization(need, model, counts.rows);
  return need;
}

MemoryNeed NeedOfStep(const Model& model, Index batch_size) {
  MemoryNeed need = NeedOf(model);
  need.work = kFloat * static_cast<double>(model.store().size() + model.quantizer().step_size());
  AddStep(need, model, batch_size);
  return need;
}

MemoryNeed NeedOfTraining(const Model& model, RowCounts counts, const TrainConfig& config) {
  MemoryNeed need = NeedOfStep(model, std::min(config.batch_size, counts.rows));
  need.items = HeldBytes(model, counts);
  const double weights = kFloat * static_cast<double>(model.store().size());
  switch (config.optimizer.kind) {
    case OptimizerKind::kAdam:
    case OptimizerKind::kAdamW:
      need.optimizer = 4 * weights;  // two moments, and what they were before a step
      break;
    case OptimizerKind::kAdagrad:
      need.optimizer = 2 * weights;
      break;
    case OptimizerKind::kSgd:
      need.optimizer = config.optimizer.momentum != 0 ? 2 * weights : 0;
      break;
  }
  // The weights before a step, and the best ones by either measure; the codes of all rows, and their order twice.
  const auto rows = static_cast<double>(counts.rows);
  const double training = need.work + 3 * weights +
                          Add(need, kFloat, rows, static_cast<double>(model.config().levels())) + 2 * kFloat * rows;
  const double initialization = model.initialized() ? 0 : AddInitialization(need, model, counts.rows) + kFloat * rows;
  need.work = std::max(training, initialization - need.batch);
  return need;
}

void RequireMemory(const MemoryNeed& need, double most) {
  const double total = need.total();
  if (total < most && need.buffer < most / 2) return;
  struct Part {
    double bytes;
    const char* name;
    const char* advice;
  };
  constexpr const char* kSmaller = "Make {hiddenDims}, {latentDim} or {codebookSize} smaller";
  const Part parts[] = {
      {need.model, "the model", kSmaller},
      {need.items, "the items", "Give the items as an EmbeddingSource, which is read in pieces"},
      {need.optimizer, "the optimizer", kSmaller},
      {need.work, "initialising and training",
       "Make {hiddenDims}, {latentDim} or {codebookSize} smaller, or use fewer items"},
      {need.batch, "balancing a batch",
       "Make {batchSize} smaller, or {codebookSize} at the levels with {sinkhornEpsilon}"},
  };
  std::string text = "about " + Gigabytes(total) + " of memory would be needed";
  const Part* largest = parts;
  const char* before = ": ";
  for (const Part& part : parts) {
    if (part.bytes > largest->bytes) largest = &part;
    if (part.bytes < total / 64) continue;
    text += before;
    text += part.name;
    text += " " + Gigabytes(part.bytes);
    before = ", ";
  }
  throw Error(ErrorKind::kOutOfMemory, text + ". WebAssembly has " + Gigabytes(most) + " at most, and " +
                                           Gigabytes(most / 2) + " for one matrix, of which the largest would be " +
                                           Gigabytes(need.buffer) + ". " + largest->advice);
}

}  // namespace rqvae
