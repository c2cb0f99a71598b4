#include "row_source.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <numeric>

#include "sorting.h"

namespace rqvae {

void RowSource::ReadListed(const std::vector<uint32_t>& row_ids, Index first, MatrixRef out) const {
  const uint32_t* const from = row_ids.data() + first;
  if (first % kPiece == 0) PrefetchPiece(from, std::min(2 * kPiece, static_cast<Index>(row_ids.size()) - first));
  Read(from, out.rows(), out);
}

void RowSource::ReadInOrder(Index first, MatrixRef out) const {
  const bool new_piece = first % kPiece == 0;
  std::vector<uint32_t> row_ids(static_cast<size_t>(new_piece ? std::min(2 * kPiece, rows() - first) : out.rows()));
  std::iota(row_ids.begin(), row_ids.end(), static_cast<uint32_t>(first));
  if (new_piece) PrefetchPiece(row_ids.data(), static_cast<Index>(row_ids.size()));
  Read(row_ids.data(), out.rows(), out);
}

void RowSource::PrefetchPiece(const uint32_t* row_ids, Index count) const {
  const Index piece = std::min(kPiece, count);
  Prefetch(row_ids, piece);
  Foresee(row_ids + piece, count - piece);
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

void MatrixRows::Read(const uint32_t* row_ids, Index count, MatrixRef out) const {
  // Unsigned arithmetic: in WebAssembly the offsets exceed a signed address.
  const size_t row_bytes = sizeof(float) * static_cast<size_t>(dim_);
  const auto begin = reinterpret_cast<uintptr_t>(data_.get());
  for (Index i = 0; i < count; ++i) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): see above
    std::memcpy(out.row(i).data(), reinterpret_cast<const void*>(begin + row_bytes * row_ids[i]), row_bytes);
  }
}

namespace {

// Row IDs in ascending order, each once.
std::vector<uint32_t> Sorted(const uint32_t* row_ids, Index count) {
  std::vector<KeyedRow> keyed(static_cast<size_t>(count));
  for (Index i = 0; i < count; ++i) keyed[static_cast<size_t>(i)] = {0, row_ids[i]};
  SortRows(keyed);
  std::vector<uint32_t> sorted;
  sorted.reserve(keyed.size());
  for (const KeyedRow& one : keyed) {
    if (sorted.empty() || sorted.back() != one.row) sorted.push_back(one.row);
  }
  return sorted;
}

// The position of a row in a sorted list, or the list's size.
size_t Find(const std::vector<uint32_t>& sorted, uint32_t row_id) {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), row_id);
  return at != sorted.end() && *at == row_id ? static_cast<size_t>(at - sorted.begin()) : sorted.size();
}

}  // namespace

void StreamedRows::Read(const uint32_t* row_ids, Index count, MatrixRef out) const {
  if (count == 0) return;
  std::vector<uint32_t> places(static_cast<size_t>(count));
  for (Index i = 0; i < count; ++i) {
    const size_t place = Find(row_ids_, row_ids[i]);
    if (place == row_ids_.size()) {
      NoteMissed(row_ids, count);
      throw RowsMissing();
    }
    places[static_cast<size_t>(i)] = static_cast<uint32_t>(place);
  }
  buffer_->Read(places.data(), count, out);
}

void StreamedRows::NoteMissed(const uint32_t* row_ids, Index count) const {
  const bool announced = std::all_of(row_ids, row_ids + count,
                                     [this](uint32_t row_id) { return Find(announced_, row_id) < announced_.size(); });
  missed_ = announced ? std::vector<uint32_t>() : Sorted(row_ids, count);
}

void StreamedRows::Prefetch(const uint32_t* row_ids, Index count) const { announced_ = Sorted(row_ids, count); }

void StreamedRows::Foresee(const uint32_t* row_ids, Index count) const { foreseen_ = Sorted(row_ids, count); }

float* StreamedRows::MakeRoom() {
  row_ids_.clear();  // first, since the buffer loses its contents if an allocation fails
  const std::vector<uint32_t>& next = missed_.empty() ? announced_ : missed_;
  const auto count = static_cast<Index>(next.size());
  if (!buffer_ || buffer_->rows() < count) {
    buffer_.reset();  // first, since its rows are no longer needed
    buffer_ = std::make_unique<MatrixRows>(count, dim_);
  }
  row_ids_ = next;
  if (!missed_.empty()) foreseen_.clear();  // by another pass
  missed_.clear();
  return buffer_->data().data();
}

std::vector<uint32_t> SubsetRows::RowIds(const uint32_t* places, Index count) const {
  std::vector<uint32_t> row_ids(static_cast<size_t>(count));
  for (Index i = 0; i < count; ++i) row_ids[static_cast<size_t>(i)] = row_ids_[places[i]];
  return row_ids;
}

void SubsetRows::Read(const uint32_t* places, Index count, MatrixRef out) const {
  source_->Read(RowIds(places, count).data(), count, out);
}

void SubsetRows::Prefetch(const uint32_t* places, Index count) const {
  source_->Prefetch(RowIds(places, count).data(), count);
}

void SubsetRows::Foresee(const uint32_t* places, Index count) const {
  source_->Foresee(RowIds(places, count).data(), count);
}

}  // namespace rqvae
