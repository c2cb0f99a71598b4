/** The parts of the bench, in the order in which they run. A part measures and adds its figures to the run (bench.mjs). */
import { measureEncoding } from "./encode.mjs";
import { measureFit } from "./fit.mjs";
import { measureFitGrowth, measureGrowth } from "./growth.mjs";
import { measureKMeans } from "./kmeans.mjs";
import { measureMachine } from "./machine.mjs";
import { measureMemory } from "./memory.mjs";
import { measureProducts } from "./products.mjs";
import { measureSizes } from "./sizes.mjs";
import { measureStart } from "./start.mjs";
import { measureTraining } from "./train.mjs";
import { measureWorkers } from "./workers.mjs";

/**
 * A slow one runs only if it is asked for by name.
 * @type {Record<string, { title: string, run: (bench: import("./bench.mjs").Bench) => void | Promise<void>, slow?: boolean }>}
 */
export const PARTS = {
  ceiling: { title: "The machine's ceiling", run: measureMachine },
  products: { title: "The products of a layer, one thread", run: measureProducts },
  train: { title: "Training, 768 -> [256, 128] -> 64, 3 x 256", run: measureTraining },
  fit: { title: "RQVAE.fit, as it chooses everything, one thread", run: measureFit },
  encode: { title: "Encoding, the same shape", run: measureEncoding },
  kmeans: { title: "Codebooks by residual k-means", run: measureKMeans },
  workers: { title: "In workers, the reference shape", run: measureWorkers },
  growth: { title: "Ten thousand to a million items, 32 -> [16] -> 8, 3 x 16", run: measureGrowth },
  "fit-growth": {
    title: "RQVAE.fit from a file of ten thousand to a million items of 128 dimensions, one epoch",
    run: measureFitGrowth,
    slow: true,
  },
  start: { title: "From import to the first ID", run: measureStart },
  memory: { title: "WebAssembly heap, the reference shape", run: measureMemory },
  sizes: { title: "Sizes", run: measureSizes },
};
