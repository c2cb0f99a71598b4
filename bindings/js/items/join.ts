/** Matches the rows of two sources: by the items' own IDs, or by position if a source has none. */

import { requireList } from "../base/attached.ts";
import { describeValue } from "../base/describe-value.ts";
import { invalid } from "../base/errors.ts";
import { requireThat } from "../base/option-reader.ts";
import { worded } from "../base/wording.ts";
import { counted, thousands } from "../base/words.ts";

/** A source that has one row per item. */
export interface JoinSource {
  /** What messages call it, such as its file's name. */
  name: string;
  /** Number of rows. */
  rows: number;
  /** The item ID of each row. Default: the source has none, and its rows are identified by position. */
  itemIds?: readonly string[] | undefined;
  /** The number of each row in its file, ascending, if some rows were left out. Default: 0, 1, 2, ... */
  fileRows?: ArrayLike<number> | undefined;
  /** Number of rows in the file, including those that were left out. Default: `rows`. */
  rowsInFile?: number | undefined;
}

/** How the rows of two sources match. */
export interface ItemJoin {
  /** "place" only if a source has no item IDs. */
  by: "key" | "place";
  /** For each row of the left source, its row in the right one, or -1. */
  rows: Int32Array;
  /** Rows of the left source without a counterpart, ascending. */
  missing: number[];
  /** Rows of the right source without a counterpart, ascending. */
  extra: number[];
  /**
   * What is worth saying about the join, in one line: rows without a counterpart, or that it is by position. "" if there is nothing to say.
   */
  text: string;
}

/**
 * Finds for each row of `left` the row of the same item in `right`. Item IDs are compared as text, character by character. If a source has
 * no item IDs, the rows are joined by position, which requires the same number of rows in both files.
 *
 * @param what What a row of `right` is, for messages: "title", "embedding".
 * @throws InvalidInputError if an item ID is empty or occurs in two rows (both are named), or if the sources have no item in common. If files
 * that are joined by position have different numbers of rows. If the item IDs of one of them are the row numbers in another order, so
 * that position and number contradict each other.
 */
export function joinItems(left: JoinSource, right: JoinSource, what = "row"): ItemJoin {
  requireThat(typeof what === "string", "what", "a word", what);
  for (const [side, source] of Object.entries({ left, right })) {
    requireThat(typeof source === "object" && source !== null, side, "an object { name, rows, itemIds }", source);
    requireThat(typeof source.name === "string", `${side}.name`, "a string", source.name);
    for (const key of ["rows", "rowsInFile"] as const) {
      const isSo = Number.isSafeInteger(source[key] ?? (key === "rows" ? undefined : 0)) && (source[key] ?? 0) >= 0;
      requireThat(isSo, `${side}.${key}`, "a whole number", source[key]);
    }
    const { itemIds, name, rows, fileRows } = source;
    if (fileRows !== undefined) requireList(fileRows, `${side}.fileRows`, "an array of row numbers");
    requireThat(itemIds === undefined || Array.isArray(itemIds), `${side}.itemIds`, "an array of strings", itemIds);
    if (itemIds === undefined) continue;
    if (itemIds.length !== rows) {
      throw invalid(
        "COUNTS_DIFFER",
      )`${name} has ${counted(itemIds.length, "item ID")}, but ${counted(rows, "row")}${{ hint: "every row needs one" }}`;
    }
    requireUnique(itemIds, name, fileRows);
  }
  return left.itemIds && right.itemIds
    ? byKey(left, left.itemIds, right, right.itemIds, what)
    : byPlace(left, right, what);
}

/**
 * @param fileRows The numbers that identify the rows. Default: 0, 1, 2, ...
 * @throws InvalidInputError for an item ID that is empty or occurs in two rows.
 */
export function requireUnique(itemIds: readonly string[], name: string, fileRows?: ArrayLike<number>): void {
  const twins = findTwins(itemIds);
  if (!twins) return;
  const [first, second] = twins.map((row) => fileRows?.[row] ?? row);
  const where = name === "" ? "" : `${name}: `;
  if (itemIds[twins[0]] === "")
    throw invalid("ITEM_ID_INVALID")`${where}${{ row: first! }} has no item ID${{ hint: "every item needs one" }}`;
  throw invalid(
    "ITEM_TWICE",
  )`${where}rows ${first!} and ${second!} are both item ${describeValue(itemIds[twins[0]])}${{ hint: "every item must occur once" }}`;
}

/** The first two rows with the same item ID; a row without an ID is given twice; undefined if every row has its own ID. */
export function findTwins(itemIds: readonly string[]): [number, number] | undefined {
  const known = new Map<string, number>();
  for (let row = 0; row < itemIds.length; row++) {
    const itemId = itemIds[row]!;
    if (itemId === "") return [row, row];
    const earlier = known.get(itemId);
    if (earlier !== undefined) return [earlier, row];
    known.set(itemId, row);
  }
  return undefined;
}

