import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { counted } from "../../base/words.ts";
import { type Column, decideLabels, isItemIdName, isTitleName, MISSING, mayBeItemIdName } from "../../items/columns.ts";
import { findTwins, firstFew, requireUnique } from "../../items/join.ts";
import { toItemLabels } from "../../items/labels.ts";
import type { ItemLabels } from "../../types.ts";
import { readAtomicFile } from "../ids/recbole.ts";
import { asText, extensionOf } from "../io/bytes.ts";
import { findQuoting, headerDelimiter } from "../text/csv-layout.ts";
import { CsvParser } from "../text/csv-parser.ts";
import { readTextCell } from "../text/csv-text.ts";
import { jsonEntries, parseJson } from "../text/json-text.ts";

/** Columns with one entry per row. */
interface Table {
  names: string[];
  /** Of each column. */
  cells: (string | number)[][];
  /** The type of each column, in an atomic file: "token", "token_seq", "float" or "float_seq". */
  types?: (string | undefined)[];
}

/**
 * Reads titles and labels of items, one entry per item, and the items' own IDs if the text has them (`itemIds`):
 *
 * - JSON `{ titles: string[], labels?: { [name]: (string | number)[] }, itemIds?: string[] }`, or an array of titles;
 * - JSON `{ [itemId]: title }`, or `{ [itemId]: { title, ...labels } }`;
 * - JSON objects with a field of IDs and one of titles, in an array or one per line;
 * - a table separated by tabs, commas, semicolons or `|`, whose header names a column of IDs (`id`, `item_id`, `asin`, `sku`, ...);
 * - JSON with a list for each column, `{ title: [...], year: [...] }`, or with one list of objects in it, `{ items: [{ title }] }`;
 * - a table without such names, if every line has as many cells, separated by tabs or in a `.csv`: the first column of text is the title;
 * - an atomic file of RecBole or Hopwise (`.item`: columns separated by tabs, named `name:type`);
 * - plain text with one title per line; an empty line is an empty title.
 *
 * The column whose name is or ends with `title` or `name` gives the titles, or else the first column of text; the others are labels. Item
 * IDs are strings with all their digits. Labels with `itemIds` are joined to items by ID, see `joinItems`.
 *
 * @param fileName The file's name: a `.csv` or `.tsv` has a header even if it only names a title or ID.
 * @throws InvalidInputError for JSON that is cut short or has another form, labels that differ in number from the titles, an item ID that
 *   is empty or repeated, or no titles at all.
 */
export function readLabels(text: string, fileName = ""): ItemLabels {
  const content = asText(text);
  if (content.trim() === "") throw invalid("EMPTY")`the labels are empty${{ hint: "give one title per item" }}`;
  return (
    fromJson(content) ??
    fromAtomicFile(content) ??
    fromTable(content, extensionOf(fileName)) ??
    fromEvenTable(content, extensionOf(fileName)) ?? {
      titles: content.replace(/(\r\n|\n|\r)$/, "").split(/\r\n|\n|\r/),
    }
  );
}

