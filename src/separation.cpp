#include "separation.h"

#include <algorithm>
#include <limits>

#include "rqvae.h"
#include "sorting.h"

namespace rqvae {
namespace {

// Candidates per row. More find hardly any more free IDs that are near.
constexpr Index kCandidates = 8;

}  // namespace

Separation::Separation(const ModelConfig& config, double weight, double margin, Index rows)
    : levels_(config.levels()),
      weight_(static_cast<float>(weight)),
      margin_(static_cast<float>(margin)),
      used_(config.levels()) {
  targets_.of_row.assign(weight > 0 ? static_cast<size_t>(rows) : 0, -1);
}

void Separation::Begin(const CodeMatrix& codes, const std::vector<uint32_t>& training, double error) {
  found_ = {};
  found_.error = static_cast<float>(error);
  found_.of_row.assign(targets_.of_row.size(), -1);
  used_ = IdTable(levels_);
  std::vector<uint32_t> group(static_cast<size_t>(codes.rows()));
  std::vector<uint32_t> sizes;
  for (Index i = 0; i < codes.rows(); ++i) {
    group[static_cast<size_t>(i)] = used_.Add(codes.row(i).data());
    if (group[static_cast<size_t>(i)] == sizes.size()) sizes.push_back(0);
    ++sizes[group[static_cast<size_t>(i)]];
  }
  has_guest_.assign(sizes.size(), false);
  size_t next_training = 0;
  members_.clear();
  std::vector<std::pair<uint32_t, int32_t>> standing;  // rows whose target stands
  for (Index i = 0; i < codes.rows(); ++i) {
    const uint32_t own = group[static_cast<size_t>(i)];
    if (next_training == training.size() || training[next_training] != static_cast<uint32_t>(i)) {
      has_guest_[own] = true;
      continue;
    }
    const auto row = static_cast<uint32_t>(next_training++);
    const int32_t target = targets_.of_row[row];
    if (sizes[own] > 1) members_.push_back({row, own, 0, {}, {}});
    if (target >= 0 && targets_.alternative.row(target) == codes.row(i)) standing.push_back({row, target});
  }
  member_names_.resize(members_.size());
  member_codes_.resize(static_cast<Index>(members_.size()), levels_);
  for (size_t m = 0; m < members_.size(); ++m) {
    member_names_[m] = members_[m].row;
    member_codes_.row(static_cast<Index>(m)) = codes.row(training[members_[m].row]);
  }
  found_.taken.resize(static_cast<Index>(standing.size()), levels_);
  found_.alternative.resize(static_cast<Index>(standing.size()), levels_);
  for (size_t s = 0; s < standing.size(); ++s) {
    const auto at = static_cast<Index>(s);
    found_.taken.row(at) = targets_.taken.row(standing[s].second);
    found_.alternative.row(at) = targets_.alternative.row(standing[s].second);
    found_.of_row[standing[s].first] = static_cast<int32_t>(s);
  }
  next_ = 0;
}

bool Separation::Advance(const RqVae& model, const RowSource& training) {
  if (next_ < members_.size()) {
    FindCandidates(model, training);
    return true;
  }
  Assign();
  targets_ = std::move(found_);
  members_ = {};
  member_names_ = {};
  member_codes_.resize(0, levels_);
  return false;
}

void Separation::FindCandidates(const RqVae& model, const RowSource& training) {
  const auto rows = std::min<size_t>(kRowBlock, members_.size() - next_);
  const auto n = static_cast<Index>(rows);
  Matrix block(n, training.dim()), z(n, model.config().latent_dim), own(n, model.config().latent_dim);
  training.ReadListed(member_names_, static_cast<Index>(next_), block);
  model.Latents(block, z);
  CodeMatrix candidates(n * kCandidates, levels_);
  std::vector<float> errors(static_cast<size_t>(n * kCandidates));
  model.quantizer().Candidates(z, kCandidates, candidates, errors.data());
  model.quantizer().Lookup(member_codes_.middleRows(static_cast<Index>(next_), n), own);
  for (Index i = 0; i < n; ++i) {
    Member& member = members_[next_ + static_cast<size_t>(i)];
    for (Index j = 0; j < z.cols(); ++j) member.own_error += (z(i, j) - own(i, j)) * (z(i, j) - own(i, j));
    for (Index c = i * kCandidates; c < (i + 1) * kCandidates; ++c) {
      const float error = errors[static_cast<size_t>(c)];
      if (error == std::numeric_limits<float>::infinity()) break;
      const uint32_t* codes = candidates.row(c).data();
      if (used_.Contains(codes)) continue;
      member.candidates.insert(member.candidates.end(), codes, codes + levels_);
      member.errors.push_back(error);
    }
  }
  next_ += rows;
}

// Group by group. Members with the same error and the same candidates are identical items, which nothing can separate:
// they stay or go together.
void Separation::Assign() {
  std::vector<std::vector<uint32_t>> taken, alternative;
  std::vector<uint32_t> rows;
  const auto levels = static_cast<size_t>(levels_);
  std::vector<KeyedRow> order;  // by group, then by row
  for (size_t m = 0; m < members_.size(); ++m) order.push_back({members_[m].group, static_cast<uint32_t>(m)});
  SortRows(order);
  for (size_t first = 0; first < order.size();) {
    const uint32_t group = members_[order[first].row].group;
    size_t last = first;
    std::vector<std::vector<size_t>> classes;
    for (; last < order.size() && members_[order[last].row].group == group; ++last) {
      const size_t m = order[last].row;
      const auto same = std::find_if(classes.begin(), classes.end(), [&](const std::vector<size_t>& other) {
        const Member& a = members_[m];
        const Member& b = members_[other.front()];
        return a.own_error == b.own_error && a.errors == b.errors && a.candidates == b.candidates;
      });
      if (same == classes.end()) {
        classes.push_back({m});
      } else {
        same->push_back(m);
      }
    }
    auto gap = [this](const std::vector<size_t>& of) {
      const Member& member = members_[of.front()];
      return member.errors.empty() ? std::numeric_limits<float>::infinity() : member.errors[0] - member.own_error;
    };
    std::vector<KeyedRow> by_gap;
    for (size_t c = 0; c < classes.size(); ++c)
      by_gap.push_back({OrderedKey(gap(classes[c])), static_cast<uint32_t>(c)});
    SortRows(by_gap);
    // The last one stays, unless a row that does not train does.
    if (!has_guest_[group]) by_gap.pop_back();
    for (const KeyedRow& keyed : by_gap) {
      const std::vector<size_t>& one = classes[keyed.row];
      const Member& member = members_[one.front()];
      for (size_t c = 0; c < member.errors.size(); ++c) {
        const uint32_t* codes = member.candidates.data() + c * levels;
        if (used_.Contains(codes)) continue;
        used_.Add(codes);
        for (const size_t m : one) {
          rows.push_back(members_[m].row);
          const uint32_t* own = member_codes_.row(static_cast<Index>(m)).data();
          taken.emplace_back(own, own + levels);
          alternative.emplace_back(codes, codes + levels);
        }
        break;
      }
    }
    first = last;
  }
  const Index standing = found_.taken.rows(), total = standing + static_cast<Index>(rows.size());
  found_.taken.conservativeResize(total, levels_);
  found_.alternative.conservativeResize(total, levels_);
  for (size_t i = 0; i < rows.size(); ++i) {
    const Index at = standing + static_cast<Index>(i);
    for (size_t l = 0; l < levels; ++l) {
      found_.taken(at, static_cast<Index>(l)) = taken[i][l];
      found_.alternative(at, static_cast<Index>(l)) = alternative[i][l];
    }
    found_.of_row[rows[i]] = static_cast<int32_t>(at);
  }
}

void Separation::AddGradient(const ResidualQuantizer& quantizer, const uint32_t* names, const ConstMatrixRef& z,
                             float scale, Range rows, MatrixRef dz, double* hinges) const {
  if (targets() == 0) return;
  const Index d = z.cols();
  Matrix pair(2, d);
  CodeMatrix codes(2, levels_);
  for (Index i = rows.first; i < rows.first + rows.count; ++i) {
    hinges[i] = 0;
    const int32_t target = targets_.of_row[names[i]];
    if (target < 0) continue;
    codes.row(0) = targets_.taken.row(target);
    codes.row(1) = targets_.alternative.row(target);
    quantizer.Lookup(codes, pair);
    float to_taken = 0, to_alternative = 0;
    for (Index j = 0; j < d; ++j) {
      to_taken += (z(i, j) - pair(0, j)) * (z(i, j) - pair(0, j));
      to_alternative += (z(i, j) - pair(1, j)) * (z(i, j) - pair(1, j));
    }
    const float hinge = to_alternative - to_taken + margin_ * targets_.error;
    if (!(hinge > 0)) continue;
    hinges[i] = static_cast<double>(weight_) * hinge;
    dz.row(i) += (2 * scale * weight_) * (pair.row(0) - pair.row(1));
  }
}

void Separation::Visit(Archive& archive) {
  archive.Visit(targets_.error);
  const size_t rows = targets_.of_row.size();
  archive.Visit(targets_.of_row);
  if (targets_.of_row.size() != rows) Archive::Fail();
  for (CodeMatrix* matrix : {&targets_.taken, &targets_.alternative}) {
    std::vector<uint32_t> codes(matrix->data(), matrix->data() + matrix->size());
    archive.Visit(codes);
    if (!archive.reading()) continue;
    if (codes.size() % static_cast<size_t>(levels_) != 0) Archive::Fail();
    *matrix = Eigen::Map<const CodeMatrix>(codes.data(), static_cast<Index>(codes.size()) / levels_, levels_);
  }
  if (targets_.taken.rows() != targets_.alternative.rows()) Archive::Fail();
  for (const int32_t target : targets_.of_row) {
    if (target < -1 || target >= targets_.taken.rows()) Archive::Fail();
  }
}

}  // namespace rqvae
