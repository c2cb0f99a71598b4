import { InvalidInputError } from "../errors.ts";
import { TextDecoder } from "../text-codecs.ts";
import type { ItemLabels } from "../types.ts";
import { asText, count, describeValue } from "./bytes.ts";
import { describeBadNumber, listNumbers, parseNumber } from "./csv-cells.ts";
import { findDelimiter, findLayout, isCountLine, type Layout } from "./csv-layout.ts";
import { CsvParser, type CsvRecord } from "./csv-parser.ts";
import { LIST, NUMBER, QuickRows, TEXT } from "./csv-row.ts";
import { ItemIdList, RowCollector, type SkippedRows, type TakenRows } from "./row-collector.ts";
import { badText, ownText, Utf8Window } from "./utf8.ts";

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

const sampleRows = 100;
const LINE_FEED = 0x0a;
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
      const lineEnd = window.find(LINE_FEED, window.at);
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
      throw badText();
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
    if (isCountLine(this.#sample)) this.#sample.shift();
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

  /** The rows that wait to be taken. @throws InvalidInputError as `readCsv` does. */
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
      ...this.#takeLabels(),
      ...(skipped && { skipped }),
    };
  }

  /** Rows that were read and not taken. */
  get waiting(): number {
    return this.#collector.waiting;
  }

  /** Those rows, with their labels and IDs. */
  takeRows(): TakenRows {
    const itemIds = this.itemIds && this.#itemIds.take();
    return { items: this.#collector.take(), ...this.#takeLabels(), ...(itemIds && { itemIds }) };
  }

  #takeLabels(): { labels?: ItemLabels } {
    if (this.#texts.length === 0) return {};
    const texts = this.#texts;
    this.#texts = texts.map(() => []);
    return { labels: toLabels(this.#layout!, texts) };
  }

  /** The items' own IDs, once all is read: from a column named so. */
  get itemIds(): string[] | undefined {
    return this.#layout?.idColumn === undefined ? undefined : this.#itemIds.ids;
  }
}

const kindsOf = ({ width, textColumns, listColumn }: Layout) =>
  Array.from({ length: width }, (_, column) =>
    column === listColumn ? LIST : textColumns.includes(column) ? TEXT : NUMBER,
  );

function toLabels({ textColumns, names }: Layout, [titles, ...others]: string[][]): ItemLabels {
  const entries = others.map((texts, t) => [names?.[textColumns[t + 1]!] ?? `column_${textColumns[t + 1]}`, texts]);
  return {
    titles: titles!,
    ...(others.length > 0 && { labels: Object.fromEntries(entries) as Record<string, string[]> }),
  };
}
