/** What stands in the cells of tables of text: numbers, lists of them, and what stands for a missing one. */

import { InvalidInputError } from "../errors.ts";
import { count, describeValue } from "./bytes.ts";

// Of cells without white space around them; none of these backtracks more than once.
export const number = /^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i;
export const missing = /^([-+]?(nan|inf|infinity)|n\/?a|null|none|-|\?)?$/i;

export const isAllNumbers = (parts: string[]) => parts.every((part) => number.test(part));

/** The parts of a cell that may be a list: "[1, 2]", "(1 2)", "1;2", "1 2". */
export function parseList(cell: string): { parts: string[]; isBracketed: boolean } | undefined {
  const text = cell.trim();
  const isBracketed = (text.startsWith("[") && text.endsWith("]")) || (text.startsWith("(") && text.endsWith(")"));
  const inner = (isBracketed ? text.slice(1, -1) : text).trim();
  if (inner === "") return isBracketed ? { parts: [], isBracketed } : undefined;
  const parts = inner.replace(/\s+/g, " ").split(/ ?[,;|] ?| /);
  return isBracketed || number.test(parts[0]!) ? { parts, isBracketed } : undefined;
}

export function listNumbers(cell: string, dim: number, where: string): Float32Array {
  const parts = parseList(cell)?.parts;
  if (parts === undefined || parts.length === 0) {
    throw new InvalidInputError(
      `${where}: ${cell.trim() === "" ? "the cell is empty" : `${describeValue(cell)} is no list of numbers`}; every item needs one here`,
    );
  }
  if (parts.includes("...")) {
    throw new InvalidInputError(
      `${where}: the list is printed with "..." in its place, its numbers are lost: write arrays with tolist() or as npy`,
    );
  }
  if (dim > 0 && parts.length !== dim) {
    throw new InvalidInputError(
      `${where}: the list has ${count(parts.length)} numbers, but those before it have ${count(dim)}: every row must have as many`,
    );
  }
  const numbers = new Float32Array(parts.length);
  for (const [j, part] of parts.entries()) {
    const value = parseNumber(part, false);
    if (!Number.isFinite(value)) {
      throw new InvalidInputError(`${where}, number ${j} of the list: ${describeBadNumber(part, false)}`);
    }
    numbers[j] = value;
  }
  return numbers;
}

/** NaN for text; a value beyond float32 becomes infinite. */
export function parseNumber(cell: string, decimalComma: boolean): number {
  const text = decimalComma ? cell.trim().replace(",", ".") : cell.trim();
  return number.test(text) ? Math.fround(Number(text)) : Number.NaN;
}

export function isNumber(cell: string, decimalComma: boolean): boolean {
  return !Number.isNaN(parseNumber(cell, decimalComma));
}

export function describeBadNumber(cell: string, decimalComma: boolean): string {
  if (cell.trim() === "") return "the cell is empty; every item needs a number here";
  const what = `${describeValue(cell)} is`;
  if (isNumber(cell, decimalComma)) return `${what} beyond the range of float32 (3.4e38)`;
  // A missing value is no text: to list its column among the labels would be the wrong remedy.
  if (missing.test(cell.trim())) return `${what} not a finite number; every item needs one here`;
  return `${what} not a finite number; columns of text are listed in labelColumns`;
}
