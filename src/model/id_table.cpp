#include "id_table.h"

#include <algorithm>
#include <cstring>

#include "hash.h"

namespace rqvae {
namespace {

constexpr uint32_t kEmpty = UINT32_MAX;

}  // namespace

size_t IdTable::Slot(const uint32_t* codes) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = HashBytes(codes, sizeof(uint32_t) * levels_) & mask;
  while (slots_[slot] != kEmpty && !std::equal(codes, codes + levels_, &ids_[slots_[slot] * levels_])) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

void IdTable::Reserve(Index ids) {
  size_t slots = 16;
  while (slots < 2 * static_cast<size_t>(ids)) slots *= 2;
  if (slots > slots_.size()) Rehash(slots);
}

void IdTable::Rehash(size_t slots) {
  slots_.assign(slots, kEmpty);
  for (uint32_t id = 0; id < static_cast<uint32_t>(size()); ++id) slots_[Slot(&ids_[id * levels_])] = id;
}

uint32_t IdTable::Add(const uint32_t* codes) {
  if (2 * static_cast<size_t>(size() + 1) > slots_.size()) Rehash(std::max<size_t>(16, 2 * slots_.size()));
  uint32_t& slot = slots_[Slot(codes)];
  if (slot == kEmpty) {
    slot = static_cast<uint32_t>(size());
    ids_.insert(ids_.end(), codes, codes + levels_);
  }
  return slot;
}

bool DistinctRows::Add(const float* row) {
  for (size_t j = 0; j < bits_.size(); ++j) {
    const float value = row[j] + 0.0f;  // -0 becomes 0
    std::memcpy(&bits_[j], &value, sizeof value);
  }
  const Index before = rows_.size();
  rows_.Add(bits_.data());
  return rows_.size() > before;
}

bool IdTable::Contains(const uint32_t* codes) const { return !slots_.empty() && slots_[Slot(codes)] != kEmpty; }

}  // namespace rqvae
