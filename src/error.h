// The one exception type of the core. Its kind becomes the JavaScript error class of the same name at the binding.
#ifndef RQVAE_ERROR_H_
#define RQVAE_ERROR_H_

#include <stdexcept>
#include <string>

namespace rqvae {

enum class ErrorKind { kInvalidInput, kDiverged };

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

}  // namespace rqvae

#endif  // RQVAE_ERROR_H_
