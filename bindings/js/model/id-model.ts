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
  encodeAsync(items: Items | EmbeddingSource, options?: JobOptions): Promise<SemanticIds>;
  getSemanticIds(items: Items): Awaitable<SemanticIdsOutput>;
  latents(items: Items): Awaitable<Float32Array>;
  decode(ids: SemanticIds): Awaitable<Float32Array>;
  codebooks(options?: { space?: "latent" | "input" }): Awaitable<Float32Array[]>;
  save(): Awaitable<Uint8Array<ArrayBuffer>>;
}
