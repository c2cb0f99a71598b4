/**
 * The model file: one safetensors file (8-byte little-endian header length, JSON header, raw little-endian data) that Python reads
 * with no code of ours. What is beyond tensors stands as one JSON string in `__metadata__.rqvae`. The same model gives the same
 * bytes: no time, host, thread count or path is in it. The history of its training stands in `__metadata__.rqvae_history`, see
 * stored-history.ts.
 */

import { TextEncoder } from "../base/text-codecs.ts";
import type { StoredLayout } from "../items/fields.ts";
import type { EveryRow } from "../items/row-hashes.ts";
import type { ModelConfig, TrainConfig } from "../types.ts";

/** Format of the metadata; a reader refuses a higher one. */
export const FORMAT = 1;
/** The tensor of a checkpoint that holds the training job's state. */
export const STATE = "train.state";
/** The entry of the safetensors metadata that has the history of the training, beside `rqvae`. */
export const HISTORY = "rqvae_history";
export const BLANK_CHECKSUM = "0".repeat(16);

/**
 * Identifies the items of a training run by their shape, by a hash of the first and last block of 256 rows, which is quick to compare, and
 * by every row that the run has read.
 */
export interface DataIdentity {
  rows: number;
  dim: number;
  hash: string;
  /** Absent in checkpoints of earlier releases. */
  every?: EveryRow;
}

/** The part of a checkpoint's metadata that a model does not have. */
export interface CheckpointInfo {
  train: TrainConfig;
  data: DataIdentity;
  /** See `Provenance.from`. */
  from?: string;
  /** Hash of the codes that items hold because they were given as `published`. */
  published?: string;
  /** How far the training was: epochs finished, optimiser steps. Absent in checkpoints of earlier releases. */
  progress?: { epoch: number; step: number; totalSteps: number };
}

/** The items that a model was fitted to, as its file has them: see `DataIdentity`. */
export interface StoredData {
  rows: number;
  dim: number;
  /** Of the first and last 256 rows. */
  hash: string;
  /** 16 hexadecimal digits over all rows; absent where the fit read a sample of them only. */
  fingerprint?: string;
  /** What `fingerprint` is made of, by ranges of rows (`EveryRow.sums`), so that a difference can be located. Not in an encoder part. */
  sums?: string[];
}

/** What a file remembers of how its weights came about. */
export interface Provenance {
  training: TrainingSummary | null;
  /** The release that fitted the weights, whichever saves them: releases of the same numerics give files that differ in this alone. */
  version: string;
  data: StoredData;
  /** The fingerprint of the trained model that this training went on from; absent if it began with a new one. */
  from: string;
}

/** What the files of a model are going to remember: the one with everything, and its encoder part. */
export interface ModelRecord {
  full: Partial<Provenance> & {
    /** As stored-history.ts writes it. */
    history?: string;
  };
  encoder: Partial<Provenance>;
}

/** Summary of the training that made a model. */
export interface TrainingSummary {
  items: number;
  epochs: number;
  steps: number;
  selectedEpoch: number;
  /** Training losses of the selected epoch; null for the start. */
  reconstructionLoss: number | null;
  quantizeLoss: number | null;
  /** Reconstruction loss of the validation items, if there were any, from the last time before training saw them. */
  validationLoss: number | null;
  uniqueShare: number;
  /** Absent in files of earlier releases. */
  options?: TrainConfig;
}

/** A configuration as files have it since the first format, with the codes per level as `codebookSizes`. */
export type StoredConfig = Omit<ModelConfig, "codebookSize" | "firstCodeWeight"> & {
  readonly codebookSizes: readonly number[];
  /** Absent if it is 0. */
  readonly firstCodeWeight?: number;
};

/**
 * The JSON in `__metadata__.rqvae`. `version` and `data` are absent in files of earlier releases, and where neither `train` nor
 * `kmeansInitCodebooks` fitted the weights.
 */
export interface ModelMetadata extends Partial<Provenance> {
  format: number;
  /** Version of the summation order that the codes depend on (src/numerics/matrix.h). */
  numerics: number;
  requires: string[];
  part: "full" | "encoder";
  config: StoredConfig;
  initialized: boolean;
  training: TrainingSummary | null;
  /** Only in checkpoints. */
  checkpoint?: CheckpointInfo;
  /** Only of models that were fitted to several fields: how these become one. Older readers encode what was fused before. */
  fields?: StoredLayout;
  /** 16 hexadecimal digits, see `RQVAE.fingerprint`. */
  fingerprint: string;
  /** Hash of the whole file with this field set to zeros. */
  checksum: string;
}

