#include "separation.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "hash.h"
#include "id_table.h"
#include "model.h"
#include "sorting.h"
#include "sums.h"

namespace rqvae {
namespace {

// Candidates per row. More would find hardly any more free IDs nearby.
constexpr Index kCandidates = 8;
// The work of a slice: rows inspected, and members whose candidates are compared.
constexpr size_t kSliceRows = 1 << 16;
constexpr size_t kSliceMembers = 1 << 12;

}  // namespace

// One search for targets. Its phases, each in slices:
//   kMembers     finds the training rows that share their ID (the members), and keeps the targets that are still valid
//   kGroups      sorts the members into groups that share an ID
//   kCandidates  finds free IDs near each member
// and then for one group after the other
//   kClasses     sorts the group's members into classes of identical items, and the classes by what a move costs
//   kAssign      gives the classes their alternatives
class Separation::Search {
 public:
  Search(const Targets& standing, Index levels, IdCounter ids, const CodeMatrix& codes,
         const std::vector<uint32_t>& training, float error, const HeldIds& held)
      : standing_(standing),
        error_(error),
        levels_(levels),
        ids_(std::move(ids)),
        codes_(codes),
        training_(training),
        held_(held),
        used_(ids_.TakeIds()),
        has_guest_(static_cast<size_t>(ids_.groups()), false),
        begin_(static_cast<size_t>(ids_.groups()) + 1, 0) {}

  // Does one slice. Returns false if there was nothing left to do.
  bool Advance(const Model& model, const RowSource& training) {
    switch (phase_) {
      case Phase::kMembers:
        FindMembers();
        break;
      case Phase::kGroups:
        GroupMembers();
        break;
      case Phase::kCandidates:
        FindCandidates(model, training);
        break;
      case Phase::kClasses:
      case Phase::kAssign:  // several small groups in a slice
        for (size_t seen = 0; seen < kSliceMembers && phase_ != Phase::kDone;) {
          seen += phase_ == Phase::kClasses ? FindClasses() : AssignClasses();
        }
        break;
      case Phase::kDone:
        return false;
    }
    return true;
  }

  // The targets found.
  Targets Take() const {
    const auto count = static_cast<Index>(rows_.size());
    Targets found;
    found.error = error_;
    found.of_row.assign(standing_.of_row.size(), -1);
    for (size_t i = 0; i < rows_.size(); ++i) found.of_row[rows_[i]] = static_cast<int32_t>(i);
    found.taken = Eigen::Map<const CodeMatrix>(taken_.data(), count, levels_);
    found.alternative = Eigen::Map<const CodeMatrix>(alternative_.data(), count, levels_);
    return found;
  }

 private:
  enum class Phase { kMembers, kGroups, kCandidates, kClasses, kAssign, kDone };

  // A training row that shares its ID.
  struct Member {
    uint32_t row;
    uint32_t group;
    float own_error = 0;               // ||z - z^||^2 with the ID that it has
    std::vector<uint32_t> candidates;  // other IDs, L codes each, the best first
    std::vector<float> errors;         // ||z - z^||^2 with each of them
  };

  void FindMembers();
  void GroupMembers();
  void FindCandidates(const Model& model, const RowSource& training);
  void AddFreeCandidates(const CodeMatrix& codes, const float* errors, Index first, Member& member) const;
  // For the current group. Both return how many members they inspected.
  size_t FindClasses();
  size_t AssignClasses();

  std::vector<KeyedRow> MembersByClass() const;
  void OrderClasses();
  float Gap(uint32_t of_class) const;
  void Give(uint32_t row, const uint32_t* taken, const uint32_t* alternative);

  // The ID that a member has.
  CodeMatrix::ConstRowXpr CodesOf(const Member& member) const {
    return codes_.row(static_cast<Index>(training_[member.row]));
  }
  void Enter(Phase phase) {
    phase_ = phase;
    next_ = 0;
  }

  Phase phase_ = Phase::kMembers;
  size_t next_ = 0;  // the next row, member or class of the phase

