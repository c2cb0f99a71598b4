/** What people choose together, and whether IDs agree with it. */

import { ln } from "../base/logarithm.ts";
import type { Histories } from "../formats/histories/histories.ts";
import type { SemanticIds } from "../ids/semantic-ids.ts";
import { nextTurn } from "../runtime/jobs.ts";
import type { BehaviourReport, PairAgreement } from "./figures.ts";
import { commonPrefix, prefixClasses } from "./groups.ts";

/** How many choices apart two items of one user still count as chosen together. */
export const WINDOW = 5;
const PARTS = ["head", "middle", "tail"] as const;
/** Users between two turns of the event loop. */
const SLICE = 2000;
/** Of the normal distribution, for 95% intervals. */
const Z = 1.96;

/**
 * Measures agreement with behaviour. A pair is two different items of one user at most `WINDOW` choices apart; each user counts equally, so
 * that a few long histories do not decide.
 * @param rows of `sortedRows`
 */
export async function assessBehaviour(
  ids: SemanticIds,
  rows: Uint32Array,
  histories: Histories,
  labels: Record<string, ArrayLike<string | number>> | undefined,
  signal: AbortSignal | undefined,
): Promise<MeasuredBehaviour> {
  const { levels, length } = ids;
  const { items, offsets, users: all } = histories;
  const popularity = new Float64Array(length);
  for (const item of items) popularity[item]!++;
  const parts = partsOf(popularity, items.length);
  const columns = Object.entries(labels ?? {});
  const kinds = levels + columns.length;
  /** Sums over the users of the share that agrees, and of its square. */
  const sums = new Float64Array(kinds);
  const squares = new Float64Array(kinds);
  const ofUser = new Float64Array(kinds);
  const partAgreeing = PARTS.map(() => new Float64Array(levels));
  const partPairs = new Float64Array(PARTS.length);
  const shares = Array.from({ length: levels }, () => new Float64Array(all));
  let [users, pairs] = [0, 0];
  for (let user = 0; user < all; user++) {
    if (user % SLICE === 0) {
      await nextTurn();
      signal?.throwIfAborted();
    }
    const [start, end] = [offsets[user]!, offsets[user + 1]!];
    ofUser.fill(0);
    let own = 0;
    for (let i = start; i < end; i++) {
      for (let j = i + 1; j < Math.min(end, i + 1 + WINDOW); j++) {
        const [a, b] = [items[i]!, items[j]!];
        if (a === b) continue;
        own++;
        const common = commonPrefix(ids, a, b);
        for (let depth = 0; depth < common; depth++) ofUser[depth]!++;
        columns.forEach(([, values], l) => {
          if (hasLabel(values[a]!) && values[a] === values[b]) ofUser[levels + l]!++;
        });
        for (const item of [a, b]) {
          const part = parts[item]!;
          partPairs[part]!++;
          for (let depth = 0; depth < common; depth++) partAgreeing[part]![depth]!++;
        }
      }
    }
    if (own === 0) continue;
    for (let level = 0; level < levels; level++) shares[level]![users] = ofUser[level]! / own;
    users++;
    pairs += own;
    for (let kind = 0; kind < kinds; kind++) {
      const share = ofUser[kind]! / own;
      sums[kind]! += share;
      squares[kind]! += share * share;
    }
  }
  const agreementOf = (kind: number, chance: { random: number; popular: number }): PairAgreement => {
    const interval = intervalOf(sums[kind]!, squares[kind]!, users);
    return { ...interval, ...chance, bits: bitsOf(interval.share, chance.popular) };
  };
  const classes = Array.from({ length: levels }, (_, level) => prefixClasses(ids, rows, level + 1));
  const { own, fanOut, ambiguity } = crowding(ids, rows, popularity, items.length);
  const sizes = new Uint32Array(PARTS.length);
  const alone = new Uint32Array(PARTS.length);
  for (let item = 0; item < length; item++) {
    sizes[parts[item]!]!++;
    if (own[item]) alone[parts[item]!]!++;
  }
  const report: BehaviourReport = {
    users,
    choices: items.length,
    pairs,
    window: WINDOW,
    agreement: classes.map((of, level) => agreementOf(level, chanceOf(of, popularity))),
    labels: columns.map(([name, values], l) => ({
      name,
      ...agreementOf(levels + l, chanceOf(labelClasses(values), popularity)),
    })),
    parts: PARTS.map((part, p) => ({
      part,
      items: sizes[p]!,
      ownId: sizes[p] === 0 ? 0 : alone[p]! / sizes[p]!,
      agreement: Array.from(partAgreeing[p]!, (count) => (partPairs[p] === 0 ? null : count / partPairs[p]!)),
      popular: classes.map((of) => chanceOfPart(of, popularity, parts, p)),
    })),
    fanOut,
    ambiguity,
  };
  return { report, shares: shares.map((byUser) => byUser.subarray(0, users)) };
}

/** See `PairAgreement`. */
function bitsOf(share: number, popular: number): number {
  const term = (s: number, p: number) => (s <= 0 || p <= 0 ? 0 : (s * (s < p ? -ln(p / s) : ln(s / p))) / Math.LN2);
  const bits = term(share, popular) + term(1 - share, 1 - popular);
  return share < popular ? -bits : bits;
}

