/**
 * The public types: what a model is configured with, what goes in and what comes out. Shapes are written rows x columns,
 * arrays are row-major, row and column numbers are 0-based.
 */

import type { Wording } from "./base/wording.ts";
import type { Given, MODEL, OptimizerRows, Resolved, TRAIN } from "./options/table.ts";

/** `Float16Array`, in projects whose types have it; engines have it since 2025 (Node 24, Chrome 135, Firefox 129, Safari 18.2). */
export type HalfArray = typeof globalThis extends { Float16Array: { readonly prototype: infer Half } } ? Half : never;

/** A typed array of this or another realm (an iframe, a vm context): a Float32Array, Float64Array or Float16Array. */
export type FloatArray = Float32Array | Float64Array | HalfArray;

/** A matrix of `rows` x `dim` numbers, row-major. `Uint16Array` holds the bits of IEEE half floats. */
export interface ItemMatrix {
  data: FloatArray | Uint16Array;
  rows: number;
  dim: number;
}

/**
 * Item embeddings, one row an item: a matrix, a flat array whose length is a multiple of the model's `inputDim`, or an array of
 * rows. They are copied; the caller's arrays are never changed, detached (unless a worker is told to `transfer` them) or kept.
 */
export type Items = ItemMatrix | FloatArray | readonly (readonly number[])[] | readonly FloatArray[];

/**
 * Embeddings that are read as they are needed, for catalogues larger than memory: `fit`, `train`, `kmeansInitCodebooks`, `encodeAsync`,
 * `encodeStream` and `residualKMeans` take one where they take items, with byte-identical results. `rqvae/formats` opens files as sources.
 */
export interface EmbeddingSource {
  /** Number of items; it must not change while the source is in use. */
  readonly rows: number;
  /** Numbers an item. */
  readonly dim: number;
  /**
   * Rows [first, first + count), row-major, count x dim; 0 <= first, first + count <= rows. Called with ascending ranges where
   * possible, never twice at the same time: who aborts does not wait for an answer, but the next call on this source does. A `Float16Array` serves as well. The array is not kept or changed; it may be the same one at every call.
   */
  read(first: number, count: number): Float32Array | HalfArray | Promise<Float32Array | HalfArray>;
}

/** Batches of items as they come: what `encodeStream` takes. */
export type ItemBatches = AsyncIterable<Items> | Iterable<Items>;

/**
 * What a model is. Everything but `inputDim` has a default. Dimensions, widths and codebooks go up to 2^24 = 16,777,216, hidden layers and
 * levels up to 64, and the model with its gradients must fit into the 4 GB of WebAssembly, which is reckoned before anything is made.
 */
export interface ModelOptions extends Given<typeof MODEL> {
  /** Dimension of an item's embedding. */
  inputDim: number;
}

/** See `ModelOptions.inputScaling`. */
export type InputScaling = ModelConfig["inputScaling"];

/**
 * `ModelOptions` with every default filled in and one number a level where one for all may be said: `RQVAE.create(model.config)` makes
 * such a model again.
 */
export interface ModelConfig extends Resolved<typeof MODEL> {}

/** An optimiser with PyTorch's definitions. Defaults are the same for all kinds. */
export interface OptimizerOptions extends Given<OptimizerRows> {}

/** How a model is trained. Everything has a default. */
export interface TrainOptions extends Given<typeof TRAIN> {
  /** Names of the items' dimensions, in their order: a warning about a dimension then says which column of the data it is. */
  columnNames?: readonly string[];
  /**
   * Called at most ten times a second, and once at the end. What it throws ends the call, which rejects with it; once all is done the
   * training stays in the model all the same, and `fit`, whose model would be lost, resolves and writes the error to the console.
   */
  onProgress?: (event: TrainProgress) => void;
  /** Aborting rejects with `signal.reason`; the model keeps the last whole step (or its state before initialisation). */
  signal?: AbortSignal;
  /**
   * Where to put checkpoints: `write` is called with everything that `resume` needs every `everyMs` milliseconds (default: 10,000), and
   * training waits for what it returns, unless it is aborted. What it throws ends the training, which can go on all the same
   * (`RQVAE.saveCheckpoint`): catch what training is to survive, a full disk say.
   */
  checkpoint?: {
    /** Gets the bytes of a checkpoint, which are its own to keep. */
    write: (bytes: Uint8Array<ArrayBuffer>) => void | Promise<void>;
    /** Milliseconds from one to the next. Default: 10,000. */
    everyMs?: number;
  };
  /**
   * Goes on from a checkpoint of the same items, model configuration and training options (those left out are taken from it): the
   * final model is the same, byte for byte, as without the interruption.
   */
  resume?: Uint8Array;
}

