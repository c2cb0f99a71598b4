import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SemanticIds } from "../../bindings/js/ids/semantic-ids.ts";
import { assessWithLabels } from "./assess.mjs";
import {
  attributeOverlap,
  chanceOfSharing,
  countDistinctRows,
  distinctShare,
  explainedVariance,
  firstOfEachVector,
  median,
  nearestNeighbours,
  neighbourPreservation,
  normalizedMutualInformation,
  prefixGroups,
} from "./measures.mjs";
import { pickRows, sampleRows, splitRows } from "./split.mjs";

const matrix = (...rows: number[][]) => ({
  data: Float32Array.from(rows.flat()),
  rows: rows.length,
  dim: rows[0]!.length,
});

/** Small matrices of few different values, so that ties and duplicates are frequent. */
const someMatrix = fc
  .tuple(fc.integer({ min: 2, max: 25 }), fc.integer({ min: 1, max: 4 }))
  .chain(([rows, dim]) =>
    fc
      .array(fc.integer({ min: -2, max: 2 }), { minLength: rows * dim, maxLength: rows * dim })
      .map((values) => ({ data: Float32Array.from(values), rows, dim })),
  );
const someGroups = fc
  .array(fc.nat(4), { minLength: 2, maxLength: 30 })
  .map((codes) => prefixGroups({ codes, length: codes.length, levels: 1 }, 1));

describe("explained variance", () => {
  test("by hand", () => {
    const items = matrix([0, 0], [2, 0], [0, 2], [2, 2]); // mean (1, 1), 8 in all
    expect(explainedVariance(items, items.data)).toBe(1);
    expect(explainedVariance(items, new Float32Array(8).fill(1))).toBe(0);
    expect(explainedVariance(items, new Float32Array(8))).toBe(-1); // SSE 16
    expect(explainedVariance(items, Float32Array.of(1, 0, 2, 0, 0, 2, 2, 2))).toBe(1 - 1 / 8);
  });

  test("the mean is that of the rows given, not of others", () => {
    const all = matrix([0], [2], [10], [12]);
    const last = pickRows(all, [2, 3]);
    expect([...last.data]).toEqual([10, 12]);
    expect(explainedVariance(last, Float32Array.of(11, 11))).toBe(0);
  });
});

describe("groups of a prefix", () => {
  const ids = { codes: [3, 1, 3, 2, 0, 1, 3, 1], length: 4, levels: 2 };
  test("by hand", () => {
    expect([...prefixGroups(ids, 1)]).toEqual([0, 0, 1, 0]);
    expect([...prefixGroups(ids, 2)]).toEqual([0, 1, 2, 0]);
  });

  test("two items share a group just when they share the codes", () => {
    const someIds = fc.array(fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(someIds, fc.integer({ min: 1, max: 3 }), (rows, depth) => {
        const groups = prefixGroups({ codes: rows.flat(), length: rows.length, levels: 3 }, depth);
        const keys = rows.map((row) => row.slice(0, depth).join());
        rows.forEach((_, i) => {
          rows.forEach((_, j) => {
            expect(groups[i] === groups[j]).toBe(keys[i] === keys[j]);
          });
        });
        expect(Math.max(...groups)).toBe(new Set(keys).size - 1); // numbered without gaps
      }),
    );
  });
});

describe("distinct rows", () => {
  test("by hand; 0 and -0 are one number", () => {
    expect(countDistinctRows(matrix([0, 1], [-0, 1], [1, 0], [0, 1]))).toBe(2);
  });

  test("equals the count by text", () => {
    fc.assert(
      fc.property(someMatrix, ({ data, rows, dim }) => {
        const texts = Array.from({ length: rows }, (_, i) => data.subarray(i * dim, (i + 1) * dim).join());
        expect(countDistinctRows({ data, rows, dim })).toBe(new Set(texts).size);
        const firsts = texts.flatMap((text, i) => (texts.indexOf(text) === i ? [i] : []));
        expect([...firstOfEachVector({ data, rows, dim })]).toEqual(firsts);
      }),
    );
  });
});

