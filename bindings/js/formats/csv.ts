import { InvalidInputError } from "../errors.ts";
import type { ItemLabels } from "../types.ts";
import { asText, count, describeValue, titleField } from "./bytes.ts";
import { LIST, NUMBER, QuickRows, TEXT } from "./csv-row.ts";
import { ItemIdList, isItemIdName, RowCollector, type SkippedRows } from "./row-collector.ts";
import { ownText, Utf8Window } from "./utf8.ts";

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
  /**
   * The column whose cells hold the whole embedding, by name or 0-based number: "[0.1, 0.2]", as pandas writes lists, "[0.1 0.2]", as it
   * writes arrays, or "0.1 0.2". Default: detected where there is one.
   */
  listColumn?: string | number;
  /** Leaves out rows that would be refused, and says which: `skipped`. Default: false. */
  skipInvalid?: boolean;
}

/** A table of embeddings. */
export interface CsvItems {
  items: { data: Float32Array; rows: number; dim: number };
  /** Names of the embedding's `dim` columns; absent without a header, and where one column holds the embedding. */
  columns?: string[];
  /** Absent when every column belongs to the embedding. */
  labels?: ItemLabels;
  /** With `skipInvalid`. */
  skipped?: SkippedRows;
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

  /** Whether a row may begin here. */
  get isBetweenRows(): boolean {
    return this.#state === "start" && this.#cells.length === 0 && !this.#afterCarriageReturn;
  }

