/** Turns raw IDs into published ones, batch by batch. */

import type { Asking } from "../base/asking.ts";
import { invalid } from "../base/errors.ts";
import { requireThat } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import { counted, thereAre } from "../base/words.ts";
import { checkItemIds, type ItemId } from "../ids/item-id.ts";
import { SemanticIds } from "../ids/semantic-ids.ts";
import { type SortedIds, sortIds } from "../ids/sorted-ids.ts";
import type { Items } from "../types.ts";
import { sampleRows } from "./drift.ts";
import type { IndexContents } from "./index-contents.ts";
import { forEachVector, type IdModel } from "./item-vectors.ts";
import { giveSuffixes, reassign } from "./resolve-collisions.ts";

/** Items and their raw IDs. */
export interface Batch {
  itemIds: readonly ItemId[];
  ids: SemanticIds;
}

/** The vectors of some of a batch's rows: `rows` among all rows of `ids`. */
export interface Origin {
  ids: SemanticIds;
  rows: readonly number[];
}

/** Checks that there is one ID per item, with the index's shape. @throws InvalidInputError */
export function checkBatch(
  itemIds: ArrayLike<ItemId>,
  ids: SemanticIds | readonly (readonly number[])[],
  codebookSizes: readonly number[],
  where: string,
): Batch {
  const list = checkItemIds(itemIds, where);
  const given = Array.isArray(ids) ? undefined : (ids as SemanticIds | undefined);
  const isIds = Array.isArray(codebookSizes) && (given || Array.isArray(ids));
  requireThat(Boolean(isIds), "ids", "SemanticIds, from encode", ids, where);
  if (given && String(given.codebookSizes) !== String(codebookSizes)) {
    throw invalid(
      "OTHER_CODEBOOKS",
    )`${call(where)}the IDs have the codebook sizes [${given.codebookSizes?.join(", ")}], but the index has [${codebookSizes.join(", ")}]`;
  }
  const { fingerprint } = given ?? {};
  const checked = SemanticIds.from(ids, { codebookSizes, ...(fingerprint === undefined ? {} : { fingerprint }) });
  if (checked.length !== list.length) {
    throw invalid(
      "COUNTS_DIFFER",
    )`${call(where)}${thereAre(list.length, "item ID")}, but ${counted(checked.length, "semantic ID")}${{ hint: "give one of each per item" }}`;
  }
  return { itemIds: list, ids: checked };
}

/** The published IDs of a batch, by its rows. */
export function* publish(
  { collisions, capacity, codebookSizes }: Pick<IndexContents, "collisions" | "capacity" | "codebookSizes">,
  { itemIds, ids }: Batch,
  origin: Origin | undefined,
  held: SortedIds,
  model: IdModel | undefined,
  items: Items | undefined,
  where: string,
): Asking<SortedIds> {
  const fresh = sortIds(ids.codes, codebookSizes, itemIds);
  if (collisions === "share" || itemIds.length === 0) return fresh;
  if (collisions === "suffix") {
    const codes = giveSuffixes(fresh, held, codebookSizes, capacity);
    return { codes, levels: held.levels, order: fresh.order };
  }
  if (!model || !items) {
    throw invalid(
      "MODEL_NEEDED",
    )`${call(where)}"reassign" needs ${model ? "items, the vectors of the rows" : "model and items"}, to find the nearest free IDs`;
  }
  const codes = yield* reassign(
    fresh,
    held,
    codebookSizes,
    () => model.codebooks({ space: "latent" }),
    (rows, use) =>
      forEachVector(model, items, origin?.ids ?? ids, origin ? rows.map((row) => origin.rows[row]!) : rows, use),
  );
  return sortIds(codes, codebookSizes, itemIds);
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
