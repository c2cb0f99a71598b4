#include "initializer.h"

#include <algorithm>

#include "error.h"
#include "progressive_kmeans.h"
#include "random.h"
#include "sums.h"

namespace rqvae {
namespace {

// Rows per slice of a pass that only adds up.
constexpr Index kStatisticsRows = 16 * kRowBlock;

// Rows of `cols` floats, or none if they are not part of the state.
void VisitRows(Archive& archive, Index cols, bool part_of_state, Matrix& matrix) {
  Index rows = part_of_state ? matrix.rows() : 0;
  Vector values = Eigen::Map<const Vector>(matrix.data(), rows * cols);
  archive.Visit(rows);
  archive.Visit(values);
  if (!archive.reading()) return;
  if (rows < 0 || int64_t{rows} * cols != values.size()) Archive::Fail();
  matrix = Eigen::Map<const Matrix>(values.data(), rows, cols);
}

[[noreturn]] void ThrowTooLarge() {
  throw Error(ErrorKind::kInvalidInput,
              "items: their values are too large to be fitted in float32; scale them down "
              "({input_scaling=commonScale} takes the widest range)");
}

}  // namespace

Index InitializeJob::SampleSize(const ModelConfig& config, Index rows) {
  Index most = kSampleRows;
  for (const Index size : config.codebook_sizes) most = std::max(most, 40 * size);
  return std::min(most, rows);
}

double HeldBytes(const Model& model, RowCounts counts) {
  return MemoryNeed().Floats(counts.held, model.config().input_dim);
}

MemoryNeed NeedOfInitialization(const Model& model, RowCounts counts) {
  const ModelConfig& config = model.config();
  MemoryNeed need = NeedOf(model);
  need.items = HeldBytes(model, counts);
  const Index sample = InitializeJob::SampleSize(config, counts.rows);
  const Index codes = *std::max_element(config.codebook_sizes.begin(), config.codebook_sizes.end());
  const bool pca = config.linear_skip == LinearSkip::kPca && !model.initialized();
  // The sample with PCA's covariance or with the latents, then k-means: the latents again, centres, their sums.
  const double latents = need.Floats(sample, config.latent_dim);
  const double gathering = need.Floats(sample, config.input_dim) +
                           std::max(pca ? need.Floats(config.input_dim, config.input_dim) : 0, latents);
  double clustering = 0;
  if (config.codebook_kmeans_init) {
    clustering = 2 * (latents + need.Floats(codes, config.latent_dim) + need.Doubles(codes, config.latent_dim)) +
                 need.Floats(sample, KmeansJob::Bounds(codes));
  }
  if (config.codebook_refine) {  // the latents stay, beside the rows that a level is fitted to
    const std::vector<Index> counts = CandidateCounts(config, sample);
    for (Index l = 1; l < config.levels(); ++l) {
      const Index rows = CandidateResiduals::Rows(config.codebook_sizes, sample, l, counts[static_cast<size_t>(l)],
                                                  InitializeJob::kSampleRows);
      clustering = std::max(clustering, latents + need.Floats(rows, config.latent_dim));
    }
  }
  need.work = need.model + std::max(gathering, clustering);  // all in a draft of the model
  return need;
}

InitializeJob::InitializeJob(Model* model, const RowSource* source, bool codebooks)
    : model_(model),
      source_(source),
      codebooks_(codebooks),
      phase_(model->initialized() ? Phase::kGather : Phase::kMean),
      statistics_(model->config().input_scaling, model->config().input_dim) {
  RequireMemory(NeedOfInitialization(*model, RowCounts::Of(*source)));
  draft_ = std::make_unique<Model>(model->config(), model->part(), Model::kDeclared);
  draft_->Allocate();
  draft_->store().values() = model->store().values();
  draft_->ParametersChanged();
}

InitializeJob::~InitializeJob() = default;

bool InitializeJob::ends_in_refinement() const {
  return refines() && std::all_of(candidates_.begin(), candidates_.end(), [](Index count) { return count == 1; });
}

double InitializeJob::progress() const {
  // Rough shares of the time.
  const auto levels = static_cast<double>(model_->config().levels());
  const double of_levels = ends_in_refinement() ? 0.5 : 0.8;
  switch (phase_) {
    case Phase::kMean:
    case Phase::kVariance:
      return 0.05 * static_cast<double>(next_row_) / static_cast<double>(source_->rows());
    case Phase::kGather:
    case Phase::kPca:
      return 0.1;
    case Phase::kLatents:
    case Phase::kDirections:
      return 0.2;
    case Phase::kKmeans:
    case Phase::kResidual:
    case Phase::kCandidates:
      return 0.2 + of_levels * (static_cast<double>(level_) + 0.5) / levels;
    case Phase::kRefine:
      return 0.2 + of_levels + (0.8 - of_levels) * (refinement_ ? refinement_->progress() : 0);
    case Phase::kCommit:
    case Phase::kDone:
      break;
  }
  return 1.0;
}

bool InitializeJob::Advance() {
  switch (phase_) {
    case Phase::kMean:
    case Phase::kVariance:
      StatisticsSlice();
      return true;
    case Phase::kGather:
      GatherSlice();
      return true;
    case Phase::kPca:
      if (!pca_->Advance()) {
        SetLinearPath(pca_->directions(), pca_->mean());
        pca_.reset();
        phase_ = Phase::kLatents;
      }
      return true;
    case Phase::kLatents:
      LatentsSlice();
      return true;
    case Phase::kKmeans:
      KmeansSlice();
      return true;
    case Phase::kResidual:
      ResidualSlice();
      return true;
    case Phase::kDirections:
      if (!pca_->Advance()) {
        directions_ = pca_->directions();
        pca_.reset();
        phase_ = Phase::kKmeans;
      }
      return true;
    case Phase::kCandidates:
      CandidatesSlice();
      return true;
    case Phase::kRefine:
      RefineSlice();
      return true;
    case Phase::kCommit:
      Commit();
      return false;
    case Phase::kDone:
      break;
  }
  return false;
}

// Computes the mean of each dimension, then the variances, over all rows.
void InitializeJob::StatisticsSlice() {
  if (!draft_->scaler().learned()) {
    phase_ = Phase::kGather;
    return;
  }
  const Index n = source_->rows(), dim = source_->dim();
  Matrix block;
  for (Index slice = 0; slice < kStatisticsRows && next_row_ < n; slice += kRowBlock) {
    const Index count = std::min(kRowBlock, n - next_row_);
    block.resize(count, dim);
    source_->ReadInOrder(next_row_, block);
    if (phase_ == Phase::kMean) {
      statistics_.AddToMean(block);
    } else {
      statistics_.AddToVariance(block);
    }
    next_row_ += count;
  }
  if (next_row_ < n) return;
  next_row_ = 0;
  if (phase_ == Phase::kMean) {
    statistics_.FinishMean(n);
    if (statistics_.needs_variance()) {
      phase_ = Phase::kVariance;
      return;
    }
  } else {
    statistics_.FinishVariance(n);
  }
  draft_->scaler().Learn(draft_->store(), statistics_);
  phase_ = Phase::kGather;
}

// Chooses the sample, reads it and scales it.
void InitializeJob::GatherSlice() {
  const ModelConfig& config = model_->config();
  if (sample_ids_.empty()) {
    if (!sampler_) {
      sampler_ = std::make_unique<RowSampler>(config.seed, Stream::kSample, source_->rows(),
                                              SampleSize(config, source_->rows()));
    }
    if (sampler_->Advance()) return;
    sample_ids_ = sampler_->Take();
    sampler_.reset();
    sample_.resize(static_cast<Index>(sample_ids_.size()), source_->dim());
    candidates_ = CandidateCounts(config, sample_.rows());
  }
  Matrix block;
  for (Index slice = 0; slice < kStatisticsRows && next_row_ < sample_.rows(); slice += kRowBlock) {
    block.resize(std::min(kRowBlock, sample_.rows() - next_row_), sample_.cols());
    source_->ReadListed(sample_ids_, next_row_, block);
    draft_->scaler().Scale(draft_->store(), block, sample_.middleRows(next_row_, block.rows()));
    next_row_ += block.rows();
  }
  if (next_row_ < sample_.rows()) return;
  next_row_ = 0;
  sample_ids_ = {};
  if (config.linear_skip == LinearSkip::kPca && !model_->initialized()) {
    pca_ = std::make_unique<PcaJob>(&sample_, config.latent_dim, Random(config.seed, Stream::kPca));
    phase_ = Phase::kPca;
    return;
  }
  if (config.linear_skip == LinearSkip::kIdentity && !model_->initialized()) {
    SetLinearPath(Matrix::Identity(config.latent_dim, config.input_dim), Vector::Zero(config.input_dim));
  }
  phase_ = Phase::kLatents;
}

// S = directions, s = -S mean;  T = S^T, t = mean:  dec(enc(x)) is the projection of x onto the directions.
void InitializeJob::SetLinearPath(const Matrix& directions, const Vector& mean) {
  ParameterStore& store = draft_->store();
  store.value(draft_->encoder().skip_weight()) = directions;
  MatrixMap bias = store.value(draft_->encoder().skip_bias());
  for (Index i = 0; i < directions.rows(); ++i) {
    bias(i, 0) = -Dot(directions.row(i).data(), mean.data(), directions.cols());
  }
  store.value(draft_->decoder().skip_weight()) = directions.transpose();
  store.value(draft_->decoder().skip_bias()).col(0) = mean;
  draft_->ParametersChanged();
}

// Encodes the sample.
void InitializeJob::LatentsSlice() {
  if (!codebooks_) {
    phase_ = Phase::kCommit;
    return;
  }
  Matrix& all = refines() ? latents_ : residuals_;
  all.resize(sample_.rows(), model_->config().latent_dim);
  const Index rows = std::min(kRowBlock, sample_.rows() - next_row_);
  auto latents = all.middleRows(next_row_, rows);
  Mlp::Tape tape;
  draft_->encoder().Forward(draft_->store(), sample_.middleRows(next_row_, rows), tape, latents);
  if (ItemOutOfRange::FirstOf(latents) < rows) ThrowTooLarge();
  next_row_ += rows;
  if (next_row_ < sample_.rows()) return;
  next_row_ = 0;
  sample_.resize(0, 0);
  phase_ = Phase::kKmeans;
  // The latents of a new model with the PCA's path are in the order of its directions. Others are not.
  const ModelConfig& config = model_->config();
  const bool ordered = config.linear_skip == LinearSkip::kPca && !model_->initialized();
  const Index leading = ProgressiveKmeansJob::LeadingDirections(config.latent_dim);
  bool progressive = false;
  for (Index l = 0; refines() && l < config.levels(); ++l) progressive = progressive || is_progressive(l);
  if (!progressive || ordered || leading == 0) return;
  pca_ = std::make_unique<PcaJob>(&latents_, leading, Random(config.seed, Stream::kPca, 1));
  phase_ = Phase::kDirections;
}

// Fits the codebook of a level to the residuals.
void InitializeJob::KmeansSlice() {
  if (!kmeans_) StartKmeans();
  if (kmeans_->Advance()) return;
  inertia_.push_back(kmeans_->inertia());
  draft_->ReplaceCodebook(level_, kmeans_->centers());
  kmeans_.reset();
  if (!refines()) {
    phase_ = Phase::kResidual;
    return;
  }
  ++level_;
  if (level_ < model_->config().levels()) {
    phase_ = Phase::kCandidates;
  } else {
    residuals_.resize(0, 0);
    phase_ = ends_in_refinement() ? Phase::kRefine : Phase::kCommit;
  }
}

void InitializeJob::StartKmeans() {
  const ModelConfig& config = model_->config();
  const Index codes = config.codebook_sizes[static_cast<size_t>(level_)];
  const Random random(config.seed, Stream::kKmeans, static_cast<uint64_t>(level_));
  const Matrix* rows = refines() && level_ == 0 ? &latents_ : &residuals_;
  if (refines() && is_progressive(level_)) {
    kmeans_ = std::make_unique<ProgressiveKmeansJob>(rows, &directions_, codes, random);
  } else {
    kmeans_ = std::make_unique<KmeansJob>(rows, codes, random);
  }
}

// Subtracts the level's codes from the residuals.
void InitializeJob::ResidualSlice() {
  const Index rows = std::min(kRowBlock, residuals_.rows() - next_row_);
  auto block = residuals_.middleRows(next_row_, rows);
  std::vector<uint32_t> codes(static_cast<size_t>(rows));
  FindNearest(draft_->quantizer().searchable(level_), block, codes.data(), nullptr);
  const Matrix& codebook = draft_->quantizer().codebook(level_);
  for (Index i = 0; i < rows; ++i) block.row(i) -= codebook.row(codes[static_cast<size_t>(i)]);
  next_row_ += rows;
  if (next_row_ < residuals_.rows()) return;
  next_row_ = 0;
  ++level_;
  phase_ = level_ < model_->config().levels() ? Phase::kKmeans : Phase::kCommit;
}

// Finds what the level is fitted to.
void InitializeJob::CandidatesSlice() {
  if (!candidate_job_) {
    candidate_job_ = std::make_unique<CandidateResiduals>(
        *draft_, &latents_, level_, candidates_[static_cast<size_t>(level_)], kSampleRows, &residuals_);
  }
  if (candidate_job_->Advance()) return;
  candidate_job_.reset();
  phase_ = Phase::kKmeans;
}

void InitializeJob::RefineSlice() {
  if (!refinement_) refinement_ = std::make_unique<CodebookRefinement>(draft_.get(), &latents_);
  if (refinement_->Advance()) return;
  refinement_.reset();
  phase_ = Phase::kCommit;
}

void InitializeJob::Commit() {
  if (!draft_->store().values().allFinite()) ThrowTooLarge();
  model_->store().values() = draft_->store().values();
  model_->ParametersChanged();
  model_->set_initialized(true);
  draft_.reset();
  residuals_.resize(0, 0);
  latents_.resize(0, 0);
  phase_ = Phase::kDone;
}

// The state has neither the sample nor the principal directions: a restored job computes them again. That takes
// seconds, while k-means may take minutes.
void InitializeJob::Visit(Archive& archive) {
  const ModelConfig& config = model_->config();
  const bool sampling =
      phase_ == Phase::kGather || phase_ == Phase::kPca || phase_ == Phase::kLatents || phase_ == Phase::kDirections;
  Phase phase = sampling ? Phase::kGather : phase_;
  archive.Visit(phase);
  if (phase == Phase::kDone || phase == Phase::kDirections || phase > Phase::kRefine) Archive::Fail();
  const Index size = draft_->store().values().size();
  archive.Visit(draft_->store().values());
  if (draft_->store().values().size() != size) Archive::Fail();
  Index next_row = sampling ? 0 : next_row_;
  archive.Visit(next_row);
  statistics_.Visit(archive);
  archive.Visit(level_);
  archive.Visit(inertia_);
  VisitRows(archive, config.latent_dim, !sampling && phase != Phase::kCandidates, residuals_);
  if (refines()) {
    VisitRows(archive, config.latent_dim, !sampling, latents_);
    VisitRows(archive, config.latent_dim, !sampling, directions_);
  }
  if (archive.reading()) {
    next_row_ = next_row;
    phase_ = phase;
    candidates_ = CandidateCounts(config, latents_.rows());  // the source may not know its rows yet
    if (!Consistent()) Archive::Fail();
    draft_->ParametersChanged();
  }
  bool clustering = kmeans_ != nullptr, refining = refinement_ != nullptr;
  archive.Visit(clustering);
  if (clustering) {
    if (archive.reading()) {
      if (phase_ != Phase::kKmeans) Archive::Fail();
      StartKmeans();
    }
    kmeans_->Visit(archive);
  }
  if (!refines()) return;
  archive.Visit(refining);
  if (!refining) return;
  if (archive.reading()) {
    if (phase_ != Phase::kRefine) Archive::Fail();
    refinement_ = std::make_unique<CodebookRefinement>(draft_.get(), &latents_);
  }
  refinement_->Visit(archive);
}

// Checks what the phases rely on in a restored state.
bool InitializeJob::Consistent() const {
  const ModelConfig& config = model_->config();
  const bool fitting = phase_ == Phase::kKmeans || phase_ == Phase::kResidual || phase_ == Phase::kCandidates;
  if (level_ < 0 || level_ > config.levels() || next_row_ < 0 || (fitting && level_ == config.levels())) return false;
  if (phase_ == Phase::kResidual && (refines() || next_row_ > residuals_.rows())) return false;
  if (!refines()) return phase_ <= Phase::kCommit && !(fitting && residuals_.rows() < 1);
  if (phase_ == Phase::kCandidates && level_ == 0) return false;
  if (phase_ == Phase::kKmeans && level_ > 0) {
    const auto level = static_cast<size_t>(level_);
    if (residuals_.rows() !=
        CandidateResiduals::Rows(config.codebook_sizes, latents_.rows(), level_, candidates_[level], kSampleRows)) {
      return false;
    }
  }
  // They exist from the first level on.
  const Index leading = ProgressiveKmeansJob::LeadingDirections(config.latent_dim);
  return !(fitting || phase_ == Phase::kRefine) ||
         (latents_.rows() > 0 && (directions_.rows() == 0 || directions_.rows() == leading));
}

}  // namespace rqvae
