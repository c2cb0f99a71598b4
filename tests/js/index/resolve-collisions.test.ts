import { type ItemId, RQVAE, SemanticIdIndex, SemanticIds } from "rqvae";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { catalogue, squaredDistance } from "../support/catalogue.ts";

const DIM = 12;
const items = catalogue(5000, DIM);
const itemIds = Array.from({ length: items.rows }, (_, i) => `i${i}`);
const rowsOf = (rows: readonly number[]) => ({
  data: Float32Array.from(rows.flatMap((row) => [...items.data.subarray(row * DIM, (row + 1) * DIM)])),
  rows: rows.length,
  dim: DIM,
});
const idsOf = (ids: SemanticIds, rows: readonly number[]) =>
  SemanticIds.from(
    rows.map((row) => ids.at(row)),
    { codebookSizes: ids.codebookSizes, fingerprint: ids.fingerprint! },
  );

let model: RQVAE;
let ids: SemanticIds;
async function quantizer(codebookSize: number | number[], seed = 0): Promise<RQVAE> {
  const made = await RQVAE.create({ inputDim: DIM, latentDim: DIM, hiddenDims: [], codebookSize, seed });
  await made.kmeansInitCodebooks(items);
  return made;
}
beforeAll(async () => {
  model = await quantizer(32);
  ids = model.encode(items);
});
afterAll(() => model.dispose());

// Reported of another implementation: one ID for many items; repair missing or unbounded.
describe("A6: 5,000 items", () => {
  it("3 x 16 is refused with the arithmetic, and one more level offered, which works", async () => {
    const small = await quantizer(16);
    const few = small.encode(items);
    const build = (collisions: "reassign" | "suffix") =>
      SemanticIdIndex.build(itemIds, few, { collisions, model: small, items });
    expect(() => build("reassign")).toThrow(/16 x 16 x 16 = 4,096 IDs are fewer than 5,000 items: add one more level/);
    const index = build("suffix");
    expect(new Set(itemIds.map((item) => String(index.get(item)))).size).toBe(5000);
    small.dispose();
  });

  it("3 x 32 gives 5,000 different IDs of the same length on request", () => {
    const { distinctIds } = count(ids);
    expect(distinctIds).toBeLessThan(5000);
    const index = SemanticIdIndex.build(itemIds, ids, { collisions: "reassign", model, items });
    const published = SemanticIds.from(
      itemIds.map((item) => index.get(item)!),
      { codebookSizes: [32, 32, 32] },
    );
    expect(count(published).distinctIds).toBe(5000);
    // Every raw ID is still somebody's, and most of its items keep it.
    for (const raw of ids) expect(index.items(raw)).toHaveLength(1);
    const kept = itemIds.filter((item, i) => String(index.get(item)) === String(ids.at(i)));
    expect(kept.length).toBeGreaterThan(0.8 * distinctIds);
    for (const [i, item] of itemIds.entries()) expect(index.getRaw(item)).toEqual(ids.at(i));
  });
});

const count = (of: SemanticIds) => ({ distinctIds: new Set([...of].map(String)).size });

