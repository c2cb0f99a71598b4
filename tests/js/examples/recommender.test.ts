import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SemanticIdIndex, SemanticIds } from "rqvae";
import { afterAll, describe, expect, test } from "vitest";
import { DATA } from "../../../bench/quality/datasets.mjs";
import {
  itemBigrams,
  leaveOneOut,
  pairedGain,
  random,
  readHistories,
  shuffle,
} from "../../../examples/recommender/evaluation.mjs";
import { PrefixBigrams } from "../../../examples/recommender/recommend.mjs";

const HISTORIES = "examples/recommender/emoji-histories.txt";
const folder = mkdtempSync(join(tmpdir(), "rqvae-recommender-"));
afterAll(() => rmSync(folder, { recursive: true }));

const run = (program: string, ...args: string[]) =>
  spawnSync(process.execPath, [`examples/recommender/${program}.mjs`, ...args], { encoding: "utf8" });

interface Figures {
  means: Record<string, { recall: number; ndcg: number }>;
  gains: { over: string; recall: Gain; ndcg: Gain }[];
}
interface Gain {
  gain: number;
  margin: number;
}

/** Runs the program, and checks what holds for any data: each interval of the semantic IDs' gain lies above zero. */
function recommend(...args: string[]): { figures: Figures; stdout: string } {
  const json = join(folder, "figures.json");
  const { status, stdout, stderr } = run("recommend", "--json", json, ...args);
  expect(stderr).toBe("");
  expect(status).toBe(0);
  const figures: Figures = JSON.parse(readFileSync(json, "utf8"));
  expect(figures.gains.map(({ over }) => over)).toEqual(["popularity", "item bigrams", "shuffled IDs"]);
  for (const { over, recall, ndcg } of figures.gains) {
    expect(recall.gain - recall.margin, `Recall@10 over ${over}`).toBeGreaterThan(0);
    expect(ndcg.gain - ndcg.margin, `NDCG@10 over ${over}`).toBeGreaterThan(0);
    const ours = figures.means["semantic IDs"]!.recall;
    expect(recall.gain).toBeCloseTo(ours - figures.means[over]!.recall, 10);
    expect(stdout).toMatch(`over ${over}`);
  }
  return { figures, stdout };
}

