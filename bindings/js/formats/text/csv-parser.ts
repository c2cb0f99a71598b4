/** Parses records of text separated by commas or other characters. */

import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { option } from "../../base/wording.ts";
import { asText, textPieces } from "../io/bytes.ts";

/** One row of the file. */
export interface CsvRecord {
  cells: string[];
  /** 1-based line of the file at which the row starts. */
  line: number;
  /** The line on which it ends, since a quoted cell may hold line breaks. */
  lastLine: number;
}

/**
 * What quotes mean: "rfc" as in RFC 4180, where a quoted cell may hold line breaks; "line", where a cell is quoted only if its quote closes
 * on the same line, before a delimiter; "none", where they are ordinary characters.
 */
export type Quoting = "rfc" | "line" | "none";

/** The cells of a line, verbatim. With quotes, a quoted cell may hold delimiters. */
export function cellsOfLine(line: string, delimiter: string, isQuoting: boolean): string[] {
  const cells: string[] = [];
  for (let at = 0; ; ) {
    const quotedEnd = isQuoting && line[at] === '"' ? endOfQuotes(line, at) : -1;
    const isQuoted = quotedEnd >= 0 && (quotedEnd === line.length || line[quotedEnd] === delimiter);
    const delimiterAt = isQuoted ? quotedEnd : line.indexOf(delimiter, at);
    const end = delimiterAt < 0 ? line.length : delimiterAt;
    cells.push(line.slice(at, end));
    if (end === line.length) return cells;
    at = end + 1;
  }
}

/** Where the text continues after the quote that opens at this position is closed. */
function endOfQuotes(line: string, start: number): number {
  for (let at = line.indexOf('"', start + 1); at >= 0; at = line.indexOf('"', at + 2)) {
    if (line[at + 1] !== '"') return at + 1;
  }
  return -1;
}

/** A cell without its quotes. */
export const unquoted = (cell: string): string =>
  /^"(?:[^"]|"")*"$/.test(cell) ? cell.slice(1, -1).replaceAll('""', '"') : cell;

const quote = 0x22;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const SPACE = 0x20;

/**
 * A parser of RFC 4180 that accepts the text in pieces, cut anywhere. Lines end with CRLF, LF or CR; empty lines are skipped. A quote
 * inside a cell that does not start with one is an ordinary character. If the delimiter is a space, any number of spaces counts as one.
 */
export class CsvParser {
  readonly #delimiter: number;
  readonly quoting: Quoting;
  #cells: string[] = [];
  #cell = "";
  #state: "start" | "plain" | "quoted" | "closed" = "start";
  #line = 1;
  #recordLine = 1;
  #afterCarriageReturn = false;
  #hasQuotes = false; // in this row, since a row of one quoted empty cell is not an empty line