  /** Counts a line that was read without the parser. */
  passLine(): void {
    this.#line++;
    this.#recordLine = this.#line;
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
/** Bytes of a row that is waited for; the parser takes longer ones in pieces. */
const LONGEST_CUT = 1 << 20;
/** Characters from which the delimiter is chosen. */
const headLength = 1 << 18;

/**
 * Reads embeddings from comma-, tab-, semicolon- or space-separated text, one row an item: `dim` columns of numbers, or one column that
 * holds them all as a list, beside columns of titles and labels (see `CsvOptions.labelColumns`). Numbers may have a decimal comma when
 * the delimiter is no comma. Atomic files of RecBole are read as well (`item_id:token`, `item_emb:float_seq`).
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
  const table = new CsvTable(options);
  for (const piece of typeof text === "string" ? [text] : text) table.pushText(piece);
  return table.finish();
}

/** What `readCsv` does, fed piece by piece. */
export class CsvTable {
  readonly #options: CsvOptions;
  #isFirst = true;
  /** Of bytes that the quick rows leave. */
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  /** A character may have been cut. */
  #isDecoding = true;
  readonly #window = new Utf8Window();
  #quick: QuickRows | undefined;
  /** Read ahead to choose the delimiter. */
  #head = "";
  #isBlank = true;
  #parser: CsvParser | undefined;
  #delimiter = "";
  #decimalComma = false;
  /** Rows read ahead to see which column is what. */
  #sample: CsvRecord[] = [];
  #layout: Layout | undefined;
  readonly #collector: RowCollector;
  #texts: string[][] = [];
  readonly #itemIds = new ItemIdList();
  readonly #uniqueIds: boolean;
  #numbers = new Float32Array(0);

  /** @param uniqueIds Whether an item that is there twice is refused. */
  constructor(options: CsvOptions = {}, uniqueIds = false) {
    this.#options = options;
    this.#uniqueIds = uniqueIds;
    this.#collector = new RowCollector(options.skipInvalid);
  }

  /** @throws InvalidInputError as `readCsv` does. */
  pushText(text: string): void {
    const piece = this.#isFirst ? asText(text) : text;
    this.#isFirst = false;
    // Short pieces, so that the rows of a large text do not all exist at once.
    const size = 1 << 16;
    for (let i = 0; i < piece.length; i += size) this.#parse(piece.slice(i, i + size));
  }

  /** The same of UTF-8. Texts and bytes may not be mixed. @throws InvalidInputError also when it is none. */
  push(bytes: Uint8Array): void {
    const window = this.#window;
    window.push(bytes);
    const quick = this.#quick;
    if (!quick) {
      this.#decode(window.end);
      return;
    }
    while (window.at < window.end) {
      if (!this.#isDecoding && this.#parser!.isBetweenRows) {
        const result = quick.read(window, this.#collector.dim);
        if (result === "read") {
          this.#parser!.passLine();
          this.#addRow(this.#layout!, quick.cells, () => quick.numbers);
          continue;
        }
        if (result === "cut" && window.end - window.at < LONGEST_CUT) return;
      }
      const lineEnd = window.find(lineFeed, window.at);
      this.#decode(lineEnd < 0 ? window.end : lineEnd + 1);
      this.#isDecoding = lineEnd < 0;
    }
  }

  /** Hands the window's text to the parser, up to a place. */
  #decode(end: number): void {
    const { bytes, at } = this.#window;
    this.#window.at = end;
    this.pushText(this.#textOf(bytes.subarray(at, end), true));
  }

  #textOf(bytes: Uint8Array, stream: boolean): string {
    try {
      return this.#decoder.decode(bytes, { stream });
    } catch {
      throw new InvalidInputError("the text is not valid UTF-8: save it as UTF-8");
    }
  }

  #parse(piece: string): void {
    if (!this.#parser) {
      this.#head += piece;
      this.#isBlank &&= piece.trim() === "";
      if (this.#isBlank && this.#head.length > 4 * headLength) {
        throw new InvalidInputError(
          `the text begins with ${count(this.#head.length)} blanks: a table of numbers is expected`,
        );
      }
      if (this.#head.length < headLength || this.#isBlank) return;
      this.#begin();
      return;
    }
    this.#take(this.#parser.push(piece));
  }

  #begin(): void {
    const delimiter = this.#options.delimiter ?? findDelimiter(this.#head);
    this.#parser = new CsvParser(delimiter);
    this.#delimiter = delimiter;
    this.#decimalComma = delimiter !== ",";
    const head = this.#head;
    this.#head = "";
    this.#take(this.#parser.push(head));
  }

  #take(records: CsvRecord[]): void {
    for (const record of records) {
      if (this.#layout) this.#row(record, this.#layout);
      else if (this.#sample.push(record) > sampleRows) this.#lay();
    }
  }

  #lay(): void {
    const layout = findLayout(this.#sample, this.#decimalComma, this.#options);
    this.#layout = layout;
    this.#texts = layout.textColumns.map(() => []);
    this.#numbers = new Float32Array(layout.dimensions.length);
    this.#quick = new QuickRows(kindsOf(layout), this.#delimiter);
    for (const record of this.#sample.slice(layout.names ? 1 : 0)) this.#row(record, layout);
    this.#sample = [];
  }

  #row(record: CsvRecord, layout: Layout): void {
    for (const column of layout.textColumns) record.cells[column] = ownText(record.cells[column] ?? "");
    this.#addRow(layout, record.cells, () => this.#numbersOf(record, layout, this.#collector.seen));
  }

  #addRow(layout: Layout, cells: readonly string[], numbers: () => ArrayLike<number>): void {
    try {
      const values = numbers();
      if (layout.idColumn !== undefined) {
        const row = this.#collector.seen;
        const id = cells[layout.idColumn]!;
        if (this.#uniqueIds) this.#itemIds.check(id, row);
        this.#itemIds.add(id, row);
      }
      this.#collector.add(values);
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      this.#collector.refuse(error);
      return;
    }
    for (const [t, column] of layout.textColumns.entries()) this.#texts[t]!.push(cells[column]!);
  }

  #numbersOf({ cells, line }: CsvRecord, layout: Layout, row: number): ArrayLike<number> {
    const { dimensions, listColumn, width, names } = layout;
    if (cells.length !== width) {
      throw new InvalidInputError(
        `row ${row} (line ${line}) has ${cells.length} columns, but the first row has ${width}: every row must have as many`,
      );
    }
    const nameOf = (column: number) => `column ${column}${names ? ` (${describeValue(names[column])})` : ""}`;
    if (listColumn !== undefined) {
      return listNumbers(cells[listColumn]!, this.#collector.dim, `row ${row} (line ${line}), ${nameOf(listColumn)}`);
    }
    for (const [j, column] of dimensions.entries()) {
      const cell = cells[column]!;
      const value = parseNumber(cell, this.#decimalComma);
      if (!Number.isFinite(value)) {
        throw new InvalidInputError(
          `row ${row} (line ${line}), ${nameOf(column)}: ${describeBadNumber(cell, this.#decimalComma)}`,
        );
      }
      this.#numbers[j] = value;
    }
    return this.#numbers;
  }

  /** @throws InvalidInputError as `readCsv` does. */
  finish(): CsvItems {
    this.#decode(this.#window.end);
    this.#textOf(new Uint8Array(0), false);
    if (!this.#parser) {
      if (this.#isBlank) throw new InvalidInputError("the text has no rows: a row of numbers per item is expected");
      this.#begin();
    }
    this.#take(this.#parser!.finish());
    if (!this.#layout) this.#lay();
    const layout = this.#layout!;
    const items = this.#collector.finish();
    const { skipped } = this.#collector;
    return {
      items,
      ...(layout.names &&
        layout.listColumn === undefined && { columns: layout.dimensions.map((column) => layout.names![column]!) }),
      ...(this.#texts.length > 0 && { labels: toLabels(layout, this.#texts) }),
      ...(skipped && { skipped }),
    };
  }

  /** The items' own IDs, once all is read: from a column named so. */
  get itemIds(): string[] | undefined {
    return this.#layout?.idColumn === undefined ? undefined : this.#itemIds.ids;
  }
}

interface Layout {
  width: number;
  /** Columns of the embedding; none when one column holds it. */
  dimensions: number[];
  /** The column whose cells hold the embedding. */
  listColumn?: number;
  /** Columns of titles (first) and labels. */
  textColumns: number[];
  /** Of the text columns, that of the items' IDs. */
  idColumn?: number;
  names?: string[];
}

const kindsOf = ({ width, textColumns, listColumn }: Layout) =>
  Array.from({ length: width }, (_, column) =>
    column === listColumn ? LIST : textColumns.includes(column) ? TEXT : NUMBER,
  );

/** Which columns are what, and whether the first row is a header, from the first rows of the file. */
function findLayout(sample: CsvRecord[], decimalComma: boolean, options: CsvOptions): Layout {
  const first = sample[0]!.cells;
  const body = sample.slice(1).map((record) => record.cells);
  const width = first.length;
  const columns = first.map((_, column) => column);
  const types = atomicTypes(first);

  // Judged without the first row, which may be a header; empty cells and NaN are no evidence.
  const judged = options.header === false || body.length === 0 ? [first, ...body] : body;
  const isText = columns.map((column) => {
    if (types) return types[column] !== "float";
    const evident = judged.map((cells) => cells[column] ?? "").filter((cell) => !missing.test(cell.trim()));
    const numbers = evident.filter((cell) => isNumber(cell, decimalComma)).length;
    return evident.length > 0 && numbers * 2 < evident.length;
  });
  const numeric = columns.filter((column) => !isText[column]);
  const isNamed = [...(options.labelColumns ?? []), options.listColumn].some((column) => typeof column === "string");
  const listed = findListColumn(first, judged, columns, numeric.length, types, options);
  const isListHeader = typeof listed === "number" && body.length > 0 && parseList(first[listed]!) === undefined;
  const hasHeader =
    options.header ??
    (isNamed ||
      isListHeader ||
      types !== undefined ||
      (body.length > 0 && isHeader(first, body, numeric, decimalComma)));
  const names = hasHeader
    ? uniqueNames(types ? first.map((cell) => cell.slice(0, cell.lastIndexOf(":"))) : first)
    : undefined;
  const listColumn =
    options.listColumn === undefined ? listed : findColumn(options.listColumn, width, names, "listColumn is");

  let textColumns: number[];
  if (options.labelColumns) {
    textColumns = options.labelColumns.map((column) => findColumn(column, width, names, "labelColumns lists"));
  } else {
    const isKey = hasHeader && width > 1 && isKeyName(first[0]!);
    textColumns = columns.filter(
      (column) => column !== listColumn && (listColumn !== undefined || isText[column] || (column === 0 && isKey)),
    );
    const title = names ? titleField(textColumns.map((column) => names[column]!)) : 0;
    textColumns = [...textColumns.splice(title, 1), ...textColumns];
  }
  const dimensions = listColumn === undefined ? columns.filter((column) => !textColumns.includes(column)) : [];
  if (hasHeader && body.length === 0) throw new InvalidInputError("the text has a header but no rows of data");
  if (dimensions.length === 0 && listColumn === undefined) {
    throw new InvalidInputError(
      `no column holds numbers: embeddings are expected, one row an item, but the text begins with ${describeValue(first.join(" "))}`,
    );
  }
  const idColumn = names && columns.find((column) => textColumns.includes(column) && isItemIdName(names[column]!));
  return {
    width,
    dimensions,
    ...(listColumn !== undefined && { listColumn }),
    textColumns,
    ...(idColumn !== undefined && { idColumn }),
    ...(names && { names }),
  };
}

/** The types in the header of an atomic file, `name:type` in every cell; undefined for other files. */
function atomicTypes(first: string[]): string[] | undefined {
  const types = first.map((cell) => /^[^:]+:(token|token_seq|float|float_seq)$/.exec(cell.trim())?.[1]);
  return types.every((type) => type !== undefined) ? types : undefined;
}

/**
 * The column that holds the embedding as a list: by its type, or because its cells are lists. Lists of tags beside columns of numbers are
 * none: there the list must have a name that says what it is, or more numbers than there are such columns.
 */
function findListColumn(
  first: string[],
  rows: string[][],
  columns: number[],
  numericColumns: number,
  types: string[] | undefined,
  options: CsvOptions,
): number | undefined {
  if (options.listColumn !== undefined) return undefined; // found by its name, once there are names
  const isLabel = (column: number) =>
    options.labelColumns?.some((label) => label === column || label === first[column]?.trim()) === true;
  const candidates = columns
    .filter((column) => !isLabel(column))
    .map((column) => {
      const cells = rows.map((cells) => cells[column] ?? "").filter((cell) => !missing.test(cell.trim()));
      const lists = cells
        .map(parseList)
        .filter((list) => list && (list.isBracketed ? number.test(list.parts[0]!) : isAllNumbers(list.parts)));
      const dim = lists[0]?.parts.length ?? 0;
      const isList = lists.length * 2 > cells.length && (types ? types[column] === "float_seq" : dim > 1);
      const isBracketed = lists[0]?.isBracketed === true;
      const isSure = types !== undefined || (isBracketed && embeddingName.test(first[column] ?? ""));
      return { column, dim, isList, isBracketed, isSure };
    })
    // "12 34" may be a title; as embedding it counts when there is no other.
    .filter(
      ({ dim, isList, isBracketed, isSure }) =>
        isList && (isSure || ((isBracketed || columns.length > 1) && dim > numericColumns)),
    );
  if (candidates.length === 0) return undefined;
  return candidates.reduce((a, b) => (b.dim > a.dim ? b : a)).column;
}

/** What people call a column of embeddings. */
const embeddingName = /embed|vector|feature|latent/i;

const isAllNumbers = (parts: string[]) => parts.every((part) => number.test(part));

/** The parts of a cell that may be a list: "[1, 2]", "(1 2)", "1;2", "1 2". */
function parseList(cell: string): { parts: string[]; isBracketed: boolean } | undefined {
  const text = cell.trim();
  const isBracketed = (text.startsWith("[") && text.endsWith("]")) || (text.startsWith("(") && text.endsWith(")"));
  const inner = (isBracketed ? text.slice(1, -1) : text).trim();
  if (inner === "") return isBracketed ? { parts: [], isBracketed } : undefined;
  const parts = inner.replace(/\s+/g, " ").split(/ ?[,;|] ?| /);
  return isBracketed || number.test(parts[0]!) ? { parts, isBracketed } : undefined;
}

function listNumbers(cell: string, dim: number, where: string): Float32Array {
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

function findColumn(column: string | number, width: number, names: string[] | undefined, said: string): number {
  const index = typeof column === "number" ? column : (names?.indexOf(column) ?? -1);
  if (Number.isInteger(index) && index >= 0 && index < width) return index;
  const known = names ? `${names.slice(0, 8).map(describeValue).join(", ")}${width > 8 ? ", …" : ""}` : "without names";
  throw new InvalidInputError(
    `${said} ${describeValue(column)}, but the ${width} columns, numbered from 0, are ${known}`,
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
  let numbers = 0;
  for (const { cells } of records) {
    for (const cell of cells) {
      if (isNumber(cell, delimiter !== ",")) numbers++;
      else numbers += numbersOfList(cell, cells.length > 1);
    }
  }
  return numbers;
}

/** Numbers of a cell that is a list; one without brackets must be asked for: it may be a row that is split at spaces. */
function numbersOfList(cell: string, withoutBrackets: boolean): number {
  const list = parseList(cell);
  if (list === undefined || !(list.isBracketed || withoutBrackets)) return 0;
  return isAllNumbers(list.parts) ? list.parts.length : 0;
}
