/** The interface of the raw WebAssembly module, bindings/embind.cpp. Everything here works with addresses and trusts its arguments. */

import type { BestEpoch, EpochLosses, EpochRecord, Losses, TrainEvaluation } from "../types.ts";

/** An object on the wasm heap. */
export interface Handle {
  delete(): void;
}

/** A tensor of a model: `size` floats at `address`. */
export interface NativeTensor {
  name: string;
  shape: number[];
  address: number;
  size: number;
}

/** State of a training job. */
export interface NativeTrainState {
  initializing: boolean;
  initializeProgress: number;
  epoch: number;
  step: number;
  totalSteps: number;
  finishedEpochs: number;
  /** Rows of all steps, summed over the epochs. */
  totalRows: number;
  /** Number of epochs without the validation rows: all or, with `validationUntil`, the first ones. */
  heldOutEpochs: number;
  /** Progress from 0 to 1 while the codebooks of a kept start are fitted to all rows; else 0. */
  refitProgress: number;
}

/** A record from the core; what was not evaluated at this epoch is absent. */
export type NativeEpochRecord = Omit<EpochRecord, "ids" | "validation" | "warnings"> & Partial<TrainEvaluation>;

/** How a finished job chose what it left in the model. */
export interface NativeOutcome {
  selectedEpoch: number;
  stoppedEarly: boolean;
  /** With `validationUntil`: the validation rows joined the training. */
  joined: boolean;
  /** With `validationUntil`: no epoch was better than the start, which was restored. */
  startKept: boolean;
  /** The codebooks of that start were then fitted to all rows. */
  refitted: boolean;
  bestByLoss: BestEpoch | undefined;
  bestByCollision: BestEpoch | undefined;
}

/** What the wasm was built from. */
export interface BuildInfo {
  version: string;
  numerics: number;
  emscripten: string;
  eigen: string;
  /** Whether this build has threads. */
  threads: boolean;
}

/** The functions of bindings/embind.cpp. `NATIVE_FUNCTIONS` lists them; a test compares it with the module. */
export interface NativeFunctions {
  createModel(options: object): Handle;
  /** A model that only knows its tensors' names and shapes, until `allocateModel` allocates them. */
  declareModel(options: object, encoderOnly: boolean): Handle;
  allocateModel(model: Handle): void;
  initialized(model: Handle): boolean;
  fingerprint(model: Handle): string;
  tensors(model: Handle): NativeTensor[];
  tensorsChanged(model: Handle, initialized: boolean): void;
  /** The functions of items return the first row that is out of the model's range, or -1 (`requireInRange`). */
  latents(model: Handle, items: number, rows: number, latents: number): number;
  /** @param inSlices the items are a slice of a long call's, which uses the threads of a training */
  encode(model: Handle, items: number, rows: number, codes: number, margins: number, inSlices: boolean): number;
  decode(model: Handle, codes: number, rows: number, items: number): void;
  quantize(
    model: Handle,
    items: number,
    rows: number,
    codes: number,
    embeddings: number,
    residuals: number,
    quantizeLoss: number,
  ): number;
  codebook(model: Handle, level: number, inputSpace: boolean, out: number): void;
  /** The losses, or the row that is out of range. */
  evaluate(model: Handle, items: number, rows: number): Losses | number;
  createOptimizer(model: Handle, options: object): Handle;
  trainStep(model: Handle, optimizer: Handle, items: number, rows: number): Losses;
  createRows(rows: number, dim: number, streamed: boolean): Handle;
  rowsAddress(rows: Handle): number;
  /** For streamed rows that a job lacks: their numbers, ascending, where their values belong, and what it will lack next. */
  takeWanted(rows: Handle): { names: Uint32Array; address: number; next: Uint32Array };
  createInitializeJob(model: Handle, rows: Handle): Handle;
  /** 0 if nothing was left to do, 1 after a slice, 2 (`MISSING`) if rows are needed first. */
  advance(job: Handle): number;
  initializeProgress(job: Handle): number;
  /** A sparse symmetric matrix by rows, and room for the embedding of its rows (rows x dim): the caller's as long as the job. */
  createSparseEigenJob(
    starts: number,
    columns: number,
    values: number,
    embedding: number,
    rows: number,
    dim: number,
    seed: number,
  ): Handle;
  createTrainJob(model: Handle, rows: Handle, options: object): Handle;
  /** @throws OutOfMemoryError if a model, this many rows and a training would not fit, before anything is allocated. */
  requireTrainingMemory(model: object, training: object, rows: number, streamed: boolean): void;
  /** codes: rows x levels Uint32; 2^32 - 1 in place of the first one where an item holds no ID. */
  holdIds(job: Handle, codes: number, rows: number, levels: number): void;
  trainState(job: Handle): NativeTrainState;
  trainLosses(job: Handle): Losses | undefined;
  trainEpochLosses(job: Handle): EpochLosses | undefined;
  trainRecord(job: Handle, index: number): NativeEpochRecord;
  trainStart(job: Handle): TrainEvaluation | undefined;
  trainOutcome(job: Handle): NativeOutcome;
  saveTrainState(job: Handle): Uint8Array;
  restoreTrainState(job: Handle, bytes: number, size: number): void;
  valuesSize(model: Handle): number;
  readSnapshot(job: Handle, byCollision: boolean, values: number): void;
  writeValues(model: Handle, values: number): void;
  findNonFinite(values: number, count: number): number;
  halfToFloat(halves: number, count: number, floats: number): void;
  hash(bytes: number, count: number): string;
  setErrorFactory(factory: (name: string, message: string) => Error): void;
  buildInfo(): BuildInfo;
  /** `callerMayBlock`: whether the calling thread may sleep while others finish; a browser's main thread may not. */
  useThreads(jobs: number, encode: number, callerMayBlock: boolean): void;
}

