import { originalOf } from "../base/behind-proxy.ts";
import { requireThat } from "../base/option-reader.ts";
import type { ItemId } from "../ids/item-id.ts";
import { IdFilter, liveCountsOf } from "../index/id-filter.ts";
import type { SemanticIdIndex } from "../index/semantic-id-index.ts";

/** What may be found, as `SemanticIdIndex.filter` takes it, or as it gives it. */
export type Wanted = IdFilter | ArrayLike<ItemId> | ((itemId: ItemId) => boolean);

/** An index as a filter that allows what is wanted. @throws InvalidInputError for a filter of another index */
export async function viewOf(index: SemanticIdIndex | IdFilter, wanted: Wanted | undefined): Promise<IdFilter> {
  const isSo = typeof index?.allowedNext === "function" && Array.isArray(index.codebookSizes);
  requireThat(isSo, "index", "a SemanticIdIndex or a filter of one", index);
  const [view, given] = [originalOf(index), originalOf(wanted)];
  if (view instanceof IdFilter) {
    if (given === undefined) return view;
    requireThat(given instanceof IdFilter, "filter", "a filter, if index is one", given);
    return view.intersection(given);
  }
  requireThat(typeof view.filter === "function", "index", "a SemanticIdIndex or a filter of one", index);
  if (!(given instanceof IdFilter)) return view.filter(given);
  liveCountsOf(given, view);
  return given;
}
