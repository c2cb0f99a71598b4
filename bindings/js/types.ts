/**
 * The public types: what a model is configured with, what goes in and what comes out. Shapes are written rows x columns,
 * arrays are row-major, row and column numbers are 0-based.
 */

import type { Wording } from "./base/wording.ts";

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
export interface ModelOptions {
  /** Dimension of an item's embedding. */
  inputDim: number;
  /** Dimension of the latent space and of the codes' vectors. Default: 64, or `inputDim` if that is smaller. */
  latentDim?: number;
  /** Widths of the encoder's hidden layers, at most 64; the decoder mirrors them. May be empty. Default: [256, 128]. */
  hiddenDims?: readonly number[];
  /** Codes per level: one number for all levels, or one for each. Default: 256. */
  codebookSize?: number | readonly number[];
  /** Number of quantisation levels, the length of an ID, at most 64. Default: 3, or the length of `codebookSize`. */
  nQuantizationLayers?: number;
  /** Initialise the codebooks by k-means at the start of training; otherwise they start as N(0, 1). Default: true. */
  codebookKmeansInit?: boolean;
  /** Weight beta of the commitment loss (van den Oord et al. 2017). Default: 0.25. */
  commitmentWeight?: number;
  /** Weight of the codebook loss ||sg(r) - q||^2. Default: 1. */
  codebookWeight?: number;
  /** Weight of the reconstruction loss. Default: 1. */
  reconstructionWeight?: number;
  /** Reconstruction loss of an item: squared distance, or 1 - cosine, of the scaled input. Default: "mse". */
  reconstruction?: "mse" | "cosine";
  /** Activation of the hidden layers. Default: "silu". */
  activation?: "silu" | "relu";
  /** Layer normalisation (Ba et al. 2016) after every hidden Linear, before its activation. Default: false. */
  layerNorm?: boolean;
  /**
   * Shift and scale of the input, learned on the training set and undone by `decode`: "center" subtracts the mean; "commonScale"
   * also divides by one number, so that distances keep their ratios; "perDimension" divides each dimension by its standard
   * deviation; "l2" brings every row to unit length first (the way back gives the typical length). Default: "commonScale".
   */
  inputScaling?: InputScaling;
  /** Standard deviation of the noise added to the encoder's input in training, in units of the scaled input. Default: 0. */
  inputNoise?: number;
  /**
   * A linear path beside encoder and decoder: "pca" starts it at the principal directions, "identity" (with `latentDim` =
   * `inputDim`) at the identity. With empty `hiddenDims` it is all there is: the untrained model is residual k-means. Default: "pca".
   */
  linearSkip?: "none" | "pca" | "identity";
  /** Which loss reaches the codebooks: "joint" adds the reconstruction's. Default: "joint", with "ema" "quantization". */
  codebookGradient?: "quantization" | "joint";
  /**
   * What moves the codebooks: the optimiser, or exponential moving averages of the residuals assigned to each code (van den Oord
   * et al. 2017, A.1, with Laplace smoothing). Default: "gradient".
   */
  codebookUpdate?: "gradient" | "ema";
  /** Decay of the averages per step. Default: 0.99. */
  emaDecay?: number;
  /**
   * How the gradient passes the quantiser: straight through (Bengio et al. 2013), or by the rotation trick (Fifty et al. 2024).
   * Default: "straightThrough".
   */
  gradientEstimator?: "straightThrough" | "rotation";
  /**
   * Balances the assignment of each batch to the codes in training, by Sinkhorn's algorithm (LC-Rec, Zheng et al. 2024, uses 0.003 at
   * its last level): one number, or one a level; 0 takes the nearest code. Encoding always takes the nearest. Default: 0.
   */
  sinkhornEpsilon?: number | readonly number[];
  /** Default: 50. */
  sinkhornIterations?: number;
  /**
   * Width of the beam search over the levels that finds an item's ID, in training as in encoding: the codes of least total error
   * instead of the nearest one at each level (Babenko and Lempitsky 2014 search additive codes so). Part of the model, since it changes
   * IDs. Default: 1 (greedy).
   */
  encodeBeam?: number;
  /** "hopwise" computes the functions of the Hopwise tutorial's program, for parity with it. Default: "none". */
  compat?: "none" | "hopwise";
  /**
   * Codebook = embedding times a learned square matrix (SimVQ, Zhu et al. 2024): the embedding is fixed and the matrix learns (with
   * `compat: "hopwise"`, where it is the default, both learn). Default: false.
   */
  codebookSimVq?: boolean;
  /** Seed of weights, k-means, shuffles and noise: an integer from 0 to 2^53 - 1. Default: 0. */
  seed?: number;
}

