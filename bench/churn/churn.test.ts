import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { catalogue } from "../../tests/js/support/catalogue.ts";
import { changeOf, movedVectors } from "./cases.mjs";
import { drawFrontiers, frontierOf } from "./frontier.mjs";
import { measureChurn } from "./measure.mjs";
import { describeChurn, describeInMarkdown, figuresOf } from "./targets.mjs";

const folder = mkdtempSync(join(tmpdir(), "rqvae-bench-"));
afterAll(() => rmSync(folder, { recursive: true }));

const items = catalogue(330, 12);
const values = Array.from({ length: 330 }, (_, row) => (row % 12 === 0 ? "rare" : row % 12 < 6 ? "one" : "other"));
const small = { name: "small", title: "Small", items, codes: [8, 8], category: { name: "kind", values } };

describe("a change", () => {
  test("a: some items go, others come, and some are never seen", async () => {
    const { old, oldIds, now, nowIds, unseen } = await changeOf(small, "a", 0);
    expect([old.rows, now.rows, unseen.rows]).toEqual([270, 283, 33]);
    expect(oldIds.filter((id) => !nowIds.includes(id))).toHaveLength(14); // 5%
    expect(nowIds.filter((id) => !oldIds.includes(id))).toHaveLength(27); // 10%
    expect(new Set([...oldIds, ...nowIds]).size).toBe(330 - 33);
    for (const [row, id] of nowIds.entries()) {
      expect(now.data.subarray(12 * row, 12 * row + 12)).toEqual(items.data.subarray(12 * id, 12 * id + 12));
    }
  });

  test("b: the same items, all of them moved a little", async () => {
    const { old, oldIds, now, nowIds } = await changeOf(small, "b", 0);
    expect(nowIds).toEqual(oldIds);
    expect(now.data).not.toEqual(old.data);
    const moved = movedVectors(items, 0);
    expect(moved).toEqual(movedVectors(items, 0));
    expect(moved.data).not.toEqual(movedVectors(items, 1).data);
    // A rotation about the mean keeps the spread; the noise adds a quarter of a percent.
    const spread = ({ data }: { data: Float32Array }) => {
      const mean = Array.from(
        { length: 12 },
        (_, j) => data.reduce((sum, x, i) => sum + (i % 12 === j ? x : 0), 0) / 330,
      );
      return data.reduce((sum, x, i) => sum + (x - mean[i % 12]!) ** 2, 0);
    };
    expect(spread(moved) / spread(items)).toBeCloseTo(1.0025, 2);
  });

  test("c: a kind of item that there was none of, by category or by k-means", async () => {
    const { oldIds, nowIds, arrived } = await changeOf(small, "c", 0);
    expect(oldIds.some((id) => values[id] === "rare")).toBe(false);
    expect(arrived!.map((row) => values[nowIds[row]!])).toEqual(
      nowIds.filter((id) => values[id] === "rare").map(() => "rare"),
    );
    const { category: _, ...without } = small;
    const found = await changeOf(without, "c", 0);
    expect(found.oldIds.length + found.arrived!.length).toBe(297);
    expect(found.arrived!.length).toBeGreaterThan(10);
  });
});

test("figures, targets and tables", async () => {
  const steps: string[] = [];
  const tell = (text: string) => void steps.push(text);
  for (const name of ["a", "c"]) {
    const churn = await measureChurn(small, name, [0, 1], { stabilities: [undefined, 0, 1], tell });
    expect(Object.keys(churn)).toEqual([
      ...["old", "fresh", "retrained", "stability 0", "stability 1"],
      ...(name === "a" ? ["permuted, aligned"] : []),
    ]);
    for (const { unchanged } of churn["permuted, aligned"] ?? []) expect(unchanged).toBe(1);
    for (const measured of Object.values(churn)) expect(measured).toHaveLength(2);
    for (const { unchanged, first, aligned } of churn.old!) expect([unchanged, first, aligned]).toEqual([1, 1, 1]);
    for (const [seed, firm] of churn["stability 1"]!.entries()) {
      expect(firm.unchanged).toBeGreaterThanOrEqual(churn["stability 0"]![seed]!.unchanged);
      expect(firm.aligned).toBeGreaterThanOrEqual(firm.unchanged);
    }
    const figures = figuresOf("small", name, churn);
    expect(new Set(figures.map((figure) => figure.name)).size).toBe(figures.length);
    for (const figure of figures) expect(figure.value, figure.name).toSatisfy(Number.isFinite);
    expect(figures.filter(({ target }) => target !== null)).toHaveLength(name === "a" ? 5 : 2);
    expect(figures.some((figure) => figure.name.endsWith("fresh: evArrived"))).toBe(name === "c");
    expect(describeChurn("Small", name, churn)).toMatch(/\nretrained +\d+\.\d% .* s\n/);
    expect(describeInMarkdown([{ set: "small", name, churn }])).toContain(`| small (${name}) | stability 1 | `);
    const { retrained: _, ...others } = churn;
    expect(figuresOf("small", name, others).filter(({ target }) => target !== null)).toEqual([]);
  }
  expect(steps).toHaveLength(2 * 2 * 5);
}, 60_000);

describe("the program", () => {
  const run = (...args: string[]) => {
    const env = { ...process.env, RQVAE_DATA: join(folder, "absent") };
    return spawnSync(process.execPath, ["bench/churn.mjs", ...args], { encoding: "utf8", env });
  };

  test("skips what is not at hand, with a word", () => {
    const json = join(folder, "figures.json");
    const { status, stdout } = run("--set", "fiori", "mdi", "--case", "a", "--json", json, "--check");
    expect(status).toBe(0);
    expect(stdout).toMatch(/fiori: skipped, its data is not in .*absent/);
    expect(JSON.parse(readFileSync(json, "utf8"))).toEqual([]);
  });

  test.each([
    [["--set", "emojis"], 'unknown set "emojis"'],
    [["--case", "d"], 'unknown case "d"; there are a, b, c'],
    [["--stability", "2"], "--stability takes numbers from 0 to 1"],
    [["--seeds", "0"], "--seeds must be"],
    [["--sets", "emoji"], "Unknown option '--sets'"],
  ])("refuses %j", (args, message) => {
    const { status, stderr } = run(...args);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
  });
});

test("the frontier is drawn with a point for each stability, and what stays more lies further right", () => {
  const measured = (unchanged: number, evUnseen: number) => [
    { unchanged, first: 1, aligned: 1, evUnseen, collision: 0, cpuSeconds: 0 },
  ];
  const churn = {
    old: measured(1, 0.4),
    fresh: measured(0, 0.45),
    "stability 1": measured(0.99, 0.42),
    "stability 0": measured(0.6, 0.44),
  };
  const frontier = frontierOf(churn, [1, 0]);
  expect(frontier).toEqual({
    points: [
      { stability: 0, unchanged: 0.6, evUnseen: 0.44 },
      { stability: 1, unchanged: 0.99, evUnseen: 0.42 },
    ],
    fresh: 0.45,
    old: 0.4,
  });
  const svg = drawFrontiers([{ title: "Cats & dogs", ...frontier }]);
  expect(svg).toContain("Cats &amp; dogs");
  const points = [...svg.matchAll(/<circle[^>]* cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [
    Number(x),
    Number(y),
  ]);
  expect(points).toHaveLength(2);
  expect(points[0]![0]).toBeLessThan(points[1]![0]!);
  expect(points[0]![1]).toBeLessThan(points[1]![1]!); // more variance lies higher
});
