// One epoch of what RQVAE.fit chooses for the first rows of a file of float32: fit-from-file.mjs FILE ROWS DIM. One thread, so that CPU time is
// its own.
import { open } from "node:fs/promises";
import { initialize, RQVAE, suggestConfig } from "rqvae";
import { middle } from "../measure.mjs";

const [path, ...numbers] = process.argv.slice(2);
const [rows, dim] = numbers.map(Number);
/** Items of a fit that does not count: the engine compiles meanwhile. */
const WARM_ROWS = 10_000;
/** A short epoch is measured so many times, and its middle time counts. */
const TURNS = 3;

await initialize({ threads: 1 });
const file = await open(/** @type {string} */ (path));
const sourceOf = (/** @type {number} */ count) => ({
  rows: count,
  dim,
  async read(/** @type {number} */ first, /** @type {number} */ many) {
    const block = new Float32Array(many * dim);
    await file.read(new Uint8Array(block.buffer), 0, block.byteLength, 4 * dim * first);
    return block;
  },
});

/** Seconds of work of this process. */
const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** @param {number} count */
async function fitOneEpoch(count) {
  const started = performance.now();
  const begun = cpu();
  let trainsSince = begun;
  const model = await RQVAE.fit(sourceOf(count), {
    epochs: 1,
    onProgress({ phase, step }) {
      if (phase !== "train" || step === 0) trainsSince = cpu();
    },
  });
  model.dispose();
  const ended = cpu();
  return {
    start: trainsSince - begun,
    epoch: ended - trainsSince,
    seconds: (performance.now() - started) / 1000,
    peakBytes: 1024 * process.resourceUsage().maxRSS,
  };
}

await fitOneEpoch(WARM_ROWS);
const { epochs } = suggestConfig({ n: rows, inputDim: dim }).train;
const turns = [];
do turns.push(await fitOneEpoch(rows));
while (turns.length < TURNS && rows <= WARM_ROWS);
const epoch = middle(turns.map((turn) => turn.epoch));
console.log(JSON.stringify({ ...turns.at(-1), epoch, epochs }));
process.exit();