test("distinct IDs of distinct vectors: copies with IDs of their own do not count", () => {
  const ids = { codes: [0, 0, 0, 1, 0, 0, 1, 1], length: 4, levels: 2 };
  expect(distinctShare(ids, Uint32Array.of(0, 1, 2, 3))).toBe(3 / 4);
  expect(distinctShare(ids, Uint32Array.of(0, 2, 3))).toBe(2 / 3);
  expect(distinctShare(ids, Uint32Array.of(1, 2))).toBe(1);
});

describe("normalised mutual information", () => {
  test("identical up to names: 1; independent: 0", () => {
    expect(normalizedMutualInformation([0, 0, 1, 2], ["b", "b", "c", "a"])).toBeCloseTo(1, 14);
    expect(normalizedMutualInformation([0, 0, 1, 1], ["a", "b", "a", "b"])).toBeCloseTo(0, 14);
    expect(normalizedMutualInformation([7, 7], ["a", "a"])).toBe(1);
    expect(normalizedMutualInformation([7, 7], ["a", "b"])).toBe(0);
  });

  test("a refinement, by hand: I = H(labels) = ln 2, H(codes) = 2 ln 2, arithmetic mean", () => {
    expect(normalizedMutualInformation([0, 1, 2, 3], ["a", "a", "b", "b"])).toBeCloseTo(2 / 3, 14);
  });

  test("a table by hand", () => {
    // Counts [[2, 1], [1, 4]]: I = sum p ln (p / (p_a p_b))
    const term = (n: number, a: number, b: number) => (n / 8) * Math.log((n * 8) / (a * b));
    const information = term(2, 3, 3) + 2 * term(1, 3, 5) + term(4, 5, 5);
    const entropy = (3 / 8) * Math.log(8 / 3) + (5 / 8) * Math.log(8 / 5);
    const value = normalizedMutualInformation([0, 0, 0, 1, 1, 1, 1, 1], ["x", "x", "y", "x", "y", "y", "y", "y"]);
    expect(value).toBeCloseTo(information / entropy, 14);
  });

  test("items without a label do not count", () => {
    expect(normalizedMutualInformation([0, 1, 0, 1, 0, 1], ["a", "b", "a", "b", null, null])).toBeCloseTo(1, 14);
  });

  test("is symmetric, and from 0 to 1", () => {
    const pairs = fc.array(fc.tuple(fc.nat(3), fc.nat(3)), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(pairs, (rows) => {
        const [a, b] = [rows.map(([x]) => x), rows.map(([, y]) => y)];
        const value = normalizedMutualInformation(a, b);
        expect(value).toBeCloseTo(normalizedMutualInformation(b, a), 12);
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(1 + 1e-12);
      }),
    );
  });
});

