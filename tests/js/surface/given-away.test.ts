/** Arrays whose buffer was given away, or shrank: refused by name wherever the library takes an array, and the worker lives on. */
import { InvalidInputError, RQVAE, residualKMeans, SemanticIdIndex, SemanticIds } from "rqvae";
import { readItems } from "rqvae/formats";
import { assessIds } from "rqvae/report";
import { EncodePool, RQVAEWorker } from "rqvae/worker";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readIdsNpy, readNpy, writeNpy } from "../../../bindings/js/formats/arrays/npy.ts";

const rows = Array.from({ length: 60 }, (_, i) => [Math.sin(i), Math.cos(i), i % 5]);
const flat = () => Float32Array.from(rows.flat());
const matrix = (data: Float32Array = flat()) => ({ data, rows: 60, dim: 3 });

function given<T extends ArrayBufferView>(array: T): T {
  structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] });
  return array;
}

/** An array at the end of a buffer that shrank. */
function shrunk(): Float32Array {
  const buffer: ArrayBuffer & { resize?(size: number): void } = new (
    ArrayBuffer as new (
      n: number,
      o: object,
    ) => ArrayBuffer
  )(720, { maxByteLength: 1440 });
  const array = new Float32Array(buffer, 0, 180);
  buffer.resize?.(8);
  return array;
}

let model: RQVAE;
let ids: SemanticIds;
let worker: RQVAEWorker;
let file: Uint8Array<ArrayBuffer>;
beforeAll(async () => {
  model = await RQVAE.fit(rows, { epochs: 1, codebookSize: 4 });
  ids = model.encode(rows);
  file = model.save();
  worker = await RQVAEWorker.load(file);
});
afterAll(async () => {
  model.dispose();
  await worker.dispose();
});

const message = /this array has no data any more/;
const spent = () => SemanticIds.trusted(ids.codes.slice(), ids.codebookSizes);

describe.each([
  ["a matrix that was given away", () => matrix(given(flat()))],
  ["a flat array that was given away", () => given(flat())],
  [
    "rows of which one was given away",
    () => rows.map((row, i) => (i === 7 ? given(Float32Array.from(row)) : Float32Array.from(row))),
  ],
  ["an array whose buffer shrank", () => matrix(shrunk())],
])("%s", (_name, make) => {
  it.each<[string, (items: never) => unknown]>([
    ["RQVAE.fit", (items) => RQVAE.fit(items, { inputDim: 3, epochs: 1 })],
    ["encode", (items) => model.encode(items)],
    ["encodeAsync", (items) => model.encodeAsync(items)],
    ["latents", (items) => model.latents(items)],
    ["getSemanticIds", (items) => model.getSemanticIds(items)],
    ["forward", (items) => model.forward(items)],
    ["train", (items) => model.train(items)],
    ["residualKMeans", (items) => residualKMeans(items, { inputDim: 3 } as object)],
    ["assessIds", (items) => assessIds(ids, { items, model })],
    [
      "SemanticIdIndex.build",
      (items) =>
        SemanticIdIndex.build(
          rows.map((_, i) => i),
          ids,
          { model, items },
        ),
    ],
    [
      "encodeStream",
      async (items) => {
        for await (const _ of model.encodeStream([items]));
      },
    ],
    ["a worker's encode", (items) => worker.encode(items)],
    ["a worker's encode with transfer", (items) => worker.encode(items, { transfer: true })],
    ["a worker's train", (items) => worker.train(items, { epochs: 1 })],
    ["a worker's trainStep", async (items) => worker.trainStep(items, await worker.createOptimizer())],
  ])("is refused by %s", async (_call, use) => {
    const items = make() as never;
    const attempts = [1, 2].map(async () => use(items)); // concurrently
    for (const attempt of attempts) {
      const error = await attempt.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(InvalidInputError);
      expect((error as Error).message).toMatch(message);
    }
    expect((await worker.encode(rows)).length).toBe(60);
  });
});

it("an array that is given to a worker twice, at once or later", async () => {
  const items = matrix();
  const [first, second] = await Promise.allSettled([
    worker.encode(items, { transfer: true }),
    worker.encode(items, { transfer: true }),
  ]);
  expect(first).toMatchObject({ status: "fulfilled" });
  expect(second).toMatchObject({
    status: "rejected",
    reason: { name: "InvalidInputError", message: expect.stringMatching(message) },
  });
  await expect(worker.encodeAsync(items)).rejects.toThrow(message);
  expect((await worker.encode(rows)).codes).toEqual(ids.codes);
});

it("an array that is given away while a call reads it", async () => {
  const many = { data: new Float32Array(3 * 200_000).fill(0.5), rows: 200_000, dim: 3 };
  const call = model.encodeAsync(many, { onProgress: () => many.data.byteLength > 0 && given(many.data) });
  await expect(call).rejects.toThrow(message);
  const pool = await EncodePool.create(file, { workers: 1 });
  const more = { data: new Float32Array(3 * 900_000).fill(0.5), rows: 900_000, dim: 3 };
  const pooled = pool.encode(more);
  queueMicrotask(() => given(more.data));
  await expect(pooled).rejects.toBeInstanceOf(InvalidInputError);
  expect((await pool.encode(rows)).length).toBe(60);
  await pool.dispose();
});

it.each<[string, () => unknown]>([
  ["RQVAE.load", () => RQVAE.load(given(file.slice()))],
  ["RQVAEWorker.load", () => RQVAEWorker.load(given(file.slice()))],
  ["EncodePool.create", () => EncodePool.create(given(file.slice()), { workers: 1 })],
  ["a worker's wasm", () => RQVAEWorker.create({ inputDim: 3 }, { wasm: given(file.slice()) })],
  ["resume", () => model.train(rows, { resume: given(file.slice()) })],
  ["a worker's resume", () => worker.train(rows, { resume: given(file.slice()) })],
  ["SemanticIdIndex.load", () => SemanticIdIndex.load(given(file.slice()))],
  ["readItems", () => readItems(given(file.slice()))],
  ["readNpy", () => readNpy(given(file.slice()))],
  ["readIdsNpy", () => readIdsNpy(given(file.slice()), { codebookSizes: [4, 4, 4] } as never)],
  ["writeNpy", () => writeNpy(matrix(given(flat())))],
  [
    "decode",
    () => {
      const gone = spent();
      given(gone.codes);
      return model.decode(gone);
    },
  ],
  [
    "a worker's decode",
    () => {
      const gone = spent();
      given(gone.codes);
      return worker.decode(gone);
    },
  ],
  [
    "SemanticIds.at",
    () => {
      const gone = spent();
      given(gone.codes);
      return gone.at(0);
    },
  ],
  [
    "assessIds of IDs",
    () => {
      const gone = spent();
      given(gone.codes);
      return assessIds(gone);
    },
  ],
  [
    "an index of IDs",
    () => {
      const gone = spent();
      given(gone.codes);
      return SemanticIdIndex.build(
        rows.map((_, i) => i),
        gone,
      );
    },
  ],
])("bytes and codes that were given away are refused by %s", async (_name, use) => {
  const error = await (async () => use())().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InvalidInputError);
  expect((error as Error).message).toMatch(message);
  expect((await worker.encode(rows)).length).toBe(60);
});
