import { describeValue } from "../../base/describe-value.ts";
import { InvalidInputError, invalid } from "../../base/errors.ts";
import { TextDecoder } from "../../base/text-codecs.ts";
import { type Wording, worded } from "../../base/wording.ts";
import { counted, thousands } from "../../base/words.ts";
import {
  type Column,
  columnName,
  type Decision,
  decideColumns,
  mayBeItemIdName,
  namedColumns,
  type TableColumns,
} from "../../items/columns.ts";
import { checkLabels, toItemLabels, withoutRows } from "../../items/labels.ts";
import type { ItemLabels } from "../../types.ts";
import type { ItemFileOptions } from "../io/opened-file.ts";
import { ItemIdList, RowCollector, type TableRows } from "../io/row-collector.ts";
import { badText } from "../io/utf8.ts";
import { describeBadNumber, listNumbers, parseNumber } from "./csv-cells.ts";
import {
  describeJson,
  type Fields,
  type FoundTable,
  fieldsOf,
  findTable,
  findTensor,
  follow,
  inAnswerOrder,
  isIdsName,
  isNumbers,
  isObject,
  jsonCell,
  parallelLists,
  recordOf,
  rowsOfLine,
  typedArrayValues,
} from "./json-table.ts";
import { isLongInteger, parseJson } from "./json-text.ts";

/** Bytes decoded at once. */
const PIECE = 1 << 20;

/**
 * Reads embeddings from JSON, in pieces, as float32. JSON lines are read line by line, however many there are; a text that is one value is
 * kept to its end for `JSON.parse`:
 *
 * - an array of arrays of numbers, one per item;
 * - an array of objects, whose fields (and those of inner objects) are treated like the columns of a table, see `TableColumns`: a list of
 *   numbers, or numbers in numbered fields, item ID, title, labels ("" if missing);
 * - `{ embeddings: [...], titles?, labels?, ids? }` (or `data`, as embedding services answer) with one of the above, or any object that
 *   holds it, as vector databases answer; vectors with an `index` are sorted by it;
 * - a map of IDs, `{ "id": [...] }` or `{ "id": { "vector": [...] } }`;
 * - a data frame by records, by columns, or split; a tensor, `{ dims: [rows, dim], data: [...] }`;
 * - JSON lines: one array or object, or one answer of an embedding service, per line.
 *
 * A vector may also be a typed array (`{ "0": 0.5, ... }`), a string of a list ("[0.5, 1]"), or float32 in base64.
 *
 * Its methods throw InvalidInputError, naming row and column, for rows of different length and entries that are not finite numbers; for a
 * list of IDs that differs in length from the rows; if the fields of the embedding are unclear; for text in none of these forms; and for a
 * single value, or a line, that is longer than a string can be (in V8, 536,870,888 characters).
 */
export class JsonTable {
  readonly #rows: JsonRows;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  /** Text that is not parsed yet: an unfinished line, or all of a single value. */
  #text = "";
  #lines = 0;
  /** The first line's value, as long as it may be the only one. */
  #first: { value: unknown } | undefined;
  #isLines = false;
  /** Whether the first line ends within a value. */
  #isWhole = false;

  /** @param uniqueIds Whether a repeated item is refused. */
  constructor(options: ItemFileOptions = {}, uniqueIds = false) {
    this.#rows = new JsonRows(options, uniqueIds);
  }

