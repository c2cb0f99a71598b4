/** A long call as a promise and as a loop over its events. */
import { InvalidInputError, type JobProgress, type TrainProgress, WorkerError } from "rqvae";
import { RQVAEWorker } from "rqvae/worker";
import { afterEach, describe, expect, it } from "vitest";
import { catalogue, small } from "../support/catalogue.ts";

const items = catalogue(200, 6);
const workers: RQVAEWorker[] = [];
async function start(): Promise<RQVAEWorker> {
  const worker = await RQVAEWorker.create({ inputDim: 6, ...small });
  workers.push(worker);
  return worker;
}
afterEach(() => Promise.all(workers.splice(0).map((worker) => worker.dispose())));

describe("a loop over a call", () => {
  it("gives the events that onProgress gets, then the promise has the result", async () => {
    const worker = await start();
    const heard: TrainProgress[] = [];
    const seen: TrainProgress[] = [];
    const training = worker.train(items, { epochs: 300, batchSize: 32, onProgress: (event) => heard.push(event) });
    expect(training).toBeInstanceOf(Promise);
    for await (const event of training) seen.push(event);
    const history = await training;
    expect(seen).toEqual(heard);
    expect(seen.length).toBeGreaterThan(1);
    expect(seen.at(-1)?.progress).toBe(1);
    expect(seen.flatMap(({ newEpochs }) => newEpochs)).toEqual(history.epochs);
    // Over, it has nothing more to tell.
    for await (const _ of training) expect.unreachable();
  });

  it("takes events that came while it was not looking", async () => {
    const worker = await start();
    const seen: number[] = [];
    const training = worker.train(items, { epochs: 400, batchSize: 32 });
    for await (const { newEpochs } of training) {
      if (seen.length === 0) await training; // all the others come meanwhile
      seen.push(...newEpochs.map(({ epoch }) => epoch));
    }
    expect(seen).toEqual(Array.from({ length: 400 }, (_, epoch) => epoch));
  });

  it("is there for every long call, fit included", async () => {
    const fitting = RQVAEWorker.fit(items, { epochs: 30, seed: 1, validationShare: 0 });
    let last: TrainProgress | undefined;
    for await (const event of fitting) last = event;
    expect(last?.progress).toBe(1);
    const worker = await fitting;
    workers.push(worker);
    expect(worker.history?.epochs).toHaveLength(30);

    const quantising = RQVAEWorker.residualKMeans(items, { codebookSize: 4 });
    const told: JobProgress[] = [];
    for await (const event of quantising) told.push(event);
    workers.push(await quantising);
    const measuring = RQVAEWorker.measureSpectrum(items, { codebookSize: 4 });
    for await (const event of measuring) told.push(event);
    expect((await measuring).items).toBe(200);
    for await (const event of worker.kmeansInitCodebooks(items)) told.push(event);
    const encoding = worker.encodeAsync(items);
    for await (const event of encoding) told.push(event);
    expect(await encoding).toEqual(await worker.encode(items));
    expect(told.filter(({ progress }) => progress === 1).map(({ phase }) => phase)).toEqual([
      "initialize",
      "initialize",
      "initialize",
      "encode",
    ]);
  });

  it("throws what the call rejects with, and nothing is left unhandled", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on("unhandledRejection", note);
    try {
      const worker = await start();
      const loop = async (call: AsyncIterable<unknown>) => {
        for await (const _ of call);
      };
      await expect(loop(worker.train(items, { epochs: -1 }))).rejects.toThrow(InvalidInputError);
      const controller = new AbortController();
      const reason = { why: "enough" };
      setTimeout(() => controller.abort(reason), 50);
      await expect(loop(worker.train(items, { epochs: 1e6, signal: controller.signal }))).rejects.toBe(reason);
      const endless = expect(loop(worker.train(items, { epochs: 1e6 }))).rejects.toThrow(WorkerError);
      await worker.dispose();
      await endless;
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(unhandled).toEqual([]);
    } finally {
      process.off("unhandledRejection", note);
    }
  });

  it("stops the call when it is left, and the model serves on", async () => {
    const worker = await start();
    const training = worker.train(items, { epochs: 1e6, batchSize: 32 });
    for await (const { newEpochs } of training) if (newEpochs.length > 0) break;
    // Behind the loop all is done: no BusyError.
    await worker.train(items, { epochs: 1 });
    await expect(training).rejects.toHaveProperty("name", "AbortError");

    const error = new Error("in the loop");
    const again = worker.train(items, { epochs: 1e6, batchSize: 32 });
    const loop = (async () => {
      for await (const _ of again) throw error;
    })();
    await expect(loop).rejects.toBe(error);
    expect(await worker.encode(items)).toHaveLength(items.rows);
    await worker.train(items, { epochs: 1 });
  });
});
