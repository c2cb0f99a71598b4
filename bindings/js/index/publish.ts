/** Turns raw IDs into published ones, batch by batch. */

import type { Asking } from "../base/asking.ts";
import { invalid } from "../base/errors.ts";
import { call } from "../base/wording.ts";
import { groups, type SortedIds, sortIds } from "../ids/sorted-ids.ts";
import { alongside } from "../runtime/native.ts";
import type { Items } from "../types.ts";
import type { Batch, Origin } from "./batch.ts";
import type { IndexContents } from "./index-contents.ts";
import type { IdModel } from "./index-model.ts";
import { giveSuffixes } from "./suffixes.ts";

/** The published IDs of a batch, by its rows. */
export function* publish(
  { collisions, capacity, codebookSizes }: Pick<IndexContents, "collisions" | "capacity" | "codebookSizes">,
  batch: Batch,
  origin: Origin | undefined,
  held: SortedIds,
  model: IdModel | undefined,
  items: Items | undefined,
  where: string,
): Asking<SortedIds> {
  const { itemIds, ids, priority } = batch;
  const fresh = sortIds(ids.codes, codebookSizes, itemIds);
  if (collisions === "share" || itemIds.length === 0) return fresh;
  if (collisions === "suffix") {
    if (priority) {
      for (const [start, end] of groups(fresh)) {
        fresh.order.subarray(start, end).sort((a, b) => priority[b]! - priority[a]!);
      }
    }
    const codes = giveSuffixes(fresh, held, codebookSizes, capacity);
    return { codes, levels: held.levels, order: fresh.order };
  }
  if (!model || !items) {
    throw invalid(
      "MODEL_NEEDED",
    )`${call(where)}"reassign" needs ${model ? "items, the vectors of the rows" : "model and items"}, to find the nearest free IDs`;
  }
  const { reassignBatch } = yield* withModel();
  return yield* reassignBatch(fresh, batch, origin, held, model, items);
}

type WithModel = typeof import("./with-model.ts");
let loaded: WithModel | undefined;
const load = async () => {
  loaded ??= await import("./with-model.ts");
  return loaded;
};
alongside.push(load); // so that `build` and `add` need not wait for it

/** What needs the model's answers. */
function* withModel(): Asking<WithModel> {
  return loaded ?? (yield load());
}

/** The residuals of a batch, or of a sample of it. */
export function* sampleLeftOvers(...batch: Parameters<WithModel["sampleLeftOvers"]>): Asking<Float64Array> {
  return yield* (yield* withModel()).sampleLeftOvers(...batch);
}
