import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { writeNpy } from "../../bindings/js/formats/arrays/npy.ts";
import { catalogue } from "../../tests/js/support/catalogue.ts";
import { alignColumns, describeTargets } from "../figures.mjs";
import { compareMethods, METHODS } from "./assess.mjs";
import { DATA, loadCatalogue, readMatrix, SET_NAMES } from "./datasets.mjs";
import { describeComparison, figuresOf } from "./table.mjs";
import { targetsOf } from "./targets.mjs";

const folder = mkdtempSync(join(tmpdir(), "rqvae-bench-"));
afterAll(() => rmSync(folder, { recursive: true }));

function run(...args: string[]) {
  const env = { ...process.env, RQVAE_DATA: join(folder, "absent") };
  return spawnSync(process.execPath, ["bench/quality.mjs", ...args], { encoding: "utf8", env });
}

describe("the program", () => {
  test("skips what is not at hand, with a word", () => {
    const json = join(folder, "figures.json");
    const { status, stdout } = run("--set", "fiori", "mdi", "--json", json, "--check");
    expect(status).toBe(0);
    expect(stdout).toMatch(/fiori: skipped, its data is not in .*absent/);
    expect(stdout).toMatch("mdi: skipped");
    expect(stdout).toMatch("Published IDs: skipped");
    expect(JSON.parse(readFileSync(json, "utf8"))).toEqual([]);
  });

  test.each([
    [["--set", "emojis"], 'unknown set "emojis"; there are emoji, fiori'],
    [["--seeds", "0"], "--seeds must be"],
    [["--sets", "emoji"], "Unknown option '--sets'"],
  ])("refuses %j", (args, message) => {
    const { status, stderr } = run(...args);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
  });
});

describe("a comparison", () => {
  test("of all methods, on a small catalogue", async () => {
    const { data, rows, dim } = catalogue(260, 12);
    data.copyWithin(12, 0, 12); // row 1 is row 0
    const items = { data, rows, dim };
    const values = Array.from({ length: rows }, (_, row) => String(row % 3));
    const attributes = Array.from({ length: rows }, (_, row) => [row % 5]);
    const small = {
      name: "small",
      title: "Small",
      items,
      levels: 2,
      codes: 8,
      category: { name: "kind", values },
      attributes,
    };
    const steps: string[] = [];
    const comparison = await compareMethods(small, [0, 1], (text) => steps.push(text));
    expect(comparison).toMatchObject({ seenRows: 208, distinctVectors: 259 });
    expect(steps).toHaveLength(1 + 2 * Object.keys(METHODS).length);
    for (const method of Object.keys(METHODS) as (keyof typeof METHODS)[]) {
      expect(comparison[method]).toHaveLength(2);
      for (const m of comparison[method]) {
        expect([m.usage.length, m.entropy.length, m.perplexity.length]).toEqual([2, 2, 2]);
        expect(m.evUnseen).toBeLessThan(1);
        expect(m.distinctAmongDistinct).toBeCloseTo((m.distinct * 260) / 259, 12);
        expect(m.neighbours[0]).toBeGreaterThanOrEqual(m.neighbours[1]!);
        expect(m.chance[0]).toBeGreaterThan(m.chance[1]!);
      }
    }
    const [first] = comparison.hash;
    expect(first!.evSeen).toBeCloseTo(0, 6);
    expect(first!.evUnseen).toBeLessThan(0);
    expect(first!.neighbours[0]).toBeLessThan(0.25); // chance is 1 / 8
    for (const method of ["default", "kmeansFull", "kmeansBeam", "kmeansOurs"] as const) {
      expect(comparison[method][0]!.evSeen).toBeGreaterThan(0.4);
      expect(comparison[method][0]!.evUnseen).toBeGreaterThan(0.3);
      expect(comparison[method][0]!.neighbours[0]).toBeGreaterThan(3 * comparison[method][0]!.chance[0]!);
    }
    expect(comparison.default[0]!.evSeen).not.toBe(comparison.default[1]!.evSeen); // other seeds, other splits

    const text = describeComparison(comparison);
    expect(text).toContain("Small: 260 items x 12, 2 x 8 codes, 208 items seen, 1 copies of another item");
    for (const name of Object.values(METHODS)) expect(text).toContain(`\n${name} `);
    const figures = [...figuresOf(comparison), ...targetsOf(comparison)];
    expect(new Set(figures.map(({ name }) => name)).size).toBe(figures.length);
    for (const { value } of figures) expect(Number.isFinite(value)).toBe(true);
  });
});

test("half floats", () => {
  const file = join(folder, "half.npy");
  // 1, -2, 65504, the smallest subnormal, the smallest normal, -0
  const data = Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x8000);
  writeFileSync(file, writeNpy({ data, rows: 2, dim: 3 }));
  expect(readMatrix(file)).toEqual({ data: Float32Array.of(1, -2, 65504, 2 ** -24, 2 ** -14, -0), rows: 2, dim: 3 });
});

describe("catalogues (skipped where they are not at hand)", () => {
  const shapes: Record<string, [number, number, number]> = {
    emoji: [1914, 100, 32],
    fiori: [778, 384, 32],
    mdi: [7447, 100, 64],
    wordnet: [20000, 100, 256],
    s3rec: [12101, 64, 256],
    iclrec: [12101, 64, 256],
    industrial: [3686, 100, 256],
    movies: [2112, 384, 64],
  };
  test("are these, and one that is made", () => {
    expect([...SET_NAMES].sort()).toEqual([...Object.keys(shapes), "synthetic"].sort());
  });

  test.for(Object.entries(shapes))("%s", ([name, [rows, dim, codes]], { skip }) => {
    const found = loadCatalogue(name);
    if (found === undefined) return skip(`not in ${DATA}`);
    expect([found.items.rows, found.items.dim, found.codes, found.levels]).toEqual([rows, dim, codes, 3]);
    expect(found.items.data.every(Number.isFinite)).toBe(true);
    expect(found.category?.values.length ?? rows).toBe(rows);
    expect(found.attributes?.length ?? rows).toBe(rows);
    expect(found.category ?? found.attributes).toBeDefined();
  });
});

test("columns", () => {
  const rows = [
    ["", "n", "share"],
    ["first", "10", ".5"],
  ];
  expect(alignColumns(rows)).toBe("        n  share\nfirst  10     .5");
  const missed = { name: "x", value: 0.5, unit: "s", target: "<= 0.25", holds: false };
  expect(describeTargets([missed])).toBe("\nTargets: 0 of 1 hold\nMISSES  x  0.5 s  <= 0.25");
});