describe("the program", () => {
  test("on emoji, semantic IDs gain over what knows no IDs, and over shuffled ones", () => {
    const { figures, stdout } = recommend();
    expect(figures.gains[1]!.recall.gain).toBeGreaterThan(0.04);
    // The codes alone give nothing: they must say something about the items.
    expect(figures.means["shuffled IDs"]!.recall).toBeLessThan(figures.means["item bigrams"]!.recall);
    // The same IDs everywhere, so the same figures.
    expect(readFileSync("examples/recommender/README.md", "utf8")).toContain(stdout);
    expect(stdout).toMatch("1914 items with IDs of 64 x 64 x 64 codes, 1000 users");
    expect(stdout).toMatch(/and is recommended\n(?: {2}<a_\d+><b_\d+><c_\d+> \S.+\n){0,4}.* <- taken\n/);
  });

  const beauty = join(DATA, "test_only/beauty");
  const isHere = existsSync(beauty);
  test.skipIf(!isHere)(
    `on Amazon Beauty with residual k-means${isHere ? "" : ` (skipped: ${beauty} is absent)`}`,
    { timeout: 300_000 }, // half a minute of processor time, but the machine may be busy
    () => {
      const { figures, stdout } = recommend("--data", beauty, "--ids", "kmeans");
      expect(stdout).toMatch("12101 items with IDs of 256 x 256 x 256 codes, 22363 users");
      expect(figures.gains[1]!.recall.gain).toBeGreaterThan(0.002);
      expect(figures.means["shuffled IDs"]!.recall).toBeLessThan(figures.means["item bigrams"]!.recall);
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

// 40 items with different IDs of three codes, and 60 histories without repetition.
const next = random(7);
const sizes = [3, 4, 5];
const all = sizes.reduce<number[][]>(
  (ids, size) => ids.flatMap((id) => [...Array(size).keys()].map((code) => [...id, code])),
  [[]],
);
const codes = shuffle(all, 1).slice(0, 40);
const items = codes.map((_, i) => `item ${i}`);
const histories = Array.from({ length: 60 }, () => shuffle(items, Math.floor(next() * 1e6)).slice(0, 3 + next() * 4));
const index = SemanticIdIndex.build(items, SemanticIds.from(codes, { codebookSizes: sizes }));

/** Score of each item that is not in the history, by counting pairs one by one; contexts of `depths` codes (0: any item at all). */
function bruteForce(history: string[], shares: readonly (readonly [depth: number, share: number])[]) {
  const codesOf = (item: string) => codes[items.indexOf(item)]!;
  const alike = (a: string, b: string, depth: number) =>
    codesOf(a).slice(0, depth).join() === codesOf(b).slice(0, depth).join();
  const pairs = histories.flatMap((each) => each.slice(1).map((item, i) => [each[i]!, item] as const));
  const past = history.slice(-2).reverse();
  const scores = items.map((item) => {
    let score = 0;
    for (const [depth, share] of shares) {
      if (depth === 0) {
        score += (share * histories.flat().filter((other) => other === item).length) / histories.flat().length;
        continue;
      }
      past.forEach((before, age) => {
        const followers = pairs.filter(([first]) => alike(first, before, depth));
        if (followers.length === 0) return;
        score += (([2, 1][age]! / 3) * share * followers.filter(([, then]) => then === item).length) / followers.length;
      });
    }
    return score;
  });
  return new Map(items.map((item, i) => [item, scores[i]!] as const).filter(([item]) => !history.includes(item)));
}

/** Ties may stand in any order. */
function expectBest(recommended: string[], scores: Map<string, number>) {
  const best = [...scores.values()].sort((a, b) => b - a).slice(0, 10);
  expect(new Set(recommended).size).toBe(10);
  recommended.forEach((item, rank) => {
    expect(scores.get(item)).toBeCloseTo(best[rank]!, 12);
  });
}

describe("the recommenders", () => {
  test("the beam finds what counting pairs finds", () => {
    const recommender = new PrefixBigrams(index, histories);
    const shares = [
      [0, 0.1],
      [1, 0.25],
      [2, 0.35],
      [3, 0.3],
    ] as const;
    for (const history of histories.slice(0, 20))
      expectBest(recommender.recommend(history), bruteForce(history, shares));
    expect(recommender.recommend(histories[0]!, 3)).toEqual(recommender.recommend(histories[0]!).slice(0, 3));
  });

  test.each([0, 0.75])("item bigrams, share %d", (share) => {
    const recommender = itemBigrams(histories, [2 / 3, 1 / 3], share);
    const shares = [
      [0, 1 - share],
      [3, share],
    ] as const;
    for (const history of histories.slice(0, 20))
      expectBest(recommender.recommend(history), bruteForce(history, shares));
  });
});

describe("the evaluation", () => {
  test("leave-one-out: the item before the last is the last that is seen", () => {
    const seen: string[][] = [];
    const lists = [["d", "e"], ["x", "y", "c"], []];
    const result = leaveOneOut(
      [
        ["a", "d"],
        ["a", "b", "c"],
        ["b", "a"],
      ],
      (history: string[]) => {
        seen.push(history);
        return lists[seen.length - 1]!;
      },
    );
    expect(seen).toEqual([["a"], ["a", "b"], ["b"]]);
    expect(result).toEqual({ recall: [1, 1, 0], ndcg: [1, 0.5, 0] }); // 1 / log2(2), 1 / log2(4)
  });

  test("the interval is of the differences", () => {
    const { gain, margin } = pairedGain([1, 1, 0, 1], [0, 1, 0, 0]);
    expect(gain).toBe(0.5);
    expect(margin).toBeCloseTo(1.96 * Math.sqrt(1 / 3 / 4), 12); // differences 1, 0, 0, 1
  });

  test("names say nothing about the numbers of the file", () => {
    const { names, histories } = readHistories(HISTORIES, 1914);
    expect(new Set(names).size).toBe(1914);
    const numbers = names.map((name: string) => Number(name.slice("item-".length)));
    const pairs = numbers.slice(1).filter((number: number, i: number) => number > numbers[i]!).length;
    expect(Math.abs(pairs / 1913 - 0.5)).toBeLessThan(0.05);
    const [first] = readFileSync(HISTORIES, "utf8").split("\n");
    expect(histories[0]).toEqual(
      first!
        .split(" ")
        .slice(1)
        .map((number) => names[Number(number) - 1]),
    );
  });
});
