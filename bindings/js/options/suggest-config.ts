import { MAX_SIZE, OptionReader } from "../base/option-reader.ts";
import type { Recipe } from "../types.ts";

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
 * Model and training options for a catalogue of n items: a residual k-means that training moves on from.
 *
 * The untrained model is residual k-means in a PCA space; a linear path with a zero-started MLP beside it, the reconstruction's gradient
 * into the codebooks, faster codebooks, a fivefold weight on the reconstruction and beam search in training make it better. What is
 * chosen by the catalogue:
 *
 * - K, codes per level: the power of two nearest to 2 sqrt(n), from 8 to 256, so that levels two and three are not starved.
 * - q = items per dimension tells how much the data can support: latent width 12 sqrt(q) in steps of 8, from 24 to 64; hidden width 256
 *   below q = 8, else 512; 40 epochs (25 below q = 8), fewer when that is more than 200,000 items trained in all, at least 10.
 * - Noise: what the untrained IDs leave over of other items (`residualNoise`), by a factor of 1.2 (1 + 7 K / n) q^(-1/8), from 0.55 to
 *   1.25: strong where there is little data to learn from and where few items share a code, for their residuals are smaller than those
 *   of items to come; and never wider than the clusters are.
 * - Items that share an ID are pulled apart (`separationWeight`), IDs are found by a beam of 8.
 * - Validation: a tenth of the items, at most 300, so that what is kept is never worse on unseen items than the start. Below 20 items
 *   there are none, and training hardly moves (rate 1e-5 instead of 2e-3).
 *
 * Measured by `npm run bench:quality`. Only + - * / and square roots: the same options on every host.
 */
export function suggestConfig(shape: CatalogueShape): Recipe {
  const read = new OptionReader(shape, "suggestConfig");
  const { nQuantizationLayers, codebookSize, seed, compat } = shape;
  for (const name of ["seed", "compat"]) read.get(name); // looked at where the model is created
  const n = read.integer("n", undefined, 1, Number.MAX_SAFE_INTEGER);
  const inputDim = read.integer("inputDim", undefined, 1, Number.MAX_SAFE_INTEGER);
  if (typeof codebookSize === "object") read.integers("codebookSize", [], 1, MAX_SIZE);
  else read.integer("codebookSize", 1, 1, MAX_SIZE);
  read.integer("nQuantizationLayers", 1, 1, MAX_SIZE);
  read.refuseUnknown();
  let codes = 8; // 2 sqrt(n) lies above codes * sqrt(2) <=> codes^2 / 2 < n; whole numbers only, the same on every host
  while (codes < 256 && codes * codes <= 2 * n) codes *= 2;
  const model = {
    inputDim,
    codebookSize: codebookSize ?? codes,
    ...(nQuantizationLayers === undefined ? {} : { nQuantizationLayers }),
    ...(seed === undefined ? {} : { seed }),
    ...(compat === undefined ? {} : { compat }),
  };
  if (compat === "hopwise") return { model, train: {} };
  const q = n / inputDim;
  const k = meanCodes(model.codebookSize);
  const epochs = clamp(Math.round(MANY_ITEMS / n), 10, q < 8 ? 25 : 40);
  return {
    model: {
      ...model,
      latentDim: Math.min(inputDim, clamp(8 * Math.round(1.5 * Math.sqrt(q)), 24, 64)),
      hiddenDims: [q < 8 ? 256 : 512],
      reconstructionWeight: 5,
      encodeBeam: 8,
    },
    train: {
      epochs,
      batchSize: n < 2048 ? 128 : n < 8192 ? 256 : n < 16384 ? 384 : 512,
      optimizer: "adamw",
      learningRate: n < FEW_ITEMS ? 1e-5 : 2e-3,
      codebookLearningRateScale: 10,
      schedule: "cosine",
      warmup: 0.05,
      residualNoise: clamp(
        Math.round((120 * (1 + (7 * k) / n)) / Math.sqrt(Math.sqrt(Math.sqrt(q)))) / 100,
        0.55,
        1.25,
      ),
      separationWeight: 30,
      evaluateEvery: Math.max(1, Math.round(epochs / 12)),
      validationShare: n < FEW_ITEMS ? 0 : Math.min(0.1, 300 / n),
    },
  };
}

/** Too few to hold any out, and k-means alone gives almost each a code of its own: there is nothing to gain, and much to lose. */
const FEW_ITEMS = 20;

/** Items trained in all (items times epochs) that a large catalogue gets. */
const MANY_ITEMS = 200_000;

// What is neither a number nor an array is refused where the model is created.
const meanCodes = (sizes: number | readonly number[]): number =>
  Array.isArray(sizes) ? sizes.reduce((sum, size) => sum + size, 0) / sizes.length : (sizes as number);

const clamp = (x: number, low: number, high: number) => Math.min(Math.max(x, low), high);
