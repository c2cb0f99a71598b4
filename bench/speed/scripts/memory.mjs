// Memory of one piece of work in a process of its own: memory.mjs train|encode MODEL ITEMS.
//
// What counts is the WebAssembly heap: everything of the core lies there (weights, optimiser, scratch, items), and it never shrinks, so that
// its size at the end is its peak. Of V8's own heap nothing is said: it holds the caller's arrays. The growth of the process (resident set)
// is told beside it; that has the compiler and the caller's items in it.
import { readFileSync } from "node:fs";
import { readRows } from "../contenders/serve.mjs";

/** @type {Set<WebAssembly.Memory>} */
const memories = new Set();
const keep = (/** @type {Iterable<unknown>} */ values) => {
  for (const value of values) if (value instanceof WebAssembly.Memory) memories.add(value);
};
const { instantiate } = WebAssembly;
// The memory is the module's (exported) or, with threads, the glue's (imported).
WebAssembly.instantiate = /** @type {any} */ (
  async (/** @type {any} */ source, /** @type {WebAssembly.Imports} */ imports) => {
    keep(Object.values(imports ?? {}).flatMap((module) => Object.values(module)));
    const result = await instantiate(source, imports);
    keep(Object.values((result.instance ?? result).exports));
    return result;
  }
);

const { RQVAE } = await import("rqvae");
const [what, path, itemsPath] = process.argv.slice(2);
const bytes = readFileSync(path);
const before = process.memoryUsage.rss();
const model = await RQVAE.load(bytes);
const items = readRows({ path: itemsPath, dim: model.config.inputDim });
if (what === "train") {
  await model.kmeansInitCodebooks(items); // a new model's training begins so
  await model.train(items, { epochs: 1 });
} else model.encode(items);
const heap = [...memories].reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
console.log(
  JSON.stringify({
    heap,
    grown: process.memoryUsage.rss() - before,
    model: bytes.length,
    items: items.data.byteLength,
  }),
);