/**
 * Options that make a model and train it, as `suggestConfig` and `presets` give them. `RQVAE.fit`, `RQVAE.create` and `train` take a recipe
 * as it is, each its own part of it; options that stand beside the two parts go on top: `RQVAE.fit(items, { ...recipe, epochs: 20 })`.
 */
export interface Recipe {
  model: ModelOptions;
  train: TrainOptions;
  /** Why, where something was measured: sentences for people. Changes nothing. */
  reasons?: readonly string[];
}

/** Options of a model, or a recipe, or a recipe with options of the model on top. */
export type CreateOptions = ModelOptions | (Recipe & Partial<ModelOptions>);

/** Options of the model and of its training in one object, or a recipe, or a recipe with options on top. */
export type FitOptions = Partial<ModelOptions> & TrainOptions & Partial<Recipe>;

/** `TrainOptions` with every default filled in, without callbacks. */
export interface TrainConfig extends Resolved<typeof TRAIN> {}

/** Options of `measureSpectrum`. */
export interface SpectrumOptions
  extends JobOptions,
    Given<Pick<typeof MODEL, "codebookSize" | "inputDim" | "nQuantizationLayers" | "seed">> {}

/** What `measureSpectrum` found, by principal direction of the items, the one of most variance first; at most 256 of them. */
export interface Spectrum {
  /** How many items were looked at. */
  items: number;
  /** The direction's share of all variance, 0 to 1. Empty when there are too few items to hold any out. */
  variance: readonly number[];
  /** 1 - squared error / variance of held-out items in this direction, by codes fitted to the others: below zero where codes mislead. */
  explained: readonly number[];
  /** The latent width that this asks for; absent where nothing could be measured. */
  latentDim?: number;
  /** Why, as a sentence for people. */
  reason?: string;
}

/** Options of `kmeansInitCodebooks` and `encodeAsync`. */
export interface JobOptions {
  /** Called at most ten times a second, and once at the end. */
  onProgress?: (event: JobProgress) => void;
  signal?: AbortSignal;
}

