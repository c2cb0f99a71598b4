/**
 * The public types: a model's configuration, inputs and outputs. Shapes are written rows x columns; arrays are row-major; row and column
 * numbers are 0-based.
 */

import type { Wording } from "./base/wording.ts";
import type { Given, MODEL, OptimizerRows, Resolved, TRAIN } from "./options/table.ts";

/** `Float16Array`, in projects whose types have it; engines have had it since 2025 (Node 24, Chrome 135, Firefox 129, Safari 18.2). */
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
 * Item embeddings, one row per item: a matrix, a flat array whose length is a multiple of the model's `inputDim`, or an array of rows. They
 * are copied; the caller's arrays are never changed, detached (unless you ask a worker to `transfer` them) or kept.
 */
export type Items = ItemMatrix | FloatArray | readonly (readonly number[])[] | readonly FloatArray[];

/**
 * Embeddings that are read as needed, for catalogues larger than memory: `fit`, `train`, `kmeansInitCodebooks`, `encodeAsync`,
 * `encodeStream` and `residualKMeans` accept one in place of items, with byte-identical results. `rqvae/formats` opens files as sources.
 */
export interface EmbeddingSource {
  /** Number of items; it must not change while the source is in use. */
  readonly rows: number;
  /** Numbers per item. */
  readonly dim: number;
  /**
   * Rows [first, first + count), row-major, count x dim; 0 <= first, first + count <= rows. Called with ascending ranges where possible,
   * and never twice at the same time: an aborted call does not wait for an answer, but the next call on this source does. A `Float16Array`
   * works as well. The array is not kept or changed; it may be the same one at every call.
   */
  read(first: number, count: number): Float32Array | HalfArray | Promise<Float32Array | HalfArray>;
}

/** Batches of items as they come: what `encodeStream` takes. */
export type ItemBatches = AsyncIterable<Items> | Iterable<Items>;

/**
 * A model's options. Everything but `inputDim` has a default. Dimensions, widths and codebook sizes can be up to 2^24 = 16,777,216, hidden
 * layers and levels up to 64. The model and its gradients must fit into the 4 GB of WebAssembly, which is checked before anything is made.
 */
export interface ModelOptions extends Given<typeof MODEL> {
  /** Dimension of an item's embedding. */
  inputDim: number;
}

/** See `ModelOptions.inputScaling`. */
export type InputScaling = ModelConfig["inputScaling"];

/**
 * `ModelOptions` with every default filled in and one number per level where one for all is allowed: `RQVAE.create(model.config)` makes
 * such a model again.
 */
export interface ModelConfig extends Resolved<typeof MODEL> {}

/** An optimiser, as PyTorch defines it. Defaults are the same for all kinds. */
export interface OptimizerOptions extends Given<OptimizerRows> {}

/** How to train a model. Every option has a default. */
export interface TrainOptions extends Given<typeof TRAIN> {
  /** The items' own IDs, one per row, by which `published` is joined. */
  itemIds?: readonly (string | number)[];
  /**
   * The semantic IDs that items have been published with, and whose they are, for `stability`. Items that are not in it are new: nothing
   * holds their IDs. Codes after those of the model (a suffix) do not count. Default: every row has the ID that the model gives it at the
   * start of the training.
   */
  published?: { itemIds: readonly (string | number)[]; ids: PublishedIds };
  /** Names of the items' dimensions, in their order, so that a warning about a dimension names the data's column. */
  columnNames?: readonly string[];
  /**
   * Called at most ten times per second, and once at the end. If it throws, the call ends and rejects with the error. If it throws at the
   * end, the model stays trained, and `fit`, whose model would be lost, resolves and writes the error to the console.
   */
  onProgress?: (event: TrainProgress) => void;
  /** Aborting rejects with `signal.reason`; the model keeps the last whole step (or its state before initialisation). */
  signal?: AbortSignal;
  /**
   * Where to store checkpoints: `write` is called every `everyMs` milliseconds (default: 10,000) with everything that `resume` needs, and
   * training waits for what it returns, unless it is aborted. If it throws, training ends, but can still be resumed
   * (`RQVAE.saveCheckpoint`): catch errors that training should survive, such as a full disk.
   */
  checkpoint?: {
    /** Gets the bytes of a checkpoint, which it may keep. */
    write: (bytes: Uint8Array<ArrayBuffer>) => void | Promise<void>;
    /** Milliseconds between checkpoints. Default: 10,000. */
    everyMs?: number;
  };
  /**
   * Keeps the models of the last epochs but one, whose IDs are other tokens of the same items: more data to train a recommender on (see
   * `encodeHistories`). At the end `write` is called for each, oldest first, at most `epochs` times. The epochs are those of this
   * call, so that it does not go together with `resume`. Not in a worker.
   */
  snapshots?: {
    /** How many to keep, at least 1. */
    epochs: number;
    /** Gets the encoder part of the model as it was at the end of an epoch, for `RQVAE.load`. Training ends after what it returns. */
    write: (bytes: Uint8Array<ArrayBuffer>, epoch: number) => void | Promise<void>;
  };
  /**
   * Resumes from a checkpoint of the same items, model configuration and training options (those left out come from the checkpoint): the
   * final model is the same, byte for byte, as without the interruption.
   */
  resume?: Uint8Array;
}

