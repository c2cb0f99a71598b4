#include "fixture.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace rqvae {

class JsonReader {
 public:
  explicit JsonReader(const std::string& text) : text_(text) {}

  Json Read() {
    Json value = Value();
    if (Peek() != '\0') Fail("the end");
    return value;
  }

 private:
  [[noreturn]] void Fail(const std::string& wanted) {
    throw std::runtime_error("JSON at byte " + std::to_string(at_) + ": expected " + wanted);
  }

  char Peek() {
    while (at_ < text_.size() && std::strchr(" \t\r\n", text_[at_]) != nullptr) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  bool Take(char c) {
    if (Peek() != c) return false;
    ++at_;
    return true;
  }

  void Require(char c) {
    if (!Take(c)) Fail(std::string(1, c));
  }

  bool TakeWord(const char* word) {
    Peek();
    if (text_.compare(at_, std::strlen(word), word) != 0) return false;
    at_ += std::strlen(word);
    return true;
  }

  // No \u escapes: the fixtures have none.
  std::string Text() {
    Require('"');
    std::string out;
    while (at_ < text_.size() && text_[at_] != '"') {
      char c = text_[at_++];
      if (c == '\\') {
        c = text_[at_++];
        if (c == 'n') c = '\n';
        if (c == 't') c = '\t';
        if (c == 'u') Fail("no unicode escape");
      }
      out += c;
    }
    Require('"');
    return out;
  }

  Json Value() {
    Json value;
    if (Take('{')) {
      value.kind_ = Json::Kind::kObject;
      if (Take('}')) return value;
      do {
        std::string key = (Peek(), Text());
        Require(':');
        value.members_.emplace(std::move(key), Value());
      } while (Take(','));
      Require('}');
    } else if (Take('[')) {
      value.kind_ = Json::Kind::kArray;
      if (Take(']')) return value;
      do {
        value.items_.push_back(Value());
      } while (Take(','));
      Require(']');
    } else if (Peek() == '"') {
      value.kind_ = Json::Kind::kText;
      value.text_ = Text();
    } else if (TakeWord("true")) {
      value.kind_ = Json::Kind::kNumber;
      value.number_ = 1;
    } else if (TakeWord("false")) {
      value.kind_ = Json::Kind::kNumber;
    } else if (!TakeWord("null")) {
      const char* start = text_.c_str() + at_;
      char* end = nullptr;
      value.kind_ = Json::Kind::kNumber;
      value.number_ = std::strtod(start, &end);
      if (end == start) Fail("a value");
      at_ += static_cast<size_t>(end - start);
    }
    return value;
  }

  const std::string& text_;
  size_t at_ = 0;
};

Json Json::Parse(const std::string& text) { return JsonReader(text).Read(); }

const Json& Json::operator[](const std::string& key) const {
  const auto found = members_.find(key);
  if (found == members_.end()) throw std::runtime_error("JSON has no key " + key);
  return found->second;
}

double Json::number() const {
  if (kind_ != Kind::kNumber) throw std::runtime_error("JSON: not a number");
  return number_;
}

const std::string& Json::text() const {
  if (kind_ != Kind::kText) throw std::runtime_error("JSON: not a string");
  return text_;
}

std::vector<Index> Json::indices() const {
  std::vector<Index> out;
  for (const Json& item : items_) out.push_back(item.index());
  return out;
}

namespace {

template <typename T>
std::vector<double> Decode(const char* data, size_t bytes) {
  std::vector<T> raw(bytes / sizeof(T));
  std::memcpy(raw.data(), data, raw.size() * sizeof(T));
  return std::vector<double>(raw.begin(), raw.end());
}

}  // namespace

std::string ReadFixtureFile(const std::string& file) {
  const std::string path = std::string(RQVAE_FIXTURES) + "/" + file;
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read the fixture " + file);
  return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

Eigen::MatrixXd FixtureTensor::matrix() const {
  const Index rows = shape.empty() ? 1 : shape[0];
  const Index cols = shape.size() > 1 ? shape[1] : 1;
  Eigen::MatrixXd m(rows, cols);
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < cols; ++j) m(i, j) = values[static_cast<size_t>(i * cols + j)];
  }
  return m;
}

