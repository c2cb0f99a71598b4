/** Agreement with behaviour, against brute force over pairs. */
import { SemanticIds } from "rqvae";
import { readHistories } from "rqvae/formats";
import { assessIds } from "rqvae/report";
import { describe, expect, it } from "vitest";

const WINDOW = 5;

/** Whole numbers below n, always the same ones. */
function numbers(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

async function make(seed: number, n = 12, users = 30) {
  const next = numbers(seed);
  const rows = Array.from({ length: n }, () => [next(3), next(2), next(2)]);
  const ids = SemanticIds.from(rows, { codebookSizes: [3, 2, 2] });
  const labels = Array.from({ length: n }, () => ["x", "y", ""][next(3)]!);
  const chosen = Array.from({ length: users }, () =>
    Array.from({ length: 1 + next(9) }, () => Math.min(next(n), next(n))),
  );
  const text = chosen.map((items, user) => [`u${user}`, ...items.map((item) => `i${item}`)].join(" ")).join("\n");
  const histories = await readHistories(new TextEncoder().encode(text), { itemIds: rows.map((_, i) => `i${i}`) });
  return { ids, rows, labels, chosen, histories };
}

const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;

describe("agreement with behaviour", () => {
  it.each([1, 2, 3, 4, 5])("equals brute force (catalogue %i)", async (seed) => {
    const { ids, rows, labels, chosen, histories } = await make(seed);
    const { behaviour } = await assessIds(ids, { histories, labels: { labels: { kind: labels } } });
    const n = rows.length;
    const all = chosen.flat();
    const popularity = rows.map((_, i) => all.filter((item) => item === i).length);
    const pairsOf = (items: number[]) =>
      items
        .flatMap((a, i) => items.slice(i + 1, i + 1 + WINDOW).map((b) => [a, b] as const))
        .filter(([a, b]) => a !== b);
    const perUser = chosen.map(pairsOf).filter((pairs) => pairs.length > 0);
    const agreement = (same: (a: number, b: number) => boolean) => {
      const shares = perUser.map((pairs) => mean(pairs.map(([a, b]) => Number(same(a, b)))));
      const share = mean(shares);
      const variance = shares.reduce((sum, x) => sum + (x - share) ** 2, 0) / (shares.length - 1);
      let [random, popular, drawn] = [0, 0, 0];
      for (let a = 0; a < n; a++) {
        for (let b = 0; b < n; b++) {
          if (a === b) continue;
          const weight = popularity[a]! * popularity[b]!;
          drawn += weight;
          if (same(a, b)) popular += weight;
          if (same(a, b)) random += 1 / (n * (n - 1));
        }
      }
      const p = popular / drawn;
      const term = (q: number, of: number) => (q === 0 || of === 0 ? 0 : q * Math.log2(q / of));
      const bits = Math.sign(share - p) * (term(share, p) + term(1 - share, 1 - p));
      return { share, margin: 1.96 * Math.sqrt(variance / shares.length), random, popular: p, bits };
    };
    const close = (own: object, theirs: object) => {
      for (const [key, value] of Object.entries(theirs))
        expect(own[key as never], key).toBeCloseTo(value as number, 12);
    };
    const sharing = (depth: number) => (a: number, b: number) =>
      rows[a]!.slice(0, depth).join() === rows[b]!.slice(0, depth).join();
    for (const depth of [1, 2, 3]) close(behaviour!.agreement[depth - 1]!, agreement(sharing(depth)));
    close(
      behaviour!.labels[0]!,
      agreement((a, b) => labels[a] !== "" && labels[a] === labels[b]),
    );
    expect(behaviour).toMatchObject({
      users: perUser.length,
      choices: all.length,
      pairs: perUser.flat().length,
      window: WINDOW,
    });

    const group = (item: number, depth: number) => rows.filter((_, other) => sharing(depth)(item, other));
    expect(behaviour!.ambiguity).toBeCloseTo(mean(all.map((item) => group(item, 3).length)), 12);
    for (const depth of [0, 1, 2]) {
      const children = all.map((item) => new Set(group(item, depth).map((codes) => codes[depth])).size);
      expect(behaviour!.fanOut[depth]).toBeCloseTo(mean(children), 12);
    }
    const order = [...rows.keys()].sort((a, b) => popularity[b]! - popularity[a]! || a - b);
    let before = 0;
    const parts: number[][] = [[], [], []];
    for (const item of order) {
      parts[Math.min(2, Math.floor((3 * before) / all.length))]!.push(item);
      before += popularity[item]!;
    }
    behaviour!.parts.forEach(({ items, ownId, agreement: own, popular }, p) => {
      const part = parts[p]!;
      expect(items).toBe(part.length);
      expect(ownId).toBeCloseTo(
        part.length === 0 ? 0 : mean(part.map((item) => Number(group(item, 3).length === 1))),
        12,
      );
      const ends = perUser.flat().flatMap(([a, b]) => [a, b].filter((item) => part.includes(item)).map(() => [a, b]));
      const weighed = part.flatMap((a) => rows.flatMap((_, b) => (a === b ? [] : [[a, b] as const])));
      const drawn = weighed.reduce((sum, [a, b]) => sum + popularity[a]! * popularity[b]!, 0);
      const agreeing = weighed.filter(([a, b]) => sharing(1)(a, b));
      if (drawn > 0) {
        const agreed = agreeing.reduce((sum, [a, b]) => sum + popularity[a]! * popularity[b]!, 0);
        expect(popular[0]).toBeCloseTo(agreed / drawn, 12);
      }
      if (ends.length > 0) expect(own[0]).toBeCloseTo(mean(ends.map(([a, b]) => Number(sharing(1)(a!, b!)))), 12);
    });
  });

  it("says so when codes and behaviour agree, and when they do not", async () => {
    const n = 200;
    const next = numbers(9);
    const itemIds = Array.from({ length: n }, (_, i) => `i${i}`);
    const ids = SemanticIds.from(
      itemIds.map((_, i) => [i % 10, Math.floor(i / 10)]),
      { codebookSizes: [10, 20] },
    );
    const choose = async (pick: (user: number) => number) => {
      const lines = Array.from({ length: 500 }, (_, user) =>
        [`u${user}`, ...[0, 1, 2, 3].map(() => `i${pick(user)}`)].join(" "),
      );
      return readHistories(new TextEncoder().encode(lines.join("\n")), { itemIds });
    };
    const alike = await assessIds(ids, { histories: await choose((user) => (user % 10) + 10 * next(20)) });
    expect(alike.behaviour!.agreement[0]!.share).toBe(1);
    expect(alike.text).toMatch(/share the first code in 100% of the cases.*agree with what people choose/);
    expect(alike.text).toMatch(/What people choose together \(2,000 choices of 500 users\)/);
    const apart = await assessIds(ids, { histories: await choose(() => next(n)) });
    expect(apart.text).toMatch(/To do: two items .* say nothing about what people choose/);
  });

  it("compares with residual k-means, and refuses histories of other items", async () => {
    const { ids, histories } = await make(3);
    const next = numbers(4);
    const items = Array.from({ length: 12 }, () => [next(9), next(9)]);
    const report = await assessIds(ids, { items, histories, baseline: true });
    expect(report.baselines!.residualKMeans.behaviour!.agreement).toHaveLength(3);
    expect(report.text).toMatch(/items chosen together that share the first code: \S+% \/ \S+% \/ \S+%/);
    // Paired: what users have in common adds nothing to the interval.
    const { share, overKMeans } = report.behaviour!.agreement[0]!;
    const theirs = report.baselines!.residualKMeans.behaviour!.agreement[0]!;
    expect(overKMeans!.difference).toBeCloseTo(share - theirs.share, 12);
    expect(overKMeans!.margin).toBeGreaterThan(0);
    const kmeans = report.baselines!.residualKMeans.ids;
    const { behaviour } = await assessIds(kmeans, { items, histories, baseline: true });
    expect(behaviour!.agreement[0]!.overKMeans).toEqual({ difference: 0, margin: 0 });
    expect(report.text).toMatch(/over k-means: [+-]\S+ ± \S+ points/);
    const fewer = SemanticIds.from([[0, 0, 0]], { codebookSizes: [3, 2, 2] });
    await expect(assessIds(fewer, { histories })).rejects.toThrow(
      /histories were read for a catalogue of 12 items, but there are 1 ID/,
    );
    await expect(assessIds(ids, { histories: [[1]] as never })).rejects.toThrow(/must be what readHistories gives/);
  });
});
