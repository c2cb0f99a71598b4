import type { SemanticIds, SemanticIdsOutput } from "../ids/semantic-ids.ts";
import type { EmbeddingSource, Items, JobOptions, ModelConfig } from "../types.ts";

/** An answer that is there at once, or comes later. */
export type Awaitable<T> = T | Promise<T>;

/**
 * What reports, explanations and indexes ask of a model, wherever it is: an `RQVAE`, an `RQVAEWorker`, or whatever has these methods, on a
 * server for one. Each may answer at once or later.
 */
export interface AsyncIdModel {
  readonly config: ModelConfig;
  readonly fingerprint: string;
  readonly part: "full" | "encoder";
  /** The IDs of items, a row each: as of `RQVAE`. */
  encodeAsync(items: Items | EmbeddingSource, options?: JobOptions): Promise<SemanticIds>;
  /** IDs with what led to them: as of `RQVAE`. */
  getSemanticIds(items: Items): Awaitable<SemanticIdsOutput>;
  /** n x latentDim: before quantisation: as of `RQVAE`. */
  latents(items: Items): Awaitable<Float32Array>;
  /** n x inputDim: the vectors that IDs stand for: as of `RQVAE`. */
  decode(ids: SemanticIds): Awaitable<Float32Array>;
  /** A codebook for each level: as of `RQVAE`. */
  codebooks(options?: { space?: "latent" | "input" }): Awaitable<Float32Array[]>;
  /** The model's file: as of `RQVAE`. */
  save(): Awaitable<Uint8Array<ArrayBuffer>>;
}
