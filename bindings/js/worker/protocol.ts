/**
 * The messages between the two sides of a worker.
 *
 *     line.ts                                     answer.ts
 *                                      <------      started                    once, when the script has loaded
 *       call   { id, call }            ------>      runs it
 *                                      <------      progress { id, event }     any number, of long calls
 *                                      <------      checkpoint { id, bytes }   with `checkpoints`; the call waits for the answer
 *       written { id }                 ------>      the call goes on
 *                                      <------      read { id, first, count }  of a source, one at a time; the call waits
 *       rows { id, data }              ------>      the call goes on
 *       abort  { id }                  ------>      aborts that call's signal
 *                                      <------      result { id, value, state }   exactly one of these two
 *                                      <------      error { id, error, aborted }   for every call
 *
 * Calls run in the order in which they come; long ones let later ones run between their slices.
 *
 * Every message is plain data; functions stay on the caller's side. If a callback fails there, the client sends `abort`, as for a signal,
 * and rejects with the callback's error.
 */

import { requireAttached } from "../base/attached.ts";
import { type CodeArray, SemanticIds } from "../ids/semantic-ids.ts";
import type { FieldLayout } from "../items/fields.ts";
import type { SentError } from "./sent-error.ts";

/** A call of a method by its name. */
export interface Call {
  method: string;
  args: unknown[];
  /** Requests checkpoint messages, with this interval in milliseconds. */
  checkpoints?: { everyMs?: number };
}

/** The state that comes with the answer to a call. */
export type State = unknown;

/** From the client to the worker. */
export type Request =
  | { type: "call"; id: number; call: Call }
  | { type: "written"; id: number }
  /** Without data if they could not be read because of an abort. */
  | { type: "rows"; id: number; data?: unknown }
  | { type: "abort"; id: number };

/** From the worker to the client. */
export type Reply =
  | { type: "started" }
  | { type: "progress"; id: number; event: unknown }
  | { type: "checkpoint"; id: number; bytes: Uint8Array<ArrayBuffer> }
  | { type: "read"; id: number; first: number; count: number }
  | { type: "result"; id: number; value: unknown; state?: State }
  /** `aborted`: the call ended because of an abort, so the client rejects with the caller's own reason. */
  | { type: "error"; id: number; error: SentError; aborted: boolean; state?: State };

/** `SemanticIds` as plain data. */
export interface WireIds {
  wire: "ids";
  codes: CodeArray;
  codebookSizes: readonly number[];
  fingerprint: string | undefined;
  margins: Float32Array | undefined;
}

/** Stands for something that no message can carry. */
export type Wire =
  | WireIds
  /** An `EmbeddingSource`, which stays on the caller's side and is read through messages. */
  | { wire: "source"; rows: number; dim: number; fields?: FieldLayout }
  | { wire: "optimizer"; id: number };

/** The wire form of a value, if it is one. */
export function wireOf(value: unknown): Wire | undefined {
  return typeof value === "object" && value !== null && "wire" in value ? (value as Wire) : undefined;
}

export function idsToWire({ codes, codebookSizes, fingerprint, margins }: SemanticIds): WireIds {
  requireAttached(codes, "ids.codes");
  return { wire: "ids", codes, codebookSizes, fingerprint, margins };
}

export function idsFromWire({ codes, codebookSizes, fingerprint, margins }: WireIds): SemanticIds {
  return SemanticIds.trusted(codes, codebookSizes, fingerprint, margins);
}

/** The buffers of the typed arrays in plain data: a message's transfer list. */
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
