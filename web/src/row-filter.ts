import type { CatalogueIndex } from "./catalogue-index.ts";
import { type DataSet, titleOf } from "./data-set.ts";
import { inSlices } from "./slices.ts";

/** Which items the table shows, and in which order. */
export interface RowFilter {
  /** Only IDs that begin with these codes. */
  prefix: readonly number[];
  /** Only titles that contain this, or IDs that do when it begins with "<". */
  query: string;
  /** Only items that share their ID with another. */
  sharedOnly: boolean;
  sort: "item" | "id";
}

/** The items that pass a filter, searched in slices. */
export async function filterRows(
  data: DataSet,
  index: CatalogueIndex,
  filter: RowFilter,
  signal: AbortSignal,
): Promise<Uint32Array> {
  const { start, end } = index.range(filter.prefix);
  const candidates = index.order.slice(start, end);
  if (filter.sort === "item") candidates.sort();
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
