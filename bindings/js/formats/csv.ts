import { InvalidInputError } from "../errors.ts";
import type { ItemLabels } from "../types.ts";
import { asText, describeValue, titleField } from "./bytes.ts";

/** How a table of text is read. Everything is detected by default. */
export interface CsvOptions {
  /**
   * One character. Default: tab, semicolon or comma, whichever splits the first rows into most numbers; a space when none gives
   * any.
   */
  delimiter?: string;
  /**
   * Whether the first row names the columns. Default: it does when it has text above every column of numbers, or numbers its
   * columns 0, 1, 2, ... as pandas does.
   */
  header?: boolean;
  /**
   * Columns that are not part of the embedding, by name or 0-based number; the first gives the titles, the others are labels.
   * Default: the columns of text, and a numeric first column whose name says that it is a key ("id", "item_id", "index", "",
   * ...); of these the one named title, name or id gives the titles, otherwise the first. Without a header a numeric first
   * column belongs to the embedding.
   */
  labelColumns?: readonly (string | number)[];
}

/** A table of embeddings. */
export interface CsvItems {
  items: { data: Float32Array; rows: number; dim: number };
  /** Names of the embedding's `dim` columns; absent without a header. */
  columns?: string[];
  /** Absent when every column belongs to the embedding. */
  labels?: ItemLabels;
}

/** One row of the file. */
export interface CsvRecord {
  cells: string[];
  /** 1-based line of the file at which the row starts. */
  line: number;
}

const quote = 0x22;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/**
 * A parser of RFC 4180 that takes the text in pieces, cut anywhere. Lines end with CRLF, LF or CR; empty lines are skipped. A
 * quote inside a cell that does not begin with one is an ordinary character.
 */
export class CsvParser {
  readonly #delimiter: number;
  #cells: string[] = [];
  #cell = "";
  #state: "start" | "plain" | "quoted" | "closed" = "start";
  #line = 1;
  #recordLine = 1;
  #afterCarriageReturn = false;
  #hasQuotes = false; // in this row: a row of one quoted empty cell is not an empty line

