/// <reference path="./wasm/globals.d.ts" preserve="true" />
/**
 * Semantic IDs for every item of a catalogue: a residual-quantised autoencoder (RQ-VAE) in Node and in the browser. Importing has
 * no side effect; the WebAssembly is loaded at the first `create`, `load` or `fit`.
 *
 * @module rqvae
 */

export type { ErrorCode } from "./base/error-codes.ts";
export {
  BusyError,
  DisposedError,
  DivergedError,
  type ErrorDetails,
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
export { type OptionValue, type Say, toText, type Wording, type WordingPart } from "./base/wording.ts";
export { type CodeTreeNode, type CodeTreeOptions, codeTree } from "./ids/code-tree.ts";
export type { ItemId } from "./ids/item-id.ts";
export { type CodeArray, SemanticIds, type SemanticIdsOutput } from "./ids/semantic-ids.ts";
export type { IdDrift } from "./index/drift.ts";
export type { Collisions, IndexChange } from "./index/index-contents.ts";
export type { IndexJson } from "./index/index-json.ts";
export type { IdModel } from "./index/item-vectors.ts";
export { type IdPrefix, type IndexOptions, type IndexUpdate, SemanticIdIndex } from "./index/semantic-id-index.ts";
export type { AsyncIdModel, Awaitable } from "./model/id-model.ts";
export type { Optimizer } from "./model/optimizer.ts";
export { residualKMeans } from "./model/residual-kmeans.ts";
export { RQVAE } from "./model/rqvae.ts";
export { type PresetName, presets, type RecipeShape } from "./options/presets.ts";
export { type CatalogueShape, suggestConfig } from "./options/suggest-config.ts";
export type { AssessOptions } from "./report/assess.ts";
export { adviseCapacity, assessIds } from "./report/assess-ids.ts";
export type { CapacityAdvice, CapacityOptions } from "./report/capacity.ts";
export type { LabelOption } from "./report/check.ts";
export type { IdReport } from "./report/id-report.ts";
export { initialize } from "./runtime/native.ts";
export type { WasmSource } from "./runtime/platform.ts";
export type * from "./types.ts";
