// This build beside another one, in pairs within one process: what a change to the core cost or won.
//
//   node bench/paired.mjs OTHER/dist                 every part, 9 rounds
//   node bench/paired.mjs OTHER/dist --rounds 21 --only train
//
// Processor time on one thread. A ratio above 1 says that this build takes longer; the median of the rounds' ratios counts.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { uniform } from "./quality/hash.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "9" }, only: { type: "string" } },
});
if (positionals.length !== 1) {
  console.error("usage: node bench/paired.mjs OTHER/dist [--rounds N] [--only PART]");
  process.exit(2);
}

const ROWS = 20_000;
const DIM = 128;

/** Clusters, so that k-means and codes have something to find. */
function makeItems() {
  const data = new Float32Array(ROWS * DIM);
  for (let i = 0; i < ROWS; i++) {
    for (let j = 0; j < DIM; j++) {
      data[i * DIM + j] = uniform(1, i % 97, j) + 0.3 * uniform(2, i, j);
    }
  }
  return { data, rows: ROWS, dim: DIM };
}

const items = makeItems();
const few = { data: items.data.subarray(0, 4096 * DIM), rows: 4096, dim: DIM };
const SHAPE = { inputDim: DIM, hiddenDims: [256, 128], latentDim: 32, codebookSize: 256, seed: 1 };

/** A model whose codebooks are fitted. */
async function fitted({ RQVAE }, more = {}) {
  const model = await RQVAE.create({ ...SHAPE, ...more });
  await model.kmeansInitCodebooks(items);
  return model;
}

/** What each part measures: `prepare` gives a function that does one round. */
const PARTS = {
  train: async (library) => {
    const model = await fitted(library);
    return () => model.train(few, { epochs: 2, batchSize: 1024, evaluateEvery: 2 });
  },
  "train, all terms": async (library) => {
    const model = await fitted(library, { inputNoise: 0.1, layerNorm: true });
    const terms = { residualNoise: 0.3, separationWeight: 0.1, deadCodeRestart: true, validationShare: 0.1 };
    return () => model.train(few, { epochs: 2, batchSize: 1024, ...terms });
  },
  "own steps of 256": async (library) => {
    const model = await fitted(library);
    const optimizer = model.createOptimizer();
    const batch = { data: items.data.subarray(0, 256 * DIM), rows: 256, dim: DIM };
    return () => {
      for (let i = 0; i < 24; i++) model.trainStep(batch, optimizer);
    };
  },
  initialise: async ({ RQVAE }) => {
    const model = await RQVAE.create(SHAPE);
    return () => model.kmeansInitCodebooks(few);
  },
  fit: async ({ RQVAE }) => {
    return async () => (await RQVAE.fit(few, { seed: 0 })).dispose();
  },
  encode: async (library) => {
    const model = await fitted(library);
    return () => model.encode(items);
  },
  "encode, beam 8": async (library) => {
    const model = await fitted(library, { encodeBeam: 8 });
    return () => model.encode(few);
  },
  forward: async (library) => {
    const model = await fitted(library);
    return () => model.forward(few);
  },
};

/** Milliseconds of processor time. */
async function timed(round) {
  const before = process.cpuUsage();
  await round();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const load = async (dist) => {
  const library = await import(pathToFileURL(resolve(dist, "index.js")).href);
  await library.initialize({ threads: 1 });
  return library;
};
const ours = await load(new URL("../dist", import.meta.url).pathname);
const theirs = await load(positionals[0]);
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

for (const [name, prepare] of Object.entries(PARTS)) {
  if (values.only && values.only !== name) continue;
  const rounds = [await prepare(ours), await prepare(theirs)];
  for (const round of rounds) await round(); // compiled and warm
  const ratios = [];
  const times = [[], []];
  for (let i = 0; i < Number(values.rounds); i++) {
    const order = i % 2 === 0 ? [0, 1] : [1, 0];
    for (const which of order) times[which].push(await timed(rounds[which]));
    ratios.push(times[0].at(-1) / times[1].at(-1));
  }
  const [here, there] = times.map((list) => `${median(list).toFixed(1)} ms`);
  console.log(
    `${name}: ${median(ratios).toFixed(3)} (here ${here}, there ${there}; ${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)})`,
  );
}
