/** How the items of a catalogue fall into groups by the first codes of their IDs. */

import { exp, ln } from "../base/logarithm.ts";
import type { SemanticIds } from "../ids/semantic-ids.ts";
import type { DepthReport, GroupSize, LabelAgreement, LevelReport } from "./figures.ts";

/** The counts over all groups. */
export interface GroupCounts {
  perDepth: DepthReport[];
  groupSizes: GroupSize[];
  /** Items that share their whole ID with an item that has the same vector; only if the vectors are known. */
  itemsIdentical?: number;
}

/**
 * Sorted by ID, items with the same prefix are adjacent: the runs are the groups.
 * @param rows of `sortedRows`
 * @param firstRows The class of each item's vector, if the vectors are known.
 */
export function countGroups(ids: SemanticIds, rows: Uint32Array, firstRows?: Uint32Array): GroupCounts {
  const { length, levels } = ids;
  const perDepth = Array.from({ length: levels }, (_, i) => ({
    depth: i + 1,
    distinct: 0,
    itemsSharing: 0,
    largestGroup: 0,
    chanceOfSharing: 0,
  }));
  const colliding = new Array<number>(levels).fill(0);
  const sizes = new Map<number, number>();
  let itemsIdentical = 0;
  eachRun(ids, rows, (depth, start, end) => {
    const size = end - start;
    const report = perDepth[depth - 1]!;
    report.distinct++;
    report.largestGroup = Math.max(report.largestGroup, size);
    if (size > 1) report.itemsSharing += size;
    report.chanceOfSharing += size * (size - 1);
    if (depth === levels) sizes.set(size, (sizes.get(size) ?? 0) + 1);
    if (!firstRows || size === 1) return;
    const classes = rows.subarray(start, end).map((row) => firstRows[row]!);
    if (classes.some((each) => each !== classes[0])) colliding[depth - 1]! += size;
    if (depth === levels) itemsIdentical += countRepeated(classes.sort());
  });
  for (const report of perDepth) report.chanceOfSharing /= Math.max(1, length * (length - 1));
  return {
    perDepth: firstRows ? perDepth.map((report, i) => ({ ...report, itemsColliding: colliding[i]! })) : perDepth,
    groupSizes: [...sizes].sort(([a], [b]) => a - b).map(([size, groups]) => ({ size, groups })),
    ...(firstRows ? { itemsIdentical } : {}),
  };
}

/** Number of entries of a sorted array that occur more than once. */
function countRepeated(sorted: Uint32Array): number {
  let count = 0;
  for (let i = 0; i < sorted.length; i++) if (sorted[i] === sorted[i - 1] || sorted[i] === sorted[i + 1]) count++;
  return count;
}

/** Calls `visit` for every group of items that share `depth` codes: rows[start ... end). */
export function eachRun(
  { codes, length, levels }: SemanticIds,
  rows: Uint32Array,
  visit: (depth: number, start: number, end: number) => void,
): void {
  const runStart = new Array<number>(levels).fill(0);
  for (let position = 1; position <= length; position++) {
    const previous = rows[position - 1]! * levels;
    const current = (rows[position] ?? 0) * levels;
    let same = 0; // number of leading codes that the two IDs share
    if (position < length) while (same < levels && codes[previous + same] === codes[current + same]) same++;
    for (let i = same; i < levels; i++) {
      visit(i + 1, runStart[i]!, position);
      runStart[i] = position;
    }
  }
}

/** How many leading codes two items share. */
export function commonPrefix({ codes, levels }: SemanticIds, a: number, b: number): number {
  let depth = 0;
  while (depth < levels && codes[a * levels + depth] === codes[b * levels + depth]) depth++;
  return depth;
}

/**
 * The class of each item by its first `depth` codes, numbered in the order of the IDs.
 * @param rows of `sortedRows`
 */
