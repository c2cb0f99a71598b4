/** Models of several vectors per item in workers: as without one, and nothing of the caller's is given away. */
import { type EmbeddingSource, RQVAE, residualKMeans } from "rqvae";
import { type Fused, fuse } from "rqvae/fusion";
import { EncodePool, RQVAEWorker } from "rqvae/worker";
import { afterEach, beforeAll, expect, it } from "vitest";
import { catalogue, small } from "../support/catalogue.ts";

const n = 40;
const title = catalogue(n, 6, 1);
const image = catalogue(n, 4, 2);
const named = { title, image };
const options = { ...small, epochs: 2 };
let fused: Fused;
let others: Fused;
let model: RQVAE;
const ended: { dispose(): Promise<void> }[] = [];
const kept = <T extends { dispose(): Promise<void> }>(one: T): T => {
  ended.push(one);
  return one;
};
const sourceOf = ({ data, rows, dim, fields }: Fused) =>
  ({ rows, dim, fields, read: (first, count) => data.slice(first * dim, (first + count) * dim) }) as EmbeddingSource;

beforeAll(async () => {
  const fields = [
    { name: "title", vectors: title },
    { name: "image", vectors: image },
  ];
  fused = await fuse(fields);
  others = await fuse(fields, { weights: { image: 2 } });
  model = await RQVAE.fit(fused, options);
});
afterEach(async () => {
  await Promise.all(ended.splice(0).map((one) => one.dispose()));
});

it("know their fields, encode them by name, and are the same bytes", async () => {
  const expected = model.encode(fused).codes;
  const before = structuredClone(fused.fields);
  const loaded = kept(await RQVAEWorker.load(model.save()));
  const fitted = kept(await RQVAEWorker.fit(fused, options));
  const fromSource = kept(await RQVAEWorker.fit(sourceOf(fused), options));
  for (const each of [loaded, fitted, fromSource]) {
    expect(each.fields).toEqual(model.fields);
    for (let again = 0; again < 2; again++) {
      expect((await each.encode(named as never)).codes).toEqual(expected);
      expect((await each.encode(fused)).codes).toEqual(expected);
      expect((await each.encodeAsync(sourceOf(fused))).codes).toEqual(expected);
    }
    expect(await each.save()).toEqual(model.save());
    await expect(each.encode(others)).rejects.toThrow(/other statistics/);
    await expect(each.encodeAsync(sourceOf(others))).rejects.toThrow(/other statistics/);
    const read = async (source: EmbeddingSource) => {
      const codes: number[] = [];
      for await (const ids of each.encodeStream(source)) codes.push(...ids.codes);
      return codes;
    };
    expect(await read(sourceOf(fused))).toEqual([...expected]);
    await expect(read(sourceOf(others))).rejects.toThrow(/other statistics/);
    await expect(each.encode({ sound: title } as never)).rejects.toThrow(/there is no field "sound"/);
  }
  expect(fused.fields).toEqual(before);
  const plain = kept(await RQVAEWorker.create({ ...small, inputDim: 10 }));
  expect(plain.fields).toBeUndefined();
  await plain.kmeansInitCodebooks(fused);
  expect(plain.fields).toEqual(model.fields);
  const codebooks = await residualKMeans(fused, { codebookSize: 4, nQuantizationLayers: 2 });
  expect(codebooks.fields).toEqual(model.fields);
});

it("are encoded by a pool as by one model", async () => {
  const pool = kept(await EncodePool.create(model.save({ part: "encoder" }), { workers: 2 }));
  const expected = model.encode(fused).codes;
  for (const items of [named as never, fused, sourceOf(fused)])
    expect((await pool.encode(items)).codes).toEqual(expected);
  await expect(pool.encode(others)).rejects.toThrow(/other statistics/);
  await expect(pool.encode(sourceOf(others))).rejects.toThrow(/other statistics/);
  await expect(pool.encode({ sound: title } as never)).rejects.toThrow(/there is no field "sound"/);
});

it("give no snapshots, and say so before anything is sent", async () => {
  const worker = kept(await RQVAEWorker.create({ ...small, inputDim: 10 }));
  const snapshots = { epochs: 1, write: () => {} };
  const refused = { code: "NOT_SENDABLE", message: /snapshots cannot be sent to a worker/ };
  const error = expect.objectContaining({ code: refused.code, message: expect.stringMatching(refused.message) });
  await expect(worker.train(fused, { snapshots })).rejects.toEqual(error);
  await expect(RQVAEWorker.fit(fused, { ...options, snapshots })).rejects.toEqual(error);
  expect(worker.initialized).toBe(false);
});

it("do not care what becomes of the caller's layout", async () => {
  const own = { ...fused, fields: structuredClone(fused.fields) };
  const fitted = await RQVAE.fit(own, options);
  const bytes = fitted.save();
  structuredClone(own.fields.fields[0]!.mean.buffer, { transfer: [own.fields.fields[0]!.mean.buffer as ArrayBuffer] });
  expect(fitted.save()).toEqual(bytes);
  expect(fitted.encode(named).codes).toEqual(model.encode(fused).codes);
});

it("keep their fields when a training goes on, whatever form the same vectors come in", async () => {
  const half = await RQVAE.fit(fused, options);
  const resume = half.saveCheckpoint();
  const { data, rows, dim } = fused;
  for (const items of [fused, { data, rows, dim }, sourceOf(fused)]) {
    const resumed = await RQVAE.fit(items, { ...options, resume });
    expect(resumed.fields).toEqual(model.fields);
    expect(resumed.encode(named).codes).toEqual(model.encode(fused).codes);
  }
  const mixed: Fused = { ...fused, fields: others.fields };
  await expect(RQVAE.fit(mixed, { ...options, resume })).rejects.toThrow(/other statistics/);
});
