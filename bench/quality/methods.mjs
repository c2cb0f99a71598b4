/** The ways of giving IDs that are compared: all see the same items, have the same codes a level and the same seed. faiss.mjs has more. */
import { residualKMeans as kmeans, RQVAE, SemanticIds } from "rqvae";
import { hash } from "./hash.mjs";

/**
 * @typedef {import("./measures.mjs").Matrix} Matrix
 * @typedef {{ codes: readonly number[], seed: number }} Shape Codes of each level.
 * @typedef {object} Fitted
 * @property {(items: Matrix) => SemanticIds} encode
 * @property {(ids: SemanticIds) => Float32Array} decode
 * @property {() => void} dispose
 * @property {{ seconds: number, cpuSeconds: number }} [cost] Of fitting, where another process did it.
 */

/** @type {(shape: Shape) => { nQuantizationLayers: number, codebookSize: number | number[], seed: number }} */
function modelShape({ codes, seed }) {
  const areEqual = codes.every((size) => size === codes[0]); // then as most people say it
  return { nQuantizationLayers: codes.length, codebookSize: areEqual ? codes[0] : [...codes], seed };
}

/**
 * The library as a newcomer uses it.
 * @param {Matrix} seen
 * @param {Shape} shape
 */
export function libraryDefault(seen, shape) {
  return RQVAE.fit(seen, modelShape(shape));
}

/**
 * What the default was before its first step: the same configuration, initialised and not trained.
 * @param {Matrix} seen
 * @param {RQVAE} trained
 */
export async function ownStart(seen, trained) {
  return initialized(seen, trained.config);
}

/**
 * The recipe that public programs have in common (TIGER's, LC-Rec's): a ReLU MLP to 32 dimensions, k-means initialisation, codebooks
 * trained by the quantisation loss alone, AdamW, dead codes restarted.
 * @param {Matrix} seen
 * @param {Shape} shape
 */
export async function fieldRecipe(seen, shape) {
  const model = await RQVAE.create({
    inputDim: seen.dim,
    latentDim: 32,
    hiddenDims: [256, 128],
    activation: "relu",
    linearSkip: "none",
    codebookGradient: "quantization",
    inputScaling: "commonScale",
    ...modelShape(shape),
  });
  await model.train(seen, {
    epochs: 60,
    batchSize: 256,
    optimizer: "adamw",
    learningRate: 1e-3,
    deadCodeRestart: true,
  });
  return model;
}

/**
 * Residual k-means in the first `latentDim` principal components, IDs by a beam of that width.
 * @param {Matrix} seen
 * @param {Shape} shape
 * @param {{ latentDim: number, beam: number }} options
 * @returns {Promise<Fitted>}
 */
export function residualKMeans(seen, shape, { latentDim, beam }) {
  return kmeans(seen, { ...modelShape(shape), latentDim, encodeBeam: beam });
}

/** @returns {Promise<RQVAE>} */
async function initialized(seen, options) {
  const model = await RQVAE.create(options);
  await model.kmeansInitCodebooks(seen);
  return model;
}

/**
 * Codes by a hash of the vector: equal vectors have equal IDs, and nothing else has a meaning. It stands for the mean of the seen
 * items.
 * @param {Matrix} seen
 * @param {Shape} shape
 * @returns {Fitted}
 */
export function randomHash(seen, { codes, seed }) {
  const mean = new Float64Array(seen.dim);
  for (let i = 0; i < seen.data.length; i++) mean[i % seen.dim] += seen.data[i] / seen.rows;
  const levels = codes.length;
  return {
    encode({ data, rows, dim }) {
      const bits = new Uint32Array(Float32Array.from(data).buffer);
      const flat = new Uint32Array(rows * levels);
      for (let i = 0; i < rows; i++) {
        const key = hash(seed, ...bits.subarray(i * dim, (i + 1) * dim));
        for (let l = 0; l < levels; l++) flat[i * levels + l] = hash(key, l) % codes[l];
      }
      return SemanticIds.from({ codes: flat, levels }, { codebookSizes: codes });
    },
    decode: ({ length }) => Float32Array.from({ length: length * seen.dim }, (_, i) => mean[i % seen.dim]),
    dispose() {},
  };
}
