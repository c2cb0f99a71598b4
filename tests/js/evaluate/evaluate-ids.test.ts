/** Evaluations against brute force, on sets of known truth, and what is said about them. */
import { SemanticIds } from "rqvae";
import { evaluateIds, evaluationTable, type IdEvaluation, type MeasureName, PrefixBigrams } from "rqvae/evaluate";
import { readHistories } from "rqvae/formats";
import { describe, expect, it } from "vitest";

/** Whole numbers below n, always the same ones. */
function numbers(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

const read = (lines: readonly string[], itemIds: readonly string[]) =>
  readHistories(new TextEncoder().encode(lines.join("\n")), { itemIds });
const namesOf = (n: number) => Array.from({ length: n }, (_, i) => `i${i}`);

/** Choices with times, in any order. */
interface Choice {
  user: number;
  item: number;
  time: number;
}

/** A model in the slowest way: every candidate ID against every pair of choices. */
class Naive {
  readonly keys: string[];
  readonly ids: string[];

  constructor(
    readonly codes: readonly (readonly number[])[],
    readonly seen: readonly (readonly number[])[],
    readonly weights: readonly number[],
    readonly pairs: readonly (readonly [number, number, number])[],
  ) {
    this.keys = codes.map((each) => each.join());
    this.ids = [...new Set(this.keys)];
  }

  score(history: readonly number[], id: string): number {
    const all = this.seen.flat();
    let score = (this.weights[0]! * all.filter((item) => this.keys[item] === id).length) / all.length;
    const prefix = (item: number, depth: number) => this.codes[item]!.slice(0, depth).join();
    for (const [back, recency] of [2 / 3, 1 / 3].entries()) {
      const item = history.at(-1 - back);
      if (item === undefined) continue;
      for (let depth = 1; depth < this.weights.length; depth++) {
        const after = this.pairs.filter(([a]) => prefix(a, depth) === prefix(item, depth));
        const total = after.reduce((sum, [, , weight]) => sum + weight, 0);
        if (total === 0) continue;
        const own = after.filter(([, b]) => this.keys[b] === id).reduce((sum, [, , weight]) => sum + weight, 0);
        score += (recency * this.weights[depth]! * own) / total;
      }
    }
    return score;
  }

  /** Mean over all orders of equal scores, and over which item of an ID is taken, of what the target's place is worth. */
  worth(history: readonly number[], target: number, k: number, worth: (place: number) => number): number {
    const open = this.ids
      .map((id) => ({
        id,
        items: this.keys.flatMap((key, item) => (key === id && !history.includes(item) ? [item] : [])),
      }))
      .filter(({ items }) => items.length > 0)
      .map((each) => ({ ...each, score: this.score(history, each.id) }));
    const own = open.find(({ items }) => items.includes(target))!;
    const [ahead, level] = [
      open.filter(({ score }) => score > own.score + 1e-12),
      open.filter(({ score }) => Math.abs(score - own.score) <= 1e-12),
    ];
    const places = level.map((_, i) => ahead.length + 1 + i);
    return places.reduce((sum, place) => sum + (place <= k ? worth(place) : 0), 0) / places.length / own.items.length;
  }
}

const WORTH = { recall: () => 1, ndcg: (r: number) => 1 / Math.log2(r + 1), mrr: (r: number) => 1 / r };
const MEASURES = (["recall", "ndcg", "mrr"] as const).flatMap((measure) =>
  ([5, 10, 20] as const).map((k) => [measure, k] as const),
);
const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;

/** Each choice with the next one; or all at most three apart, both ways. */
const successors = (histories: readonly (readonly number[])[]): (readonly [number, number, number])[] =>
  histories.flatMap((each) => each.slice(1).map((item, i) => [each[i]!, item, 1] as const));
const graph = (histories: readonly (readonly number[])[]): (readonly [number, number, number])[] =>
  histories.flatMap((each) =>
    each.flatMap((a, i) =>
      each.flatMap((b, j) =>
        i !== j && a !== b && Math.abs(i - j) <= 3 ? [[a, b, 1 / Math.abs(i - j)] as const] : [],
      ),
    ),
  );

/** Per user, by measure; `split` says how many choices of a user are seen. */
function bruteForce(
  codes: readonly (readonly number[])[],
  histories: readonly (readonly number[])[],
  seen: readonly number[],
  weights: readonly number[],
  pairsOf = successors,
) {
  const parts = histories.map((each, user) => each.slice(0, seen[user]));
  const model = new Naive(codes, parts, weights, pairsOf(parts));
  return histories.flatMap((items, user) => {
    const targets = items.flatMap((item, i) =>
      i >= Math.max(1, seen[user]!) && !items.slice(0, i).includes(item) ? [i] : [],
    );
    if (targets.length === 0) return [];
    return [
      Object.fromEntries(
        MEASURES.map(([measure, k]) => [
          `${measure}@${k}`,
          mean(targets.map((i) => model.worth(items.slice(0, i), items[i]!, k, WORTH[measure]))),
        ]),
      ) as Record<MeasureName, number>,
    ];
  });
}

function makeChoices(seed: number, n: number, users: number): Choice[] {
  const next = numbers(seed);
  return Array.from({ length: users }, (_, user) =>
    Array.from({ length: 1 + next(7) }, () => ({ user, item: Math.min(next(n), next(n)), time: next(40) })),
  ).flat();
}

const WEIGHTS = { two: [0.1, 0.6, 0.3], three: [0.1, 0.25, 0.35, 0.3] };

describe("an evaluation", () => {
  it.each([1, 2, 3])("equals brute force, in both splits (catalogue %i)", async (seed) => {
    const [n, users] = [14, 25];
    const next = numbers(seed + 10);
    // IDs that are shared, and such that are not.
    const a = Array.from({ length: n }, () => [next(2), next(2), next(3)]);
    const b = Array.from({ length: n }, (_, i) => [next(3), i]);
    const choices = makeChoices(seed, n, users);
    const lines = choices.map(({ user, item, time }) => `u${user},i${item},${time}`);
    const histories = await read(["user,item,time", ...lines], namesOf(n));
    const sets = {
      a: SemanticIds.from(a, { codebookSizes: [2, 2, 3] }),
      b: SemanticIds.from(b, { codebookSizes: [3, n] }),
    };
    const { splits, ...whole } = await evaluateIds(sets, { histories, heldOut: 0.3 });
    expect(whole).toMatchObject({ items: n, users, choices: choices.length, left: [] });

    const perUser = Array.from({ length: users }, (_, user) =>
      choices.filter((each) => each.user === user).sort((x, y) => x.time - y.time),
    );
    const lists = perUser.map((each) => each.map(({ item }) => item));
    const times = choices.map(({ time }) => time).sort((x, y) => x - y);
    const from = times[Math.floor(0.7 * times.length)]!;
    const seenBy = {
      leaveOneOut: lists.map(({ length }) => (length > 1 ? length - 1 : length)),
      time: perUser.map((each) => each.filter(({ time }) => time < from).length),
      position: [],
    };
    const numbered = a.map((_, i) => [i]);
    for (const split of splits) {
      const seen = seenBy[split.name];
      const expected: Record<string, ReturnType<typeof bruteForce>> = {
        popularity: bruteForce(numbered, lists, seen, [1, 0]),
        "item bigrams": bruteForce(numbered, lists, seen, [0.25, 0.75]),
        "item graph": bruteForce(numbered, lists, seen, [0.25, 0.75], graph),
        a: bruteForce(a, lists, seen, WEIGHTS.three),
        b: bruteForce(b, lists, seen, WEIGHTS.two),
      };
      expect(split.users).toBe(expected.a!.length);
      for (const [name, figures] of Object.entries(expected)) {
        const { measures } = split.models.find((model) => model.name === name)!;
        for (const [measure, value] of Object.entries(measures)) {
          expect(value, `${split.name} ${name} ${measure}`).toBeCloseTo(
            mean(figures.map((each) => each[measure as MeasureName])),
            10,
          );
        }
      }
      const comparison = split.comparisons.find(({ of, over }) => of === "a" && over === "b")!;
      const differences = expected.a!.map((each, u) => each["ndcg@10"] - expected.b![u]!["ndcg@10"]);
      const { mean: difference, margin } = comparison.measures["ndcg@10"];
      expect(difference).toBeCloseTo(mean(differences), 10);
      const variance = differences.reduce((sum, d) => sum + (d - mean(differences)) ** 2, 0) / (differences.length - 1);
      expect(margin).toBeCloseTo(1.96 * Math.sqrt(variance / differences.length), 10);
    }
    expect(splits[1]!.text).toMatch(/^Split in time: what was chosen before one point in time is seen/);
  });

  it("a hit on an ID of several items counts by the item's share of those that are not in the history", async () => {
    const ids = SemanticIds.from([[0], [1], [1], [1]], { codebookSizes: [2] });
    const histories = await read(["x i1 i0 i2", "y i0"], namesOf(4));
    const { splits } = await evaluateIds(ids, { histories });
    const { models } = splits[0]!;
    expect(splits[0]!.users).toBe(1);
    // Both IDs are open: that of i2 and i3 comes first (or second, and is among the first five all the same).
    expect(models.find(({ name }) => name === "IDs")!.measures["recall@5"]).toBe(0.5);
  });

  /** Users who stay among items of one cluster, and IDs whose first code is the cluster. */
  async function planted(seed: number) {
    const next = numbers(seed);
    const [clusters, size, users] = [8, 15, 300];
    const n = clusters * size;
    const cluster = Array.from({ length: n }, (_, i) => i % clusters);
    const lines = Array.from({ length: users }, (_, user) => {
      const own = next(clusters);
      const items = new Set(Array.from({ length: 6 }, () => own + clusters * next(size)));
      return [`u${user}`, ...Array.from(items, (item) => `i${item}`)].join(" ");
    });
    const right = SemanticIds.from(
      cluster.map((c, i) => [c, Math.floor(i / clusters)]),
      { codebookSizes: [clusters, size] },
    );
    const other = (by: number) =>
      SemanticIds.from(
        cluster.map((_, i) => [(i * by) % 7, i]),
        { codebookSizes: [7, n] },
      );
    return { histories: await read(lines, namesOf(n)), right, other, names: namesOf(n) };
  }
  const over = ({ splits }: IdEvaluation, s: number, of: string, name: string) =>
    splits[s]!.comparisons.find((each) => each.of === of && each.over === name)!.measures["recall@10"];

  it("finds the IDs that agree with planted clusters, and random ones lose", async () => {
    const { histories, right, other } = await planted(5);
    const evaluation = await evaluateIds({ right, wrong: other(1) }, { histories });
    for (const s of [0, 1]) {
      for (const name of ["right, shuffled", "random IDs", "item bigrams", "wrong"]) {
        const { mean: gain, margin } = over(evaluation, s, "right", name);
        expect(gain - margin, name).toBeGreaterThan(0);
      }
      const { mean: gain, margin } = over(evaluation, s, "wrong", "wrong, shuffled");
      expect(gain - margin).toBeLessThan(0);
    }
    expect(evaluation.text).toMatch(/right: its codes say something about what users choose next, beyond/);
    expect(evaluation.text).toMatch(/wrong: no better than the same IDs shuffled/);
    // Only the rivals that are not beaten are named.
    for (const rival of ["item bigrams", "random IDs"]) {
      const doctored = structuredClone(evaluation);
      over(doctored, 0, "right", rival).mean = 0;
      expect(evaluationTable(doctored, "text")).toContain(
        `right: its codes say something about what users choose next. But it is not certainly better than ${rival}, which`,
      );
    }
    expect(evaluation.text).toMatch(/Split by position, since the histories have no times/);
    expect(evaluation.text).toMatch(/A large model may rank IDs differently/);
  });

  it("takes several seeds of a method, whose differences widen the interval", async () => {
    const { histories, right, other } = await planted(6);
    const one = await evaluateIds({ right, wrong: other(1) }, { histories });
    const several = await evaluateIds(
      { right: [right, right, right], wrong: [other(1), other(2), other(3)] },
      { histories },
    );
    expect(several.sets).toMatchObject([{ seeds: 3 }, { seeds: 3 }]);
    const { measures } = several.splits[0]!.models.find(({ name }) => name === "wrong")!;
    const alone = await Promise.all(
      [1, 2, 3].map(async (by) => {
        const { splits } = await evaluateIds({ wrong: other(by) }, { histories });
        return splits[0]!.models.find(({ name }) => name === "wrong")!.measures["recall@10"];
      }),
    );
    expect(measures["recall@10"]).toBeCloseTo(mean(alone), 12);
    const same = await evaluateIds({ right, wrong: [other(1), other(1), other(1)] }, { histories });
    expect(over(same, 0, "right", "wrong").margin).toBeCloseTo(over(one, 0, "right", "wrong").margin, 12);
    const variance = mean(alone.map((x) => (x - mean(alone)) ** 2)) * 1.5;
    expect(over(several, 0, "right", "wrong").margin).toBeGreaterThan(4.3 * Math.sqrt(variance / 3));
    expect(several.text).toMatch(/they include what the seeds differ by \(right 3, wrong 3\)/);
  });

  it("joins sets by item ID, and says what is left out", async () => {
    const { histories, right, names } = await planted(7);
    const whole = await evaluateIds({ right }, { histories });
    const reversed = {
      ids: SemanticIds.from([...right].reverse(), { codebookSizes: right.codebookSizes }),
      itemIds: [...names].reverse(),
    };
    const joined = await evaluateIds({ right: reversed }, { histories, itemIds: names });
    expect(joined).toEqual(whole);
    const fewer = { ids: SemanticIds.from([...right].slice(1), right), itemIds: names.slice(1) };
    const common = await evaluateIds({ right, fewer }, { histories, itemIds: names });
    expect(common.items).toBe(names.length - 1);
    expect(common.text).toMatch(/Only 119 of 120 items have an ID in all sets: \d+ choices of the others/);
    const without = common.splits[0]!.models;
    expect(without.find(({ name }) => name === "right")!.measures).toEqual(
      without.find(({ name }) => name === "fewer")!.measures,
    );
    const partly = await read(["u i0 i1 i2 x1", "v i0 i2 x2 x1"], names);
    const { left } = await evaluateIds(right, { histories: partly });
    expect(left).toEqual(["3 choices of 2 items that the catalogue does not have are left out."]);
  });

  it("leaves out what the user has had, and has nothing to say without targets", async () => {
    const ids = SemanticIds.from([[0], [1]], { codebookSizes: [2] });
    const histories = await read(["a i0 i1 i0", "b i1"], namesOf(2));
    const { splits, text } = await evaluateIds(ids, { histories });
    expect(splits[0]).toMatchObject({ users: 0, targets: 0 });
    expect(text).toMatch(/1 choice of an item that the user has chosen before is left out/);
    expect(text).toMatch(/nothing to be found/);
  });

  it("writes tables", async () => {
    const { histories, right } = await planted(8);
    const evaluation = await evaluateIds({ "right_1 & more": right }, { histories });
    const markdown = evaluationTable(evaluation);
    expect(markdown).toMatch(/^\| leave-one-out +\| +Recall@5 \|/);
    // These histories have no times.
    expect(markdown).toMatch(/^\| split by position +\| +Recall@5 \|/m);
    expect(markdown.match(/^\| right_1 & more/gm)).toHaveLength(4);
    expect(markdown).toMatch(/\*\*\.\d{4}\*\*/);
    const latex = evaluationTable(evaluation, "latex");
    expect(latex.match(/\\begin\{tabular\}\{lrrrrrrrrrr\}/g)).toHaveLength(2);
    expect(latex).toMatch(/right\\_1 \\& more & \$/);
    const { text: _, ...figures } = evaluation;
    expect(JSON.parse(evaluationTable(evaluation, "json"))).toEqual(figures);
    expect(evaluationTable(evaluation, "text")).toBe(`${evaluation.text}\n`);
    expect(evaluationTable(JSON.parse(JSON.stringify(figures)), "text")).toBe(`${evaluation.text}\n`);
    const wrong = { ...evaluation, splits: [{ ...evaluation.splits[0], models: [{}] }] } as never;
    expect(() => evaluationTable(wrong)).toThrow(
      /evaluation must be what .*: splits\[0\]\.models\[0\]\.name must be a string/,
    );
    expect(() => evaluationTable(evaluation, "html" as never)).toThrow(/format must be one of text, markdown/);
  });

  it("refuses what does not belong together", async () => {
    const { histories, right, names } = await planted(9);
    const fewer = SemanticIds.from([[0, 0]], right);
    await expect(evaluateIds(fewer, { histories })).rejects.toThrow(
      /IDs has 1 ID, but histories were read .* 120 items/,
    );
    await expect(evaluateIds({ a: { ids: right, itemIds: names } }, { histories })).rejects.toThrow(
      /itemIds is missing: a/,
    );
    await expect(evaluateIds({ a: { ids: fewer, itemIds: ["other"] } }, { histories, itemIds: names })).rejects.toThrow(
      /no item in common/,
    );
    await expect(evaluateIds({}, { histories })).rejects.toThrow(/sets is empty/);
    await expect(evaluateIds({ a: [] }, { histories })).rejects.toThrow(/sets\.a must be IDs/);
    await expect(evaluateIds(right, { histories: {} as never })).rejects.toThrow(/must be what readHistories gives/);
    await expect(evaluateIds(right, { histories, heldOut: 0.9 })).rejects.toThrow(/heldOut/);
    await expect(evaluateIds(right, { histories, signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow(
      "enough",
    );
  });
});

describe("PrefixBigrams", () => {
  it("recommends what counting pairs by hand finds best", async () => {
    const next = numbers(3);
    const n = 20;
    const codes = Array.from({ length: n }, () => [next(3), next(3)]);
    const lists = Array.from({ length: 40 }, () => Array.from({ length: 2 + next(5) }, () => next(n)));
    const histories = await read(
      lists.map((items, user) => [`u${user}`, ...items.map((item) => `i${item}`)].join(" ")),
      namesOf(n),
    );
    const model = await PrefixBigrams.count(SemanticIds.from(codes, { codebookSizes: [3, 3] }), histories);
    const naive = new Naive(codes, lists, WEIGHTS.two, successors(lists));
    for (const history of lists.slice(0, 10)) {
      const recommended = model.recommend(history, 4);
      const scores = naive.ids
        .filter((id) => naive.keys.some((key, item) => key === id && !history.includes(item)))
        .map((id) => naive.score(history, id))
        .sort((x, y) => y - x);
      const ids = [...new Set(recommended.map((item) => naive.keys[item]!))];
      expect(ids).toHaveLength(4);
      ids.forEach((id, place) => {
        expect(naive.score(history, id)).toBeCloseTo(scores[place]!, 12);
      });
      expect(recommended.some((item) => history.includes(item))).toBe(false);
    }
    expect(() => model.recommend([n])).toThrow(/history must be rows from 0 to 19, received 20/);
    expect(() => model.recommend([0], 0)).toThrow(/k must be/);
    expect(model.recommend([])).not.toHaveLength(0);
  });
});
