/**
 * The public types: what a model is configured with, what goes in and what comes out. Shapes are written rows x columns,
 * arrays are row-major, row and column numbers are 0-based.
 */

import type { SemanticIds } from "./semantic-ids.ts";

/** A typed array of this or another realm (an iframe, a vm context). */
export type FloatArray = Float32Array | Float64Array;

/** A matrix of `rows` x `dim` numbers, row-major. `Uint16Array` holds IEEE half floats. */
export interface ItemMatrix {
  data: Float32Array | Float64Array | Uint16Array;
  rows: number;
  dim: number;
}

/**
 * Item embeddings, one row an item: a matrix, a flat array whose length is a multiple of the model's `inputDim`, or an array of
 * rows. They are copied; the caller's arrays are never changed, detached or kept.
 */
export type Items = ItemMatrix | FloatArray | readonly (readonly number[])[] | readonly Float32Array[];

/** What a model is. Everything but `inputDim` has a default. */
export interface ModelOptions {
  /** Dimension of an item's embedding. */
  inputDim: number;
  /** Dimension of the latent space and of the codes' vectors. Default: 64, or `inputDim` if that is smaller. */
  latentDim?: number;
  /** Widths of the encoder's hidden layers; the decoder mirrors them. May be empty. Default: [256, 128]. */
  hiddenDims?: readonly number[];
  /** Codes per level: one number for all levels, or one for each. Default: 256. */
  codebookSize?: number | readonly number[];
  /** Number of quantisation levels, the length of an ID. Default: 3, or the length of `codebookSize`. */
  nQuantizationLayers?: number;
  /** Initialise the codebooks by k-means at the start of training; otherwise they start as N(0, 1). Default: true. */
  codebookKmeansInit?: boolean;
  /** Weight beta of the commitment loss (van den Oord et al. 2017). Default: 0.25. */
  commitmentWeight?: number;
  /** Weight of the reconstruction loss. Default: 1. */
  reconstructionWeight?: number;
  /** Activation of the hidden layers. Default: "silu". */
  activation?: "silu" | "relu";
  /** Shift and scale of the input, learned on the training set and undone by `decode`. Default: "commonScale". */
  inputScaling?: "none" | "center" | "commonScale";
  /** Standard deviation of the noise added to the encoder's input in training, in units of the scaled input. Default: 0. */
  inputNoise?: number;
  /** A linear path beside encoder and decoder; "pca" starts it at the principal directions. Default: "pca". */
  linearSkip?: "none" | "pca";
  /** Which loss reaches the codebooks: "joint" adds the reconstruction's. Default: "joint". */
  codebookGradient?: "quantization" | "joint";
  /** "hopwise" computes the functions of the Hopwise tutorial's program, for parity with it. Default: "none". */
  compat?: "none" | "hopwise";
  /** Codebook = embedding times a learned square matrix (SimVQ); with `compat: "hopwise"` only, where it is the default. */
  codebookSimVq?: boolean;
  /** Seed of weights, k-means, shuffles and noise: an integer from 0 to 2^53 - 1. Default: 0. */
  seed?: number;
}

/** `ModelOptions` with every default filled in and `codebookSizes` written out. */
export interface ModelConfig {
  readonly inputDim: number;
  readonly latentDim: number;
  readonly hiddenDims: readonly number[];
  readonly codebookSizes: readonly number[];
  readonly nQuantizationLayers: number;
  readonly codebookKmeansInit: boolean;
  readonly commitmentWeight: number;
  readonly reconstructionWeight: number;
  readonly activation: "silu" | "relu";
  readonly inputScaling: "none" | "center" | "commonScale";
  readonly inputNoise: number;
  readonly linearSkip: "none" | "pca";
  readonly codebookGradient: "quantization" | "joint";
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
  /** The codebooks' learning rate is `learningRate` times this. Default: 1. */
  codebookLearningRateScale?: number;
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
  /** Called at most ten times a second, and once at the end. */
  onProgress?: (event: TrainProgress) => void;
  /** Aborting rejects with `signal.reason`; the model keeps the last whole step (or its state before initialisation). */
  signal?: AbortSignal;
}

/** Options of `kmeansInitCodebooks` and `encodeAsync`. */
export interface JobOptions {
  /** Called at most ten times a second, and once at the end. */
  onProgress?: (event: JobProgress) => void;
  signal?: AbortSignal;
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
}

/**
 * Losses of a batch: squared L2 norms per item, means over the batch. With `compat: "hopwise"` the reconstruction is the sum over the
 * batch, as in the reference.
 */
export interface Losses {
  /** reconstructionWeight x reconstructionLoss + quantizeLoss */
  loss: number;
  reconstructionLoss: number;
  /** Sum over the levels of codebookLoss + commitmentWeight x commitmentLoss. */
  quantizeLoss: number;
  perLevel: LevelLosses[];
  /** Mean L2 norm of the chosen codes' vectors, one a level. */
  embsNorm: number[];
  /** Different IDs in the batch / items in the batch. */
  pUniqueIds: number;
}

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
  /** Whether `ids` was evaluated at the end of this very epoch. */
  evaluated: boolean;
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
  /** Losses of the last step; absent before the first. */
  losses?: Losses;
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
  /** The epoch whose weights the model holds. */
  selectedEpoch: number;
  /** Statistics of the IDs that the model now gives to the training items. */
  ids: IdStatistics;
  steps: number;
}

/** What `getSemanticIds` returns, for n items, L levels and latent dimension d. */
export interface SemanticIdsOutput {
  semIds: SemanticIds;
  /** n x L x d: the chosen codes' vectors. */
  embeddings: Float32Array;
  /** n x L x d: the residual before each level. */
  residuals: Float32Array;
  /** n: sum over the levels of codebook and weighted commitment loss. */
  quantizeLoss: Float32Array;
}

/** Where a model's bytes come from: the bytes, a URL, a path (Node), a Blob or a Response. */
export type ModelSource = Uint8Array | ArrayBuffer | URL | string | Blob | Response;

/** Titles and labels of items, one entry a row. */
export interface ItemLabels {
  titles: string[];
  labels?: Record<string, (string | number)[]>;
}
