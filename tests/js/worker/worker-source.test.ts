/** An EmbeddingSource with a worker: it stays on the caller's side and is read by messages. */
import { type EmbeddingSource, InvalidInputError, measureSpectrum, RQVAE, residualKMeans, WorkerError } from "rqvae";
import { EncodePool, RQVAEWorker } from "rqvae/worker";
import { afterEach, describe, expect, it } from "vitest";
import { catalogue, sameBits, small } from "../support/catalogue.ts";
import { sourceOf } from "../support/embedding-sources.ts";

const DIM = 12;
const items = catalogue(1500, DIM);
/** More than a piece that is fetched at a time. */
const many = catalogue(9500, DIM);
const options = { inputDim: DIM, ...small };
const brief = { epochs: 2, batchSize: 400 };

const open: (RQVAEWorker | EncodePool)[] = [];
async function start(): Promise<RQVAEWorker> {
  const worker = await RQVAEWorker.create(options);
  open.push(worker);
  return worker;
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.dispose()));
});

describe("a worker", () => {
  it("trains and encodes from a source to the bytes of memory", async () => {
    using model = await RQVAE.create(options);
    const history = await model.train(items, brief);
    const worker = await start();
    expect(await worker.train(sourceOf(items), brief)).toEqual(history);
    expect(sameBits(await worker.save(), model.save())).toBe(true);
    const { codes } = model.encode(items);
    expect(sameBits((await worker.encodeAsync(sourceOf(items))).codes, codes)).toBe(true);
    const streamed: number[] = [];
    for await (const ids of worker.encodeStream(sourceOf(items))) streamed.push(...ids.codes);
    expect(streamed).toEqual([...codes]);
    await worker.kmeansInitCodebooks(sourceOf(items, { sync: true }));
    await model.kmeansInitCodebooks(items);
    expect(sameBits(await worker.save(), model.save())).toBe(true);

    using fitted = await RQVAE.fit(items, { epochs: 1 });
    const fit = await RQVAEWorker.fit(sourceOf(items), { epochs: 1 });
    open.push(fit);
    expect(sameBits(await fit.save(), fitted.save())).toBe(true);
    using baseline = await residualKMeans(items, { codebookSize: 8 });
    const kmeans = await RQVAEWorker.residualKMeans(sourceOf(items), { codebookSize: 8 });
    open.push(kmeans);
    expect(sameBits(await kmeans.save(), baseline.save())).toBe(true);
    const measured = await RQVAEWorker.measureSpectrum(sourceOf(items), { codebookSize: 8 });
    expect(measured).toEqual(await measureSpectrum(items, { codebookSize: 8 }));
    const stop = new AbortController();
    const stopping = sourceOf(items, { before: () => stop.abort("enough") });
    await expect(RQVAEWorker.measureSpectrum(stopping, { signal: stop.signal })).rejects.toBe("enough");
  });

  it("passes on what read throws, as it is, and stays usable", async () => {
    const worker = await start();
    for (const at of [0, 1, 4]) {
      const broken = new Error(`gone at ${at}`);
      const source = sourceOf(many, {
        before(_first, _count, number) {
          if (number === at) throw broken;
        },
      });
      await expect(worker.train(source, brief)).rejects.toBe(broken);
    }
    await worker.train(sourceOf(items), brief);
    expect(worker.initialized).toBe(true);
  });

  it.each<[string, unknown, RegExp]>([
    ["another dimension", { ...sourceOf(items), dim: 7 }, /inputDim 12, received vectors of dimension 7/],
    ["too few values", { rows: 1500, dim: DIM, read: () => new Float32Array(5) }, /read\(0, 256\) must give/],
    ["no array", { rows: 1500, dim: DIM, read: () => "rows" }, /received "rows"/],
    ["nothing", { rows: 1500, dim: DIM, read: () => undefined }, /read\(0, 256\) must give.*received null/],
    ["a function", { rows: 1500, dim: DIM, read: () => () => 1 }, /cannot be sent to the worker/],
  ])("refuses %s", async (_, source, message) => {
    const worker = await start();
    const error = await worker.train(source as EmbeddingSource).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InvalidInputError);
    expect((error as Error).message).toMatch(message);
    await expect(worker.encode(sourceOf(items) as never)).rejects.toThrow(/received a source of vectors: encodeAsync/);
  });

  it("hears an abort, and a termination ends a call that waits for rows", async () => {
    const worker = await start();
    const controller = new AbortController();
    const reason = new Error("enough");
    const source = sourceOf(items, { before: () => controller.abort(reason) });
    await expect(worker.train(source, { signal: controller.signal })).rejects.toBe(reason);
    const never: EmbeddingSource = { ...sourceOf(items), read: () => new Promise(() => {}) };
    const waiting = worker.train(never);
    setTimeout(() => worker.dispose(), 50);
    await expect(waiting).rejects.toBeInstanceOf(WorkerError);
  });

  it("names the batch of a stream", async () => {
    const worker = await start();
    await worker.kmeansInitCodebooks(items);
    const bad = items.data.slice(0, 5 * DIM);
    bad[3 * DIM] = Number.NaN;
    const stream = worker.encodeStream([items.data.slice(0, DIM), bad]);
    expect((await stream.next()).value?.length).toBe(1);
    await expect(stream.next()).rejects.toThrow(/batch 1: row 3, column 0 is NaN/);
  });
});

describe("a pool", () => {
  it("encodes a source, one read at a time", async () => {
    using model = await RQVAE.create(options);
    await model.kmeansInitCodebooks(items);
    const pool = await EncodePool.create(model.save(), { workers: 3 });
    open.push(pool);
    const more = catalogue(30_000, DIM);
    const source = sourceOf(more);
    expect(sameBits((await pool.encode(source)).codes, model.encode(more).codes)).toBe(true);
    expect(source.reads.length).toBeGreaterThan(2);
    const data = more.data.slice();
    data[20_001 * DIM + 1] = Number.NaN;
    await expect(pool.encode(sourceOf({ ...more, data }))).rejects.toThrow(/row 20001, column 1 is NaN/);
    const broken = new Error("gone");
    const failing: EmbeddingSource = { ...source, read: () => Promise.reject(broken) };
    await expect(pool.encode(failing)).rejects.toBe(broken);
    expect((await pool.encode(sourceOf(more))).length).toBe(30_000);
  });
});
