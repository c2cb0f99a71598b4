// Turns the state of a job into bytes and back. One Visit does both, so that writing and reading cannot differ.
// Little-endian, like every machine that runs WebAssembly. The file around the bytes carries a version and a checksum.
#ifndef RQVAE_ARCHIVE_H_
#define RQVAE_ARCHIVE_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "error.h"
#include "matrix.h"

namespace rqvae {

class Archive {
 public:
  Archive() = default;                                                                    // writes
  Archive(const uint8_t* data, size_t size) : data_(data), end_(size), reading_(true) {}  // reads

  bool reading() const { return reading_; }
  const std::vector<uint8_t>& bytes() const { return bytes_; }  // what was written
  bool at_end() const { return position_ == end_; }

  [[noreturn]] static void Fail() {
    throw Error(ErrorKind::kInvalidInput, "resume: the checkpoint's state is damaged or belongs to other options");
  }

  // Numbers and enumerations of fixed width, bool.
  template <typename T>
    requires(std::is_arithmetic_v<T> || std::is_enum_v<T>)
  void Visit(T& value) {
    if constexpr (std::is_same_v<T, bool>) {  // a byte other than 0 and 1 must not become a bool
      auto byte = static_cast<uint8_t>(value);
      Bytes(&byte, 1);
      if (byte > 1) Fail();
      value = byte == 1;
    } else {
      Bytes(&value, sizeof value);
    }
  }
  void Visit(Vector& values) {
    Index size = values.size();
    Visit(size);
    if (reading_) {
      CheckCount(size, sizeof(float));
      values.resize(size);
    }
    Bytes(values.data(), sizeof(float) * static_cast<size_t>(size));
  }
  template <typename T>
  void Visit(std::vector<T>& values) {
    Index size = static_cast<Index>(values.size());
    Visit(size);
    if (reading_) {
      CheckCount(size, 1);
      values.resize(static_cast<size_t>(size));
    }
    for (T& value : values) Visit(value);
  }

 private:
  void Bytes(void* target, size_t size) {
    if (size == 0) return;
    if (!reading_) {
      const auto* source = static_cast<const uint8_t*>(target);
      bytes_.insert(bytes_.end(), source, source + size);
      return;
    }
    if (size > end_ - position_) Fail();
    std::memcpy(target, data_ + position_, size);
    position_ += size;
  }
  // Fails on a size that the remaining bytes cannot hold, before anything of that size is allocated.
  void CheckCount(Index count, size_t each) const {
    if (count < 0 || static_cast<uint64_t>(count) > (end_ - position_) / each) Fail();
  }

  std::vector<uint8_t> bytes_;
  const uint8_t* data_ = nullptr;
  size_t end_ = 0;
  size_t position_ = 0;
  bool reading_ = false;
};

}  // namespace rqvae

#endif  // RQVAE_ARCHIVE_H_
