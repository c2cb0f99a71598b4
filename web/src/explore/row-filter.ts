import { splitGlyph } from "../base/glyph.ts";
import { inSlices } from "../base/slices.ts";
import { type DataSet, titleOf } from "../data/data-set.ts";
import type { CatalogueIndex } from "./catalogue-index.ts";
import { readQuery, whyNoId } from "./query.ts";

/** Which items the table shows, and in which order. */
export interface RowFilter {
  /** Only IDs that begin with these codes. */
  prefix: readonly number[];
  /** Only titles that contain this, or IDs that do if it is one: see `readQuery`. */
  query: string;
  /** Only items that share their ID with another. */
  sharedOnly: boolean;
  sort: Sort;
  /** Only these items, in ascending order: an area of the map. */
  selection?: Uint32Array | undefined;
}

/** The most titles that are compared to find the best; more would take longer than a frame. */
const MOST_RANKED = 2000;

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
  const query = readQuery(filter.query);
  const keep = async (passes: (item: number) => boolean) => {
    let kept = 0;
    const rows = new Uint32Array(candidates.length);
    await inSlices(
      candidates.length,
      (i) => {
        const item = candidates[i]!;
        if (!filter.sharedOnly || index.sharing[item]! > 1) if (passes(item)) rows[kept++] = item;
      },
      signal,
    );
    return rows.subarray(0, kept);
  };
  if (query.kind === "none") return filter.sharedOnly ? keep(() => true) : candidates;
  if (query.kind === "tokens") return keep((item) => index.ids.toTokens(item).includes(query.tokens));
  const titled = await keep((item) => titleOf(data, item).toLowerCase().includes(query.words));
  if (titled.length > 0 || query.kind === "words" || whyNoId(query.codes, index.ids)) return titled;
  const own = index.range(query.codes);
  const having = new Set(index.order.subarray(own.start, own.end));
  return keep((item) => having.has(item));
}

/** How many items a query finds in the whole catalogue, whatever branch is open. */
export async function countEverywhere(
  data: DataSet,
  index: CatalogueIndex,
  filter: RowFilter,
  signal: AbortSignal,
): Promise<number> {
  return (await filterRows(data, index, { ...filter, prefix: [], sort: "id" }, signal)).length;
}

/** Of the first items, those with the very name first, then those whose names begin with the words, or have them as whole words. */
export function bestFirst(data: Pick<DataSet, "labels">, items: Uint32Array, words: string): Uint32Array {
  const wanted = words.trim().toLowerCase();
  const whole = new RegExp(
    `(?<![\\p{L}\\p{N}])${wanted.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")}(?![\\p{L}\\p{N}])`,
    "u",
  );
  const first: [number[], number[], number[], number[]] = [[], [], [], []];
  for (const item of items.subarray(0, MOST_RANKED)) {
    const title = titleOf(data, item).toLowerCase();
    const name = title.replace(/^[^\p{L}\p{N}]+/u, "");
    first[title === wanted || name === wanted ? 0 : name.startsWith(wanted) ? 1 : whole.test(title) ? 2 : 3].push(item);
  }
  return Uint32Array.from(first.flat());
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
