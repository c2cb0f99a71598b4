/**
 * Items of finite values whose distances are beyond float32: every call that encodes names their row, and nothing else is touched. Steps
 * that would leave the range of float32 are taken back whole.
 */
import {
  DivergedError,
  InvalidInputError,
  type ItemMatrix,
  type OptimizerOptions,
  RQVAE,
  residualKMeans,
  SemanticIdIndex,
  SemanticIds,
} from "rqvae";
import { assessIds, explainIds } from "rqvae/report";
import { EncodePool, RQVAEWorker } from "rqvae/worker";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { catalogue, small } from "../support/catalogue.ts";
import { sourceOf } from "../support/embedding-sources.ts";

const DIM = 12;
const EXTREMES = [1e20, -1e25, 1e30, 1e38, 3.4e38];
const items = catalogue(1500, DIM);
let model: RQVAE;
let bystander: RQVAE;
let bytes: Uint8Array<ArrayBuffer>;
let codes: SemanticIds["codes"];
let bystanderBytes: Uint8Array;

beforeAll(async () => {
  model = await RQVAE.create({ inputDim: DIM, ...small });
  await model.train(items, { epochs: 2 });
  bystander = await RQVAE.create({ inputDim: DIM, ...small, seed: 7 });
  await bystander.kmeansInitCodebooks(items);
  bytes = model.save();
  bystanderBytes = bystander.save();
  codes = model.encode(items).codes;
});
afterAll(() => {
  model.dispose();
  bystander.dispose();
});
afterEach(() => {
  expect(model.save()).toEqual(bytes);
  expect(bystander.save()).toEqual(bystanderBytes);
  expect(model.encode(items).codes).toEqual(codes);
});

/** The items with one row of a value that is too large. */
function spoiled(row: number, value: number, { data, rows, dim } = items): ItemMatrix & { data: Float32Array } {
  const copy = data.slice();
  copy.fill(value, row * dim, (row + 1) * dim);
  return { data: copy, rows, dim };
}

const message = (row: number, name = "items") =>
  new RegExp(`^${name}: row ${row} has values too large for this model: .+\\.`);

