// Sorting rows by a key: one small function for the whole core, where the standard library's template would be compiled
// anew for every use (the wasm has a budget). The time grows with the number of rows only.
#ifndef RQVAE_SORTING_H_
#define RQVAE_SORTING_H_

#include <cstdint>
#include <vector>

namespace rqvae {

struct KeyedRow {
  uint64_t key;
  uint32_t row;
  bool operator<(const KeyedRow& other) const { return key != other.key ? key < other.key : row < other.row; }
};

// A key that orders floats as their values do.
uint64_t OrderedKey(float value);

// By key, equal ones by row.
void SortRows(std::vector<KeyedRow>& rows);

}  // namespace rqvae

#endif  // RQVAE_SORTING_H_
