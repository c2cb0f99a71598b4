// The items of the part "fit", and the field's recipe for them.
import { loadCatalogue } from "../quality/datasets.mjs";
import { pickRows, splitRows } from "../quality/split.mjs";
import { clustered } from "./inputs.mjs";

/** Clustered items and their dimensions, or a catalogue of the bench of quality, a fifth of it unseen. @type {Record<string, [number, number] | string>} */
export const SHAPES = { "12k": [12_101, 64], s3rec: "s3rec", "20k": [20_000, 768], "100k": [100_000, 384] };

/**
 * The items to fit and those to judge by; undefined where the catalogue is not at hand.
 * @param {string} name of SHAPES
 */
export function loadShape(name) {
  const shape = SHAPES[name];
  if (typeof shape === "string") {
    const catalogue = loadCatalogue(shape);
    if (!catalogue) return undefined;
    const { seen, unseen } = splitRows(catalogue.items.rows, 0);
    return { items: pickRows(catalogue.items, seen), unseen: pickRows(catalogue.items, unseen) };
  }
  const [rows, dim] = shape;
  const { data, rows: all } = clustered(Math.ceil(rows * 1.1), dim);
  return {
    items: { data: data.subarray(0, rows * dim), rows, dim },
    unseen: { data: data.subarray(rows * dim), rows: all - rows, dim },
  };
}

/**
 * The recipe that the field's tutorials and programs have in common: a ReLU MLP to 32 dimensions, k-means initialisation, the
 * straight-through estimator, the nearest code. Scaled items, since it stays far behind without.
 * @param {number} inputDim
 * @param {readonly number[]} codebookSize
 */
export const fieldModel = (inputDim, codebookSize) => ({
  ...{ inputDim, codebookSize: [...codebookSize] },
  ...{ latentDim: 32, hiddenDims: [512, 256, 128], activation: /** @type {const} */ ("relu") },
  ...{ linearSkip: /** @type {const} */ ("none"), codebookGradient: /** @type {const} */ ("quantization") },
  commitmentWeight: 0.25,
});

/** As many epochs as see 360,000 items, twice what `fit` trains on at the most. @type {(rows: number) => import("rqvae").TrainOptions & { epochs: number }} */
export const FIELD_TRAIN = (rows) => ({
  epochs: Math.ceil(360_000 / rows),
  batchSize: 1024,
  optimizer: "adam",
  learningRate: 1e-3,
});
