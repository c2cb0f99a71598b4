// Shapes at the edges of 32 bits, at random: models are made, encode, train, are saved, loaded and resumed while two bystanders of the same
// memory look on. What comes out must be a result or an error of the library, and the bystanders must keep every byte.
//
//   node bench/fuzz-shapes.mjs                 100 cases from seed 1
//   node bench/fuzz-shapes.mjs --minutes 60    as many as there is time for
//   --cases N, --seed S, --threads T           --case C: that case alone, to look at it again
//
// bench/fuzz-shapes.test.ts runs a few of them.
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { initialize, RQVAE, RQVAEError } from "rqvae";
import { hash, uniform } from "./quality/hash.mjs";

/** Numbers next to which a size wraps around, or a limit lies. */
const EDGES = [
  1,
  2,
  3,
  7,
  255,
  256,
  257,
  4095,
  4096,
  4097,
  27_000,
  32_767,
  32_768,
  46_340,
  46_341,
  65_535,
  65_536,
  65_537,
  1 << 20,
  16_777_215,
  16_777_216,
];
/** Products of counts at which a size wraps around. */
const PRODUCTS = [2 ** 22, 2 ** 24, 2 ** 29, 2 ** 30, 2 ** 31, 2 ** 32, 2 ** 33];
/** Numbers that a case may have in its model where it is carried out, so that it ends within seconds. */
const MOST = 2 ** 25;

/**
 * @typedef {import("rqvae").ModelOptions} ModelOptions
 * @typedef {{ name: string, run: () => Promise<unknown> }} Case
 */

/** @param {number} seed @param {number} number */
function dice(seed, number) {
  let draws = 0;
  const below = (/** @type {number} */ n) => Math.floor(uniform(hash(seed, number), draws++) * n);
  const one = /** @type {<T>(of: readonly T[]) => T} */ ((of) => of[below(of.length)]);
  const around = (/** @type {number} */ n) => Math.max(1, Math.min(2 ** 24, n + one([0, 0, 0, -1, 1])));
  /** Two counts whose product is next to one that wraps around. @returns {[number, number]} */
  const pair = () => {
    const first = one(EDGES);
    return [first, around(Math.round(one(PRODUCTS) / first))];
  };
  return { below, one, around, pair };
}

/** Rows of plain numbers. @param {number} rows @param {number} dim */
function rowsOf(rows, dim) {
  const data = new Float32Array(rows * dim);
  for (let i = 0; i < data.length; i++) data[i] = ((i * 7919) % 1009) / 500 - 1;
  return { data, rows, dim };
}

/** A source that says it has so many rows. @param {number} rows @param {number} dim */
const claimed = (rows, dim) => ({
  rows,
  dim,
  read: (/** @type {number} */ _, /** @type {number} */ count) => new Float32Array(count * dim),
});

/** Models that a case made. @type {RQVAE[]} */
const made = [];

/** @param {Promise<RQVAE>} model */
async function kept(model) {
  made.push(await model);
  return /** @type {RQVAE} */ (made.at(-1));
}

/** Numbers that a model of these options keeps for each weight and code. @param {ModelOptions} options */
function numbersOf({ inputDim, latentDim = 64, hiddenDims = [], codebookSize }) {
  const widths = [inputDim, ...hiddenDims, latentDim];
  let sum = inputDim * latentDim;
  for (let i = 1; i < widths.length; i++) sum += 2 * widths[i - 1] * widths[i];
  for (const size of /** @type {number[]} */ (codebookSize)) sum += 2 * size * latentDim;
  return sum;
}

/** Between what is quick and what is refused at once lies what would take minutes and gigabytes. @param {number} numbers */
const takesLong = (numbers) => numbers > MOST && numbers < 2 ** 29;

/** A safetensors file as other programs write it. @param {Record<string, number[]>} shapes @param {object} [metadata] */
export function safetensors(shapes, metadata) {
  /** @type {Record<string, unknown>} */
  const header = metadata ? { __metadata__: metadata } : {};
  let size = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const bytes = 4 * shape.reduce((product, extent) => product * extent, 1);
    header[name] = { dtype: "F32", shape, data_offsets: [size, size + bytes] };
    size += bytes;
  }
  const json = Buffer.from(JSON.stringify(header));
  const head = Buffer.alloc(8);
  head.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([head, json, Buffer.alloc(size < MOST ? size : 64)]);
}

const PLAIN = /** @type {const} */ ({ linearSkip: "none", inputScaling: "none", codebookKmeansInit: false });

