/**
 * What the two sides of a worker say to each other.
 *
 *     client.ts                                   serve.ts
 *       call   { id, call }            ------>      runs it on its model
 *                                      <------      progress { id, event }     any number, of long calls
 *                                      <------      checkpoint { id, bytes }   with `checkpoints`; the call waits for the answer
 *       written { id }                 ------>      the call goes on
 *                                      <------      read { id, first, count }  of a source, one at a time; the call waits
 *       rows { id, data }              ------>      the call goes on
 *       abort  { id }                  ------>      aborts that call's signal
 *                                      <------      result { id, value, state }   exactly one of these two
 *                                      <------      error { id, error, aborted }   for every call
 *
 * The first call makes the model (`create`, `fit`, `residualKMeans` or `load`); `initialize` may come before it. Calls are carried out in
 * the order in which they come; long ones let later ones in between their slices.
 *
 * Every message is plain data: functions stay on the caller's side. A callback that fails there sends `abort`, as a signal does, and the
 * client rejects with its error. Arrays are owned by the message (copies, or given away by the caller): their buffers are transferred, in
 * both directions.
 */

import { requireAttached } from "../base/attached.ts";
import { type CodeArray, SemanticIds } from "../ids/semantic-ids.ts";
import type {
  CreateOptions,
  FitOptions,
  HubConfig,
  Items,
  JobOptions,
  JobProgress,
  Losses,
  ModelConfig,
  ModelOptions,
  OptimizerOptions,
  Recipe,
  ResidualKMeansOptions,
  TrainHistory,
  TrainOptions,
  TrainProgress,
} from "../types.ts";
import type { SentError } from "./sent-error.ts";

/** `SemanticIds` as plain data. */
export interface WireIds {
  codes: CodeArray;
  codebookSizes: readonly number[];
  fingerprint: string | undefined;
  margins: Float32Array | undefined;
}

export function toWire({ codes, codebookSizes, fingerprint, margins }: SemanticIds): WireIds {
  requireAttached(codes, "ids.codes");
  return { codes, codebookSizes, fingerprint, margins };
}

export function fromWire({ codes, codebookSizes, fingerprint, margins }: WireIds): SemanticIds {
  return SemanticIds.trusted(codes, codebookSizes, fingerprint, margins);
}

/** What stands for an `EmbeddingSource`, which stays on the caller's side and is read by messages. */
export interface WireSource {
  source: { rows: number; dim: number };
}

/** Functions and signals stay on the caller's side. */
type Plain<T> = Omit<T, "onProgress" | "signal" | "checkpoint">;

/** What a training is to tell beside its progress. */
export interface Watched {
  /** Asks for checkpoint messages, every so many milliseconds. */
  checkpoints?: { everyMs?: number };
}

/** Where the worker finds its WebAssembly: a URL cannot be sent as such, nor can a response. */
export type WireWasm =
  | { kind: "url"; href: string }
  /** What `initialize` does not take is sent too: it is refused there as it is without a worker. */
  | { kind: "given"; source: BufferSource | WebAssembly.Module };

/** A call of `initialize`, or of a method of `RQVAE`, by its name. */
export type Call =
  | { method: "initialize"; wasm?: WireWasm; threads?: number | "auto" }
  | { method: "create"; options: CreateOptions }
  | ({ method: "fit"; items: Items | WireSource; options: Plain<FitOptions> } & Watched)
  | { method: "residualKMeans"; items: Items | WireSource; options: Plain<ResidualKMeansOptions> }
  | { method: "load"; bytes: Uint8Array; options: { config?: Partial<ModelOptions> & HubConfig } }
  | { method: "kmeansInitCodebooks"; items: Items | WireSource; options: Plain<JobOptions> }
  | ({ method: "train"; items: Items | WireSource; options: Plain<TrainOptions & Partial<Recipe>> } & Watched)
  | { method: "encode"; items: Items; options: { margins?: boolean } }
  | { method: "encodeAsync"; items: Items | WireSource; options: Plain<JobOptions> }
  | { method: "getSemanticIds"; items: Items }
  | { method: "latents"; items: Items }
  | { method: "decode"; ids: WireIds }
  | { method: "reconstruct"; items: Items }
  | { method: "codebooks"; options: { space?: "latent" | "input" } }
  | { method: "forward"; items: Items }
  | { method: "createOptimizer"; options: OptimizerOptions }
  | { method: "trainStep"; items: Items; optimizer: number }
  | { method: "disposeOptimizer"; optimizer: number }
  | { method: "save"; options: { part?: "full" | "encoder" } }
  | { method: "saveCheckpoint" }
  | { method: "select"; by: "loss" | "collision" };

/** What each call resolves to. An optimizer is known by a number. */
export interface Results {
  initialize: undefined;
  create: undefined;
  fit: undefined;
  residualKMeans: undefined;
  load: undefined;
  kmeansInitCodebooks: undefined;
  train: TrainHistory;
  encode: WireIds;
  encodeAsync: WireIds;
  getSemanticIds: { semIds: WireIds; embeddings: Float32Array; residuals: Float32Array; quantizeLoss: Float32Array };
  latents: Float32Array;
  decode: Float32Array;
  reconstruct: Float32Array;
  codebooks: Float32Array[];
  forward: Losses;
  createOptimizer: number;
  trainStep: Losses;
  disposeOptimizer: undefined;
  save: Uint8Array<ArrayBuffer>;
  saveCheckpoint: Uint8Array<ArrayBuffer>;
  select: TrainHistory;
}

/** What the client knows of the model without asking. */
export interface ModelState {
  config: ModelConfig;
  fingerprint: string;
  initialized: boolean;
  part: "full" | "encoder";
  /** Given when it is another one than at the last reply; null when there is none any more. */
  history?: TrainHistory | null;
}

/** From the client to the worker. */
export type Request =
  | { type: "call"; id: number; call: Call }
  | { type: "written"; id: number }
  /** Without data when they could not be read: an abort came before. */
  | { type: "rows"; id: number; data?: unknown }
  | { type: "abort"; id: number };

/** From the worker to the client. */
export type Reply =
  | { type: "progress"; id: number; event: TrainProgress | JobProgress }
  | { type: "checkpoint"; id: number; bytes: Uint8Array<ArrayBuffer> }
  | { type: "read"; id: number; first: number; count: number }
  | { type: "result"; id: number; value: Results[Call["method"]]; state?: ModelState }
  /** `aborted`: the call ended because it was told to, so that the client rejects with the caller's own reason. */
  | { type: "error"; id: number; error: SentError; aborted: boolean; state?: ModelState };

/** The buffers of the typed arrays in a value of plain data: the list of what a message transfers. */
export function buffersOf(value: unknown): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  const visit = (part: unknown): void => {
    if (ArrayBuffer.isView(part)) {
      if (!isShared(part.buffer)) buffers.add(part.buffer);
    } else if (Array.isArray(part)) {
      if (typeof part[0] === "object") for (const item of part) visit(item);
    } else if (typeof part === "object" && part !== null) {
      for (const item of Object.values(part)) visit(item);
    }
  };
  visit(value);
  return [...buffers];
}

function isShared(buffer: ArrayBufferLike): buffer is SharedArrayBuffer {
  return typeof SharedArrayBuffer !== "undefined" && buffer instanceof SharedArrayBuffer;
}
