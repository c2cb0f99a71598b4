// Sorting and selecting rows by a key: one small function of each for the whole core, where the standard library's
// templates would be compiled anew for every use (the wasm has a budget).
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

// Reorders so that the `count` smallest come first, in any order.
void SelectSmallest(std::vector<KeyedRow>& rows, size_t count);

}  // namespace rqvae

#endif  // RQVAE_SORTING_H_
