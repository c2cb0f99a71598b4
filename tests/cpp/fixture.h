// Reads the fixtures that tests/fixtures/generate.py writes: a minimal JSON reader and safetensors.
// RQVAE_FIXTURES is their folder.
#ifndef RQVAE_TESTS_FIXTURE_H_
#define RQVAE_TESTS_FIXTURE_H_

#include <map>
#include <string>
#include <vector>

#include "config.h"
#include "matrix.h"
#include "optimizer.h"
#include "parameter_store.h"

namespace rqvae {

// A JSON value. Reading something that is not there throws std::runtime_error.
class Json {
 public:
  static Json Parse(const std::string& text);

  bool Has(const std::string& key) const { return members_.count(key) > 0; }
  const Json& operator[](const std::string& key) const;
  const std::map<std::string, Json>& members() const { return members_; }
  const std::vector<Json>& items() const { return items_; }
  double number() const;
  Index index() const { return static_cast<Index>(number()); }
  bool boolean() const { return number() != 0; }
  const std::string& text() const;
  std::vector<Index> indices() const;

 private:
  friend class JsonReader;
  enum class Kind { kNull, kNumber, kText, kArray, kObject };

  Kind kind_ = Kind::kNull;
  double number_ = 0;  // true is 1, false is 0
  std::string text_;
  std::vector<Json> items_;
  std::map<std::string, Json> members_;
};

// F32, F64, I32 and I64 alike.
struct FixtureTensor {
  std::vector<Index> shape;
  std::vector<double> values;

  // One dimension is a column; none is 1 x 1.
  Eigen::MatrixXd matrix() const;
};

class Fixture {
 public:
  // name: of a file in the fixtures folder, without ".safetensors".
  explicit Fixture(const std::string& name);

  bool Has(const std::string& name) const { return tensors_.count(name) > 0; }
  Eigen::MatrixXd matrix(const std::string& name) const;
  Matrix floats(const std::string& name) const { return matrix(name).cast<float>(); }
  double scalar(const std::string& name) const { return matrix(name)(0, 0); }
  const std::map<std::string, FixtureTensor>& tensors() const { return tensors_; }
  const Json& config() const { return config_; }

  ModelConfig model_config() const;
  OptimizerConfig optimizer_config() const;

 private:
  std::map<std::string, FixtureTensor> tensors_;
  Json config_;
};

// The text of a file in the fixtures folder.
std::string ReadFixtureFile(const std::string& file);

}  // namespace rqvae

#endif  // RQVAE_TESTS_FIXTURE_H_