// 8 bytes little-endian length of the header, the header (JSON), the data.
Fixture::Fixture(const std::string& name) {
  const std::string file = ReadFixtureFile(name + ".safetensors");
  uint64_t size = 0;
  for (size_t i = 8; i-- > 0;) size = size << 8 | static_cast<unsigned char>(file.at(i));
  const Json header = Json::Parse(file.substr(8, size));
  const size_t data = 8 + static_cast<size_t>(size);
  for (const auto& [key, entry] : header.members()) {
    if (key == "__metadata__") {
      if (entry.Has("config")) config_ = Json::Parse(entry["config"].text());
      continue;
    }
    const std::vector<Index> range = entry["data_offsets"].indices();
    const auto begin = static_cast<size_t>(range.at(0)), end = static_cast<size_t>(range.at(1));
    if (data + end > file.size()) throw std::runtime_error("the fixture " + name + " is cut off");
    const char* bytes = file.data() + data + begin;
    FixtureTensor tensor;
    tensor.shape = entry["shape"].indices();
    const std::string& type = entry["dtype"].text();
    if (type == "F32") tensor.values = Decode<float>(bytes, end - begin);
    if (type == "F64") tensor.values = Decode<double>(bytes, end - begin);
    if (type == "I32") tensor.values = Decode<int32_t>(bytes, end - begin);
    if (type == "I64") tensor.values = Decode<int64_t>(bytes, end - begin);
    Index count = 1;
    for (Index extent : tensor.shape) count *= extent;
    if (static_cast<Index>(tensor.values.size()) != count) {
      throw std::runtime_error("the fixture " + name + " has a bad tensor " + key);
    }
    tensors_.emplace(key, std::move(tensor));
  }
}

Eigen::MatrixXd Fixture::matrix(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) throw std::runtime_error("the fixture has no tensor " + name);
  return found->second.matrix();
}

ModelConfig Fixture::model_config() const {
  ModelConfig c;
  c.input_dim = config_["input_dim"].index();
  c.latent_dim = config_["latent_dim"].index();
  c.hidden_dims = config_["hidden_dims"].indices();
  c.codebook_sizes = config_["codebook_sizes"].indices();
  c.activation = config_["activation"].text() == "relu" ? Activation::kRelu : Activation::kSilu;
  const std::string& scaling = config_["input_scaling"].text();
  c.input_scaling = scaling == "common_scale"    ? InputScaling::kCommonScale
                    : scaling == "per_dimension" ? InputScaling::kPerDimension
                                                 : InputScaling::kNone;
  c.linear_skip = config_["linear_skip"].text() == "pca" ? LinearSkip::kPca : LinearSkip::kNone;
  c.codebook_gradient =
      config_["codebook_gradient"].text() == "joint" ? CodebookGradient::kJoint : CodebookGradient::kQuantization;
  c.compat = config_["compat"].text() == "hopwise" ? Compat::kHopwise : Compat::kNone;
  c.codebook_sim_vq = config_["codebook_sim_vq"].boolean();
  c.commitment_weight = config_["commitment_weight"].number();
  c.reconstruction_weight = config_["reconstruction_weight"].number();
  // What only some fixtures name.
  auto is = [this](const char* key, const char* value) { return config_.Has(key) && config_[key].text() == value; };
  c.layer_norm = config_.Has("layer_norm") && config_["layer_norm"].boolean();
  if (is("reconstruction", "cosine")) c.reconstruction = Reconstruction::kCosine;
  if (is("gradient_estimator", "rotation")) c.gradient_estimator = GradientEstimator::kRotation;
  if (is("codebook_update", "ema")) {
    c.codebook_update = CodebookUpdate::kEma;
    c.ema_decay = config_["ema_decay"].number();
  }
  if (config_.Has("codebook_weight")) c.codebook_weight = config_["codebook_weight"].number();
  return c;
}

OptimizerConfig Fixture::optimizer_config() const {
  const Json& o = config_["optimizer"];
  OptimizerConfig c;
  const std::string& kind = o["kind"].text();
  if (kind == "adamw") c.kind = OptimizerKind::kAdamW;
  if (kind == "adagrad") {
    c.kind = OptimizerKind::kAdagrad;
    c.epsilon = 1e-10;  // PyTorch's default for Adagrad
  }
  if (kind == "sgd") c.kind = OptimizerKind::kSgd;
  c.learning_rate = o["learning_rate"].number();
  c.codebook_learning_rate_scale = o["codebook_learning_rate_scale"].number();
  c.weight_decay = o["weight_decay"].number();
  c.momentum = o["momentum"].number();
  if (o.Has("gradient_clip")) c.gradient_clip = o["gradient_clip"].number();
  return c;
}

}  // namespace rqvae
