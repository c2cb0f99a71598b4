// A set of IDs (rows of codes), numbered by first appearance, which groups items by ID; and a set of rows of floats.
#ifndef RQVAE_ID_TABLE_H_
#define RQVAE_ID_TABLE_H_

#include <vector>

#include "matrix.h"

namespace rqvae {

class IdTable {
 public:
  explicit IdTable(Index levels) : levels_(static_cast<size_t>(levels)) {}
  // Makes room for this many IDs, so that the next Adds need not move the existing ones.
  void Reserve(Index ids);

  // The number of an ID, which is added if it is new: 0, 1, 2, ... in order of appearance. codes: L.
  uint32_t Add(const uint32_t* codes);
  bool Contains(const uint32_t* codes) const;
  Index size() const { return static_cast<Index>(ids_.size() / levels_); }

 private:
  // Open addressing on the hash of the codes; equality is always checked on the codes themselves.
  size_t Slot(const uint32_t* codes) const;
  void Rehash(size_t slots);

  size_t levels_;
  std::vector<uint32_t> slots_;  // number of an ID, or kEmpty
  std::vector<uint32_t> ids_;    // codes, L each
};

// Tells whether a row of floats was seen before; 0 and -0 are equal.
class DistinctRows {
 public:
  explicit DistinctRows(Index dim) : rows_(dim), bits_(static_cast<size_t>(dim)) {}
  bool Add(const float* row);  // true the first time

 private:
  IdTable rows_;
  std::vector<uint32_t> bits_;
};

}  // namespace rqvae

#endif  // RQVAE_ID_TABLE_H_
