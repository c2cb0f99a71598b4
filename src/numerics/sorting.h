// Sorts rows by a key. The whole core shares this one small function: every use of the standard library's template
// would be compiled anew, and the wasm has a budget. The time grows linearly with the number of rows.
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

// Sorts by key, equal keys by row.
void SortRows(std::vector<KeyedRow>& rows);

}  // namespace rqvae

#endif  // RQVAE_SORTING_H_
