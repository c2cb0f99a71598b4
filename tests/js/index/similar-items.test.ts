/** Similar items against brute force: every item compared, by the definition. */
import fc from "fast-check";
import { type ItemId, RQVAE, SemanticIdIndex, SemanticIds } from "rqvae";
import { RQVAEWorker } from "rqvae/worker";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { catalogue } from "../support/catalogue.ts";

const DIM = 4;
const ROWS = 60;
const SIZES = [4, 4, 5];
let model: RQVAE;
let itemIds: ItemId[];
let ids: SemanticIds;
const items = catalogue(ROWS, DIM);

beforeAll(async () => {
  model = await RQVAE.fit(items, { epochs: 2, latentDim: 3, hiddenDims: [8], codebookSize: SIZES });
  // Texts and numbers, in no order.
  itemIds = Array.from({ length: ROWS }, (_, i) => (i % 3 === 0 ? (i * 7) % ROWS : `item ${(i * 11) % ROWS}`));
  ids = model.encode(items);
});
afterAll(() => model.dispose());

const compareIds = (a: ItemId, b: ItemId) =>
  typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1;
const sharedBy = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  let shared = 0;
  while (shared < SIZES.length && shared < a.length && a[shared] === b[shared]) shared++;
  return shared;
};

/** The sum of the codes' vectors, in double. */
function pointOf(codes: readonly number[], books: Float32Array[]): number[] {
  const dim = books[0]!.length / SIZES[0]!;
  const sum = new Array<number>(dim).fill(0);
  codes.slice(0, SIZES.length).forEach((code, level) => {
    for (let j = 0; j < dim; j++) sum[j]! += books[level]![code * dim + j]!;
  });
  return sum;
}

/** All items but one, by the definition. */
function bruteForce(index: SemanticIdIndex, codes: readonly number[], target?: readonly number[], own?: ItemId) {
  const books = target && model.codebooks({ space: "latent" });
  return index
    .items([])
    .filter((itemId) => itemId !== own)
    .map((itemId) => {
      const id = index.get(itemId)!;
      const distance = books && Math.hypot(...pointOf(id, books).map((x, j) => x - target![j]!));
      return { itemId, id, shared: sharedBy(codes, id), ...(distance === undefined ? {} : { distance }) };
    })
    .sort(
      (a, b) =>
        b.shared - a.shared ||
        // Equal but for the roundings of another order of summation.
        (Math.abs((a.distance ?? 0) - (b.distance ?? 0)) < 1e-9 ? 0 : a.distance! - b.distance!) ||
        (books ? 0 : a.id.slice(0, SIZES.length).reduce((order, code, l) => order || code - b.id[l]!, 0)) ||
        (books || index.collisions !== "suffix" ? 0 : a.id.at(-1)! - b.id.at(-1)!) ||
        compareIds(a.itemId, b.itemId),
    );
}

const expectRanked = (
  found: Awaited<ReturnType<SemanticIdIndex["similar"]>>,
  expected: ReturnType<typeof bruteForce>,
) => {
  expect(found.map(({ itemId, shared }) => [itemId, shared])).toEqual(
    expected.map(({ itemId, shared }) => [itemId, shared]),
  );
  found.forEach(({ distance }, i) => {
    if (expected[i]!.distance === undefined) expect(distance).toBeUndefined();
    else expect(distance).toBeCloseTo(expected[i]!.distance!, 9);
  });
};

describe.each(["share", "suffix", "reassign"] as const)("similar with %s", (collisions) => {
  it("ranks every item as brute force does, for items, codes and vectors, at any limit", async () => {
    const index = SemanticIdIndex.build(itemIds, ids, { collisions, model, items });
    const books = model.codebooks({ space: "latent" });
    const all = { limit: ROWS };
    for (const [row, itemId] of itemIds.entries()) {
      const codes = index.get(itemId)!;
      const expected = bruteForce(index, codes, pointOf(codes, books), itemId);
      expectRanked(await index.similar(itemId, all), expected);
      for (const limit of [1, 3, 10]) expectRanked(await index.similar(itemId, { limit }), expected.slice(0, limit));
      const byCodes = bruteForce(index, codes, pointOf(codes, books));
      expectRanked(await index.similar(codes, { limit: 4 }), byCodes.slice(0, 4));
      const vector = items.data.slice(row * DIM, (row + 1) * DIM);
      const byVector = bruteForce(index, ids.at(row), Array.from(model.latents([vector])));
      expectRanked(await index.similar({ vector }, { limit: 5 }), byVector.slice(0, 5));
    }
  });

  it("takes codes that no item has and prefixes, and counts what they share", async () => {
    const index = SemanticIdIndex.build(itemIds, ids, { collisions, model, items });
    const books = model.codebooks({ space: "latent" });
    for (let k = 0; k < 48; k++) {
      const codes = [k >> 4, (k >> 2) & 3, k % 5].slice(0, k % 4);
      expectRanked(
        await index.similar(codes, { limit: 7 }),
        bruteForce(index, codes, pointOf(codes, books)).slice(0, 7),
      );
    }
  });

  it("ranks without a model by the codes in common, then by ID, then by item ID", async () => {
    const whole = SemanticIdIndex.build(itemIds, ids, { collisions, model, items });
    const index = await SemanticIdIndex.load(whole.save({ compact: true }));
    for (const itemId of itemIds) {
      const expected = bruteForce(index, index.get(itemId)!, undefined, itemId);
      expectRanked(await index.similar(itemId, { limit: ROWS }), expected);
      expectRanked(await index.similar(itemId, { limit: 6 }), expected.slice(0, 6));
    }
  });
});

