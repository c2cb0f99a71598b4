// Bytes of garbage that a call of encode(one vector) leaves: garbage.mjs MODEL. Run with --expose-gc and a young generation that is large
// enough that nothing is collected while it counts.
import { RQVAE } from "rqvae";
import { middle } from "../measure.mjs";

const model = await RQVAE.load(process.argv[2]);
const one = Float32Array.from({ length: model.config.inputDim }, (_, i) => Math.cos(i));
/** V8 counts by pages of 256 KB: as many calls as make a page little. */
const CALLS = 4000;
const TURNS = 7;
const used = () => {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};
for (let call = 0; call < 10_000; call++) model.encode(one); // until all is compiled: code and inline caches are no garbage

const gc = /** @type {() => void} */ (/** @type {any} */ (globalThis).gc);
const turns = Array.from({ length: TURNS }, () => {
  gc();
  const before = used();
  for (let call = 0; call < CALLS; call++) model.encode(one);
  return (used() - before) / CALLS;
});
// The middle one: a collection of V8's own accord takes garbage out of a turn's count.
console.log(JSON.stringify(middle(turns)));
