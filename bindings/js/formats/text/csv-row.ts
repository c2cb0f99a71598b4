/** Reads ordinary rows of a table from bytes, without a string for each number. Unusual rows are left to the parser. */

import { COMMA, DecimalScanner, POINT } from "../io/decimal.ts";
import { textOf, type Utf8Window } from "../io/utf8.ts";
import type { DecimalMarks } from "./decimal-marks.ts";

/** What columns hold. */
export const NUMBER = 0;
export const TEXT = 1;
export const LIST = 2;
/** Ignored. */
export const SKIPPED = 3;
/** Must be empty: not a column of the table. */
export const EMPTY = 4;

const QUOTE = 0x22;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
/** "[", "(" and PostgreSQL's "{", and their closing brackets. */
const BRACKETS = [0x5b, 0x28, 0x7b];
const CLOSING = [0x5d, 0x29, 0x7d];

/** The result of an attempt: the row was read, continues in the next piece, or is left to the parser. */
export type QuickResult = "read" | "cut" | "unusual";

export class QuickRows {
  /** The embedding in the last row, valid until the next row is read. */
  numbers: Float32Array;
  /** Texts of the last row, by column. */
  readonly cells: string[] = [];
  readonly #columns: readonly number[];
  readonly #delimiter: number;
  readonly #isSpaced: boolean;
  readonly #isList: boolean;
  readonly #isQuoting: boolean;
  /** Where the numbers of a row go, from left to right; undefined if they stay in order. */
  readonly #places: readonly number[] | undefined;
  readonly #scanner = new DecimalScanner();
  /** Undefined where commas separate cells, and only points are decimal. */
  readonly #marks: DecimalMarks | undefined;
  #list = new Float32Array(64);
  #count = 0;

  /**
   * @param columns What each holds. At most one is a list, in which case none is a number.
   * @param dimensions The columns of numbers, in the order of the dimensions. Default: in the order of the table.
   * @param marks Notes the numbers' points and commas.
   */
  constructor(
    columns: readonly number[],
    delimiter: string,
    isQuoting = true,
    dimensions: readonly number[] = [],
    marks?: DecimalMarks,
  ) {
    this.#marks = marks;
    const places = [...dimensions.keys()].sort((a, b) => dimensions[a]! - dimensions[b]!);
    this.#places = dimensions.length === 0 ? undefined : places;
    this.#columns = columns;
    this.#delimiter = delimiter.charCodeAt(0);
    this.#isSpaced = delimiter === " ";
    this.#isQuoting = isQuoting;
    this.#isList = columns.includes(LIST);
    this.numbers = new Float32Array(columns.filter((kind) => kind === NUMBER).length);
  }

