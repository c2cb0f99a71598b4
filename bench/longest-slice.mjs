// How long training holds the event loop up at most, phase by phase: what a page would freeze for. Not a test: it depends on the machine.
//   node bench/longest-slice.mjs [--rows 300000] [--dim 64] [--codes 1024] [--threads 1]
import { parseArgs } from "node:util";
import { initialize, RQVAE } from "../dist/index.js";

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "300000" },
    dim: { type: "string", default: "64" },
    codes: { type: "string", default: "1024" },
    threads: { type: "string", default: "1" },
  },
});
const [rows, dim, codes] = [Number(values.rows), Number(values.dim), Number(values.codes)];
await initialize({ threads: Number(values.threads) });

// Clusters of near-duplicates: IDs collide, so that separation has work.
const data = new Float32Array(rows * dim);
let state = 1;
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32 - 0.5;
};
const centres = Float32Array.from({ length: 2000 * dim }, random);
for (let i = 0; i < rows; i++) {
  const centre = Math.floor((random() + 0.5) * 2000) * dim;
  for (let j = 0; j < dim; j++) data[i * dim + j] = centres[centre + j] + 0.02 * random();
}

const model = await RQVAE.create({ inputDim: dim, codebookSize: codes, nQuantizationLayers: 2, encodeBeam: 4 });
/** @type {Map<string, { longest: number, turns: number }>} */
const phases = new Map();
let phase = "begin";
let last = performance.now();
let done = false;
const turn = () => {
  const now = performance.now();
  const seen = phases.get(phase) ?? { longest: 0, turns: 0 };
  phases.set(phase, { longest: Math.max(seen.longest, now - last), turns: seen.turns + 1 });
  last = now;
  if (!done) setImmediate(turn);
};
setImmediate(turn);
await model.train(
  { data, rows, dim },
  {
    epochs: 2,
    validationShare: 0.1,
    separationWeight: 1,
    deadCodeRestart: true,
    onProgress: (event) => {
      phase = `${event.phase} ${event.phase === "initialize" ? "" : event.epoch}`.trim();
    },
  },
);
done = true;
for (const [name, { longest, turns }] of phases) {
  console.log(`${name.padEnd(12)} longest turn ${longest.toFixed(1).padStart(6)} ms of ${turns}`);
}
