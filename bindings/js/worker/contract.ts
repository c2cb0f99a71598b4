/**
 * The methods of `RQVAE` that a worker has, a row each: client, server and types follow from it. A method that is added to `RQVAE` is
 * missed here by the compiler.
 */

import type { Optimizer } from "../model/optimizer.ts";
import type { RQVAE } from "../model/rqvae.ts";
import type { WorkerOptimizer } from "./optimizer.ts";
import type { TransferOption } from "./sent-items.ts";

/** What there is to know of a method to carry it to a worker. */
export interface Contract {
  /** Tells progress, can be aborted, and is asynchronous in `RQVAE` too; the others are answered at once. */
  readonly long?: true;
  /** What its first argument may be: items in memory, which may be given away, or a source as well, which stays on the caller's side. */
  readonly items?: "memory" | "source";
  /** Where the worker's own options stand, of a method that has none in `RQVAE`: `transfer` is all there is to tell it. */
  readonly transferAt?: number;
}

/** What `RQVAEWorker` has in a way of its own. */
type Own = "config" | "part" | "history" | "initialized" | "fingerprint" | "encodeStream" | "dispose" | symbol;

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

/** What stands on the caller's side for what lives in the worker. */
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

/** The methods of `RQVAE`, each of them asynchronous, those that take items with `transfer` among their options. */
export type RemoteMethods = { [Name in keyof Methods]: RemoteMethod<RQVAE[Name], Methods[Name]> };