function fromJson(content: string): ItemLabels | undefined {
  if (!/^\s*[{[]/.test(content)) return undefined;
  let value: unknown;
  try {
    value = parseJson(content);
  } catch (error) {
    const lines = jsonLines(content);
    if (lines) return fromRecords(lines);
    if (!/^\s*(\{\s*"|\[\s*"|\[\s*\{|\[\s*$)/.test(content)) return undefined;
    throw invalid("NOT_JSON")`the labels start like JSON but are not JSON: ${(error as Error).message}`;
  }
  if (Array.isArray(value)) {
    return value.length > 0 && value.every(isObject) ? fromRecords(value) : toItemLabels(value, undefined);
  }
  const fields = value as Record<string, unknown>;
  if ("titles" in fields)
    return withOwnIds(toItemLabels(fields.titles, fields.labels, fields.itemIds ?? fields.item_ids ?? fields.ids));
  const entries = jsonEntries(content);
  const names = entries.map(([name]) => name);
  const isScalar = (of: unknown) => typeof of === "string" || typeof of === "number" || of === null;
  // One line of JSON lines looks like a map.
  if (names.some(isItemIdName) && names.some(isTitleName) && entries.every(([, of]) => !isObject(of))) {
    return entries.every(([, of]) => Array.isArray(of))
      ? fromColumns({ names, cells: entries.map(([name, of]) => (of as unknown[]).map((cell) => toCell(cell, name))) })
      : fromRecords([fields]);
  }
  // One list for each column.
  if (names.some(isTitleName) && entries.every(([, of]) => Array.isArray(of) && of.length === lengthOf(entries))) {
    return fromColumns({
      names,
      cells: entries.map(([name, of]) => (of as unknown[]).map((cell) => toCell(cell, name))),
    });
  }
  // What a service answers: { items: [{ id, title }], total: 2 }.
  const lists = entries.filter(([, of]) => Array.isArray(of) && of.length > 0 && of.every(isObject));
  if (lists.length === 1) return fromRecords(lists[0]![1] as unknown[]);
  if (entries.length > 0 && entries.every(([, title]) => isScalar(title))) {
    requireUnique(names, "");
    return { titles: entries.map(([, title]) => String(title ?? "")), itemIds: names };
  }
  if (entries.length > 0 && entries.every(([, fields]) => isObject(fields))) {
    const columns = pandasColumns(entries as [string, Record<string, unknown>][]);
    if (columns) return fromColumns(columns);
    const { itemIds: _, ...labels } = fromRecords(
      entries.map(([, fields]) => fields),
      false,
    );
    requireUnique(names, "");
    return { ...labels, itemIds: names };
  }
  throw invalid(
    "FILE_CONTENT",
  )`the labels must be { titles }, or { itemId: title }, or objects with an ID and a title, but the JSON is an object with ${firstFew(names) || "nothing"}`;
}

const lengthOf = (entries: readonly [string, unknown][]) => (entries[0]![1] as readonly unknown[]).length;

/** `DataFrame.to_json()`: { column: { row: value } }. */
function pandasColumns(entries: [string, Record<string, unknown>][]): Table | undefined {
  const names = entries.map(([name]) => name);
  const rows = Object.keys(entries[0]![1]);
  const isFrame =
    names.some(isItemIdName) &&
    names.some(isTitleName) &&
    entries.every(([, column]) => Object.keys(column).join("\0") === rows.join("\0"));
  if (!isFrame) return undefined;
  return { names, cells: entries.map(([name, column]) => rows.map((row) => toCell(column[row], describeValue(name)))) };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Labels with a name for item IDs, and values that can be, are item IDs. */
function withOwnIds(labels: ItemLabels): ItemLabels {
  if (labels.itemIds || !labels.labels) return labels;
  const name = Object.keys(labels.labels).find(isItemIdName);
  const itemIds = name !== undefined && labels.labels[name]!.map(String);
  return itemIds && !findTwins(itemIds) ? { ...labels, itemIds } : labels;
}

/** The objects of JSON lines; undefined if the first line is not an object. */
function jsonLines(content: string): unknown[] | undefined {
  const lines = content.split(/\r\n|\n|\r/);
  const first = lines.findIndex((line) => line.trim() !== "");
  const records: unknown[] = [];
  for (const [i, line] of lines.entries()) {
    if (line.trim() === "") continue;
    let value: unknown;
    try {
      value = parseJson(line);
    } catch (error) {
      if (i === first) return undefined;
      throw invalid("NOT_JSON")`line ${i + 1} of the labels is not JSON: ${(error as Error).message}`;
    }
    if (!isObject(value)) {
      if (i === first) return undefined;
      throw invalid("FILE_CONTENT")`line ${i + 1} of the labels must be an object, got ${describeValue(value)}`;
    }
    records.push(value);
  }
  return records;
}

function toCell(value: unknown, where: string): string | number {
  if (typeof value === "string" || typeof value === "number") return value;
  if (value === undefined || value === null) return "";
  if (typeof value === "boolean") return String(value);
  throw invalid("ITEM_ID_INVALID")`${where} must be a string or a number, got ${describeValue(value)}`;
}

/** Cells for each object that has fields. */
const EMPTIEST = 1000;

/** Lists and objects among the fields are not labels and are ignored. */
function fromRecords(records: readonly unknown[], hasItemIds = true): ItemLabels {
  const all = records as Record<string, unknown>[];
  const fields = all.flatMap((record) => Object.keys(record));
  const found = [...new Set(fields)];
  // Every object would need a cell for every field.
  if (found.length * all.length > EMPTIEST * fields.length) {
    throw invalid(
      "FILE_CONTENT",
    )`the labels are ${counted(all.length, "object")} with ${counted(found.length, "field")}, most of which few objects have${{ hint: "give all of them the same fields" }}`;
  }
  const names = found.filter((name) =>
    all.every((record) => !Object.hasOwn(record, name) || typeof record[name] !== "object" || record[name] === null),
  );
  const cells = names.map((name) =>
    all.map((record) => toCell(Object.hasOwn(record, name) ? record[name] : undefined, describeValue(name))),
  );
  return fromColumns({ names, cells }, hasItemIds);
}

const atomicHeader = /^[^:\t\r\n]+:(token|float)(_seq)?(\t[^:\t\r\n]+:(token|float)(_seq)?)+\r?\n/;

function fromAtomicFile(content: string): ItemLabels | undefined {
  const [header] = atomicHeader.exec(content) ?? [];
  if (header === undefined) return undefined;
  const { columns, rows } = readAtomicFile(content);
  if (rows.length === 0) throw invalid("EMPTY")`the atomic file has a header but no rows`;
  const types = header
    .trim()
    .split("\t")
    .map((cell) => cell.split(":")[1]);
  return fromColumns({ names: columns, cells: columns.map((_, column) => rows.map((row) => row[column]!)), types });
}

/** A table whose header names item IDs and something else, with rows of equal length; the file's name allows shorter headers. */
function fromTable(content: string, extension: string): ItemLabels | undefined {
  const isNamed = extension === "csv" || extension === "tsv";
  const [line] = /^[^\r\n]*/.exec(content)!;
  const delimiter = headerDelimiter(line);
  const cellsOf = (of: string) => of.split(delimiter).map((cell) => cell.trim().replace(/^"(.*)"$/, "$1"));
  const names = cellsOf(line);
  const hasId = names.some((name) => mayBeItemIdName(name));
  const hasTitle = names.some(isTitleName);
  // The index of a pandas data frame has no name.
  const hasIndex = names[0] === "" && hasTitle;
  if (!((hasId || hasIndex) && names.length > 1) && !(isNamed && (hasId || hasTitle))) return undefined;
  // Titles may start like a header; it surely is one if both are named.
  const isSure = isNamed || hasIndex || (names.some(isItemIdName) && hasTitle);
  const parser = new CsvParser(delimiter, findQuoting(content.slice(0, 1 << 18), delimiter));
  let records: { cells: string[]; line: number }[];
  try {
    records = [...parser.push(content), ...parser.finish()];
  } catch (error) {
    if (isSure) throw error;
    return undefined;
  }
  const [header, ...rows] = records.filter(
    ({ cells }, i) => i !== 1 || !cells.every((cell) => /^\s*:?-{2,}:?\s*$|^$/.test(cell)),
  );
  const width = header!.cells.length;
  const uneven = rows.find(({ cells }) => cells.length !== width);
  if (uneven && !isSure) return undefined;
  if (uneven) {
    throw invalid(
      "ROW_LENGTH",
    )`line ${uneven.line} of the labels has ${counted(uneven.cells.length, "column")}, but the header has ${width}`;
  }
  if (rows.length === 0) {
    if (!isSure) return undefined;
    throw invalid("EMPTY")`the labels have a header but no rows: give one row per item`;
  }
  // Spaces after the header's delimiters are not part of the cells.
  const isSpaced = width > 1 && header!.cells.slice(1).every((cell) => /^ /.test(cell));
  return fromColumns({
    names: header!.cells.map((cell) => cell.trim()),
    cells: header!.cells.map((_, column) =>
      rows.map(({ cells }) => readTextCell(isSpaced ? cells[column]!.trim() : cells[column]!)),
    ),
  });
}

/** Names of titles that no title has. */
const HEADS = /^(titles?|names?|item|product|text|description|label|caption)$/i;

/**
 * A table that names no IDs and no titles, or has no header: every line has as many cells, separated by tabs, or, in a file that says that
 * it is a table, by anything. Of pasted text, commas separate the cells only below a header: "I, Robot" is a title.
 */
function fromEvenTable(content: string, extension: string): ItemLabels | undefined {
  const isNamed = extension === "csv" || extension === "tsv";
  const [line] = /^[^\r\n]*/.exec(content)!;
  const delimiter = headerDelimiter(line);
  const heads = line.split(delimiter).map((cell) => cell.trim().replace(/^"(.*)"$/, "$1"));
  if (heads.length < 2 || !(isNamed || delimiter === "\t" || heads.some((head) => HEADS.test(head)))) return undefined;
  let records: { cells: string[] }[];
  try {
    const parser = new CsvParser(delimiter, findQuoting(content.slice(0, 1 << 18), delimiter));
    records = [...parser.push(content), ...parser.finish()];
  } catch {
    return undefined;
  }
  const rows = records.map(({ cells }) => cells.map((cell) => readTextCell(cell)));
  const width = heads.length;
  // A blank behind the comma: these are titles.
  const isSpaced = delimiter === "," && rows.some((cells) => cells.slice(1).some((cell) => cell.startsWith(" ")));
  if (rows.length < 2 || isSpaced || rows.some((cells) => cells.length !== width)) return undefined;
  const isNumber = (cell: string) => /^[-+]?[\d.,]*\d[\d.,]*%?$/.test(cell.trim());
  const [first, ...others] = rows as [string[], ...string[][]];
  const hasHeader =
    first.some((cell) => HEADS.test(cell.trim())) ||
    first.some((cell, column) => !isNumber(cell) && others.every((cells) => isNumber(cells[column]!)));
  const names = first.map((cell, column) => (hasHeader && cell.trim()) || `column ${column + 1}`);
  const body = hasHeader ? others : rows;
  const cells = names.map((_, column) => body.map((row) => row[column]!));
  const named = first.findIndex((cell) => hasHeader && HEADS.test(cell.trim()));
  const title =
    named >= 0 ? named : cells.findIndex((column) => !column.every((cell) => cell === "" || isNumber(cell)));
  if (title < 0) return undefined;
  const labels = names.flatMap((name, column) => (column === title ? [] : [[name, cells[column]!] as const]));
  return { titles: cells[title]!, labels: Object.fromEntries(labels) };
}

/** Columns without content: without a name, and either empty, as after a delimiter at the end of lines, or with the row numbers. */
function withoutBare({ names, cells, types }: Table): Table {
  const isBare = (column: number) =>
    names[column] === "" &&
    (cells[column]!.every((cell) => cell === "") || cells[column]!.every((cell, row) => String(cell) === String(row)));
  const kept = [...names.keys()].filter((column) => !isBare(column));
  const of = <T>(list: readonly T[]) => kept.map((column) => list[column]!);
  return { names: of(names), cells: of(cells), ...(types && { types: of(types) }) };
}

function fromColumns(all: Table, hasItemIds = true): ItemLabels {
  const table = withoutBare(all);
  const { names, cells } = table;
  const columns = names.map((name, i): Column => {
    const declared = table.types?.[i] as Column["declared"];
    return { name, cells: cells[i]!.map(cellOf), ...(declared && { declared }) };
  });
  const { itemId: item = -1 } = hasItemIds ? decideLabels(columns) : {};
  const others = [...names.keys()].filter((column) => column !== item);
  const { title: place } = decideLabels(others.map((column) => columns[column]!));
  const title = place === undefined ? item : others[place]!;
  if (title < 0 || cells[title] === undefined) {
    throw invalid(
      "COLUMN_MISSING",
    )`the labels have no titles: name a field title or name; the fields are ${names.slice(0, 8).map(describeValue).join(", ") || "none"}`;
  }
  const itemIds = item < 0 ? undefined : cells[item]!.map(String);
  if (itemIds) requireUnique(itemIds, describeValue(names[item]));
  const labels = others.filter((column) => column !== title).map((column) => [names[column]!, cells[column]!] as const);
  return {
    titles: cells[title].map(String),
    ...(labels.length > 0 && { labels: Object.fromEntries(labels) }),
    ...(itemIds && { itemIds }),
  };
}

/** Strings stay strings here, even if they hold digits. */
function cellOf(value: string | number): Column["cells"][0] {
  if (value === "") return MISSING;
  return typeof value === "number" ? { kind: "number", text: String(value), value } : { kind: "text", text: value };
}
