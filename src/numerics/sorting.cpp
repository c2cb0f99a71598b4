#include "sorting.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace rqvae {
namespace {

constexpr size_t kFewRows = 256;  // fewer are sorted sooner than counters are cleared

}  // namespace

uint64_t OrderedKey(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  // Positive floats are ordered as their bits are, negative ones in reverse and below.
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

void SortRows(std::vector<KeyedRow>& rows) {
  if (rows.size() < kFewRows) {
    std::make_heap(rows.begin(), rows.end());
    std::sort_heap(rows.begin(), rows.end());
    return;
  }
  // A radix sort, from the least significant byte of the row to the most significant one of the key. Each pass keeps
  // the order of rows with equal bytes.
  std::vector<KeyedRow> other(rows.size());
  for (int byte = 0; byte < 12; ++byte) {
    auto digit = [byte](const KeyedRow& one) {
      return static_cast<size_t>(byte < 4 ? one.row >> (8 * byte) : one.key >> (8 * (byte - 4))) & 255;
    };
    size_t places[256] = {};
    for (const KeyedRow& one : rows) ++places[digit(one)];
    if (places[digit(rows[0])] == rows.size()) continue;  // one digit for all
    size_t next = 0;
    for (size_t& place : places) next += std::exchange(place, next);
    for (const KeyedRow& one : rows) other[places[digit(one)]++] = one;
    rows.swap(other);
  }
}

}  // namespace rqvae
