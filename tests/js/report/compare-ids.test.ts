import { InvalidInputError, SemanticIds } from "rqvae";
import { compareIds } from "rqvae/report";
import { describe, expect, it } from "vitest";
import { permutationsOf, randomNumbers } from "../support/random.ts";

const idsOf = (rows: number[][], codebookSizes: number[]) => SemanticIds.from(rows, { codebookSizes });

/** IDs that resemble `rows` under renamed codes: some items have others. */
function altered(rows: number[][], sizes: number[], random: (n: number) => number, renamings: number[][]) {
  return rows.map((row) =>
    row.map((code, level) => (random(4) === 0 ? random(sizes[level]!) : renamings[level]![code]!)),
  );
}

describe("the comparison of two sets of IDs", () => {
  it("agrees with counting by hand and with the best of all renamings, on small random sets", () => {
    const random = randomNumbers(11);
    for (let round = 0; round < 120; round++) {
      const sizes = [1 + random(4), 1 + random(4), 1 + random(3)].slice(0, 1 + random(3));
      const n = 1 + random(30);
      const rows = Array.from({ length: n }, () => sizes.map((size) => random(size)));
      const renamings = sizes.map((size) => permutationsOf(size)[random(size)]!);
      const others = altered(rows, sizes, random, renamings);
      const { perDepth, renaming, moved, unchanged, aligned } = compareIds(idsOf(rows, sizes), idsOf(others, sizes));

      const agreeing = (permutations: number[][], depth: number) =>
        rows.filter((row, i) => permutations.slice(0, depth).every((to, l) => to[row[l]!] === others[i]![l])).length;
      const same = sizes.map((size) => [...Array(size).keys()]);
      sizes.forEach((size, level) => {
        const depth = level + 1;
        expect(perDepth[level]!.unchanged).toBe(agreeing(same, depth));
        expect([...renaming[level]!].sort((a, b) => a - b)).toEqual(same[level]);
        // Given the levels above, no other permutation of this one keeps more.
        const best = Math.max(...permutationsOf(size).map((to) => agreeing([...renaming.slice(0, level), to], depth)));
        expect(perDepth[level]!.aligned).toBe(best);
        expect(agreeing(renaming, depth)).toBe(best);
      });
      expect([unchanged, aligned]).toEqual([perDepth.at(-1)!.unchanged, perDepth.at(-1)!.aligned]);
      expect(moved.map(({ itemId }) => itemId)).toEqual(
        [...rows.keys()].filter((i) => rows[i]!.some((code, l) => renaming[l]![code] !== others[i]![l])),
      );
      for (const { itemId, before, after, kept } of moved) {
        expect([before, after]).toEqual([rows[itemId as number], others[itemId as number]]);
        expect(kept).toBe(before.findIndex((code, l) => renaming[l]![code] !== after[l]));
      }
    }
  });

  it("finds the branches that were kept, renamed, split, merged or scattered, as a naive count does", () => {
    const random = randomNumbers(5);
    let seen = "";
    for (let round = 0; round < 60; round++) {
      const sizes = [2 + random(3), 3, 2];
      const rows = Array.from({ length: 8 + random(40) }, () => sizes.map((size) => random(size)));
      const renamings = sizes.map((size) => permutationsOf(size)[random(size)]!);
      // Every fourth round, two first codes become one.
      const others = altered(rows, sizes, random, renamings).map((row) =>
        round % 4 === 0 && row[0] === 1 ? [0, ...row.slice(1)] : row,
      );
      const compared = compareIds(idsOf(rows, sizes), idsOf(others, sizes));
      for (const depth of [1, 2]) {
        const naive = naiveBranches(rows, others, depth);
        expect(compared.perDepth[depth - 1]!.branches).toEqual(naive.counts);
        const shown = compared.branches
          .filter((change) => change.depth === depth)
          .map(({ kind, from, to }) => `${kind} ${from.map(show).sort()} > ${to.map(show).sort()}`);
        expect(shown.sort()).toEqual(naive.changes.sort());
        seen += naive.changes.join();
      }
      expect(compared.perDepth[2]!.branches).toBeUndefined();
    }
    for (const kind of ["renamed", "split", "merged"]) expect(seen).toContain(kind);
  });

  it("recovers the permuted labels of the same groups to the last item", () => {
    const random = randomNumbers(2);
    const sizes = [64, 32, 16];
    const rows = Array.from({ length: 3000 }, () => sizes.map((size) => random(size)));
    const renamings = sizes.map((size) => [...Array(size).keys()].sort(() => random(3) - 1));
    const permuted = rows.map((row) => row.map((code, level) => renamings[level]![code]!));
    const compared = compareIds(idsOf(rows, sizes), idsOf(permuted, sizes));
    expect([compared.alignedShare, compared.moved, compared.renaming]).toEqual([1, [], renamings]);
    expect(compared.unchangedShare).toBeLessThan(0.01);
    expect(compared.text).toMatch(/after the best renaming of codes \(\d+ codes of level 1.*\): 100%, 100%, 100%/);
    expect(compared.perDepth.map(({ branches }) => branches && branches.kept + branches.renamed)).toEqual([
      64,
      compared.perDepth[1]!.branches!.before,
      undefined,
    ]);
  });

  it("takes more codes than are matched exactly", () => {
    const size = 3000;
    const rows = Array.from({ length: 2 * size }, (_, i) => [i % size]);
    const turned = rows.map(([code]) => [(code! + 7) % size]);
    expect(compareIds(idsOf(rows, [size]), idsOf(turned, [size])).alignedShare).toBe(1);
  });

  it("joins items by key, in any order, and names those of one side", () => {
    const before = idsOf([[0], [1], [2]], [4]);
    const after = idsOf([[3], [1], [0]], [4]);
    const itemIds = { before: ["a", "b", "gone"], after: ["new", "b", "a"] };
    const compared = compareIds(before, after, { itemIds });
    expect(compared).toMatchObject({ items: 2, unchanged: 2, added: ["new"], removed: ["gone"], moved: [] });
    expect(compared.text).toMatch(/1 item was added, 1 removed/);
    expect(JSON.parse(JSON.stringify(compared))).toEqual(compared);
  });

  it("compares the first codes where numbers of codes differ, and codebooks of other sizes", () => {
    const suffixed = idsOf([[0, 1, 0], [0, 1, 1], [1, 0, 0]], [2, 2, 2]); // biome-ignore format: one row each
    const compared = compareIds(idsOf([[0, 1], [0, 1], [1, 0]], [2, 2]), suffixed); // biome-ignore format: one row each
    expect(compared).toMatchObject({ unchanged: 0, levels: { before: 2, after: 3 }, moved: [] });
    expect(compared.perDepth.map(({ unchanged }) => unchanged)).toEqual([3, 3]);
    expect(compared.text).toMatch(/had 2 codes and now have 3/);
    const fewer = compareIds(idsOf([[0], [1], [2]], [3]), idsOf([[0], [0], [1]], [2]));
    expect(fewer.renaming[0]!.filter((code) => code === -1)).toHaveLength(1);
    expect(fewer.aligned).toBe(2);
  });

  it("refuses what cannot be compared, and says what to do", () => {
    const two = idsOf([[0], [1]], [2]);
    const three = idsOf([[0], [1], [0]], [2]);
    expect(() => compareIds(two, three)).toThrow(/2 IDs and after 3 IDs.*give itemIds: \{ before, after \}/);
    expect(() => compareIds(two, [] as never)).toThrow(/after must be SemanticIds/);
    expect(() => compareIds(two, two, { itemIds: { before: ["a", "a"], after: ["a", "b"] } })).toThrow(
      /itemIds\.before has "a" in row 0 and in row 1/,
    );
    expect(() => compareIds(two, two, { itemIds: { before: ["a"], after: ["a", "b"] } })).toThrow(
      /itemIds\.before has 1 entry, but before has 2 IDs/,
    );
    expect(() => compareIds(two, two, { itemIds: { before: ["a", "b"], after: ["c", "d"] } })).toThrow(
      /no item in common/,
    );
    expect(() => compareIds(two, two, { items: [] } as never)).toThrow(InvalidInputError);
  });
});

