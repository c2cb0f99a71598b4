// The part "growth": whether the time for an item depends on how many there are, of a small shape and of what RQVAE.fit chooses.
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RQVAE } from "rqvae";
import { atMost, reported } from "../figures.mjs";
import { clustered } from "./inputs.mjs";
import { alternate, logSlope, middle } from "./measure.mjs";
import { runScript } from "./script.mjs";

const DIM = 32;
const SIZES = [10_000, 100_000, 1_000_000];
/** Each turn passes over this many items, of small catalogues again and again: a few milliseconds tell nothing. */
const ITEMS_A_TURN = 200_000;
/** Of a million items, one turn lasts long enough to be its own mean. */
const TURNS = 3;
/** Dimension of the files that fit reads. */
const FIT_DIM = 128;
/** What a process may take that fits the largest of them. */
const MOST_MB = 700;

/**
 * Nanoseconds an item, for each size.
 * @param {(items: import("rqvae").ItemMatrix) => unknown} work
 * @param {import("rqvae").ItemMatrix} all
 */
async function perItem(work, all) {
  const contenders = SIZES.map((rows) => async () => {
    const items = { ...all, data: /** @type {Float32Array} */ (all.data).subarray(0, rows * DIM), rows };
    const passes = Math.max(1, Math.round(ITEMS_A_TURN / rows));
    const started = performance.now();
    for (let pass = 0; pass < passes; pass++) await work(items);
    return (1e6 * (performance.now() - started)) / (passes * rows);
  });
  return (await alternate(contenders, TURNS)).map(middle);
}

/** @type {(bench: import("./bench.mjs").Bench) => Promise<void>} */
export async function measureGrowth(bench) {
  const all = clustered(/** @type {number} */ (SIZES.at(-1)), DIM);
  const model = await RQVAE.create({ inputDim: DIM, latentDim: 8, hiddenDims: [16], codebookSize: 16 });
  try {
    await model.kmeansInitCodebooks(all);
    for (const [name, work] of /** @type {const} */ ([
      ["encode", (/** @type {import("rqvae").ItemMatrix} */ items) => model.encode(items)],
      ["train an epoch", (/** @type {import("rqvae").ItemMatrix} */ items) => model.train(items, { epochs: 1 })],
    ])) {
      const times = await perItem(work, all);
      for (const [i, rows] of SIZES.entries()) bench.add(reported(`${name}, ${rows} items`, times[i], "ns/item"));
      const slope = Math.abs(logSlope(SIZES, times));
      bench.add(atMost(`${name}, |slope| of log time an item over log items`, slope, 0.05));
    }
  } finally {
    model.dispose();
  }
}

/**
 * One epoch of what RQVAE.fit chooses, from files of these sizes, each in a process of its own on one thread. CPU time, since the largest takes
 * minutes, in which the machine's other work comes and goes.
 * @type {(bench: import("./bench.mjs").Bench) => Promise<void>}
 */
export async function measureFitGrowth(bench) {
  const folder = mkdtempSync(join(tmpdir(), "rqvae-growth-"));
  try {
    const path = join(folder, "items.f32");
    writeClustered(path, /** @type {number} */ (SIZES.at(-1)));
    const found = [];
    for (const rows of SIZES) found.push(await runScript("fit-from-file", [path, String(rows), String(FIT_DIM)]));
    for (const [i, rows] of SIZES.entries()) {
      const { start, epoch, seconds, epochs, peakBytes } = found[i];
      bench.add(
        reported(`${rows} items: measure and initialise, CPU time`, start, "s"),
        reported(`${rows} items: an epoch with its evaluation, CPU time`, (1e6 * epoch) / rows, "us/item"),
        reported(`${rows} items: all of it, by the clock`, seconds, "s"),
        reported(`${rows} items: epochs that fit would choose`, epochs),
        reported(`${rows} items: peak memory of the process`, peakBytes / 2 ** 20, "MB"),
      );
    }
    const times = found.map(({ epoch }, i) => epoch / SIZES[i]);
    bench.add(
      atMost("|slope| of log time an item over log items", Math.abs(logSlope(SIZES, times)), 0.05),
      atMost("peak memory with the most items", found.at(-1).peakBytes / 2 ** 20, MOST_MB, "MB"),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `rows` vectors of FIT_DIM about centres, written piece by piece. @type {(path: string, rows: number) => void} */
function writeClustered(path, rows) {
  const PIECE = 10_000; // rows
  const { data } = clustered(PIECE, FIT_DIM);
  const file = openSync(path, "w");
  try {
    for (let first = 0; first < rows; first += PIECE) {
      // The same centres about other points, so that no two rows are equal.
      for (let i = 0; i < data.length; i++) data[i] += (((i * 7919 + first) % 1009) / 1009 - 0.5) / 10;
      writeSync(file, new Uint8Array(data.buffer));
    }
  } finally {
    closeSync(file);
  }
}
