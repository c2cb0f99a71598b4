/** Finds the rows in a JSON value, as embedding services, vector databases and data frames nest them, and what is in a row. */

import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { thousands } from "../../base/words.ts";
import { type Cell, familiesOf, MISSING, mayBeItemIdName, OTHER } from "../../items/columns.ts";
import { textCell } from "./csv-cells.ts";
import { isLongInteger } from "./json-text.ts";

const embeddingNames = ["embedding", "embeddings", "vector", "vectors", "values", "emb", "dense", "features", "x"];
const tableNames = [
  "embeddings",
  "data",
  "vectors",
  "items",
  "points",
  "objects",
  "result",
  "results",
  "rows",
  "records",
];
/** Lists next to the rows that are not vectors. */
const isBeside = (key: string) =>
  isIdsName(key) || mayBeItemIdName(key.replace(/s$/i, "")) || ["titles", "labels", "index"].includes(key);
export const isIdsName = (key: string): boolean => /^(item_?)?(ids|keys)$/i.test(key);

/** Levels of objects that are searched. */
const DEPTH = 4;

export type Fields = Record<string, unknown>;

/** Rows of a table, as found: arrays of numbers, or objects. */
export interface FoundTable {
  rows: unknown[];
  /** The keys of a map, `{ id: vector }`. */
  keys?: string[];
  /** The object that holds the rows, for lists next to them: ids, titles. */
  around?: Fields;
}

export function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The numbers of a typed array in JSON, `{ "0": 0.5, "1": 0.25 }`; undefined for other values. */
export function typedArrayValues(value: unknown): unknown[] | undefined {
  if (!isObject(value) || !("0" in value)) return undefined;
  const entries = Object.entries(value);
  const isArray = entries.every(
    ([key, entry], i) => key === String(i) && (typeof entry === "number" || entry === null),
  );
  return isArray && typeof entries[0]![1] === "number" ? entries.map(([, entry]) => entry) : undefined;
}

/** Whether a value is meant as a list of numbers, some of which may be missing. */
const isVector = (value: unknown): boolean =>
  Array.isArray(value) ? isNumber(value[0]) || value[0] === null : typedArrayValues(value) !== undefined;

const isNumber = (value: unknown) => typeof value === "number" || isLongInteger(value);

export const isNumbers = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length > 0 && value.every((entry) => typeof entry === "number");

/** Whether a value can be a row: an array of numbers, or an object that has one. */
const isRow = (value: unknown) => isVector(value) || (isObject(value) && hasVector(value));

/** Finds the rows in a value. @throws InvalidInputError if they can be read in two ways. */
export function findTable(value: unknown): FoundTable | undefined {
  return (isObject(value) ? columnTable(value) : undefined) ?? rowsIn(value, 0) ?? recordsIn(value);
}

function rowsIn(value: unknown, depth: number): FoundTable | undefined {
  if (Array.isArray(value)) {
    // Rows without an embedding may be null.
    const first = value.find((row) => row !== null);
    return isRow(first) || (depth === 0 && value.length > 0) || Array.isArray(first) ? { rows: value } : undefined;
  }
  if (!isObject(value) || depth > DEPTH) return undefined;
  const names = namesOf(value);
  // If a vector is given in several types, use the floats.
  if ("float" in value && ("int8" in value || "uint8" in value || "binary" in value || "base64" in value)) {
    return rowsIn(value.float, depth + 1);
  }
  for (const name of names) {
    const inner = value[name];
    if (Array.isArray(inner) && !isVector(inner)) {
      const found = rowsIn(inner, depth + 1);
      if (found) return { ...found, around: value };
    }
  }
  // A map of vectors, or of objects that hold one; a single object with one vector is a row, not a map.
  const entries = Object.entries(value);
  const filled = entries.filter(([, entry]) => entry !== null);
  if (filled.length > 0 && filled.every(([, entry]) => isRow(entry)) && !isSingleRow(value, filled)) {
    return { rows: entries.map(([, entry]) => entry), keys: entries.map(([key]) => key) };
  }
  for (const name of names) {
    if (!isObject(value[name]) || isVector(value[name])) continue;
    const found = rowsIn(value[name], depth + 1);
    if (found) return found;
  }
  return hasVector(value) ? { rows: [value] } : undefined;
}

const namesOf = (value: Fields) => [...tableNames.filter((name) => Object.hasOwn(value, name)), ...Object.keys(value)];

