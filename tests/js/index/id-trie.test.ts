import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SemanticIds } from "../../../bindings/js/ids/semantic-ids.ts";
import { mergeOrders, rangeOf, sortIds } from "../../../bindings/js/ids/sorted-ids.ts";
import { IdTrie } from "../../../bindings/js/index/id-trie.ts";

const names = (n: number) => Array.from({ length: n }, (_, i) => i);

/** IDs of up to 8 levels and up to 70,000 codes, with repetitions. */
const someRows = fc
  .array(fc.constantFrom(1, 2, 3, 300, 70000), { minLength: 1, maxLength: 8 })
  .chain((codebookSizes) => {
    const code = (size: number) => fc.oneof(fc.nat(size - 1), fc.constantFrom(0, size - 1));
    const row = fc.tuple(...codebookSizes.map(code)) as fc.Arbitrary<number[]>;
    return fc.array(row, { maxLength: 40 }).map((rows) => ({ codebookSizes, rows: [...rows, ...rows.slice(0, 5)] }));
  });

test("the trie answers as a search through all rows does", () => {
  fc.assert(
    fc.property(someRows, ({ codebookSizes, rows }) => {
      const { codes } = SemanticIds.from(rows, { codebookSizes });
      const trie = new IdTrie(sortIds(codes, codebookSizes, names(rows.length)));
      const levels = codebookSizes.length;
      const begins = (row: number[], prefix: number[]) => prefix.every((code, l) => row[l] === code);
      for (const row of [[], ...rows]) {
        for (let depth = 0; depth <= row.length; depth++) {
          const prefix = row.slice(0, depth);
          const state = trie.find(prefix);
          expect([trie.depth(state), trie.prefix(state)]).toEqual([depth, prefix]);
          const below = rows.flatMap((other, i) => (begins(other, prefix) ? [i] : []));
          expect([...trie.rows(state)].sort((a, b) => a - b)).toEqual(below);
          const next = [...new Set(below.map((i) => rows[i]![depth]!))].sort((a, b) => a - b);
          expect([...trie.next(state)]).toEqual(depth === levels ? [] : next);
          if (depth < levels) {
            for (const code of next) expect(trie.step(state, code)).toBe(trie.find([...prefix, code]));
            const other = codebookSizes[depth]! - 1;
            expect(trie.step(state, other) >= 0).toBe(next.includes(other));
          } else {
            expect(trie.step(state, 0)).toBe(-1);
          }
        }
      }
      // Every state is one prefix.
      const prefixes = new Set(rows.flatMap((row) => row.map((_, l) => String(row.slice(0, l + 1)))));
      expect(trie.size).toBe(1 + prefixes.size);
    }),
  );
});

describe("an empty trie", () => {
  const trie = new IdTrie(sortIds(new Uint16Array(0), [4, 4], []));
  test("has a root that leads nowhere", () => {
    expect([trie.size, trie.depth(0), [...trie.next(0)], [...trie.rows(0)], trie.find([1])]).toEqual([
      1,
      0,
      [],
      [],
      -1,
    ]);
    expect(trie.prefix(0)).toEqual([]);
  });
});

test("sortIds decides ties by item ID: numbers before strings", () => {
  const itemIds = ["b", 10, "a", 9, "B"];
  const { order } = sortIds(new Uint16Array(5), [4], itemIds);
  expect(Array.from(order, (row) => itemIds[row])).toEqual([9, 10, "B", "a", "b"]);
});

test("rangeOf finds what begins with a prefix, mergeOrders is a sort of all", () => {
  fc.assert(
    fc.property(someRows, fc.nat(45), ({ codebookSizes, rows }, split) => {
      const { codes } = SemanticIds.from(rows, { codebookSizes });
      const levels = codebookSizes.length;
      const all = sortIds(codes, codebookSizes, names(rows.length));
      for (const row of rows) {
        for (let depth = 0; depth <= levels; depth++) {
          const [start, end] = rangeOf(all, row, 0, depth);
          const found = [...all.order.subarray(start, end)].sort((a, b) => a - b);
          expect(found).toEqual(
            rows.flatMap((o, i) => (String(o.slice(0, depth)) === String(row.slice(0, depth)) ? [i] : [])),
          );
        }
      }
      const rank = new Map(Array.from(all.order, (row, i) => [row, i]));
      const [old, added] = [all.order.filter((row) => row < split), all.order.filter((row) => row >= split)];
      expect(mergeOrders(old, added, (a, b) => rank.get(a)! - rank.get(b)!)).toEqual(all.order);
    }),
  );
});
