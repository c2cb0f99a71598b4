import { checkOptionNames, show } from "./config.ts";
import { InvalidInputError } from "./errors.ts";
import type { ModelOptions, TrainOptions } from "./types.ts";

/** What `suggestConfig` goes by. */
export interface CatalogueShape {
  /** Number of items. */
  n: number;
  /** Dimension of their embeddings. */
  inputDim: number;
  /** Length of an ID, when it is given. Default: 3. */
  nQuantizationLayers?: number;
  /** Codes per level, when given. */
  codebookSize?: number | readonly number[];
  seed?: number;
  /** With "hopwise" only the sizes are suggested: the rest stays as the reference program has it. */
  compat?: "none" | "hopwise";
}

/**
 * Model and training options for a catalogue of n items.
 *
 * Codes per level follow n: the power of two nearest to 2 sqrt(n), from 8 to 256, so that levels two and three are not starved.
 * With at least 8 items a dimension there is enough data to train a wide encoder (latent 64, hidden 512, noise 0.3, faster
 * codebooks, reconstruction weighted 3); with fewer, a narrow one with strong noise and weight decay over-fits less.
 */
export function suggestConfig(shape: CatalogueShape): { model: ModelOptions; train: TrainOptions } {
  checkOptionNames(shape, "suggestConfig", ["n", "inputDim", "nQuantizationLayers", "codebookSize", "seed", "compat"]);
  const { n, inputDim, nQuantizationLayers, codebookSize, seed, compat } = shape;
  for (const [name, value] of [
    ["n", n],
    ["inputDim", inputDim],
  ] as const) {
    if (!Number.isInteger(value) || value < 1) {
      throw new InvalidInputError(
        `suggestConfig: ${name} must be a whole number of at least 1, received ${show(value)}`,
      );
    }
  }
  let codes = 8; // 2 sqrt(n) lies above codes * sqrt(2) <=> codes^2 / 2 < n; whole numbers only, the same on every host
  while (codes < 256 && codes * codes <= 2 * n) codes *= 2;
  const model: ModelOptions = {
    inputDim,
    codebookSize: codebookSize ?? codes,
    ...(nQuantizationLayers === undefined ? {} : { nQuantizationLayers }),
    ...(seed === undefined ? {} : { seed }),
    ...(compat === undefined ? {} : { compat }),
  };
  if (compat === "hopwise") return { model, train: {} };
  const schedule = { schedule: "cosine", warmup: 0.05 } as const;
  if (n >= 8 * inputDim) {
    return {
      model: {
        ...model,
        latentDim: Math.min(64, inputDim),
        hiddenDims: [512],
        inputNoise: 0.3,
        reconstructionWeight: 3,
      },
      train: { ...schedule, epochs: 100, batchSize: 512, learningRate: 1e-3, codebookLearningRateScale: 5 },
    };
  }
  return {
    model: { ...model, latentDim: Math.min(32, inputDim), hiddenDims: [64], inputNoise: 1 },
    train: {
      ...schedule,
      epochs: 100,
      batchSize: 256,
      learningRate: 3e-4,
      codebookLearningRateScale: 3,
      optimizer: "adamw",
      weightDecay: 0.5,
    },
  };
}

/** Suggested training options with those given on top. A weight decay was suggested for its optimiser and goes with it. */
export function overrideTraining(suggested: TrainOptions, given: TrainOptions): TrainOptions {
  const { weightDecay: _, ...rest } = suggested;
  const changed = given.optimizer !== undefined && given.optimizer !== suggested.optimizer;
  return { ...(changed ? rest : suggested), ...given };
}
