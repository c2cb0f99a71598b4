/** A recommender that learns by counting: what came after items whose IDs begin with the same codes. */

import {
  countFollowers,
  type Followers,
  inSlices,
  type PairsOf,
  type Seen,
  successors,
} from "../behaviour/followers.ts";
import { type SemanticIds, sortedRows } from "../ids/semantic-ids.ts";
import { prefixClasses } from "../report/groups.ts";

/** The share of popularity, of all prefixes together, and of the whole ID. */
const [POPULAR, PREFIXES, WHOLE] = [0.1, 0.6, 0.3];
/** How much the last item of a history counts, and the one before it. */
const RECENCY = [2 / 3, 1 / 3];

/**
 * How much popularity counts, and what came after items that share the first 1, 2, ... codes: .1; .25, .35, .3 for three. Prefixes count
 * the more the longer they are.
 */
export function prefixWeights(levels: number): number[] {
  if (levels === 1) return [POPULAR, PREFIXES + WHOLE];
  const rising = Array.from({ length: levels - 1 }, (_, i) => 5 + (levels > 2 ? (2 * i) / (levels - 2) : 0));
  const sum = rising.reduce((total, each) => total + each, 0);
  return [POPULAR, ...rising.map((each) => (PREFIXES * each) / sum), WHOLE];
}

/** Where the group of an item stands among all: groups of a higher score, and groups of the same score, itself among them. */
export interface Rank {
  ahead: number;
  level: number;
  /** Items of its group that could be meant: those that are not in the history. */
  open: number;
}

/** The class of each item by some number of codes, and how many classes there are. */
interface Classes {
  of: Int32Array;
  count: number;
}

/** Scores groups of items with the same ID by popularity and by what came after the last two items of a history. */
export class CountingModel {
  /** Group of each item, their sizes, and the items of each, ascending. */
  readonly #groupOf: Int32Array;
  readonly #sizes: Uint32Array;
  readonly #weights: readonly number[];
  readonly #classes: readonly Classes[];
  /** By number of codes, less one. */
  readonly #followers: readonly (readonly [depth: number, Followers])[];
  /** Of each group, what popularity adds to its score; and the same ascending. */
  readonly #popular: Float64Array;
  readonly #ascending: Float64Array;
  // Room for one history at a time.
  readonly #scores: Float64Array;
  readonly #isTouched: Uint8Array;
  readonly #touched: Uint32Array;
  #count = 0;
  readonly #past = new Map<number, number>();

  private constructor(
    classes: readonly Classes[],
    weights: readonly number[],
    followers: readonly (readonly [depth: number, Followers])[],
    popularity: Float64Array,
  ) {
    const { of, count } = classes.at(-1)!;
    this.#classes = classes;
    this.#weights = weights;
    this.#followers = followers;
    this.#groupOf = of;
    this.#sizes = new Uint32Array(count);
    for (const group of of) this.#sizes[group]!++;
    this.#popular = popularity.map((share) => weights[0]! * share);
    this.#ascending = this.#popular.slice().sort();
    this.#scores = new Float64Array(count);
    this.#isTouched = new Uint8Array(count);
    this.#touched = new Uint32Array(count);
  }

  /**
   * @param weights Of popularity, then of each number of shared codes.
   * @param pairsOf Which choices of a user count as one after the other.
   */
  static async count(
    ids: SemanticIds,
    seen: Seen,
    signal: AbortSignal | undefined,
    weights: readonly number[] = prefixWeights(ids.levels),
    pairsOf: PairsOf = successors,
  ): Promise<CountingModel> {
    const rows = sortedRows(ids);
    const classes = Array.from({ length: ids.levels }, (_, level): Classes => {
      const of = prefixClasses(ids, rows, level + 1);
      return { of, count: of[rows.at(-1)!]! + 1 };
    });
    const { of, count } = classes.at(-1)!;
    const popularity = new Float64Array(count);
    let choices = 0;
    await inSlices(seen.ends.length, signal, (user) => {
      for (let i = seen.offsets[user]!; i < seen.ends[user]!; i++) {
        popularity[of[seen.items[i]!]!]!++;
        choices++;
      }
    });
    const followers: [number, Followers][] = [];
    for (const [depth, each] of classes.entries()) {
      if (weights[depth + 1]! === 0) continue;
      followers.push([depth, await countFollowers(seen, pairsOf, each.of, each.count, of, count, signal)]);
    }
    return new CountingModel(
      classes,
      weights,
      followers,
      popularity.map((n) => n / Math.max(1, choices)),
    );
  }

