// Between C++ and JavaScript: errors, arrays on the heap, results as plain objects.
//
// Arrays cross as addresses on the wasm heap. The TypeScript side allocates, copies in, calls, copies out and frees
// within one synchronous turn, so that no view outlives a growth of the memory.
#ifndef RQVAE_BINDINGS_ADAPTORS_H_
#define RQVAE_BINDINGS_ADAPTORS_H_

#include <emscripten/val.h>

#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "config.h"
#include "error.h"
#include "id_statistics.h"
#include "matrix.h"
#include "model.h"
#include "train_job.h"

namespace rqvae::bindings {

using emscripten::val;

// A function (name, message) => Error, set by the TypeScript side, which makes the error class of that name.
inline val& ErrorFactory() {
  static val factory = val::undefined();
  return factory;
}

[[noreturn]] inline void ThrowToJs(const char* name, const std::string& message) {
  val error =
      ErrorFactory().isUndefined() ? val::global("Error").new_(message) : ErrorFactory()(std::string(name), message);
  error.throw_();
  __builtin_unreachable();
}

[[noreturn]] inline void ThrowFull() {
  ThrowToJs("OutOfMemoryError",
            "the WebAssembly memory is full (4 GB at most). Make the model smaller, or dispose of models that are no "
            "longer used");
}

// Options in the core's messages are its own fields, {learning_rate}; in JavaScript they are {learningRate}. A value
// after = stays.
inline std::string InJsNames(const std::string& message) {
  std::string text;
  bool name = false, capital = false;
  for (const char c : message) {
    if (c == '{') name = true;
    if (c == '}' || c == '=') name = false;
    if (name && c == '_') {
      capital = true;
      continue;
    }
    text += static_cast<char>(capital ? c - 'a' + 'A' : c);
    capital = false;
  }
  return text;
}

inline const char* ErrorName(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalidInput:
      return "InvalidInputError";
    case ErrorKind::kDiverged:
      return "DivergedError";
    case ErrorKind::kOutOfMemory:
      return "OutOfMemoryError";
  }
  return "RQVAEError";
}

// The exception being handled, as a JavaScript error.
[[noreturn]] inline void ThrowCaught() {
  try {
    throw;
  } catch (const Error& e) {
    ThrowToJs(ErrorName(e.kind()), InJsNames(e.what()));
  } catch (const std::bad_alloc&) {
    ThrowFull();
  } catch (const std::length_error&) {  // a vector longer than addresses can reach
    ThrowFull();
  } catch (const std::exception& e) {
    ThrowToJs("RQVAEError", std::string("internal error: ") + e.what());
  } catch (...) {
    ThrowToJs("RQVAEError", "internal error: the core threw something that is not an error");
  }
}

// Guard<&f>::Call is f with every C++ exception turned into a JavaScript error: none crosses as a number or as a trap.
template <auto function>
struct Guard;

template <typename Result, typename... Args, Result (*function)(Args...)>
struct Guard<function> {
  static Result Call(Args... args) {
    try {
      return function(std::forward<Args>(args)...);
    } catch (...) {
      ThrowCaught();
    }
  }
};

inline ConstMatrixMap ReadMatrix(uintptr_t address, Index rows, Index cols) {
  return ConstMatrixMap(reinterpret_cast<const float*>(address), rows, cols);
}
inline MatrixMap WriteMatrix(uintptr_t address, Index rows, Index cols) {
  return MatrixMap(reinterpret_cast<float*>(address), rows, cols);
}
inline Eigen::Map<const CodeMatrix> ReadCodes(uintptr_t address, Index rows, Index levels) {
  return Eigen::Map<const CodeMatrix>(reinterpret_cast<const uint32_t*>(address), rows, levels);
}
inline Eigen::Map<CodeMatrix> WriteCodes(uintptr_t address, Index rows, Index levels) {
  return Eigen::Map<CodeMatrix>(reinterpret_cast<uint32_t*>(address), rows, levels);
}

template <typename T>
val ToArray(const std::vector<T>& values) {
  val array = val::array();
  for (size_t i = 0; i < values.size(); ++i) array.set(i, static_cast<double>(values[i]));
  return array;
}

inline std::string Hex(uint64_t value) {
  std::string text(16, '0');
  for (size_t i = 0; i < 16; ++i) text[15 - i] = "0123456789abcdef"[(value >> (4 * i)) & 15];
  return text;
}

inline val ToJs(const IdStatistics& ids) {
  val result = val::object();
  result.set("items", static_cast<double>(ids.items));
  result.set("distinctIds", static_cast<double>(ids.distinct_ids));
  result.set("uniqueShare",
             ids.items == 0 ? 0.0 : static_cast<double>(ids.distinct_ids) / static_cast<double>(ids.items));
  result.set("itemsSharing", static_cast<double>(ids.items_sharing));
  result.set("largestGroup", static_cast<double>(ids.largest_group));
  result.set("usedCodes", ToArray(ids.used_codes));
  result.set("usage", ToArray(ids.usage));
  result.set("perplexity", ToArray(ids.perplexity));
  return result;
}

// The loss fields that a batch and an epoch share.
inline val ToJs(const Losses& losses) {
  val per_level = val::array();
  for (size_t l = 0; l < losses.quantization_error.size(); ++l) {
    val level = val::object();
    for (const char* name : {"quantizationError", "codebookLoss", "commitmentLoss"})
      level.set(name, losses.quantization_error[l]);
    level.set("residualEnergy", losses.latent_energy > 0 ? losses.quantization_error[l] / losses.latent_energy : 0.0);
    per_level.set(l, level);
  }
  val result = val::object();
  result.set("loss", losses.loss);
  result.set("reconstructionLoss", losses.reconstruction);
  result.set("quantizeLoss", losses.quantize);
  result.set("perLevel", per_level);
  return result;
}

// Sets what an evaluation found on an epoch's record or the like.
inline void SetEvaluation(val& record, const Evaluation& evaluation) {
  record.set("ids", ToJs(evaluation.ids));
  if (evaluation.validation_rows == 0) return;
  val validation = val::object();
  validation.set("items", static_cast<double>(evaluation.validation_rows));
  validation.set("reconstructionLoss", evaluation.reconstruction);
  validation.set("quantizeLoss", evaluation.quantize);
  validation.set("explainedVariance", evaluation.explained_variance);
  record.set("validation", validation);
}

// Losses of a batch of n items.
inline val BatchToJs(const Losses& losses, Index n) {
  val result = ToJs(losses);
  result.set("embsNorm", ToArray(losses.embedding_norm));
  result.set("pUniqueIds", static_cast<double>(losses.distinct_ids) / static_cast<double>(n));
  return result;
}

// Reads an option by the type of its field: numbers, flags, choices as their numbers, lists.
template <typename T>
void Read(const val& options, const char* name, T& field) {
  const val value = options[name];
  if constexpr (std::is_same_v<T, bool>) {
    field = value.as<bool>();
  } else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
    field = static_cast<T>(value.as<double>());
  } else {
    const std::vector<double> numbers = emscripten::convertJSArrayToNumberVector<double>(value);
    field.assign(numbers.begin(), numbers.end());
  }
}

}  // namespace rqvae::bindings

#endif  // RQVAE_BINDINGS_ADAPTORS_H_