describe("attribute overlap", () => {
  test("by hand", () => {
    const attributes = [[1, 2], [2, 3], [2], [9, 9], [9]];
    // One group of the first three: 1/3, 1/2, 1/2; one of the last two: 1 (an attribute given twice counts once).
    expect(attributeOverlap(Int32Array.of(0, 0, 0, 1, 1), attributes)).toBeCloseTo((1 / 3 + 1 / 2 + 1 / 2 + 1) / 4, 14);
    expect(attributeOverlap(Int32Array.of(0, 1, 2, 3, 4), attributes)).toBeNaN();
    expect(attributeOverlap(Int32Array.of(0, 0), [[], []])).toBe(0);
  });

  const someItems = fc.array(fc.tuple(fc.nat(3), fc.array(fc.nat(5), { maxLength: 5 })), {
    minLength: 2,
    maxLength: 25,
  });

  test("equals the mean over all pairs", () => {
    fc.assert(
      fc.property(someItems, (items) => {
        const groups = prefixGroups({ codes: items.map(([code]) => code), length: items.length, levels: 1 }, 1);
        const values: number[] = [];
        for (let i = 0; i < items.length; i++) {
          for (let j = i + 1; j < items.length; j++) {
            if (groups[i] !== groups[j]) continue;
            const [a, b] = [new Set(items[i]![1]), new Set(items[j]![1])];
            const union = new Set([...a, ...b]).size;
            values.push(union === 0 ? 0 : [...a].filter((x) => b.has(x)).length / union);
          }
        }
        const value = attributeOverlap(
          groups,
          items.map(([, list]) => list),
        );
        if (values.length === 0) expect(value).toBeNaN();
        else expect(value).toBeCloseTo(values.reduce((sum, x) => sum + x, 0) / values.length, 12);
      }),
    );
  });

  test("a sample of pairs estimates it, the same each time", () => {
    const groups = Int32Array.from({ length: 600 }, (_, i) => (i < 40 ? i % 2 : 2 + (i % 7)));
    const attributes = Array.from({ length: 600 }, (_, i) => [groups[i]!, 100 + (i % 5), 200 + (i % 3)]);
    const exact = attributeOverlap(groups, attributes);
    const sampled = attributeOverlap(groups, attributes, 10_000); // of 22,820
    expect(sampled).not.toBe(exact);
    expect(Math.abs(sampled - exact)).toBeLessThan(0.01);
    expect(attributeOverlap(groups, attributes, 10_000)).toBe(sampled);
  });

  test("a sample draws every row of a group as often as any other, and no pair across groups", () => {
    const [members, draws] = [201, 20_000]; // 20,100 pairs
    const groups = Int32Array.from({ length: members + 1 }, (_, row) => (row === 7 ? 1 : 0));
    const own = (row: number) => [1000 + row];
    for (const probe of [0, 1, 8, 100, 200, 201]) {
      // The probe has one attribute in common with each other row, which have none in common with each other.
      const attributes = Array.from(groups, (_, row) =>
        row === probe ? Array.from(groups, (_, i) => 1000 + i) : own(row),
      );
      const hits = attributeOverlap(groups, attributes, draws) * draws * groups.length;
      expect(Math.abs(hits - (2 * draws) / members)).toBeLessThan(5 * Math.sqrt((2 * draws) / members));
    }
    const alone = Array.from(groups, (_, row) => (row === 7 ? Array.from(groups, (_, i) => 1000 + i) : own(row)));
    expect(attributeOverlap(groups, alone, draws)).toBe(0);
  });
});

describe("neighbours", () => {
  test("by hand", () => {
    const items = matrix([0], [1], [3], [6]);
    const nearest = nearestNeighbours(items, [0, 2], 2);
    expect([...nearest]).toEqual([1, 2, 1, 0]); // 3 is as far from 0 as from 6: the lower row
    const groups = Int32Array.of(0, 0, 1, 1);
    expect(neighbourPreservation(groups, [0, 2], nearest)).toBe(1 / 4);
    expect(chanceOfSharing(groups)).toBe(4 / 12);
    expect([...nearestNeighbours(matrix([0], [1]), [1], 3)]).toEqual([0, -1, -1]);
    expect(neighbourPreservation(Int32Array.of(0, 0), [1], Int32Array.of(0, -1, -1))).toBe(1);
  });

  test("equal those of sorting all distances", () => {
    const wide = someMatrix.map(({ data, rows, dim }) => {
      const copies = 30; // beyond the block after which a distance may be given up
      const spread = new Float32Array(rows * dim * copies);
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < dim * copies; j++) spread[i * dim * copies + j] = data[i * dim + (j % dim)]!;
      }
      return { data: spread, rows, dim: dim * copies };
    });
    fc.assert(
      fc.property(fc.oneof(someMatrix, wide), fc.integer({ min: 1, max: 6 }), (items, k) => {
        const { data, rows, dim } = items;
        const distance = (a: number, b: number) => {
          let sum = 0;
          for (let j = 0; j < dim; j++) sum += (data[a * dim + j]! - data[b * dim + j]!) ** 2;
          return sum;
        };
        const queries = Array.from({ length: rows }, (_, row) => row);
        const nearest = nearestNeighbours(items, queries, k);
        for (const q of queries) {
          const others = queries.filter((i) => i !== q).sort((a, b) => distance(q, a) - distance(q, b) || a - b);
          const expected = [...others.slice(0, k), ...new Array(Math.max(0, k - others.length)).fill(-1)];
          expect([...nearest.subarray(q * k, (q + 1) * k)]).toEqual(expected);
        }
      }),
    );
  });

  test("chance is the preservation when all rows are neighbours", () => {
    fc.assert(
      fc.property(someGroups, (groups) => {
        const n = groups.length;
        const rows = Array.from({ length: n }, (_, i) => i);
        const all = Int32Array.from(rows.flatMap((i) => rows.filter((j) => j !== i)));
        expect(neighbourPreservation(groups, rows, all)).toBeCloseTo(chanceOfSharing(groups), 12);
      }),
    );
  });
});