const show = ({ prefix, items }: { prefix: number[]; items: number }) => `${prefix}:${items}`;

/** The definitions of `BranchChange`, by comparing every branch with every other. */
function naiveBranches(rows: number[][], others: number[][], depth: number) {
  const prefix = (row: number[], length: number) => String(row.slice(0, length));
  const branches = (from: number[][], length: number) => [...new Set(from.map((row) => prefix(row, length)))];
  const both = (p: string, q: string, length: number) =>
    rows.filter((row, i) => prefix(row, length) === p && prefix(others[i]!, length) === q).length;
  const size = (from: number[][], p: string, length: number) => from.filter((row) => prefix(row, length) === p).length;
  const goes = (p: string, q: string, length: number) => 2 * both(p, q, length) > size(rows, p, length);
  const comes = (p: string, q: string, length: number) => 2 * both(p, q, length) > size(others, q, length);
  const large = (items: number, of: number) => items >= 2 && 10 * items >= of;
  const [olds, youngs] = [branches(rows, depth), branches(others, depth)];
  const counts = { before: olds.length, after: youngs.length, kept: 0, renamed: 0, split: 0, merged: 0, scattered: 0 };
  const changes: string[] = [];
  const mergeOf = (q: string) => {
    const parts = olds.filter((p) => goes(p, q, depth) && large(both(p, q, depth), size(others, q, depth)));
    return parts.length > 1 ? parts : [];
  };
  for (const q of youngs) {
    const parts = mergeOf(q);
    if (parts.length === 0) continue;
    changes.push(`merged ${parts.map((p) => `${p}:${both(p, q, depth)}`).sort()} > ${q}:${size(others, q, depth)}`);
  }
  for (const p of olds) {
    const parts = youngs.filter((q) => comes(p, q, depth) && large(both(p, q, depth), size(rows, p, depth)));
    const now = youngs.find((q) => goes(p, q, depth) && comes(p, q, depth));
    if (parts.length > 1) {
      counts.split++;
      changes.push(`split ${p}:${size(rows, p, depth)} > ${parts.map((q) => `${q}:${both(p, q, depth)}`).sort()}`);
    } else if (youngs.some((q) => mergeOf(q).includes(p))) counts.merged++;
    else if (now === undefined) counts.scattered++;
    else {
      const up = (each: string) => each.split(",").slice(0, -1).join();
      const last = (each: string) => each.split(",").at(-1);
      const parents = goes(up(p), up(now), depth - 1) && comes(up(p), up(now), depth - 1);
      if (p === now || (parents && last(p) === last(now))) counts.kept++;
      else {
        counts.renamed++;
        changes.push(`renamed ${p}:${both(p, now, depth)} > ${now}:${both(p, now, depth)}`);
      }
    }
  }
  return { counts, changes };
}
