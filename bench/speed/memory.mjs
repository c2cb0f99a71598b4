// The part "memory": how large the WebAssembly heap becomes at the reference shape (scripts/memory.mjs says what is counted, and why).
import { atMost, reported } from "../figures.mjs";
import { runScript } from "./script.mjs";

const MB = 1024 ** 2;
/** Weights, gradients and Adam's two moments. */
const COPIES = 4;

/** @type {(bench: import("./bench.mjs").Bench) => Promise<void>} */
export async function measureMemory(bench) {
  const { items, models } = await bench.inputs();
  const train = await runScript("memory", ["train", models.plain, items.path]);
  const encode = await runScript("memory", ["encode", models.plain, items.path]);
  // A model file is its parameters, four bytes each, and a kilobyte or two of header. Training copies the items to the heap, encoding a
  // piece of them at a time: the copy is the user's data in training and the library's doing in encoding.
  const limit = (/** @type {number} */ bytes) => Number((bytes / MB).toFixed(1));
  bench.add(
    atMost("training, without the items", (train.heap - train.items) / MB, limit(COPIES * train.model + 40 * MB), "MB"),
    reported("training, growth of the process", train.grown / MB, "MB"),
    atMost("encoding 10 k", encode.heap / MB, limit(encode.model + 16 * MB), "MB"),
    reported("encoding 10 k, growth of the process", encode.grown / MB, "MB"),
  );
}
