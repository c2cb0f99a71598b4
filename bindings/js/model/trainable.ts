import type {
  EmbeddingSource,
  HubConfig,
  Items,
  ModelOptions,
  ModelSource,
  TrainHistory,
  TrainOptions,
} from "../types.ts";
import type { Measurable } from "./measure-spectrum.ts";

/** What `fit` needs of the model that it makes. */
export interface Trainable extends Measurable {
  readonly history: TrainHistory | undefined;
  readonly initialized: boolean;
  readonly part: "full" | "encoder";
  readonly fingerprint: string;
  reconstruct(items: Items): Float32Array;
  train(items: Items | EmbeddingSource, options: TrainOptions): Promise<TrainHistory>;
}

/** Where models come from: `RQVAE`. */
export interface Models<Model> {
  create(options: ModelOptions): Promise<Model>;
  load(source: ModelSource, options?: { config?: Partial<ModelOptions> & HubConfig }): Promise<Model>;
}