/** What a case does. @type {((d: ReturnType<typeof dice>, bystander: RQVAE) => Case | undefined)[]} */
const KINDS = [
  function beam(d) {
    const [first, second] = d.pair();
    const codebookSize = d.one([
      [first, second],
      [second, first],
      [first, first, second],
      [second, d.one(EDGES)],
    ]);
    const options = {
      ...PLAIN,
      inputDim: 2,
      latentDim: d.one([1, 2]),
      hiddenDims: [],
      codebookSize,
      encodeBeam: d.one([2, 3, 256]),
    };
    if (takesLong(numbersOf(options))) return undefined;
    return {
      name: `beam ${JSON.stringify(codebookSize)}`,
      run: async () => {
        const model = await kept(RQVAE.create(options));
        const ids = model.encode(rowsOf(3, 2));
        const again = await kept(RQVAE.load(model.save()));
        if (String(again.encode(rowsOf(3, 2)).codes) !== String(ids.codes))
          throw new Error("other codes after loading");
      },
    };
  },
  function kmeans(d) {
    const [latentDim, size] = d.pair();
    const options = {
      inputDim: latentDim,
      latentDim,
      hiddenDims: [],
      linearSkip: /** @type {const} */ ("identity"),
      codebookSize: [size],
      encodeBeam: d.one([1, 2]),
    };
    if (takesLong(numbersOf(options)) || takesLong(latentDim * latentDim)) return undefined;
    return {
      name: `kmeans ${latentDim} x ${size}`,
      run: async () => {
        const model = await kept(RQVAE.create(options));
        await model.kmeansInitCodebooks(rowsOf(d.one([1, 2, 5]), latentDim));
      },
    };
  },
  function pca(d) {
    const inputDim = d.one(EDGES);
    const latentDim = d.one([1, 2, 9]);
    if (takesLong(inputDim * inputDim)) return undefined;
    const options = { inputDim, latentDim, hiddenDims: [], codebookSize: [d.one([1, 2, 300])] };
    return {
      name: `pca ${inputDim}`,
      run: () => kept(RQVAE.fit(rowsOf(2, inputDim), { ...options, epochs: 1 })),
    };
  },
  function sinkhorn(d) {
    const [batchSize, size] = d.pair();
    const numbers = batchSize * size;
    if ((numbers > 2 ** 22 && numbers < 2 ** 29) || takesLong(8 * batchSize)) return undefined;
    return {
      name: `sinkhorn ${batchSize} x ${size}`,
      run: async () => {
        const model = await kept(
          RQVAE.create({
            ...PLAIN,
            inputDim: 2,
            latentDim: 1,
            hiddenDims: [],
            codebookSize: [size],
            sinkhornEpsilon: 0.1,
            sinkhornIterations: 1,
          }),
        );
        if (d.below(2) === 0) await model.train(rowsOf(batchSize, 2), { epochs: 1, batchSize });
        else model.trainStep(rowsOf(batchSize, 2), model.createOptimizer());
      },
    };
  },
  function widths(d) {
    const [first, second] = d.pair();
    const hiddenDims = d.one([
      [first, second],
      [second],
      new Array(d.one([2, 64, 65, 70_000])).fill(d.one([1, 2, 2 ** 24])),
    ]);
    const options = {
      ...PLAIN,
      inputDim: d.one([1, 3, first]),
      latentDim: d.one([1, 2]),
      hiddenDims,
      codebookSize: [2],
      layerNorm: d.below(2) === 0,
    };
    const [inputDim] = [options.inputDim];
    if (takesLong(numbersOf(options)) || takesLong(256 * Math.max(inputDim, ...hiddenDims.slice(0, 100))))
      return undefined;
    return {
      name: `widths ${inputDim}, ${JSON.stringify(hiddenDims.slice(0, 3))} of ${hiddenDims.length}`,
      run: async () => {
        const model = await kept(RQVAE.create(options));
        model.encode(rowsOf(2, inputDim));
        await model.train(rowsOf(3, inputDim), { epochs: 1, optimizer: d.one(["adam", "sgd"]) });
      },
    };
  },
  function levels(d) {
    const count = d.one([1, 63, 64, 65, 100_000]);
    const size = d.one(EDGES);
    if (takesLong(count * size * 4)) return undefined;
    return {
      name: `levels ${count} x ${size}`,
      run: async () => {
        const model = await kept(
          RQVAE.create({
            ...PLAIN,
            inputDim: 2,
            latentDim: 2,
            hiddenDims: [],
            codebookSize: new Array(count).fill(size),
            encodeBeam: d.one([1, 4]),
          }),
        );
        model.encode(rowsOf(2, 2));
        model.getSemanticIds(rowsOf(2, 2));
      },
    };
  },
  function rows(d, bystander) {
    const rows = d.one([2 ** 29 - 1, 2 ** 29, 2 ** 30, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 32 + 1]);
    const dim = bystander.config.inputDim;
    return {
      name: `rows ${rows}`,
      run: async () => {
        const model = await kept(
          RQVAE.create({ ...PLAIN, inputDim: dim, latentDim: 1, hiddenDims: [], codebookSize: [2, 3] }),
        );
        const validationShare = d.one([0, 0.5]);
        // What is not refused would read for hours.
        const signal = AbortSignal.timeout(50);
        try {
          await model.train(claimed(rows, dim), { epochs: 1, validationShare, batchSize: d.one([1, 2 ** 24]), signal });
        } catch (error) {
          if (!signal.aborted || error !== signal.reason) throw error;
        }
      },
    };
  },
  function stateDict(d) {
    const [first, second] = d.pair();
    const hidden = d.one([[16_000, 16_000], [first, second], [second], []]);
    const widths = [3, ...hidden, 2];
    /** @type {Record<string, number[]>} */
    const shapes = {};
    widths.slice(1).forEach((width, i) => {
      shapes[`encoder.network.${2 * i}.weight`] = [width, widths[i]];
      shapes[`encoder.network.${2 * i}.bias`] = [width];
    });
    [...widths]
      .reverse()
      .slice(1)
      .forEach((width, i) => {
        shapes[`decoder.network.${2 * i}.weight`] = [width, [...widths].reverse()[i]];
        shapes[`decoder.network.${2 * i}.bias`] = [width];
      });
    const sizes = d.one([[4], [first, 1], [d.one(EDGES), 2]]);
    sizes.forEach((size, level) => {
      shapes[`quantization_layers.${level}.embedding.weight`] = [size, 2];
    });
    if (takesLong(Object.values(shapes).reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0)))
      return undefined;
    return {
      name: `state_dict ${JSON.stringify(hidden)} ${JSON.stringify(sizes)}`,
      run: () => kept(RQVAE.load(safetensors(shapes))),
    };
  },
  function fileOfOurs(d, bystander) {
    // A good file with another configuration: its checksum is reckoned anew, as somebody would who means harm.
    const file = bystander.save();
    const [first, second] = d.pair();
    const changes = d.one([
      { hiddenDims: [16_000, 16_000] },
      { hiddenDims: [first, second] },
      { hiddenDims: new Array(200_000).fill(1) },
      { codebookSizes: [first, second], nQuantizationLayers: 2 },
      { codebookSizes: [first, first, second], encodeBeam: 4 },
      { latentDim: first, linearSkip: "none" },
      { inputDim: second },
      { inputDim: first, latentDim: first, linearSkip: "identity" },
    ]);
    return {
      name: `file ${JSON.stringify(changes).slice(0, 80)}`,
      run: async () => kept(RQVAE.load(await forged(file, changes))),
    };
  },
  function overridden(d, bystander) {
    const [first, second] = d.pair();
    const config = d.one([
      { codebookSize: [first, second, 1] },
      { hiddenDims: [first, second] },
      { latentDim: first },
      { sinkhornEpsilon: first },
    ]);
    return { name: `load with ${JSON.stringify(config)}`, run: () => kept(RQVAE.load(bystander.save(), { config })) };
  },
  function resumed(d) {
    const [first, second] = d.pair();
    const size = Math.min(first, 4096);
    const options = { ...PLAIN, inputDim: 3, latentDim: 2, hiddenDims: [5], codebookSize: [size, 2] };
    return {
      name: `resume ${size}, ${second}`,
      run: async () => {
        const model = await kept(RQVAE.create(options));
        await model.train(rowsOf(20, 3), { epochs: 1, select: "loss", validationShare: 0.2 });
        const resume = model.saveCheckpoint();
        const [other, items] = d.one([
          [{ ...options, codebookSize: [Math.min(second, 2 ** 20), 2] }, rowsOf(20, 3)],
          [{ ...options, hiddenDims: [Math.min(second, 2 ** 20)] }, rowsOf(20, 3)],
          [options, claimed(2 ** 31 - 1, 3)],
          [options, rowsOf(20, 3)],
        ]);
        const again = await kept(RQVAE.create(other));
        try {
          await again.train(items, { epochs: 1, select: "loss", validationShare: 0.2, resume });
        } finally {
        }
      },
    };
  },
];

