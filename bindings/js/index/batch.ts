/** Items that come together, and their raw IDs. */

import { invalid } from "../base/errors.ts";
import { requireThat } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import { counted, thereAre } from "../base/words.ts";
import { checkItemIds, type ItemId } from "../ids/item-id.ts";
import { SemanticIds } from "../ids/semantic-ids.ts";

/** Items and their raw IDs. */
export interface Batch {
  itemIds: readonly ItemId[];
  ids: SemanticIds;
  /** One number per item. */
  priority?: readonly number[] | undefined;
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
  priority?: ArrayLike<number>,
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
  return { itemIds: list, ids: checked, priority: priority === undefined ? undefined : numbers(priority, list, where) };
}

function numbers(priority: ArrayLike<number>, { length }: readonly ItemId[], where: string): number[] {
  const isSo =
    (Array.isArray(priority) || ArrayBuffer.isView(priority)) &&
    priority.length === length &&
    Array.from(priority).every((value) => typeof value === "number" && Number.isFinite(value));
  requireThat(isSo, "priority", `an array of ${counted(length, "finite number")}, one per item`, priority, where);
  return Array.from(priority);
}