  /** Reads a piece of UTF-8, cut anywhere. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += PIECE) this.#push(bytes.subarray(at, at + PIECE));
  }

  /** @param bytes Undefined at the end. */
  #push(bytes?: Uint8Array): void {
    let piece: string;
    try {
      piece = this.#decoder.decode(bytes, { stream: bytes !== undefined });
    } catch {
      throw badText();
    }
    let start = 0;
    while (!this.#isWhole) {
      const end = piece.indexOf("\n", start);
      if (end < 0) break;
      this.#keep(piece.slice(start, end));
      this.#endLine();
      start = end + 1;
    }
    this.#keep(piece.slice(start));
  }

  #keep(text: string): void {
    try {
      this.#text += text;
    } catch (cause) {
      throw tooLong(cause);
    }
  }

  #endLine(): void {
    const line = this.#text;
    this.#lines++;
    if (line.trim() === "") this.#text = "";
    else if (this.#first || this.#isLines) {
      if (this.#first) this.#addLine(this.#first.value);
      this.#first = undefined;
      this.#isLines = true;
      this.#addLine(parsedLine(line, this.#lines));
      this.#text = "";
    } else {
      try {
        this.#first = { value: parseJson(line) };
        this.#text = "";
      } catch {
        // Errors are known only when the whole value has arrived.
        this.#isWhole = true;
        this.#keep("\n");
      }
    }
  }

  #addLine(value: unknown): void {
    for (const row of rowsOfLine(value)) this.#rows.add(row);
  }

  finish(): TableRows {
    this.#push();
    if (this.#first || this.#isLines) this.#endLine();
    if (this.#isLines) return this.#rows.finish();
    const text = this.#text;
    this.#text = "";
    return this.#whole(this.#first ? this.#first.value : parsedWhole(text));
  }

  #whole(value: unknown): TableRows {
    const found = this.#findRows(value);
    if (!found) {
      if (Array.isArray(value)) {
        if (value.length > 0) throw invalid("EMPTY")`all rows are null`;
        throw invalid("EMPTY")`the JSON holds no rows${{ hint: "give at least one embedding" }}`;
      }
      throw invalid(
        "FILE_CONTENT",
      )`the JSON is ${describeJson(value)}${{ hint: "expected an array of arrays of numbers, an array of objects with an embedding, or { embeddings: [...] }", after: "; " }}`;
    }
    const { keys, around } = found;
    const rows = inAnswerOrder(found.rows);
    const ids = listBeside(around, rows.length) ?? keys;
    const names = Array.isArray(around?.columns) ? (around.columns as string[]) : undefined;
    // A data frame that was not sorted or filtered numbers its rows.
    const index = Array.isArray(around?.index) && around.index.some((key, i) => key !== i) ? around.index : undefined;
    const isNumbered = ids === keys && keys?.every((key, i) => key === String(i)) === true;
    for (let i = 0; i < rows.length; i++) {
      const row = names ? recordOf(rows[i], names, index?.[i]) : rows[i];
      this.#rows.add(row, isNumbered ? undefined : ids?.[i]);
      rows[i] = undefined;
    }
    const result = this.#rows.finish();
    if (around?.titles === undefined && around?.labels === undefined) return result;
    const titles = around.titles ?? rows.map((_, row) => String(row));
    const labels = toItemLabels(titles, around.labels);
    checkLabels(labels, rows.length);
    return { ...result, labels: this.#rows.keptOf(labels) };
  }

  #findRows(value: unknown): FoundTable | undefined {
    if (isObject(value) && "custom_id" in value) return { rows: rowsOfLine(value) };
    const tensor = findTensor(value);
    if (!tensor) return parallelLists(value) ?? findTable(value);
    const { rows, dim, data } = tensor;
    return {
      rows: Array.from({ length: rows }, (_, i) => data.slice(i * dim, (i + 1) * dim)),
      around: value as Fields,
    };
  }

  /** Number of rows read but not yet taken, only for JSON lines, since a single value may define its rows at its end. */
  get waiting(): number {
    return this.#isLines ? this.#rows.waiting : 0;
  }

  /** Those rows, with their labels and IDs. */
  takeRows(): TableRows {
    return this.#rows.takeRows();
  }

  /** The items' own IDs, after the end, from a field with such a name, or the keys of a map. */
  get itemIds(): string[] | undefined {
    return this.#rows.itemIds;
  }

  /** What the fields were taken for, once it is known. */
  get columns(): TableColumns | undefined {
    return this.#rows.columns;
  }
}

function parsedLine(line: string, number: number): unknown {
  try {
    return parseJson(line);
  } catch (cause) {
    throw invalid("NOT_JSON", cause)`line ${number} is not JSON: ${describeValue(line.slice(0, 160).trim())}`;
  }
}

function parsedWhole(text: string): unknown {
  try {
    return parseJson(text);
  } catch (cause) {
    if (cause instanceof RangeError) throw tooLong(cause);
    throw invalid("NOT_JSON", cause)`the text is not JSON: ${(cause as Error).message}`;
  }
}