/** A report, and what it was made of. */
export interface MeasuredBehaviour {
  report: BehaviourReport;
  /** By number of codes, the share of each user's pairs that agree. */
  shares: Float64Array[];
}

/** The mean over users of what sums and squares are of, and half the width of its 95% interval. */
function intervalOf(sum: number, squares: number, users: number): { share: number; margin: number } {
  const share = users === 0 ? 0 : sum / users;
  const variance = users < 2 ? 0 : Math.max(0, (squares - users * share * share) / (users - 1));
  return { share, margin: users === 0 ? 0 : Z * Math.sqrt(variance / users) };
}

/** Adds to each agreement what it is above that of residual k-means, paired over the users. */
export function compareBehaviour({ report, shares }: MeasuredBehaviour, kmeans: MeasuredBehaviour): void {
  report.agreement.forEach((agreement, level) => {
    let [sum, squares] = [0, 0];
    shares[level]!.forEach((share, user) => {
      const difference = share - kmeans.shares[level]![user]!;
      sum += difference;
      squares += difference * difference;
    });
    const { share: difference, margin } = intervalOf(sum, squares, report.users);
    agreement.overKMeans = { difference, margin };
  });
}

const hasLabel = (label: string | number) => label !== "";

/** The part of each item by popularity; equal popularity by row. */
function partsOf(popularity: Float64Array, choices: number): Uint8Array {
  const order = Uint32Array.from(popularity, (_, item) => item).sort(
    (a, b) => popularity[b]! - popularity[a]! || a - b,
  );
  const parts = new Uint8Array(popularity.length);
  let before = 0;
  for (const item of order) {
    parts[item] = Math.min(PARTS.length - 1, Math.floor((PARTS.length * before) / choices));
    before += popularity[item]!;
  }
  return parts;
}

/** The class of each item by its label, -1 without one. */
function labelClasses(values: ArrayLike<string | number>): Int32Array {
  const known = new Map<string | number, number>();
  return Int32Array.from(values, (label) => {
    if (!hasLabel(label)) return -1;
    if (!known.has(label)) known.set(label, known.size);
    return known.get(label)!;
  });
}

/**
 * How often two different items are of one class: drawn uniformly, sum c (c - 1) / n (n - 1), and by popularity p,
 * (sum_g P_g^2 - sum_i p_i^2) / (1 - sum_i p_i^2), where P_g is the popularity of a class and the items without one add nothing.
 */
function chanceOf(classes: Int32Array, popularity: Float64Array): { random: number; popular: number } {
  const counts = new Map<number, { items: number; choices: number; own: number }>();
  let [choices, repeated] = [0, 0];
  classes.forEach((each, item) => {
    const p = popularity[item]!;
    choices += p;
    repeated += p * p;
    if (each < 0) return;
    const count = counts.get(each) ?? { items: 0, choices: 0, own: 0 };
    counts.set(each, count);
    count.items++;
    count.choices += p;
    count.own += p * p;
  });
  let [pairs, drawn] = [0, 0];
  for (const { items, choices: chosen, own } of counts.values()) {
    pairs += items * (items - 1);
    drawn += chosen * chosen - own;
  }
  const n = classes.length;
  const different = choices * choices - repeated;
  return { random: n < 2 ? 0 : pairs / (n * (n - 1)), popular: different === 0 ? 0 : drawn / different };
}

/**
 * How often two different items are of one class, of which one is drawn by popularity from a part, the other by popularity from all:
 * sum_i p_i (P_g(i) - p_i) / sum_i p_i (1 - p_i) over the items i of the part.
 */
function chanceOfPart(classes: Int32Array, popularity: Float64Array, parts: Uint8Array, part: number): number | null {
  const chosen = new Float64Array(classes.length); // no more classes than items
  let all = 0;
  classes.forEach((each, item) => {
    chosen[each]! += popularity[item]!;
    all += popularity[item]!;
  });
  let [same, different] = [0, 0];
  classes.forEach((each, item) => {
    if (parts[item] !== part) return;
    const p = popularity[item]!;
    same += p * (chosen[each]! - p);
    different += p * (all - p);
  });
  return different === 0 ? null : same / different;
}

/** How many codes and items a chosen item's ID leaves open. */
function crowding(
  ids: SemanticIds,
  rows: Uint32Array,
  popularity: Float64Array,
  choices: number,
): { own: Uint8Array; fanOut: number[]; ambiguity: number } {
  const { levels, length } = ids;
  const own = new Uint8Array(length);
  const fanOut = new Array<number>(levels).fill(0);
  let ambiguity = 0;
  for (let depth = 0; depth <= levels; depth++) {
    for (let start = 0, end = 0; start < length; start = end) {
      let children = 1;
      let chosen = popularity[rows[start]!]!;
      for (end = start + 1; end < length; end++) {
        const common = commonPrefix(ids, rows[end - 1]!, rows[end]!);
        if (common < depth) break;
        if (common === depth) children++;
        chosen += popularity[rows[end]!]!;
      }
      if (depth < levels) fanOut[depth]! += chosen * children;
      else {
        ambiguity += chosen * (end - start);
        if (end - start === 1) own[rows[start]!] = 1;
      }
    }
  }
  return { own, fanOut: fanOut.map((sum) => sum / choices), ambiguity: ambiguity / choices };
}