  /** @throws InvalidInputError unless `delimiter` is one character that has no other meaning. */
  constructor(delimiter = ",", quoting: Quoting = "rfc") {
    if (typeof delimiter !== "string" || !/^[^"\r\n]$/.test(delimiter)) {
      throw invalid()`${option("delimiter")} must be one character, such as "," or ";", got ${describeValue(delimiter)}`;
    }
    this.#delimiter = delimiter.charCodeAt(0);
    this.quoting = quoting;
  }

  /** The rows that end in this piece of text. @throws InvalidInputError for text after a closing quote. */
  push(text: string): CsvRecord[] {
    const records: CsvRecord[] = [];
    if (this.quoting !== "rfc") {
      this.#pushLines(text, records);
      return records;
    }
    let start = 0; // of the part of the cell that is not yet in #cell
    for (let i = 0; i < text.length; i++) {
      const char = text.charCodeAt(i);
      if (this.#afterCarriageReturn) {
        this.#afterCarriageReturn = false;
        if (char === lineFeed) {
          if (this.#state !== "quoted") start = i + 1;
          continue;
        }
      }
      const isLineEnd = char === lineFeed || char === carriageReturn;
      if (isLineEnd) {
        this.#line++;
        this.#afterCarriageReturn = char === carriageReturn;
      }
      if (this.#state === "quoted") {
        if (char !== quote) continue;
        this.#cell += text.slice(start, i);
        this.#state = "closed";
      } else if (char === this.#delimiter || isLineEnd) {
        if (this.#state !== "closed") this.#cell += text.slice(start, i);
        this.#endCell();
        start = i + 1;
        if (isLineEnd) this.#endRecord(records, this.#line - 1);
      } else if (this.#state === "closed") {
        if (char !== quote) {
          throw invalid(
            "FILE_CONTENT",
          )`line ${this.#line}: ${describeValue(text.slice(i, i + 20))} follows a closing quote; write a quote inside quotes twice`;
        }
        start = i; // the second of two quotes stands for one
        this.#state = "quoted";
      } else if (this.#state === "start") {
        this.#state = char === quote ? "quoted" : "plain";
        if (char === quote) start = i + 1;
      }
    }
    if (this.#state === "plain" || this.#state === "quoted") this.#cell += text.slice(start);
    return records;
  }

  /** The same if no cell extends beyond its line. */
  #pushLines(text: string, records: CsvRecord[]): void {
    for (let at = 0; at < text.length; ) {
      if (this.#afterCarriageReturn) {
        this.#afterCarriageReturn = false;
        if (text.charCodeAt(at) === lineFeed) {
          at++;
          continue;
        }
      }
      let end = at;
      for (; end < text.length; end++) {
        const char = text.charCodeAt(end);
        if (char === lineFeed || char === carriageReturn) break;
      }
      this.#cell += text.slice(at, end);
      if (end === text.length) return;
      this.#afterCarriageReturn = text.charCodeAt(end) === carriageReturn;
      this.#endLine(records, this.#line++);
      at = end + 1;
    }
  }

  #endLine(records: CsvRecord[], lastLine: number): void {
    const isQuoting = this.quoting === "line";
    const cells = cellsOfLine(this.#cell, String.fromCharCode(this.#delimiter), isQuoting);
    for (const cell of cells) {
      if (this.#delimiter === SPACE && cell === "") continue;
      this.#hasQuotes ||= isQuoting && cell === '""';
      this.#cells.push(isQuoting ? unquoted(cell) : cell);
    }
    this.#cell = "";
    this.#endRecord(records, lastLine);
  }

  /** The last row, if the text does not end with a line end. @throws InvalidInputError if a quote is still open. */
  finish(): CsvRecord[] {
    if (this.#state === "quoted") {
      throw invalid("FILE_CONTENT")`the row that starts on line ${this.#recordLine} opens a quote that is never closed`;
    }
    const records: CsvRecord[] = [];
    if (this.quoting !== "rfc") {
      if (this.#cell !== "") this.#endLine(records, this.#line);
    } else if (this.#state !== "start" || this.#cells.length > 0) {
      this.#endCell();
      this.#endRecord(records, this.#line);
    }
    return records;
  }

  /** Whether a row may start here. */
  get isBetweenRows(): boolean {
    const isAtStart = this.#state === "start" && this.#cells.length === 0 && this.#cell === "";
    return isAtStart && !this.#afterCarriageReturn;
  }

  /** The 1-based line of the next character. */
  get line(): number {
    return this.#line;
  }

  /** Counts a line that was read without the parser. */
  passLine(): void {
    this.#line++;
    this.#recordLine = this.#line;
  }

  #endCell(): void {
    if (this.#state === "closed") this.#hasQuotes = true;
    // Spaces align columns: any number of them is one delimiter, and they do not count at the ends of a line.
    if (this.#delimiter !== SPACE || this.#cell !== "" || this.#state === "closed") this.#cells.push(this.#cell);
    this.#cell = "";
    this.#state = "start";
  }

  #endRecord(records: CsvRecord[], lastLine: number): void {
    const isEmptyLine =
      this.#cells.length === 0 || (this.#cells.length === 1 && this.#cells[0]!.trim() === "" && !this.#hasQuotes);
    if (!isEmptyLine) records.push({ cells: this.#cells, line: this.#recordLine, lastLine });
    this.#cells = [];
    this.#hasQuotes = false;
    this.#recordLine = this.#line;
  }
}

/** The rows of a text, whole or in pieces. */
export function* parseCsv(text: string | Iterable<string>, delimiter?: string): Generator<CsvRecord> {
  const parser = new CsvParser(delimiter);
  for (const piece of pieces(text)) yield* parser.push(piece);
  yield* parser.finish();
}

/** Short pieces without the byte order mark, so that the rows of a large text do not all exist at once. */
function* pieces(text: string | Iterable<string>): Generator<string> {
  const size = 1 << 16;
  let first = true;
  for (let part of textPieces(text)) {
    if (first) part = asText(part);
    first = false;
    for (let i = 0; i < part.length; i += size) yield part.slice(i, i + size);
  }
}
