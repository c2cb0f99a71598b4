// The part "growth": whether the time for an item depends on how many there are.
import { RQVAE } from "rqvae";
import { atMost, reported } from "../figures.mjs";
import { clustered } from "./inputs.mjs";
import { alternate, logSlope, middle } from "./measure.mjs";

const DIM = 32;
const SIZES = [10_000, 100_000, 1_000_000];
/** Each turn passes over this many items, of small catalogues again and again: a few milliseconds tell nothing. */
const ITEMS_A_TURN = 200_000;
/** Of a million items, one turn lasts long enough to be its own mean. */
const TURNS = 3;

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