/** See `ModelOptions.inputScaling`. */
export type InputScaling = "none" | "center" | "commonScale" | "perDimension" | "l2";

/** `ModelOptions` with every default filled in and `codebookSizes` written out. */
export interface ModelConfig {
  readonly inputDim: number;
  readonly latentDim: number;
  readonly hiddenDims: readonly number[];
  readonly codebookSizes: readonly number[];
  readonly nQuantizationLayers: number;
  readonly codebookKmeansInit: boolean;
  readonly commitmentWeight: number;
  readonly codebookWeight: number;
  readonly reconstructionWeight: number;
  readonly reconstruction: "mse" | "cosine";
  readonly activation: "silu" | "relu";
  readonly layerNorm: boolean;
  readonly inputScaling: InputScaling;
  readonly inputNoise: number;
  readonly linearSkip: "none" | "pca" | "identity";
  readonly codebookGradient: "quantization" | "joint";
  readonly codebookUpdate: "gradient" | "ema";
  readonly emaDecay: number;
  readonly gradientEstimator: "straightThrough" | "rotation";
  readonly sinkhornEpsilon: readonly number[];
  readonly sinkhornIterations: number;
  readonly encodeBeam: number;
  readonly compat: "none" | "hopwise";
  readonly codebookSimVq: boolean;
  readonly seed: number;
}

/** An optimiser with PyTorch's definitions. Defaults are the same for all kinds. */
export interface OptimizerOptions {
  /** Default: "adam". */
  kind?: "adam" | "adamw" | "adagrad" | "sgd";
  /** Default: 1e-3. */
  learningRate?: number;
  /** The encoder's learning rate is `learningRate` times this. Default: 1. */
  encoderLearningRateScale?: number;
  /** The decoder's likewise. Default: 1. */
  decoderLearningRateScale?: number;
  /** The codebooks' likewise. Default: 1. */
  codebookLearningRateScale?: number;
  /** Largest norm of all gradients together, to which longer ones are shortened (as torch's `clip_grad_norm_`); 0 is none. Default: 0. */
  gradientClip?: number;
  /** L2 penalty in the gradient, decoupled for "adamw". The MLPs' weights only: no biases, codebooks or skip path. Default: 0. */
  weightDecay?: number;
  /** Default: 0.9. */
  beta1?: number;
  /** Default: 0.999. */
  beta2?: number;
  /** Default: 1e-8, for "adagrad" 1e-10. */
  epsilon?: number;
  /** Of "sgd". Default: 0. */
  momentum?: number;
}

