// Where a job reads its rows from, and which of them are for what.
#ifndef RQVAE_ROW_SOURCE_H_
#define RQVAE_ROW_SOURCE_H_

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "matrix.h"

namespace rqvae {

class RowSource {
 public:
  // Rows that a pass over many announces at a time.
  static constexpr Index kPiece = 4096;

  virtual ~RowSource() = default;
  virtual Index rows() const = 0;
  virtual Index dim() const = 0;
  // Rows that it keeps in memory.
  virtual Index held() const = 0;
  // Copies the given rows, in the given order.  out: count x dim.
  // Streamed rows throw RowsMissing when they are not there yet: a slice of a job reads before it changes anything, so
  // that it can be begun again.
  virtual void Read(const uint32_t* rows, Index count, MatrixRef out) const = 0;
  // Says which rows, in any order, the next calls of Read will ask for: streamed rows fetch them together. Saying it
  // again changes nothing.
  virtual void Want(const uint32_t* /*rows*/, Index /*count*/) const {}

  // A pass over listed rows: reads names[first], names[first + 1], ... and announces them piece by piece.
  // out: count x dim.
  void ReadListed(const std::vector<uint32_t>& names, Index first, MatrixRef out) const;
  // A pass over all rows: first, first + 1, ...
  void ReadInOrder(Index first, MatrixRef out) const;
};

// Rows in memory; owns them. Not a Matrix: Eigen's end at 2 GiB in WebAssembly.
class MatrixRows : public RowSource {
 public:
  // To be filled. Throws std::bad_alloc for more than the memory can hold.
  MatrixRows(Index rows, Index dim);
  explicit MatrixRows(const Matrix& data);
  Index rows() const override { return rows_; }
  Index dim() const override { return dim_; }
  Index held() const override { return rows_; }
  void Read(const uint32_t* rows, Index count, MatrixRef out) const override;
  MatrixMap data() { return MatrixMap(data_.get(), rows_, dim_); }

 private:
  struct Free {
    void operator()(float* data) const { std::free(data); }
  };
  Index rows_;
  Index dim_;
  std::unique_ptr<float, Free> data_;
};

// What StreamedRows::Read throws; nothing has changed.
struct RowsMissing {};

// Rows that are somewhere else. Some are in a buffer, which whoever drives the job fills: when Read throws RowsMissing,
// it fetches the rows that Take() names and lets the job go on.
class StreamedRows : public RowSource {
 public:
  StreamedRows(Index rows, Index dim) : rows_(rows), dim_(dim) {}
  Index rows() const override { return rows_; }
  Index dim() const override { return dim_; }
  Index held() const override { return std::min(rows_, kPiece); }
  void Read(const uint32_t* rows, Index count, MatrixRef out) const override;
  void Want(const uint32_t* rows, Index count) const override;

  // Puts what Read missed in the place of what is in the buffer: the announced rows if these were among them, else
  // just these. Returns where their values belong, count() x dim, in the order of names(): the caller writes all of
  // them before the next Read. The buffer grows without copying and keeps the largest size it had. Throws
  // std::bad_alloc.
  float* Take();
  const std::vector<uint32_t>& names() const { return names_; }  // ascending, each once

 private:
  Index rows_;
  Index dim_;
  std::vector<uint32_t> names_;              // of the rows in the buffer
  mutable std::vector<uint32_t> announced_;  // ascending, each once
  mutable std::vector<uint32_t> missed_;     // what Read asked for, if that was not among them
  std::unique_ptr<MatrixRows> buffer_;
};

// Some rows of another source, which must outlive this.
class SubsetRows : public RowSource {
 public:
  SubsetRows(const RowSource* source, std::vector<uint32_t> names) : source_(source), names_(std::move(names)) {}
  Index rows() const override { return static_cast<Index>(names_.size()); }
  Index dim() const override { return source_->dim(); }
  Index held() const override { return source_->held(); }
  void Read(const uint32_t* rows, Index count, MatrixRef out) const override;
  void Want(const uint32_t* rows, Index count) const override;
  const std::vector<uint32_t>& names() const { return names_; }

 private:
  std::vector<uint32_t> Names(const uint32_t* rows, Index count) const;  // in the source

  const RowSource* source_;
  std::vector<uint32_t> names_;
};

}  // namespace rqvae

#endif  // RQVAE_ROW_SOURCE_H_
