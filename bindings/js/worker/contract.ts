/**
 * The methods of `RQVAE` that a worker has, one per row: client, server and types follow from it. If a method is added to `RQVAE`, the
 * compiler requires it here.
 */

import type { Optimizer } from "../model/optimizer.ts";
import type { RQVAE } from "../model/rqvae.ts";
import type { WorkerOptimizer } from "./optimizer.ts";
import type { TransferOption } from "./sent-items.ts";

/** What is needed to send a method's calls to a worker. */
export interface Contract {
  /** Reports progress, can be aborted, and is asynchronous in `RQVAE` too; the others are answered at once. */
  readonly long?: true;
  /** What its first argument may be: items in memory, which may be transferred, or also a source, which stays on the caller's side. */
  readonly items?: "memory" | "source";
  /** Position of the worker's own options, for a method that has none in `RQVAE`; `transfer` is the only one. */
  readonly transferAt?: number;
}

/** What `RQVAEWorker` implements itself. */
type Own =
  | "config"
  | "fields"
  | "part"
  | "history"
  | "initialized"
  | "fingerprint"
  | "encodeStream"
  | "dispose"
  | symbol;

export const METHODS = {
  /** As `kmeansInitCodebooks` of `RQVAE`, in the worker. */
  kmeansInitCodebooks: { long: true, items: "source" },
  /** As `train` of `RQVAE`, in the worker. */
  train: { long: true, items: "source" },
  /** As `encodeAsync` of `RQVAE`, in the worker. */
  encodeAsync: { long: true, items: "source" },
  /** As `encode` of `RQVAE`, in the worker. */
  encode: { items: "memory" },
  /** As `getSemanticIds` of `RQVAE`, in the worker. */
  getSemanticIds: { items: "memory", transferAt: 1 },
  /** As `latents` of `RQVAE`, in the worker. */
  latents: { items: "memory", transferAt: 1 },
  /** As `reconstruct` of `RQVAE`, in the worker. */
  reconstruct: { items: "memory", transferAt: 1 },
  /** As `forward` of `RQVAE`, in the worker. */
  forward: { items: "memory", transferAt: 1 },
  /** As `trainStep` of `RQVAE`, in the worker. */
  trainStep: { items: "memory", transferAt: 2 },
  /** As `createOptimizer` of `RQVAE`, in the worker. */
  createOptimizer: {},
  /** As `decode` of `RQVAE`, in the worker. */
  decode: {},
  /** As `codebooks` of `RQVAE`, in the worker. */
  codebooks: {},
  /** As `save` of `RQVAE`, in the worker. */
  save: {},
  /** As `saveCheckpoint` of `RQVAE`, in the worker. */
  saveCheckpoint: {},
  /** As `select` of `RQVAE`, in the worker. */
  select: {},
} as const satisfies Record<Exclude<keyof RQVAE, Own>, Contract>;

type Methods = typeof METHODS;

/** What represents a worker's object on the caller's side. */
type Remote<T> = T extends Optimizer ? WorkerOptimizer : T;
type RemoteAll<T extends readonly unknown[]> = { [I in keyof T]: Remote<T[I]> };

type Arguments<Args extends readonly unknown[], Row> = Row extends { transferAt: number }
  ? [...RemoteAll<Args>, options?: TransferOption]
  : Row extends { items: string }
    ? [items: Args[0], options?: Required<Args> extends [unknown, infer Options] ? Options & TransferOption : never]
    : Args;

type RemoteMethod<Method, Row> = Method extends (...args: infer Args) => infer Result
  ? (...args: Arguments<Args, Row>) => Row extends { long: true } ? Result : Promise<Remote<Result>>
  : never;

/** The methods of `RQVAE`, all asynchronous; those that take items also have the option `transfer`. */
export type RemoteMethods = { [Name in keyof Methods]: RemoteMethod<RQVAE[Name], Methods[Name]> };
