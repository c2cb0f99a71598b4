import { InvalidInputError } from "../errors.ts";
import type { ItemLabels } from "../types.ts";
import { counted } from "../wording.ts";
import { asText, count, describeValue, titleField } from "./bytes.ts";
import { FloatList } from "./float-list.ts";
import { JsonReader, NumberList } from "./json-reader.ts";
import { describeJson, type FoundTable, findTable, findVector, follow, isObject, scalarFields } from "./json-table.ts";
import { checkLabels, toItemLabels, withoutRows } from "./labels.ts";
import { ItemIdList, isItemIdName, RowCollector, type SkippedRows, type TakenRows } from "./row-collector.ts";
import { utf8Of } from "./utf8.ts";

/** How embeddings in JSON are read. */
export interface JsonOptions {
  /** The field that holds the numbers, inner ones by dotted names ("output.vector"). Default: found by name and shape. */
  column?: string;
  /** Leaves out rows that would be refused, and says which: `skipped`. Default: false. */
  skipInvalid?: boolean;
}

/** Embeddings with what else the file says about the items. */
export interface JsonItems {
  items: { data: Float32Array; rows: number; dim: number };
  labels?: ItemLabels;
  /** With `skipInvalid`. */
  skipped?: SkippedRows;
}

/**
 * Reads embeddings from JSON, as float32:
 *
 * - an array of arrays of numbers, one an item;
 * - an array of objects with the numbers in `embedding`, `vector` or `values`, or else in the first field that is a list of numbers,
 *   be it in an object inside; of their other fields that are strings, numbers or booleans, `title`, `name` or `id` (or else the first)
 *   gives the titles, the others are labels, "" where missing;
 * - `{ embeddings: [...], titles?, labels?, ids? }` (or `data`, as embedding services answer) with one of the above, or any object that
 *   holds it, as vector databases answer;
 * - a map of IDs, `{ "id": [...] }` or `{ "id": { "vector": [...] } }`;
 * - JSON lines: one array or object a line.
 *
 * @throws InvalidInputError, naming row and column, for rows of different length and entries that are no finite numbers; and for
 *   text that is none of these forms.
 */
export function readJson(text: string, options: JsonOptions = {}): JsonItems {
  const table = new JsonTable(options);
  for (const piece of utf8Of(asText(text))) table.push(piece);
  return table.finish();
}

const LINE_FEED = 0x0a;

/** Fields beside the rows whose lists are no vectors, and as exact as JSON has them. */
const isBeside = (key: string) => key === "ids" || key === "titles" || key === "labels";

/** What `readJson` does, fed piece by piece: the text is not kept, and the numbers as float32 only. */
export class JsonTable {
  readonly #numbers = new FloatList();
  readonly #rows: JsonRows;
  /** Of the one value, or the line. */
  readonly #reader: JsonReader;
  #isLines = false;
  /** Line breaks after the first value. */
  #breaks = 0;
  #lineNumber = 0;
  /** How the line begins. */
  #lineHead = "";
  #ids: string[] | undefined;

  /** @param uniqueIds Whether an item that is there twice is refused. */
  constructor(options: JsonOptions = {}, uniqueIds = false) {
    this.#rows = new JsonRows(options, uniqueIds, this.#numbers);
    this.#reader = new JsonReader(this.#numbers, isBeside);
  }

