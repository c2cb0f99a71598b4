import { checkArray } from "../base/attached.ts";
import { invalid } from "../base/errors.ts";
import { requireThat, show } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import { counted } from "../base/words.ts";

/** Names an item: a string or a whole number. The number 1 and the string "1" are two items. */
export type ItemId = string | number;

/** The order that decides ties everywhere: numbers first, ascending; then strings, by their UTF-16 units. */
export function compareItemIds(a: ItemId, b: ItemId): number {
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** 32 bits, the same on every host (FNV-1a over the UTF-16 units, the halves of a number, then mixed). */
export function hashItemId(id: ItemId): number {
  let hash = 0x811c9dc5;
  if (typeof id === "number") hash = Math.imul(id | 0, 0x01000193) ^ Math.imul((id / 2 ** 32) | 0, 0x5bd1e995);
  else for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * A copy of the item IDs, each checked.
 * @throws InvalidInputError that names the row of the first one that is neither well-formed text nor a whole number.
 */
export function checkItemIds(itemIds: ArrayLike<ItemId>, where: string): ItemId[] {
  const isSo = Array.isArray(itemIds) || ArrayBuffer.isView(itemIds);
  requireThat(isSo, "itemIds", "an array of strings or whole numbers", itemIds, where);
  checkArray(itemIds, `${where}: itemIds`);
  const checked = Array.from(itemIds);
  for (let row = 0; row < checked.length; row++) {
    const id: unknown = checked[row];
    if (typeof id === "string" ? /\p{Surrogate}/u.test(id) : !Number.isSafeInteger(id)) {
      throw invalid(
        "ITEM_ID_INVALID",
      )`${call(where)}${{ argument: "itemIds" }}, ${{ row }}, is ${show(id)}; an item ID is a string of well-formed text or a whole number`;
    }
  }
  return checked;
}

/** What row numbers belong to item IDs: what they are called, and what has one of them a row. */
interface Rows {
  /** Of the item IDs, in errors. */
  name: string;
  of: string;
  /** What a row holds: "ID" or "row". */
  unit: string;
  length: number;
}

/**
 * The row of each item.
 * @throws InvalidInputError if there are not as many item IDs as rows, or if one occurs twice.
 */
export function rowsByKey(
  itemIds: ArrayLike<ItemId>,
  { name, of, unit, length }: Rows,
  where: string,
): Map<ItemId, number> {
  const checked = checkItemIds(itemIds, where);
  if (checked.length !== length) {
    throw invalid(
      "COUNTS_DIFFER",
    )`${{ argument: name }} has ${counted(checked.length, "entry")}, but ${{ argument: of }} has ${counted(length, unit)}`;
  }
  const rowOf = new Map<ItemId, number>();
  for (const [row, itemId] of checked.entries()) {
    const twin = rowOf.get(itemId);
    if (twin !== undefined) {
      throw invalid(
        "ITEM_TWICE",
      )`${{ argument: name }} has ${show(itemId)} in ${{ row: twin }} and in row ${row}; every item needs an ID of its own`;
    }
    rowOf.set(itemId, row);
  }
  return rowOf;
}
