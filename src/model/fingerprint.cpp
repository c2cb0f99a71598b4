#include "fingerprint.h"

#include "hash.h"

namespace rqvae {

uint64_t Fingerprint(const Model& model) {
  const ModelConfig& config = model.config();
  const ParameterStore& store = model.store();
  uint64_t hash = kNumericsVersion;
  auto add = [&hash](const void* data, size_t size) { hash = HashBytes(data, size, hash); };
  const uint32_t functions[] = {static_cast<uint32_t>(config.activation), static_cast<uint32_t>(config.compat),
                                static_cast<uint32_t>(config.input_scaling), static_cast<uint32_t>(config.encode_beam)};
  add(functions, sizeof functions);
  // Only if it has an effect, so that other models keep the fingerprints from before this weight existed.
  const auto weight = static_cast<float>(config.first_code_weight);
  if (weight > 0 && config.encode_beam > 1) add(&weight, sizeof weight);
  for (Index handle = 0; handle < store.count(); ++handle) {
    const Parameter& p = store.parameter(handle);
    if (p.group == ParameterGroup::kDecoder || p.group == ParameterGroup::kState) continue;
    add(p.name.data(), p.name.size());
    for (const Index extent : p.shape) {
      const auto fixed = static_cast<uint64_t>(extent);
      add(&fixed, sizeof fixed);
    }
    add(store.values().data() + p.offset, sizeof(float) * static_cast<size_t>(p.size));
  }
  return hash;
}

}  // namespace rqvae
