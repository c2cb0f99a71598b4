import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { InvalidInputError } from "../../../bindings/js/base/errors.ts";
import { readNpy } from "../../../bindings/js/formats/arrays/npy.ts";
import { SemanticIds } from "../../../bindings/js/ids/semantic-ids.ts";
import { assessIds } from "../../../bindings/js/report/assess-ids.ts";

/** The same counts, in the most direct way. */
function naiveGroups(ids: SemanticIds, depth: number): number[] {
  const groups = new Map<string, number>();
  for (const row of ids) groups.set(row.slice(0, depth).join(), (groups.get(row.slice(0, depth).join()) ?? 0) + 1);
  return [...groups.values()];
}

function naiveLevel(ids: SemanticIds, level: number) {
  const counts = new Array<number>(ids.codebookSizes[level]!).fill(0);
  for (const row of ids) counts[row[level]!]!++;
  const shares = counts.map((c) => c / ids.length);
  const entropy = -shares.filter((p) => p > 0).reduce((sum, p) => sum + p * Math.log(p), 0);
  let differences = 0;
  for (const a of shares) for (const b of shares) differences += Math.abs(a - b);
  return { used: counts.filter((c) => c > 0).length, entropy, gini: differences / (2 * counts.length) };
}

describe("assessIds", () => {
  test("a catalogue counted by hand", async () => {
    const rows = [
      [0, 0],
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 0],
      [1, 0],
      [2, 1],
      [3, 1],
    ];
    const report = await assessIds(SemanticIds.from(rows, { codebookSizes: [4, 8] }));
    expect(report).toMatchObject({ items: 8, distinctIds: 5, uniqueShare: 5 / 8, itemsSharing: 5, largestGroup: 3 });
    expect(report.perDepth).toEqual([
      { depth: 1, distinct: 4, itemsSharing: 6, largestGroup: 3, chanceOfSharing: 12 / 56 },
      { depth: 2, distinct: 5, itemsSharing: 5, largestGroup: 3, chanceOfSharing: 8 / 56 },
    ]);
    expect(report.groupSizes).toEqual([
      { size: 1, groups: 3 },
      { size: 2, groups: 1 },
      { size: 3, groups: 1 },
    ]);
    expect(report.perLevel[1]).toMatchObject({ usedCodes: 2, codebookSize: 8, usage: 0.25 });
    const entropy = Math.log(8) - (5 * Math.log(5) + 3 * Math.log(3)) / 8;
    expect(report.perLevel[1]!.entropy).toBeCloseTo(entropy, 14);
    expect(report.perLevel[1]!.perplexity).toBeCloseTo(Math.exp(entropy), 13);
    expect(report.perLevel[1]!.normalizedEntropy).toBeCloseTo(entropy / Math.log(8), 14);
  });

  test("extremes", async () => {
    const even = await assessIds(SemanticIds.from([[0], [1], [2], [3]], { codebookSizes: [4] }));
    expect(even.perLevel[0]!.gini).toBe(0);
    expect(even.perLevel[0]!.normalizedEntropy).toBeCloseTo(1, 14);
    const collapsed = await assessIds(SemanticIds.from(new Array(10).fill([3]), { codebookSizes: [4] }));
    expect(collapsed.perLevel[0]).toEqual({
      usedCodes: 1,
      codebookSize: 4,
      usage: 0.25,
      perplexity: 1,
      entropy: 0,
      normalizedEntropy: 0,
      gini: 0.75,
    });
    const trivial = await assessIds(SemanticIds.from([[0]], { codebookSizes: [1] }));
    expect(trivial.perLevel[0]).toMatchObject({ usage: 1, perplexity: 1, normalizedEntropy: 1, gini: 0 });
    await expect(assessIds(SemanticIds.from([], { codebookSizes: [4] }))).rejects.toThrow(InvalidInputError);
  });

  test("equals the direct count", async () => {
    const someIds = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 5 }).chain((codebookSizes) =>
      fc
        .array(fc.tuple(...codebookSizes.map((size) => fc.nat(size - 1))) as fc.Arbitrary<number[]>, {
          minLength: 1,
          maxLength: 60,
        })
        .map((rows) => SemanticIds.from(rows, { codebookSizes })),
    );
    await fc.assert(
      fc.asyncProperty(someIds, async (ids) => {
        const report = await assessIds(ids);
        for (const { depth, distinct, itemsSharing, largestGroup, chanceOfSharing } of report.perDepth) {
          const groups = naiveGroups(ids, depth);
          expect([distinct, largestGroup]).toEqual([groups.length, Math.max(...groups)]);
          expect(itemsSharing).toBe(groups.filter((size) => size > 1).reduce((a, b) => a + b, 0));
          const pairs = groups.reduce((sum, size) => sum + size * (size - 1), 0);
          expect(chanceOfSharing).toBe(ids.length === 1 ? 0 : pairs / (ids.length * (ids.length - 1)));
        }
        const sizes = naiveGroups(ids, ids.levels);
        for (const { size, groups } of report.groupSizes)
          expect(sizes.filter((each) => each === size).length).toBe(groups);
        expect(report.groupSizes.reduce((sum, { size, groups }) => sum + size * groups, 0)).toBe(ids.length);
        const shared = naiveGroups(ids, ids.levels).filter((size) => size > 1);
        expect(report.itemsSharing).toBe(shared.reduce((a, b) => a + b, 0));
        expect(report.distinctIds).toBe(report.perDepth.at(-1)!.distinct);
        report.perLevel.forEach((level, l) => {
          const naive = naiveLevel(ids, l);
          expect(level.usedCodes).toBe(naive.used);
          expect(level.entropy).toBeCloseTo(naive.entropy, 12);
          expect(level.perplexity).toBeCloseTo(Math.exp(naive.entropy), 12);
          expect(level.gini).toBeCloseTo(naive.gini, 12);
        });
      }),
    );
  });

  test("70,000 codes on 8 levels: IDs that differ in one code only", async () => {
    // 70000^8 is far beyond 2^53: any packing into a number would merge some of these.
    const base = new Array<number>(8).fill(69999);
    const rows = [
      base,
      ...base.map((_, l) => base.with(l, 69998)),
      ...base.map((_, l) => base.with(l, 69999 - 65536)),
      base,
    ];
    const report = await assessIds(SemanticIds.from(rows, { codebookSizes: new Array(8).fill(70000) }));
    expect(report).toMatchObject({ items: 18, distinctIds: 17, itemsSharing: 2, largestGroup: 2 });
  });

  test("a codebook too large for a table of counts", async () => {
    const report = await assessIds(SemanticIds.from([[4e9], [4e9], [5], [2 ** 32 - 1]], { codebookSizes: [2 ** 32] }));
    expect(report.distinctIds).toBe(3);
    expect(report.perLevel[0]!.entropy).toBeCloseTo(1.5 * Math.LN2, 14);
  });

  test("logarithms and exponentials as exact as the host's", async () => {
    for (const n of [2, 3, 7, 1000, 12101, 99991]) {
      const { perLevel } = await assessIds(
        SemanticIds.trusted(
          Uint32Array.from({ length: n }, (_, i) => i),
          [n],
        ),
      );
      expect(Math.abs(perLevel[0]!.entropy / Math.log(n) - 1)).toBeLessThan(1e-15 * 2);
      expect(Math.abs(perLevel[0]!.perplexity / n - 1)).toBeLessThan(1e-14);
    }
  });

  test("lets other work run", async () => {
    let turns = 0;
    let isDone = false;
    const tick = () => {
      turns++;
      if (!isDone) setImmediate(tick);
    };
    setImmediate(tick);
    await assessIds(SemanticIds.from([[0, 0, 0]], { codebookSizes: [2, 2, 2] }));
    isDone = true;
    expect(turns).toBeGreaterThan(0);
  });
});

