/** Who chose what near what: what models that count, and vectors of behaviour, are made of. */

import { nextTurn } from "../runtime/jobs.ts";

/** What each user chose, the earliest first, and how much of it is seen. */
export interface Seen {
  /** User u chose the rows `items[offsets[u]]` ... `items[offsets[u + 1] - 1]`. */
  readonly items: Uint32Array;
  readonly offsets: Uint32Array;
  /** Of user u, the choices before position `ends[u]` of `items` are seen. */
  readonly ends: Uint32Array;
}

/** Two choices of one user, and how much they count. */
type TakePair = (before: number, after: number, weight: number) => void;
/** Calls `take` for the pairs of one user. */
export type PairsOf = (seen: Seen, user: number, take: TakePair) => void;

/** Each choice with the next one. */
export const successors: PairsOf = ({ items, offsets, ends }, user, take) => {
  for (let i = offsets[user]! + 1; i < ends[user]!; i++) take(items[i - 1]!, items[i]!, 1);
};

/** Every two different items of one user at most `reach` choices apart, in both directions; d choices apart they count 1 / d. */
export const neighbours =
  (reach: number): PairsOf =>
  ({ items, offsets, ends }, user, take) => {
    for (let i = offsets[user]!; i < ends[user]!; i++) {
      for (let distance = 1; distance <= reach && i + distance < ends[user]!; distance++) {
        const [a, b] = [items[i]!, items[i + distance]!];
        if (a === b) continue;
        take(a, b, 1 / distance);
        take(b, a, 1 / distance);
      }
    }
  };

/** Milliseconds of work between two turns of the event loop. */
const SLICE_MS = 12;

/**
 * Calls `work` for 0 ... n - 1, and lets the event loop have its turns.
 * @param steps Calls between two looks at the clock.
 */
export async function inSlices(
  n: number,
  signal: AbortSignal | undefined,
  work: (i: number) => void,
  steps = 64,
): Promise<void> {
  for (let i = 0; i < n; ) {
    await nextTurn();
    signal?.throwIfAborted();
    const until = performance.now() + SLICE_MS;
    do for (const end = Math.min(n, i + steps); i < end; i++) work(i);
    while (i < n && performance.now() < until);
  }
}

/** What came after items of each class: for class c the entries `starts[c]` ... `starts[c + 1] - 1`, each group once. */
export interface Followers {
  readonly starts: Float64Array;
  readonly groups: Uint32Array;
  readonly counts: Float64Array;
  /** Sum of the counts of each class. */
  readonly totals: Float64Array;
}

/** Pairs that are held at a time before equal ones are joined: 128 MB. */
const MOST_PAIRS = 2 ** 23;

/**
 * Counts what came after items of each class. The histories are read once for every `mostPairs` pairs, so that memory grows with the
 * different pairs, not with all.
 * @param classOf Of each item, from 0 to `classes` - 1.
 * @param groupOf What the items that came after are counted as.
 */
export async function countFollowers(
  seen: Seen,
  pairsOf: PairsOf,
  classOf: Int32Array,
  classes: number,
  groupOf: Int32Array,
  groups: number,
  signal: AbortSignal | undefined,
  mostPairs = MOST_PAIRS,
): Promise<Followers> {
  const users = seen.ends.length;
  const pairs = new Float64Array(classes);
  await inSlices(users, signal, (user) => {
    pairsOf(seen, user, (before) => {
      pairs[classOf[before]!]!++;
    });
  });
  const totals = new Float64Array(classes);
  const starts = new Float64Array(classes + 1);
  const bands: { groups: Uint32Array; counts: Float64Array }[] = [];
  for (let first = 0, end = 0; first < classes; first = end) {
    let held = 0;
    do held += pairs[end++]!;
    while (end < classes && held + pairs[end]! <= mostPairs);
    const next = new Float64Array(end - first + 1);
    for (let c = first; c < end; c++) next[c - first + 1] = next[c - first]! + pairs[c]!;
    const raw = new Uint32Array(held);
    const weights = new Float32Array(held);
    await inSlices(users, signal, (user) => {
      pairsOf(seen, user, (before, after, weight) => {
        const c = classOf[before]!;
        if (c < first || c >= end) return;
        const at = next[c - first]!++;
        raw[at] = groupOf[after]!;
        weights[at] = weight;
      });
    });
    // Each group once, in place: what is written never overtakes what is read.
    const counts = new Float64Array(held);
    const place = new Float64Array(groups).fill(-1);
    let at = 0;
    let read = 0;
    await inSlices(
      end - first,
      signal,
      (c) => {
        const begun = at;
        for (; read < next[c]!; read++) {
          const group = raw[read]!;
          const weight = weights[read]!;
          totals[first + c]! += weight;
          if (place[group]! < begun) {
            place[group] = at;
            raw[at++] = group;
          }
          counts[place[group]!]! += weight;
        }
        starts[first + c + 1] = starts[first]! + at;
      },
      1,
    );
    bands.push({ groups: raw.slice(0, at), counts: counts.slice(0, at) });
  }
  const all = starts[classes]!;
  const joined = { groups: new Uint32Array(all), counts: new Float64Array(all) };
  let at = 0;
  for (const band of bands) {
    joined.groups.set(band.groups, at);
    joined.counts.set(band.counts, at);
    at += band.groups.length;
  }
  return { starts, ...joined, totals };
}
