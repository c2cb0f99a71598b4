/**
 * Every option of a model and of its training, one per row: its kind, default, range or choices, and what it excludes. The types
 * `ModelOptions` and `TrainOptions`, the checks, the defaults, and the values passed to the WebAssembly follow from it. Editors show the
 * comment above a row. What people read elsewhere (command line, page, guide) is in words.ts, so that clients that only encode do not load it.
 * The order of rows is that of the configuration in a file.
 */

import { MAX_SIZE } from "../base/option-reader.ts";
import { option, valued, type Wording, worded } from "../base/wording.ts";

export type Value = number | boolean | string | readonly number[];

/** The value of another option, with its default filled in. */
export type Of = <T extends Value>(name: string) => T;

interface Common<T> {
  /** Its default; required options have none. */
  default?: T;
  /** Its default if that depends on other options: on their values, and on which were given. */
  instead?: (of: Of, given: (name: string) => unknown) => T | undefined;
  /** What is wrong with it in combination with other options, if anything. The core refuses it too, in fewer words. */
  excludes?: (of: Of, given: unknown) => Wording | undefined;
}

/** One option. */
export type Row =
  | (Common<number> & { kind: "integer"; min: number; max: number })
  /** `isOpen`: the value must be above `min`. */
  | (Common<number> & { kind: "number"; min: number; max?: number; isOpen?: true })
  /** `also`: another value that means true. */
  | (Common<boolean> & { kind: "flag"; also?: string })
  /** `choices` are in the order of the C++ enumeration. */
  | (Common<string> & { kind: "choice"; choices: readonly string[] })
  | (Common<readonly number[]> & { kind: "integers"; min: number; max: number; most: number })
  /** One number for all levels, or one per level; a list in the configuration. */
  | (Common<number> & { kind: "integerPerLevel"; min: number; max: number; most: number })
  | (Common<number> & { kind: "numberPerLevel"; min: number });

export type Table = Readonly<Record<string, Row>>;

/**
 * Most hidden layers of an encoder, and most levels: far beyond what can be trained, but few enough that no file can keep its reader busy.
 */
const MAX_LAYERS = 64;
/** Widest beam: far beyond any gain, and small enough for the memory of one item. */
const MAX_BEAM = 256;
/** Most epochs. */
const MAX_EPOCHS = 2 ** 30;
/** Largest decay: just below 1. */
const BELOW_ONE = 1 - 1e-9;

/** What `compat: "hopwise"` fixes. */
const HOPWISE: Readonly<Record<string, string | boolean>> = {
  inputScaling: "none",
  linearSkip: "none",
  codebookGradient: "quantization",
  codebookUpdate: "gradient",
  gradientEstimator: "straightThrough",
  reconstruction: "mse",
  layerNorm: false,
};
const isHopwise = (of: Of) => of("compat") === "hopwise";
/** Default of options that `compat: "hopwise"` fixes to "none". */
const noneOfHopwise = (of: Of) => (isHopwise(of) ? "none" : undefined);