/**
 * Options that make a model and train it, as `suggestConfig` and `presets` give them. `RQVAE.fit`, `RQVAE.create` and `train` accept a
 * recipe as it is and use their own part of it; options next to the two parts override it: `RQVAE.fit(items, { ...recipe, epochs: 20 })`.
 */
export interface Recipe {
  model: ModelOptions;
  train: TrainOptions;
  /** The reasons, if something was measured: sentences for people. Changes nothing. */
  reasons?: readonly string[];
}

/** Options of a model, or a recipe, or a recipe with overriding options of the model. */
export type CreateOptions = ModelOptions | (Recipe & Partial<ModelOptions>);

/** Options of the model and of its training in one object, or a recipe, or a recipe with overriding options. */
export type FitOptions = Partial<ModelOptions> & TrainOptions & Partial<Recipe> & RetrainOptions;

/** `SemanticIds`. */
export interface PublishedIds {
  readonly codes: Uint16Array | Uint32Array;
  readonly length: number;
  readonly levels: number;
  readonly codebookSizes: readonly number[];
  readonly fingerprint?: string;
}

/** What makes `fit` train a model further. */
export interface RetrainOptions {
  /**
   * The model that was fitted to an earlier version of the catalogue, or what `RQVAE.load` takes: training starts from its weights, its
   * input statistics and its codebooks. It is not changed itself. Options that would make it another function are refused.
   */
  from?: ModelSource | SavedModel;
}

/** A model in memory: an `RQVAE`, or an `RQVAEWorker`. */
export interface SavedModel {
  save(): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>;
}

/** `TrainOptions` with every default filled in, without callbacks. */
export interface TrainConfig extends Resolved<typeof TRAIN> {}

/** Options of `measureSpectrum`. */
export interface SpectrumOptions
  extends JobOptions,
    Given<Pick<typeof MODEL, "codebookSize" | "inputDim" | "nQuantizationLayers" | "seed">> {}

/** What `measureSpectrum` found, per principal direction of the items, in order of decreasing variance; at most 256 directions. */
export interface Spectrum {
  /** How many items were inspected. */
  items: number;
  /** The direction's share of the total variance, from 0 to 1. Empty if there are too few items to hold any out. */
  variance: readonly number[];
  /** 1 - squared error / variance of held-out items in this direction, by codes fitted to the others; below zero if the codes mislead. */
  explained: readonly number[];
  /** The suggested latent width; absent if nothing could be measured. */
  latentDim?: number;
  /** The reason, as a sentence for people. */
  reason?: string;
}

