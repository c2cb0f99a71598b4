// Bytes of garbage that a call of encode(one vector) leaves: garbage.mjs MODEL. Run with --expose-gc and a young generation that is large
// enough that nothing is collected while it counts.
import { RQVAE } from "rqvae";

const model = await RQVAE.load(process.argv[2]);
const one = Float32Array.from({ length: model.config.inputDim }, (_, i) => Math.cos(i));
const CALLS = 2000;
const used = () => {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};
for (let call = 0; call < 5 * CALLS; call++) model.encode(one); // until all is compiled: code and inline caches are no garbage

const gc = /** @type {() => void} */ (/** @type {any} */ (globalThis).gc);
gc();
const before = used();
for (let call = 0; call < CALLS; call++) model.encode(one);
console.log(JSON.stringify((used() - before) / CALLS));