/** A tensor as stored: float32, row-major. */
export interface FileTensor {
  name: string;
  shape: readonly number[];
  data: Float32Array;
}

/** A parsed file; `metadata` is absent in a file that is not ours, such as a PyTorch state_dict. */
export interface ModelFile {
  tensors: Map<string, FileTensor>;
  /** Names of tensors that are not floats, in a file that is not ours: counters and flags of PyTorch's modules. */
  others?: string[];
  metadata?: ModelMetadata;
  /** The history of the training as stored (stored-history.ts). */
  history?: string;
  /** Of a checkpoint. */
  state?: Uint8Array;
}

/** Hash of bytes, 16 hexadecimal digits (src/numerics/hash.h). */
export type HashFunction = (bytes: Uint8Array) => string;

/** A tensor of any type, as stored. */
export interface RawTensor {
  name: string;
  dtype: string;
  shape: readonly number[];
  data: ArrayBufferView;
}

/**
 * Writes a safetensors file: tensors in the given order without gaps, with the data starting at a multiple of 8 bytes. Typed arrays are
 * little-endian, like the file, on every platform that runs JavaScript.
 */
export function writeSafetensors(
  metadata: Readonly<Record<string, string>>,
  tensors: readonly RawTensor[],
): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let size = 0;
  for (const { name, dtype, shape, data } of tensors) {
    header[name] = { dtype, shape, data_offsets: [size, size + data.byteLength] };
    size += data.byteLength;
  }
  const bytes = safetensorsHeader(header, size);
  let at = bytes.length - size;
  for (const { data } of tensors) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/** What comes before the data of a safetensors file, with room for `size` bytes after it. */
export function safetensorsHeader(header: Readonly<Record<string, unknown>>, size = 0): Uint8Array<ArrayBuffer> {
  let json = JSON.stringify(header);
  json += " ".repeat((8 - (json.length % 8)) % 8);
  const text = new TextEncoder().encode(json);
  const bytes = new Uint8Array(8 + text.length + size);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

/** Writes a model file: the tensors, then the state of a checkpoint's training job. */
export function writeModelFile(
  tensors: readonly FileTensor[],
  {
    numerics,
    history,
    ...metadata
  }: Omit<ModelMetadata, "format" | "requires" | "checksum" | "config"> & { config: ModelConfig; history?: string },
  hash: HashFunction,
  state?: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const { encodeBeam, firstCodeWeight } = metadata.config;
  const complete = {
    format: FORMAT,
    numerics,
    requires: [...(encodeBeam > 1 ? ["encodeBeam"] : []), ...(firstCodeWeight > 0 ? ["firstCodeWeight"] : [])],
    ...metadata,
    checksum: BLANK_CHECKSUM,
  };
  const stored: RawTensor[] = tensors.map((tensor) => ({ ...tensor, dtype: "F32" }));
  if (state) stored.push({ name: STATE, dtype: "U8", shape: [state.length], data: state });
  // The name and position in files, without a weight that earlier releases do not know, so that the same model gives the same bytes in
  // every release.
  const json = JSON.stringify(complete)
    .replace('"codebookSize":', '"codebookSizes":')
    .replace('"firstCodeWeight":0,', "");
  const bytes = writeSafetensors({ format: "pt", rqvae: json, ...(history && { [HISTORY]: history }) }, stored);
  bytes.set(new TextEncoder().encode(hash(bytes)), findChecksum(bytes));
  return bytes;
}

/** Byte offset of the checksum's digits, if there are any: it is the last field of the metadata, which is a JSON string within JSON. */
export function findChecksum(bytes: Uint8Array): number | undefined {
  const needle = new TextEncoder().encode('\\"checksum\\":\\"');
  const end = Math.min(bytes.length, 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)));
  outer: for (let i = 8; i + needle.length + 16 <= end; i++) {
    for (let j = 0; j < needle.length; j++) if (bytes[i + j] !== needle[j]) continue outer;
    return i + needle.length;
  }
  return undefined;
}
