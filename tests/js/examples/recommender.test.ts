import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { IdEvaluation } from "rqvae/evaluate";
import { afterAll, describe, expect, test } from "vitest";
import { DATA } from "../../../bench/quality/datasets.mjs";

const HISTORIES = "examples/recommender/emoji-histories.txt";
const folder = mkdtempSync(join(tmpdir(), "rqvae-recommender-"));
afterAll(() => rmSync(folder, { recursive: true }));

const run = (program: string, ...args: string[]) =>
  spawnSync(process.execPath, [`examples/recommender/${program}.mjs`, ...args], { encoding: "utf8" });

/** Runs the program, and checks what holds for any data: the semantic IDs gain over what knows no IDs, and over shuffled ones. */
function recommend(...args: string[]): {
  gainOf(over: string): number;
  recallOf(name: string): number;
  stdout: string;
} {
  const json = join(folder, "figures.json");
  const { status, stdout, stderr } = run("recommend", "--json", json, ...args);
  expect(stderr).toBe("");
  expect(status).toBe(0);
  const { splits, text }: IdEvaluation = JSON.parse(readFileSync(json, "utf8"));
  expect(stdout).toContain(text);
  for (const { comparisons } of splits) {
    for (const over of ["popularity", "item bigrams", "random IDs", "semantic IDs, shuffled"]) {
      const { mean, margin } = comparisons.find((each) => each.over === over)!.measures["recall@10"];
      expect(mean - margin, `Recall@10 over ${over}`).toBeGreaterThan(0);
    }
  }
  const { comparisons, models } = splits[0]!;
  return {
    gainOf: (over) => comparisons.find((each) => each.over === over)!.measures["recall@10"].mean,
    recallOf: (name) => models.find((model) => model.name === name)!.measures["recall@10"],
    stdout,
  };
}

describe("the program", () => {
  test("on emoji, semantic IDs gain over what knows no IDs, and over shuffled ones", () => {
    const { gainOf, recallOf, stdout } = recommend();
    expect(gainOf("item bigrams")).toBeGreaterThan(0.04);
    // The codes alone give nothing: they must say something about the items.
    expect(recallOf("semantic IDs, shuffled")).toBeLessThan(recallOf("item bigrams"));
    // The same IDs everywhere, so the same figures.
    expect(readFileSync("examples/recommender/README.md", "utf8")).toContain(stdout);
    expect(stdout).toMatch("1,914 items, 7,042 choices of 1,000 users; IDs of 64 x 64 x 64 codes (semantic IDs)");
    expect(stdout).toMatch(/and is recommended\n(?: {2}<a_\d+><b_\d+><c_\d+> \S.+\n){0,4}.* <- taken\n/);
  });

  const beauty = join(DATA, "test_only/beauty");
  const isHere = existsSync(beauty);
  test.skipIf(!isHere)(
    `on Amazon Beauty with residual k-means${isHere ? "" : ` (skipped: ${beauty} is absent)`}`,
    { timeout: 300_000 }, // half a minute of processor time, but the machine may be busy
    () => {
      const { gainOf, recallOf, stdout } = recommend("--data", beauty, "--ids", "kmeans");
      expect(stdout).toMatch("12,101 items, 198,502 choices of 22,363 users; IDs of 256 x 256 x 256 codes");
      expect(gainOf("item bigrams")).toBeGreaterThan(0.002);
      expect(recallOf("semantic IDs, shuffled")).toBeLessThan(recallOf("semantic IDs"));
    },
  );

  test("refuses another kind of IDs", () => {
    const { status, stderr } = run("recommend", "--ids", "random");
    expect(status).toBe(2);
    expect(stderr).toMatch("--ids must be rqvae or kmeans, not random");
  });

  test("the histories are what their generator makes", () => {
    const file = join(folder, "histories.txt");
    expect(run("make-histories", file).stderr).toBe("");
    expect(readFileSync(file, "utf8")).toBe(readFileSync(HISTORIES, "utf8"));
  });
});
