// Where a job reads its rows from, and which of them are for what.
#ifndef RQVAE_ROW_SOURCE_H_
#define RQVAE_ROW_SOURCE_H_

#include <utility>
#include <vector>

#include "matrix.h"

namespace rqvae {

class RowSource {
 public:
  virtual ~RowSource() = default;
  virtual Index rows() const = 0;
  virtual Index dim() const = 0;
  // Copies the given rows, in the given order.  out: count x dim.
  virtual void Read(const uint32_t* rows, Index count, MatrixRef out) const = 0;
};

// Rows of a matrix in memory; owns it.
class MatrixRows : public RowSource {
 public:
  explicit MatrixRows(Matrix data) : data_(std::move(data)) {}
  Index rows() const override { return data_.rows(); }
  Index dim() const override { return data_.cols(); }
  void Read(const uint32_t* rows, Index count, MatrixRef out) const override;
  Matrix& data() { return data_; }

 private:
  Matrix data_;
};

// Some rows of another source, which must outlive this.
class SubsetRows : public RowSource {
 public:
  SubsetRows(const RowSource* source, std::vector<uint32_t> names) : source_(source), names_(std::move(names)) {}
  Index rows() const override { return static_cast<Index>(names_.size()); }
  Index dim() const override { return source_->dim(); }
  void Read(const uint32_t* rows, Index count, MatrixRef out) const override;
  const std::vector<uint32_t>& names() const { return names_; }

 private:
  const RowSource* source_;
  std::vector<uint32_t> names_;
};

// The rows of a catalogue, each list in ascending order: those that train and those that validate. A share of the rows,
// rounded, validates, but at least one row trains. They are the rows with the smallest Hash(seed, kValidation, row), so
// that a row's side does not depend on the order of the others.
struct Split {
  std::vector<uint32_t> training;
  std::vector<uint32_t> validation;
};
Split SplitRows(uint64_t seed, Index rows, double validation_share);

}  // namespace rqvae

#endif  // RQVAE_ROW_SOURCE_H_
