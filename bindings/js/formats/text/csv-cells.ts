/** The cells of tables of text: numbers, lists of numbers, and marks for missing values. */

import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { option, type Wording, worded } from "../../base/wording.ts";
import { counted, thousands } from "../../base/words.ts";
import { type Cell, MISSING } from "../../items/columns.ts";

// For cells without surrounding white space; none of these backtracks more than once.
export const number = /^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i;
export const missing = /^([-+]?(nan|inf|infinity)|n\/?a|null|none|-|\?)?$/i;
const decimalCommaNumber = /^[-+]?\d+,\d+$/;

export const isAllNumbers = (parts: string[]) => parts.every((part) => number.test(part));

/** A cell that may be a list. */
export interface ParsedList {
  parts: string[];
  isBracketed: boolean;
  /** Why it is not a list of numbers although it looks like one; "" otherwise. */
  problem: string;
}

const OPENING = "[({<";
const CLOSING = "])}>";

/** The text inside its brackets; undefined if it has none. */
function insideBrackets(text: string): string | undefined {
  const kind = OPENING.indexOf(text[0] ?? " ");
  return kind >= 0 && text.length > 1 && text.at(-1) === CLOSING[kind] ? text.slice(1, -1).trim() : undefined;
}

/** `tensor([1, 2], device='cuda:0')` -> `[1, 2]`: the argument of a call that programs print around a list. */
function withoutCall(text: string): string {
  const open = text.indexOf("(");
  if (open <= 0 || !text.endsWith(")") || !/^[a-z_][\w.]*$/i.test(text.slice(0, open))) return text;
  const inner = text.slice(open + 1, -1).trim();
  const close = Math.max(...["]", ")", "}"].map((bracket) => inner.lastIndexOf(bracket)));
  const options = inner.slice(close + 1);
  // "Alien(1979)" is a title.
  return close >= 0 && /^(\s*,\s*\w+\s*=[^,[\]]*)*$/.test(options) ? inner.slice(0, close + 1) : text;
}

