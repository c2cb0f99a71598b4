/// <reference path="./wasm/globals.d.ts" preserve="true" />
/**
 * Semantic IDs for every item of a catalogue: a residual-quantised autoencoder (RQ-VAE) in Node and in the browser. Importing has
 * no side effect; the WebAssembly is loaded at the first `create`, `load` or `fit`.
 *
 * @module rqvae
 */

export { adviseCapacity, assessIds } from "./assess-ids.ts";
export type { IdDrift } from "./drift.ts";
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
} from "./errors.ts";
export type { Collisions, IndexChange } from "./index-contents.ts";
export type { IndexJson } from "./index-json.ts";
export type { ItemId } from "./item-id.ts";
export type { IdModel } from "./item-vectors.ts";
export { initialize, type WasmSource } from "./native.ts";
export { type PresetName, presets, type Recipe, type RecipeShape } from "./presets.ts";
export type { AssessOptions } from "./report/assess.ts";
export type { CapacityAdvice, CapacityOptions } from "./report/capacity.ts";
export type { LabelOption } from "./report/check.ts";
export type { IdReport } from "./report/id-report.ts";
export { type ResidualKMeansOptions, residualKMeans } from "./residual-kmeans.ts";
export { type Optimizer, RQVAE } from "./rqvae.ts";
export { type IdPrefix, type IndexOptions, type IndexUpdate, SemanticIdIndex } from "./semantic-id-index.ts";
export { type CodeArray, SemanticIds } from "./semantic-ids.ts";
export { type CatalogueShape, suggestConfig } from "./suggest-config.ts";
export { type CodeTreeNode, type CodeTreeOptions, codeTree } from "./tree.ts";
export type * from "./types.ts";
export type { Verdict } from "./verdict.ts";
export { VERSION } from "./version.ts";
export type { Wording, WordingPart } from "./wording.ts";
