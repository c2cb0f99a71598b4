import { InvalidInputError } from "../errors.ts";
import type { ItemLabels } from "../types.ts";
import { asText, count, describeValue, titleField } from "./bytes.ts";
import { describeJson, findTable, findVector, follow, isObject, scalarFields } from "./json-table.ts";
import { checkLabels, toItemLabels, withoutRows } from "./labels.ts";
import { ItemIdList, isItemIdName, RowCollector, type SkippedRows } from "./row-collector.ts";

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
  table.push(asText(text));
  return table.finish();
}

/** Longest JSON that is no JSON lines: the longest string of V8, in UTF-16 units. */
const MAX_TEXT = 2 ** 29 - 25;

/** What `readJson` does, fed piece by piece. JSON lines are not kept. */
export class JsonTable {
  readonly #rows: JsonRows;
  /** The text so far, until it is known to be lines. */
  #head: string[] = [];
  #headLength = 0;
  #isLines: boolean | undefined;
  #line = "";
  #lineNumber = 0;
  #ids: string[] | undefined;

  /** @param uniqueIds Whether an item that is there twice is refused. */
  constructor(options: JsonOptions = {}, uniqueIds = false) {
    this.#rows = new JsonRows(options, uniqueIds);
  }

  /** @throws InvalidInputError as `readJson` does. */
  push(text: string): void {
    if (this.#isLines) {
      this.#lines(text);
      return;
    }
    if (this.#headLength === 0 && text.trim() === "") {
      this.#lineNumber += text.split("\n").length - 1;
      return;
    }
    this.#head.push(text);
    this.#headLength += text.length;
    if (this.#headLength > MAX_TEXT) {
      throw new InvalidInputError(
        `${count(this.#headLength)} characters of JSON are too long to read in one piece (limit ${count(MAX_TEXT)}): write JSON lines or npy`,
      );
    }
    // The first line ends in this piece or did in the one before; else nothing is new.
    if (this.#isLines === undefined && /[\r\n]/.test((this.#head.at(-2)?.slice(-1) ?? "") + text)) this.#decide();
  }

  /** Lines are they when the first is a value, and another follows. */
  #decide(): void {
    if (this.#head.length > 1 && this.#head.at(-1)!.trim() === "") return;
    const head = this.#head.join("").replace(/^\uFEFF/, "");
    this.#head = [head];
    const first = /^\s*([^\r\n]*\S)[^\S\r\n]*[\r\n]\s*\S/.exec(head)?.[1];
    if (first === undefined) return;
    const value = tryParse(first);
    this.#isLines = typeof value === "object";
    if (!this.#isLines) return;
    this.#head = [];
    this.#lines(head);
  }

  #lines(text: string): void {
    const lines = (this.#line + text).split("\n");
    this.#line = lines.pop()!;
    for (const line of lines) this.#addLine(line);
  }

  #addLine(line: string): void {
    this.#lineNumber++;
    if (line.trim() === "") return;
    const value = tryParse(line);
    if (value === undefined) {
      throw new InvalidInputError(`line ${this.#lineNumber} is not JSON: ${describeValue(line.trim())}`);
    }
    this.#rows.add(value);
  }

  /** @throws InvalidInputError as `readJson` does. */
  finish(): JsonItems {
    if (this.#isLines === undefined && this.#head.length > 1) this.#decide();
    if (this.#isLines) {
      this.#addLine(this.#line);
      return this.#rows.finish();
    }
    const text = this.#head.join("");
    this.#head = [];
    return this.#whole(parse(text));
  }

  #whole(value: unknown): JsonItems {
    const found = findTable(value);
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
    const { rows, keys, around } = found;
    const ids = keys ?? listBeside(around?.ids, rows.length);
    for (const [i, row] of rows.entries()) this.#rows.add(row, ids?.[i]);
    const result = this.#rows.finish();
    if (around?.titles === undefined && around?.labels === undefined) return result;
    const titles = around.titles ?? rows.map((_, row) => String(row));
    const labels = toItemLabels(titles, around.labels);
    checkLabels(labels, rows.length);
    return { ...result, labels: this.#rows.keptOf(labels) };
  }

  /** The items' own IDs, once all is read: from a field named so, or the keys of a map. */
  get itemIds(): string[] | undefined {
    return this.#ids ?? this.#rows.itemIds;
  }
}

/** A list of texts or numbers, one a row. */
function listBeside(value: unknown, rows: number): string[] | undefined {
  if (!Array.isArray(value) || value.length !== rows) return undefined;
  return value.every((id) => typeof id === "string" || typeof id === "number") ? value.map(String) : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InvalidInputError(`the text is not JSON: ${(error as Error).message}`);
  }
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
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

  constructor(options: JsonOptions, uniqueIds: boolean) {
    this.#options = options;
    this.#uniqueIds = uniqueIds;
    this.#collector = new RowCollector(options.skipInvalid);
  }

  /** @param id Of the item, where it does not stand in the row. */
  add(row: unknown, id?: string): void {
    const number = this.#collector.seen;
    try {
      if (this.#isObjects === undefined) this.#begin(row, number);
      if (this.#isObjects && !isObject(row)) {
        throw new InvalidInputError(
          `row ${number} is ${describeValue(row)}, but row 0 is an object: all rows must be alike`,
        );
      }
      const name = this.#isObjects ? `${this.#path.join(".")} of row` : "row";
      const numbers = this.#isObjects ? follow(row, this.#path) : row;
      checkNumbers(numbers, this.#collector.dim, name, number);
      const fields = this.#isObjects ? this.#scalars(row as Record<string, unknown>) : undefined;
      this.#takeId(id ?? (this.#idField === undefined ? undefined : String(fields?.get(this.#idField) ?? "")), number);
      this.#takeFields(fields, this.#collector.rows);
      this.#collector.add(numbers);
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      this.#collector.refuse(error);
    }
  }

  #begin(row: unknown, number: number): void {
    if (Array.isArray(row)) {
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
    const items = this.#collector.finish();
    if (items.rows === 0) throw new InvalidInputError("the JSON holds no rows: at least one embedding is needed");
    const { skipped } = this.#collector;
    const labels = this.#labels(items.rows);
    return { items, ...(labels && { labels }), ...(skipped && { skipped }) };
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

function checkNumbers(row: unknown, dim: number, name: string, number: number): asserts row is number[] {
  if (!Array.isArray(row)) {
    throw new InvalidInputError(`${name} ${number} must be an array of numbers, got ${describeValue(row)}`);
  }
  if (row.length === 0) throw new InvalidInputError(`${name} ${number} is empty: at least one number is needed`);
  if (dim > 0 && row.length !== dim) {
    throw new InvalidInputError(
      `${name} ${number} has ${count(row.length)} numbers, but those before it have ${count(dim)}: every row must have as many`,
    );
  }
  for (let j = 0; j < row.length; j++) {
    const value: unknown = row[j];
    if (typeof value !== "number") {
      throw new InvalidInputError(`${name} ${number}, column ${j}: ${describeValue(value)} is not a number`);
    }
    if (!Number.isFinite(Math.fround(value))) {
      throw new InvalidInputError(`${name} ${number}, column ${j}: the number is beyond the range of float32 (3.4e38)`);
    }
  }
}
