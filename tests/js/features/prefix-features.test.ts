/** Prefixes as features: the numbers by the definition, known vectors of the hash, and properties. */
import fc from "fast-check";
import { SemanticIdIndex, SemanticIds } from "rqvae";
import { prefixFeatures } from "rqvae/features";
import { readIds } from "rqvae/formats";
import { describe, expect, it } from "vitest";
import { hashCodes } from "../../../bindings/js/features/prefix-features.ts";

const ids = (rows: number[][], codebookSizes: number[]) => SemanticIds.from(rows, { codebookSizes });

/** MurmurHash3 x86 32 in whole numbers of any size, as its author wrote it. */
function murmur(words: readonly number[]): number {
  const mask = 0xffffffffn;
  const rotate = (x: bigint, bits: bigint) => ((x << bits) | (x >> (32n - bits))) & mask;
  let hash = 0n;
  for (const word of words) {
    const k = (rotate((BigInt(word) * 0xcc9e2d51n) & mask, 15n) * 0x1b873593n) & mask;
    hash = (rotate(hash ^ k, 13n) * 5n + 0xe6546b64n) & mask;
  }
  hash ^= BigInt(4 * words.length);
  hash = ((hash ^ (hash >> 16n)) * 0x85ebca6bn) & mask;
  hash = ((hash ^ (hash >> 13n)) * 0xc2b2ae35n) & mask;
  return Number(hash ^ (hash >> 16n));
}

describe("the hash", () => {
  it("has the published values of MurmurHash3 x86 32 with seed 0", () => {
    expect(hashCodes([], 0, 0)).toBe(0);
    expect(hashCodes([0], 0, 1)).toBe(0x2362f9de);
    expect(hashCodes([0x87654321], 0, 1)).toBe(0xf55b516b);
    expect(hashCodes([0xffffffff], 0, 1)).toBe(0x76293b50);
  });

  it("is that of the definition for any codes", () => {
    const codes = fc.array(fc.nat(2 ** 32 - 1), { maxLength: 8 });
    fc.assert(
      fc.property(codes, (words) => {
        expect(hashCodes([9, ...words], 1, words.length)).toBe(murmur(words));
      }),
    );
  });
});