export function prefixClasses(ids: SemanticIds, rows: Uint32Array, depth: number): Int32Array {
  const classes = new Int32Array(ids.length);
  let current = -1;
  rows.forEach((row, i) => {
    if (i === 0 || commonPrefix(ids, rows[i - 1]!, row) < depth) current++;
    classes[row] = current;
  });
  return classes;
}

/** How often each code of a level occurs. */
export function countCodes({ codes, length, levels, codebookSizes }: SemanticIds, level: number): Map<number, number> {
  const size = codebookSizes[level]!;
  if (size > 2 ** 20) {
    const map = new Map<number, number>();
    for (let i = level; i < codes.length; i += levels) map.set(codes[i]!, (map.get(codes[i]!) ?? 0) + 1);
    return map;
  }
  const counts = new Uint32Array(size);
  for (let i = 0; i < length; i++) counts[codes[i * levels + level]!]!++;
  const used = new Map<number, number>();
  counts.forEach((count, code) => {
    if (count > 0) used.set(code, count);
  });
  return used;
}

/** How the codes of one level are used. */
export function assessLevel(ids: SemanticIds, level: number): LevelReport {
  const n = ids.length;
  const codebookSize = ids.codebookSizes[level]!;
  const counts = Uint32Array.from(countCodes(ids, level).values()).sort();

  // H = -sum p ln p with p = c / n; sum_i (2 i - K - 1) c_i / (K n) over the ascending counts, i from 1, is Gini's coefficient.
  let sum = 0;
  let ranked = 0;
  const unused = codebookSize - counts.length;
  counts.forEach((c, i) => {
    sum += c * ln(c);
    ranked += c * (2 * (unused + i + 1) - codebookSize - 1);
  });
  const entropy = counts.length === 1 ? 0 : ln(n) - sum / n;
  return {
    usedCodes: counts.length,
    codebookSize,
    usage: counts.length / codebookSize,
    perplexity: exp(entropy),
    entropy,
    normalizedEntropy: codebookSize === 1 ? 1 : entropy / ln(codebookSize),
    gini: ranked / (codebookSize * n),
  };
}

/**
 * How often two items that share the first codes have the same label, and how often any two items do. Items without a label (an empty
 * string) are left out.
 * @param rows of `sortedRows`
 */
export function labelAgreement(
  ids: SemanticIds,
  rows: Uint32Array,
  name: string,
  values: readonly (string | number)[],
): LabelAgreement {
  const numbers = new Map<string | number, number>();
  const labels = Int32Array.from(values, (value) => {
    if (value === "") return -1;
    if (!numbers.has(value)) numbers.set(value, numbers.size);
    return numbers.get(value)!;
  });
  const counts = new Uint32Array(numbers.size);
  /** Ordered pairs of labelled items in a run: all of them, and those with the same label. */
  const pairsIn = (start: number, end: number): [all: number, same: number] => {
    let [labelled, same] = [0, 0];
    for (let k = start; k < end; k++) {
      const label = labels[rows[k]!]!;
      if (label < 0) continue;
      labelled++;
      same += 2 * counts[label]!++; // each pair once, counted for both of its orders
    }
    for (let k = start; k < end; k++) if (labels[rows[k]!]! >= 0) counts[labels[rows[k]!]!] = 0;
    return [labelled * (labelled - 1), same];
  };
  const all = new Array<number>(ids.levels).fill(0);
  const same = new Array<number>(ids.levels).fill(0);
  eachRun(ids, rows, (depth, start, end) => {
    const [pairs, agreeing] = pairsIn(start, end);
    all[depth - 1]! += pairs;
    same[depth - 1]! += agreeing;
  });
  const [allPairs, allSame] = pairsIn(0, ids.length);
  return {
    name,
    values: numbers.size,
    chance: allPairs === 0 ? null : allSame / allPairs,
    byDepth: all.map((pairs, i) => (pairs === 0 ? null : same[i]! / pairs)),
  };
}
