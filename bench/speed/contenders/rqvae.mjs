// This library as a contender.
import { readFileSync } from "node:fs";
import { InvalidInputError, initialize, RQVAE, suggestConfig } from "rqvae";
import { readRows, serve, stepping } from "./serve.mjs";

/** @type {Uint8Array} */
let bytes;
/** @type {RQVAE} */
let model;

/** @type {import("./serve.mjs").Matrix} */
let items;
/** The model and the options that `fit` chooses for the items, initialised. @type {{ model: RQVAE, train: object } | undefined} */
let chosen;

/** Items a second of one epoch as `fit` trains, evaluation included. */
async function fitRate() {
  if (chosen === undefined) {
    const { model, train } = suggestConfig({ n: items.rows, inputDim: items.dim });
    chosen = { model: await RQVAE.create(model), train };
    await chosen.model.kmeansInitCodebooks(items);
  }
  const started = performance.now();
  await chosen.model.train(items, { ...chosen.train, epochs: 1 });
  return (1000 * items.rows) / (performance.now() - started);
}

/** K-means of the rows as they are, level by level; the model is the identity around it. */
async function residualKMeans({ rows: file, levels, codes, seed }) {
  const rows = readRows(file);
  const quantizer = await RQVAE.create({
    inputDim: rows.dim,
    latentDim: rows.dim,
    hiddenDims: [],
    linearSkip: "identity",
    inputScaling: "none",
    nQuantizationLayers: levels,
    codebookSize: codes,
    seed,
  });
  const started = performance.now();
  await quantizer.kmeansInitCodebooks(rows);
  const seconds = (performance.now() - started) / 1000;
  const restored = quantizer.reconstruct(rows);
  quantizer.dispose();
  return { seconds, inertia: rows.data.reduce((sum, x, i) => sum + (x - restored[i]) ** 2, 0) };
}

/** Asks for so many threads; false where this release has no such option. */
async function useThreads(/** @type {number} */ threads) {
  try {
    await initialize(/** @type {any} */ ({ threads }));
    return true;
  } catch (error) {
    if (error instanceof InvalidInputError) return false;
    throw error;
  }
}

serve({
  ...stepping({
    async load({ model: path, threads, items: rows }) {
      items = readRows(rows);
      const hasThreads = await useThreads(threads);
      bytes = readFileSync(path);
      model = await RQVAE.load(bytes);
      // The threads start with the first `train`.
      const small = await RQVAE.create({ inputDim: 8, codebookSize: 8 });
      await small.train(
        Float32Array.from({ length: 64 * 8 }, (_, i) => Math.cos(i)),
        { epochs: 1 },
      );
      small.dispose();
      return { hasThreads };
    },
    encode: (batch) => model.encode(batch).codes,
    encodeAsync: async (batch) => (await model.encodeAsync(batch)).codes,
    async trainer() {
      const trained = await RQVAE.load(bytes);
      const optimizer = trained.createOptimizer({ optimizer: "adam", learningRate: 1e-3 });
      return (batch) => trained.trainStep(batch, optimizer).loss;
    },
  }),
  fitRate,
  residualKMeans,
});