describe("prefixFeatures", () => {
  const small = ids([[1, 2, 3], [0, 2, 3], [1, 2, 0], [1, 2, 3]], [2, 3, 4]); // biome-ignore format: a table

  it("gives the prefix as a number of mixed radix where there are few", () => {
    expect(prefixFeatures(small).columns).toEqual([
      { name: "prefix_1", depth: 1, buckets: 2, isExact: true, values: Int32Array.of(1, 0, 1, 1), prefixes: 2, colliding: 0 }, // biome-ignore format: a line each
      { name: "prefix_2", depth: 2, buckets: 6, isExact: true, values: Int32Array.of(5, 2, 5, 5), prefixes: 2, colliding: 0 }, // biome-ignore format: a line each
      { name: "prefix_3", depth: 3, buckets: 24, isExact: true, values: Int32Array.of(23, 11, 20, 23), prefixes: 3, colliding: 0 }, // biome-ignore format: a line each
    ]);
  });

  it("gives the hash where there are more, and says how many prefixes share a value", () => {
    const [, , third] = prefixFeatures(small, { buckets: 7 }).columns;
    expect([third!.isExact, third!.buckets]).toEqual([false, 7]);
    expect(Array.from(third!.values)).toEqual(Array.from(small, (codes) => murmur(codes) % 7));
    const one = prefixFeatures(small, { depths: [3], buckets: 1 }).columns[0]!;
    expect(one).toMatchObject({ values: new Int32Array(4), prefixes: 3, colliding: 2 });
  });

  it("depends on the prefix only: any order of rows, rows left out, longer IDs, other depths", () => {
    const sizes = [5, 7, 300];
    const table = fc.array(fc.tuple(...sizes.map((size) => fc.nat(size - 1))), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(table, fc.integer({ min: 1, max: 12_000 }), (rows, buckets) => {
        const { columns } = prefixFeatures(ids(rows, sizes), { buckets });
        for (const { depth, values, isExact, buckets: most, prefixes, colliding } of columns) {
          const possible = sizes.slice(0, depth).reduce((a, b) => a * b, 1);
          expect([isExact, most]).toEqual(possible <= buckets ? [true, possible] : [false, buckets]);
          expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
          expect(Math.max(...values)).toBeLessThan(most);
          const byPrefix = new Map(rows.map((row, i) => [String(row.slice(0, depth)), values[i]!]));
          rows.forEach((row, i) => {
            expect(values[i]).toBe(byPrefix.get(String(row.slice(0, depth))));
            const number = row.slice(0, depth).reduce((sum, code, l) => sum * sizes[l]! + code, 0);
            expect(values[i]).toBe(isExact ? number : murmur(row.slice(0, depth)) % buckets);
          });
          expect([prefixes, prefixes - colliding]).toEqual([byPrefix.size, new Set(byPrefix.values()).size]);
          const last = rows.slice(-1).map((row) => [...row, 3]);
          const alone = prefixFeatures(ids(last, [...sizes, 9]), { buckets, depths: [depth] }).columns[0]!;
          expect(alone.values[0]).toBe(values.at(-1));
        }
        const turned = prefixFeatures(ids(rows.toReversed(), sizes), { buckets, depths: [3, 1] }).columns;
        expect(turned.map(({ name }) => name)).toEqual(["prefix_3", "prefix_1"]);
        expect(turned[0]!.values).toEqual(columns[2]!.values.toReversed());
      }),
      { numRuns: 60 },
    );
  });

  it("hashes equal codes of different depths differently", () => {
    const zeros = ids([[0, 0, 0, 0]], [300, 300, 300, 300]);
    const values = prefixFeatures(zeros, { buckets: 256 }).columns.map(({ values }) => values[0]);
    expect(new Set(values).size).toBe(4);
  });

  it("leaves out the suffix of an index, or of IDs that are said to have one", () => {
    const raw = ids([[1, 2], [1, 2], [0, 2]], [2, 3]); // biome-ignore format: a table
    const index = SemanticIdIndex.build(["b", "a", 7], raw, { collisions: "suffix" });
    const found = prefixFeatures(index);
    expect(found.itemIds).toEqual([7, "a", "b"]);
    expect(found.columns.map(({ name, values }) => [name, ...values])).toEqual([
      ["prefix_1", 0, 1, 1],
      ["prefix_2", 2, 5, 5],
    ]);
    const published = ids(found.itemIds!.map((itemId) => index.get(itemId)!), [2, 3, 256]); // biome-ignore format: one line
    expect(prefixFeatures(published, { hasSuffix: true }).columns).toEqual(found.columns);
    expect(prefixFeatures(published).columns).toHaveLength(3);
    expect(prefixFeatures(index, { depths: [3] }).columns[0]!.name).toBe("prefix_3"); // if it is asked for
    expect(prefixFeatures(SemanticIdIndex.build(["a"], raw.length ? ids([[1, 2]], [2, 3]) : raw)).columns).toHaveLength(
      2,
    );
  });

  it("needs the codebook sizes of IDs from a file only where values depend on them", async () => {
    const read = await readIds(new TextEncoder().encode('{"id":"a","codes":[1,2]}\n{"id":"b","codes":[0,9]}\n'));
    expect(() => prefixFeatures(read.ids)).toThrow(/codebookSizes is needed/);
    // 2 x 10 is more already than there are buckets.
    const [column] = prefixFeatures(read.ids, { depths: [2], buckets: 19 }).columns;
    expect(Array.from(column!.values)).toEqual([murmur([1, 2]) % 19, murmur([0, 9]) % 19]);
  });

  it("refuses what makes no sense", () => {
    expect(() => prefixFeatures(small, { depths: [4] })).toThrow(/depths has 4; it must be a whole number from 1 to 3/);
    expect(() => prefixFeatures(small, { depths: [0] })).toThrow(/from 1 to 3/);
    expect(() => prefixFeatures(small, { depths: [1, 1] })).toThrow(/different numbers of codes/);
    expect(() => prefixFeatures(small, { depths: [] })).toThrow(/different numbers of codes/);
    expect(() => prefixFeatures(small, { buckets: 2 ** 31 + 1 })).toThrow(/buckets/);
    expect(() => prefixFeatures(small, { buckets: 0 })).toThrow(/buckets/);
    expect(() => prefixFeatures([[1, 2]] as unknown as SemanticIds)).toThrow(/ids must be/);
    expect(() => prefixFeatures(small, { size: 3 } as object)).toThrow(/size/);
  });
});