test("the middle value", () => {
  expect(median([3])).toBe(3);
  expect(median([10, 1, 2])).toBe(2);
  expect(median([10, 1, 2, 4])).toBe(3);
  expect(median([1, null, 2])).toBeNull();
});

describe("split", () => {
  test("a fifth of the rows is unseen, every row is on one side", () => {
    const { seen, unseen } = splitRows(1003, 0);
    expect([seen.length, unseen.length]).toEqual([802, 201]);
    expect([...seen, ...unseen].sort((a, b) => a - b)).toEqual(Array.from({ length: 1003 }, (_, i) => i));
    for (const rows of [seen, unseen]) expect([...rows]).toEqual([...rows].sort((a, b) => a - b));
    expect([...unseen.subarray(0, 8)]).toEqual([1, 4, 8, 15, 16, 17, 24, 27]);
    expect([...splitRows(1003, 1).unseen]).not.toEqual([...unseen]);
  });

  test("is no pattern of the row numbers", () => {
    const { unseen } = splitRows(10_000, 3);
    for (const part of [0, 1, 2, 3]) {
      const inQuarter = unseen.filter((row) => Math.floor(row / 2500) === part).length;
      const modulo = unseen.filter((row) => row % 4 === part).length;
      // 500 expected, standard deviation 17
      expect(Math.abs(inQuarter - 500)).toBeLessThan(75);
      expect(Math.abs(modulo - 500)).toBeLessThan(75);
    }
  });

  test("a sample", () => {
    const rows = sampleRows(100, 10, 0);
    expect(new Set(rows).size).toBe(10);
    expect([...sampleRows(5, 10, 0)]).toEqual([0, 1, 2, 3, 4]);
  });
});

test("all measures of IDs, by hand", async () => {
  const rows = [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 0],
  ];
  const ids = SemanticIds.from(rows, { codebookSizes: [2, 4] });
  const known = {
    category: { name: "kind", values: ["a", "a", "b", "b"] },
    attributes: [[1], [1, 2], [3], [3]],
  };
  const measured = await assessWithLabels(ids, known);
  expect(measured).toMatchObject({ distinct: 3 / 4, usage: [1, 1 / 2], overlap: [(1 / 2 + 1) / 2, 1] });
  expect(measured.nmi).toBeCloseTo(1, 14);
  const entropy = (3 / 4) * Math.log(4 / 3) + (1 / 4) * Math.log(4);
  expect(measured.entropy[0]).toBeCloseTo(1, 14);
  expect(measured.entropy[1]).toBeCloseTo(entropy / Math.log(4), 14);
  expect(measured.perplexity[1]).toBeCloseTo(Math.exp(entropy), 14);
  expect(await assessWithLabels(ids, {})).toMatchObject({ nmi: null, overlap: [null, null] });
});
