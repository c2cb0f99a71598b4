import { InvalidInputError } from "../errors.ts";
import type { ItemLabels } from "../types.ts";
import { counted, thereAre } from "../wording.ts";
import { describeValue } from "./bytes.ts";

/** Checks what JSON gave and copies it. @throws InvalidInputError naming the field and entry that is not as it must be. */
export function toItemLabels(titles: unknown, labels: unknown): ItemLabels {
  if (!Array.isArray(titles)) {
    throw new InvalidInputError(`titles must be an array with one string per item, got ${describeValue(titles)}`);
  }
  if (titles.length === 0) throw new InvalidInputError("titles is empty: one title per item is expected");
  const checkedTitles = titles.map((title, i) => String(checkEntry(title, `titles[${i}]`)));
  if (labels === undefined || labels === null) return { titles: checkedTitles };
  if (typeof labels !== "object" || Array.isArray(labels)) {
    throw new InvalidInputError(`labels must be an object of arrays, { [name]: [...] }, got ${describeValue(labels)}`);
  }
  const entries = Object.entries(labels).map(([name, values]) => {
    const field = `labels[${describeValue(name)}]`;
    if (!Array.isArray(values)) throw new InvalidInputError(`${field} must be an array, got ${describeValue(values)}`);
    if (values.length !== titles.length) {
      throw new InvalidInputError(
        `${field} has ${counted(values.length, "entry")}, but ${thereAre(titles.length, "title")}`,
      );
    }
    return [name, values.map((value, i) => checkEntry(value, `${field}[${i}]`))] as const;
  });
  return { titles: checkedTitles, ...(entries.length > 0 && { labels: Object.fromEntries(entries) }) };
}

function checkEntry(value: unknown, field: string): string | number {
  if (typeof value === "string" || typeof value === "number") return value;
  throw new InvalidInputError(`${field} must be a string or a number, got ${describeValue(value)}`);
}

/**
 * Checks that there is one title, and one label of each name, for each of `rows` items.
 * @throws InvalidInputError with both counts.
 */
export function checkLabels(labels: ItemLabels, rows: number): void {
  const lists = Object.entries(labels.labels ?? {}).map(
    ([name, values]) => [`labels[${describeValue(name)}]`, values] as const,
  );
  for (const [field, values] of [["titles", labels.titles] as const, ...lists]) {
    if (values.length !== rows) {
      throw new InvalidInputError(
        `${field} has ${counted(values.length, "entry")}, but ${thereAre(rows, "item")}: the files do not belong together`,
      );
    }
  }
}

/** The labels of rows [first, first + count). */
export function labelsOf({ titles, labels }: ItemLabels, first: number, count: number): ItemLabels {
  const cut = <T>(values: readonly T[]) => values.slice(first, first + count);
  const entries = Object.entries(labels ?? {}).map(([name, values]) => [name, cut(values)] as const);
  return { titles: cut(titles), ...(labels && { labels: Object.fromEntries(entries) as typeof labels }) };
}

/** Labels without some rows, which are ascending. */
export function withoutRows(labels: ItemLabels, rows: ArrayLike<number>): ItemLabels {
  const dropped = new Set(Array.from(rows));
  const keep = <T>(values: readonly T[]) => values.filter((_, row) => !dropped.has(row));
  const entries = Object.entries(labels.labels ?? {}).map(([name, values]) => [name, keep(values)] as const);
  return {
    titles: keep(labels.titles),
    ...(labels.labels && { labels: Object.fromEntries(entries) as NonNullable<ItemLabels["labels"]> }),
  };
}