test("works where there is no setImmediate, as in a browser", async () => {
  vi.stubGlobal("setImmediate", undefined);
  try {
    expect((await assessIds(SemanticIds.from([[0, 1]], { codebookSizes: [2, 2] }))).items).toBe(1);
  } finally {
    vi.unstubAllGlobals();
  }
});

describe("the report in words", () => {
  test("reads like this", async () => {
    const rows = Array.from({ length: 1200 }, (_, i) => [i % 8, Math.floor(i / 8) % 100, 3]);
    const report = await assessIds(SemanticIds.from(rows, { codebookSizes: [8, 256, 16] }));
    expect(String(report)).toBe(
      [
        "800 of 1,200 items share their ID with another item; the largest group has 2.",
        '  To do: 66.7% of the items share an ID with another item, more than in most published IDs (0.1% to 18% duplicates): use one more level or more codes, then give what is left a suffix with SemanticIdIndex.build(..., { collisions: "suffix" }).',
        "  To do: level 3 gives all items the same code: train again with deadCodeRestart: true or a smaller learningRate, or use fewer codes there.",
        "",
        "How the items divide:",
        "  by the first code: 8 groups, the largest of 150 items",
        "  by the first 2 codes: 800 groups, the largest of 2 items",
        "  by all 3 codes: 800 groups, the largest of 2 items",
        "",
        "How the codes are used:",
        "  level 1: 8 of 8 codes used (100%), as diverse as 8 evenly used codes",
        "  level 2: 100 of 256 codes used (39%), as diverse as 94 evenly used codes",
        "  level 3: 1 of 16 codes used: all items have the same code, so the level says nothing",
      ].join("\n"),
    );
  });

  test.each([
    [[[0], [1]], "All 2 items have an ID of their own."],
    [[[0], [0]], "All 2 items have the same ID."],
    [[[0]], "The only item has an ID."],
  ])("%j", async (rows, sentence) => {
    const report = await assessIds(SemanticIds.from(rows, { codebookSizes: [4] }));
    expect(report.toString().split("\n")[0]).toBe(sentence);
  });

  test("says when few codes hold most items", async () => {
    const rows = Array.from({ length: 1000 }, (_, i) => [i < 990 ? 0 : i % 256]);
    expect(String(await assessIds(SemanticIds.from(rows, { codebookSizes: [256] })))).toMatch(
      "few codes hold most items",
    );
  });

  test("as JSON it is its numbers", async () => {
    const report = await assessIds(SemanticIds.from([[0], [1]], { codebookSizes: [4] }));
    const json = JSON.parse(JSON.stringify(report));
    expect(json).toEqual({ ...report });
    expect(Object.keys(json)).toEqual([
      "items",
      "distinctIds",
      "uniqueShare",
      "itemsSharing",
      "largestGroup",
      "perDepth",
      "perLevel",
      "groupSizes",
      "findings",
    ]);
  });
});

