import { compareItemIds, type ItemId } from "./item-id.ts";
import { type CodeArray, SemanticIds, sortedRows } from "./semantic-ids.ts";

/** IDs in lexicographic order. */
export interface SortedIds {
  /** One row of `levels` codes per ID, in any order. */
  readonly codes: CodeArray;
  readonly levels: number;
  /** Row numbers, in the order of their IDs. */
  readonly order: Uint32Array;
}

/** Sorts rows by their codes, rows with equal codes by their item IDs. */
export function sortIds(codes: CodeArray, codebookSizes: readonly number[], itemIds: readonly ItemId[]): SortedIds {
  const levels = codebookSizes.length;
  const order = sortedRows(SemanticIds.trusted(codes, codebookSizes));
  const sorted = { codes, levels, order };
  for (const [start, end] of groups(sorted)) {
    if (end - start > 1) order.subarray(start, end).sort((a, b) => compareItemIds(itemIds[a]!, itemIds[b]!));
  }
  return sorted;
}

/** Positions [start, end) of each run of equal IDs. */
export function* groups(ids: SortedIds): Generator<[start: number, end: number]> {
  const { codes, levels, order } = ids;
  for (let start = 0, end = 0; start < order.length; start = end) {
    const at = order[start]! * levels;
    while (++end < order.length && compareCodes(codes, order[end]! * levels, codes, at, levels) === 0);
    yield [start, end];
  }
}

/** Compares `count` codes of two rows. */
export function compareCodes(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number, count: number): number {
  for (let k = 0; k < count; k++) {
    if (a[i + k] !== b[j + k]) return a[i + k]! - b[j + k]!;
  }
  return 0;
}

/** Positions [start, end) of the IDs that start with the `depth` codes from prefix[at] on. */
export function rangeOf(ids: SortedIds, prefix: ArrayLike<number>, at: number, depth: number): [number, number] {
  const { codes, levels, order } = ids;
  const search = (from: number, isBefore: (comparison: number) => boolean) => {
    let [low, high] = [from, order.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBefore(compareCodes(codes, order[middle]! * levels, prefix, at, depth))) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const start = search(0, (comparison) => comparison < 0);
  return [start, search(start, (comparison) => comparison <= 0)];
}

/** The order after inserting the `added` rows, which are sorted; `compare` compares two rows. */
export function mergeOrders(
  order: Uint32Array,
  added: Uint32Array,
  compare: (a: number, b: number) => number,
): Uint32Array {
  if (order.length === 0) return added;
  const merged = new Uint32Array(order.length + added.length);
  let taken = 0;
  added.forEach((row, i) => {
    let [low, high] = [taken, order.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(order[middle]!, row) <= 0) low = middle + 1;
      else high = middle;
    }
    merged.set(order.subarray(taken, low), taken + i);
    merged[low + i] = row;
    taken = low;
  });
  merged.set(order.subarray(taken), taken + added.length);
  return merged;
}