/** A model file whose configuration was changed, and its checksum with it. @param {Uint8Array} bytes @param {object} changes */
export async function forged(bytes, changes) {
  const { native } = await import("../dist/runtime/native.js");
  const { hashOf } = await import("../dist/runtime/hash.js");
  const { checksumPosition } = await import("../dist/model-file/read-model-file.js");
  const view = Buffer.from(bytes);
  const length = Number(view.readBigUInt64LE(0));
  const header = JSON.parse(view.toString("utf8", 8, 8 + length));
  const metadata = JSON.parse(header.__metadata__.rqvae);
  Object.assign(metadata.config, changes);
  metadata.requires = metadata.config.encodeBeam > 1 ? ["encodeBeam"] : [];
  metadata.checksum = "0".repeat(16);
  header.__metadata__.rqvae = JSON.stringify(metadata);
  let json = JSON.stringify(header);
  json += " ".repeat((8 - (Buffer.byteLength(json) % 8)) % 8);
  const head = Buffer.alloc(8);
  head.writeBigUInt64LE(BigInt(Buffer.byteLength(json)));
  const made = Buffer.concat([head, Buffer.from(json), view.subarray(8 + length)]);
  made.write(hashOf(await native(), made), checksumPosition(made), "latin1");
  return made;
}

/**
 * @param {{ seed: number, cases?: number, minutes?: number, only?: number, told?: (line: string) => void }} options
 * @returns {Promise<{ tried: number, done: number, refused: number, failed: string[] }>}
 */
