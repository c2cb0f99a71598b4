/** A table of products, as text: csv, tsv, an .item file, JSON or JSON lines. */

import { extname } from "node:path";
import { counted } from "../base/words.ts";
import { readAtomicFile } from "../formats/ids/recbole.ts";
import { decodeText, decodeWholeText } from "../formats/io/bytes.ts";
import { headerDelimiter } from "../formats/text/csv-layout.ts";
import { parseCsv } from "../formats/text/csv-parser.ts";
import { readTextCell } from "../formats/text/csv-text.ts";
import { FileError, naming } from "./files.ts";

/** Rows of cells under named columns. */
export interface TextTable {
  columns: string[];
  rows: string[][];
}

/** Reads a table with a header, its format by the file's name. @throws FileError naming the file and the row. */
export function readTextTable(path: string, bytes: Uint8Array): TextTable {
  const table = naming(path, () => {
    switch (extname(path).toLowerCase()) {
      case ".item":
        return readAtomicFile(decodeText(bytes));
      case ".json":
      case ".jsonl":
      case ".ndjson":
        return fromObjects(path, decodeWholeText(bytes));
      case ".csv":
      case ".tsv":
      case ".txt":
        return fromCsv(path, decodeWholeText(bytes));
      default:
        return fromAny(path, decodeWholeText(bytes));
    }
  });
  if (table.rows.length === 0) throw new FileError(`${path}: has no rows: a header and a row an item are expected`);
  return table;
}

/** A table whose name says no format, as that of standard input. */
function fromAny(path: string, text: string): TextTable {
  if (/^\s*[[{]/.test(text)) return fromObjects(path, text);
  return /^[^\n]*\w:(token|token_seq|float|float_seq)\b/.test(text) ? readAtomicFile(text) : fromCsv(path, text);
}

function fromCsv(path: string, text: string): TextTable {
  const [header = ""] = text.split(/\r\n|\n|\r/, 1);
  const delimiter = headerDelimiter(header);
  let columns: string[] | undefined;
  const rows: string[][] = [];
  for (const { cells, line } of parseCsv(text, delimiter)) {
    if (columns === undefined) {
      columns = cells.map((cell) => cell.trim());
      continue;
    }
    if (cells.length !== columns.length) {
      throw new FileError(
        `${path}: row ${rows.length} (line ${line}) has ${counted(cells.length, "column")}, but the header has ${columns.length}`,
      );
    }
    rows.push(cells.map(readTextCell));
  }
  return { columns: columns ?? [], rows };
}

function fromObjects(path: string, text: string): TextTable {
  const objects = parseObjects(path, text);
  const columns = [...new Set(objects.flatMap((object) => Object.keys(object)))];
  const cell = (value: unknown) =>
    value === undefined || value === null
      ? ""
      : typeof value === "object"
        ? Object.values(value).join(" ")
        : String(value);
  return { columns, rows: objects.map((object) => columns.map((column) => cell(object[column]))) };
}

function parseObjects(path: string, text: string): Record<string, unknown>[] {
  let values: unknown[];
  try {
    const value: unknown = JSON.parse(text);
    values = Array.isArray(value) ? value : [value];
  } catch {
    const lines = text.split("\n").map((line, i) => ({ line, number: i + 1 }));
    values = lines
      .filter(({ line }) => line.trim() !== "")
      .map(({ line, number }) => {
        try {
          return JSON.parse(line);
        } catch (error) {
          throw new FileError(`${path}: line ${number} is not JSON: ${(error as Error).message}`);
        }
      });
  }
  const wrong = values.findIndex((value) => value === null || typeof value !== "object" || Array.isArray(value));
  if (wrong >= 0) throw new FileError(`${path}: row ${wrong} is no object with the item's fields`);
  return values as Record<string, unknown>[];
}