describe("reassign", () => {
  it("every possible ID can be given, and not one more", async () => {
    const tiny = await quantizer([4, 4, 4]);
    const rows = Array.from({ length: 64 }, (_, i) => i);
    const raw = tiny.encode(rowsOf(rows));
    const names = rows.map((row) => itemIds[row]!);
    const index = SemanticIdIndex.build(names, raw, { collisions: "reassign", model: tiny, items: rowsOf(rows) });
    expect(new Set(names.map((item) => String(index.get(item)))).size).toBe(64);
    const before = index.save();
    const one = rowsOf([64]);
    expect(() => index.add(["one more"], tiny.encode(one), { items: one })).toThrow(
      /4 x 4 x 4 = 64 IDs are fewer than 65 items/,
    );
    expect(index.save()).toEqual(before);
    // A retired ID counts as held, one that may be used again does not.
    index.remove([names[0]!]);
    expect(() => index.add(["one more"], tiny.encode(one), { items: one })).toThrow(/64 IDs/);
    const freed = [names[1]!, names[2]!].map((item) => index.get(item)!);
    index.remove([names[1]!, names[2]!], { reuse: true });
    index.add(["one more"], tiny.encode(one), { items: one });
    expect(freed).toContainEqual(index.get("one more"));
    tiny.dispose();
  });

  it("moves no published ID as the index grows, shrinks and is saved; the same rows in another order give the same IDs", async () => {
    const grow = async (arrange: (rows: number[]) => number[]) => {
      const call = (from: number, to: number) => arrange(Array.from({ length: to - from }, (_, i) => from + i));
      const first = call(0, 2000);
      let index = SemanticIdIndex.build(
        first.map((r) => itemIds[r]!),
        idsOf(ids, first),
        { collisions: "reassign", model, items: rowsOf(first) },
      );
      const seen = new Map<ItemId, string>();
      const given = new Map<string, ItemId>();
      for (const [from, to] of [
        [2000, 2010],
        [1990, 3000],
        [3000, 4000],
      ] as const) {
        const rows = call(from, to);
        index.add(
          rows.map((r) => itemIds[r]!),
          idsOf(ids, rows),
          { items: rowsOf(rows) },
        );
        for (const item of index.items([])) {
          const id = String(index.get(item));
          expect(seen.get(item) ?? id).toBe(id);
          expect(given.get(id) ?? item).toBe(item);
          seen.set(item, id);
          given.set(id, item);
        }
        index.remove(call(from, from + 5).map((r) => itemIds[r]!));
        index = await SemanticIdIndex.load(index.save(), { model });
      }
      const back = call(3000, 3005);
      index.add(
        back.map((r) => itemIds[r]!),
        idsOf(ids, back),
        { items: rowsOf(back) },
      );
      for (const r of back) expect(String(index.get(itemIds[r]!))).toBe(seen.get(itemIds[r]!));
      return new Map(index.items([]).map((item) => [item, index.get(item)]));
    };
    expect(await grow((rows) => rows.toReversed())).toEqual(await grow((rows) => rows));
  });

  test("items in every form give the same", () => {
    const rows = Array.from({ length: 300 }, (_, i) => i);
    const matrix = rowsOf(rows);
    const names = rows.map((row) => itemIds[row]!);
    const table = rows.map((row) => [...matrix.data.subarray(row * DIM, (row + 1) * DIM)]);
    const raw = model.encode(matrix);
    const files = [matrix, matrix.data, Float64Array.from(matrix.data), table].map((form) =>
      SemanticIdIndex.build(names, raw, { collisions: "reassign", model, items: form }).save(),
    );
    for (const file of files) expect(file).toEqual(files[0]);
  });

  test("vectors of other items, of another number, or not finite are refused", () => {
    const options = { collisions: "reassign", model } as const;
    const half = { data: items.data.subarray(0, 100 * DIM), rows: 100, dim: DIM };
    expect(() => SemanticIdIndex.build(itemIds, ids, { ...options, items: half })).toThrow(
      /items has 100 rows, but there are 5,000 IDs/,
    );
    const shifted = {
      ...items,
      data: Float32Array.from([...items.data.subarray(DIM), ...items.data.subarray(0, DIM)]),
    };
    expect(() => SemanticIdIndex.build(itemIds, ids, { ...options, items: shifted })).toThrow(
      /the model gives row \d+ the ID .* in the same order/,
    );
    const broken = { ...items, data: items.data.slice().fill(Number.NaN) };
    expect(() => SemanticIdIndex.build(itemIds, ids, { ...options, items: broken })).toThrow(
      /items: row \d+, column 0 is NaN/,
    );
  });
});