/** Rows without lists: a list of objects, or a map of them. */
function recordsIn(value: unknown): FoundTable | undefined {
  if (!isObject(value)) return undefined;
  for (const name of namesOf(value)) {
    const inner = value[name];
    if (Array.isArray(inner) && inner.length > 0 && inner.every(isObject)) return { rows: inner, around: value };
  }
  const entries = Object.entries(value);
  if (entries.length > 1 && entries.every(([, entry]) => isObject(entry))) {
    return { rows: entries.map(([, entry]) => entry), keys: entries.map(([key]) => key) };
  }
  return undefined;
}

/**
 * A data frame written by columns, `{ "e0": { "0": 0.5, "1": ... }, ... }` or `{ "e0": [0.5, ...], ... }`, or split into names and rows.
 */
function columnTable(value: Fields): FoundTable | undefined {
  const { columns, data, index } = value;
  if (Array.isArray(columns) && Array.isArray(data) && columns.every((name) => typeof name === "string")) {
    return { rows: data, around: { ...value, columns, index } };
  }
  const entries = Object.entries(value) as [string, Fields][];
  const keys = isObject(entries[0]?.[1]) ? Object.keys(entries[0][1]) : [];
  const isEven = entries.every(
    ([, entry]) =>
      isObject(entry) && Object.keys(entry).length === keys.length && keys.every((key) => Object.hasOwn(entry, key)),
  );
  if (entries.length < 2 || keys.length < 2 || !isEven || !areColumns(entries, keys)) return undefined;
  const rows = keys.map((key) => Object.fromEntries(entries.map(([name, entry]) => [name, entry[key]])));
  return { rows, keys };
}

/** Whether the outer names are columns and the inner ones rows, or the other way round. @throws InvalidInputError if unknown. */
function areColumns(entries: readonly [string, Fields][], keys: readonly string[]): boolean {
  const kindOf = (value: unknown) => (isVector(value) ? "list" : value === null ? "null" : typeof value);
  const kindsOf = (values: unknown[]) => new Set(values.map(kindOf).filter((kind) => kind !== "null"));
  const outer = entries.map(([, entry]) => kindsOf(Object.values(entry)));
  const inner = keys.map((key) => kindsOf(entries.map(([, entry]) => entry[key])));
  const isOf = (kinds: Set<string>[]) => kinds.every((kind) => kind.size < 2);
  // A column holds one kind of values, but not all columns hold the same kind.
  if (!isOf(outer)) return false;
  if (!isOf(inner)) return true;
  if (outer.some((kind) => !kind.has("number") && kind.size > 0)) return false;
  const names = entries.map(([name]) => name);
  const areNumbers = keys.every((key) => /^\d+$/.test(key));
  if (isNumberedFromStart(names) && (areNumbers || !isNumberedFromStart(keys))) return true;
  if (isNumberedFromStart(keys) && !areNumbers) return false;
  throw invalid(
    "COLUMN_UNCLEAR",
  )`the JSON may hold ${thousands(entries.length)} columns or ${thousands(entries.length)} vectors (${describeValue(names[0])}: { ${describeValue(keys[0])}: …, ${describeValue(keys[1])}: … })${{ hint: 'write data frames with orient="records", and typed arrays with Array.from(vector)' }}`;
}

/** Whether most names are those of columns numbered from 0 or 1 on, with a prefix; those of items may start anywhere. */
const isNumberedFromStart = (names: readonly string[]) =>
  familiesOf(names).some(({ prefix, columns }) => {
    const numbers = columns.map((column) => Number(/\d+$/.exec(names[column]!)?.[0]));
    const isRow = (numbers[0] === 0 || numbers[0] === 1) && numbers.every((number, i) => number === numbers[0]! + i);
    return prefix !== "" && isRow && 2 * columns.length >= names.length;
  });

/**
 * Lists next to the list of vectors, with one entry per vector, as columns of it: `{ "asin": [...], "embedding": [[...], ...] }`; and lists
 * of equal length without one.
 */
