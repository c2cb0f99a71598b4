/** What the page of worker.test.ts runs: worker and pool in a browser, from a build as users make it. */
import { RQVAE } from "rqvae";
import { EncodePool, RQVAEWorker } from "rqvae/worker";

/** @param {number} rows @param {number} dim */
export function integers(rows, dim) {
  return { data: Float32Array.from({ length: rows * dim }, (_, i) => ((i * 7919) % 101) / 8), rows, dim };
}

export const OPTIONS = { inputDim: 6, latentDim: 4, hiddenDims: [8], codebookSize: 8, seed: 3 };
export const TRAINING = { epochs: 40, batchSize: 64 };

export async function program() {
  const items = integers(3000, 6);
  const worker = await RQVAEWorker.create(OPTIONS);
  const given = items.data.slice();
  const training = worker.train({ ...items, data: given }, { ...TRAINING, transfer: true });
  const epochs = [];
  for await (const { newEpochs } of training) epochs.push(...newEpochs.map(({ epoch }) => epoch));
  const bytes = await worker.save();

  // Stopped by its signal, then ended in the middle.
  const controller = new AbortController();
  const endless = worker.train(items, { epochs: 1e6, signal: controller.signal });
  setTimeout(() => controller.abort("enough"), 50);
  const reason = await endless.catch((/** @type {unknown} */ error) => error);
  const ids = await worker.encode(items);
  const pending = worker.train(items, { epochs: 1e6 });
  worker.dispose();
  const ended = await pending.catch((/** @type {Error} */ error) => error.name);

  // On the page itself, in a pool, and in a worker that is given its wasm.
  const model = await RQVAE.load(bytes);
  const pool = await EncodePool.create(bytes, { workers: 3 });
  const pooled = await pool.encode(items);
  const far = await pool
    .encode([...Array(2999).fill([1, 2, 3, 4, 5, 6]), [1, 2, 3, 4, 5, Number.NaN]])
    .catch((error) => error.message);
  await pool.dispose();
  const late = await pool.encode(items).catch((/** @type {Error} */ error) => error.name);
  const asset = performance.getEntriesByType("resource").find(({ name }) => /rqvae[^/]*\.wasm/.test(name));
  const own = await RQVAEWorker.load(
    bytes,
    {},
    { wasm: await WebAssembly.compileStreaming(fetch(String(asset?.name))), threads: 1 },
  );
  const again = await own.encode(items);
  own.dispose();
  return {
    isolated: globalThis.crossOriginIsolated,
    emptied: given.length === 0,
    epochs: epochs.length,
    bytes: Array.from(bytes),
    reason,
    usable: ids.length,
    ended,
    same: [pooled, again].map(({ codes }) => codes.join() === model.encode(items).codes.join()),
    far,
    late,
  };
}