/** Options of a model, see `ModelOptions`. */
export const MODEL = {
  /** Dimension of an item's embedding. */
  inputDim: { kind: "integer", min: 1, max: MAX_SIZE },
  /** Dimension of the latent space and of the codes' vectors. Default: 64, or `inputDim` if that is smaller. */
  latentDim: {
    kind: "integer",
    default: 64,
    instead: (of) => (of("linearSkip") === "identity" ? of("inputDim") : Math.min(64, of("inputDim"))),
    min: 1,
    max: MAX_SIZE,
  },
  /** Widths of the encoder's hidden layers, at most 64; the decoder mirrors them. May be empty. Default: [256, 128]. */
  hiddenDims: { kind: "integers", default: [256, 128], min: 1, max: MAX_SIZE, most: MAX_LAYERS },
  /** Codes per level: one number for all levels, or one per level. Default: 256. */
  codebookSize: { kind: "integerPerLevel", default: 256, min: 1, max: MAX_SIZE, most: MAX_LAYERS },
  /** Number of quantisation levels, which is the length of an ID; at most 64. Default: 3, or the length of `codebookSize`. */
  nQuantizationLayers: {
    kind: "integer",
    default: 3,
    instead: (_, given) => (given("codebookSize") as { length?: number } | undefined)?.length,
    min: 1,
    max: MAX_LAYERS,
  },
  /** Initialise the codebooks by k-means at the start of training; otherwise they start as N(0, 1). Default: true. */
  codebookKmeansInit: { kind: "flag", default: true },
  /**
   * Fit the codebooks by k-means together with the beam search (`encodeBeam`) that will use them. If few items share a code, each level is
   * fitted to what several of the best prefixes of every ID leave over (as faiss's ResidualQuantizer does). Otherwise by least squares with the
   * codes that the search finds (Babenko and Lempitsky 2014). If false, they are fitted level by level, each to the residuals of the
   * nearest codes before it. Default: false.
   */
  codebookRefine: {
    kind: "flag",
    default: false,
    excludes: (of) => {
      if (!of("codebookRefine")) return undefined;
      const other = isHopwise(of) ? valued("compat", "hopwise") : of("codebookSimVq") && option("codebookSimVq");
      return other
        ? worded`${option("codebookRefine")} sets each code by itself and cannot be combined with ${other}${{ hint: "leave one of them out" }}`
        : undefined;
    },
  },
  /** Weight beta of the commitment loss (van den Oord et al. 2017). Default: 0.25. */
  commitmentWeight: { kind: "number", default: 0.25, min: 0 },
  /** Weight of the codebook loss ||sg(r) - q||^2. Default: 1. */
  codebookWeight: { kind: "number", default: 1, min: 0 },
  /** Weight of the reconstruction loss. Default: 1. */
  reconstructionWeight: { kind: "number", default: 1, min: 0 },
  /** Reconstruction loss of an item: squared distance, or 1 - cosine, of the scaled input. Default: "mse". */
  reconstruction: { kind: "choice", default: "mse", choices: ["mse", "cosine"] },
  /** Activation of the hidden layers. Default: "silu". */
  activation: { kind: "choice", default: "silu", choices: ["silu", "relu"] },
  /** Layer normalisation (Ba et al. 2016) after every hidden Linear, before its activation. Default: false. */
  layerNorm: { kind: "flag", default: false },
  /**
   * Shift and scale of the input, learned on the training set and undone by `decode`.
   * - "center": subtracts the mean.
   * - "commonScale" (default): also divides by one number, so that distances keep their ratios.
   * - "perDimension": divides each dimension by its standard deviation.
   * - "l2": scales every row to unit length first; `decode` gives the typical length.
   */
  inputScaling: {
    kind: "choice",
    default: "commonScale",
    instead: noneOfHopwise,
    choices: ["none", "center", "commonScale", "perDimension", "l2"],
  },
  /** Standard deviation of the noise added to the encoder's input in training, in units of the scaled input. Default: 0. */
  inputNoise: { kind: "number", default: 0, min: 0 },
  /**
   * A linear path next to encoder and decoder: "pca" starts it at the principal directions, "identity" (with `latentDim` = `inputDim`) at
   * the identity. With empty `hiddenDims` it is the whole network, and the untrained model is residual k-means. Default: "pca".
   */
  linearSkip: {
    kind: "choice",
    default: "pca",
    instead: noneOfHopwise,
    choices: ["none", "pca", "identity"],
    excludes: (of) =>
      of("linearSkip") === "identity" && of("latentDim") !== of("inputDim")
        ? worded`${valued("linearSkip", "identity")} needs ${option("latentDim")} to be ${{ api: "inputDim", cli: "the items' dimension" }} (${of("inputDim")}), received ${of("latentDim")}${{ hint: worded`use ${{ api: '"pca"', cli: "--linear-skip pca" }} for a narrower latent space` }}`
        : undefined,
  },
  /**
   * Which loss reaches the codebooks: "joint" adds the reconstruction loss. Default: "joint"; with `codebookUpdate: "ema"`, "quantization".
   */
  codebookGradient: {
    kind: "choice",
    default: "joint",
    instead: (of) => (isHopwise(of) || of("codebookUpdate") === "ema" ? "quantization" : undefined),
    choices: ["quantization", "joint"],
  },
  /**
   * What moves the codebooks: the optimiser, or exponential moving averages of the residuals assigned to each code (van den Oord
   * et al. 2017, A.1, with Laplace smoothing). Default: "gradient".
   */
  codebookUpdate: {
    kind: "choice",
    default: "gradient",
    choices: ["gradient", "ema"],
    excludes: (of) => {
      if (of("codebookUpdate") !== "ema") return undefined;
      if (of("codebookGradient") !== "quantization") {
        return worded`${valued("codebookUpdate", "ema")} moves the codebooks without gradients and cannot take ${valued("codebookGradient", "joint")}${{ hint: "leave one of them out" }}`;
      }
      return of("codebookSimVq")
        ? worded`${valued("codebookUpdate", "ema")} and ${option("codebookSimVq")} exclude each other: averages move the codes, SimVQ only their projection`
        : undefined;
    },
  },
  /** Decay of the averages per step. Default: 0.99. */
  emaDecay: { kind: "number", default: 0.99, min: 0, max: BELOW_ONE },
  /**
   * How the gradient passes the quantiser: straight through (Bengio et al. 2013), or by the rotation trick (Fifty et al. 2024).
   * Default: "straightThrough".
   */
  gradientEstimator: { kind: "choice", default: "straightThrough", choices: ["straightThrough", "rotation"] },
  /**
   * Codebook = embedding times a learned square matrix (SimVQ, Zhu et al. 2024): the embedding is fixed and the matrix learns (with
   * `compat: "hopwise"`, where it is the default, both learn). Default: false.
   */
  codebookSimVq: { kind: "flag", default: false, instead: isHopwise },
  /**
   * Balances the assignment of each batch to the codes in training, by Sinkhorn's algorithm (LC-Rec, Zheng et al. 2024, uses 0.003 at its
   * last level): one number, or one per level; 0 takes the nearest code. Encoding always takes the nearest. Default: 0.
   */
  sinkhornEpsilon: { kind: "numberPerLevel", default: 0, min: 0 },
  /** Rounds of Sinkhorn's algorithm. Default: 50. */
  sinkhornIterations: { kind: "integer", default: 50, min: 1, max: 10_000 },
  /**
   * Width of the beam search over the levels that finds an item's ID, in training and encoding. It takes the codes with the least total
   * error instead of the nearest one at each level (Babenko and Lempitsky 2014 search additive codes this way). Part of the model, since it
   * changes IDs. Default: 1 (greedy).
   */
  encodeBeam: { kind: "integer", default: 1, min: 1, max: MAX_BEAM },
  /**
   * Weight w of the first code's own error in that search: an ID minimises ||z - z^||^2 + w ||z - q_1||^2 over what the beam finds. A beam
   * takes a farther first code if that helps later codes, so similar items share their first code less often. A weight of 1 recovers most
   * of that at little cost in reconstruction; a large weight makes each first code the nearest. Part of the model, like `encodeBeam`;
   * without effect if that is 1. Default: 0.
   */
  firstCodeWeight: { kind: "number", default: 0, min: 0, max: 1e6 },
  /** "hopwise" computes the functions of the Hopwise tutorial's program, for parity with it. Default: "none". */
  compat: {
    kind: "choice",
    default: "none",
    choices: ["none", "hopwise"],
    excludes: (of) => {
      const other = isHopwise(of) && Object.keys(HOPWISE).find((name) => of(name) !== HOPWISE[name]);
      return other
        ? worded`${valued("compat", "hopwise")} needs ${valued(other, HOPWISE[other]!)}, received ${JSON.stringify(of(other))}${{ hint: "leave it out" }}`
        : undefined;
    },
  },
  /** Seed of weights, k-means, shuffles and noise: an integer from 0 to 2^53 - 1. Default: 0. */
  seed: { kind: "integer", default: 0, min: 0, max: Number.MAX_SAFE_INTEGER },
} as const satisfies Table;