/** Options of `encodeStream`. */
export interface StreamOptions {
  /** Aborting rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
}

/** State of a long call that is not training. */
export interface JobProgress {
  phase: "initialize" | "encode";
  /** From 0 to 1. */
  progress: number;
}

/** Losses at one quantisation level, means over the items, not weighted. The three have one value and different gradients. */
export interface LevelLosses {
  /** ||r - q||^2 */
  quantizationError: number;
  /** ||sg(r) - q||^2: moves the codes to the residuals. */
  codebookLoss: number;
  /** ||r - sg(q)||^2: moves the residuals to the codes. */
  commitmentLoss: number;
  /** Mean ||r - q||^2 / mean ||z||^2: the share of the latents' energy that is left after this level. */
  residualEnergy: number;
}

/**
 * Losses of a batch: squared L2 norms per item, means over the batch. With `compat: "hopwise"` the reconstruction is the sum over the
 * batch, as in the reference.
 */
export interface Losses {
  /** reconstructionWeight x reconstructionLoss + quantizeLoss */
  loss: number;
  reconstructionLoss: number;
  /** Sum over the levels of codebookWeight x codebookLoss + commitmentWeight x commitmentLoss. */
  quantizeLoss: number;
  perLevel: LevelLosses[];
  /** Mean L2 norm of the chosen codes' vectors, one a level. */
  embsNorm: number[];
  /** Different IDs in the batch / items in the batch. */
  pUniqueIds: number;
}

/** Means of the losses over the items of an epoch. */
export type EpochLosses = Pick<Losses, "loss" | "reconstructionLoss" | "quantizeLoss" | "perLevel">;

/** Counts over the IDs of the whole catalogue. */
export interface IdStatistics {
  items: number;
  /** Number of different IDs. */
  distinctIds: number;
  /** distinctIds / items */
  uniqueShare: number;
  /** Items whose ID another item has too. */
  itemsSharing: number;
  /** Items that hold the most frequent ID. */
  largestGroup: number;
  /** Per level: number of codes that occur. */
  usedCodes: number[];
  /** Per level: usedCodes / codebook size. */
  usage: number[];
  /** Per level: exp(entropy of the codes' frequencies), from 1 to the codebook size. */
  perplexity: number[];
}

/** One epoch of training. */
export interface EpochRecord {
  /** From 0. */
  epoch: number;
  loss: number;
  reconstructionLoss: number;
  quantizeLoss: number;
  perLevel: LevelLosses[];
  learningRate: number;
  /** Of the whole catalogue, with the weights at the end of the epoch `ids` was last evaluated at. */
  ids: IdStatistics;
  /** Whether `ids` and `validation` were evaluated at the end of this very epoch. */
  evaluated: boolean;
  /** With `validationShare`, of the last evaluated epoch; absent once the validation items train too (`validationUntil`). */
  validation?: ValidationResult;
  /** Per level: codes that no item chose in the epoch's training steps. */
  deadCodes: number[];
  /** Per level: how many of them were restarted. */
  restartedCodes: number[];
  /** What this epoch gives cause to worry about. */
  warnings: TrainWarning[];
}

/** How the validation items fare, with the codes that `encode` gives. */
export interface ValidationResult {
  items: number;
  reconstructionLoss: number;
  quantizeLoss: number;
  /** 1 - sum ||x' - x||^2 / sum ||x - mean||^2, in units of the scaled input. */
  explainedVariance: number;
}

/** IDs of all items, and the validation items, at one moment of training. */
export interface TrainEvaluation {
  ids: IdStatistics;
  validation?: ValidationResult;
}

/** An evaluated epoch that was the best by some measure; epoch -1 is the start. */
export interface BestEpoch extends TrainEvaluation {
  epoch: number;
  /** What "loss" goes by: the validation items' reconstruction loss, or where none are held out the epoch's training loss. */
  loss: number;
}

/** Something that went wrong in training, or is about to. */
export interface TrainWarning {
  /**
   * Three kinds are about the items themselves: "dominatedByColumn" (one dimension carries most of their variance), "duplicates" (many of
   * them are exact copies of one another) and "constant" (all of them are the same). The others are about the training.
   */
  kind:
    | "collapse"
    | "collisions"
    | "divergence"
    | "learningRate"
    | "overfitting"
    | "dominatedByColumn"
    | "duplicates"
    | "constant";
  /** From 0; -1 when it is about the items and holds before the first epoch. */
  epoch: number;
  /** The quantisation level it is about, from 0; absent when it is about the whole. */
  level?: number;
  /** The dimension it is about, from 0. */
  column?: number;
  /** What was seen, and what to do. */
  message: string;
  /** The message in parts, with the options that it names as data. */
  wording: Wording;
}

/** State of a training run. */
export interface TrainProgress {
  /** "measure" comes first in `RQVAE.fit`, which looks at a sample to choose the latent width; its progress is 0. */
  phase: "measure" | "initialize" | "train";
  /** Of the whole run, initialisation (PCA, k-means) and training together: rises from 0 to 1. */
  progress: number;
  /** The epoch in progress, from 0. */
  epoch: number;
  epochs: number;
  /** Optimiser steps done. */
  step: number;
  totalSteps: number;
  /** Losses of the last step, which jump from batch to batch; absent before the first. */
  losses?: Losses;
  /**
   * Means over the items of the epoch so far; at its beginning those of the epoch before. Absent before the first step. To be shown as
   * progress.
   */
  epochLosses?: EpochLosses;
  /** What is to be known about the items themselves, the same in every event. */
  itemWarnings: TrainWarning[];
  /** The last finished epoch; absent before the first. */
  lastEpoch?: EpochRecord;
  /** Epochs finished since the previous event, in order: together the events give every epoch once. */
  newEpochs: EpochRecord[];
  /** Milliseconds since the start. Measured by the host: never part of a model. */
  elapsedMs: number;
  /** Milliseconds, an estimate from the pace so far; absent until there is one. */
  remainingMs?: number;
  /** Items trained per second since training proper began; absent during initialisation. */
  itemsPerSecond?: number;
}

/** What `train` resolves to. */
export interface TrainHistory {
  /** In order. Of a loaded model some may be missing, see `epochsLeftOut`: `record.epoch` is the number, not the place in this array. */
  epochs: EpochRecord[];
  /**
   * Only of a loaded model, and of a long training: how many epochs its file has left out, to bound its size. All are kept in some 2^18
   * characters, which hold about 700 epochs of three levels; beyond that every second, fourth, ... of them and the first, the last, the
   * selected and the best ones.
   */
  epochsLeftOut?: number;
  /** With `validationShare`: the start, before the first epoch. */
  start?: TrainEvaluation;
  /** The epoch whose weights the model holds; -1 is the start. */
  selectedEpoch: number;
  /** Why that one, in words. */
  selectedBecause: string;
  /** The same in parts. */
  selectedWording: Wording;
  /** The evaluated epochs that were best by loss and by collisions; see `RQVAE.select`. */
  best: { loss?: BestEpoch; collision?: BestEpoch };
  /** Whether `patience` ended the training. */
  stoppedEarly: boolean;
  /** Statistics of the IDs that the model now gives to the items. */
  ids: IdStatistics;
  /**
   * With `validationShare`: the validation items with the weights after `epoch` (-1: of the start), the last time that training had not
   * seen them. These are the weights that the model now has, unless `afterValidation` says otherwise.
   */
  validation?: ValidationResult & { epoch: number };
  /**
   * What came after the epochs of `validationUntil`; absent where the validation items were held out to the end.
   * - "joined": they trained too. The model's weights have seen them.
   * - "startKept": nothing, since no epoch was better on them than the start. That was put back, its k-means codebooks fitted to all items.
   */
  afterValidation?: "joined" | "startKept";
  /** Warnings about the items, and those that still hold for the selected epoch or are about the whole run; one of a kind and level. */
  warnings: TrainWarning[];
  /**
   * What training was worth, judged on the validation items (by the figures of `validation`) against the start, before the first epoch;
   * absent without these. The same rule compares a model with residual k-means in the report.
   */
  verdict?: Verdict;
  steps: number;
}

/**
 * `config.json` of PyTorchModelHubMixin, or the arguments with which LC-Rec was started: what `RQVAE.load` looks at of it. Anything else
 * in it is left out.
 */
export interface HubConfig {
  input_dim?: number;
  latent_dim?: number;
  hidden_dims?: readonly number[];
  codebook_size?: number;
  n_quantization_layers?: number;
  codebook_kmeans_init?: boolean;
  codebook_sim_vq?: boolean;
  commitment_weight?: number;
  /** Of RQ-VAE-Recommender, where it is `latent_dim`. */
  embed_dim?: number;
  /** Of RQ-VAE-Recommender, where it is `n_quantization_layers`. */
  n_layers?: number;
  /** Of RQ-VAE-Recommender. true is refused: unit lengths of latents and codes have no place here. */
  codebook_normalize?: boolean;
  /** Of LC-Rec: `inputDim`. */
  in_dim?: number;
  /** Of LC-Rec: `latentDim`. */
  e_dim?: number;
  /** Of LC-Rec: `hiddenDims`. */
  layers?: readonly number[];
  /** Of LC-Rec: `codebookSize`. */
  num_emb_list?: readonly number[];
  /** Of LC-Rec: `commitmentWeight`. */
  beta?: number;
  /** Of LC-Rec: `codebookKmeansInit`. */
  kmeans_init?: boolean;
  /** Of LC-Rec: `sinkhornEpsilon`. */
  sk_epsilons?: readonly number[];
  /** Of LC-Rec: `sinkhornIterations`. */
  sk_iters?: number;
}

/**
 * Where a model's bytes come from: the bytes, a URL, a path (Node; a folder has them in `model.safetensors`), a Blob or a Response.
 */
export type ModelSource = Uint8Array | ArrayBuffer | URL | string | Blob | Response;

/** Titles and labels of items, one entry a row. */
export interface ItemLabels {
  titles: string[];
  labels?: Record<string, (string | number)[]>;
  /** The items' own IDs, when the labels' source names them: labels are then joined to items by ID, see `joinItems`. */
  itemIds?: string[];
}

/**
 * - "better": more exact or more items told apart, and nothing lost.
 * - "same": no difference that matters.
 * - "moreDistinct": more items told apart, but less exact; "moreExact" the other way round.
 * - "worse": something lost, and nothing won.
 */
export type Verdict = "better" | "same" | "moreDistinct" | "moreExact" | "worse";

/** What `residualKMeans` is told. */
export interface ResidualKMeansOptions
  extends JobOptions,
    Given<Pick<typeof MODEL, "codebookSize" | "encodeBeam" | "inputDim" | "nQuantizationLayers" | "seed">> {
  /** Quantise in the first `latentDim` principal directions instead of in all dimensions. Default: `inputDim`. */
  latentDim?: number;
  /**
   * Whether the codebooks are fitted together with the search that will use them, see `ModelOptions.codebookRefine`; otherwise level by
   * level, each for the nearest codes before it. Default: true.
   */
  refine?: boolean;
}
