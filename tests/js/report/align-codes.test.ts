import { InvalidInputError, RQVAE, SemanticIds } from "rqvae";
import { alignCodes, compareIds } from "rqvae/report";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { permutationsOf, randomNumbers } from "../support/random.ts";

const SIZES = [6, 4, 4];
const DIM = 6;

/** Rows around nine centres. */
function vectors(rows: number, seed: number): Float32Array {
  const random = randomNumbers(seed);
  const centres = Array.from({ length: 9 }, () => Array.from({ length: DIM }, () => random(400) / 100));
  return Float32Array.from(
    { length: rows * DIM },
    (_, k) => centres[Math.floor(k / DIM) % 9]![k % DIM]! + random(100) / 150,
  );
}

const items = vectors(180, 3);
const itemIds = Array.from({ length: 180 }, (_, i) => `item ${i}`);
const trained = (seed: number, options = {}) =>
  RQVAE.fit(items, { inputDim: DIM, codebookSize: SIZES, hiddenDims: [12], latentDim: 4, epochs: 3, seed, ...options });

let old: RQVAE;
let young: RQVAE;
beforeAll(async () => {
  [old, young] = [await trained(1), await trained(2)];
});
afterAll(() => {
  old.dispose();
  young.dispose();
});

describe("a model whose codes get the numbers of older IDs", () => {
  it("keeps as many items at their codes as the best renaming, and is the same function", async () => {
    const oldIds = old.encode(items);
    const given = young.encode(items);
    const { model, ids, renaming, before, after } = await alignCodes(young, oldIds, items);
    expect(after.perDepth.map(({ unchanged }) => unchanged)).toEqual(before.perDepth.map(({ aligned }) => aligned));
    expect(after.unchanged).toBeGreaterThan(before.unchanged);
    expect(after.text).toContain("no renaming of codes would keep more");
    expect(after.text).not.toContain("beyond the renaming");
    expect([...model.encode(items)]).toEqual([...ids]);
    expect([...ids]).toEqual([...given].map((id) => id.map((code, level) => renaming[level]![code])));
    expect(model.decode(ids)).toEqual(young.decode(given));
    expect(model.fingerprint).not.toBe(young.fingerprint);
    expect(ids.fingerprint).toBe(model.fingerprint);
    // Its file remembers the training, and loads.
    const loaded = await RQVAE.load(model.save());
    expect(loaded.fingerprint).toBe(model.fingerprint);
    expect(loaded.history).toEqual(young.history);
    loaded.dispose();
    model.dispose();
  });

  it("keeps at each level as many as any permutation, given the levels above", async () => {
    const small = await RQVAE.fit(items, {
      inputDim: DIM,
      codebookSize: [4, 3],
      hiddenDims: [],
      latentDim: 3,
      epochs: 1,
      seed: 5,
    });
    const random = randomNumbers(8);
    const given = [...small.encode(items)];
    const oldRows = given.map(([a, b]) => [
      random(3) === 0 ? random(4) : (a! + 1) % 4,
      random(3) === 0 ? random(3) : (b! + 2) % 3,
    ]);
    const { model, renaming, after } = await alignCodes(
      small,
      SemanticIds.from(oldRows, { codebookSizes: [4, 3] }),
      items,
    );
    const agreeing = (numbers: number[][]) =>
      oldRows.filter((row, i) => numbers.every((to, level) => to[given[i]![level]!] === row[level])).length;
    expect(agreeing([renaming[0]!])).toBe(Math.max(...permutationsOf(4).map((to) => agreeing([to]))));
    expect(agreeing(renaming)).toBe(Math.max(...permutationsOf(3).map((to) => agreeing([renaming[0]!, to]))));
    expect(after.unchanged).toBe(agreeing(renaming));
    model.dispose();
    small.dispose();
  });

  it.each([
    ["averaged codebooks", { codebookUpdate: "ema", codebookGradient: "quantization" }],
    ["projected codebooks", { codebookSimVq: true }],
    ["a beam", { encodeBeam: 4, firstCodeWeight: 1 }],
  ])("recovers a permuted copy whole, byte for byte: %s", async (_, options) => {
    const original = await trained(3, options);
    const ids = original.encode(items);
    const random = randomNumbers(4);
    const shuffled = SIZES.map((size) => permutationsOf(size)[random(24)]!);
    const others = SemanticIds.from(
      [...ids].map((id) => id.map((code, level) => shuffled[level]![code]!)),
      { codebookSizes: SIZES },
    );
    const { model: copy, after } = await alignCodes(original, others, items);
    expect(after.unchangedShare).toBe(1);
    const { model: back, renaming } = await alignCodes(copy, ids, items);
    // Only because every code is in use: others may have other numbers.
    expect(SIZES.map((_, level) => new Set([...ids].map((id) => id[level]!)).size)).toEqual(SIZES);
    expect(back.fingerprint).toBe(original.fingerprint);
    expect(back.save()).toEqual(original.save());
    expect(compareIds(ids, back.encode(items)).unchangedShare).toBe(1);
    expect(renaming.map((numbers) => [...numbers].sort((a, b) => a - b))).toEqual(
      SIZES.map((size) => [...Array(size).keys()]),
    );
    for (const model of [original, copy, back]) model.dispose();
  });

  it("joins items by key, leaves those of one side out, and aligns the levels that both have", async () => {
    const oldIds = old.encode(items);
    // The old IDs have a suffix, another order and items that are gone; the new items have some that are new.
    const order = [...itemIds.keys()].reverse().filter((i) => i >= 20);
    const published = SemanticIds.from(
      order.map((i) => [...oldIds.at(i), 0]),
      { codebookSizes: [...SIZES, 256] },
    );
    const keys = {
      before: order.map((i) => itemIds[i]!),
      after: [...itemIds.slice(0, 150), ...itemIds.slice(150).map((id) => `new ${id}`)],
    };
    const { model, before, after } = await alignCodes(young, published, items, { itemIds: keys });
    expect(after.items).toBe(130);
    expect(after.added.length).toBe(50);
    expect(after.perDepth.map(({ unchanged }) => unchanged)).toEqual(before.perDepth.map(({ aligned }) => aligned));
    model.dispose();
    const wide = await trained(4, { codebookSize: [8, 4, 4] });
    const aligned = await alignCodes(wide, oldIds, items);
    expect(aligned.after.perDepth.at(-1)!.unchanged).toBe(aligned.before.perDepth.at(-1)!.aligned);
    aligned.model.dispose();
    wide.dispose();
  });

  it("keeps the code that is chosen of several with the same vector", async () => {
    const few = [
      [0, 0],
      [5, 5],
      [9, 1],
    ];
    const model = await RQVAE.fit(few, {
      codebookSize: [8],
      nQuantizationLayers: 1,
      hiddenDims: [],
      latentDim: 2,
      epochs: 1,
    });
    const given = [...model.encode(few)];
    const {
      model: aligned,
      ids,
      renaming,
    } = await alignCodes(model, SemanticIds.from([[2], [0], [1]], { codebookSizes: [8] }), few);
    expect([...ids]).toEqual(given.map(([code]) => [renaming[0]![code!]]));
    expect([...ids]).toEqual([[2], [0], [1]]);
    aligned.dispose();
    model.dispose();
  });

  it("refuses what cannot be aligned", async () => {
    const ids = (sizes: number[], n = 180) =>
      SemanticIds.from(Array(n).fill(sizes.map(() => 0)), { codebookSizes: sizes });
    await expect(alignCodes(young, ids([7, 4, 4]), items)).rejects.toThrow(/oldIds.*level 0.*7 codes.*model has 6/s);
    await expect(alignCodes(young, ids(SIZES, 3), items)).rejects.toThrow(/3 IDs/);
    await expect(alignCodes({} as RQVAE, ids(SIZES), items)).rejects.toThrow(InvalidInputError);
    await expect(alignCodes(young, [[0, 0, 0]] as never, items)).rejects.toThrow(/oldIds/);
    await expect(alignCodes(young, ids(SIZES), items, { keys: 1 } as never)).rejects.toThrow(/keys/);
  });
});
