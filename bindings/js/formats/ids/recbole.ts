import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { counted } from "../../base/words.ts";
import { TokenTemplate } from "../../ids/token-template.ts";
import { keyAmong } from "../../items/columns.ts";
import { requireOptions, requireTexts } from "../io/bytes.ts";
import { cellsOfLine, unquoted } from "../text/csv-parser.ts";
import {
  checkedItemIds,
  type IdTable,
  IdTableBuilder,
  type IdTableOptions,
  type IdTableSource,
  idsOfTable,
  inChunks,
  linesOf,
} from "./id-table.ts";

const ITEM_COLUMN = "item_id:token";
const ID_COLUMN = "semantic_id:token_seq";

/** How to read and write an atomic file. */
export interface RecBoleOptions {
  /** Separator of two columns, one character. Default: tab. */
  separator?: string;
  /**
   * How to write a code: as a "token" of its level ("<a_17>"), since RecBole gives equal words of a column the same number regardless of
   * their position, or as the bare "code". Both can be read. Default: "token".
   */
  content?: "token" | "code";
}

/** A RecBole or Hopwise atomic file: one row per line, with columns named `name:type`. */
export interface AtomicFile {
  /** Names without their types. */
  columns: string[];
  /** rows x columns, as strings; a fully quoted cell is given without its quotes. */
  rows: string[][];
}

