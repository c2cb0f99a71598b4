// Where a job reads its rows from.
//
// Rows are in memory (MatrixRows) or come from elsewhere, a part at a time (StreamedRows). A job reads both the same
// way and never waits. Jobs, sources and whoever drives the job keep this contract:
//
//   job      calls Prefetch(rows) with the rows that it is going to read, before the first of them: once for a piece or
//            a window of them. That is optional and only makes fetches fewer and larger. It calls Foresee with the rows
//            of the piece or window after that, so that the driver can fetch them while the job works.
//   job      calls Read(rows) in a slice before the slice changes anything. If Read throws RowsMissing, the slice has
//            done nothing, and the same slice can begin again.
//   driver   catches RowsMissing from Advance(), calls MakeRoom(), writes the values of row_ids() to the address that
//   it
//            returns and calls Advance() again. The same slice then finds its rows.
//
//                 Advance                          Advance
//      driver -----------------> job    MakeRoom, ----------------> job
//                                 | Read  write                      | Read
//             <-- RowsMissing ----+       values                     +--> rows
//
// In memory are at a time the rows announced last or, if a job did not announce its rows, those of one Read.
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
  // How many rows a pass over many announces at a time.
  static constexpr Index kPiece = 4096;

  virtual ~RowSource() = default;
  virtual Index rows() const = 0;
  virtual Index dim() const = 0;
  virtual Index held() const = 0;  // rows that it keeps in memory
  // Copies the given rows, in the given order. Throws RowsMissing if a row is not in memory yet. out: count x dim.
  virtual void Read(const uint32_t* row_ids, Index count, MatrixRef out) const = 0;
  // Announces which rows, in any order, the next calls of Read will ask for, replacing the previous announcement.
  // Announcing them again changes nothing.
  virtual void Prefetch(const uint32_t* /*row_ids*/, Index /*count*/) const {}
  // Tells which rows will probably be announced next, replacing what was told before. No result depends on it.
  virtual void Foresee(const uint32_t* /*row_ids*/, Index /*count*/) const {}

  // One step of a pass over listed rows: reads row_ids[first], row_ids[first + 1], ... The steps of a pass come in
  // order, and some of them begin at the multiples of kPiece: there it announces the next piece.  out: count x dim.
  void ReadListed(const std::vector<uint32_t>& row_ids, Index first, MatrixRef out) const;
  // The same for a pass over all rows: reads first, first + 1, ...
  void ReadInOrder(Index first, MatrixRef out) const;

 private:
  // Announces a piece, and foresees the rows after it.
  void PrefetchPiece(const uint32_t* row_ids, Index count) const;
};

// Rows in memory, which it owns. They are not in a Matrix because Eigen's end at 2 GiB in WebAssembly.
class MatrixRows : public RowSource {
 public:
  // The caller fills data(). Throws std::bad_alloc for more than memory can hold.
  MatrixRows(Index rows, Index dim);
  explicit MatrixRows(const Matrix& data);
  Index rows() const override { return rows_; }
  Index dim() const override { return dim_; }
  Index held() const override { return rows_; }
  void Read(const uint32_t* row_ids, Index count, MatrixRef out) const override;
  MatrixMap data() { return MatrixMap(data_.get(), rows_, dim_); }

 private:
  struct Free {
    void operator()(float* data) const { std::free(data); }
  };
  Index rows_;
  Index dim_;
  std::unique_ptr<float, Free> data_;
};

// Thrown by Read if a row is not in memory yet. Read has then written nothing and has recorded what to fetch.
struct RowsMissing {};

// Rows that are stored elsewhere. Some of them are in a buffer, which the driver of the job fills.
class StreamedRows : public RowSource {
 public:
  StreamedRows(Index rows, Index dim) : rows_(rows), dim_(dim) {}
  Index rows() const override { return rows_; }
  Index dim() const override { return dim_; }
  Index held() const override { return std::min(rows_, kPiece); }
  void Read(const uint32_t* row_ids, Index count, MatrixRef out) const override;
  void Prefetch(const uint32_t* row_ids, Index count) const override;
  void Foresee(const uint32_t* row_ids, Index count) const override;

  // Empties the buffer and makes room for what Read missed: all announced rows if the missed ones were among them, else
  // just the rows of that Read. Returns where the values of row_ids() belong, row after row in that order; the caller
  // writes all of them before the next Read. The buffer grows without copying and keeps the largest size that it had.
  // Throws std::bad_alloc.
  float* MakeRoom();
  const std::vector<uint32_t>& row_ids() const { return row_ids_; }  // ascending, each once
  // The rows that will be missed next, if the job knows them; ascending, each once.
  const std::vector<uint32_t>& foreseen() const { return foreseen_; }

 private:
  void NoteMissed(const uint32_t* row_ids, Index count) const;

  Index rows_;
  Index dim_;
  std::vector<uint32_t> row_ids_;            // of the rows in the buffer
  mutable std::vector<uint32_t> announced_;  // ascending, each once
  mutable std::vector<uint32_t> foreseen_;   // ascending, each once
  mutable std::vector<uint32_t> missed_;     // what the last Read asked for, unless all of it was announced
  std::unique_ptr<MatrixRows> buffer_;
};

// Some rows of another source, which must outlive this.
class SubsetRows : public RowSource {
 public:
  SubsetRows(const RowSource* source, std::vector<uint32_t> row_ids) : source_(source), row_ids_(std::move(row_ids)) {}
  Index rows() const override { return static_cast<Index>(row_ids_.size()); }
  Index dim() const override { return source_->dim(); }
  Index held() const override { return source_->held(); }
  void Read(const uint32_t* places, Index count, MatrixRef out) const override;
  void Prefetch(const uint32_t* places, Index count) const override;
  void Foresee(const uint32_t* places, Index count) const override;
  const std::vector<uint32_t>& row_ids() const { return row_ids_; }  // in the source

 private:
  std::vector<uint32_t> RowIds(const uint32_t* places, Index count) const;

  const RowSource* source_;
  std::vector<uint32_t> row_ids_;
};

}  // namespace rqvae

#endif  // RQVAE_ROW_SOURCE_H_