describe("published IDs of Amazon Beauty (skipped where they are not at hand)", () => {
  const folder = new URL("../../../../shared/data/test_only/beauty/", import.meta.url);
  test.skipIf(!existsSync(folder)).each(["rqkmeans", "rqvae", "rqvae_faiss"])(
    "the published metrics of %s",
    async (name) => {
      const file = (suffix: string) => new URL(`unigenrec.text.${name}.${suffix}`, folder);
      const metrics = JSON.parse(readFileSync(file("metrics.json"), "utf8"));
      const table = readNpy(readFileSync(file("original-order.i16.npy")));
      const levels: number = metrics.num_layers;
      // Columns beyond the quantiser's levels tell duplicates apart; they are no part of the metrics.
      const rows = Array.from({ length: table.rows }, (_, i) => [
        ...table.data.subarray(i * table.dim, i * table.dim + levels),
      ]);
      const codebookSizes: number[] = metrics.layers.map((layer: { codebook_size: number }) => layer.codebook_size);
      const report = await assessIds(SemanticIds.from(rows, { codebookSizes }));
      expect(report.items).toBe(metrics.num_items);
      expect(report.distinctIds).toBe(metrics.sid.unique_count);
      expect(Math.abs(1 - report.uniqueShare - metrics.sid.duplicate_rate)).toBeLessThan(1e-12);
      report.perLevel.forEach((level, l) => {
        const layer = metrics.layers[l];
        expect([level.usedCodes, level.usage]).toEqual([layer.used_tokens, layer.utilization]);
        expect(Math.abs(level.entropy - layer.entropy)).toBeLessThan(1e-12);
        expect(Math.abs(level.normalizedEntropy - layer.normalized_entropy)).toBeLessThan(1e-12);
      });
    },
  );
});
