#include "parameter_store.h"

#include <utility>

namespace rqvae {

Index ParameterStore::Add(std::string name, std::vector<Index> shape, ParameterGroup group, bool decayed,
                          bool trained) {
  Index size = 1;
  for (const Index extent : shape) size *= extent;
  trained = trained && group != ParameterGroup::kInput && group != ParameterGroup::kState;
  parameters_.push_back({std::move(name), std::move(shape), group, decayed, trained, size_, size});
  size_ += (size + kAlignment - 1) / kAlignment * kAlignment;
  return count() - 1;
}

void ParameterStore::Allocate() { values_ = Vector::Zero(size_); }

Index ParameterStore::Find(std::string_view name) const {
  for (Index i = 0; i < count(); ++i) {
    if (parameters_[static_cast<size_t>(i)].name == name) return i;
  }
  return -1;
}

}  // namespace rqvae