export function parallelLists(value: unknown): FoundTable | undefined {
  if (!isObject(value) || "columns" in value) return undefined;
  const lists = Object.entries(value).filter(([, entry]) => Array.isArray(entry)) as [string, unknown[]][];
  const isVectors = (list: unknown[]) => list.length > 0 && list.every((row) => row === null || isVector(row));
  const vectors = lists.filter(([, list]) => isVectors(list));
  const others = lists.filter(
    ([name, list]) => !isVectors(list) && !["titles", "ids", "item_ids", "itemIds"].includes(name),
  );
  const rows = vectors[0]?.[1].length ?? lists[0]?.[1].length ?? 0;
  const isScalars = (list: unknown[]) => list.every((entry) => entry === null || typeof entry !== "object");
  // Without a list of strings it is a map of vectors.
  const isFrame =
    familiesOf(lists.map(([name]) => name)).length > 0 &&
    lists.some(([name, list]) => isBeside(name) || !isNumbers(list)) &&
    lists.every(([, list]) => list.length === rows && isScalars(list));
  const isTable = vectors.length > 0 || isFrame;
  const beside = others.filter(([, list]) => isScalars(list) && list.length > 0);
  if (!isTable || rows === 0 || (vectors.length > 0 && beside.length === 0)) return undefined;
  const wrong = beside.find(([name, list]) => list.length !== rows && mayBeItemIdName(name.replace(/s$/i, "")));
  if (wrong) {
    throw invalid(
      "COUNTS_DIFFER",
    )`${wrong[0]} has ${thousands(wrong[1].length)} entries, but there are ${thousands(rows)} vectors${{ hint: "give one entry per vector" }}`;
  }
  const columns = [...vectors, ...beside].filter(([, list]) => list.length === rows);
  if (columns.length < 2) return undefined;
  return {
    rows: Array.from({ length: rows }, (_, row) =>
      Object.fromEntries(columns.map(([name, list]) => [name, list[row]])),
    ),
    around: value,
  };
}

/** A row of a split data frame as an object. */
export function recordOf(cells: unknown, columns: readonly string[], index: unknown): unknown {
  if (!Array.isArray(cells) || cells.length !== columns.length) return cells;
  const key = typeof index === "string" || typeof index === "number" ? [["index_", index] as const] : [];
  return Object.fromEntries([...key, ...columns.map((name, i) => [name, cells[i]] as const)]);
}

/** A matrix with its shape, as tensors are written: `{ dims: [rows, dim], data: [...] }`. */
export interface FoundTensor {
  rows: number;
  dim: number;
  data: unknown[];
}

/** @throws InvalidInputError for a tensor that is not a matrix of floats. */
export function findTensor(value: unknown, depth = 0): FoundTensor | undefined {
  if (!isObject(value) || depth > 2) return undefined;
  const shape = value.dims ?? value.shape ?? value.size;
  const held = value.data ?? value.cpuData ?? value.values;
  const data = isNumbers(held) ? held : typedArrayValues(held);
  if (!isNumbers(shape) || shape.length > 8 || !data) {
    const inner = Object.values(value).filter(isObject);
    return inner.length === 1 ? findTensor(inner[0], depth + 1) : undefined;
  }
  const written = `[${shape.join(", ")}]`;
  if (/16/.test(String(value.type ?? value.dtype ?? "")) && !/bfloat|int/.test(String(value.type ?? value.dtype))) {
    throw invalid(
      "TYPE_UNSUPPORTED",
    )`the tensor of shape ${written} holds half floats as bits${{ hint: "write it as float32" }}`;
  }
  if (
    shape.length !== 2 ||
    shape.some((n) => !(Number.isInteger(n) && n > 0)) ||
    shape[0]! * shape[1]! !== data.length
  ) {
    throw invalid(
      "TYPE_UNSUPPORTED",
    )`the tensor has the shape ${written} and ${thousands(data.length)} numbers: embeddings need two dimensions, and rows x dim numbers`;
  }
  return { rows: shape[0]!, dim: shape[1]!, data };
}

const isSingleRow = (value: Fields, entries: unknown[]) =>
  entries.length === 1 && Object.keys(value).some((name) => [...embeddingNames, ...tableNames].includes(name));

/** Whether an object holds a list of numbers, directly or in an inner object. */
function hasVector(row: Fields, depth = 0): boolean {
  return Object.entries(row).some(([name, value]) => {
    const isNamed = embeddingNames.slice(0, 5).includes(name);
    if (isVector(value)) return (Array.isArray(value) ? value : Object.keys(value as Fields)).length > 1 || isNamed;
    if (isNamed && ((Array.isArray(value) && !isNested(value[0])) || typeof value === "string")) return true;
    const inner = Array.isArray(value) && value.length === 1 ? value[0] : value;
    return isVector(inner) || (depth < DEPTH && isObject(inner) && hasVector(inner, depth + 1));
  });
}

const isNested = (value: unknown) => typeof value === "object" && value !== null;

/** A field of a row, or of an object in it. */
export interface Field {
  path: string[];
  value: unknown;
}