  const Targets& standing_;  // until now
  float error_;
  Index levels_;
  IdCounter ids_;
  const CodeMatrix& codes_;
  const std::vector<uint32_t>& training_;
  const HeldIds& held_;
  IdTable used_;                 // every ID of the catalogue, those held, and the alternatives given
  std::vector<bool> has_guest_;  // for each ID: a row that does not train or holds its ID has it

  size_t next_training_ = 0;
  std::vector<Member> members_;  // in order of rows
  std::vector<uint32_t> member_rows_;
  std::vector<uint32_t> by_group_;  // members by group, those of a group in order of rows
  std::vector<uint32_t> begin_;     // for each ID where its members begin in by_group_, and the end

  uint32_t group_ = 0;             // the current group
  std::vector<uint32_t> sorted_;   // its members, those of a class together
  std::vector<uint32_t> classes_;  // where each class begins in sorted_, and the end
  std::vector<uint32_t> order_;    // the classes that move, those with the smallest gaps first

  std::vector<uint32_t> rows_, taken_, alternative_;  // the targets found
};

void Separation::Search::FindMembers() {
  const auto rows = static_cast<size_t>(codes_.rows()), end = std::min(next_ + kSliceRows, rows);
  for (; next_ < end; ++next_) {
    const auto i = static_cast<Index>(next_);
    const uint32_t group = ids_.group(i);
    if (next_training_ == training_.size() || training_[next_training_] != next_) {
      has_guest_[group] = true;
      continue;
    }
    const auto row = static_cast<uint32_t>(next_training_++);
    if (held_.HasOne(i)) {
      const uint32_t* held = held_.of(i);
      if (std::equal(held, held + codes_.cols(), &codes_(i, 0)))
        has_guest_[group] = true;
      else
        used_.Add(held);
      continue;
    }
    if (ids_.size(group) > 1) {
      members_.push_back({row, group, 0, {}, {}});
      ++begin_[group + 1];
    }
    const int32_t target = standing_.of_row[row];
    if (target >= 0 && standing_.alternative.row(target) == codes_.row(i)) {
      Give(row, standing_.taken.row(target).data(), standing_.alternative.row(target).data());
    }
  }
  if (next_ < rows) return;
  member_rows_.reserve(members_.size());
  for (const Member& member : members_) member_rows_.push_back(member.row);
  for (size_t group = 1; group < begin_.size(); ++group) begin_[group] += begin_[group - 1];
  by_group_.resize(members_.size());
  Enter(Phase::kGroups);
}

// A counting sort: each member goes after the earlier ones of its group, which advances the group's start.
void Separation::Search::GroupMembers() {
  const size_t end = std::min(next_ + kSliceRows, members_.size());
  for (; next_ < end; ++next_) by_group_[begin_[members_[next_].group]++] = static_cast<uint32_t>(next_);
  if (next_ < members_.size()) return;
  // Every start has advanced to the group's end, which is where the next group starts.
  begin_.insert(begin_.begin(), 0);
  begin_.pop_back();
  Enter(members_.empty() ? Phase::kDone : Phase::kCandidates);
}

// For a block of members.
void Separation::Search::FindCandidates(const Model& model, const RowSource& training) {
  const size_t rows = std::min<size_t>(kRowBlock, members_.size() - next_);
  const auto n = static_cast<Index>(rows);
  Matrix block(n, training.dim()), z(n, model.config().latent_dim), own(n, model.config().latent_dim);
  training.ReadListed(member_rows_, static_cast<Index>(next_), block);
  model.Latents(block, z);
  CodeMatrix candidates(n * kCandidates, levels_), own_codes(n, levels_);
  std::vector<float> errors(static_cast<size_t>(n * kCandidates));
  model.quantizer().Candidates(z, kCandidates, candidates, errors.data());
  Member* const members = &members_[next_];
  for (Index i = 0; i < n; ++i) own_codes.row(i) = CodesOf(members[i]);
  model.quantizer().Lookup(own_codes, own);
  for (Index i = 0; i < n; ++i) {
    members[i].own_error = SquaredDistance(z.row(i).data(), own.row(i).data(), z.cols());
    AddFreeCandidates(candidates, errors.data(), i * kCandidates, members[i]);
  }
  next_ += rows;
  if (next_ == members_.size()) Enter(Phase::kClasses);
}

// The candidates of a member are rows first ... of codes and errors. An infinite error ends the list early.
void Separation::Search::AddFreeCandidates(const CodeMatrix& codes, const float* errors, Index first,
                                           Member& member) const {
  for (Index c = first; c < first + kCandidates && errors[c] != std::numeric_limits<float>::infinity(); ++c) {
    const uint32_t* id = codes.row(c).data();
    if (used_.Contains(id)) continue;
    member.candidates.insert(member.candidates.end(), id, id + levels_);
    member.errors.push_back(errors[c]);
  }
}

size_t Separation::Search::FindClasses() {
  while (begin_[group_] == begin_[group_ + 1]) ++group_;
  const std::vector<KeyedRow> by_class = MembersByClass();
  sorted_.clear();
  classes_.clear();
  for (size_t i = 0; i < by_class.size(); ++i) {
    if (i == 0 || by_class[i].key != by_class[i - 1].key) classes_.push_back(static_cast<uint32_t>(i));
    sorted_.push_back(by_class[i].row);
  }
  classes_.push_back(static_cast<uint32_t>(by_class.size()));
  OrderClasses();
  Enter(Phase::kAssign);
  return by_class.size();
}

// The group's members, keyed and sorted by the first member of their class. Members with the same error and the same
// candidates are identical items. Nothing can separate them, so they stay or move together, as a class.
std::vector<KeyedRow> Separation::Search::MembersByClass() const {
  const auto alike = [](const Member& a, const Member& b) {
    return a.own_error == b.own_error && a.errors == b.errors && a.candidates == b.candidates;
  };
  // Identical members have the same hash and thus end up together, the first of each class first.
  std::vector<KeyedRow> hashed;
  for (uint32_t at = begin_[group_]; at < begin_[group_ + 1]; ++at) {
    const Member& member = members_[by_group_[at]];
    const uint64_t hash = HashBytes(member.candidates.data(), sizeof(uint32_t) * member.candidates.size());
    hashed.push_back({HashBytes(member.errors.data(), sizeof(float) * member.errors.size(), hash), by_group_[at]});
  }
  SortRows(hashed);
  std::vector<KeyedRow> by_class;
  std::vector<uint32_t> firsts;  // first members of the classes with the current hash: few, nearly always one
  for (size_t i = 0; i < hashed.size(); ++i) {
    if (i == 0 || hashed[i].key != hashed[i - 1].key) firsts.clear();
    const uint32_t m = hashed[i].row;
    const auto same =
        std::find_if(firsts.begin(), firsts.end(), [&](uint32_t first) { return alike(members_[m], members_[first]); });
    by_class.push_back({same == firsts.end() ? m : *same, m});
    if (same == firsts.end()) firsts.push_back(m);
  }
  SortRows(by_class);
  return by_class;
}

// Lists the classes that move by their gaps. The class with the widest gap stays, unless a row that does not train
// or holds the ID has it: that row stays in any case.
void Separation::Search::OrderClasses() {
  std::vector<KeyedRow> by_gap;
  for (uint32_t c = 0; c + 1 < classes_.size(); ++c) by_gap.push_back({OrderedKey(Gap(c)), c});
  SortRows(by_gap);
  if (!has_guest_[group_]) by_gap.pop_back();
  order_.clear();
  for (const KeyedRow& one : by_gap) order_.push_back(one.row);
}

// How much the error of a class grows with its best alternative.
float Separation::Search::Gap(uint32_t of_class) const {
  const Member& member = members_[sorted_[classes_[of_class]]];
  return member.errors.empty() ? std::numeric_limits<float>::infinity() : member.errors[0] - member.own_error;
}

// Gives each class of the group the best of its candidates that is still free, if there is one.
size_t Separation::Search::AssignClasses() {
  size_t seen = 0;
  for (; next_ < order_.size() && seen < kSliceMembers; ++next_) {
    const uint32_t one = order_[next_];
    const Member& first = members_[sorted_[classes_[one]]];
    ++seen;
    const uint32_t* codes = first.candidates.data();
    const uint32_t* const end = codes + first.candidates.size();
    while (codes != end && used_.Contains(codes)) codes += levels_;
    if (codes == end) continue;
    used_.Add(codes);
    for (uint32_t at = classes_[one]; at < classes_[one + 1]; ++at, ++seen) {
      const Member& moved = members_[sorted_[at]];
      Give(moved.row, CodesOf(moved).data(), codes);
    }
  }
  if (next_ < order_.size()) return seen;
  phase_ = begin_[++group_] < members_.size() ? Phase::kClasses : Phase::kDone;
  return seen;
}

// Adds a target.
void Separation::Search::Give(uint32_t row, const uint32_t* taken, const uint32_t* alternative) {
  rows_.push_back(row);
  taken_.insert(taken_.end(), taken, taken + levels_);
  alternative_.insert(alternative_.end(), alternative, alternative + levels_);
}

Separation::Separation(const ModelConfig& config, double weight, double margin, Index rows)
    : levels_(config.levels()),
      codebook_sizes_(config.codebook_sizes),
      weight_(static_cast<float>(weight)),
      margin_(static_cast<float>(margin)) {
  targets_.of_row.assign(weight > 0 ? static_cast<size_t>(rows) : 0, -1);
}

Separation::~Separation() = default;

void Separation::Begin(IdCounter ids, const CodeMatrix& codes, const std::vector<uint32_t>& training, double error,
                       const HeldIds& held) {
  search_ =
      std::make_unique<Search>(targets_, levels_, std::move(ids), codes, training, static_cast<float>(error), held);
}

bool Separation::Advance(const Model& model, const RowSource& training) {
  if (search_->Advance(model, training)) return true;
  targets_ = search_->Take();
  search_.reset();
  return false;
}

void Separation::Join(const std::vector<uint32_t>& row_ids, Index rows) {
  if (!enabled()) return;
  std::vector<int32_t> of_row(static_cast<size_t>(rows), -1);
  for (size_t i = 0; i < row_ids.size(); ++i) of_row[row_ids[i]] = targets_.of_row[i];
  targets_.of_row = std::move(of_row);
}

void Separation::AddGradient(const ResidualQuantizer& quantizer, const uint32_t* row_ids, const ConstMatrixRef& z,
                             float scale, Range rows, MatrixRef dz, double* hinges) const {
  if (targets() == 0) return;
  const Index d = z.cols();
  Matrix pair(2, d);
  CodeMatrix codes(2, levels_);
  for (Index i = rows.first; i < rows.first + rows.count; ++i) {
    hinges[i] = 0;
    const int32_t target = targets_.of_row[row_ids[i]];
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

void Separation::Visit(Archive& archive, Index rows) {
  archive.Visit(targets_.error);
  archive.Visit(targets_.of_row);
  if (targets_.of_row.size() != (enabled() ? static_cast<size_t>(rows) : 0)) Archive::Fail();
  for (CodeMatrix* matrix : {&targets_.taken, &targets_.alternative}) {
    std::vector<uint32_t> codes(matrix->data(), matrix->data() + matrix->size());
    archive.Visit(codes);
    if (!archive.reading()) continue;
    if (codes.size() % static_cast<size_t>(levels_) != 0) Archive::Fail();
    for (size_t i = 0; i < codes.size(); ++i) {
      if (codes[i] >= codebook_sizes_[i % codebook_sizes_.size()]) Archive::Fail();
    }
    *matrix = Eigen::Map<const CodeMatrix>(codes.data(), static_cast<Index>(codes.size()) / levels_, levels_);
  }
  if (targets_.taken.rows() != targets_.alternative.rows()) Archive::Fail();
  for (const int32_t target : targets_.of_row) {
    if (target < -1 || target >= targets_.taken.rows()) Archive::Fail();
  }
}

}  // namespace rqvae
