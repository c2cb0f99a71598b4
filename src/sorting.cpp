#include "sorting.h"

#include <algorithm>
#include <cstring>

namespace rqvae {

uint64_t OrderedKey(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  // Positive floats order as their bits; negative ones the other way round and below.
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

void SortRows(std::vector<KeyedRow>& rows) {
  std::make_heap(rows.begin(), rows.end());
  std::sort_heap(rows.begin(), rows.end());
}

void SelectSmallest(std::vector<KeyedRow>& rows, size_t count) {
  if (count >= rows.size()) return;
  const auto end = rows.begin() + static_cast<std::ptrdiff_t>(count);
  std::make_heap(rows.begin(), end);
  for (auto next = end; next != rows.end(); ++next) {
    if (count == 0 || !(*next < rows.front())) continue;
    std::pop_heap(rows.begin(), end);
    std::swap(*(end - 1), *next);
    std::push_heap(rows.begin(), end);
  }
}

}  // namespace rqvae
