/** The IDs that the items of a training hold (src/training/held_ids.h): those published, joined by key, or those that the model gives. Internal. */

import { invalid } from "../base/errors.ts";
import { requireThat } from "../base/option-reader.ts";
import { call, option } from "../base/wording.ts";
import { type ItemId, rowsByKey } from "../ids/item-id.ts";
import { requireIds } from "../ids/semantic-ids.ts";
import type { ModelConfig, TrainOptions } from "../types.ts";

/** In place of an item's first code, if it holds no ID. */
export const NONE = 0xffffffff;

/**
 * The codes that each of `rows` items holds, rows x L. An ID may be longer than the model's: what follows is a suffix.
 * @throws InvalidInputError for IDs of another model, or that cannot be joined.
 */
export function publishedCodes(
  { published, itemIds }: TrainOptions,
  model: { config: ModelConfig; fingerprint: string },
  rows: number,
): Uint32Array {
  const isSo = typeof published === "object" && published !== null && "ids" in published && "itemIds" in published;
  requireThat(isSo, "published", "{ itemIds, ids }: the IDs, and whose they are", published, "train");
  const { ids } = published!;
  requireIds(ids, "published.ids");
  if (itemIds === undefined) {
    throw invalid(
      "OPTIONS_CONFLICT",
    )`${call("train")}${option("published")} is joined with the items by their IDs${{ hint: "give itemIds too, one for each row" }}`;
  }
  const { codebookSize } = model.config;
  const levels = codebookSize.length;
  if (ids.fingerprint !== undefined && ids.fingerprint !== model.fingerprint) {
    throw invalid(
      "OTHER_MODEL",
    )`${{ argument: "published.ids" }}: these IDs were made by model ${ids.fingerprint}, but the training starts from model ${model.fingerprint}: codes of different models mean different things`;
  }
  if (ids.levels < levels || codebookSize.some((size, level) => ids.codebookSizes[level]! > size)) {
    throw invalid(
      "OTHER_CODEBOOKS",
    )`${{ argument: "published.ids" }}: codebook sizes are [${ids.codebookSizes.join(", ")}], the model's are [${codebookSize.join(", ")}]`;
  }
  const rowsOf = (given: readonly ItemId[], name: string, of: string, length: number) =>
    rowsByKey(given, { name, of, unit: "row", length }, `train: ${name}`);
  const rowOf = rowsOf(published!.itemIds, "published.itemIds", "published.ids", ids.length);
  const codes = new Uint32Array(rows * levels).fill(NONE);
  let known = 0;
  for (const [itemId, row] of rowsOf(itemIds, "itemIds", "items", rows)) {
    const held = rowOf.get(itemId);
    if (held === undefined) continue;
    known++;
    for (let level = 0; level < levels; level++) codes[row * levels + level] = ids.codes[held * ids.levels + level]!;
  }
  if (known === 0) {
    throw invalid(
      "COUNTS_DIFFER",
    )`${{ option: "published" }} has no item in common with ${{ option: "itemIds" }}${{ hint: "check that both name the items in the same way" }}`;
  }
  return codes;
}
