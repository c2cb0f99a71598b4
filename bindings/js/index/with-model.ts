/** What an index asks of its model. Programs without one do not load it: see publish.ts. */

import type { Asking } from "../base/asking.ts";
import { hashItemId, type ItemId } from "../ids/item-id.ts";
import { type SortedIds, sortIds } from "../ids/sorted-ids.ts";
import type { Items } from "../types.ts";
import type { Batch, Origin } from "./batch.ts";
import type { IdModel } from "./index-model.ts";
import { forEachVector } from "./item-vectors.ts";
import { reassign } from "./resolve-collisions.ts";

/** The most items from which a figure is computed (a few more if hashes are equal). */
const SAMPLE = 10_000;

/** The published IDs of a batch with "reassign". */
export function* reassignBatch(
  fresh: SortedIds,
  { itemIds, ids, priority }: Batch,
  origin: Origin | undefined,
  held: SortedIds,
  model: IdModel,
  items: Items,
): Asking<SortedIds> {
  const codes = yield* reassign(
    fresh,
    held,
    ids.codebookSizes,
    () => model.codebooks({ space: "latent" }),
    (rows, use) =>
      forEachVector(model, items, origin?.ids ?? ids, origin ? rows.map((row) => origin.rows[row]!) : rows, use),
    priority,
  );
  return sortIds(codes, ids.codebookSizes, itemIds);
}

/** The residuals of a batch, or of a sample of it. */
export function* sampleLeftOvers(
  model: IdModel,
  items: Items,
  { itemIds, ids }: Batch,
  origin?: Origin,
): Asking<Float64Array> {
  const rows = sampleRows(itemIds);
  const leftOvers = new Float64Array(rows.length);
  const places = origin ? rows.map((row) => origin.rows[row]!) : rows;
  yield* forEachVector(model, items, origin?.ids ?? ids, places, (place, _, leftOver) => {
    leftOvers[place] = leftOver;
  });
  return leftOvers;
}

/** The rows to inspect: all, or those with the smallest hashes, independent of the order of the rows. */
export function sampleRows(itemIds: readonly ItemId[]): Uint32Array {
  const rows = Uint32Array.from(itemIds.keys());
  if (itemIds.length <= SAMPLE) return rows;
  const hashes = Uint32Array.from(itemIds, hashItemId);
  const largest = hashes.slice().sort()[SAMPLE - 1]!;
  return rows.filter((row) => hashes[row]! <= largest);
}
