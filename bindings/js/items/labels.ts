import { describeValue } from "../base/describe-value.ts";
import { invalid } from "../base/errors.ts";
import { requireThat } from "../base/option-reader.ts";
import { counted, thereAre, thousands } from "../base/words.ts";
import type { ItemLabels } from "../types.ts";
import { type ItemJoin, type JoinSource, joinItems, requireUnique } from "./join.ts";

/** Checks parsed JSON and copies it. @throws InvalidInputError that names the invalid field and entry. */
export function toItemLabels(titles: unknown, labels: unknown, itemIds?: unknown): ItemLabels {
  if (!Array.isArray(titles)) {
    throw invalid()`${{ argument: "titles" }} must be an array with one string per item, got ${describeValue(titles)}`;
  }
  if (titles.length === 0)
    throw invalid("EMPTY")`${{ argument: "titles" }} is empty${{ hint: "one title per item is expected" }}`;
  const checkedTitles = titles.map((title, i) => String(checkEntry(title, `titles[${i}]`)));
  const ownIds = itemIds === undefined || itemIds === null ? undefined : toItemIds(itemIds, titles.length);
  if (labels === undefined || labels === null) return { titles: checkedTitles, ...(ownIds && { itemIds: ownIds }) };
  if (typeof labels !== "object" || Array.isArray(labels)) {
    throw invalid()`${{ argument: "labels" }} must be an object of arrays, { [name]: [...] }, got ${describeValue(labels)}`;
  }
  const entries = Object.entries(labels).map(([name, values]) => {
    const field = `labels[${describeValue(name)}]`;
    if (!Array.isArray(values)) throw invalid()`${field} must be an array, got ${describeValue(values)}`;
    if (values.length !== titles.length) {
      throw invalid(
        "COUNTS_DIFFER",
      )`${field} has ${counted(values.length, "entry")}, but ${thereAre(titles.length, "title")}`;
    }
    return [name, values.map((value, i) => checkEntry(value, `${field}[${i}]`))] as const;
  });
  return {
    titles: checkedTitles,
    ...(entries.length > 0 && { labels: Object.fromEntries(entries) }),
    ...(ownIds && { itemIds: ownIds }),
  };
}

function toItemIds(itemIds: unknown, rows: number): string[] {
  if (!Array.isArray(itemIds)) {
    throw invalid()`${{ argument: "itemIds" }} must be an array with one ID per item, got ${describeValue(itemIds)}`;
  }
  if (itemIds.length !== rows) {
    throw invalid(
      "COUNTS_DIFFER",
    )`${{ argument: "itemIds" }} has ${counted(itemIds.length, "entry")}, but titles has ${thousands(rows)}${{ hint: "one item ID for each title" }}`;
  }
  const checked = itemIds.map((itemId, i) => String(checkEntry(itemId, `itemIds[${i}]`)));
  requireUnique(checked, "itemIds");
  return checked;
}

function checkEntry(value: unknown, field: string): string | number {
  if (typeof value === "string" || typeof value === "number") return value;
  throw invalid()`${field} must be a string or a number, got ${describeValue(value)}`;
}

/**
 * Checks that each of `rows` items has one title, and one label of each name.
 * @throws InvalidInputError with both counts.
 */
export function checkLabels(labels: ItemLabels, rows: number): void {
  requireThat(Number.isSafeInteger(rows) && rows >= 0, "rows", "a whole number from 0", rows);
  requireLabels(labels);
  const lists = Object.entries(labels.labels ?? {}).map(([name, values]): [string, readonly unknown[]] => [
    `labels[${describeValue(name)}]`,
    values,
  ]);
  if (labels.itemIds) lists.push(["itemIds", labels.itemIds]);
  lists.unshift(["titles", labels.titles]);
  for (const [field, values] of lists) {
    requireThat(Array.isArray(values), field, "an array with one entry per item", values);
    if (values.length !== rows) {
      throw invalid(
        "COUNTS_DIFFER",
      )`${field} has ${counted(values.length, "entry")}, but ${thereAre(rows, "item")}: the files do not belong together`;
    }
  }
}

/** @throws InvalidInputError for anything but an object with titles. */
function requireLabels(labels: ItemLabels): void {
  requireThat(
    typeof labels === "object" && Array.isArray(labels?.titles),
    "labels",
    "an object { titles, labels, itemIds } with an array of titles",
    labels,
  );
  for (const [name, values] of Object.entries(labels.labels ?? {})) {
    requireThat(Array.isArray(values), `labels[${describeValue(name)}]`, "an array", values);
  }
  for (let i = 0; i < labels.titles.length; i++) checkEntry(labels.titles[i], `titles[${i}]`);
}

/** Labels of rows [first, first + count). */
export function labelsOf(labels: ItemLabels, first: number, count: number): ItemLabels {
  return mapLists(labels, (values) => values.slice(first, first + count));
}

/** Labels without some rows, which are ascending. */
export function withoutRows(labels: ItemLabels, rows: ArrayLike<number>): ItemLabels {
  const dropped = new Set(Array.from(rows));
  return mapLists(labels, (values) => values.filter((_, row) => !dropped.has(row)));
}

/**
 * The labels of a source's items, joined by item ID, see `joinItems`. An item without labels has its ID as title and empty labels. Items
 * without IDs get those of the labels.
 *
 * @param name What messages call the labels, such as their file's name.
 * @throws InvalidInputError as `joinItems` does.
 */
export function joinLabels(
  items: JoinSource,
  labels: ItemLabels,
  name: string,
): { labels: ItemLabels; join: ItemJoin } {
  requireThat(
    typeof items === "object" && items !== null && typeof items.name === "string",
    "items",
    "an object { name, rows, itemIds }",
    items,
  );
  requireThat(typeof name === "string", "name", "a string", name);
  requireLabels(labels);
  const join = joinItems(items, { name, rows: labels.titles.length, itemIds: labels.itemIds }, "title");
  const { itemIds } = labels;
  const adopted = items.itemIds || !itemIds ? undefined : Array.from(join.rows, (row) => itemIds[row]!);
  if (adopted) join.text += ` The item IDs are those of ${name}.`;
  return { labels: pickLabels(labels, join.rows, items.itemIds ?? adopted), join };
}

/** The labels of some rows, in this order. Row -1 has none: its title is the item's ID, and its labels are empty. */
function pickLabels(labels: ItemLabels, rows: ArrayLike<number>, itemIds?: readonly string[]): ItemLabels {
  const { itemIds: _, ...beside } = labels;
  const picked = mapLists(beside, (values) => Array.from(rows, (row) => values[row] ?? ""));
  if (itemIds) for (let i = 0; i < rows.length; i++) if (rows[i]! < 0) picked.titles[i] = itemIds[i]!;
  return itemIds ? { ...picked, itemIds: [...itemIds] } : picked;
}

function mapLists(
  { titles, labels, itemIds }: ItemLabels,
  change: <T extends string | number>(values: readonly T[]) => (T | "")[],
): ItemLabels {
  const entries = Object.entries(labels ?? {}).map(([name, values]) => [name, change(values)] as const);
  return {
    titles: change(titles),
    ...(labels && { labels: Object.fromEntries(entries) as NonNullable<ItemLabels["labels"]> }),
    ...(itemIds && { itemIds: change(itemIds) }),
  };
}
