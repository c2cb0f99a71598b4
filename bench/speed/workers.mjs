// The part "workers": what a pool of workers gains, and how soon a worker answers an abort.
import { availableParallelism } from "node:os";
import { RQVAE } from "rqvae";
import { EncodePool, RQVAEWorker } from "rqvae/worker";
import { atLeast, atMost, reported } from "../figures.mjs";
import { clustered, ROWS, SHAPE } from "./inputs.mjs";
import { twoThreadScaling } from "./machine.mjs";
import { alternate, middle, ratio } from "./measure.mjs";

const ABORTS = 10;
/** Milliseconds after which an abort is sent: the job is in the midst of its work. */
const BEFORE_ABORT = 150;

/** @type {(bench: import("./bench.mjs").Bench) => Promise<void>} */
export async function measureWorkers(bench) {
  const items = clustered(ROWS, SHAPE.inputDim);
  const model = await RQVAE.create(SHAPE);
  await model.kmeansInitCodebooks(items);
  await measurePool(bench, model, items);
  model.dispose();
  await measureAborts(bench, items);
}

/** @type {(bench: import("./bench.mjs").Bench, model: RQVAE, items: import("rqvae").ItemMatrix) => Promise<void>} */
async function measurePool(bench, model, items) {
  if (availableParallelism() < 2) {
    bench.note("the pool: skipped, there is one core");
    return;
  }
  const pool = await EncodePool.create(model.save({ part: "encoder" }), { workers: 2 });
  try {
    /** @type {(work: () => Promise<{ codes: ArrayLike<number> }>) => () => Promise<{ seconds: number, codes: ArrayLike<number> }>} */
    const timed = (work) => async () => {
      const started = performance.now();
      const { codes } = await work();
      return { seconds: (performance.now() - started) / 1000, codes };
    };
    const [one, two] = await alternate([timed(async () => model.encode(items)), timed(() => pool.encode(items))]);
    if (!one[0].codes.length || String(one[0].codes) !== String(two[0].codes)) throw new Error("the IDs differ");
    const [alone, pooled] = [one, two].map((turns) => turns.map(({ seconds }) => seconds));
    const gain = ratio(alone, pooled);
    bench.add(
      reported("encode, 10 k, one thread", ROWS / middle(alone), "items/s"),
      reported("a pool of two workers", ROWS / middle(pooled), "items/s"),
      reported("a pool of two workers / one thread", gain, "x"),
      atLeast("a pool of two, share of the ceiling's own scaling", gain / (await twoThreadScaling(bench)), 0.8),
    );
  } finally {
    await pool.dispose();
  }
}

/** @type {(bench: import("./bench.mjs").Bench, items: import("rqvae").ItemMatrix) => Promise<void>} */
async function measureAborts(bench, items) {
  const worker = await RQVAEWorker.create(SHAPE);
  try {
    /** @type {(work: (signal: AbortSignal) => PromiseLike<unknown>) => Promise<number>} */
    const longest = async (work) => {
      let worst = 0;
      for (let turn = 0; turn < ABORTS; turn++) {
        const controller = new AbortController();
        let sent = 0;
        setTimeout(() => {
          sent = performance.now();
          controller.abort(new Error("enough"));
        }, BEFORE_ABORT);
        await Promise.resolve(work(controller.signal)).then(
          () => {
            throw new Error("it ended before it was aborted");
          },
          (error) => {
            if (error !== controller.signal.reason) throw error;
          },
        );
        worst = Math.max(worst, performance.now() - sent);
      }
      return worst;
    };
    const initialize = await longest((signal) => worker.kmeansInitCodebooks(items, { signal }));
    await worker.kmeansInitCodebooks(items);
    const train = await longest((signal) => worker.train(items, { epochs: 1e6, batchSize: 1024, signal }));
    bench.add(
      atMost(`k-means, longest of ${ABORTS} from abort to rejection`, initialize, 250, "ms"),
      atMost(`training, longest of ${ABORTS} from abort to rejection`, train, 250, "ms"),
    );
  } finally {
    await worker.dispose();
  }
}
