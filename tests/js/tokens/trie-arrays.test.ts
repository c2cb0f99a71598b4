/** The tree of IDs for serving engines, walked as its documentation says. */
import { SemanticIdIndex, SemanticIds } from "rqvae";
import { allowedTokenTable, LogitsMask, type TrieArrays, trieArrays } from "rqvae/decoding";
import { Vocabulary } from "rqvae/vocabulary";
import { describe, expect, it, test } from "vitest";

const SIZES = [3, 4, 3];
const n = 60;
const codes = Array.from({ length: n }, (_, i) => SIZES.map((size, level) => (i * (2 * level + 3) + (i >> 3)) % size));
const itemIds = codes.map((_, i) => (i % 2 === 0 ? i : `item ${i}`));
const build = (collisions: "share" | "suffix") =>
  SemanticIdIndex.build(itemIds, SemanticIds.from(codes, { codebookSizes: SIZES }), { collisions, capacity: 60 });

/** The walk of the documentation: the node after these tokens; -1 if one may not follow. */
function walk({ offsets, tokens, children }: TrieArrays, prefix: readonly number[]): number {
  let node = 0;
  for (const token of prefix) {
    let edge = offsets[node]!;
    while (edge < offsets[node + 1]! && tokens[edge] !== token) edge++;
    if (edge === offsets[node + 1]) return -1;
    node = children[edge]!;
  }
  return node;
}
const allowedAt = ({ offsets, tokens }: TrieArrays, node: number) => [
  ...tokens.subarray(offsets[node], offsets[node + 1]),
];
const itemsAt = ({ itemOffsets, itemIds, firstWhole }: TrieArrays, node: number) =>
  itemIds.slice(itemOffsets[node - firstWhole], itemOffsets[node - firstWhole + 1]);

describe.each(["share", "suffix"] as const)("the arrays of an index with %s", (collisions) => {
  const index = build(collisions);
  const vocabulary = new Vocabulary(index, { baseOffset: 7 });

  it.each(["all items", "a filter"])("lead to what the index says, of %s", async (which) => {
    const filter = await index.filter(which === "a filter" ? itemIds.filter((_, i) => i % 5 < 2) : undefined);
    const arrays = await trieArrays(which === "a filter" ? filter : index, vocabulary);
    expect(arrays.offsets).toHaveLength(arrays.children.length + 2);
    expect(arrays.itemIds).toEqual(filter.items());
    const seen = new Set<number>();
    for (const itemId of filter.items()) {
      const id = index.get(itemId)!;
      for (let depth = 0; depth <= id.length; depth++) {
        const prefix = id.slice(0, depth);
        const node = walk(arrays, vocabulary.encode(prefix));
        seen.add(node);
        const next = [...filter.allowedNext(prefix)].map((code) => vocabulary.tokenOf(depth, code));
        expect(allowedAt(arrays, node)).toEqual(next);
        expect(node >= arrays.firstWhole).toBe(depth === id.length);
        if (depth === id.length) expect(itemsAt(arrays, node)).toEqual(filter.items(prefix));
      }
    }
    expect(seen.size).toBe(arrays.offsets.length - 1); // there is no other node
    expect(walk(arrays, [vocabulary.eos])).toBe(-1);
  });

  it("as a table allow what LogitsMask allows, at every prefix", async () => {
    const table = await allowedTokenTable(index, vocabulary);
    const mask = new LogitsMask(index, vocabulary);
    const arrays = await trieArrays(index, vocabulary);
    expect(Object.keys(table)).toHaveLength(arrays.offsets.length - 1);
    for (const [key, allowed] of Object.entries(table)) {
      const tokens = key === "" ? [] : key.split(",").map(Number);
      const logits = new Float32Array(vocabulary.baseOffset + vocabulary.size).fill(1);
      mask.apply(
        logits,
        tokens.reduce((state, token) => mask.next(state, token), mask.start),
      );
      expect(allowed).toEqual([...logits.keys()].filter((token) => logits[token] === 1));
    }
    const short = await allowedTokenTable(index, vocabulary, { depth: 1 });
    const entries = Object.entries(table).filter(([key]) => !key.includes(","));
    expect(short).toEqual(Object.fromEntries(entries));
  });
});

test("no items are a root without edges; tokens beyond 32 bits are refused", async () => {
  const empty = await build("share").filter([]);
  const vocabulary = new Vocabulary(build("share"));
  const arrays = await trieArrays(empty, vocabulary);
  expect(arrays).toMatchObject({ tokens: new Int32Array(0), children: new Uint32Array(0), itemIds: [] });
  expect([...arrays.offsets]).toEqual([0, 0]);
  expect(await allowedTokenTable(empty, vocabulary)).toEqual({ "": [] });
  const large = { tokenOf: (level: number, code: number) => 2 ** 31 + 100 * level + code, eos: 0 };
  await expect(trieArrays(empty, large)).rejects.toThrow(/above 2\^31 - 1/);
  await expect(allowedTokenTable(empty, vocabulary, { depth: 4 })).rejects.toThrow(/depth must be a whole number/);
});