  /** Scores all groups by a history: those that are touched are in `#scores`, the others have what popularity gives them. */
  #read(history: Uint32Array): void {
    const [scores, popular, isTouched, touched] = [this.#scores, this.#popular, this.#isTouched, this.#touched];
    for (let i = 0; i < this.#count; i++) isTouched[touched[i]!] = 0;
    let count = 0;
    for (let back = 0; back < Math.min(RECENCY.length, history.length); back++) {
      const item = history[history.length - 1 - back]!;
      for (const [depth, { starts, groups, counts, totals }] of this.#followers) {
        const each = this.#classes[depth]!.of[item]!;
        const share = (RECENCY[back]! * this.#weights[depth + 1]!) / totals[each]!;
        for (let i = starts[each]!, end = starts[each + 1]!; i < end; i++) {
          const group = groups[i]!;
          if (isTouched[group] === 0) {
            isTouched[group] = 1;
            scores[group] = popular[group]!;
            touched[count++] = group;
          }
          scores[group]! += share * counts[i]!;
        }
      }
    }
    this.#count = count;
    this.#past.clear();
    for (const item of new Set(history)) {
      const group = this.#groupOf[item]!;
      this.#past.set(group, (this.#past.get(group) ?? 0) + 1);
    }
  }

  /** Items of a group that are not in the history. */
  #open = (group: number) => this.#sizes[group]! - (this.#past.get(group) ?? 0);
  #score = (group: number) => (this.#isTouched[group] ? this.#scores[group]! : this.#popular[group]!);

  /** Where an item that is not in the history stands after it. */
  rank(history: Uint32Array, item: number): Rank {
    this.#read(history);
    const own = this.#groupOf[item]!;
    const score = this.#score(own);
    const [scores, popular, touched, count] = [this.#scores, this.#popular, this.#touched, this.#count];
    // All groups as if popularity alone counted, then what differs from that.
    const notAbove = countBelow(this.#ascending, score, true);
    let ahead = this.#ascending.length - notAbove;
    let level = notAbove - countBelow(this.#ascending, score, false);
    for (let i = 0; i < count; i++) {
      const before = popular[touched[i]!]!;
      const now = scores[touched[i]!]!;
      ahead += Number(now > score) - Number(before > score);
      level += Number(now === score) - Number(before === score);
    }
    for (const group of this.#past.keys()) {
      if (this.#open(group) > 0) continue;
      const its = this.#score(group);
      if (its > score) ahead--;
      else if (its === score) level--;
    }
    return { ahead, level, open: this.#open(own) };
  }

  /** The `k` groups most likely to come after a history, each with what is left of it, the best first; ties in the order of the IDs. */
  best(history: Uint32Array, k: number): number[] {
    this.#read(history);
    const all = Array.from(this.#sizes.keys()).filter((group) => this.#open(group) > 0);
    return all.sort((a, b) => this.#score(b) - this.#score(a) || a - b).slice(0, k);
  }

  /** The group of an item. */
  groupOf(item: number): number {
    return this.#groupOf[item]!;
  }
}

/** How many entries of an ascending array are below a value, or at most that. */
function countBelow(ascending: Float64Array, value: number, isEqualBelow: boolean): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const each = ascending[middle]!;
    if (each < value || (isEqualBelow && each === value)) low = middle + 1;
    else high = middle;
  }
  return low;
}
