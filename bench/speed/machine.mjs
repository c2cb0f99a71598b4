// The part "ceiling": what WebAssembly can do on this machine, on one thread and on two at once.
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { reported } from "../figures.mjs";
import { alternate, middle, ratio, TURN_SECONDS } from "./measure.mjs";

const TURN = 1000 * TURN_SECONDS;

/**
 * How much more `threads` threads do at once than one, by the ceiling's loop, which shares nothing but the processor.
 * @param {number} accumulators
 * @param {number} threads
 */
async function measureScaling(accumulators, threads) {
  const workers = Array.from(
    { length: threads },
    () => new Worker(new URL("ceiling-thread.mjs", import.meta.url), { workerData: { accumulators } }),
  );
  try {
    await Promise.all(workers.map((worker) => once(worker, "message")));
    /** @type {(some: Worker[]) => Promise<number>} */
    const together = async (some) => {
      const rates = some.map((worker) => once(worker, "message"));
      for (const worker of some) worker.postMessage(TURN);
      return (await Promise.all(rates)).reduce((sum, [rate]) => sum + rate, 0);
    };
    const [one, all] = await alternate([() => together(workers.slice(0, 1)), () => together(workers)]);
    return ratio(all, one);
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** The ceiling's own scaling on two threads; 1 where there is one core. @type {(bench: import("./bench.mjs").Bench) => Promise<number>} */
export async function twoThreadScaling(bench) {
  if (availableParallelism() < 2) return 1;
  const { accumulators } = await bench.ceiling();
  return measureScaling(accumulators, 2);
}

/** @type {(bench: import("./bench.mjs").Bench) => Promise<void>} */
export async function measureMachine(bench) {
  const { measure, accumulators } = await bench.ceiling();
  const [rates] = await alternate([() => measure(TURN)]);
  bench.add(
    reported("wasm SIMD, one thread", middle(rates), "GFLOP/s"),
    reported("two threads / one thread", await twoThreadScaling(bench), "x"),
  );
  bench.note(`multiply-adds in registers, ${accumulators} accumulators of four floats (the best of 8 to 13)`);
}
