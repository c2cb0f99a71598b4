#include "memory_need.h"

#include <cmath>
#include <string>

#include "error.h"

namespace rqvae {
namespace {

// Rounded up, so that it never reads like the limit that it exceeds.
std::string Gigabytes(double bytes) {
  const auto tenths = static_cast<int64_t>(std::ceil(std::min(bytes, 0x1p80) / 0x1p30 * 10));
  std::string text = std::to_string(tenths / 10);
  if (tenths % 10 != 0) text += "." + std::to_string(tenths % 10);
  return text + " GB";
}

}  // namespace

void RequireMemory(const MemoryNeed& need, double most) {
  const double total = need.total();
  if (total < most && need.buffer < most / 2) return;
  struct Part {
    double bytes;
    const char* name;
    const char* advice;
  };
  constexpr const char* kSmaller = "Make {hidden_dims}, {latent_dim} or {codebook_size} smaller";
  const Part parts[] = {
      {need.model, "the model", kSmaller},
      {need.items, "the items", "Give the items as an EmbeddingSource, which is read in pieces"},
      {need.optimizer, "the optimizer", kSmaller},
      {need.work, "initialising and training",
       "Make {hidden_dims}, {latent_dim} or {codebook_size} smaller, or use fewer items"},
      {need.batch, "balancing a batch",
       "Make {batch_size} smaller, or {codebook_size} at the levels with {sinkhorn_epsilon}"},
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
