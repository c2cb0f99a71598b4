import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { writeNpy } from "../../bindings/js/formats/arrays/npy.ts";
import { catalogue } from "../../tests/js/support/catalogue.ts";
import { alignColumns, describeTargets } from "../figures.mjs";
import { compareMethods, FAISS_METHODS, METHOD_NAMES, METHODS } from "./assess.mjs";
import { DATA, DEFAULT_SETS, FULL_SETS, loadCatalogue, readMatrix, SET_NAMES, withShape } from "./datasets.mjs";
import { findFaiss } from "./faiss.mjs";
import { parseShape, shapeName, shapeWords } from "./shapes.mjs";
import { describeComparison, describeInMarkdown, figuresOf } from "./table.mjs";
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
    const { status, stdout } = run("--set", "fiori", "mdi", "--shape", "3x8", "8+16", "--json", json, "--check");
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
    [["--set", "emoji", "--shape", "3x32", "fiori"], '"fiori" is no shape; 3x256 and 64+256+1024 are'],
    [["--method", "kmeansFull", "kmeans"], 'unknown method "kmeans"; there are default, start'],
    [["--peer", "torch"], 'unknown peer "torch"; there are faiss, none'],
  ])("refuses %j", (args, message) => {
    const { status, stderr } = run(...args);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
  });
});

test("at other codes, a few methods, without faiss", () => {
  const json = join(folder, "emoji.json");
  const args = ["--set", "emoji", "--shape", "8+16", "--method", "kmeansFull", "--peer", "none"];
  const { status, stdout } = run(...args, "--json", json, "--markdown");
  expect(status).toBe(0);
  expect(stdout).toContain("8 + 16 codes");
  expect(stdout).toMatch(
    /\n\| Emoji, GloVe of their names \| 1,914 × 100, 8 \+ 16 \| - \| \.\d{3} \| \.\d{3} \| - \| \*\*\.\d{3}\*\*/,
  );
  const names = JSON.parse(readFileSync(json, "utf8")).map(({ name }: { name: string }) => name);
  expect(names).toContain("emoji 8+16: kmeansFull: evUnseen");
  expect(names).toContain("emoji 8+16: default: neighboursToGreedy 2");
  expect(names.filter((name: string) => /recipe|faiss|hash/.test(name))).toEqual([]);
}, 60_000);

const small = (() => {
  const { data, rows, dim } = catalogue(260, 12);
  data.copyWithin(12, 0, 12); // row 1 is row 0
  const values = Array.from({ length: rows }, (_, row) => String(row % 3));
  const attributes = Array.from({ length: rows }, (_, row) => [row % 5]);
  const category = { name: "kind", values };
  return { name: "small", title: "Small", items: { data, rows, dim }, codes: [8, 8], category, attributes };
})();

/** What must be so of every comparison of `small`. */
function checkFigures(comparison: Awaited<ReturnType<typeof compareMethods>>) {
  const figures = [...figuresOf(comparison), ...targetsOf(comparison)];
  expect(new Set(figures.map(({ name }) => name)).size).toBe(figures.length);
  for (const { name, value } of figures) expect(value, name).toSatisfy(Number.isFinite);
  return figures;
}