/** How a model is trained. Everything has a default. */
export interface TrainOptions extends Omit<OptimizerOptions, "kind"> {
  /** Passes over the items. Default: 100. */
  epochs?: number;
  /** Items per optimiser step; the last batch of an epoch may be smaller. Default: 1024. */
  batchSize?: number;
  /** Default: "adam". */
  optimizer?: "adam" | "adamw" | "adagrad" | "sgd";
  /** Course of the learning rate over all steps, down to zero for "cosine" and "linear". Default: "constant". */
  schedule?: "constant" | "cosine" | "linear";
  /** Share of all steps in which the learning rate rises from zero. Default: 0. */
  warmup?: number;
  /** Epochs between evaluations of the IDs of all items; the first and the last are always evaluated. Default: epochs / 50, at least 1. */
  evaluateEvery?: number;
  /**
   * Share of the items, from 0 to 0.5, that takes no part in training: the loss on them tells which epoch was best. They are chosen by
   * a hash of the seed and their row. Default: 0.
   */
  validationShare?: number;
  /**
   * Which weights the model keeps: the "last"; those of the evaluated epoch with the lowest "loss" (reconstruction of the validation
   * items, the start before the first epoch included; without validation items, training loss); or those with the fewest ID
   * collisions over all items. Both best ones stay at hand, see `RQVAE.select`. Default: "loss" with validation items, else "last".
   */
  select?: "last" | "loss" | "collision";
  /** Stop after this many evaluations without a better one by `select`; 0 is never. Default: 0. */
  patience?: number;
  /**
   * After each epoch of the first 80%, move codes that no item chose in it to the residuals that were quantised worst. Refused beside
   * `sinkhornEpsilon` unless written as "withSinkhorn". Default: false.
   */
  deadCodeRestart?: boolean | "withSinkhorn";
  /**
   * Noise on the encoder's input in the directions and sizes in which items differ from what their IDs say: each row gets the residual
   * x - decode(encode(x)) that a random training item had before the first epoch, with a random sign, times this. Unlike `inputNoise` it
   * fits tight clusters and wide ones alike. Default: 0.
   */
  residualNoise?: number;
  /**
   * Weight of a loss that separates items which share an ID: after each evaluation, all but one of them are pulled towards the nearest
   * free ID, w [||z - q_free||^2 - ||z - q_shared||^2 + m e]_+ with e the mean quantisation error, until they are there. Needs
   * evaluations every few epochs (`evaluateEvery`). Default: 0.
   */
  separationWeight?: number;
  /** The margin m of that loss. Default: 0.05. */
  separationMargin?: number;
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

/** `TrainOptions` with every default filled in, without callbacks. */
export interface TrainConfig {
  readonly epochs: number;
  readonly batchSize: number;
  readonly optimizer: "adam" | "adamw" | "adagrad" | "sgd";
  readonly learningRate: number;
  readonly encoderLearningRateScale: number;
  readonly decoderLearningRateScale: number;
  readonly codebookLearningRateScale: number;
  readonly gradientClip: number;
  readonly weightDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly momentum: number;
  readonly schedule: "constant" | "cosine" | "linear";
  readonly warmup: number;
  readonly evaluateEvery: number;
  readonly validationShare: number;
  readonly select: "last" | "loss" | "collision";
  readonly patience: number;
  readonly deadCodeRestart: boolean;
  readonly residualNoise: number;
  readonly separationWeight: number;
  readonly separationMargin: number;
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
  /** With `validationShare`, of the last evaluated epoch. */
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
  /** What "loss" goes by: the validation items' reconstruction loss, or without them the epoch's training loss. */
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
  phase: "initialize" | "train";
  /** Of the whole run, from 0 to 1. */
  progress: number;
  /** Of the initialisation (PCA, k-means), from 0 to 1. */
  initializeProgress: number;
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
  /** Seconds since the start. Measured by the host: never part of a model. */
  elapsedSeconds: number;
  /** Estimate from the pace so far; absent until there is one. */
  remainingSeconds?: number;
  /** Items trained per second since training proper began; absent during initialisation. */
  itemsPerSecond?: number;
}

/** What `train` resolves to. */
export interface TrainHistory {
  epochs: EpochRecord[];
  /** With `validationShare`: the start, before the first epoch. */
  start?: TrainEvaluation;
  /** The epoch whose weights the model holds; -1 is the start. */
  selectedEpoch: number;
  /** Why that one, in words. */
  selectedBecause: string;
  /** The evaluated epochs that were best by loss and by collisions; see `RQVAE.select`. */
  best: { loss?: BestEpoch; collision?: BestEpoch };
  /** Whether `patience` ended the training. */
  stoppedEarly: boolean;
  /** Statistics of the IDs that the model now gives to the items. */
  ids: IdStatistics;
  /** With `validationShare`: the validation items with the weights that the model now has. */
  validation?: ValidationResult;
  /** Warnings about the items, and those that still hold for the selected epoch or are about the whole run; one of a kind and level. */
  warnings: TrainWarning[];
  /**
   * What training was worth, judged on the validation items against the start, before the first epoch; absent without these. The same
   * rule compares a model with residual k-means in the report.
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
export interface ResidualKMeansOptions extends JobOptions {
  /** Length of an ID. Default: 3. */
  levels?: number;
  /** Codes per level: one number, or one a level. Default: 256. */
  codebookSize?: number | readonly number[];
  /** Quantise in the first `latentDim` principal directions instead of in all dimensions. Default: `inputDim`. */
  latentDim?: number;
  /** Width of the beam search that gives IDs. Default: 1 (greedy). */
  beam?: number;
  /** Dimension of the items, needed with a flat array. */
  inputDim?: number;
  seed?: number;
}
