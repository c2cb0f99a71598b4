#include "separation.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "hash.h"
#include "model.h"
#include "sorting.h"
#include "sums.h"

namespace rqvae {
namespace {

// Candidates per row. More find hardly any more free IDs that are near.
constexpr Index kCandidates = 8;
// What a slice takes: rows that are looked at, and members whose candidates are compared.
constexpr size_t kSliceRows = 1 << 16;
constexpr size_t kSliceMembers = 1 << 12;

}  // namespace

Separation::Separation(const ModelConfig& config, double weight, double margin, Index rows)
    : levels_(config.levels()),
      weight_(static_cast<float>(weight)),
      margin_(static_cast<float>(margin)),
      search_(std::make_unique<Search>(levels_)) {
  targets_.of_row.assign(weight > 0 ? static_cast<size_t>(rows) : 0, -1);
}

void Separation::Reset() { search_ = std::make_unique<Search>(levels_); }

void Separation::Begin(IdCounter ids, const CodeMatrix& codes, const std::vector<uint32_t>& training, double error) {
  Reset();
  search_->found.error = static_cast<float>(error);
  search_->found.of_row.assign(targets_.of_row.size(), -1);
  search_->used = ids.TakeIds();
  search_->has_guest.assign(static_cast<size_t>(ids.groups()), false);
  search_->begin.assign(static_cast<size_t>(ids.groups()) + 1, 0);
  search_->ids = std::move(ids);
  search_->codes = &codes;
  search_->training = &training;
}

bool Separation::Advance(const Model& model, const RowSource& training) {
  switch (search_->phase) {
    case Phase::kMembers:
      FindMembers();
      return true;
    case Phase::kGroups:
      GroupMembers();
      return true;
    case Phase::kCandidates:
      FindCandidates(model, training);
      return true;
    case Phase::kClasses:
    case Phase::kAssign:  // small groups several at a time
      for (size_t seen = 0; seen < kSliceMembers && search_->phase != Phase::kDone;) {
        seen += search_->phase == Phase::kClasses ? FindClasses() : AssignClasses();
      }
      return true;
    case Phase::kDone:
      break;
  }
  Search& s = *search_;
  const auto found = static_cast<Index>(s.rows.size());
  s.found.taken = Eigen::Map<const CodeMatrix>(s.taken.data(), found, levels_);
  s.found.alternative = Eigen::Map<const CodeMatrix>(s.alternative.data(), found, levels_);
  for (size_t i = 0; i < s.rows.size(); ++i) s.found.of_row[s.rows[i]] = static_cast<int32_t>(i);
  targets_ = std::move(s.found);
  Reset();
  return false;
}

void Separation::Give(uint32_t row, const uint32_t* taken, const uint32_t* alternative) {
  search_->rows.push_back(row);
  search_->taken.insert(search_->taken.end(), taken, taken + levels_);
  search_->alternative.insert(search_->alternative.end(), alternative, alternative + levels_);
}

// The training rows that share their ID, and the targets that stand.
void Separation::FindMembers() {
  Search& s = *search_;
  const std::vector<uint32_t>& training = *s.training;
  const auto rows = static_cast<size_t>(s.codes->rows()), end = std::min(s.next + kSliceRows, rows);
  for (; s.next < end; ++s.next) {
    const auto i = static_cast<Index>(s.next);
    const uint32_t group = s.ids.group(i);
    if (s.next_training == training.size() || training[s.next_training] != s.next) {
      s.has_guest[group] = true;
      continue;
    }
    const auto row = static_cast<uint32_t>(s.next_training++);
    if (s.ids.size(group) > 1) {
      s.members.push_back({row, group, 0, {}, {}});
      ++s.begin[group + 1];
    }
    const int32_t target = targets_.of_row[row];
    if (target >= 0 && targets_.alternative.row(target) == s.codes->row(i)) {
      Give(row, targets_.taken.row(target).data(), targets_.alternative.row(target).data());
    }
  }
  if (s.next < rows) return;
  s.next = 0;
  s.member_names.reserve(s.members.size());
  for (const Member& member : s.members) s.member_names.push_back(member.row);
  for (size_t group = 1; group < s.begin.size(); ++group) s.begin[group] += s.begin[group - 1];
  s.by_group.resize(s.members.size());
  s.phase = Phase::kGroups;
}

// Members by group, those of a group by row: each goes behind those before it.
void Separation::GroupMembers() {
  Search& s = *search_;
  const size_t end = std::min(s.next + kSliceRows, s.members.size());
  for (; s.next < end; ++s.next) s.by_group[s.begin[s.members[s.next].group]++] = static_cast<uint32_t>(s.next);
  if (s.next < s.members.size()) return;
  // A group's place has moved to its end, which is where the next one begins.
  s.begin.insert(s.begin.begin(), 0);
  s.begin.pop_back();
  s.next = 0;
  s.phase = s.members.empty() ? Phase::kDone : Phase::kCandidates;
}

void Separation::FindCandidates(const Model& model, const RowSource& training) {
  Search& s = *search_;
  const auto rows = std::min<size_t>(kRowBlock, s.members.size() - s.next);
  const auto n = static_cast<Index>(rows);
  Matrix block(n, training.dim()), z(n, model.config().latent_dim), own(n, model.config().latent_dim);
  training.ReadListed(s.member_names, static_cast<Index>(s.next), block);
  model.Latents(block, z);
  CodeMatrix candidates(n * kCandidates, levels_);
  std::vector<float> errors(static_cast<size_t>(n * kCandidates));
  model.quantizer().Candidates(z, kCandidates, candidates, errors.data());
  CodeMatrix codes_of(n, levels_);
  for (Index i = 0; i < n; ++i) codes_of.row(i) = CodesOf(s.members[s.next + static_cast<size_t>(i)]);
  model.quantizer().Lookup(codes_of, own);
  for (Index i = 0; i < n; ++i) {
    Member& member = s.members[s.next + static_cast<size_t>(i)];
    member.own_error = SquaredDistance(z.row(i).data(), own.row(i).data(), z.cols());
    for (Index c = i * kCandidates; c < (i + 1) * kCandidates; ++c) {
      const float error = errors[static_cast<size_t>(c)];
      if (error == std::numeric_limits<float>::infinity()) break;
      const uint32_t* codes = candidates.row(c).data();
      if (s.used.Contains(codes)) continue;
      member.candidates.insert(member.candidates.end(), codes, codes + levels_);
      member.errors.push_back(error);
    }
  }
  s.next += rows;
  if (s.next < s.members.size()) return;
  s.next = 0;
  s.phase = Phase::kClasses;
}

// Members with the same error and the same candidates are identical items, which nothing can separate: they stay or go
// together, as a class.
bool Separation::Alike(const Member& a, const Member& b) const {
  return a.own_error == b.own_error && a.errors == b.errors && a.candidates == b.candidates;
}

float Separation::Gap(uint32_t of_class) const {
  const Member& member = search_->members[search_->sorted[search_->classes[of_class]]];
  return member.errors.empty() ? std::numeric_limits<float>::infinity() : member.errors[0] - member.own_error;
}

// The classes of the next group, in the order of their first members, and the order in which they are to be given
// alternatives.
size_t Separation::FindClasses() {
  Search& s = *search_;
  while (s.begin[s.group] == s.begin[s.group + 1]) ++s.group;
  // Alike members have the same hash: they come together, the first of each class first.
  std::vector<KeyedRow> hashed;
  for (uint32_t at = s.begin[s.group]; at < s.begin[s.group + 1]; ++at) {
    const uint32_t m = s.by_group[at];
    const Member& member = s.members[m];
    const uint64_t hash = HashBytes(member.candidates.data(), sizeof(uint32_t) * member.candidates.size());
    hashed.push_back({HashBytes(member.errors.data(), sizeof(float) * member.errors.size(), hash), m});
  }
  SortRows(hashed);
  // A class has the number of its first member, which SortRows then brings into that order.
  std::vector<KeyedRow> by_class;
  std::vector<uint32_t> firsts;  // of the classes with this hash: few, and nearly always one
  for (size_t i = 0; i < hashed.size(); ++i) {
    if (i == 0 || hashed[i].key != hashed[i - 1].key) firsts.clear();
    const uint32_t m = hashed[i].row;
    const auto same = std::find_if(firsts.begin(), firsts.end(),
                                   [&](uint32_t first) { return Alike(s.members[m], s.members[first]); });
    by_class.push_back({same == firsts.end() ? m : *same, m});
    if (same == firsts.end()) firsts.push_back(m);
  }
  SortRows(by_class);
  s.sorted.clear();
  s.classes.clear();
  for (size_t i = 0; i < by_class.size(); ++i) {
    if (i == 0 || by_class[i].key != by_class[i - 1].key) s.classes.push_back(static_cast<uint32_t>(i));
    s.sorted.push_back(by_class[i].row);
  }
  s.classes.push_back(static_cast<uint32_t>(by_class.size()));
  std::vector<KeyedRow> by_gap;
  for (uint32_t c = 0; c + 1 < s.classes.size(); ++c) by_gap.push_back({OrderedKey(Gap(c)), c});
  SortRows(by_gap);
  // The last one stays, unless a row that does not train does.
  if (!s.has_guest[s.group]) by_gap.pop_back();
  s.order.clear();
  for (const KeyedRow& one : by_gap) s.order.push_back(one.row);
  s.next = 0;
  s.phase = Phase::kAssign;
  return hashed.size();
}

// Gives the group's classes the best alternatives that are free.
size_t Separation::AssignClasses() {
  Search& s = *search_;
  const auto levels = static_cast<size_t>(levels_);
  size_t given = 0;
  for (; s.next < s.order.size() && given < kSliceMembers; ++s.next) {
    const uint32_t one = s.order[s.next];
    const Member& member = s.members[s.sorted[s.classes[one]]];
    ++given;
    for (size_t c = 0; c < member.errors.size(); ++c) {
      const uint32_t* codes = member.candidates.data() + c * levels;
      if (s.used.Contains(codes)) continue;
      s.used.Add(codes);
      for (uint32_t at = s.classes[one]; at < s.classes[one + 1]; ++at, ++given) {
        const Member& moved = s.members[s.sorted[at]];
        Give(moved.row, CodesOf(moved).data(), codes);
      }
      break;
    }
  }
  if (s.next < s.order.size()) return given;
  s.phase = s.begin[++s.group] < s.members.size() ? Phase::kClasses : Phase::kDone;
  return given;
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
    const float to_taken = SquaredDistance(z.row(i).data(), pair.row(0).data(), d);
    const float to_alternative = SquaredDistance(z.row(i).data(), pair.row(1).data(), d);
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
