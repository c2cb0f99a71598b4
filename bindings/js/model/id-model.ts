import type { SemanticIds, SemanticIdsOutput } from "../ids/semantic-ids.ts";
import type { EmbeddingSource, Items, JobOptions, ModelConfig } from "../types.ts";

/** An answer that is available at once or comes later. */
export type Awaitable<T> = T | Promise<T>;

/**
 * What reports, explanations and indexes need of a model, wherever it is: an `RQVAE`, an `RQVAEWorker`, or anything with these methods,
 * such as a client of a server. Each may answer at once or later.
 */
export interface AsyncIdModel {
  readonly config: ModelConfig;
  readonly fingerprint: string;
  readonly part: "full" | "encoder";
  /** The IDs of items, one per row, as in `RQVAE`. */
  encodeAsync(items: Items | EmbeddingSource, options?: JobOptions): Promise<SemanticIds>;
  /** IDs with what led to them, as in `RQVAE`. */
  getSemanticIds(items: Items): Awaitable<SemanticIdsOutput>;
  /** n x latentDim: the latents before quantisation, as in `RQVAE`. */
  latents(items: Items): Awaitable<Float32Array>;
  /** n x inputDim: the vectors that IDs decode to, as in `RQVAE`. */
  decode(ids: SemanticIds): Awaitable<Float32Array>;
  /** One codebook per level, as in `RQVAE`. */
  codebooks(options?: { space?: "latent" | "input" }): Awaitable<Float32Array[]>;
  /** The model's file, as in `RQVAE`. */
  save(): Awaitable<Uint8Array<ArrayBuffer>>;
}