describe("one model, one index", () => {
  test("another model's IDs, or another model, are refused", async () => {
    const other = await quantizer(32, 1);
    expect(() => SemanticIdIndex.build(itemIds, ids, { model: other, items })).toThrow(
      /the given model is .* codes of different models mean different things/,
    );
    const index = SemanticIdIndex.build(itemIds, ids);
    expect(() => index.add(["new"], other.encode(rowsOf([0])))).toThrow(/the IDs were made by model/);
    await expect(SemanticIdIndex.load(index.save(), { model: other })).rejects.toThrow(/the given model is/);
    expect((await SemanticIdIndex.load(index.save(), { model })).fingerprint).toBe(model.fingerprint);
    other.dispose();
  });

  test("a model that was trained on since is refused, with nothing changed", async () => {
    const moving = await quantizer(8);
    const some = rowsOf([0, 1, 2, 3]);
    const index = SemanticIdIndex.build(["a", "b", "c", "d"], moving.encode(some), {
      collisions: "reassign",
      model: moving,
      items: some,
    });
    const before = index.save();
    const more = rowsOf([9]);
    const raw = SemanticIds.from([...moving.encode(more)], { codebookSizes: [8, 8, 8] });
    await moving.train(items, { epochs: 1 });
    expect(() => index.add(["e"], raw, { items: more })).toThrow(/the index's model has changed/);
    expect(index.save()).toEqual(before);
    moving.dispose();
  });

  test("an index loaded without its model looks up, and says what reassignment needs", async () => {
    const index = await SemanticIdIndex.load(
      SemanticIdIndex.build(itemIds, ids, { collisions: "reassign", model, items }).save(),
    );
    expect(index.items(index.get("i7")!)).toEqual(["i7"]);
    const one = rowsOf([0]);
    expect(() => index.add(["new"], model.encode(one))).toThrow(/"reassign" needs model and items/);
    expect(() => index.add(["new"], model.encode(one), { items: one })).toThrow(/load the index with \{ model \}/);
    expect(index.add(["i0"], model.encode(one)).unchanged).toBe(1);
  });

  test("nearestValid goes by distance where the model is known", () => {
    const some = Array.from({ length: 50 }, (_, i) => i);
    const index = SemanticIdIndex.build(some, idsOf(ids, some), { model });
    const [book] = model.codebooks();
    const valid = [...index.allowedNext([])];
    const code = (k: number) => book!.subarray(k * DIM, (k + 1) * DIM);
    const unused = Array.from({ length: 32 }, (_, k) => k).filter((k) => !valid.includes(k));
    expect(unused.length).toBeGreaterThan(0);
    for (const k of unused) {
      const nearest = valid.reduce((a, b) =>
        squaredDistance(code(k), code(b)) < squaredDistance(code(k), code(a)) ? b : a,
      );
      expect(index.nearestValid([k])[0]).toBe(nearest);
      expect(index.isLeaf(index.nearestValid([k, 0, 0]))).toBe(true);
    }
    for (const row of some) expect(index.nearestValid(ids.at(row))).toEqual(ids.at(row));
  });
});

describe("drift", () => {
  const first = Array.from({ length: 4000 }, (_, i) => i);
  const later = Array.from({ length: 1000 }, (_, i) => 4000 + i);

  it("is the share of new items that leave more over than 99% of the catalogue did, by brute force", async () => {
    const leftOvers = (of: { data: Float32Array; rows: number; dim: number }) => {
      const { residuals, embeddings } = model.getSemanticIds(of);
      return Array.from({ length: of.rows }, (_, i) =>
        squaredDistance(
          residuals.subarray((3 * i + 2) * DIM, (3 * i + 3) * DIM),
          embeddings.subarray((3 * i + 2) * DIM, (3 * i + 3) * DIM),
        ),
      );
    };
    const limit = leftOvers(rowsOf(first)).sort((a, b) => a - b)[Math.ceil(0.99 * 4000) - 1]!;
    const index = SemanticIdIndex.build(first, idsOf(ids, first), { model, items: rowsOf(first) });
    expect(index.drift).toEqual({ items: 0, outside: 0, share: 0 });
    const outside = leftOvers(rowsOf(later)).filter((x) => x > limit).length;
    const { drift } = index.add(later, idsOf(ids, later), { items: rowsOf(later) });
    expect(drift).toEqual({ items: 1000, outside, share: outside / 1000 });
    expect((await SemanticIdIndex.load(index.save(), { model })).drift).toEqual(index.drift);

    // Items of another kind: a warning in words, in the update and for the whole.
    const strange = { data: items.data.slice(0, 100 * DIM).map((x, i) => x + (i % 5)), rows: 100, dim: DIM };
    const names = Array.from({ length: 100 }, (_, i) => `new${i}`);
    const update = index.add(names, model.encode(strange), { items: strange });
    expect(update.drift!.share).toBeGreaterThan(0.5);
    expect(update.drift!.warning).toMatch(/^\d+ of 100 new items \(\d+\.\d%\) are farther .* train a new model/);
    expect(index.drift!.items).toBe(1100);
    expect(index.drift!.outside).toBe(outside + update.drift!.outside);
  });

  it("is not known of an index that was built without model and items", () => {
    const index = SemanticIdIndex.build(first, idsOf(ids, first), { model });
    expect(index.drift).toBeUndefined();
    expect(index.add(later, idsOf(ids, later), { items: rowsOf(later) }).drift).toBeUndefined();
  });
});