const tooLong = (cause: unknown) =>
  invalid(
    "FILE_TOO_LARGE",
    cause,
  )`the text is one JSON value that is longer than a string can be${{ hint: "save it as JSON lines (a row on each line), npy or Parquet" }}`;

/** The IDs next to the rows. @throws InvalidInputError if they are not one per row. */
function listBeside(around: Fields | undefined, rows: number): string[] | undefined {
  const name = Object.keys(around ?? {}).find((key) => isIdsName(key) && Array.isArray(around![key]));
  if (name === undefined) return idsByIndex(around, rows);
  let ids = around![name] as unknown[];
  // Vector databases answer with one list per query.
  if (ids.length === 1 && Array.isArray(ids[0])) ids = ids[0];
  if (ids.length !== rows) {
    throw invalid(
      "COUNTS_DIFFER",
    )`${name} has ${counted(ids.length, "entry")}, but there are ${thousands(rows)} vectors${{ hint: "give one ID per vector" }}`;
  }
  const bad = ids.findIndex((id) => typeof id !== "string" && typeof id !== "number");
  if (bad >= 0)
    throw invalid("ITEM_ID_INVALID")`${name}[${bad}] must be a string or a number, got ${describeValue(ids[bad])}`;
  return ids.map(String);
}

/** The IDs of a map from item to row, `{ item2index: { "a": 0 } }`, or from row to item. */
function idsByIndex(around: Fields | undefined, rows: number): string[] | undefined {
  for (const map of Object.values(around ?? {})) {
    if (!isObject(map) || Object.keys(map).length !== rows || rows < 2) continue;
    const entries = Object.entries(map);
    const ids: string[] = [];
    for (const [key, value] of entries) {
      if (typeof value === "number" && Number.isInteger(value)) ids[value] = key;
      else if (typeof value === "string" && /^\d+$/.test(key)) ids[Number(key)] = value;
    }
    if (ids.length === rows && Object.keys(ids).length === rows) return ids;
  }
  return undefined;
}

/** Number of rows by which fields are judged. */
const SAMPLE_ROWS = 100;

interface Row {
  row: unknown;
  /** The item's ID, if it is not in the row. */
  id: string | undefined;
}

/** What each field is. */
interface FieldChoice {
  decision: Decision;
  names: string[];
  /** Where each field is in a row. */
  paths: string[][];
  /** Fields of the rows themselves. */
  known: Set<string>;
  columns: TableColumns;
}

/** @throws InvalidInputError for an ID or number under a name that the first rows do not have, since it would be lost. */
function requireKnownFields(row: Fields, { known }: FieldChoice, number: number): void {
  for (const name of Object.keys(row)) {
    if (known.has(name) || row[name] === null) continue;
    if (!mayBeItemIdName(name) && typeof row[name] !== "number" && !isNumbers(row[name])) continue;
    throw invalid(
      "ROW_LENGTH",
    )`${{ row: number }} has the field ${describeValue(name)}, which the first ${SAMPLE_ROWS} rows do not have${{ hint: "give all rows the same fields, or remove it" }}`;
  }
}

/** Reads rows one after another. All must have the form of the first ones. */
class JsonRows {
  readonly #collector: RowCollector;
  readonly #options: ItemFileOptions;
  /** Rows waiting for the decision. */
  #sample: Row[] | undefined = [];
  /** The fields of rows that are objects. */
  #choice: FieldChoice | undefined;
  #titles: string[] = [];
  #labels: (string | number)[][] = [];
  #hasIds = false;
  readonly #ids = new ItemIdList();
  readonly #uniqueIds: boolean;

  constructor(options: ItemFileOptions, uniqueIds: boolean) {
    this.#options = options;
    this.#uniqueIds = uniqueIds;
    this.#collector = new RowCollector(options.skipInvalid);
  }

  /** @param id The item's ID, if it is not in the row. */
  add(row: unknown, id?: string): void {
    if (!this.#sample) {
      this.#add({ row, id });
      return;
    }
    this.#sample.push({ row, id });
    if (this.#sample.length === SAMPLE_ROWS) this.#decide();
  }

  #decide(): void {
    const sample = this.#sample ?? [];
    this.#sample = undefined;
    const first = sample.find(({ row }) => row !== null)?.row;
    if (isObject(first)) this.#choose(sample.map(({ row }) => row).filter(isObject));
    else if (!Array.isArray(first) && first !== undefined) {
      const flat =
        typeof first === "number"
          ? "a flat list of numbers: write one array per item, [[...], [...]]"
          : describeValue(first);
      throw invalid("FILE_CONTENT")`the rows must be arrays of numbers or objects with an embedding, got ${flat}`;
    }
    for (const row of sample) this.#add(row);
  }