/** Options of `kmeansInitCodebooks` and `encodeAsync`. */
export interface JobOptions {
  /** Called at most ten times per second, and once at the end. */
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

/** Losses at one quantisation level: unweighted means over the items. The three have the same value but different gradients. */
export interface LevelLosses {
  /** ||r - q||^2 */
  quantizationError: number;
  /** ||sg(r) - q||^2: moves the codes to the residuals. */
  codebookLoss: number;
  /** ||r - sg(q)||^2: moves the residuals to the codes. */
  commitmentLoss: number;
  /** Mean ||r - q||^2 / mean ||z||^2: the share of the latents' energy left after this level. */
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
  /** Mean L2 norm of the chosen codes' vectors, one per level. */
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
  /** Items that have the most frequent ID. */
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
  /** Statistics of the whole catalogue, with the weights at the end of the last evaluated epoch. */
  ids: IdStatistics;
  /** Whether `ids` and `validation` were evaluated at the end of this epoch. */
  evaluated: boolean;
  /** With `validationShare`: figures of the last evaluated epoch; absent once the validation items train too (`validationUntil`). */
  validation?: ValidationResult;
  /** Per level: codes that no item chose in the epoch's training steps. */
  deadCodes: number[];
  /** Per level: how many of them were restarted. */
  restartedCodes: number[];
  /** What looks wrong in this epoch. */
  warnings: TrainWarning[];
}

/** Figures of the validation items, with the codes that `encode` gives. */
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

/** An evaluated epoch that was best by some measure; epoch -1 is the start. */
export interface BestEpoch extends TrainEvaluation {
  epoch: number;
  /** What "loss" compares: the validation items' reconstruction loss or, if none are held out, the epoch's training loss. */
  loss: number;
}

/** Something that goes wrong in training, or is about to. */
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
  /** From 0; -1 if it is about the items and so holds before the first epoch. */
  epoch: number;
  /** The quantisation level that it is about, from 0; absent if it is not about one level. */
  level?: number;
  /** The dimension that it is about, from 0. */
  column?: number;
  /** What was seen, and what to do. */
  message: string;
  /** The message in parts, in which the options that it names are data. */
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
   * Means over the items of the epoch so far; at its start, those of the previous epoch. Absent before the first step. Show these as
   * progress.
   */
  epochLosses?: EpochLosses;
  /** Warnings about the items themselves, the same in every event. */
  itemWarnings: TrainWarning[];
  /** The last finished epoch; absent before the first. */
  lastEpoch?: EpochRecord;
  /** Epochs finished since the previous event, in order: together the events give every epoch once. */
  newEpochs: EpochRecord[];
  /** Milliseconds since the start. Measured by the host: never part of a model. */
  elapsedMs: number;
  /** Milliseconds, estimated from the pace so far; absent until there is an estimate. */
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
  /** Why that epoch, in words. */
  selectedBecause: string;
  /** The same in parts. */
  selectedWording: Wording;
  /** The evaluated epochs that were best by loss and by collisions; see `RQVAE.select`. */
  best: { loss?: BestEpoch; collision?: BestEpoch };
  /** Whether `patience` ended training. */
  stoppedEarly: boolean;
  /** Statistics of the IDs that the model now gives to the items. */
  ids: IdStatistics;
  /**
   * With `validationShare`: figures of the validation items with the weights after `epoch` (-1: of the start), the last time before
   * training saw them. The model now has these weights, unless `afterValidation` says otherwise.
   */
  validation?: ValidationResult & { epoch: number };
  /**
   * What happened after the epochs of `validationUntil`; absent if the validation items were held out to the end.
   * - "joined": they trained too. The model's weights have seen them.
   * - "startKept": training ended, since it lowered their loss too little: by less than 1%, or less than 3% and then undid that. The start was
   *   restored, with its k-means codebooks fitted to all items.
   */
  afterValidation?: "joined" | "startKept";
  /** Warnings about the items, and those that still hold for the selected epoch or are about the whole run; one per kind and level. */
  warnings: TrainWarning[];
  /**
   * What training was worth compared with the start, before the first epoch, judged on the validation items (by the figures of
   * `validation`); absent without validation items. The report uses the same rule to compare a model with residual k-means.
   */
  verdict?: Verdict;
  steps: number;
}

/**
 * The fields that `RQVAE.load` reads of a `config.json` of PyTorchModelHubMixin, or of the arguments with which LC-Rec was started. It
 * ignores all others.
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
  /** Of RQ-VAE-Recommender. true is refused: latents and codes of unit length are not supported. */
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

/** Titles and labels of items, one entry per row. */
export interface ItemLabels {
  titles: string[];
  labels?: Record<string, (string | number)[]>;
  /** The items' own IDs, if the labels' source has them. Labels are then joined to items by ID, see `joinItems`. */
  itemIds?: string[];
}

/**
 * - "better": more exact or more items told apart, without a loss in the other.
 * - "same": no difference that matters.
 * - "moreDistinct": more items told apart, but less exact; "moreExact" the other way round.
 * - "worse": less exact or fewer items told apart, without a gain in the other.
 */
export type Verdict = "better" | "same" | "moreDistinct" | "moreExact" | "worse";

/** Options of `residualKMeans`. */
export interface ResidualKMeansOptions
  extends JobOptions,
    Given<Pick<typeof MODEL, "codebookSize" | "encodeBeam" | "inputDim" | "nQuantizationLayers" | "seed">> {
  /** Quantise in the first `latentDim` principal directions instead of in all dimensions. Default: `inputDim`. */
  latentDim?: number;
  /**
   * Whether to fit the codebooks together with the search that will use them, see `ModelOptions.codebookRefine`. If false, they are fitted
   * level by level, each to the residuals of the nearest codes before it. Default: true.
   */
  refine?: boolean;
}
