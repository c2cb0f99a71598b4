/** The renaming of codes that explains most of what differs between two sets of IDs. */

import { assign } from "../base/assignment.ts";

/** Up to so many codes in use the matching is exact; beyond, pairs are taken in the order of their items. */
const EXACT = 1024;

/** Items that have one code before and another after. */
interface Pair {
  before: number;
  after: number;
  items: number;
}

/**
 * The new number of each old code, -1 for one that has none because there are fewer codes now.
 * @param pairs The codes of the items that decide, one entry per item.
 */
export function bestRenaming(
  pairs: Iterable<readonly [before: number, after: number]>,
  sizeBefore: number,
  sizeAfter: number,
): Int32Array {
  const counted = countPairs(pairs, sizeAfter);
  const renaming = new Int32Array(sizeBefore).fill(-1);
  const isTaken = new Uint8Array(sizeAfter);
  const rename = (before: number, after: number) => {
    renaming[before] = after;
    isTaken[after] = 1;
  };
  for (const { before, after } of match(counted)) rename(before, after);
  // Codes about which no item says anything keep their numbers where they can.
  for (let code = 0; code < Math.min(sizeBefore, sizeAfter); code++) {
    if (renaming[code] === -1 && isTaken[code] === 0) rename(code, code);
  }
  let free = 0;
  for (let code = 0; code < sizeBefore; code++) {
    if (renaming[code] !== -1) continue;
    while (isTaken[free] === 1) free++;
    if (free >= sizeAfter) break;
    rename(code, free);
  }
  return renaming;
}

function countPairs(pairs: Iterable<readonly [number, number]>, sizeAfter: number): Pair[] {
  const counts = new Map<number, Pair>();
  for (const [before, after] of pairs) {
    const key = before * sizeAfter + after;
    const known = counts.get(key);
    if (known) known.items++;
    else counts.set(key, { before, after, items: 1 });
  }
  return [...counts.values()];
}

/** Each code at most once on either side, with as many items as possible; among equals, codes that keep their numbers. */
function match(pairs: readonly Pair[]): Pair[] {
  const places = (side: "before" | "after") => {
    const codes = [...new Set(pairs.map((pair) => pair[side]))].sort((a, b) => a - b);
    return new Map(codes.map((code, place) => [code, place]));
  };
  const [rows, columns] = [places("before"), places("after")];
  const size = Math.max(rows.size, columns.size);
  if (size > EXACT) return matchGreedily(pairs);
  const weights = new Float64Array(size * size);
  const placeOf = ({ before, after }: Pair) => rows.get(before)! * size + columns.get(after)!;
  for (const pair of pairs) {
    weights[placeOf(pair)] = pair.items * (size + 1) + Number(pair.before === pair.after);
  }
  const columnOf = assign(weights, size);
  return pairs.filter(({ before, after }) => columnOf[rows.get(before)!] === columns.get(after));
}

function matchGreedily(pairs: readonly Pair[]): Pair[] {
  const taken = { before: new Set<number>(), after: new Set<number>() };
  const rank = ({ before, after }: Pair) => Number(before !== after);
  const inOrder = [...pairs].sort(
    (a, b) => b.items - a.items || rank(a) - rank(b) || a.before - b.before || a.after - b.after,
  );
  return inOrder.filter(({ before, after }) => {
    if (taken.before.has(before) || taken.after.has(after)) return false;
    taken.before.add(before);
    taken.after.add(after);
    return true;
  });
}