/** The names of `NativeFunctions`; its type makes sure that it is complete. */
export const NATIVE_FUNCTIONS = Object.keys({
  createModel: 1,
  declareModel: 1,
  allocateModel: 1,
  initialized: 1,
  fingerprint: 1,
  tensors: 1,
  tensorsChanged: 1,
  latents: 1,
  encode: 1,
  decode: 1,
  quantize: 1,
  codebook: 1,
  evaluate: 1,
  createOptimizer: 1,
  trainStep: 1,
  createRows: 1,
  rowsAddress: 1,
  takeWanted: 1,
  createInitializeJob: 1,
  advance: 1,
  initializeProgress: 1,
  createSparseEigenJob: 1,
  createTrainJob: 1,
  requireTrainingMemory: 1,
  holdIds: 1,
  trainState: 1,
  trainLosses: 1,
  trainEpochLosses: 1,
  trainRecord: 1,
  trainStart: 1,
  trainOutcome: 1,
  saveTrainState: 1,
  restoreTrainState: 1,
  valuesSize: 1,
  readSnapshot: 1,
  writeValues: 1,
  findNonFinite: 1,
  halfToFloat: 1,
  hash: 1,
  setErrorFactory: 1,
  buildInfo: 1,
  useThreads: 1,
} satisfies Record<keyof NativeFunctions, 1>);

/** The embind module: its functions, and what Emscripten adds. Read `HEAP*` again after anything that may allocate. */
export interface NativeModule extends NativeFunctions {
  readonly HEAPU8: Uint8Array;
  readonly HEAPU32: Uint32Array;
  readonly HEAPF32: Float32Array;
  readonly wasmMemory: { readonly buffer: ArrayBuffer };
  _malloc(bytes: number): number;
  _free(address: number): void;
}

/** Emscripten's factory of module instances. */
export type NativeFactory = (options: {
  /** The types of WebAssembly are not named here, since they come with the DOM types, which not every project has. */
  instantiateWasm(imports: object, receive: (instance: object, module: object) => void): object;
  /** In case the global scope has none. */
  TextDecoder: unknown;
  /** A worker that runs the glue, for the build with threads. */
  startThread?(): object;
}) => Promise<NativeModule>;