function byKey(
  left: JoinSource,
  leftIds: readonly string[],
  right: JoinSource,
  rightIds: readonly string[],
  what: string,
): ItemJoin {
  const rowOf = new Map<string, number>();
  for (let row = 0; row < rightIds.length; row++) rowOf.set(rightIds[row]!, row);
  const rows = Int32Array.from({ length: leftIds.length }, (_, row) => rowOf.get(leftIds[row]!) ?? -1);
  const missing: number[] = [];
  for (let row = 0; row < rows.length; row++) if (rows[row]! < 0) missing.push(row);
  if (missing.length === rows.length) {
    throw invalid(
      "COUNTS_DIFFER",
    )`${{ file: left.name, form: "statement" }} and ${{ file: right.name, form: "statement" }} have no item in common: the IDs of ${left.name} are ${firstFew(leftIds)}, those of ${right.name} ${firstFew(rightIds)}`;
  }
  const taken = new Uint8Array(rightIds.length);
  for (const row of rows) if (row >= 0) taken[row] = 1;
  const extra: number[] = [];
  for (let row = 0; row < taken.length; row++) if (taken[row] === 0) extra.push(row);
  const sentences = [
    ...(missing.length > 0
      ? [
          `${right.name} has no ${what} for ${countOf(missing.length, rows.length)} of ${left.name}: ${firstFew(missing.map((row) => leftIds[row]!))}.`,
        ]
      : []),
    ...(extra.length > 0
      ? [
          `${right.name} has ${counted(extra.length, "item")} that ${extra.length === 1 ? "is" : "are"} not in ${left.name}: ${firstFew(extra.map((row) => rightIds[row]!))}.`,
        ]
      : []),
  ];
  return { by: "key", rows, missing, extra, text: sentences.join(" ") };
}

function byPlace(left: JoinSource, right: JoinSource, what: string): ItemJoin {
  const [leftRows, rightRows] = [left.rowsInFile ?? left.rows, right.rowsInFile ?? right.rows];
  if (leftRows !== rightRows) {
    const lacking = left.itemIds ? right : left;
    throw invalid(
      "COUNTS_DIFFER",
    )`${{ file: right.name, form: "statement" }} has ${counted(rightRows, what)}, but ${{ file: left.name, form: "statement" }} has ${counted(leftRows, "item")}, and ${
      left.itemIds || right.itemIds ? `${lacking.name} has no item IDs to join them by` : "neither has item IDs"
    }: row i of one must be row i of the other${lacking === left && right.itemIds ? worded`${{ api: "", cli: `, or give the item IDs of ${left.name} with --item-ids` }}` : ""}`;
  }
  for (const [named, other] of [
    [left, right],
    [right, left],
  ] as const) {
    if (named.itemIds && !other.itemIds && isReordered(named.itemIds)) {
      throw invalid(
        "COUNTS_DIFFER",
      )`the item IDs of ${{ file: named.name, form: "statement" }} are row numbers in another order, and ${{ file: other.name, form: "statement" }} has no item IDs${{ hint: `sort ${named.name} by item ID, or give ${other.name} item IDs` }}`;
    }
  }
  const { rows, missing, extra } = placesOf(left, right);
  const why =
    left.itemIds || right.itemIds
      ? `${(left.itemIds ? right : left).name} has no item IDs`
      : `neither ${left.name} nor ${right.name} has item IDs`;
  const absent =
    missing.length === 0
      ? ""
      : ` ${right.name} has no ${what} for ${countOf(missing.length, left.rows)}: ${missing.length === 1 ? "row" : "rows"} ${missing
          .slice(0, 3)
          .map((row) => left.fileRows?.[row] ?? row)
          .join(", ")}${missing.length > 3 ? ", …" : ""}.`;
  return {
    by: "place",
    rows,
    missing,
    extra,
    text: `Joined by position, since ${why}: ${what} i of ${right.name} belongs to row i of ${left.name}.${absent}`,
  };
}

/** Rows with equal numbers in their files. */
function placesOf(left: JoinSource, right: JoinSource): Pick<ItemJoin, "rows" | "missing" | "extra"> {
  const rows = new Int32Array(left.rows);
  if (!left.fileRows && !right.fileRows) return { rows: rows.map((_, row) => row), missing: [], extra: [] };
  const [missing, extra]: [number[], number[]] = [[], []];
  const numberIn = ({ fileRows }: JoinSource, row: number) => fileRows?.[row] ?? row;
  let r = 0;
  for (let row = 0; row < left.rows; row++) {
    const number = numberIn(left, row);
    for (; r < right.rows && numberIn(right, r) < number; r++) extra.push(r);
    const isThere = r < right.rows && numberIn(right, r) === number;
    rows[row] = isThere ? r++ : -1;
    if (!isThere) missing.push(row);
  }
  for (; r < right.rows; r++) extra.push(r);
  return { rows, missing, extra };
}

/** Whether item IDs are the numbers from 0 or 1 on, each once, but not in order. */
function isReordered(itemIds: readonly string[]): boolean {
  if (!itemIds.every((itemId) => /^(0|[1-9]\d{0,8})$/.test(itemId))) return false;
  const numbers = itemIds.map(Number);
  const isSorted = numbers.every((number, row) => row === 0 || number > numbers[row - 1]!);
  if (isSorted) return false;
  const first = numbers.reduce((least, number) => Math.min(least, number), Number.POSITIVE_INFINITY);
  const last = numbers.reduce((most, number) => Math.max(most, number), 0);
  return first <= 1 && last - first === numbers.length - 1;
}

/** "2 of the 60 items". */
const countOf = (some: number, all: number) => `${thousands(some)} of the ${counted(all, "item")}`;

/** The first of some item IDs, as messages show them. */
export function firstFew(itemIds: readonly string[], most = 3): string {
  const shown = itemIds.slice(0, most).map(describeValue).join(", ");
  return itemIds.length > most ? `${shown}, …` : shown;
}