export async function fuzz({
  seed,
  cases = Number.POSITIVE_INFINITY,
  minutes = Number.POSITIVE_INFINITY,
  only,
  told = () => {},
}) {
  const items = rowsOf(300, 6);
  const bystanders = [
    await RQVAE.fit(items, { epochs: 2, seed: 3 }),
    await RQVAE.create({ ...PLAIN, inputDim: 6, latentDim: 4, hiddenDims: [8], codebookSize: [16, 16], encodeBeam: 3 }),
  ];
  const state = () =>
    bystanders.map((model) => [Buffer.from(model.save()).toString("base64"), String(model.encode(items).codes)]);
  const before = JSON.stringify(state());
  const result = { tried: 0, done: 0, refused: 0, failed: /** @type {string[]} */ ([]) };
  const end = performance.now() + 60_000 * minutes;
  for (let number = only ?? 0; result.tried < cases && performance.now() < end; number++) {
    const d = dice(seed, number);
    const chosen = KINDS[d.below(KINDS.length)](d, bystanders[d.below(2)]);
    if (chosen === undefined) continue;
    result.tried++;
    const started = performance.now();
    let outcome = "done";
    try {
      await chosen.run();
      result.done++;
    } catch (error) {
      outcome = `${error instanceof Error ? `${error.name}: ${error.message}` : error}`;
      if (error instanceof RQVAEError && error.name !== "RQVAEError") result.refused++;
      else result.failed.push(`case ${number}, ${chosen.name}: ${outcome}`);
    }
    for (const model of made.splice(0)) model.dispose();
    told(`case ${number}, ${chosen.name}: ${outcome.slice(0, 160)} (${(performance.now() - started).toFixed(0)} ms)`);
    try {
      if (JSON.stringify(state()) === before) continue;
      result.failed.push(`case ${number}, ${chosen.name}: a bystander changed`);
    } catch (error) {
      result.failed.push(`case ${number}, ${chosen.name}: a bystander fails: ${error}`);
    }
    break; // nothing that follows says anything
  }
  for (const model of bystanders) model.dispose();
  return result;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      seed: { type: "string", default: "1" },
      cases: { type: "string" },
      minutes: { type: "string" },
      case: { type: "string" },
      threads: { type: "string", default: "1" },
      verbose: { type: "boolean", default: false },
    },
  });
  await initialize({ threads: Number(values.threads) });
  const alone = values.case !== undefined;
  const result = await fuzz({
    seed: Number(values.seed),
    ...(values.minutes ? { minutes: Number(values.minutes) } : { cases: alone ? 1 : Number(values.cases ?? 100) }),
    ...(alone ? { only: Number(values.case) } : {}),
    ...(values.verbose || alone ? { told: (line) => console.log(line) } : {}),
  });
  for (const line of result.failed) console.error(line);
  console.log(`tried ${result.tried}: ${result.done} done, ${result.refused} refused, ${result.failed.length} failed`);
  process.exitCode = result.failed.length > 0 ? 1 : 0;
}