/** What is thrown, or rejected with. */
async function errorOf(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

async function expectRefused(call: () => unknown, row: number, name?: string): Promise<void> {
  const error = await errorOf(call);
  expect(error).toBeInstanceOf(InvalidInputError);
  expect((error as Error).message).toMatch(message(row, name));
}

async function all(stream: AsyncIterable<SemanticIds>): Promise<number> {
  let rows = 0;
  for await (const ids of stream) rows += ids.length;
  return rows;
}

/** A source wide enough to be read in several pieces: rows of 12 MB / 4 / dim. */
const WIDE = 4096;
const PIECE = (12 << 20) / 4 / WIDE;

describe("a row that is out of range", () => {
  const calls: [string, (bad: ItemMatrix) => unknown][] = [
    ["encode", (bad) => model.encode(bad)],
    ["encode with margins", (bad) => model.encode(bad, { margins: true })],
    ["getSemanticIds", (bad) => model.getSemanticIds(bad)],
    ["latents", (bad) => model.latents(bad)],
    ["forward", (bad) => model.forward(bad)],
    ["reconstruct", (bad) => model.reconstruct(bad)],
    ["encodeAsync", (bad) => model.encodeAsync(bad)],
    ["encodeAsync of a source", (bad) => model.encodeAsync(sourceOf(bad as typeof items))],
    ["explainIds", (bad) => explainIds(model, bad)],
  ];
  it.each(calls)("is named by %s", async (_, call) => {
    for (const value of EXTREMES) {
      for (const row of [0, 255, 256, 1499]) await expectRefused(() => call(spoiled(row, value)), row);
    }
    // One value is enough, and the first such row is the one.
    const one = spoiled(1000, 2e38);
    one.data[700 * DIM + 3] = 3.4e38;
    await expectRefused(() => call(one), 700);
  });

  it("is named whatever the form of the items", async () => {
    const { data } = spoiled(3, 1e30);
    await expectRefused(() => model.encode(data), 3);
    await expectRefused(() => model.encode(Float64Array.from(data)), 3);
    await expectRefused(
      () => model.encode([...Array(5).keys()].map((i) => [...data.subarray(i * DIM, (i + 1) * DIM)])),
      3,
    );
    await expectRefused(() => model.encode(data.subarray(3 * DIM, 4 * DIM)), 0);
  });

  it("is named by encodeStream, with its batch", async () => {
    const { data } = spoiled(1100, 1e22);
    const batches = () => [
      data.subarray(0, 500 * DIM),
      data.subarray(500 * DIM, 1000 * DIM),
      data.subarray(1000 * DIM),
    ];
    await expectRefused(() => all(model.encodeStream(batches())), 100, "batch 2");
    const seen: number[] = [];
    await errorOf(async () => {
      for await (const ids of model.encodeStream(batches())) seen.push(...ids.codes);
    });
    expect(seen).toEqual([...codes.subarray(0, seen.length)]);
    expect(seen).toHaveLength(1000 * model.config.nQuantizationLayers);
  });

  it("is named in the whole where a source has several pieces", async () => {
    const wide = catalogue(PIECE + 300, WIDE);
    const wideModel = await RQVAE.create({ inputDim: WIDE, ...small });
    await wideModel.kmeansInitCodebooks({ data: wide.data.subarray(0, 64 * WIDE), rows: 64, dim: WIDE });
    const row = PIECE + 270;
    const bad = spoiled(row, 1e30, wide);
    await expectRefused(() => wideModel.encodeAsync(sourceOf(bad)), row);
    await expectRefused(() => all(wideModel.encodeStream(sourceOf(bad))), row);
    expect(await all(wideModel.encodeStream(sourceOf(wide)))).toBe(wide.rows);
    wideModel.dispose();
  });

  it("is named by a pool, and by a worker", async () => {
    const pool = await EncodePool.create(bytes, { workers: 2 });
    const worker = await RQVAEWorker.load(bytes);
    const optimizer = await worker.createOptimizer({ learningRate: 1e-9 });
    try {
      for (const row of [2, 1300]) {
        const bad = spoiled(row, 1e21);
        await expectRefused(() => pool.encode(bad), row);
        await expectRefused(() => pool.encode(sourceOf(bad)), row);
        await expectRefused(() => worker.encode(bad), row);
        await expectRefused(() => worker.encode(bad, { margins: true }), row);
        await expectRefused(() => worker.encodeAsync(bad), row);
        await expectRefused(() => worker.encodeAsync(sourceOf(bad)), row);
        await expectRefused(() => worker.getSemanticIds(bad), row);
        await expectRefused(() => worker.latents(bad), row);
        await expectRefused(() => worker.forward(bad), row);
        await expectRefused(() => worker.reconstruct(bad), row);
        await expectRefused(() => all(worker.encodeStream(sourceOf(bad))), row);
        await expectRefused(() => all(worker.encodeStream([items, bad])), row, "batch 1");
        expect(await errorOf(() => worker.trainStep(bad, optimizer))).toBeInstanceOf(DivergedError);
      }
      expect((await pool.encode(items)).codes).toEqual(codes);
      expect((await worker.encode(items)).codes).toEqual(codes);
      expect(await worker.save()).toEqual(bytes);
    } finally {
      await pool.dispose();
      await worker.dispose();
    }
  });

  it("is named by an index that looks at the vectors, which stays as it was", async () => {
    const ids = model.encode(items);
    const names = Array.from({ length: items.rows }, (_, i) => `item ${i}`);
    for (const collisions of ["suffix", "reassign"] as const) {
      const build = (vectors: ItemMatrix) => SemanticIdIndex.build(names, ids, { collisions, model, items: vectors });
      for (const row of [3, 1499]) await expectRefused(() => build(spoiled(row, 1e30)), row);
      const index = build(items);
      const before = index.save();
      const two = { ids: SemanticIds.from([ids.at(5), ids.at(5), ids.at(6)], ids), names: ["a", "b", "c"] };
      const vectors = [5, 5, 6].map((row) => items.data.slice(row * DIM, (row + 1) * DIM));
      vectors[1] = new Float32Array(DIM).fill(1e30);
      await expectRefused(() => index.add(two.names, two.ids, { items: vectors }), 1);
      expect(index.save()).toEqual(before);
      expect(index.size).toBe(items.rows);
    }
  });

  it("is named by an explanation of IDs that came from elsewhere", async () => {
    const explainer = await explainIds(model, spoiled(1200, 1e30), { ids: model.encode(items) });
    await expectRefused(() => explainer.explain(1200), 1200);
    await expectRefused(() => explainer.whyCollide(4, 1200), 1200);
    expect((await explainer.explain(4)).codes).toEqual([...codes.subarray(4 * 3, 5 * 3)]);
  });

  it("does no harm to a report, which compares vectors in double", async () => {
    const ids = model.encode(items);
    for (const value of EXTREMES) {
      const report = await assessIds(ids, { items: spoiled(900, value), model, baseline: false } as object);
      expect(report.toString()).not.toMatch(/NaN|Infinity/);
    }
  });

  it("is refused by a model of k-means too", async () => {
    const kmeans = await residualKMeans(items, { nQuantizationLayers: 2, codebookSize: 8 });
    await expectRefused(() => kmeans.encode(spoiled(40, 1e30)), 40);
    kmeans.dispose();
  });
});

describe("a step that is refused", () => {
  const kinds: [string, OptimizerOptions, object][] = [
    ["adam", { optimizer: "adam", learningRate: 1e-3 }, {}],
    ["adamw", { optimizer: "adamw", learningRate: 1e-3, weightDecay: 0.1 }, {}],
    ["adagrad", { optimizer: "adagrad", learningRate: 1e-2 }, {}],
    ["sgd with momentum", { optimizer: "sgd", learningRate: 1e-4, momentum: 0.9 }, {}],
    [
      "EMA codebooks",
      { optimizer: "adam", learningRate: 1e-3 },
      { codebookUpdate: "ema", codebookGradient: "quantization" },
    ],
  ];
  it.each(kinds)("leaves no trace: %s", async (_, options, extra) => {
    const batches = [0, 300, 600, 900].map((first) => items.data.subarray(first * DIM, (first + 300) * DIM));
    const run = async (refused: boolean) => {
      const own = await RQVAE.create({ inputDim: DIM, ...small, ...extra });
      await own.kmeansInitCodebooks(items);
      const optimizer = own.createOptimizer(options);
      for (const batch of batches) {
        own.trainStep(batch, optimizer);
        if (!refused) continue;
        const before = own.save();
        for (const value of EXTREMES) {
          const bad = spoiled(70, value, { data: batch, rows: 300, dim: DIM });
          expect(await errorOf(() => own.trainStep(bad, optimizer))).toBeInstanceOf(DivergedError);
        }
        expect(own.save()).toEqual(before);
      }
      const result = own.save();
      own.dispose();
      return result;
    };
    expect(await run(true)).toEqual(await run(false));
  });

  it("for its learning rate leaves the model as the step before it", async () => {
    for (const kind of ["adam", "adamw", "adagrad", "sgd"] as const) {
      const own = await RQVAE.create({ inputDim: DIM, ...small });
      await own.kmeansInitCodebooks(items);
      const good = own.createOptimizer({ optimizer: kind, learningRate: 1e-4 });
      own.trainStep(items, good);
      const bad = own.createOptimizer({ optimizer: kind, learningRate: 3e38 });
      // Until nothing is finite any more; then every step is refused, and the model stays the same.
      const diverge = () => {
        for (let step = 0; step < 5; step++) own.trainStep(items, bad);
      };
      expect(await errorOf(diverge)).toBeInstanceOf(DivergedError);
      const kept = own.save();
      expect(await errorOf(diverge)).toBeInstanceOf(DivergedError);
      expect(own.save()).toEqual(kept);
      own.dispose();
    }
  });
});

describe("a training that diverges", () => {
  it.each(["adam", "adamw", "adagrad", "sgd"] as const)("is an error, and the model usable: %s", async (optimizer) => {
    for (const learningRate of [1e18, 1e20, 1e30, 1e38]) {
      const own = await RQVAE.create({ inputDim: DIM, ...small });
      await own.kmeansInitCodebooks(items);
      const error = await errorOf(() =>
        own.train(items, { epochs: 3, batchSize: items.rows, optimizer, learningRate }),
      );
      expect(error).toBeInstanceOf(DivergedError);
      const { margins } = own.encode(items, { margins: true });
      expect(margins!.every(Number.isFinite)).toBe(true);
      expect((await RQVAE.load(own.save())).encode(items).codes).toEqual(own.encode(items).codes);
      own.dispose();
    }
  });
});
