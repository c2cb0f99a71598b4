import { InvalidInputError } from "../errors.ts";
import type { ItemLabels } from "../types.ts";
import { asText, titleField } from "./bytes.ts";
import { toItemLabels } from "./labels.ts";
import { readAtomicFile } from "./recbole.ts";

/**
 * Reads titles and labels, one entry an item, from `{ titles: string[], labels?: { [name]: (string | number)[] } }` or an array
 * of titles in JSON, or from plain text with one title a line (an empty line is an empty title), or from an atomic file of RecBole or
 * Hopwise (`.item`: columns separated by tabs, named `name:type`): the column named title or name, or that ends so, gives the titles.
 *
 * @throws InvalidInputError for JSON that is cut short or has another form, labels of another length than the titles, or no
 *   titles at all.
 */
export function readLabels(text: string): ItemLabels {
  const content = asText(text);
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (error) {
    if (/^\s*(\{\s*"|\[\s*"|\[\s*$)/.test(content)) {
      throw new InvalidInputError(`the labels begin like JSON but are not: ${(error as Error).message}`);
    }
  }
  if (Array.isArray(value)) return toItemLabels(value, undefined);
  if (typeof value === "object" && value !== null) {
    const { titles, labels } = value as { titles?: unknown; labels?: unknown };
    return toItemLabels(titles, labels);
  }
  if (content.trim() === "") throw new InvalidInputError("the labels are empty: one title per item is expected");
  if (/^[^:\t\r\n]+:(token|float)(_seq)?(\t[^:\t\r\n]+:(token|float)(_seq)?)+\r?\n/.test(content))
    return atomicLabels(content);
  return { titles: content.replace(/(\r\n|\n|\r)$/, "").split(/\r\n|\n|\r/) };
}

function atomicLabels(text: string): ItemLabels {
  const { columns, rows } = readAtomicFile(text);
  if (rows.length === 0) throw new InvalidInputError("the atomic file has a header but no rows");
  const named = columns.findIndex((name) => /(^|_)(title|name)$/i.test(name));
  const title = named >= 0 ? named : titleField(columns);
  const others = columns.map((name, column) => ({ name, column })).filter(({ column }) => column !== title);
  const cells = (column: number) => rows.map((row) => row[column]!);
  return {
    titles: cells(title),
    labels: Object.fromEntries(others.map(({ name, column }) => [name, cells(column)])),
  };
}
