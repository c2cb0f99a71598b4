/** Filters of an index against brute force: the list of allowed items. */
import fc from "fast-check";
import { type IdFilter, type ItemId, SemanticIdIndex, SemanticIds, UnknownPrefixError } from "rqvae";
import { LogitsMask, logitsProcessor } from "rqvae/decoding";
import { Vocabulary } from "rqvae/vocabulary";
import { describe, expect, it, test } from "vitest";

const SIZES = [3, 4, 3];

/** Every prefix of every ID, and the whole IDs. */
const prefixesOf = (index: SemanticIdIndex) => {
  const seen = new Map<string, number[]>();
  for (const [, codes] of index)
    for (let depth = 0; depth <= codes.length; depth++) {
      const prefix = codes.slice(0, depth);
      seen.set(prefix.join(), prefix);
    }
  return [...seen.values()];
};

/** Compares every answer of a filter with what the list of allowed items says. */
function expectAllows(filter: IdFilter, index: SemanticIdIndex, isAllowed: (itemId: ItemId) => boolean): void {
  const allowed = index.items([]).filter(isAllowed);
  expect(filter.size).toBe(allowed.length);
  expect(filter.items()).toEqual(allowed);
  for (const itemId of index.items([])) expect(filter.has(itemId)).toBe(isAllowed(itemId));
  for (const prefix of prefixesOf(index)) {
    const below = index.items(prefix).filter(isAllowed);
    expect(filter.count(prefix)).toBe(below.length);
    expect(filter.items(prefix)).toEqual(below);
    expect(filter.isLeaf(prefix)).toBe(below.length > 0 && prefix.length === index.levels);
    if (below.length === 0 && prefix.length > 0) {
      expect(() => filter.allowedNext(prefix)).toThrow(UnknownPrefixError);
      expect(() => filter.mask(prefix)).toThrow(UnknownPrefixError);
      continue;
    }
    const state = filter.state(prefix);
    expect(state).toBe(index.state(prefix));
    expect(filter.prefix(state)).toEqual(prefix);
    const next = new Set(below.map((itemId) => index.get(itemId)![prefix.length]));
    const codes = prefix.length === index.levels ? [] : [...next].sort((a, b) => a! - b!);
    expect([...filter.allowedNext(prefix)]).toEqual(codes);
    const size = index.codebookSizes[prefix.length] ?? index.codebookSizes.at(-1)!;
    const isLeaf = prefix.length === index.levels;
    const bits = Array.from({ length: size + 1 }, (_, code) => (isLeaf ? code === size : codes.includes(code)));
    if (allowed.length > 0) {
      expect([...filter.mask(state)]).toEqual(bits.map(Number));
      const added = bits.map((bit) => (bit ? 0 : Number.NEGATIVE_INFINITY));
      expect([...filter.mask(state, new Float32Array(size + 1))]).toEqual(added);
    }
    for (let code = 0; code < size && !isLeaf; code++) {
      if (codes.includes(code)) expect(filter.step(state, code)).toBe(index.state([...prefix, code]));
      else expect(() => filter.step(state, code)).toThrow(UnknownPrefixError);
    }
  }
}

/** Large enough, at times, that the counts are kept in both ways. */
const catalogues = fc
  .record({ items: fc.integer({ min: 1, max: 300 }), seed: fc.nat(), collisions: fc.constantFrom("share", "suffix") })
  .map(({ items, seed, collisions }) => {
    const draw = (i: number, level: number) => {
      let mixed = Math.imul((i * 7 + level + 1) ^ seed, 0x9e3779b1);
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b);
      return (mixed ^ (mixed >>> 13)) >>> 0;
    };
    const codes = Array.from({ length: items }, (_, i) => SIZES.map((size, level) => draw(i, level) % size));
    const itemIds = codes.map((_, i) => (i % 3 === 0 ? i : `item ${i}`));
    const ids = SemanticIds.from(codes, { codebookSizes: SIZES });
    return { index: SemanticIdIndex.build(itemIds, ids, { collisions, capacity: 500 } as const), itemIds };
  });

