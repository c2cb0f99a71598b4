import { splitGlyph } from "../base/glyph.ts";
import { inSlices } from "../base/slices.ts";
import { type DataSet, titleOf } from "../data/data-set.ts";
import type { CatalogueIndex } from "./catalogue-index.ts";

/** Which items the table shows, and in which order. */
export interface RowFilter {
  /** Only IDs that begin with these codes. */
  prefix: readonly number[];
  /** Only titles that contain this or, if it starts with "<", only IDs that do. */
  query: string;
  /** Only items that share their ID with another. */
  sharedOnly: boolean;
  sort: Sort;
  /** Only these items, in ascending order: an area of the map. */
  selection?: Uint32Array | undefined;
}

/** "shared": the most crowded IDs first. */
export type Sort = "item" | "id" | "title" | "shared";

/** The items that pass a filter, searched in slices. */
export async function filterRows(
  data: DataSet,
  index: CatalogueIndex,
  filter: RowFilter,
  signal: AbortSignal,
): Promise<Uint32Array> {
  const { start, end } = index.range(filter.prefix);
  let candidates = index.order.slice(start, end);
  if (filter.selection) {
    const isSelected = new Uint8Array(index.order.length);
    for (const item of filter.selection) isSelected[item] = 1;
    candidates = candidates.filter((item) => isSelected[item] === 1);
  }
  if (filter.sort === "item") candidates.sort();
  else if (filter.sort !== "id") candidates = await sorted(candidates, comparison(data, index, filter.sort), signal);
  const query = filter.query.trim().toLowerCase();
  if (query === "" && !filter.sharedOnly) return candidates;
  let kept = 0;
  await inSlices(
    candidates.length,
    (i) => {
      const item = candidates[i]!;
      if (filter.sharedOnly && index.sharing[item]! < 2) return;
      const text = query.startsWith("<") ? index.ids.toTokens(item) : query && titleOf(data, item).toLowerCase();
      if (text.includes(query)) candidates[kept++] = item;
    },
    signal,
  );
  return candidates.subarray(0, kept);
}

function comparison(data: DataSet, index: CatalogueIndex, by: "title" | "shared"): (a: number, b: number) => number {
  if (by === "shared") return (a, b) => index.sharing[b]! - index.sharing[a]!;
  const keys = new Map<number, string>();
  const key = (item: number) => {
    let found = keys.get(item);
    if (found === undefined) {
      found = splitGlyph(titleOf(data, item)).words.toLowerCase();
      keys.set(item, found);
    }
    return found;
  };
  return (a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : a - b);
}

/** A merge sort in slices: the browser's own would block the page. */
async function sorted(
  items: Uint32Array,
  compare: (a: number, b: number) => number,
  signal: AbortSignal,
): Promise<Uint32Array<ArrayBuffer>> {
  let from = new Uint32Array(items);
  let to = new Uint32Array(items.length);
  for (let width = 1; width < items.length; width *= 2) {
    let left = 0;
    let right = width;
    await inSlices(
      items.length,
      (i) => {
        const run = i - (i % (2 * width));
        if (i === run) {
          left = run;
          right = Math.min(run + width, items.length);
        }
        const leftEnd = Math.min(run + width, items.length);
        const rightEnd = Math.min(run + 2 * width, items.length);
        const takeLeft = left < leftEnd && (right >= rightEnd || compare(from[left]!, from[right]!) <= 0);
        to[i] = takeLeft ? from[left++]! : from[right++]!;
      },
      signal,
    );
    [from, to] = [to, from];
  }
  return from;
}
