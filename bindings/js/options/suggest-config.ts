import { MAX_SIZE, OptionReader, requireThat } from "../base/option-reader.ts";
import type { Recipe, Spectrum, TrainOptions } from "../types.ts";

/** What `suggestConfig` depends on. */
export interface CatalogueShape {
  /** Number of items. */
  n: number;
  /** Dimension of their embeddings. */
  inputDim: number;
  /** Length of an ID. Default: 3. */
  nQuantizationLayers?: number;
  /** Codes per level, if you want to set them. */
  codebookSize?: number | readonly number[];
  seed?: number;
  /** With "hopwise" only the sizes are suggested; the rest stays as in the reference program. */
  compat?: "none" | "hopwise";
  /** The result of `measureSpectrum`. With it the latent width follows the data, as in `RQVAE.fit`. */
  spectrum?: Spectrum;
}

/**
 * Model and training options for a catalogue of n items: residual k-means, which training then improves.
 *
 * The untrained model is residual k-means in a PCA space. What improves it: a linear path with a zero-initialised MLP next to it, the
 * reconstruction's gradient into the codebooks, a higher learning rate for the codebooks, a fivefold weight on the reconstruction, and beam
 * search in training. The following depends on the catalogue:
 *
 * - K, codes per level: the power of two nearest to 2 sqrt(n), from 8 to 256, so that levels two and three are not starved.
 * - Latent width: with a `spectrum`, as many principal directions (in steps of 8) as hold nearly everything that codes explain of held-out
 *   items. That is few if codes would only fit the noise of the items that they see, all of them if the spectrum is flat and the catalogue
 *   clustered. Without one, by q = items per dimension, 12 sqrt(q) in steps of 8, from 24 to 64.
 * - Hidden width 256 below q = 8, else 512; 40 epochs (25 below q = 8), fewer if that would train more than 180,000 items in all, but at
 *   least 10.
 * - Pace: many items per code bear larger steps, which save up to 3/8 of the epochs (`paceOf`). Below q = 8, from 24 items per code on, batches
 *   have half the size. Else it takes 8,192 items, 32 items per code, and more than 10 epochs. The learning rate is then 0.6 / dimension, at most
 *   6e-3, and held-out items decide after 85% of the epochs, when it is low again.
 * - Noise: what the untrained IDs leave over of other items (`residualNoise`), times 1.2 (1 + 7 K / n) q^(-1/8), limited to 0.55 to 1.25.
 *   It is strong if there is little data to learn from or few items share a code, since their residuals are smaller than those of items to
 *   come. It is never wider than the clusters.
 * - Separation: items that share an ID are pulled apart (`separationWeight`) with a tenth of the number of IDs per item as weight, from 2
 *   to 10, times 1.6 at the faster pace. If IDs are scarce, more would cost explained variance and first codes. A beam of 8 finds the IDs.
 * - Validation: a tenth of the items, at most 300, for the first 60% of the epochs. If training has not helped them by then, the start is
 *   kept; otherwise they join the training, so that holding them out costs nothing. Below 20 items there are none, and training hardly
 *   changes the model (learning rate 1e-5 instead of 2e-3).
 * - Codebooks: they are fitted with the search that will use them (`codebookRefine`), and the first code counts twice in that search
 *   (`firstCodeWeight`), so that similar items share it as often as after greedy residual k-means.
 *
 * Measured by `npm run bench:quality`. Uses only + - * / and square roots, so that every host gets the same options.
 */
export function suggestConfig(shape: CatalogueShape): Recipe {
  const read = new OptionReader(shape, "suggestConfig");
  const { nQuantizationLayers, codebookSize, seed, compat } = shape;
  for (const name of ["seed", "compat"]) read.get(name); // checked where the model is created
  const n = read.integer("n", undefined, 1, Number.MAX_SAFE_INTEGER);
  const inputDim = read.integer("inputDim", undefined, 1, Number.MAX_SAFE_INTEGER);
  if (typeof codebookSize === "object") read.integers("codebookSize", [], 1, MAX_SIZE);
  else read.integer("codebookSize", 1, 1, MAX_SIZE);
  read.integer("nQuantizationLayers", 1, 1, MAX_SIZE);
  const spectrum = read.get("spectrum") as Spectrum | undefined;
  requireThat(
    spectrum === undefined || Array.isArray(spectrum?.variance),
    "spectrum",
    "the awaited result of measureSpectrum",
    spectrum,
    "suggestConfig",
  );
  if (spectrum?.latentDim !== undefined) {
    new OptionReader(spectrum, "suggestConfig: spectrum").integer("latentDim", undefined, 1, inputDim);
  }
  read.refuseUnknown();
  let codes = 8; // 2 sqrt(n) lies above codes * sqrt(2) <=> codes^2 / 2 < n; in whole numbers only, so that it is the same on every host
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
  const train = steadyTraining({ n, inputDim, codebookSize: model.codebookSize, nQuantizationLayers });
  return {
    model: {
      ...model,
      latentDim: spectrum?.latentDim ?? Math.min(inputDim, clamp(8 * Math.round(1.5 * Math.sqrt(q)), 24, 64)),
      hiddenDims: [q < 8 ? 256 : 512],
      reconstructionWeight: 5,
      encodeBeam: 8,
      firstCodeWeight: 1,
      codebookRefine: true,
    },
    train: { ...train, ...paceOf(n, inputDim, meanCodes(model.codebookSize), train) },
    ...(spectrum?.reason && { reasons: [spectrum.reason] }),
  };
}