  /** @throws InvalidInputError unless `delimiter` is one character that has no other meaning. */
  constructor(delimiter = ",") {
    if (typeof delimiter !== "string" || !/^[^"\r\n]$/.test(delimiter)) {
      throw new InvalidInputError(
        `delimiter must be one character, such as "," or ";", got ${describeValue(delimiter)}`,
      );
    }
    this.#delimiter = delimiter.charCodeAt(0);
  }

  /** The rows that end in this piece of text. @throws InvalidInputError for text after a closing quote. */
  push(text: string): CsvRecord[] {
    const records: CsvRecord[] = [];
    let start = 0; // of the part of the cell that is not in #cell yet
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
        if (isLineEnd) this.#endRecord(records);
      } else if (this.#state === "closed") {
        if (char !== quote) {
          throw new InvalidInputError(
            `line ${this.#line}: ${describeValue(text.slice(i, i + 20))} follows a closing quote; a quote inside quotes is written twice`,
          );
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

  /** The last row, when the text does not end with a line end. @throws InvalidInputError when a quote is still open. */
  finish(): CsvRecord[] {
    if (this.#state === "quoted") {
      throw new InvalidInputError(`the row that begins on line ${this.#recordLine} opens a quote that is never closed`);
    }
    const records: CsvRecord[] = [];
    if (this.#state !== "start" || this.#cells.length > 0) {
      this.#endCell();
      this.#endRecord(records);
    }
    return records;
  }

  #endCell(): void {
    if (this.#state === "closed") this.#hasQuotes = true;
    this.#cells.push(this.#cell);
    this.#cell = "";
    this.#state = "start";
  }

  #endRecord(records: CsvRecord[]): void {
    const isEmptyLine = this.#cells.length === 1 && this.#cells[0]!.trim() === "" && !this.#hasQuotes;
    if (!isEmptyLine) records.push({ cells: this.#cells, line: this.#recordLine });
    this.#cells = [];
    this.#hasQuotes = false;
    this.#recordLine = this.#line;
  }
}

/** The rows of a text that comes whole or in pieces. */
export function* parseCsv(text: string | Iterable<string>, delimiter?: string): Generator<CsvRecord> {
  const parser = new CsvParser(delimiter);
  for (const piece of pieces(text)) yield* parser.push(piece);
  yield* parser.finish();
}

/** Short pieces, so that the rows of a large text do not all exist at once; without the byte order mark. */
function* pieces(text: string | Iterable<string>): Generator<string> {
  const size = 1 << 16;
  let first = true;
  for (let part of typeof text === "string" ? [text] : text) {
    if (first) part = asText(part);
    first = false;
    for (let i = 0; i < part.length; i += size) yield part.slice(i, i + size);
  }
}

// Of cells without white space around them; none of these backtracks more than once.
const number = /^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i;
const missing = /^([-+]?(nan|inf|infinity)|n\/?a|null|none|-|\?)?$/i;
const keyName = /^(#|row|key|item|sku|index|unnamed: 0|(.*[ _-])?id)?$/;
const sampleRows = 100;

/**
 * Reads embeddings from comma-, tab-, semicolon- or space-separated text, one row an item: `dim` columns of numbers, beside
 * columns of titles and labels (see `CsvOptions.labelColumns`). Numbers may have a decimal comma when the delimiter is no comma.
 * Row numbers in errors count the rows of data from 0; lines count the lines of the file from 1; columns from 0.
 *
 * @param text The text, or its pieces in order, cut anywhere.
 * @throws InvalidInputError for rows of different length, a cell of the embedding that is empty, no number, not finite or beyond
 *   float32, broken quoting, an unknown label column, or a text without rows of numbers.
 */
export function readCsv(text: string | Iterable<string>, options: CsvOptions = {}): CsvItems {
  if (typeof text !== "string" && typeof (text as Iterable<string> | null)?.[Symbol.iterator] !== "function") {
    throw new InvalidInputError(`text must be a string or its pieces, got ${describeValue(text)}`);
  }
  const { delimiter, first, rest } = beginning(text, options.delimiter);
  if (delimiter === undefined)
    throw new InvalidInputError("the text has no rows: a row of numbers per item is expected");

  const records = parseCsv(prepend(first, rest), delimiter);
  const sample = take(records, sampleRows + 1);
  const decimalComma = delimiter !== ",";
  const layout = findLayout(sample, decimalComma, options);

  const { dimensions, textColumns, width, names } = layout;
  const data = new GrowingArray();
  const texts: string[][] = textColumns.map(() => []);
  let row = 0;
  for (const record of chain(sample.slice(names ? 1 : 0), records)) {
    const { cells, line } = record;
    if (cells.length !== width) {
      throw new InvalidInputError(
        `row ${row} (line ${line}) has ${cells.length} columns, but the first row has ${width}: every row must have as many`,
      );
    }
    for (const column of dimensions) {
      const cell = cells[column]!;
      const value = parseNumber(cell, decimalComma);
      if (!Number.isFinite(value)) {
        const where = `row ${row} (line ${line}), column ${column}${names ? ` (${describeValue(names[column])})` : ""}`;
        throw new InvalidInputError(`${where}: ${describeBadNumber(cell, decimalComma)}`);
      }
      data.push(value);
    }
    for (const [t, column] of textColumns.entries()) texts[t]!.push(cells[column]!);
    row++;
  }
  return {
    items: { data: data.finish(), rows: row, dim: dimensions.length },
    ...(names && { columns: dimensions.map((column) => names[column]!) }),
    ...(texts.length > 0 && { labels: toLabels(layout, texts) }),
  };
}

interface Layout {
  width: number;
  /** Columns of the embedding. */
  dimensions: number[];
  /** Columns of titles (first) and labels. */
  textColumns: number[];
  names?: string[];
}

/** Which columns are what, and whether the first row is a header, from the first rows of the file. */
function findLayout(sample: CsvRecord[], decimalComma: boolean, options: CsvOptions): Layout {
  const first = sample[0]!.cells;
  const body = sample.slice(1).map((record) => record.cells);
  const width = first.length;
  const columns = first.map((_, column) => column);

  // Judged without the first row, which may be a header; empty cells and NaN are no evidence.
  const isText = columns.map((column) => {
    const cells = (options.header === false || body.length === 0 ? [first, ...body] : body).map(
      (cells) => cells[column] ?? "",
    );
    const evident = cells.filter((cell) => !missing.test(cell.trim()));
    const numbers = evident.filter((cell) => isNumber(cell, decimalComma)).length;
    return evident.length > 0 && numbers * 2 < evident.length;
  });
  const numeric = columns.filter((column) => !isText[column]);
  const isNamed = options.labelColumns?.some((column) => typeof column === "string");
  const hasHeader = options.header ?? (isNamed || (body.length > 0 && isHeader(first, body, numeric, decimalComma)));
  const names = hasHeader ? uniqueNames(first) : undefined;

  let textColumns: number[];
  if (options.labelColumns) {
    textColumns = options.labelColumns.map((column) => findColumn(column, width, names));
  } else {
    const isKey = hasHeader && width > 1 && isKeyName(first[0]!);
    textColumns = columns.filter((column) => isText[column] || (column === 0 && isKey));
    const title = names ? titleField(textColumns.map((column) => names[column]!)) : 0;
    textColumns = [...textColumns.splice(title, 1), ...textColumns];
  }
  const dimensions = columns.filter((column) => !textColumns.includes(column));
  if (hasHeader && body.length === 0) throw new InvalidInputError("the text has a header but no rows of data");
  if (dimensions.length === 0) {
    throw new InvalidInputError(
      `no column holds numbers: embeddings are expected, one row an item, but the text begins with ${describeValue(first.join(" "))}`,
    );
  }
  return { width, dimensions, textColumns, ...(names && { names }) };
}

function isKeyName(name: string): boolean {
  const words = name.trim().replace(/([a-z])(?=I[dD]$)/, "$1_"); // itemId -> item_Id
  return keyName.test(words.toLowerCase());
}

function isHeader(first: string[], body: string[][], numeric: number[], decimalComma: boolean): boolean {
  if (numeric.length === 0) return false;
  const isName = (column: number) => {
    const cell = first[column]!.trim();
    return cell === "" ? column === 0 : !missing.test(cell) && !isNumber(cell, decimalComma);
  };
  if (numeric.every(isName)) return true;
  // pandas numbers unnamed columns; the data shows that these are not numbers like the others.
  const numbered = numeric.filter((column) => !(column === 0 && isName(0)));
  const isFraction = (cell: string | undefined) =>
    cell !== undefined && /[.,e]/i.test(cell) && isNumber(cell, decimalComma);
  return (
    numbered.length > 1 &&
    numbered.every((column, i) => first[column]!.trim() === String(i)) &&
    body.some((cells) => numbered.some((column) => isFraction(cells[column])))
  );
}

function findColumn(column: string | number, width: number, names: string[] | undefined): number {
  const index = typeof column === "number" ? column : (names?.indexOf(column) ?? -1);
  if (Number.isInteger(index) && index >= 0 && index < width) return index;
  const known = names ? `${names.slice(0, 8).map(describeValue).join(", ")}${width > 8 ? ", …" : ""}` : "without names";
  throw new InvalidInputError(
    `labelColumns lists ${describeValue(column)}, but the ${width} columns, numbered from 0, are ${known}`,
  );
}

/** Names of all columns, each once: an empty one becomes "column_3", a second "x" becomes "x_2". */
function uniqueNames(cells: readonly string[]): string[] {
  const taken = new Set<string>();
  return cells.map((cell, column) => {
    const wanted = cell.trim() || `column_${column}`;
    let name = wanted;
    for (let k = 2; taken.has(name); k++) name = `${wanted}_${k}`;
    taken.add(name);
    return name;
  });
}

function toLabels({ textColumns, names }: Layout, [titles, ...others]: string[][]): ItemLabels {
  const entries = others.map((texts, t) => [names?.[textColumns[t + 1]!] ?? `column_${textColumns[t + 1]}`, texts]);
  return {
    titles: titles!,
    ...(others.length > 0 && { labels: Object.fromEntries(entries) as Record<string, string[]> }),
  };
}

/** NaN for text; a value beyond float32 becomes infinite. */
function parseNumber(cell: string, decimalComma: boolean): number {
  const text = decimalComma ? cell.trim().replace(",", ".") : cell.trim();
  return number.test(text) ? Math.fround(Number(text)) : Number.NaN;
}

function isNumber(cell: string, decimalComma: boolean): boolean {
  return !Number.isNaN(parseNumber(cell, decimalComma));
}

function describeBadNumber(cell: string, decimalComma: boolean): string {
  if (cell.trim() === "") return "the cell is empty; every item needs a number here";
  const what = `${describeValue(cell)} is`;
  if (isNumber(cell, decimalComma)) return `${what} beyond the range of float32 (3.4e38)`;
  // A missing value is no text: to list its column among the labels would be the wrong remedy.
  if (missing.test(cell.trim())) return `${what} not a finite number; every item needs one here`;
  return `${what} not a finite number; columns of text are listed in labelColumns`;
}

/** Reads ahead as much as it takes to choose the delimiter. `first` is what was read; the text goes on with `rest`. */
function beginning(
  text: string | Iterable<string>,
  given: string | undefined,
): { delimiter: string | undefined; first: string; rest: Iterable<string> } {
  const wanted = 1 << 18;
  const rest = pieces(text);
  let first = "";
  for (let next = rest.next(); !next.done; next = rest.next()) {
    first += next.value;
    if (first.length >= wanted && first.trim() !== "") break;
  }
  if (first.trim() === "") return { delimiter: undefined, first, rest };
  return { delimiter: given ?? findDelimiter(first), first, rest };
}

function findDelimiter(text: string): string {
  const head = text.slice(0, 4096);
  const candidates = ["\t", ";", ","].map((delimiter) => ({
    delimiter,
    numbers: countNumbers(text, delimiter),
    occurrences: head.split(delimiter).length,
  }));
  const best = candidates.reduce((a, b) => {
    return b.numbers > a.numbers || (b.numbers === a.numbers && b.occurrences > a.occurrences) ? b : a;
  });
  return best.numbers === 0 && countNumbers(text, " ") > 0 ? " " : best.delimiter;
}

/** Numbers in the first rows, when they are split at this delimiter; 0 when the quotes then make no sense. */
function countNumbers(text: string, delimiter: string): number {
  const parser = new CsvParser(delimiter);
  let records: CsvRecord[] = [];
  try {
    records = parser.push(text).slice(0, 10);
    if (records.length < 10) records.push(...parser.finish());
  } catch {
    // The reader says what is wrong; the text may also just be cut inside quotes.
  }
  return records.flatMap(({ cells }) => cells.filter((cell) => isNumber(cell, delimiter !== ","))).length;
}

function take<T>(source: Iterator<T>, n: number): T[] {
  const taken: T[] = [];
  while (taken.length < n) {
    const next = source.next();
    if (next.done) break;
    taken.push(next.value);
  }
  return taken;
}

function* prepend(first: string, rest: Iterable<string>): Generator<string> {
  yield first;
  yield* rest;
}

function* chain<T>(first: Iterable<T>, rest: Iterable<T>): Generator<T> {
  yield* first;
  yield* rest;
}

/** A Float32Array of a length that is not known beforehand. */
class GrowingArray {
  #data = new Float32Array(1024);
  #length = 0;

  push(value: number): void {
    if (this.#length === this.#data.length) {
      const larger = new Float32Array(2 * this.#data.length);
      larger.set(this.#data);
      this.#data = larger;
    }
    this.#data[this.#length++] = value;
  }

  finish(): Float32Array {
    return this.#data.slice(0, this.#length);
  }
}