  /** Takes a piece of UTF-8. @throws InvalidInputError as `readJson` does. */
  push(bytes: Uint8Array): void {
    let rest = bytes;
    if (!this.#isLines) {
      rest = rest.subarray(this.#reader.push(rest));
      if (rest.length > 0) rest = this.#afterValue(rest);
    }
    if (this.#isLines) this.#pushLines(rest);
  }

  /** Lines are they when a value stands on one, and another follows. @returns the rest from the second line on. */
  #afterValue(bytes: Uint8Array): Uint8Array {
    const visible = bytes.findIndex((byte) => byte > 0x20);
    const end = visible < 0 ? bytes.length : visible;
    for (let at = 0; at < end; at++) if (bytes[at] === LINE_FEED) this.#breaks++;
    if (visible < 0) return bytes.subarray(end);
    const reader = this.#reader;
    this.#lineNumber = reader.line + this.#breaks;
    if (this.#breaks === 0 || reader.line !== reader.firstLine) {
      const found = describeValue(beginning(bytes.subarray(visible)));
      throw new InvalidInputError(`the text is not JSON: line ${this.#lineNumber + 1}: ${found} follows its end`);
    }
    this.#isLines = true;
    this.#endRow();
    return bytes.subarray(visible);
  }

  #pushLines(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const lineEnd = bytes.indexOf(LINE_FEED, at);
      const end = lineEnd < 0 ? bytes.length : lineEnd;
      this.#pushLine(bytes.subarray(at, end));
      if (lineEnd >= 0) this.#endLine();
      at = end + 1;
    }
  }

  #pushLine(part: Uint8Array): void {
    if (this.#lineHead.length <= 40) this.#lineHead = (this.#lineHead + beginning(part)).trimStart();
    this.#inLine(() => {
      const more = part.subarray(this.#reader.push(part));
      if (more.some((byte) => byte > 0x20)) throw new InvalidInputError("more follows");
    });
  }

  #endLine(): void {
    if (this.#lineHead !== "") {
      this.#inLine(() => this.#reader.finish());
      this.#endRow();
    }
    this.#lineNumber++;
    this.#lineHead = "";
  }

  #inLine(run: () => void): void {
    try {
      run();
    } catch (cause) {
      if (!(cause instanceof InvalidInputError)) throw cause;
      throw new InvalidInputError(`line ${this.#lineNumber + 1} is not JSON: ${describeValue(this.#lineHead.trim())}`, {
        cause,
      });
    }
  }

  #endRow(): void {
    this.#rows.add(this.#reader.finish());
    this.#numbers.truncate(0);
    this.#reader.reset();
  }

  /** @throws InvalidInputError as `readJson` does. */
  finish(): JsonItems {
    if (!this.#isLines) return this.#whole(this.#reader.finish());
    this.#endLine();
    return this.#rows.finish();
  }

  #whole(value: unknown): JsonItems {
    // A list of numbers is no table; its first number says so.
    const found = value instanceof NumberList ? { rows: [this.#numbers.read(value.start, 1)[0]] } : findTable(value);
    if (!found) {
      if (Array.isArray(value)) {
        throw new InvalidInputError(
          value.length === 0 ? "the JSON holds no rows: at least one embedding is needed" : "all rows are null",
        );
      }
      throw new InvalidInputError(
        `the JSON is ${describeJson(value)}; ` +
          "expected an array of arrays of numbers, an array of objects with an embedding, or { embeddings: [...] }",
      );
    }
    const { rows, keys, around } = found as FoundTable;
    const ids = keys ?? listBeside(around?.ids, rows.length);
    for (let i = 0; i < rows.length; i++) {
      this.#rows.add(rows[i], ids?.[i], true);
      rows[i] = undefined;
    }
    const result = this.#rows.finish();
    if (around?.titles === undefined && around?.labels === undefined) return result;
    const titles = around.titles ?? rows.map((_, row) => String(row));
    const labels = toItemLabels(titles, around.labels);
    checkLabels(labels, rows.length);
    return { ...result, labels: this.#rows.keptOf(labels) };
  }

  /** Rows that were read and not taken: of JSON lines only, since a single value may say at its end what its rows are. */
  get waiting(): number {
    return this.#isLines ? this.#rows.waiting : 0;
  }

  /** Those rows, with their labels and IDs. */
  takeRows(): TakenRows {
    return this.#rows.takeRows();
  }

  /** The items' own IDs, once all is read: from a field named so, or the keys of a map. */
  get itemIds(): string[] | undefined {
    return this.#ids ?? this.#rows.itemIds;
  }
}

const beginning = (bytes: Uint8Array) => new TextDecoder().decode(bytes.subarray(0, 160));

/** A list of texts or numbers, one a row. */
function listBeside(value: unknown, rows: number): string[] | undefined {
  if (!Array.isArray(value) || value.length !== rows) return undefined;
  return value.every((id) => typeof id === "string" || typeof id === "number") ? value.map(String) : undefined;
}

/** Rows one after the other. What the first one is, all must be. */
class JsonRows {
  readonly #collector: RowCollector;
  readonly #options: JsonOptions;
  #isObjects: boolean | undefined;
  #path: string[] = [];
  readonly #fields = new Map<string, (string | number)[]>();
  #idField: string | undefined;
  #hasIds = false;
  readonly #ids = new ItemIdList();
  readonly #uniqueIds: boolean;
  readonly #numbers: FloatList;

  /** @param numbers Those of the rows. */
  constructor(options: JsonOptions, uniqueIds: boolean, numbers: FloatList) {
    this.#numbers = numbers;
    this.#options = options;
    this.#uniqueIds = uniqueIds;
    this.#collector = new RowCollector(options.skipInvalid, numbers);
  }

  /**
   * @param id Of the item, where it does not stand in the row.
   * @param isLast Whether the row's numbers may go.
   */
  add(row: unknown, id?: string, isLast = false): void {
    const number = this.#collector.seen;
    try {
      if (this.#isObjects === undefined) this.#begin(row, number);
      if (this.#isObjects && !isObject(row)) {
        throw new InvalidInputError(
          `row ${number} is ${describeJson(row)}, but row 0 is an object: all rows must be alike`,
        );
      }
      const name = this.#isObjects ? `${this.#path.join(".")} of row` : "row";
      const numbers = this.#isObjects ? follow(row, this.#path) : row;
      const values = this.#valuesOf(numbers, `${name} ${number}`);
      const fields = this.#isObjects ? this.#scalars(row as Record<string, unknown>) : undefined;
      this.#takeId(id ?? (this.#idField === undefined ? undefined : String(fields?.get(this.#idField) ?? "")), number);
      this.#takeFields(fields, this.#collector.waiting);
      this.#collector.add(values);
      if (isLast && numbers instanceof NumberList) this.#numbers.giveUp(numbers.start, numbers.length);
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      this.#collector.refuse(error);
    }
  }

  /** The numbers of a row, checked. */
  #valuesOf(list: unknown, name: string): ArrayLike<number> {
    if (!Array.isArray(list) && !(list instanceof NumberList)) {
      throw new InvalidInputError(`${name} must be an array of numbers, got ${describeValue(list)}`);
    }
    const { length } = list;
    const { dim } = this.#collector;
    if (length === 0) throw new InvalidInputError(`${name} is empty: at least one number is needed`);
    if (dim > 0 && length !== dim) {
      throw new InvalidInputError(
        `${name} has ${counted(length, "number")}, but those before it have ${count(dim)}: every row must have as many`,
      );
    }
    const values = list instanceof NumberList ? this.#numbers.read(list.start, length) : list;
    for (let j = 0; j < length; j++) {
      const value: unknown = values[j];
      if (typeof value !== "number" || Number.isNaN(value)) {
        throw new InvalidInputError(
          `${name}, column ${j}: ${Number.isNaN(value) ? "NaN" : describeJson(value)} is not a number`,
        );
      }
      if (!Number.isFinite(Math.fround(value))) {
        throw new InvalidInputError(`${name}, column ${j}: the number is beyond the range of float32 (3.4e38)`);
      }
    }
    return values;
  }

  #begin(row: unknown, number: number): void {
    if (Array.isArray(row) || row instanceof NumberList) {
      this.#isObjects = false;
      return;
    }
    if (!isObject(row)) {
      const flat =
        typeof row === "number"
          ? "a flat list of numbers; write one array per item, [[...], [...]]"
          : describeValue(row);
      throw new InvalidInputError(`the rows must be arrays of numbers or objects with an embedding, got ${flat}`);
    }
    const path = this.#options.column === undefined ? findVector(row) : this.#options.column.split(".");
    if (!path || (this.#options.column !== undefined && follow(row, path) === undefined)) {
      const wanted = this.#options.column ?? "embedding, vector, values";
      throw new InvalidInputError(`row ${number} has no array named ${wanted}; it is ${describeJson(row)}`);
    }
    this.#isObjects = true;
    this.#path = path;
    this.#idField = [...this.#scalars(row).keys()].find(isItemIdName);
  }

  #scalars(row: Record<string, unknown>): Map<string, string | number> {
    return scalarFields(row);
  }

  #takeId(id: string | undefined, row: number): void {
    if (id === undefined) return;
    if (this.#uniqueIds) this.#ids.check(id, row);
    this.#ids.add(id, row);
    this.#hasIds = true;
  }

  #takeFields(fields: Map<string, string | number> | undefined, row: number): void {
    if (!fields) return;
    for (const [name, value] of fields) {
      let values = this.#fields.get(name);
      if (!values) {
        values = [];
        this.#fields.set(name, values);
      }
      while (values.length < row) values.push("");
      values.push(value);
    }
  }

  get itemIds(): string[] | undefined {
    return this.#hasIds ? this.#ids.ids : undefined;
  }

  /** Labels of all rows -> of those that were kept. */
  keptOf(labels: ItemLabels): ItemLabels {
    const skipped = this.#collector.skipped?.rows ?? [];
    return skipped.length === 0 ? labels : withoutRows(labels, skipped);
  }

  finish(): JsonItems {
    this.#numbers.clear();
    const items = this.#collector.finish();
    if (this.#collector.rows === 0)
      throw new InvalidInputError("the JSON holds no rows: at least one embedding is needed");
    const { skipped } = this.#collector;
    const labels = this.#labels(items.rows);
    return { items, ...(labels && { labels }), ...(skipped && { skipped }) };
  }

  get waiting(): number {
    return this.#collector.waiting;
  }

  takeRows(): TakenRows {
    const items = this.#collector.take();
    const labels = this.#labels(items.rows);
    for (const name of this.#fields.keys()) this.#fields.set(name, []);
    const itemIds = this.#hasIds ? this.#ids.take() : undefined;
    return { items, ...(labels && { labels }), ...(itemIds && { itemIds }) };
  }

  #labels(rows: number): ItemLabels | undefined {
    const names = [...this.#fields.keys()];
    // The keys of a map are the titles of rows that have no field of their own.
    if (names.length === 0) return this.#hasIds && !this.#idField ? { titles: [...this.#ids.ids] } : undefined;
    for (const values of this.#fields.values()) while (values.length < rows) values.push("");
    const [title] = names.splice(titleField(names.map((name) => name.slice(name.lastIndexOf(".") + 1))), 1);
    const titles = this.#fields.get(title!)!.map(String);
    const labels = names.map((name) => [name, this.#fields.get(name)!] as const);
    return { titles, ...(labels.length > 0 && { labels: Object.fromEntries(labels) }) };
  }
}
