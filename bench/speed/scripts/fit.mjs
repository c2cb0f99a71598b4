// What RQVAE.fit chooses, from start to end, in a process of its own: fit.mjs ROWS DIM. One thread, so that CPU time is its own.
import { initialize, RQVAE, residualKMeans } from "rqvae";
import { explainedVariance } from "../../quality/measures.mjs";
import { clustered } from "../inputs.mjs";

const [rows, dim] = process.argv.slice(2).map(Number);
/** Moments at which the model is kept, to be judged afterwards. */
const MOMENTS = 12;

await initialize({ threads: 1 });
const all = clustered(Math.ceil(rows * 1.1), dim);
const items = { data: all.data.subarray(0, rows * dim), rows, dim };
const unseen = { data: all.data.subarray(rows * dim), rows: all.rows - rows, dim };
const before = process.memoryUsage.rss();

/** @param {(event: import("rqvae").TrainProgress) => void} [watch] @param {import("rqvae").TrainOptions["checkpoint"]} [checkpoint] */
async function timedFit(watch, checkpoint) {
  const started = performance.now();
  const { user, system } = process.cpuUsage();
  const model = await RQVAE.fit(items, { ...(watch && { onProgress: watch }), ...(checkpoint && { checkpoint }) });
  const used = process.cpuUsage();
  return { model, seconds: (performance.now() - started) / 1000, cpu: (used.user + used.system - user - system) / 1e6 };
}

/** Milliseconds until each phase ended. @type {Record<string, number>} */
const phases = {};
let last = { phase: "measure", time: performance.now() };
const watch = (/** @type {{ phase: string }} */ { phase }) => {
  const now = performance.now();
  phases[last.phase] = (phases[last.phase] ?? 0) + now - last.time;
  last = { phase, time: now };
};
const { model, seconds, cpu } = await timedFit(watch);
watch({ phase: "end" });
const grown = process.memoryUsage.rss() - before;
const { config } = model;
const codes = { codebookSize: config.codebookSize };

/** As they are, and with the seconds that writing took counted out. @type {{ seconds: number, bytes: Uint8Array }[]} */
const kept = [];
const started = performance.now();
let writing = 0;
const write = (/** @type {Uint8Array} */ bytes) => {
  const now = performance.now();
  kept.push({ seconds: (now - started - writing) / 1000, bytes: bytes.slice() });
  writing += performance.now() - now;
};
const again = await timedFit(undefined, { everyMs: (1000 * seconds) / MOMENTS, write });
again.model.dispose();
const curve = [];
for (const { seconds: at, bytes } of kept) {
  const then = await RQVAE.load(bytes);
  if (then.initialized) curve.push({ seconds: at, variance: explainedVariance(unseen, then.reconstruct(unseen)) });
  then.dispose();
}
const kmeansStarted = performance.now();
const baseline = await residualKMeans(items, codes);
const kmeansSeconds = (performance.now() - kmeansStarted) / 1000;

const widths = [dim, ...config.hiddenDims, config.latentDim];
const network = widths.slice(1).reduce((sum, width, i) => sum + width * widths[i], 0);
const skip = config.linearSkip === "none" ? 0 : dim * config.latentDim;
const search = config.codebookSize.reduce((sum, size) => sum + size * config.latentDim, 0);
const epochs = model.history?.epochs.length ?? 0;

const time = (/** @type {() => unknown} */ work, /** @type {number} */ count) => {
  work();
  const begun = performance.now();
  for (let i = 0; i < count; i++) work();
  return (performance.now() - begun) / count;
};
const some = { data: items.data.subarray(0, 10_000 * dim), rows: Math.min(rows, 10_000), dim };
const one = items.data.subarray(0, dim);
console.log(
  JSON.stringify({
    ...{ seconds, cpu, phases, grown, epochs, config, curve, kmeansSeconds },
    items: items.data.byteLength,
    // Three products a weight matrix in training, but no gradient of the items themselves; the search of one candidate.
    flops: 2 * epochs * rows * (3 * 2 * (network + skip) - dim * (widths[1] + (skip && config.latentDim)) + search),
    variance: explainedVariance(unseen, model.reconstruct(unseen)),
    kmeans: explainedVariance(unseen, baseline.reconstruct(unseen)),
    oneMicroseconds: 1000 * time(() => model.encode(one), 400),
    encodeRate: (1000 * some.rows) / time(() => model.encode(some), 3),
  }),
);
