/// <reference path="./wasm/globals.d.ts" preserve="true" />
/**
 * Semantic IDs for every item of a catalogue: a residual-quantised autoencoder (RQ-VAE) in Node and in the browser. Importing it has no
 * side effect; the first `create`, `load` or `fit` loads the WebAssembly.
 *
 * @module rqvae
 */

export type { ErrorCode } from "./base/error-codes.ts";
export {
  BusyError,
  DisposedError,
  DivergedError,
  InvalidInputError,
  ModelFormatError,
  NotInitializedError,
  OutOfMemoryError,
  RQVAEError,
  type RQVAEErrorName,
  UnknownPrefixError,
  WasmLoadError,
  WorkerError,
} from "./base/errors.ts";
export type { LongCall } from "./base/long-call.ts";
export { VERSION } from "./base/version.ts";
export type { OptionValue, Say, Wording } from "./base/wording.ts";
export { codeTree } from "./ids/code-tree.ts";
export type { ItemId } from "./ids/item-id.ts";
export { type CodeArray, SemanticIds, type SemanticIdsOutput } from "./ids/semantic-ids.ts";
export type { IdFilter } from "./index/id-filter.ts";
export { SemanticIdIndex } from "./index/semantic-id-index.ts";
export type { AsyncIdModel } from "./model/id-model.ts";
export type { Optimizer } from "./model/optimizer.ts";
export { residualKMeans } from "./model/residual-kmeans.ts";
export { RQVAE } from "./model/rqvae.ts";
export { measureSpectrum } from "./model/spectrum.ts";
export { type PresetName, presets } from "./options/presets.ts";
export { suggestConfig } from "./options/suggest-config.ts";
export { adviseCapacity, assessIds } from "./report/assess-ids.ts";
export type { CapacityAdvice } from "./report/capacity.ts";
export type { IdReport } from "./report/id-report.ts";
export { initialize } from "./runtime/native.ts";
export type {
  CreateOptions,
  EmbeddingSource,
  EpochRecord,
  FitOptions,
  IdStatistics,
  ItemLabels,
  ItemMatrix,
  Items,
  JobProgress,
  LevelLosses,
  Losses,
  ModelConfig,
  ModelOptions,
  ModelSource,
  OptimizerOptions,
  Recipe,
  Spectrum,
  TrainHistory,
  TrainOptions,
  TrainProgress,
  TrainWarning,
  Verdict,
} from "./types.ts";