/** Options of training that are values, see `TrainOptions`; those marked so are an optimiser's, see `OptimizerOptions`. */
export const TRAIN = {
  /** Passes over the items. Default: 100. */
  epochs: { kind: "integer", default: 100, min: 1, max: MAX_EPOCHS },
  /** Items per optimiser step; the last batch of an epoch may be smaller. Default: 1,024. */
  batchSize: { kind: "integer", default: 1024, min: 1, max: MAX_SIZE },
  /** The rule that moves the weights, with PyTorch's definitions. Default: "adam". */
  optimizer: { kind: "choice", default: "adam", choices: ["adam", "adamw", "adagrad", "sgd"], isOptimizers: true },
  /** Default: 1e-3. */
  learningRate: { kind: "number", default: 1e-3, min: 0, isOpen: true, isOptimizers: true },
  /** The encoder's learning rate is `learningRate` times this. Default: 1. */
  encoderLearningRateScale: { kind: "number", default: 1, min: 0, isOptimizers: true },
  /** The decoder's learning rate is `learningRate` times this. Default: 1. */
  decoderLearningRateScale: { kind: "number", default: 1, min: 0, isOptimizers: true },
  /** The codebooks' learning rate is `learningRate` times this. Default: 1. */
  codebookLearningRateScale: { kind: "number", default: 1, min: 0, isOptimizers: true },
  /**
   * Largest global norm of the gradients; larger ones are scaled down to it (as torch's `clip_grad_norm_` does). 0 means no limit. Default:
   * 0.
   */
  gradientClip: { kind: "number", default: 0, min: 0, isOptimizers: true },
  /**
   * L2 penalty in the gradient, decoupled for "adamw". Applies to the MLPs' weights only, not to biases, codebooks or the skip path.
   * Default: 0.
   */
  weightDecay: { kind: "number", default: 0, min: 0, isOptimizers: true },
  /** Decay of the average gradient, for "adam" and "adamw". Default: 0.9. */
  beta1: { kind: "number", default: 0.9, min: 0, max: BELOW_ONE, isOptimizers: true },
  /** Decay of the average squared gradient, for "adam" and "adamw". Default: 0.999. */
  beta2: { kind: "number", default: 0.999, min: 0, max: BELOW_ONE, isOptimizers: true },
  /** Added to the divisor, for "adam", "adamw" and "adagrad". Default: 1e-8, for "adagrad" 1e-10. */
  epsilon: {
    kind: "number",
    default: 1e-8,
    instead: (of) => (of("optimizer") === "adagrad" ? 1e-10 : undefined),
    min: 0,
    isOpen: true,
    isOptimizers: true,
  },
  /** Momentum of "sgd". Default: 0. */
  momentum: { kind: "number", default: 0, min: 0, max: 1, isOptimizers: true },
  /** Course of the learning rate over all steps, down to zero for "cosine" and "linear". Default: "constant". */
  schedule: { kind: "choice", default: "constant", choices: ["constant", "cosine", "linear"] },
  /** Share of all steps in which the learning rate rises from zero. Default: 0. */
  warmup: { kind: "number", default: 0, min: 0, max: 1 },
  /** Epochs between evaluations of the IDs of all items; the first and the last are always evaluated. Default: epochs / 50, at least 1. */
  evaluateEvery: {
    kind: "integer",
    default: 2,
    instead: (of) => Math.max(1, Math.floor(of<number>("epochs") / 50)),
    min: 1,
    max: MAX_EPOCHS,
  },
  /**
   * Share of the items, from 0 to 0.5, to hold out of training: the loss on them shows which epoch was best. A hash of the seed and the row
   * chooses them. Default: 0.
   */
  validationShare: { kind: "number", default: 0, min: 0, max: 0.5 },
  /**
   * Share of the epochs, above 0 to 1, for which the validation items are held out. If the loss on them is then lower than at the start,
   * they train too from then on, and "loss" keeps the last epoch. If only an earlier epoch was better, training ends, and that epoch is
   * kept. If too little was gained and it no longer improves (less than 1%, or 3% where it was lost again), the start is restored, its
   * k-means codebooks are fitted again to all items, and training ends. Default: 1, to the end.
   */
  validationUntil: { kind: "number", default: 1, min: 0, max: 1, isOpen: true },
  /**
   * Which weights the model keeps. The "last"; those of the evaluated epoch with the lowest "loss" (reconstruction of the validation items,
   * the start before the first epoch included; without validation items, training loss); or those with the fewest ID collisions over all
   * items. Both best epochs stay available, see `RQVAE.select`. Once the validation items train too (`validationUntil`), only epochs since
   * then count. Default: "loss" with validation items, else "last".
   */
  select: {
    kind: "choice",
    default: "last",
    instead: (of) => (of<number>("validationShare") > 0 ? "loss" : undefined),
    choices: ["last", "loss", "collision"],
  },
  /**
   * Stop after this many evaluations without a better one by `select`; 0 means never. If there are validation items, only while they are
   * held out. Default: 0.
   */
  patience: {
    kind: "integer",
    default: 0,
    min: 0,
    max: MAX_EPOCHS,
    excludes: (of) =>
      of<number>("patience") > 0 && of("select") === "last"
        ? worded`${option("patience")} stops training without improvement, but ${valued("select", "last")} does not measure improvement${{ hint: worded`set ${option("validationShare")}, or ${valued("select", "loss")} or ${{ api: '"collision"', cli: "--select collision" }}` }}`
        : undefined,
  },
  /**
   * After each epoch of the first 80%, move codes that no item chose to the worst-quantised residuals. Refused together with
   * `sinkhornEpsilon` unless written as "withSinkhorn". Default: false.
   */
  deadCodeRestart: {
    kind: "flag",
    default: false,
    also: "withSinkhorn",
    excludes: (of, given) => {
      if (!of("deadCodeRestart")) return undefined;
      if (of("codebookSimVq")) {
        return worded`${option("deadCodeRestart")} cannot set a code of a SimVQ codebook, which only its projection moves${{ hint: "leave one of them out" }}`;
      }
      return given === true && of<readonly number[]>("sinkhornEpsilon").some((epsilon) => epsilon > 0)
        ? worded`${option("deadCodeRestart")} and ${option("sinkhornEpsilon")} both fill unused codes and work against each other${{ hint: worded`leave one of them out, or write ${option("deadCodeRestart", "withSinkhorn")} if you mean it` }}`
        : undefined;
    },
  },
  /**
   * Noise on the encoder's input, with the directions and sizes of the IDs' errors: each row gets the residual x - decode(encode(x)) that a
   * random training item had before the first epoch, with a random sign, times this. Unlike `inputNoise` it suits both tight and wide
   * clusters. Default: 0.
   */
  residualNoise: { kind: "number", default: 0, min: 0 },
  /**
   * Weight of a loss that separates items that share an ID. After each evaluation, all but one of them are pulled towards the nearest free
   * ID, w [||z - q_free||^2 - ||z - q_shared||^2 + m e]_+ with e the mean quantisation error, until they are there. Needs evaluations every
   * few epochs (`evaluateEvery`). Default: 0.
   */
  separationWeight: { kind: "number", default: 0, min: 0 },
  /** The margin m of the separation loss. Default: 0.05. */
  separationMargin: { kind: "number", default: 0.05, min: 0 },
  /**
   * How firmly known items keep the IDs that they hold when an initialised model is trained further: those of `published`, or those that the
   * model gives at the start. In a step, an item keeps its ID unless (1 - stability) times its error is above that of another. 0 lets go of
   * it, 1 never does. Default: 0; `fit` with `from` has 0.75.
   */
  stability: { kind: "number", default: 0, min: 0, max: 1 },
  /**
   * How often an epoch has an item that is not in `published`, while others hold their IDs (`stability`). It takes the places of others, at most
   * every second one. Default: 1; `fit` with `from` has 2 or 4 for items of a new kind.
   */
  newItemRepeats: { kind: "integer", default: 1, min: 1, max: 1000 },
  /**
   * The share of the items in `published` that may lose their IDs, so that others get first codes. Before the first step, the codes that the
   * fewest items have become centres of the others' latents: as many as these are of all items. Default: 0; `fit` with `from` has a
   * quarter of the new items' share if they are of a new kind.
   */
  freedShare: { kind: "number", default: 0, min: 0, max: 1 },
} as const satisfies Readonly<Record<string, Row & { isOptimizers?: true }>>;

