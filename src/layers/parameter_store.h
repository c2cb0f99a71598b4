// All parameters of a model in one aligned float buffer, with named matrix views onto it. Gradients and moments are
// buffers of the same layout, owned by the trainer. Optimisers, saving and fingerprints work on whole buffers; layers
// work on their views.
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
  kState,  // state that training keeps besides the parameters; only in checkpoints
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
  // Declares a parameter and returns its handle; kInput and kState are never trained. Must not be called after
  // Allocate().
  Index Add(std::string name, std::vector<Index> shape, ParameterGroup group, bool decayed, bool trained = true);
  // Makes room for the values, all zero. Handles stay valid; views may be taken from now on.
  void Allocate();

  Index size() const { return size_; }  // floats of a buffer, even before Allocate()
  Index count() const { return static_cast<Index>(parameters_.size()); }
  const Parameter& parameter(Index handle) const { return parameters_[handle]; }
  // The handle of a name, or -1.
  Index Find(std::string_view name) const;

  // A vector parameter is a matrix of one column.
  MatrixMap value(Index handle) { return View(values_, handle); }
  ConstMatrixMap value(Index handle) const { return View(values_, handle); }
  // The parameter's part of another buffer of this layout: of gradients, or of moments.
  MatrixMap View(Vector& buffer, Index handle) const {
    const Parameter& p = parameter(handle);
    return MatrixMap(buffer.data() + p.offset, p.rows(), p.cols());
  }
  ConstMatrixMap View(const Vector& buffer, Index handle) const {
    const Parameter& p = parameter(handle);
    return ConstMatrixMap(buffer.data() + p.offset, p.rows(), p.cols());
  }

  // The whole buffer, including padding (always zero).
  Vector& values() { return values_; }
  const Vector& values() const { return values_; }

 private:
  std::vector<Parameter> parameters_;
  Index size_ = 0;
  Vector values_;
};

}  // namespace rqvae

#endif  // RQVAE_PARAMETER_STORE_H_
