// What every contender gets: the same items and the same weights, as files that any language reads.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RQVAE } from "rqvae";
import { ROOT } from "../../tools/setup.mjs";
import { draw, hash, uniform } from "../quality/hash.mjs";

export const FOLDER = join(ROOT, "build/bench");

/** The reference shape. */
export const SHAPE = {
  inputDim: 768,
  hiddenDims: [256, 128],
  latentDim: 64,
  codebookSize: 256,
  nQuantizationLayers: 3,
};
/** As the reference program has it, without what this library adds. */
const PLAIN = { linearSkip: "none", inputScaling: "none", codebookGradient: "quantization" };
/** With what this library adds. */
const DEFAULT = { inputNoise: 0.3 };
export const ROWS = 10_240;

/** Multiply-adds of the products of the encoder (the decoder has as many) and of the search for codes, for one item. */
const widths = [SHAPE.inputDim, ...SHAPE.hiddenDims, SHAPE.latentDim];
const network = widths.slice(1).reduce((sum, width, i) => sum + width * widths[i], 0);
const search = SHAPE.nQuantizationLayers * SHAPE.codebookSize * SHAPE.latentDim;
/**
 * Floating-point operations of the plain shape for one item. Training has three products a weight matrix (forward, gradient of the
 * input, gradient of the weights), but no gradient of the items themselves.
 */
export const FLOPS = {
  encode: 2 * (network + search),
  train: 2 * (3 * 2 * network - widths[0] * widths[1] + search),
};

/**
 * `rows` vectors about centres: structure that k-means finds.
 * @param {number} rows
 * @param {number} dim
 */
export function clustered(rows, dim) {
  const CENTRES = 500;
  const data = new Float32Array(rows * dim);
  const [centres, noise, choice] = [hash(1, dim), hash(2, dim), hash(3, dim)];
  for (let i = 0; i < rows; i++) {
    const centre = draw(choice, i) % CENTRES;
    for (let j = 0; j < dim; j++) {
      data[i * dim + j] = 2 * uniform(centres, centre * dim + j) - 1 + (uniform(noise, i * dim + j) - 0.5);
    }
  }
  return { data, rows, dim };
}

/**
 * @typedef {{ path: string, dim: number }} RowsFile float32, row-major
 * @param {string} name
 * @param {{ data: Float32Array, dim: number }} items
 * @returns {RowsFile}
 */
export function writeRows(name, { data, dim }) {
  mkdirSync(FOLDER, { recursive: true });
  const path = join(FOLDER, `${name}.f32`);
  writeFileSync(path, data);
  return { path, dim };
}

/**
 * Items and models of the reference shape. The plain model is trained a little, so that its IDs mean something.
 * @returns {Promise<{ items: RowsFile, models: Record<"plain" | "default", string> }>}
 */
export async function makeInputs() {
  const items = clustered(ROWS, SHAPE.inputDim);
  const file = writeRows("items", items);
  /** @type {Record<string, string>} */
  const models = {};
  for (const [name, options] of Object.entries({ plain: PLAIN, default: DEFAULT })) {
    const model = await RQVAE.create(/** @type {import("rqvae").ModelOptions} */ ({ ...SHAPE, ...options }));
    await model.train(items, { epochs: 1 });
    models[name] = join(FOLDER, `${name}.safetensors`);
    writeFileSync(models[name], model.save());
    model.dispose();
  }
  return { items: file, models: /** @type {any} */ (models) };
}

/** A small model's file, for what should not depend on how long a file is read. */
export async function makeSmallModel() {
  mkdirSync(FOLDER, { recursive: true });
  const path = join(FOLDER, "small.safetensors");
  const items = clustered(512, 32);
  const model = await RQVAE.create({ inputDim: 32, latentDim: 16, hiddenDims: [32], codebookSize: 16 });
  await model.kmeansInitCodebooks(items);
  writeFileSync(path, model.save({ part: "encoder" }));
  model.dispose();
  return path;
}