/** `np.float32(0.1)`, `Decimal('0.1')`, `"0.1"` -> `0.1` */
function bareNumber(part: string): string {
  const last = part.charCodeAt(part.length - 1);
  if (last !== 0x29 && last !== 0x22 && last !== 0x27) return part;
  const inner = /^[a-z_][\w.]*\(\s*(.*?)\s*\)$/i.exec(part)?.[1] ?? part;
  return /^(["'])(.*)\1$/.exec(inner)?.[2] ?? inner;
}

/**
 * The parts of a cell that may be a list: "[1, 2]", "(1 2)", "{1,2}" (PostgreSQL), "1;2", "1 2", "[[1, 2]]", "tensor([1., 2.])",
 * "[np.float32(1.0), ...]", '{"0": 1, "1": 2}' (a typed array in JSON).
 */
export function parseList(cell: string): ParsedList | undefined {
  let text = withoutCall(cell.trim());
  // A JSON list, written as a string.
  if (text.length > 3 && text[0] === '"' && text.at(-1) === '"') text = text.slice(1, -1).trim();
  let inner = insideBrackets(text);
  const isBracketed = inner !== undefined;
  if (inner === undefined) {
    if (text === "" || !number.test(/^[^\s,;|]*/.exec(text)![0])) return undefined;
    return splitList(text, isBracketed);
  }
  if (inner === "") return { parts: [], isBracketed, problem: "" };
  if (text[0] === "{" && inner.includes(":")) return /^["']0["']\s*:/.test(inner) ? typedArray(inner) : undefined;
  const nested = insideBrackets(inner);
  if (nested !== undefined && !/[[\](){}]/.test(nested)) inner = nested;
  if (!/[[{]/.test(inner)) return splitList(inner, isBracketed);
  return /^[-+\d.,:e\s[\]{}]*$/i.test(inner) ? { parts: [], isBracketed, problem: nestingProblem(inner) } : undefined;
}

/** Splits at ";" or "|" if there are any, in which case commas may be decimal commas, else at "," and spaces. */
function splitList(text: string, isBracketed: boolean): ParsedList {
  const blanks = text.replace(/\s+/g, " ");
  if (/[;|]/.test(blanks)) {
    const parts = blanks
      .split(/ ?[;|] ?/)
      .map((part) => (decimalCommaNumber.test(part) ? part.replace(",", ".") : part));
    return { parts: parts.map(bareNumber), isBracketed, problem: "" };
  }
  const atBlanks = blanks.split(" ");
  if (atBlanks.length > 1 && atBlanks.every((part) => decimalCommaNumber.test(part))) {
    return {
      parts: [],
      isBracketed,
      problem: "its numbers have decimal commas: write decimal points, or separate them with semicolons",
    };
  }
  return { parts: blanks.split(/ ?, ?| /).map(bareNumber), isBracketed, problem: "" };
}

function nestingProblem(inner: string): string {
  if (/^\d+\s*,\s*[[{]/.test(inner)) return "it is a sparse vector: write all its numbers as a list";
  return "it is a list of lists: pool or flatten them into one list of numbers first";
}

/** `"0": 0.5, "1": 0.25` */
function typedArray(inner: string): ParsedList {
  const parts = inner.split(",").map((entry, i) => {
    const [key = "", value = ""] = entry.split(":");
    return bareNumber(key.trim()) === String(i) ? bareNumber(value.trim()) : undefined;
  });
  const isArray = parts.every((part) => part !== undefined);
  const problem = isArray
    ? ""
    : "it is an object, not a list of numbers: write it as a list, in JavaScript with Array.from(vector)";
  return { parts: isArray ? parts : [], isBracketed: true, problem };
}

/** The floats of a vector in base64 (float32, little-endian, as embedding services send it); undefined for any other text. */
export function base64Floats(text: string): Float32Array | undefined {
  if (text.length < 8 || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    return undefined;
  }
  if (binary.length % 4 !== 0) return undefined;
  const floats = new Float32Array(Uint8Array.from(binary, (char) => char.charCodeAt(0)).buffer);
  // Words are also base64, but of numbers that no embedding has.
  const isUsual = (value: number) => value === 0 || (Math.abs(value) > 1e-7 && Math.abs(value) < 1e3);
  return floats.every((value) => Math.abs(value) < 1e4) && floats.filter(isUsual).length > 0.9 * floats.length
    ? floats
    : undefined;
}

/** What a cell of text is. @param delimiter Separates the cells: if it is a comma, another comma in a number is a mistake. */
export function textCell(cell: string, delimiter: string): Cell {
  const text = cell.trim();
  if (missing.test(text)) return MISSING;
  const value = parseNumber(text, delimiter !== ",");
  if (!Number.isNaN(value)) return { kind: "number", text, value };
  // Among numbers it will be refused, rather than count as a list of two.
  if (decimalCommaNumber.test(text)) return { kind: "number", text, value: parseNumber(text, true) };
  const list = parseList(text);
  if (list) return listCell(list, text);
  const floats = base64Floats(text);
  return floats
    ? { kind: "list", length: floats.length, isInteger: false, isBare: true, isBase64: true, problem: "" }
    : { kind: "text", text };
}

function listCell({ parts, isBracketed, problem }: ParsedList, text: string): Cell {
  const isReadable =
    parts.length > 0 && parts.every((part) => number.test(part) || missing.test(part) || part === "...");
  if (problem !== "" || isReadable)
    return { ...list(parts, isBracketed, problem), ...(!isBracketed && { text }) } as Cell;
  // "[Remastered]" is text; if most parts are numbers, the reader says which one is not.
  const numbers = parts.filter((part) => number.test(part)).length;
  return isBracketed && 2 * numbers > parts.length ? list(parts, isBracketed, "") : { kind: "text", text };
}

const list = (parts: readonly string[], isBracketed: boolean, problem: string): Cell => ({
  kind: "list",
  length: parts.length,
  isInteger: parts.every((part) => /^[-+]?\d+$/.test(part)),
  isBare: !isBracketed,
  problem,
});

export function listNumbers(cell: string, dim: number, where: string | Wording): Float32Array {
  const parsed = parseList(cell);
  if (parsed === undefined || parsed.problem !== "" || parsed.parts.length === 0) {
    const floats = parsed === undefined ? base64Floats(cell.trim()) : undefined;
    if (floats) {
      requireDim(floats.length, dim, where);
      return floats;
    }
    const problem =
      cell.trim() === ""
        ? "the cell is empty; every item needs a list of numbers here"
        : `${describeValue(cell)} is not a list of numbers; every item needs one here${parsed?.problem ? `: ${parsed.problem}` : ""}`;
    throw invalid("FILE_CONTENT")`${where}: ${problem}`;
  }
  const { parts } = parsed;
  if (parts.includes("...")) {
    throw invalid(
      "FILE_CONTENT",
    )`${where}: the list was printed with "...", so its numbers are lost${{ hint: "write arrays with tolist() or as npy" }}`;
  }
  requireDim(parts.length, dim, where);
  const numbers = new Float32Array(parts.length);
  for (const [j, part] of parts.entries()) {
    const value = parseNumber(part, false);
    if (!Number.isFinite(value)) {
      throw invalid("ITEM_NOT_NUMBER")`${where}, number ${j} of the list: ${describeBadNumber(part, false)}`;
    }
    numbers[j] = value;
  }
  return numbers;
}

function requireDim(length: number, dim: number, where: string | Wording): void {
  if (dim === 0 || length === dim) return;
  throw invalid(
    "ROW_LENGTH",
  )`${where}: the list has ${counted(length, "number")}, but those before it have ${thousands(dim)}${{ hint: "every row must have the same number" }}`;
}

/** NaN for text; a value beyond float32 becomes infinite. */
export function parseNumber(cell: string, decimalComma: boolean): number {
  const text = decimalComma ? cell.trim().replace(",", ".") : cell.trim();
  return number.test(text) ? Math.fround(Number(text)) : Number.NaN;
}

export function isNumber(cell: string, decimalComma: boolean): boolean {
  return !Number.isNaN(parseNumber(cell, decimalComma));
}

export function describeBadNumber(cell: string, decimalComma: boolean): string | Wording {
  if (cell.trim() === "") return "the cell is empty; every item needs a number here";
  const what = `${describeValue(cell)} is`;
  if (isNumber(cell, decimalComma)) return `${what} beyond the range of float32 (3.4e38)`;
  if (decimalCommaNumber.test(cell.trim())) {
    return `${describeValue(cell)} has a decimal comma, but commas separate the cells: write decimal points, or separate the cells with semicolons`;
  }
  if (/^[-+]?\d{1,3}([.,]\d{3})+([.,]\d+)?$/.test(cell.trim())) {
    return `${describeValue(cell)} has separators of thousands: write numbers without them`;
  }
  // A missing value is not text, so leaving out its column would be the wrong remedy.
  if (missing.test(cell.trim())) return `${what} not a finite number; every item needs one here`;
  return worded`${what} not a number${{ hint: worded`if the column is not part of the embedding, name the embedding's columns (${option("embedding")})`, after: "; " }}`;
}
