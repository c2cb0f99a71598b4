// The part "products": the three matrix products of a layer, by themselves, as a share of the machine's ceiling.
import { fileURLToPath } from "node:url";
import { cmake } from "../../tools/build.mjs";
import { atLeast, reported } from "../figures.mjs";
import { alternate, middle, ratio } from "./measure.mjs";

/** The layers of the reference shape, inputs x outputs, and the code search's product. */
const LAYERS = [
  [768, 256],
  [256, 128],
  [128, 64],
  [64, 256],
];
/** Rows of a batch: a block of the core's, and four of them. */
const BATCHES = [256, 1024];
const TURN_MS = 60;

const PRODUCTS = /** @type {const} */ ([
  ["_Forward", "X W^T"],
  ["_Backward", "dY W"],
  ["_Gradient", "dY^T X"],
]);

/** @type {(bench: import("./bench.mjs").Bench) => Promise<void>} */
export async function measureProducts(bench) {
  cmake("wasm", ["rqvae-kernels"]);
  const url = new URL("../../build/wasm/rqvae-kernels.mjs", import.meta.url);
  const kernels = await (await import(fileURLToPath(url))).default();
  const { measure } = await bench.ceiling();
  for (const batch of BATCHES) {
    // Over all layers: what a step spends, large products weigh more.
    for (const [call, formula] of PRODUCTS) {
      const passes = LAYERS.map(([inputs, outputs]) => {
        const flops = 2 * batch * inputs * outputs;
        return () => {
          kernels._Prepare(batch, inputs, outputs);
          let calls = 0;
          const started = performance.now();
          while (performance.now() - started < TURN_MS) {
            kernels[call]();
            calls++;
          }
          return { flops, seconds: (performance.now() - started) / 1000 / calls };
        };
      });
      const all = () => {
        const times = passes.map((pass) => pass());
        const sum = (/** @type {"flops" | "seconds"} */ what) => times.reduce((total, each) => total + each[what], 0);
        return sum("flops") / sum("seconds") / 1e9;
      };
      const [rates, ceilings] = await alternate([all, () => measure(TURN_MS * LAYERS.length)]);
      bench.add(
        reported(`${formula}, batch ${batch}`, middle(rates), "GFLOP/s"),
        atLeast(`${formula}, batch ${batch}, share of the ceiling`, ratio(rates, ceilings), 0.85),
      );
    }
  }
}