const raw = (rows: number[][], codebookSizes: readonly number[] = [4, 4]) => SemanticIds.from(rows, { codebookSizes });

describe("similar", () => {
  it("is never empty because of a suffix: an item alone under its ID gets the nearest others", async () => {
    const index = SemanticIdIndex.build(["a", "b", "c"], raw([[0, 0], [3, 3], [3, 1]]), { collisions: "suffix" }); // biome-ignore format: three IDs
    expect(await index.similar("a")).toEqual([
      { itemId: "c", shared: 0 },
      { itemId: "b", shared: 0 },
    ]);
    expect(await index.similar("b", { limit: 1 })).toEqual([{ itemId: "c", shared: 1 }]);
  });

  it("does not count suffixes: items with one raw ID share it whole, whatever suffix the query has", async () => {
    const index = SemanticIdIndex.build(["a", "b", "c"], raw([[1, 2], [1, 2], [1, 3]]), { collisions: "suffix" }); // biome-ignore format: three IDs
    const expected = [
      { itemId: "a", shared: 2 },
      { itemId: "b", shared: 2 },
      { itemId: "c", shared: 1 },
    ];
    expect(await index.similar([1, 2])).toEqual(expected);
    expect(await index.similar([1, 2, 200])).toEqual(expected);
  });

  it("finds what a filter lets through, without asking it about more items than it must", async () => {
    const index = SemanticIdIndex.build(itemIds, ids, { collisions: "suffix", model });
    const isWanted = (itemId: ItemId) => typeof itemId === "number";
    const all = await index.similar(itemIds[1]!, { limit: ROWS });
    expect(await index.similar(itemIds[1]!, { filter: isWanted, limit: 5 })).toEqual(
      all.filter(({ itemId }) => isWanted(itemId)).slice(0, 5),
    );
    expect(await index.similar(itemIds[1]!, { filter: () => false })).toEqual([]);
    const own = itemIds[1]!;
    const asked: ItemId[] = [];
    await index.similar(own, { filter: (itemId) => asked.push(itemId) > 0 });
    expect(asked).not.toContain(own);
    await expect(
      index.similar(own, {
        filter: () => {
          throw new RangeError("mine");
        },
      }),
    ).rejects.toThrow(RangeError);
  });

  it("follows the index: items that come, go and are replaced", async () => {
    const index = SemanticIdIndex.build(["a", "b"], raw([[0, 0], [0, 1]]), { collisions: "suffix" }); // biome-ignore format: two IDs
    index.add(["c"], [[0, 0]]);
    expect(await index.similar("a", { limit: 1 })).toEqual([{ itemId: "c", shared: 2 }]);
    index.remove(["c"]);
    expect(await index.similar("a")).toEqual([{ itemId: "b", shared: 1 }]);
    index.replace(["b"], [[2, 2]]);
    expect(await index.similar("a")).toEqual([{ itemId: "b", shared: 0 }]);
    index.remove(["a", "b"]);
    expect(await index.similar([0, 0])).toEqual([]);
  });

  it("answers the same with a model in a worker, and after the index was loaded", async () => {
    const index = SemanticIdIndex.build(itemIds, ids, { collisions: "suffix", model, items });
    const worker = await RQVAEWorker.load(model.save());
    try {
      const far = await SemanticIdIndex.load(index.save({ compact: true }), { model: worker });
      const vector = [0.5, -1, 0.25, 2];
      for (const query of [itemIds[5]!, [1, 2], { vector }]) {
        expect(await far.similar(query)).toEqual(await index.similar(query));
      }
    } finally {
      await worker.dispose();
    }
  });

  it("leaves out branches that cannot hold the nearest items, and finds the same", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(...SIZES.map((size) => fc.nat(size - 1))), { minLength: 1, maxLength: 40 }),
        fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: DIM, maxLength: DIM }),
        fc.integer({ min: 1, max: 12 }),
        async (rows, vector, limit) => {
          const names = rows.map((_, i) => i);
          const index = SemanticIdIndex.build(names, raw(rows, SIZES), { model });
          const target = Array.from(model.latents([vector]));
          const codes = model.encode([vector]).at(0);
          expectRanked(await index.similar({ vector }, { limit }), bruteForce(index, codes, target).slice(0, limit));
        },
      ),
      { numRuns: 60 },
    );
  });

  it("refuses what is no query, and says what to give", async () => {
    const index = SemanticIdIndex.build(["a", "b"], raw([[0, 0], [0, 1]])); // biome-ignore format: two IDs
    const withModel = SemanticIdIndex.build(itemIds, ids, { model });
    const refused = (query: unknown, options?: object, of = index) =>
      of.similar(query as ItemId, options).then(String, (error: Error) => error.message);
    expect(await refused("z")).toContain('item "z" is not in the index');
    expect(await refused(7)).toContain("item 7 is not in the index");
    expect(await refused(null)).toContain("query must be an item ID, an array of codes or { vector }");
    expect(await refused([0, 4])).toContain("code 4 is not a whole number from 0 to 3");
    expect(await refused([0, 1, 0])).toContain("an ID has 2");
    expect(await refused({ vector: [1] })).toContain("need their model");
    expect(await refused({ vector: [1] }, {}, withModel)).toContain("vector has 1 number, but the model takes 4");
    expect(await refused({ vector: "abcd" }, {}, withModel)).toContain("vector must be an array of numbers");
    expect(await refused({ vector: [1, 2, Number.NaN, 4] }, {}, withModel)).toContain("NaN");
    expect(await refused("a", { limit: 0 })).toContain("limit must be");
    expect(await refused("a", { filter: "x" })).toContain("filter must be a function");
    expect(await refused("a", { most: 3 })).toContain("most");
  });
});