  /**
   * Reads the row at the window's position, and moves on if it succeeds.
   * @param dim Length of lists, once it is known; else 0.
   */
  read(window: Utf8Window, dim: number): QuickResult {
    const { bytes, end } = window;
    const columns = this.#columns;
    const last = columns.length - 1;
    const isSpaced = this.#isSpaced;
    let at = window.at;
    this.#count = 0;
    for (let column = 0; column <= last; column++) {
      if (isSpaced) at = pastSpaces(bytes, at);
      if (at >= end) return "cut";
      const kind = columns[column];
      let next = kind === NUMBER ? this.#number(bytes, at, end) : this.#cell(bytes, at, end, column, kind!);
      if (next >= end) return "cut";
      if (next < 0) return "unusual";
      if (isSpaced && column === last) next = pastSpaces(bytes, next);
      if (next >= end) return "cut";
      const byte = bytes[next];
      if (column < last) {
        if (byte !== this.#delimiter) return "unusual";
        at = next + 1;
      } else if (byte === LINE_FEED) {
        at = next + 1;
      } else if (byte === CARRIAGE_RETURN) {
        if (next + 1 === end) return "cut";
        at = next + (bytes[next + 1] === LINE_FEED ? 2 : 1);
      } else return "unusual";
    }
    if (this.#isList) {
      if (dim > 0 && this.#count !== dim) return "unusual";
      this.numbers = this.#list.subarray(0, this.#count);
    }
    window.at = at;
    return "read";
  }

  /** @returns where a number's cell ends, or -1. */
  #number(bytes: Uint8Array, start: number, end: number): number {
    const at = this.#isSpaced ? start : pastSpaces(bytes, start);
    let value = this.#scanner.float32(bytes, at);
    const next = bytes[this.#scanner.end];
    // Decimals have points or commas; a comma that separates cells is not a decimal comma.
    if ((next === COMMA || next === POINT) && next !== this.#delimiter && next !== this.#scanner.point) {
      this.#scanner.point = next;
      value = this.#scanner.float32(bytes, at);
    }
    // Beyond float32, NaN or not a number. A minus may be cut off from its digits.
    if (!(value - value === 0)) return at + 1 >= end ? end : -1;
    if (this.#marks && this.#scanner.mark >= 0) this.#marks.lookAt(bytes, at, this.#scanner.mark, this.#scanner.end);
    this.numbers[this.#places ? this.#places[this.#count]! : this.#count] = value;
    this.#count++;
    return this.#isSpaced ? this.#scanner.end : pastSpaces(bytes, this.#scanner.end);
  }

  /** @returns where the cell ends; -1 for an unusual one. */
  #cell(bytes: Uint8Array, start: number, end: number, column: number, kind: number): number {
    const isQuoted = this.#isQuoting && bytes[start] === QUOTE;
    const from = isQuoted ? start + 1 : start;
    if (kind === LIST) {
      const close = this.#numbersOf(bytes, from, end);
      if (close < 0 || close >= end || !isQuoted) return close;
      return bytes[close] === QUOTE ? close + 1 : -1;
    }
    let at = from;
    if (isQuoted) {
      while (at < end && bytes[at] !== QUOTE && bytes[at] !== LINE_FEED && bytes[at] !== CARRIAGE_RETURN) at++;
      if (at + 1 >= end) return end;
      // The parser counts line breaks; a quote inside is written twice.
      if (bytes[at] !== QUOTE || bytes[at + 1] === QUOTE) return -1;
    } else {
      while (at < end && bytes[at] !== this.#delimiter && bytes[at] !== LINE_FEED && bytes[at] !== CARRIAGE_RETURN)
        at++;
      if (at === end) return end;
    }
    if (kind === EMPTY && at > from) return -1;
    if (kind === TEXT) {
      try {
        this.cells[column] = textOf(bytes, from, at);
      } catch {
        return -1; // invalid UTF-8 is reported with its line
      }
    }
    return isQuoted ? at + 1 : at;
  }

  /** Reads numbers in brackets, separated by commas or spaces. @returns where the list ends. */
  #numbersOf(bytes: Uint8Array, start: number, end: number): number {
    if (start >= end) return end;
    const close = CLOSING[BRACKETS.indexOf(bytes[start]!)];
    if (close === undefined) return -1;
    this.#scanner.point = POINT; // commas separate numbers
    let at = start + 1;
    while (at < end) {
      at = pastSpaces(bytes, at);
      const value = this.#scanner.float32(bytes, at);
      if (!(value - value === 0)) return at + 1 >= end ? end : -1;
      if (this.#count === this.#list.length) {
        const longer = new Float32Array(2 * this.#list.length);
        longer.set(this.#list);
        this.#list = longer;
      }
      this.#list[this.#count++] = value;
      at = this.#scanner.end;
      const gap = at;
      at = pastSpaces(bytes, at);
      if (bytes[at] === COMMA) at++;
      else if (bytes[at] === close) return at + 1;
      else if (at === gap) return at >= end ? end : -1;
    }
    return end;
  }
}

function pastSpaces(bytes: Uint8Array, start: number): number {
  let at = start;
  while (bytes[at] === SPACE) at++;
  return at;
}
