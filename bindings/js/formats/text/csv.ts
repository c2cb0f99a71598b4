import { describeValue } from "../../base/describe-value.ts";
import { InvalidInputError, invalid } from "../../base/errors.ts";
import { TextDecoder } from "../../base/text-codecs.ts";
import { option, worded } from "../../base/wording.ts";
import { counted, thousands } from "../../base/words.ts";
import type { TableColumns } from "../../items/columns.ts";
import type { ItemLabels } from "../../types.ts";
import { asText } from "../io/bytes.ts";
import type { ItemFileOptions } from "../io/opened-file.ts";
import { ItemIdList, RowCollector, type TableRows } from "../io/row-collector.ts";
import { badText, ownText, Utf8Window } from "../io/utf8.ts";
import { describeBadNumber, listNumbers, parseNumber } from "./csv-cells.ts";
import { cellsOf, findDelimiter, findLayout, findQuoting, type Layout } from "./csv-layout.ts";
import { CsvParser, type CsvRecord } from "./csv-parser.ts";
import { EMPTY, QuickRows } from "./csv-row.ts";
import { readTextCell } from "./csv-text.ts";
import { DecimalMarks } from "./decimal-marks.ts";

const sampleRows = 100;
const LINE_FEED = 0x0a;
/** Up to this many bytes, a reader waits for the whole row; the parser takes longer ones in pieces. */
const LONGEST_CUT = 1 << 20;
/** Number of characters from which the delimiter is chosen. */
const headLength = 1 << 18;

/**
 * Reads embeddings from text separated by commas, tabs, semicolons, "|" or spaces, piece by piece, one row per item: `dim` columns of
 * numbers, or one column that holds all of them as a list, next to columns of item IDs, titles and labels. `columns` says what each column
 * was taken for. Numbers may have a decimal comma unless the delimiter is a comma. RecBole's atomic files (`item_id:token`,
 * `item_emb:float_seq`) and word vectors (word2vec, GloVe, fastText) are read as well. In files separated by tabs or "|" a quoted cell ends
 * on its line; in word vectors quotes are ordinary characters. Errors count rows of data and columns from 0, and lines of the file from 1.
 *
 * Its methods throw InvalidInputError for rows of different length, a cell of the embedding that is empty, not a number, not finite or
 * beyond float32, broken quoting, an unknown column, columns that do not form a clear embedding, or a text without rows of numbers.
 */
export class CsvTable {
  readonly #options: ItemFileOptions;
  #isFirst = true;
  /** Decodes the bytes that the quick rows leave. */
  #decoder = newDecoder();
  /** Whether a line that was too long to wait for its end was decoded in part. */
  #isInLine = false;
  readonly #window = new Utf8Window();
  #marks: DecimalMarks | undefined;
  #quick: QuickRows | undefined;
  /** Text read ahead to choose the delimiter. */
  #head = "";
  #isBlank = true;
  #parser: CsvParser | undefined;
  #delimiter = "";
  /** Rows read ahead to decide which column is what. */
  #sample: CsvRecord[] = [];
  #layout: Layout | undefined;
  /** Lines that are not UTF-8, by number, with the error. */
  readonly #badLines = new Map<number, string>();
  readonly #collector: RowCollector;
  #texts: string[][] = [];
  /** Columns in `#texts`: titles, then labels. */
  #textColumns: readonly number[] = [];
  readonly #itemIds = new ItemIdList();
  readonly #uniqueIds: boolean;
  #numbers = new Float32Array(0);

  /** @param uniqueIds Whether a repeated item is refused. */
  constructor(options: ItemFileOptions = {}, uniqueIds = false) {
    this.#options = options;
    this.#uniqueIds = uniqueIds;
    this.#collector = new RowCollector(options.skipInvalid);
  }