/** The fields of a row that hold values, by name; inner ones by dotted names. */
export function fieldsOf(row: Fields): Map<string, Field> {
  const fields = new Map<string, Field>();
  const visit = (value: Fields, path: string[]) => {
    // What else an embedding service says about each vector; its index is the position of the row.
    const isAnswer = value.object === "embedding" || value.object === "list" || isAnswerRow(value);
    for (const [name, entry] of Object.entries(value)) {
      if (isAnswer && (name === "object" || name === "index")) continue;
      const own = [...path, name];
      const scalar = extendedScalar(entry);
      if (scalar) {
        fields.set(own.join("."), { path: [...own, scalar], value: (entry as Fields)[scalar] });
        continue;
      }
      const inner = Array.isArray(entry) && entry.length === 1 ? entry[0] : entry;
      if (!isVector(entry) && isVector(inner))
        fields.set([...own, "0"].join("."), { path: [...own, "0"], value: inner });
      else if (isObject(inner) && !isVector(inner) && path.length < DEPTH)
        visit(inner, inner === entry ? own : [...own, "0"]);
      else fields.set(own.join("."), { path: own, value: entry });
    }
  };
  visit(row, []);
  return fields;
}

/** The name under which MongoDB and DynamoDB write a scalar, `{ "$oid": "..." }`, `{ "N": "5" }`; undefined for other values. */
function extendedScalar(value: unknown): string | undefined {
  if (!isObject(value)) return undefined;
  const [name, ...others] = Object.keys(value);
  const isOne = name !== undefined && others.length === 0 && /^(\$(oid|number\w+|uuid)|[SN])$/.test(name);
  return isOne && typeof value[name!] !== "object" ? name : undefined;
}

/** What is at the end of a path; undefined if the path breaks off. */
export function follow(value: unknown, path: readonly string[]): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as Fields)[key];
  }
  return at;
}

/** What a value is, for the decision on the columns. */
export function jsonCell(value: unknown): Cell {
  if (value === null || value === undefined) return MISSING;
  if (typeof value === "string") return textCell(value, ",");
  if (typeof value === "number") return { kind: "number", text: String(value), value };
  if (typeof value === "boolean") return { kind: "text", text: String(value) };
  const list = typedArrayValues(value) ?? value;
  if (!Array.isArray(list)) return OTHER;
  const of = { kind: "list", length: list.length, isBare: false } as const;
  if (list.length > 0 && list.every((entry) => isNumber(entry) || entry === null)) {
    return { ...of, isInteger: list.every((entry) => Number.isInteger(entry) || isLongInteger(entry)), problem: "" };
  }
  const [first]: unknown[] = list;
  if (isVector(first)) {
    return {
      ...of,
      isInteger: false,
      problem: `it is a list of ${thousands(list.length)} lists: pool or flatten them into one list first`,
    };
  }
  // Some numbers among other values: the reader says which is not a number.
  return isNumber(first) ? { ...of, isInteger: false, problem: "" } : OTHER;
}

/** What a value is, for messages. */
export function describeJson(value: unknown): string {
  if (isNumbers(value)) return `an array of ${thousands(value.length)} numbers`;
  if (!isObject(value)) return describeValue(value);
  const names = Object.keys(value);
  if (names.length === 0) return "an object without fields";
  return `an object with the fields ${names.slice(0, 8).map(describeValue).join(", ")}${names.length > 8 ? `, … (${thousands(names.length)})` : ""}`;
}

const isAnswerRow = (row: unknown): row is Fields =>
  isObject(row) &&
  typeof row.index === "number" &&
  (row.object === "embedding" || Object.keys(row).every((name) => ["index", "embedding"].includes(name)));

/**
 * The vectors of an embedding service's answer in the order of their `index`, which may differ from that of the answer.
 * @throws InvalidInputError if the indices are not 0, 1, 2, ...
 */
export function inAnswerOrder(rows: unknown[]): unknown[] {
  if (rows.length === 0 || !rows.every(isAnswerRow)) return rows;
  const ordered: unknown[] = new Array(rows.length);
  for (const row of rows) {
    const index = row.index as number;
    if (!Number.isInteger(index) || index < 0 || index >= rows.length || ordered[index] !== undefined) {
      throw invalid(
        "FILE_CONTENT",
      )`the answer has ${thousands(rows.length)} vectors, whose index should be 0 to ${thousands(rows.length - 1)}, each once, but one has ${describeValue(index)}`;
    }
    ordered[index] = row;
  }
  return ordered;
}

/** The rows of a line, of which an embedding service's answer may hold several. @throws InvalidInputError if one ID has several. */
export function rowsOfLine(row: unknown): unknown[] {
  if (!isObject(row)) return [row];
  const body = isObject(row.response) && isObject(row.response.body) ? row.response.body : row;
  const { data } = body;
  if (!Array.isArray(data) || data.length === 0 || !data.every(isAnswerRow)) return [row];
  if (body === row && !("custom_id" in row)) return inAnswerOrder(data);
  if (data.length > 1) {
    throw invalid(
      "FILE_CONTENT",
    )`the line of ${describeValue(row.custom_id ?? row.id)} holds ${thousands(data.length)} vectors, but an item has one: send one text per request`;
  }
  return [row];
}
