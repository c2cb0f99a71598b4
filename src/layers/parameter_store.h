// All parameters of a model in one aligned float buffer, with named matrix views onto it and the gradients in a second
// buffer of the same layout. Optimisers, saving and fingerprints work on the buffers; layers on their views.
#ifndef RQVAE_PARAMETER_STORE_H_
#define RQVAE_PARAMETER_STORE_H_

#include <string>
#include <string_view>
#include <vector>

#include "matrix.h"

namespace rqvae {

enum class ParameterGroup {
  kEncoder,
  kDecoder,
  kCodebook,
  kInput,  // statistics of the input, saved with the model and never trained
  kState,  // what training keeps beside the parameters; in checkpoints only
};

struct Parameter {
  std::string name;          // the reference's state_dict name, for example "encoder.network.0.weight"
  std::vector<Index> shape;  // one or two dimensions, as PyTorch's
  ParameterGroup group;
  bool decayed;  // subject to weight decay
  bool trained;  // moved by the optimiser
  Index offset;  // of the first element in the buffer; a multiple of kAlignment
  Index size;    // number of elements

  Index rows() const { return shape[0]; }
  Index cols() const { return shape.size() > 1 ? shape[1] : 1; }
};

class ParameterStore {
 public:
  static constexpr Index kAlignment = 4;  // floats: one 16-byte SIMD register
  // Declares a parameter and returns its handle; kInput and kState are never trained. Not to be called after
  // Allocate().
  Index Add(std::string name, std::vector<Index> shape, ParameterGroup group, bool decayed, bool trained = true);
  // Makes room for the values, all zero. Handles stay valid; views may be taken from now on. Gradients get room with
  // the first ZeroGradients(): a model that only encodes has none.
  void Allocate();

  Index size() const { return size_; }  // floats of one buffer, whether it was made or not
  Index count() const { return static_cast<Index>(parameters_.size()); }
  const Parameter& parameter(Index handle) const { return parameters_[handle]; }
  // The handle of a name, or -1.
  Index Find(std::string_view name) const;

  // A vector parameter is a matrix of one column.
  MatrixMap value(Index handle) { return View(values_, handle); }
  ConstMatrixMap value(Index handle) const { return ConstView(values_, handle); }
  MatrixMap gradient(Index handle) { return View(gradients_, handle); }
  ConstMatrixMap gradient(Index handle) const { return ConstView(gradients_, handle); }

  // The whole buffers, padding (always zero) included.
  Vector& values() { return values_; }
  const Vector& values() const { return values_; }
  Vector& gradients() { return gradients_; }
  const Vector& gradients() const { return gradients_; }
  // Puts the values aside, for a step that makes all of them anew from previous(): no copy, the buffers change places.
  void KeepPrevious() {
    previous_.resize(values_.size());
    values_.swap(previous_);
  }
  const Vector& previous() const { return previous_; }
  void RestorePrevious() { values_.swap(previous_); }
  void ZeroGradients() { gradients_.setZero(values_.size()); }

 private:
  MatrixMap View(Vector& buffer, Index handle) {
    const Parameter& p = parameters_[handle];
    return MatrixMap(buffer.data() + p.offset, p.rows(), p.cols());
  }
  ConstMatrixMap ConstView(const Vector& buffer, Index handle) const {
    const Parameter& p = parameters_[handle];
    return ConstMatrixMap(buffer.data() + p.offset, p.rows(), p.cols());
  }

  std::vector<Parameter> parameters_;
  Index size_ = 0;
  Vector values_;
  Vector previous_;   // once a step was made
  Vector gradients_;  // once a step was begun
};

}  // namespace rqvae

#endif  // RQVAE_PARAMETER_STORE_H_