function requireSeparator(separator: unknown): asserts separator is string {
  if (typeof separator !== "string" || !/^[^"\r\n]$/.test(separator)) {
    throw invalid()`${{ argument: "separator" }} must be one character, such as a tab, got ${describeValue(separator)}`;
  }
}

/** A text as a cell. @throws InvalidInputError if the format cannot hold it. */
export function cellOf(text: string, separator: string, where: string): string {
  const bad = /[\r\n]/.test(text) ? "a line end" : separator === "\t" && text.includes(separator) ? "a tab" : undefined;
  if (bad) {
    throw invalid(
      "FORMAT_CANNOT_HOLD",
    )`${where}: ${describeValue(text)} contains ${bad}, which an atomic file cannot hold${{ hint: "write csv or jsonl" }}`;
  }
  return text.startsWith('"') || text.includes(separator) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Lines as cells, each with as many as the header. */
function* records(
  text: string | Iterable<string>,
  separator: string,
  name?: string,
): Generator<{ line: string; number: number; cells: string[] }> {
  let width: number | undefined;
  for (const { line, number } of linesOf(text, name)) {
    const cells = cellsOfLine(line, separator, true);
    width ??= cells.length;
    if (cells.length !== width) {
      throw invalid("ROW_LENGTH")`line ${number} has ${counted(cells.length, "column")}, but the header has ${width}`;
    }
    yield { line, number, cells };
  }
}

const columnName = (header: string) => unquoted(header).split(":")[0]!.trim();

/**
 * Reads an atomic file (`.item`, `.user`, ...), every cell as text.
 * @throws InvalidInputError for a line with another number of columns than the header, or no header.
 */
export function readAtomicFile(text: string | Iterable<string>, separator = "\t"): AtomicFile {
  requireSeparator(separator);
  const lines = records(text, separator);
  const header = lines.next().value as { cells: string[] } | undefined;
  if (!header) throw invalid("EMPTY")`the file is empty: give a header such as ${describeValue(ITEM_COLUMN)}`;
  const rows: string[][] = [];
  for (const { cells } of lines) rows.push(cells.map(unquoted));
  return { columns: header.cells.map(columnName), rows };
}

/** The position of the column `item_id`, or of another that names items. @throws InvalidInputError that lists the columns. */
export function itemIdColumn(columns: readonly string[]): number {
  const found = keyAmong(columns);
  if (found >= 0) return found;
  throw invalid(
    "COLUMN_MISSING",
  )`there is no column ${ITEM_COLUMN}; the columns are ${columns.slice(0, 8).map(describeValue).join(", ")}`;
}

function codeWriter(content: RecBoleOptions["content"], levels: number): (codes: readonly number[]) => string {
  if (content !== undefined && content !== "token" && content !== "code") {
    throw invalid()`${{ argument: "content" }} must be "token" or "code", got ${describeValue(content)}`;
  }
  const template = new TokenTemplate(undefined, levels);
  return (codes) => (content === "code" ? codes : codes.map((code, level) => template.token(level, code))).join(" ");
}

/**
 * IDs as a RecBole `.item` file: the columns `item_id:token` and `semantic_id:token_seq`, whose codes are separated by spaces.
 * @throws InvalidInputError for item IDs that are not one per row, are not unique, or contain a tab or line end.
 */
export function recBoleChunks(table: IdTableSource, options: RecBoleOptions = {}): Generator<string> {
  requireOptions(options);
  const { separator = "\t", content } = options;
  requireSeparator(separator);
  const ids = idsOfTable(table);
  const itemId = checkedItemIds(table);
  const written = codeWriter(content, ids.levels);
  return inChunks(lines());

  function* lines(): Generator<string> {
    yield `${ITEM_COLUMN}${separator}${ID_COLUMN}\n`;
    for (let row = 0; row < ids.length; row++) {
      yield `${cellOf(itemId(row), separator, `item ${row}`)}${separator}${cellOf(written(ids.at(row)), separator, "")}\n`;
    }
  }
}

/**
 * An existing `.item` file with the column `semantic_id:token_seq` added as its last one, in pieces of text; all other columns stay
 * unchanged, to the byte. An existing column of that name is replaced.
 * @throws InvalidInputError if an item of the file is not in the table (`missing: "empty"` leaves its cell empty).
 */
export function mergeRecBoleChunks(
  item: string | Iterable<string>,
  table: IdTableSource,
  options: RecBoleOptions & { missing?: "error" | "empty" } = {},
): Generator<string> {
  requireOptions(options);
  const { separator = "\t", content, missing = "error" } = options;
  requireSeparator(separator);
  const ids = idsOfTable(table);
  const itemId = checkedItemIds(table);
  const rowOf = new Map(Array.from({ length: ids.length }, (_, row) => [itemId(row), row]));
  const written = codeWriter(content, ids.levels);
  requireTexts(item, "into");
  return inChunks(lines());

  function* lines(): Generator<string> {
    let itemColumn = -1;
    let replaced = -1;
    for (const { line, number, cells } of records(item, separator, "into")) {
      const isHeader = itemColumn < 0;
      if (isHeader) {
        const columns = cells.map(columnName);
        itemColumn = itemIdColumn(columns);
        replaced = columns.indexOf(columnName(ID_COLUMN));
      }
      const row = isHeader ? undefined : rowOf.get(unquoted(cells[itemColumn]!));
      if (!isHeader && row === undefined && missing !== "empty") {
        throw invalid(
          "UNKNOWN_ITEM",
        )`line ${number}: item ${describeValue(unquoted(cells[itemColumn]!))} has no semantic ID${{ hint: 'give it one, or merge with missing: "empty"' }}`;
      }
      const kept = replaced < 0 ? line : cells.filter((_, column) => column !== replaced).join(separator);
      const cell = isHeader ? ID_COLUMN : row === undefined ? "" : cellOf(written(ids.at(row)), separator, "");
      yield `${kept}${separator}${cell}\n`;
    }
    if (itemColumn < 0)
      throw invalid("EMPTY")`${{ argument: "into" }}: the .item file is empty: give one with a header`;
  }
}

/**
 * Reads the IDs of a RecBole `.item` file and ignores other columns.
 * @throws InvalidInputError if there are no columns `item_id` and `semantic_id`, or, with the number of the line, if codes are neither
 *   tokens of their levels nor whole numbers.
 */
export function readRecBole(
  text: string | Iterable<string>,
  options: Pick<RecBoleOptions, "separator"> & IdTableOptions = {},
): IdTable {
  requireOptions(options);
  const { separator = "\t" } = options;
  requireSeparator(separator);
  const template = new TokenTemplate();
  const table = new IdTableBuilder();
  let itemColumn = -1;
  let idColumn = -1;
  for (const { cells, number } of records(text, separator)) {
    if (itemColumn < 0) {
      const columns = cells.map(columnName);
      itemColumn = itemIdColumn(columns);
      idColumn = columns.indexOf(columnName(ID_COLUMN));
      if (idColumn < 0) throw invalid("COLUMN_MISSING")`there is no column ${ID_COLUMN}`;
      continue;
    }
    const where = `line ${number}`;
    const words = unquoted(cells[idColumn]!)
      .split(" ")
      .filter((word) => word !== "");
    const codes = words.every((word) => /^\d+$/.test(word)) ? words.map(Number) : template.readTokens(words, where);
    table.add(unquoted(cells[itemColumn]!), codes, where);
  }
  if (itemColumn < 0) throw invalid("EMPTY")`the file is empty: give a header such as ${describeValue(ITEM_COLUMN)}`;
  return table.finish(options);
}