  #pushText(text: string): void {
    const piece = this.#isFirst ? asText(text) : text;
    this.#isFirst = false;
    // Short pieces, so that the rows of a large text do not all exist at once.
    const size = 1 << 16;
    for (let i = 0; i < piece.length; i += size) this.#parse(piece.slice(i, i + size));
  }

  /** Reads a piece of UTF-8, cut anywhere. */
  push(bytes: Uint8Array): void {
    const window = this.#window;
    window.push(bytes);
    while (window.at < window.end) {
      const quick = this.#quick;
      if (quick && !this.#isInLine && this.#parser!.isBetweenRows) {
        const result = quick.read(window, this.#collector.dim);
        if (result === "read") {
          this.#parser!.passLine();
          this.#addRow(this.#layout!, quick.cells, () => quick.numbers);
          continue;
        }
        if (result === "cut" && window.end - window.at < LONGEST_CUT) return;
      }
      // Line by line once rows can be read quickly; before that, all lines at once.
      const lineEnd = quick ? window.find(LINE_FEED, window.at) : window.findLast(LINE_FEED);
      if (lineEnd >= 0) this.#decode(lineEnd + 1, true);
      else if (window.end - window.at < LONGEST_CUT) return;
      else this.#decode(window.end, false);
    }
  }

  /** Gives the window's text to the parser, up to a position. */
  #decode(end: number, isLineEnd: boolean): void {
    const { at } = this.#window;
    const bytes = this.#window.bytes.subarray(at, end);
    this.#window.at = end;
    const isCut = this.#isInLine || !isLineEnd;
    this.#isInLine = !isLineEnd;
    let text: string;
    try {
      text = this.#decoder.decode(bytes, { stream: !isLineEnd });
    } catch {
      this.#decoder = newDecoder();
      if (isCut) throw badText();
      this.#decodeLines(bytes);
      return;
    }
    this.#pushText(text);
  }

  /** Whole lines, one of which is not UTF-8: its row is refused by its number. */
  #decodeLines(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const lineEnd = bytes.indexOf(LINE_FEED, at);
      const line = bytes.subarray(at, lineEnd < 0 ? bytes.length : lineEnd + 1);
      at += line.length;
      let text: string;
      try {
        text = newDecoder().decode(line);
      } catch {
        text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(line);
        this.#badLines.set(
          this.#lineNumber,
          `${describeValue(text.trim())} is not valid UTF-8: save the file as UTF-8`,
        );
      }
      this.#pushText(text);
    }
  }

  /** 1-based number of the next line. */
  get #lineNumber(): number {
    return this.#parser?.line ?? this.#head.split("\n").length;
  }

  #parse(piece: string): void {
    if (!this.#parser) {
      this.#head += piece;
      this.#isBlank &&= piece.trim() === "";
      if (this.#isBlank && this.#head.length > 4 * headLength) {
        throw invalid(
          "FILE_CONTENT",
        )`the text starts with ${thousands(this.#head.length)} blanks: give a table of numbers`;
      }
      if (this.#head.length < headLength || this.#isBlank) return;
      this.#begin();
      return;
    }
    this.#take(this.#parser.push(piece));
  }

  #begin(): void {
    const head = this.#head;
    this.#head = "";
    // This line tells spreadsheets the delimiter.
    const [told, own] = /^sep=(.)\r?\n/i.exec(head) ?? [];
    const table = told === undefined ? head : head.slice(told.length);
    this.#delimiter = this.#options.delimiter ?? own ?? findDelimiter(table);
    this.#parser = new CsvParser(this.#delimiter, findQuoting(table, this.#delimiter));
    if (told !== undefined) this.#parser.passLine();
    this.#take(this.#parser.push(table));
  }

  #take(records: CsvRecord[]): void {
    for (const record of records) {
      if (this.#layout) this.#row(record, this.#layout);
      else if (this.#sample.push(record) > sampleRows) this.#lay();
    }
  }

  #lay(): void {
    const { layout, rows, header } = findLayout(this.#sample, this.#delimiter, this.#options);
    const bad = header && this.#badLines.get(header.line);
    if (bad !== undefined) throw invalid("FILE_CONTENT")`the header on line ${header!.line}: ${bad}`;
    this.#layout = layout;
    if (this.#delimiter !== ",") this.#marks = new DecimalMarks(this.#delimiter);
    const { titleColumn, labelColumns } = layout;
    this.#textColumns = titleColumn === undefined ? labelColumns : [titleColumn, ...labelColumns];
    this.#texts = this.#textColumns.map(() => []);
    this.#numbers = new Float32Array(layout.dimensions.length);
    if (!layout.isPadded) {
      this.#quick = new QuickRows(
        layout.kinds,
        this.#delimiter,
        this.#parser!.quoting !== "none",
        layout.dimensions,
        this.#marks,
      );
    }
    this.#sample = [];
    for (const record of rows) this.#row(record, layout);
  }

  #row(record: CsvRecord, layout: Layout): void {
    const cells = cellsOf(record, layout.width, layout.isWords);
    const texts = this.#textColumns;
    for (const column of layout.idColumn === undefined ? texts : [layout.idColumn, ...texts]) {
      const text = cells[column];
      if (text !== undefined) cells[column] = ownText(layout.isPadded ? text.trim() : text);
    }
    this.#addRow(layout, cells, () => this.#numbersOf(record, cells, layout, this.#collector.seen));
  }

  #addRow(layout: Layout, cells: readonly string[], numbers: () => ArrayLike<number>): void {
    const textOf = (column: number) => (layout.isEscaped ? readTextCell(cells[column]!) : cells[column]!);
    try {
      const values = numbers();
      if (layout.idColumn !== undefined) {
        const row = this.#collector.seen;
        const id = textOf(layout.idColumn);
        if (this.#uniqueIds) this.#itemIds.check(id, row);
        this.#itemIds.add(id, row);
      }
      this.#collector.add(values);
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      this.#collector.refuse(error);
      return;
    }
    for (const [t, column] of this.#textColumns.entries()) this.#texts[t]!.push(textOf(column));
  }

  #numbersOf({ line, lastLine }: CsvRecord, cells: string[], layout: Layout, row: number): ArrayLike<number> {
    const { dimensions, listColumn, width, names, kinds } = layout;
    for (let l = line; this.#badLines.size > 0 && l <= lastLine; l++) {
      const bad = this.#badLines.get(l);
      if (bad !== undefined) throw invalid("FILE_CONTENT")`${{ row }} (line ${l}): ${bad}`;
    }
    const decimalComma = this.#delimiter !== ",";
    // A delimiter at the end of only some lines.
    const isShort = cells.length === width - 1 && kinds.at(-1) === EMPTY;
    if (cells.length !== width && !isShort) {
      throw invalid(
        "ROW_LENGTH",
      )`${{ row }} (line ${line}) has ${counted(cells.length, "column")}, but the first row has ${thousands(width)}${{ hint: "every row must have the same number" }}`;
    }
    const nameOf = (column: number) => worded`${{ column }}${names ? ` (${describeValue(names[column])})` : ""}`;
    const full = kinds.findIndex((kind, column) => kind === EMPTY && (cells[column] ?? "").trim() !== "");
    if (full >= 0) {
      throw invalid(
        "COLUMN_UNCLEAR",
      )`${{ row }} (line ${line}), ${nameOf(full)}: ${describeValue(cells[full])} is in a column that is empty in the first rows${{ hint: worded`name the columns of the embedding (${option("embedding")}), or remove this one` }}`;
    }
    if (listColumn !== undefined) {
      return listNumbers(
        cells[listColumn]!,
        this.#collector.dim,
        worded`${{ row }} (line ${line}), ${nameOf(listColumn)}`,
      );
    }
    for (const [j, column] of dimensions.entries()) {
      const cell = cells[column]!;
      const value = parseNumber(cell, decimalComma);
      if (!Number.isFinite(value)) {
        throw invalid(
          "ITEM_NOT_NUMBER",
        )`${{ row }} (line ${line}), ${nameOf(column)}: ${describeBadNumber(cell, decimalComma)}`;
      }
      this.#marks?.look(cell);
      this.#numbers[j] = value;
    }
    return this.#numbers;
  }

  /** The rows waiting to be taken. */
  finish(): TableRows {
    if (this.#window.at < this.#window.end || this.#isInLine) this.#decode(this.#window.end, true);
    if (!this.#parser) {
      if (this.#isBlank) throw invalid("EMPTY")`the text has no rows: give one row of numbers per item`;
      this.#begin();
    }
    this.#take(this.#parser!.finish());
    if (!this.#layout) this.#lay();
    const { expected, columns } = this.#layout!;
    const { seen } = this.#collector;
    if (expected && expected.rows !== seen) {
      throw invalid(
        "FILE_DAMAGED",
      )`the first line says that ${thousands(expected.rows)} vectors follow, but there ${seen === 1 ? "is" : "are"} ${thousands(seen)}: the file is cut short, or the line is wrong`;
    }
    this.#marks?.check();
    const items = this.#collector.finish();
    const { skipped } = this.#collector;
    const labels = this.#takeLabels(items.rows);
    const { itemIds } = this;
    return {
      items,
      columns,
      ...(labels && { labels }),
      ...(itemIds && { itemIds }),
      ...(skipped && { skipped }),
    };
  }

  /** Number of rows read but not yet taken. */
  get waiting(): number {
    return this.#collector.waiting;
  }

  /** Those rows, with their labels and IDs. */
  takeRows(): TableRows {
    this.#marks?.check();
    const first = this.#collector.rows - this.#collector.waiting;
    const items = this.#collector.take();
    const labels = this.#takeLabels(items.rows, first);
    const itemIds = this.itemIds && this.#itemIds.take();
    return { items, ...(labels && { labels }), ...(itemIds && { itemIds }) };
  }

  /** @param first The number of the first row whose labels were not yet taken. */
  #takeLabels(rows: number, first = this.#collector.rows - rows): ItemLabels | undefined {
    const { titleColumn, labelColumns, idColumn, names } = this.#layout!;
    const texts = this.#texts;
    this.#texts = texts.map(() => []);
    const titles = titleColumn === undefined ? undefined : texts.shift();
    if (!titles && labelColumns.length === 0 && idColumn === undefined) return undefined;
    const labels = labelColumns.map((column, t) => [names?.[column] ?? `column_${column}`, texts[t]!] as const);
    return {
      titles:
        titles ??
        (idColumn === undefined
          ? numbersFrom(first, rows)
          : this.#itemIds.ids.slice(-rows || this.#itemIds.ids.length)),
      ...(labels.length > 0 && { labels: Object.fromEntries(labels) }),
    };
  }

  /** The items' own IDs, after the end, from a column with such a name. */
  get itemIds(): string[] | undefined {
    return this.#layout?.idColumn === undefined ? undefined : this.#itemIds.ids;
  }

  /** What the columns were taken for, once it is known. */
  get columns(): TableColumns | undefined {
    return this.#layout?.columns;
  }
}

const newDecoder = () => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The titles of items without titles: their numbers. */
const numbersFrom = (first: number, rows: number) => Array.from({ length: rows }, (_, row) => String(first + row));
