// The one exception type of the core. Its kind becomes the JavaScript error class of the same name at the binding. In
// its message {learning_rate} is a field of a configuration, {select=loss} one with a value and {epoch=3} an epoch
// counted from 0: the readers of the message have words of their own for these (bindings/adaptors.h, wording.ts).
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
