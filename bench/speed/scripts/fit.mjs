// What RQVAE.fit chooses, from start to end, in a process of its own: fit.mjs SHAPE THREADS. With one thread, CPU time is its own; the field's
// recipe and the files for contenders are made then as well.
import { writeFileSync } from "node:fs";
import { initialize, RQVAE, residualKMeans, suggestConfig } from "rqvae";
import { explainedVariance } from "../../quality/measures.mjs";
import { FIELD_TRAIN, fieldModel, loadShape } from "../fit-shapes.mjs";
import { FOLDER, writeRows } from "../inputs.mjs";

const [shape, threads] = [process.argv[2], Number(process.argv[3])];
/** Moments at which a model is kept, to be judged afterwards. */
const MOMENTS = 12;
/** Steps whose losses a contender must have too, with batches of this size. */
const CHECKED = { batch: 256, steps: 5 };

await initialize({ threads });
const { items, unseen } = /** @type {NonNullable<ReturnType<typeof loadShape>>} */ (loadShape(shape));
const { rows, dim } = items;
const before = process.memoryUsage.rss();
const varianceOf = (/** @type {{ reconstruct: RQVAE["reconstruct"] }} */ model) =>
  explainedVariance(unseen, model.reconstruct(unseen));

/** @template T @param {() => Promise<T>} work */
async function timed(work) {
  const started = performance.now();
  const { user, system } = process.cpuUsage();
  const result = await work();
  const used = process.cpuUsage();
  return {
    result,
    seconds: (performance.now() - started) / 1000,
    cpu: (used.user + used.system - user - system) / 1e6,
  };
}

const milliseconds = (/** @type {() => unknown} */ work, /** @type {number} */ count) => {
  work();
  const begun = performance.now();
  for (let i = 0; i < count; i++) work();
  return (performance.now() - begun) / count;
};

/**
 * The explained variance of unseen items over the seconds of a training, without those that keeping its models took.
 * @param {number} everyMs
 * @param {(checkpoint: NonNullable<import("rqvae").TrainOptions["checkpoint"]>) => Promise<RQVAE>} train
 */
async function curveOf(everyMs, train) {
  /** @type {{ seconds: number, bytes: Uint8Array }[]} */
  const kept = [];
  const started = performance.now();
  let writing = 0;
  const now = () => (performance.now() - started - writing) / 1000;
  const write = (/** @type {Uint8Array} */ bytes) => {
    const begun = performance.now();
    kept.push({ seconds: now(), bytes: bytes.slice() });
    writing += performance.now() - begun;
  };
  const last = await train({ everyMs, write });
  const end = now();
  const curve = [];
  for (const { seconds, bytes } of kept) {
    const then = await RQVAE.load(bytes);
    if (then.initialized) curve.push({ seconds, variance: varianceOf(then) });
    then.dispose();
  }
  curve.push({ seconds: end, variance: varianceOf(last) });
  return curve;
}

/** A model as it starts, its file for contenders, and what they must find too. */
async function begin(/** @type {string} */ name, /** @type {any} */ options, /** @type {any} */ train) {
  const { result: model, seconds } = await timed(async () => {
    const created = await RQVAE.create(options);
    await created.kmeansInitCodebooks(items);
    return created;
  });
  const path = `${FOLDER}/${name}.safetensors`;
  writeFileSync(path, model.save());
  const trained = await RQVAE.load(model.save());
  const { optimizer, learningRate, codebookLearningRateScale = 1 } = train;
  const optimizerOf = trained.createOptimizer({ optimizer, learningRate, codebookLearningRateScale });
  const losses = Array.from({ length: CHECKED.steps }, (_, step) => {
    const data = items.data.subarray(step * CHECKED.batch * dim, (step + 1) * CHECKED.batch * dim);
    return trained.trainStep({ data, rows: CHECKED.batch, dim }, optimizerOf).loss;
  });
  trained.dispose();
  return { model, start: { model: path, train, seconds, losses, variance: varianceOf(model) } };
}

/** Milliseconds until each phase ended. @type {Record<string, number>} */
const phases = {};
let last = { phase: "measure", time: performance.now() };
const watch = (/** @type {{ phase: string }} */ { phase }) => {
  const now = performance.now();
  phases[last.phase] = (phases[last.phase] ?? 0) + now - last.time;
  last = { phase, time: now };
};
const { result: model, seconds, cpu } = await timed(() => RQVAE.fit(items, { onProgress: watch }));
watch({ phase: "end" });
const memory = { peak: 1024 * process.resourceUsage().maxRSS, grown: process.memoryUsage.rss() - before };
const { config, history } = model;
const epochs = history?.epochs ?? [];

const some = { data: items.data.subarray(0, 10_000 * dim), rows: Math.min(rows, 10_000), dim };
const encoding = milliseconds(() => model.encode(some), 3);
let found = { seconds, cpu, phases, memory, config, epochs: epochs.length, encodeRate: (1000 * some.rows) / encoding };

if (threads === 1) {
  const one = items.data.subarray(0, dim);
  const greedy = await RQVAE.load(model.save(), { config: { encodeBeam: 1 } });
  const beam = encoding - milliseconds(() => greedy.encode(some), 3);
  greedy.dispose();
  const evaluations = epochs.filter(({ evaluated }) => evaluated).length;
  const { train } = suggestConfig({ n: rows, inputDim: dim });
  const field = FIELD_TRAIN(rows);
  const files = { items: writeRows("fit-items", items), unseen: writeRows("fit-unseen", unseen) };
  const own = await begin("fit-start", { ...config }, train);
  own.model.dispose();
  const other = await begin("field-start", fieldModel(dim, config.codebookSize), field);
  const curve = await curveOf((1000 * seconds) / MOMENTS, (checkpoint) => RQVAE.fit(items, { checkpoint }));
  const otherRun = await timed(() =>
    curveOf(1000, async (checkpoint) => {
      await other.model.train(items, { ...field, checkpoint });
      return other.model;
    }),
  );
  const kmeans = await timed(() => residualKMeans(items, { codebookSize: config.codebookSize }));

  const widths = [dim, ...config.hiddenDims, config.latentDim];
  const network = widths.slice(1).reduce((sum, width, i) => sum + width * widths[i], 0);
  const skip = config.linearSkip === "none" ? 0 : dim * config.latentDim;
  const search = config.codebookSize.reduce((sum, size) => sum + size * config.latentDim, 0);
  found = /** @type {any} */ ({
    ...found,
    // Of the epochs, by separate calls: what a beam costs more than the nearest code, and encoding all items at each evaluation.
    estimates: {
      "beam, beyond the nearest code": (beam * epochs.length * rows) / some.rows,
      evaluations: (encoding * evaluations * rows) / some.rows,
    },
    files,
    checked: CHECKED,
    fit: { ...own.start, curve, variance: varianceOf(model), startVariance: own.start.variance },
    field: { ...other.start, curve: otherRun.result, startVariance: other.start.variance },
    kmeans: { seconds: kmeans.seconds, variance: varianceOf(kmeans.result) },
    // Three products a weight matrix in training, but no gradient of the items themselves; the search of one candidate.
    flops:
      2 * epochs.length * rows * (3 * 2 * (network + skip) - dim * (widths[1] + (skip && config.latentDim)) + search),
    oneMicroseconds: 1000 * milliseconds(() => model.encode(one), 400),
  });
}
console.log(JSON.stringify(found));
process.exit(0);