describe("a filter", () => {
  it("equals brute force, made of items and of a function, few and many", async () => {
    await fc.assert(
      fc.asyncProperty(catalogues, fc.integer({ min: 1, max: 100 }), fc.func(fc.nat(99)), async (given, share, of) => {
        const { index, itemIds } = given;
        const list = new Set(itemIds.filter((itemId) => of(itemId) < share));
        const isAllowed = (itemId: ItemId) => list.has(itemId);
        expectAllows(await index.filter([...list]), index, isAllowed);
        expectAllows(await index.filter(isAllowed), index, isAllowed);
      }),
      { numRuns: 5 },
    );
  });

  it("equals the sets of items that it is combined of, and after additions and removals", async () => {
    await fc.assert(
      fc.asyncProperty(catalogues, fc.func(fc.nat(99)), fc.nat(100), fc.nat(100), async (given, of, more, less) => {
        const { index, itemIds } = given;
        const [inA, inB] = [(id: ItemId) => of([id, 0]) < more, (id: ItemId) => of([id, 1]) < less];
        const [a, b] = [await index.filter(inA), await index.filter(itemIds.filter(inB))];
        const [notA, notB] = [a.complement(), b.complement()];
        expectAllows(notA, index, (id) => !inA(id));
        for (const [x, isIn] of [
          [a, inA],
          [notA, (id: ItemId) => !inA(id)],
        ] as const) {
          for (const [y, isInToo] of [
            [b, inB],
            [notB, (id: ItemId) => !inB(id)],
          ] as const) {
            expectAllows(x.union(y), index, (id) => isIn(id) || isInToo(id));
            expectAllows(x.intersection(y), index, (id) => isIn(id) && isInToo(id));
          }
        }
        expectAllows(a, index, inA);
        for (const changed of [a, notA]) {
          const inChanged = (id: ItemId) => (changed === a ? inA(id) : !inA(id));
          changed.add(itemIds.filter(inB)).remove(itemIds.filter((id) => of([id, 2]) < 50));
          expectAllows(changed, index, (id) => (inChanged(id) || inB(id)) && of([id, 2]) >= 50);
        }
        expectAllows(b, index, inB);
      }),
      { numRuns: 5 },
    );
  });
});

const codes = [
  [1, 2, 0],
  [1, 2, 0],
  [0, 3, 1],
  [1, 0, 2],
];
const itemIds = ["boot", "shoe", "hat", "sock"];
const build = () => SemanticIdIndex.build(itemIds, SemanticIds.from(codes, { codebookSizes: SIZES }));

test("all items are allowed without a choice, and none by the complement", async () => {
  const index = build();
  expectAllows(await index.filter(), index, () => true);
  const none = (await index.filter()).complement();
  expectAllows(none, index, () => false);
  expect([...none.allowedNext([])]).toEqual([]);
  const empty = SemanticIdIndex.build([], SemanticIds.from([], { codebookSizes: SIZES }));
  expect((await empty.filter(() => true)).size).toBe(0);
});

test("items that are not in the index are refused, or skipped on request", async () => {
  const index = build();
  await expect(index.filter(["hat", "cap"])).rejects.toMatchObject({
    code: "UNKNOWN_ITEM",
    row: 1,
    message: expect.stringMatching(/unknown: "skip" leaves such items out/),
  });
  // A promise is true, and would allow everything.
  await expect(index.filter((async () => false) as never)).rejects.toThrow(/which must be a function that answers/);
  expect((await index.filter(["hat", "cap", "hat"], { unknown: "skip" })).items()).toEqual(["hat"]);
  const filter = await index.filter(["hat"]);
  expect(() => filter.add(["sock", "cap"])).toThrow(/add: itemIds, row 1: item "cap" is not in the index/);
  expect(() => filter.remove(["hat", "cap"])).toThrow(/remove/);
  expect(filter.items()).toEqual(["hat"]);
  expect(filter.has("cap")).toBe(false);
});