describe("a comparison", () => {
  const ours = METHOD_NAMES.filter((method) => !FAISS_METHODS.includes(method));

  test("of our methods, on a small catalogue", async () => {
    const steps: string[] = [];
    const comparison = await compareMethods(small, [0, 1], { tell: (text) => steps.push(text) });
    expect(comparison).toMatchObject({ seenRows: 208, distinctVectors: 259, notes: [] });
    expect(steps).toHaveLength(1 + 2 * ours.length);
    for (const method of FAISS_METHODS) expect(comparison[method]).toEqual([]);
    for (const method of ours) {
      expect(comparison[method]).toHaveLength(2);
      comparison[method].forEach((m, seed) => {
        expect([m.usage.length, m.entropy.length, m.perplexity.length]).toEqual([2, 2, 2]);
        expect(m.evUnseen).toBeLessThan(1);
        expect(m.distinctAmongDistinct).toBeCloseTo((m.distinct * 260) / 259, 12);
        expect(m.neighbours[0]).toBeGreaterThanOrEqual(m.neighbours[1]!);
        expect(m.chance[0]).toBeGreaterThan(m.chance[1]!);
        const greedy = comparison.kmeansFull[seed]!.neighbours;
        expect(m.neighboursToGreedy).toEqual(m.neighbours.map((value, depth) => value - greedy[depth]!));
      });
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
    for (const method of ours) expect(text).toContain(`\n${METHODS[method]} `);
    for (const method of FAISS_METHODS) expect(text).not.toContain(METHODS[method]);
    expect(text).toMatch(/\nk-means, greedy .* 0\.\d{3} \(0\.\d{3}\) \+0\.000 .* \+0\.000 /);
    expect(text).toMatch(/\n {2}the baseline, seed by seed: k-means, [a-z ]+; k-means, [a-z ]+$/);
    const names = checkFigures(comparison).map(({ name }) => name);
    expect(names.filter((name) => /faiss/.test(name))).toEqual([]);
    expect(describeInMarkdown([comparison]).split("\n").at(-1)).toMatch(
      /^\| Small \| 260 × 12, 2 × 8 \|( \d+\.\d% \|){3} - \| \*\*\d+\.\d%\*\* \|( \d+\.\d% \|){4}$/,
    );
  });

  test("at codes that differ from level to level; of the methods that are asked for", async () => {
    const shaped = withShape(small, [4, 8, 16]);
    const comparison = await compareMethods(shaped, [0], { methods: ["kmeansOurs", "hash"] });
    const measured = METHOD_NAMES.filter((method) => comparison[method].length > 0);
    expect(measured).toEqual(["default", "kmeansOurs", "hash"]);
    expect(comparison.default[0]!.usage).toHaveLength(3);
    expect(comparison.default[0]!.neighboursToGreedy).toEqual([]); // not measured
    const names = checkFigures(comparison).map(({ name }) => name);
    expect(names.every((name) => name.startsWith("small 4+8+16: "))).toBe(true);
    expect(names.filter((name) => /greedy/i.test(name))).toEqual([]);
    expect(describeComparison(comparison)).toContain("4 + 8 + 16 codes");
  });

  const faiss = findFaiss({ install: false });
  test.skipIf("missing" in faiss)(
    "with faiss",
    async () => {
      const options = { python: "python" in faiss ? faiss.python : "" };
      const comparison = await compareMethods(small, [0, 1], options);
      expect(comparison.notes).toEqual([]);
      for (const method of FAISS_METHODS) {
        expect(comparison[method]).toHaveLength(2);
        for (const m of comparison[method]) {
          expect(m.evSeen, method).toBeGreaterThan(0.3);
          expect(m.neighbours[0], method).toBeGreaterThan(2 * m.chance[0]!);
          expect(m.cpuSeconds, method).toBeLessThan(30);
        }
      }
      const text = describeComparison(comparison);
      for (const method of FAISS_METHODS) expect(text).toContain(`\n${METHODS[method]} `);
      expect(checkFigures(comparison).map(({ name }) => name)).toContain(
        "small: explained variance of unseen items, least gain over faiss's residual quantiser",
      );

      const uneven = await compareMethods(withShape(small, [4, 16]), [0], { ...options, methods: FAISS_METHODS });
      expect(uneven.faissBeam8).toHaveLength(1);
      expect(uneven.notes).toEqual([
        "faiss LSQ: left out, all levels must have as many codes as the first one",
        "faiss OPQ + PQ: left out, all levels must have as many codes as the first one",
      ]);
      expect(describeComparison(uneven)).toContain(`\n  ${uneven.notes[0]}\n`);
      checkFigures(uneven);
    },
    120_000,
  );

  test("a Python without faiss costs a note a method", async () => {
    const comparison = await compareMethods(small, [0, 1], { methods: ["faissBeam8"], python: join(folder, "python") });
    expect(comparison.faissBeam8).toEqual([]);
    expect(comparison.notes).toHaveLength(1);
    expect(comparison.notes[0]).toMatch(/^faiss RQ, beam 8: left out, .*ENOENT/);
  });
});

test("shapes", () => {
  expect(parseShape("3x256")).toEqual([256, 256, 256]);
  expect(parseShape("64+256+1024")).toEqual([64, 256, 1024]);
  for (const text of ["1x256", "256", "3x1", "65x2", "99999999999x2", "3x", "x3", "64+", "64+256x2", "3X64", ""]) {
    expect(parseShape(text), text).toBeUndefined();
  }
  expect([shapeName([8, 8]), shapeName([8, 16])]).toEqual(["2x8", "8+16"]);
  expect([shapeWords([8, 8]), shapeWords([8, 16])]).toEqual(["2 x 8", "8 + 16"]);
  expect(withShape(small, [8, 8]).name).toBe("small"); // its own
  expect(withShape(small, [8, 8, 8])).toMatchObject({ name: "small 3x8", codes: [8, 8, 8], items: small.items });
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
    glove: [20000, 100, 256],
    flat: [12000, 64, 256],
    powerlaw: [12000, 256, 256],
    wordnet117k: [117659, 100, 256],
  };
  const unknownOf = ["glove", "flat", "powerlaw"];
  test("are these, and large ones that are made", () => {
    const made = ["synthetic", "tree94k", "tree400k"];
    expect([...SET_NAMES].sort()).toEqual([...Object.keys(shapes), ...made].sort());
    const onlyNamed = ["wordnet117k", "tree94k", "tree400k"];
    expect(SET_NAMES.filter((name) => !FULL_SETS.includes(name))).toEqual(onlyNamed);
    expect(DEFAULT_SETS.filter((name) => !FULL_SETS.includes(name))).toEqual([]);
  });

  test.for(Object.entries(shapes))("%s", ([name, [rows, dim, codes]], { skip }) => {
    const found = loadCatalogue(name);
    if (found === undefined) return skip(`not in ${DATA}`);
    expect([found.items.rows, found.items.dim, found.codes]).toEqual([rows, dim, [codes, codes, codes]]);
    expect(found.items.data.every(Number.isFinite)).toBe(true);
    expect(found.category?.values.length ?? rows).toBe(rows);
    expect(found.attributes?.length ?? rows).toBe(rows);
    if (!unknownOf.includes(name)) expect(found.category ?? found.attributes).toBeDefined();
    expect(found.nothingToLearn ?? false).toBe(name === "flat");
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