  #choose(rows: Fields[]): void {
    const isAction = (row: Fields | undefined) =>
      row !== undefined && Object.keys(row).length === 1 && isObject(row.index ?? row.create);
    if (isAction(rows[0]) && !isAction(rows[1])) {
      throw invalid(
        "FILE_FOREIGN",
      )`the lines are a search engine's bulk request, with an ID and its document on two lines${{ hint: "export the documents instead, each with its _id" }}`;
    }
    const found = rows.map((row) => fieldsOf(row));
    const paths = new Map<string, string[]>();
    for (const fields of found) for (const [name, { path }] of fields) if (!paths.has(name)) paths.set(name, path);
    const names = [...paths.keys()];
    const columns = names.map(
      (name): Column => ({ name, cells: found.map((fields) => jsonCell(fields.get(name)?.value)) }),
    );
    const decision = decideColumns(columns, this.#options, "the JSON");
    const known = new Set(rows.flatMap((row) => Object.keys(row)));
    this.#choice = { decision, names, paths: [...paths.values()], known, columns: namedColumns(columns, decision) };
    this.#labels = decision.labels.map(() => []);
  }

  #add({ row, id }: Row): void {
    const number = this.#collector.seen;
    try {
      const choice = this.#choice;
      if (choice && !isObject(row)) {
        throw invalid(
          "FILE_CONTENT",
        )`${{ row: number }} is ${describeJson(row)}, but the rows before it are objects${{ hint: "all rows must have the same form" }}`;
      }
      if (choice) requireKnownFields(row as Fields, choice, number);
      const values = choice
        ? this.#vectorOf(row as Fields, choice, number)
        : this.#listOf(row, worded`${{ row: number }}`);
      this.#takeId(id ?? this.#ownId(row, choice), number);
      if (choice) this.#takeFields(row as Fields, choice);
      this.#collector.add(values);
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      this.#collector.refuse(error);
    }
  }

  #vectorOf(
    row: Fields,
    { decision: { vector, isList }, names, paths }: FieldChoice,
    number: number,
  ): ArrayLike<number> {
    const at = (column: number) => follow(row, paths[column]!);
    if (isList) return this.#listOf(at(vector[0]!), worded`${String(names[vector[0]!])} of ${{ row: number }}`);
    return vector.map((column) => {
      const value = at(column);
      const where = worded`${{ row: number }}, ${describeValue(columnName(names[column], column))}`;
      const parsed = typeof value === "string" ? parseNumber(value, false) : value;
      if (typeof parsed === "number" && Number.isFinite(Math.fround(parsed))) return parsed;
      const problem =
        value === undefined || value === null
          ? "is missing; every item needs a number here"
          : typeof value === "string"
            ? describeBadNumber(value, false)
            : `${describeJson(value)} is not a finite number within the range of float32 (3.4e38)`;
      throw invalid("FILE_CONTENT")`${where}: ${problem}`;
    });
  }

  /** The numbers of a list, checked. */
  #listOf(given: unknown, name: Wording): ArrayLike<number> {
    const { dim } = this.#collector;
    if (typeof given === "string") return listNumbers(given, dim, name);
    const list = typedArrayValues(given) ?? given;
    if (!Array.isArray(list)) {
      if (list === undefined || list === null)
        throw invalid("ROW_LENGTH")`${name} is missing${{ hint: "every item needs an array of numbers" }}`;
      throw invalid("ITEM_NOT_NUMBER")`${name} must be an array of numbers, got ${describeJson(list)}`;
    }
    const { length } = list;
    if (length === 0) throw invalid("ROW_LENGTH")`${name} is empty${{ hint: "give at least one number" }}`;
    if (dim > 0 && length !== dim) {
      throw invalid(
        "ROW_LENGTH",
      )`${name} has ${counted(length, "number")}, but those before it have ${thousands(dim)}${{ hint: "every row must have the same number" }}`;
    }
    for (let j = 0; j < length; j++) {
      if (isLongInteger(list[j])) list[j] = Number(list[j]);
      const value: unknown = list[j];
      if (typeof value !== "number" || Number.isNaN(value)) {
        throw invalid(
          "ITEM_NOT_NUMBER",
        )`${name}, ${{ column: j }}: ${Number.isNaN(value) ? "NaN" : describeJson(value)} is not a number`;
      }
      if (!Number.isFinite(Math.fround(value))) {
        throw invalid("ITEM_NOT_FINITE")`${name}, ${{ column: j }}: the number is beyond the range of float32 (3.4e38)`;
      }
    }
    return list;
  }

  #ownId(row: unknown, choice: FieldChoice | undefined): string | undefined {
    const column = choice?.decision.itemId;
    if (column === undefined) return undefined;
    const id = follow(row, choice!.paths[column]!);
    if (id === undefined || id === null) return "";
    if (typeof id === "string" || typeof id === "number") return String(id);
    throw invalid(
      "ITEM_ID_INVALID",
    )`${{ row: this.#collector.seen }}: ${describeValue(choice!.names[column])} must be a string or a number, got ${describeJson(id)}`;
  }

  #takeId(id: string | undefined, row: number): void {
    if (id === undefined) return;
    if (this.#uniqueIds) this.#ids.check(id, row);
    this.#ids.add(id, row);
    this.#hasIds = true;
  }

  #takeFields(row: Fields, { decision: { title, labels }, paths }: FieldChoice): void {
    const scalar = (column: number) => {
      const value = follow(row, paths[column]!);
      return typeof value === "number"
        ? value
        : typeof value === "string" || typeof value === "boolean"
          ? String(value)
          : "";
    };
    if (title !== undefined) this.#titles.push(String(scalar(title)));
    for (const [l, column] of labels.entries()) this.#labels[l]!.push(scalar(column));
  }

  get itemIds(): string[] | undefined {
    return this.#hasIds ? this.#ids.ids : undefined;
  }

  get columns(): TableColumns | undefined {
    return this.#choice?.columns;
  }

  /** Labels of all rows -> labels of those that were kept. */
  keptOf(labels: ItemLabels): ItemLabels {
    const skipped = this.#collector.skipped?.rows ?? [];
    return skipped.length === 0 ? labels : withoutRows(labels, skipped);
  }

  finish(): TableRows {
    if (this.#sample) this.#decide();
    const items = this.#collector.finish();
    if (this.#collector.rows === 0)
      throw invalid("EMPTY")`the JSON holds no rows${{ hint: "give at least one embedding" }}`;
    const { skipped } = this.#collector;
    const labels = this.#takeLabels(items.rows);
    const { columns, itemIds } = this;
    return {
      items,
      ...(columns && { columns }),
      ...(labels && { labels }),
      ...(itemIds && { itemIds }),
      ...(skipped && { skipped }),
    };
  }

  get waiting(): number {
    return this.#collector.waiting;
  }

  takeRows(): TableRows {
    const items = this.#collector.take();
    const labels = this.#takeLabels(items.rows);
    const itemIds = this.#hasIds ? this.#ids.take() : undefined;
    return { items, ...(labels && { labels }), ...(itemIds && { itemIds }) };
  }

  /** Labels of the rows that are being taken, which are the last ones. */
  #takeLabels(rows: number): ItemLabels | undefined {
    const { title, labels = [] } = this.#choice?.decision ?? {};
    const titles = this.#titles;
    const values = this.#labels;
    this.#titles = [];
    this.#labels = values.map(() => []);
    if (title === undefined && labels.length === 0 && !this.#hasIds) return undefined;
    const first = this.#collector.rows - rows;
    const { ids } = this.#ids;
    const entries = labels.map((column, l) => [this.#choice!.names[column]!, values[l]!] as const);
    return {
      // Items without titles are called by their IDs, or by their numbers.
      titles:
        title !== undefined
          ? titles
          : this.#hasIds
            ? ids.slice(ids.length - rows)
            : Array.from({ length: rows }, (_, row) => String(first + row)),
      ...(entries.length > 0 && { labels: Object.fromEntries(entries) }),
    };
  }
}
