// The table of what JavaScript can call. The TypeScript side of each entry is in bindings/js/native-module.ts.
#include <emscripten/bind.h>
#include <emscripten/emscripten.h>
#include <emscripten/version.h>

#include <algorithm>
#include <memory>

#include "adaptors.h"
#include "arrays.h"
#include "fingerprint.h"
#include "hash.h"
#include "optimizer.h"
#include "parallel.h"
#include "sparse_eigen.h"
#include "train_job.h"
#include "train_step.h"

namespace rqvae::bindings {
namespace {

// -- Configuration, by the names of bindings/js/options/table.ts, where options were checked and completed.

ModelConfig ReadModelConfig(const val& options) {
  ModelConfig config;
  Read(options, "inputDim", config.input_dim);
  Read(options, "latentDim", config.latent_dim);
  Read(options, "hiddenDims", config.hidden_dims);
  Read(options, "codebookSize", config.codebook_sizes);
  Read(options, "activation", config.activation);
  Read(options, "inputScaling", config.input_scaling);
  Read(options, "linearSkip", config.linear_skip);
  Read(options, "codebookGradient", config.codebook_gradient);
  Read(options, "codebookUpdate", config.codebook_update);
  Read(options, "gradientEstimator", config.gradient_estimator);
  Read(options, "reconstruction", config.reconstruction);
  Read(options, "compat", config.compat);
  Read(options, "layerNorm", config.layer_norm);
  Read(options, "codebookSimVq", config.codebook_sim_vq);
  Read(options, "codebookKmeansInit", config.codebook_kmeans_init);
  Read(options, "codebookRefine", config.codebook_refine);
  Read(options, "commitmentWeight", config.commitment_weight);
  Read(options, "reconstructionWeight", config.reconstruction_weight);
  Read(options, "codebookWeight", config.codebook_weight);
  Read(options, "inputNoise", config.input_noise);
  Read(options, "emaDecay", config.ema_decay);
  Read(options, "sinkhornEpsilon", config.sinkhorn_epsilon);
  Read(options, "sinkhornIterations", config.sinkhorn_iterations);
  Read(options, "encodeBeam", config.encode_beam);
  Read(options, "firstCodeWeight", config.first_code_weight);
  Read(options, "seed", config.seed);
  return config;
}

OptimizerConfig ReadOptimizerConfig(const val& options) {
  OptimizerConfig config;
  Read(options, "optimizer", config.kind);
  Read(options, "learningRate", config.learning_rate);
  Read(options, "encoderLearningRateScale", config.encoder_learning_rate_scale);
  Read(options, "decoderLearningRateScale", config.decoder_learning_rate_scale);
  Read(options, "codebookLearningRateScale", config.codebook_learning_rate_scale);
  Read(options, "gradientClip", config.gradient_clip);
  Read(options, "weightDecay", config.weight_decay);
  Read(options, "beta1", config.beta1);
  Read(options, "beta2", config.beta2);
  Read(options, "epsilon", config.epsilon);
  Read(options, "momentum", config.momentum);
  return config;
}

TrainConfig ReadTrainConfig(const val& options) {
  TrainConfig config;
  config.optimizer = ReadOptimizerConfig(options);
  Read(options, "epochs", config.epochs);
  Read(options, "batchSize", config.batch_size);
  Read(options, "schedule", config.schedule);
  Read(options, "warmup", config.warmup);
  Read(options, "evaluateEvery", config.evaluate_every);
  Read(options, "validationShare", config.validation_share);
  Read(options, "validationUntil", config.validation_until);
  Read(options, "select", config.select);
  Read(options, "patience", config.patience);
  Read(options, "deadCodeRestart", config.dead_code_restart);
  Read(options, "residualNoise", config.residual_noise);
  Read(options, "separationWeight", config.separation_weight);
  Read(options, "separationMargin", config.separation_margin);
  Read(options, "stability", config.stability);
  Read(options, "newItemRepeats", config.new_item_repeats);
  return config;
}

// -- Threads

// How many threads a job or another long call may use, and a single call that encodes.
Index job_threads = 1, encode_threads = 1;
bool may_block = true;

void UseThreads(int jobs, int encode, bool caller_may_block) {
  job_threads = jobs;
  encode_threads = encode;
  may_block = caller_may_block;
}

// Uses `threads` threads while in scope.
class Working {
 public:
  explicit Working(Index threads) { SetThreads(threads, may_block); }
  ~Working() { SetThreads(1, may_block); }
};

// -- Model

std::unique_ptr<Model> CreateModel(val options) { return std::make_unique<Model>(ReadModelConfig(options)); }
// For tensors of a file: it has their shapes and, once allocated, room for them.
std::unique_ptr<Model> DeclareModel(val options, bool encoder_only) {
  return std::make_unique<Model>(ReadModelConfig(options), encoder_only ? Part::kEncoder : Part::kFull,
                                 Model::kDeclared);
}
void AllocateModel(Model& model) { model.Allocate(); }

bool Initialized(const Model& model) { return model.initialized(); }
std::string FingerprintOf(const Model& model) { return Hex(Fingerprint(model)); }

// Name, shape and address of every tensor that belongs in a model file, in file order. The addresses of a model that is
// only declared mean nothing.
val Tensors(Model& model) {
  val result = val::array();
  ParameterStore& store = model.store();
  for (Index handle = 0; handle < store.count(); ++handle) {
    const Parameter& parameter = store.parameter(handle);
    if (parameter.group == ParameterGroup::kState) continue;
    val tensor = val::object();
    tensor.set("name", parameter.name);
    tensor.set("shape", ToArray(parameter.shape));
    tensor.set("address", reinterpret_cast<uintptr_t>(store.value(handle).data()));
    tensor.set("size", static_cast<double>(parameter.size));
    result.call<void>("push", tensor);
  }
  return result;
}

// Called after the tensors were written from outside.
void TensorsChanged(Model& model, bool initialized) {
  model.set_initialized(initialized);
  model.ParametersChanged();
}

// The result of the functions of items: the first row that is out of the model's range, or -1.
template <typename F>
int FirstOutOfRange(F f, Index threads = encode_threads) {
  const Working working(threads);
  try {
    f();
  } catch (const ItemOutOfRange& e) {
    return static_cast<int>(e.row());
  }
  return -1;
}

int Latents(const Model& model, uintptr_t items, int rows, uintptr_t latents) {
  const ModelConfig& config = model.config();
  return FirstOutOfRange(
      [&] { model.Latents(ReadMatrix(items, rows, config.input_dim), WriteMatrix(latents, rows, config.latent_dim)); });
}

// margins may be 0. in_slices: the items are a slice of a long call's, which uses the threads of a job.
int Encode(const Model& model, uintptr_t items, int rows, uintptr_t codes, uintptr_t margins, bool in_slices) {
  const ModelConfig& config = model.config();
  const ConstMatrixMap matrix = ReadMatrix(items, rows, config.input_dim);
  MatrixRef out(WriteMatrix(margins, rows, config.levels()));
  return FirstOutOfRange(
      [&] { model.Encode(matrix, WriteCodes(codes, rows, config.levels()), margins == 0 ? nullptr : &out); },
      in_slices ? job_threads : encode_threads);
}

void Decode(const Model& model, uintptr_t codes, int rows, uintptr_t items) {
  const Working working(encode_threads);
  const ModelConfig& config = model.config();
  model.Decode(ReadCodes(codes, rows, config.levels()), WriteMatrix(items, rows, config.input_dim));
}

int Quantize(const Model& model, uintptr_t items, int rows, uintptr_t codes, uintptr_t embeddings, uintptr_t residuals,
             uintptr_t quantize_loss) {
  const ModelConfig& config = model.config();
  const Index width = config.levels() * config.latent_dim;
  Eigen::Map<Vector> loss(reinterpret_cast<float*>(quantize_loss), rows);
  return FirstOutOfRange([&] {
    model.Quantize(ReadMatrix(items, rows, config.input_dim), WriteCodes(codes, rows, config.levels()),
                   WriteMatrix(embeddings, rows, width), WriteMatrix(residuals, rows, width), loss);
  });
}

// The effective codebook of a level (after out_proj with SimVQ), in the latent space or decoded.
void Codebook(const Model& model, int level, bool input_space, uintptr_t out) {
  const Matrix codebook = input_space ? model.CodebookInInputSpace(level) : model.quantizer().codebook(level);
  WriteMatrix(out, codebook.rows(), codebook.cols()) = codebook;
}

val EvaluateItems(const Model& model, uintptr_t items, int rows) {
  Losses losses;
  const int refused =
      FirstOutOfRange([&] { losses = Evaluate(model, ReadMatrix(items, rows, model.config().input_dim)); });
  return refused < 0 ? BatchToJs(losses, rows) : val(refused);
}

// -- The caller's own training loop

// The result of createOptimizer: a step and its optimiser, which keep their buffers between the caller's batches.
struct OwnLoop {
  OwnLoop(Model& model, const OptimizerConfig& config) : step(&model), optimizer(config, model.store()) {}
  TrainStep step;
  Optimizer optimizer;
};

std::unique_ptr<OwnLoop> CreateOptimizer(Model& model, val options) {
  return std::make_unique<OwnLoop>(model, ReadOptimizerConfig(options));
}

val Step(const Model& model, OwnLoop& loop, uintptr_t items, int rows) {
  const Working working(job_threads);
  const auto number = static_cast<uint64_t>(loop.optimizer.steps());
  const Losses losses = loop.step.Run(ReadMatrix(items, rows, model.config().input_dim), number);
  loop.step.Apply(loop.optimizer, losses, 1.0, "this step was not applied");
  return BatchToJs(losses, rows);
}

// -- Jobs. Their rows live on the wasm heap as long as the job, or are fetched when the job lacks them.

std::unique_ptr<RowSource> CreateRows(int rows, int dim, bool streamed) {
  if (streamed) return std::make_unique<StreamedRows>(rows, dim);
  try {
    return std::make_unique<MatrixRows>(rows, dim);
  } catch (const std::bad_alloc&) {
    throw Error(
        ErrorKind::kOutOfMemory,
        "the WebAssembly memory has no room for the items (4 GB at most). Give them as an EmbeddingSource, which "
        "is read in pieces");
  }
}
// For rows in memory.
uintptr_t RowsAddress(RowSource& rows) {
  return reinterpret_cast<uintptr_t>(static_cast<MatrixRows&>(rows).data().data());
}
val CopyOf(const std::vector<uint32_t>& names) {
  return val(emscripten::typed_memory_view(names.size(), names.data())).call<val>("slice");
}
// For streamed rows that a job lacks: their numbers in a separate Uint32Array, ascending, and the address where their
// values belong; and the numbers of those that it will lack next, as far as it knows.
val TakeWanted(RowSource& rows) {
  auto& streamed = static_cast<StreamedRows&>(rows);
  val result = val::object();
  result.set("address", reinterpret_cast<uintptr_t>(streamed.MakeRoom()));
  result.set("names", CopyOf(streamed.row_ids()));
  result.set("next", CopyOf(streamed.foreseen()));
  return result;
}

// The result of a slice of a job, in the numbers of native-module.ts.
enum Progress { kDone, kMore, kMissing };
int Advance(Job& job) {
  const Working working(job_threads);
  try {
    return job.Advance() ? kMore : kDone;
  } catch (const RowsMissing&) {
    return kMissing;
  }
}

std::unique_ptr<Job> CreateInitializeJob(Model* model, const RowSource* rows) {
  return std::make_unique<InitializeJob>(model, rows);
}
double InitializeProgress(const Job& job) { return static_cast<const InitializeJob&>(job).progress(); }

// A sparse symmetric matrix by rows (starts: rows + 1, of 32 bits; columns and values), and room for its embedding
// (rows x dim), which stay the caller's.
std::unique_ptr<Job> CreateSparseEigenJob(uintptr_t starts, uintptr_t columns, uintptr_t values, uintptr_t embedding,
                                          int rows, int dim, double seed) {
  const auto* const first = reinterpret_cast<const int*>(starts);
  const SparseEigenJob::Sparse matrix(rows, rows, first[rows], first, reinterpret_cast<const int*>(columns),
                                      reinterpret_cast<const float*>(values));
  return std::make_unique<SparseEigenJob>(matrix, WriteMatrix(embedding, rows, dim),
                                          Random(static_cast<uint64_t>(seed), Stream::kBehaviour));
}

// Jobs are one class to JavaScript: each costs bytes. Its side gives each function the job that it is for.
TrainJob& Training(Job& job) { return static_cast<TrainJob&>(job); }
const TrainJob& Training(const Job& job) { return static_cast<const TrainJob&>(job); }

std::unique_ptr<Job> CreateTrainJob(Model* model, const RowSource* rows, val options) {
  return std::make_unique<TrainJob>(model, rows, ReadTrainConfig(options));
}
// Called before there are a model and rows: throws if both and their training would not fit into memory.
void RequireTrainingMemory(val model, val training, double rows, bool streamed) {
  const Model declared(ReadModelConfig(model), Part::kFull, Model::kDeclared);
  const auto count = static_cast<Index>(rows);
  const Index held = streamed ? StreamedRows(count, declared.config().input_dim).held() : count;
  RequireMemory(NeedOfTraining(declared, {count, held}, ReadTrainConfig(training)));
}
// codes: rows x levels, with 2^32 - 1 in place of the first one where an item holds no ID.
void HoldIds(Job& job, uintptr_t codes, int rows, int levels) { Training(job).Hold(ReadCodes(codes, rows, levels)); }

val TrainState(const Job& base) {
  const TrainJob& job = Training(base);
  val result = val::object();
  result.set("initializing", job.initializing());
  result.set("initializeProgress", job.initialize_progress());
  result.set("epoch", static_cast<double>(job.epoch()));
  result.set("step", static_cast<double>(job.step()));
  result.set("totalSteps", static_cast<double>(job.total_steps()));
  // The record of an epoch that is still being evaluated is not complete yet.
  result.set("finishedEpochs", static_cast<double>(std::max<Index>(0, job.epoch())));
  result.set("totalRows", static_cast<double>(job.total_rows()));
  result.set("heldOutEpochs", static_cast<double>(job.held_out_epochs()));
  result.set("refitProgress", job.refit_progress());
  return result;
}

// Undefined before the first step of this job.
val TrainLosses(const Job& base) {
  const TrainJob& job = Training(base);
  return job.last_batch_size() == 0 ? val::undefined() : BatchToJs(job.last_losses(), job.last_batch_size());
}

// Undefined before the first step of the training.
val TrainEpochLosses(const Job& base) {
  const TrainJob& job = Training(base);
  const std::optional<Losses> losses = job.epoch_losses();
  return losses ? ToJs(*losses) : val::undefined();
}

val TrainRecord(const Job& job, int index) {
  const EpochRecord& record = Training(job).history().at(static_cast<size_t>(index));
  val result = ToJs(record.losses);
  result.set("epoch", static_cast<double>(record.epoch));
  result.set("learningRate", record.learning_rate);
  result.set("deadCodes", ToArray(record.dead_codes));
  result.set("restartedCodes", ToArray(record.restarted));
  result.set("evaluated", record.evaluation.has_value());
  if (record.evaluation) SetEvaluation(result, *record.evaluation);
  return result;
}

// Undefined unless there are validation rows and the start was evaluated.
val TrainStart(const Job& base) {
  const TrainJob& job = Training(base);
  if (!job.start()) return val::undefined();
  val result = val::object();
  SetEvaluation(result, *job.start());
  return result;
}

val ToJs(const std::optional<Snapshot>& snapshot) {
  if (!snapshot) return val::undefined();
  val result = val::object();
  result.set("epoch", static_cast<double>(snapshot->epoch));
  result.set("loss", snapshot->loss);
  SetEvaluation(result, snapshot->evaluation);
  return result;
}

// How the job chose what it left in the model.
val TrainOutcome(const Job& base) {
  const TrainJob& job = Training(base);
  val result = val::object();
  const Snapshot* selected = job.selected();
  result.set("selectedEpoch",
             static_cast<double>(selected != nullptr ? selected->epoch : static_cast<Index>(job.history().size()) - 1));
  result.set("stoppedEarly", job.stopped_early());
  result.set("joined", job.validation() == TrainJob::Validation::kJoined);
  result.set("startKept", job.validation() == TrainJob::Validation::kStartKept);
  result.set("refitted", job.validation() == TrainJob::Validation::kStartKept && job.refits());
  result.set("bestByLoss", ToJs(job.best().by_loss));
  result.set("bestByCollision", ToJs(job.best().by_collision));
  return result;
}

// All values of a model in one piece, to keep and restore: the current ones, or those of one of the job's snapshots.
double ValuesSize(const Model& model) { return static_cast<double>(model.store().values().size()); }
void ReadSnapshot(const Job& job, bool by_collision, uintptr_t out) {
  const auto& best = Training(job).best();
  const Vector& values = (by_collision ? best.by_collision : best.by_loss)->values;
  Eigen::Map<Vector>(reinterpret_cast<float*>(out), values.size()) = values;
}
void WriteValues(Model& model, uintptr_t values) {
  Vector& own = model.store().values();
  own = Eigen::Map<const Vector>(reinterpret_cast<const float*>(values), own.size());
  model.ParametersChanged();
}

// The state of a job as a separate Uint8Array.
val SaveTrainState(Job& job) {
  const std::vector<uint8_t> bytes = Training(job).Save();
  return val(emscripten::typed_memory_view(bytes.size(), bytes.data())).call<val>("slice");
}
void RestoreTrainState(Job& job, uintptr_t bytes, double size) {
  Training(job).Restore(reinterpret_cast<const uint8_t*>(bytes), static_cast<size_t>(size));
}

// -- Helpers on arrays

double FindNonFinite(uintptr_t values, double count) {
  return static_cast<double>(FirstNonFinite(reinterpret_cast<const float*>(values), static_cast<Index>(count)));
}

void ConvertHalves(uintptr_t halves, double count, uintptr_t floats) {
  HalfToFloat(reinterpret_cast<const void*>(halves), static_cast<Index>(count), reinterpret_cast<void*>(floats));
}

std::string Hash(uintptr_t bytes, double count) {
  return Hex(HashBytes(reinterpret_cast<const void*>(bytes), static_cast<size_t>(count)));
}

void SetErrorFactory(val factory) { ErrorFactory() = factory; }

val BuildInfo() {
  val result = val::object();
  result.set("version", std::string(RQVAE_VERSION));
  result.set("numerics", static_cast<double>(kNumericsVersion));
  result.set("emscripten", std::to_string(__EMSCRIPTEN_MAJOR__) + "." + std::to_string(__EMSCRIPTEN_MINOR__) + "." +
                               std::to_string(__EMSCRIPTEN_TINY__));
  result.set("eigen", std::string(RQVAE_EIGEN_VERSION));
  result.set("threads", ThreadsSupported());
  return result;
}

}  // namespace

// The glue calls this on a thread whose code ended in a trap (tools/build.mjs).
#if defined(__EMSCRIPTEN_PTHREADS__)
extern "C" EMSCRIPTEN_KEEPALIVE void helperFailed() { HelperFailed(); }
#endif

EMSCRIPTEN_BINDINGS(rqvae) {
  using emscripten::allow_raw_pointers;
  using emscripten::class_;
  using emscripten::function;

  // Handles: made here, used by the functions below, freed with delete().
  class_<Model>("Model");
  class_<OwnLoop>("Optimizer");
  class_<RowSource>("Rows");
  class_<Job>("Job");

  function("createModel", &Guard<&CreateModel>::Call);
  function("declareModel", &Guard<&DeclareModel>::Call);
  function("allocateModel", &Guard<&AllocateModel>::Call);
  function("initialized", &Guard<&Initialized>::Call);
  function("fingerprint", &Guard<&FingerprintOf>::Call);
  function("tensors", &Guard<&Tensors>::Call);
  function("tensorsChanged", &Guard<&TensorsChanged>::Call);
  function("latents", &Guard<&Latents>::Call);
  function("encode", &Guard<&Encode>::Call);
  function("decode", &Guard<&Decode>::Call);
  function("quantize", &Guard<&Quantize>::Call);
  function("codebook", &Guard<&Codebook>::Call);
  function("evaluate", &Guard<&EvaluateItems>::Call);

  function("createOptimizer", &Guard<&CreateOptimizer>::Call);
  function("trainStep", &Guard<&Step>::Call);

  function("createRows", &Guard<&CreateRows>::Call);
  function("rowsAddress", &Guard<&RowsAddress>::Call);
  function("takeWanted", &Guard<&TakeWanted>::Call);
  function("createInitializeJob", &Guard<&CreateInitializeJob>::Call, allow_raw_pointers());
  function("advance", &Guard<&Advance>::Call);
  function("initializeProgress", &Guard<&InitializeProgress>::Call);
  function("createSparseEigenJob", &Guard<&CreateSparseEigenJob>::Call);
  function("createTrainJob", &Guard<&CreateTrainJob>::Call, allow_raw_pointers());
  function("requireTrainingMemory", &Guard<&RequireTrainingMemory>::Call);
  function("trainState", &Guard<&TrainState>::Call);
  function("trainLosses", &Guard<&TrainLosses>::Call);
  function("trainEpochLosses", &Guard<&TrainEpochLosses>::Call);
  function("trainRecord", &Guard<&TrainRecord>::Call);
  function("trainStart", &Guard<&TrainStart>::Call);
  function("trainOutcome", &Guard<&TrainOutcome>::Call);
  function("saveTrainState", &Guard<&SaveTrainState>::Call);
  function("holdIds", &Guard<&HoldIds>::Call);
  function("restoreTrainState", &Guard<&RestoreTrainState>::Call);
  function("valuesSize", &Guard<&ValuesSize>::Call);
  function("readSnapshot", &Guard<&ReadSnapshot>::Call);
  function("writeValues", &Guard<&WriteValues>::Call);

  function("findNonFinite", &Guard<&FindNonFinite>::Call);
  function("halfToFloat", &Guard<&ConvertHalves>::Call);
  function("hash", &Guard<&Hash>::Call);
  function("setErrorFactory", &Guard<&SetErrorFactory>::Call);
  function("buildInfo", &Guard<&BuildInfo>::Call);
  function("useThreads", &Guard<&UseThreads>::Call);
}

}  // namespace rqvae::bindings