/** What an option accepts. */
type GivenValue<R> = R extends { kind: "flag"; also: infer Word }
  ? boolean | Word
  : R extends { kind: "flag" }
    ? boolean
    : R extends { choices: readonly (infer Choice)[] }
      ? Choice
      : R extends { kind: "integers" }
        ? readonly number[]
        : R extends { kind: "integerPerLevel" | "numberPerLevel" }
          ? number | readonly number[]
          : number;

/** What an option is in a configuration. */
type ResolvedValue<R> = R extends { kind: "flag" }
  ? boolean
  : R extends { kind: "integerPerLevel" | "numberPerLevel" }
    ? readonly number[]
    : GivenValue<R>;

/** The options of a table, each of which may be left out. Editors show the comments above the rows. */
export type Given<T> = { -readonly [Name in keyof T]?: GivenValue<T[Name]> };
/** The same with all options filled in. */
export type Resolved<T> = { readonly [Name in keyof T]: ResolvedValue<T[Name]> };

/** The rows of TRAIN that are an optimiser's. */
export type OptimizerRows = Pick<
  typeof TRAIN,
  {
    [Name in keyof typeof TRAIN]: (typeof TRAIN)[Name] extends { isOptimizers: true } ? Name : never;
  }[keyof typeof TRAIN]
>;
