#include "row_source.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <numeric>

#include "sorting.h"

namespace rqvae {

void RowSource::ReadListed(const std::vector<uint32_t>& names, Index first, MatrixRef out) const {
  const uint32_t* const from = names.data() + first;
  if (first % kPiece == 0) Want(from, std::min(kPiece, static_cast<Index>(names.size()) - first));
  Read(from, out.rows(), out);
}

void RowSource::ReadInOrder(Index first, MatrixRef out) const {
  std::vector<uint32_t> names(static_cast<size_t>(first % kPiece == 0 ? std::min(kPiece, rows() - first) : out.rows()));
  std::iota(names.begin(), names.end(), static_cast<uint32_t>(first));
  if (first % kPiece == 0) Want(names.data(), static_cast<Index>(names.size()));
  Read(names.data(), out.rows(), out);
}

MatrixRows::MatrixRows(Index rows, Index dim) : rows_(rows), dim_(dim) {
  const uint64_t bytes = sizeof(float) * static_cast<uint64_t>(rows) * static_cast<uint64_t>(dim);
  if (bytes <= SIZE_MAX)
    data_.reset(static_cast<float*>(std::malloc(static_cast<size_t>(std::max<uint64_t>(bytes, 1)))));
  if (!data_) throw std::bad_alloc();
}

MatrixRows::MatrixRows(const Matrix& data) : MatrixRows(data.rows(), data.cols()) {
  std::copy_n(data.data(), data.size(), data_.get());
}

void MatrixRows::Read(const uint32_t* rows, Index count, MatrixRef out) const {
  // Offsets in unsigned arithmetic: in WebAssembly they go beyond what a signed one holds.
  const size_t row_bytes = sizeof(float) * static_cast<size_t>(dim_);
  const auto begin = reinterpret_cast<uintptr_t>(data_.get());
  for (Index i = 0; i < count; ++i) {
    std::memcpy(out.row(i).data(), reinterpret_cast<const void*>(begin + row_bytes * rows[i]), row_bytes);
  }
}

namespace {

// Ascending, each once.
std::vector<uint32_t> Sorted(const uint32_t* rows, Index count) {
  std::vector<KeyedRow> keyed(static_cast<size_t>(count));
  for (Index i = 0; i < count; ++i) keyed[static_cast<size_t>(i)] = {0, rows[i]};
  SortRows(keyed);
  std::vector<uint32_t> sorted;
  sorted.reserve(keyed.size());
  for (const KeyedRow& one : keyed) {
    if (sorted.empty() || sorted.back() != one.row) sorted.push_back(one.row);
  }
  return sorted;
}

// Where a row is in an ascending list; its size if it is not there.
size_t Find(const std::vector<uint32_t>& sorted, uint32_t row) {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), row);
  return at != sorted.end() && *at == row ? static_cast<size_t>(at - sorted.begin()) : sorted.size();
}

}  // namespace

void StreamedRows::Read(const uint32_t* rows, Index count, MatrixRef out) const {
  if (count == 0) return;
  std::vector<uint32_t> places(static_cast<size_t>(count));
  for (Index i = 0; i < count; ++i) {
    const size_t place = Find(names_, rows[i]);
    if (place < names_.size()) {
      places[static_cast<size_t>(i)] = static_cast<uint32_t>(place);
      continue;
    }
    missed_.clear();
    for (Index j = 0; j < count; ++j) {
      if (Find(announced_, rows[j]) < announced_.size()) continue;
      missed_ = Sorted(rows, count);
      break;
    }
    throw RowsMissing();
  }
  buffer_->Read(places.data(), count, out);
}

void StreamedRows::Want(const uint32_t* rows, Index count) const { announced_ = Sorted(rows, count); }

float* StreamedRows::Take() {
  names_.clear();  // whatever happens, the buffer no longer holds what it did
  const std::vector<uint32_t>& wanted = missed_.empty() ? announced_ : missed_;
  const auto count = static_cast<Index>(wanted.size());
  if (!buffer_ || buffer_->rows() < count) {
    buffer_.reset();  // first: the old one is of no use
    buffer_ = std::make_unique<MatrixRows>(count, dim_);
  }
  names_ = wanted;
  missed_.clear();
  return buffer_->data().data();
}

std::vector<uint32_t> SubsetRows::Names(const uint32_t* rows, Index count) const {
  std::vector<uint32_t> names(static_cast<size_t>(count));
  for (Index i = 0; i < count; ++i) names[static_cast<size_t>(i)] = names_[rows[i]];
  return names;
}

void SubsetRows::Read(const uint32_t* rows, Index count, MatrixRef out) const {
  source_->Read(Names(rows, count).data(), count, out);
}

void SubsetRows::Want(const uint32_t* rows, Index count) const { source_->Want(Names(rows, count).data(), count); }

}  // namespace rqvae