type Steady = ReturnType<typeof steadyTraining>;

/** Training options at the pace that suits every catalogue, and a training that continues. */
export function steadyTraining({ n, inputDim, codebookSize, nQuantizationLayers }: SteadyShape) {
  const q = n / inputDim;
  const k = meanCodes(codebookSize);
  const ids = idsOf(codebookSize, nQuantizationLayers);
  const epochs = clamp(Math.round(MANY_ITEMS / n), LEAST_EPOCHS, q < 8 ? 25 : 40);
  return {
    epochs,
    batchSize: n < 2048 ? 128 : n < 8192 ? 256 : n < 16384 ? 384 : 512,
    optimizer: "adamw",
    learningRate: n < FEW_ITEMS ? 1e-5 : STEADY_RATE,
    codebookLearningRateScale: 10,
    schedule: "cosine",
    warmup: 0.05,
    residualNoise: clamp(Math.round((120 * (1 + (7 * k) / n)) / Math.sqrt(Math.sqrt(Math.sqrt(q)))) / 100, 0.55, 1.25),
    separationWeight: clamp(Math.round(ids / (10 * n)), 2, 10),
    evaluateEvery: Math.max(1, Math.round(epochs / 12)),
    validationShare: n < FEW_ITEMS ? 0 : Math.min(0.1, 300 / n),
    validationUntil: 0.6,
  } satisfies TrainOptions;
}

interface SteadyShape {
  n: number;
  inputDim: number;
  codebookSize: number | readonly number[];
  nQuantizationLayers?: number | undefined;
}

/**
 * What differs where larger steps save epochs. A layer takes smaller steps the more inputs it has. With few items per code, the held-out items
 * are worse off at high rates, and items that share an ID need the time to part.
 */
function paceOf(n: number, inputDim: number, k: number, train: Steady): Partial<TrainOptions> {
  const { epochs, batchSize, separationWeight } = train;
  const isWide = n < 8 * inputDim;
  if (isWide) {
    if (n < 24 * k) return {};
    const fewer = Math.max(LEAST_EPOCHS, Math.round(0.64 * epochs));
    return {
      epochs: fewer,
      batchSize: batchSize / 2,
      codebookLearningRateScale: 15,
      evaluateEvery: Math.max(1, Math.floor(fewer / 8)),
    };
  }
  const learningRate = Math.min(Math.round(6000 / inputDim) / 10_000, 3 * STEADY_RATE);
  if (n < 8192 || n < 32 * k || epochs === LEAST_EPOCHS || learningRate <= STEADY_RATE) return {};
  const fewer = Math.round((0.4375 + (0.5625 * STEADY_RATE) / learningRate) * epochs);
  return {
    epochs: fewer,
    learningRate,
    codebookLearningRateScale: 12,
    warmup: 0.2,
    separationWeight: (8 * separationWeight) / 5,
    evaluateEvery: Math.max(1, Math.round(fewer / 6)),
    validationUntil: 0.85,
  };
}

/** The learning rate of the network where nothing allows more. */
const STEADY_RATE = 2e-3;

/** Too few items to hold any out. K-means alone gives almost every item its own code, so training could only make things worse. */
const FEW_ITEMS = 20;

/** Items trained in total (items times epochs) for a large catalogue, but at least so many epochs. */
const MANY_ITEMS = 180_000;
const LEAST_EPOCHS = 10;

// Anything but a number or an array is refused where the model is created.
const meanCodes = (sizes: number | readonly number[]): number =>
  Array.isArray(sizes) ? sizes.reduce((sum, size) => sum + size, 0) / sizes.length : (sizes as number);

// The number of IDs, with three levels by default; more than enough count as all.
function idsOf(sizes: number | readonly number[], levels = 3): number {
  let ids = 1;
  for (let level = 0; level < (Array.isArray(sizes) ? sizes.length : levels) && ids < ENOUGH; level++) {
    ids *= Array.isArray(sizes) ? sizes[level]! : (sizes as number);
  }
  return ids;
}

const ENOUGH = 2 ** 50;

const clamp = (x: number, low: number, high: number) => Math.min(Math.max(x, low), high);