test("a filter is refused once the index has changed, and by another index", async () => {
  const index = build();
  const filter = await index.filter(["hat", "boot"]);
  const foreign = await build().filter(["sock"]);
  expect(() => filter.union(foreign)).toThrow(/other must be a filter of the same index/);
  expect(() => filter.intersection({} as never)).toThrow(/other must be a filter of the same index/);
  await expect(index.similar("hat", { filter: foreign })).rejects.toThrow(
    /filter must be a function of an item ID, or a filter of this index/,
  );
  index.remove(["sock"]);
  for (const use of [
    () => filter.size,
    () => filter.has("hat"),
    () => filter.allowedNext([]),
    () => filter.mask([]),
    () => filter.add(["hat"]),
    () => filter.complement(),
  ]) {
    expect(use).toThrow(expect.objectContaining({ code: "INDEX_CHANGED" }));
  }
  await expect(index.similar("hat", { filter })).rejects.toMatchObject({ code: "INDEX_CHANGED" });
  expect((await index.filter(["hat", "boot"])).size).toBe(2);
});

test("similar items by a filter are those by a function", async () => {
  await fc.assert(
    fc.asyncProperty(catalogues, fc.func(fc.nat(99)), fc.nat(100), fc.nat(), async (given, of, share, query) => {
      const { index, itemIds } = given;
      const isAllowed = (itemId: ItemId) => of(itemId) < share;
      const item = itemIds[query % itemIds.length]!;
      const byFunction = await index.similar(item, { filter: isAllowed, limit: 50 });
      expect(await index.similar(item, { filter: await index.filter(isAllowed), limit: 50 })).toEqual(byFunction);
    }),
    { numRuns: 30 },
  );
});

test("LogitsMask and the logits processor take a filter as they take an index", async () => {
  const index = build();
  const vocabulary = new Vocabulary(index);
  const filter = await index.filter(["boot", "hat"]);
  const mask = new LogitsMask(filter, vocabulary);
  const left = (state: number) => {
    const logits = new Float32Array(vocabulary.size).fill(1);
    mask.apply(logits, state);
    return [...logits.keys()].filter((token) => logits[token] === 1);
  };
  const tokens = vocabulary.encode([1, 2, 0]);
  expect(left(mask.start)).toEqual([vocabulary.tokenOf(0, 0), tokens[0]]);
  let state = mask.start;
  for (const token of tokens) {
    expect(left(state)).toContain(token);
    state = mask.next(state, token);
  }
  expect(left(state)).toEqual([vocabulary.eos]);
  expect(left(mask.next(mask.start, tokens[0]!))).toEqual([tokens[1]]);
  const sock = vocabulary.encode(index.get("sock")!);
  expect(() => mask.next(mask.next(mask.start, sock[0]!), sock[1]!)).toThrow(/the filter allows no item/);
  const tensor = { dims: [1, vocabulary.size], data: new Float32Array(vocabulary.size).fill(1) };
  logitsProcessor(filter, vocabulary, { promptLength: 0 })([[tokens[0]!]], tensor);
  expect(tensor.data.filter((value) => value === 1)).toHaveLength(1);
  const none = new LogitsMask(filter.intersection(await index.filter(["sock"])), vocabulary);
  expect(() => none.apply(new Float32Array(vocabulary.size), none.start)).toThrow(/there is no ID to decode/);
});

it("is not made by a function that answers later, which would allow everything", async () => {
  const ids = SemanticIds.from([[0], [1]], { codebookSizes: [2] });
  const index = SemanticIdIndex.build(["a", "b"], ids, { collisions: "share" });
  const later = (async () => {
    throw new Error("nobody hears of it");
  }) as never;
  await expect(index.filter(later)).rejects.toThrow(/which must be a function that answers true or false at once/);
  await expect((async () => index.similar("a", { filter: later }))()).rejects.toThrow(
    /filter must be a function that answers true or false at once/,
  );
});
