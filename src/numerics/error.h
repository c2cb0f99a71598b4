// The one exception type of the core. The binding turns its kind into the JavaScript error class of the same name. In a
// message {learning_rate} stands for a field of a configuration, {select=loss} for one with a value and {epoch=3} for
// an epoch counted from 0; bindings/adaptors.h and bindings/js/wording.ts put them into the reader's words.
#ifndef RQVAE_ERROR_H_
#define RQVAE_ERROR_H_

#include <stdexcept>
#include <string>

namespace rqvae {

enum class ErrorKind { kInvalidInput, kDiverged, kOutOfMemory };

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

}  // namespace rqvae

#endif  // RQVAE_ERROR_H_
