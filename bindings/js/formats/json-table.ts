/** Where in a JSON value the embeddings are: found by shape, as the answers of embedding services and vector databases nest them. */

import { count, describeValue } from "./bytes.ts";
import { NumberList } from "./json-reader.ts";

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
/** Levels of objects that are looked into. */
const DEPTH = 4;

type Fields = Record<string, unknown>;

/** Rows of a table as they were found: arrays of numbers, or objects that hold one. */
export interface FoundTable {
  rows: unknown[];
  /** The keys of a map, `{ id: vector }`. */
  keys?: string[];
  /** The object in which the rows stand, for lists beside them: ids, titles. */
  around?: Fields;
}

export function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof NumberList);
}

/** Whether a value is meant as a list of numbers: some may be missing. */
const isVector = (value: unknown): value is NumberList | unknown[] =>
  value instanceof NumberList ||
  (Array.isArray(value) && value.length > 0 && (typeof value[0] === "number" || value[0] === null));

/** Whether a value can be a row: an array of numbers, or an object with one in it. */
const isRow = (value: unknown) => isVector(value) || (isObject(value) && findVector(value) !== undefined);

/** Finds the rows in a value. */
export function findTable(value: unknown, depth = 0): FoundTable | undefined {
  if (Array.isArray(value)) {
    // Rows may be null where there is no embedding.
    const first = value.find((row) => row !== null);
    return isRow(first) || (depth === 0 && value.length > 0) || Array.isArray(first) ? { rows: value } : undefined;
  }
  if (!isObject(value) || depth > DEPTH) return undefined;
  const names = [...tableNames.filter((name) => Object.hasOwn(value, name)), ...Object.keys(value)];
  for (const name of names) {
    const inner = value[name];
    if (Array.isArray(inner) && !isVector(inner)) {
      const found = findTable(inner, depth + 1);
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
    if (!isObject(value[name])) continue;
    const found = findTable(value[name], depth + 1);
    if (found) return found;
  }
  return findVector(value) === undefined ? undefined : { rows: [value] };
}

const isSingleRow = (value: Fields, entries: unknown[]) =>
  entries.length === 1 && Object.keys(value).some((name) => [...embeddingNames, ...tableNames].includes(name));

/** The path to the array of numbers in a row: known names first, then any other, the outer before the inner. */
export function findVector(row: Fields, depth = 0): string[] | undefined {
  const names = [...embeddingNames.filter((name) => Object.hasOwn(row, name)), ...Object.keys(row)];
  const own = names.find((name) => {
    const value = row[name];
    if (isVector(value)) return value.length > 1 || embeddingNames.slice(0, 5).includes(name);
    return embeddingNames.slice(0, 5).includes(name) && Array.isArray(value) && !isNested(value[0]);
  });
  if (own !== undefined) return [own];
  if (depth >= DEPTH) return undefined;
  for (const name of names) {
    const inner = row[name];
    if (inner instanceof NumberList) continue;
    // An embedding service answers with a list of one.
    const next = Array.isArray(inner) && inner.length === 1 ? inner[0] : inner;
    if (isVector(next)) return [name, "0"];
    if (!isObject(next)) continue;
    const path = findVector(next, depth + 1);
    if (path) return next === inner ? [name, ...path] : [name, "0", ...path];
  }
  return undefined;
}

const isNested = (value: unknown) => isObject(value) || Array.isArray(value) || value instanceof NumberList;

/** What is at the end of a path; undefined when it breaks off. */
export function follow(value: unknown, path: readonly string[]): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as Fields)[key];
  }
  return at;
}

const isScalar = (value: unknown) => ["string", "number", "boolean"].includes(typeof value);

/** The fields of a row that are texts, numbers or booleans, those of objects in it (payload, metadata) by dotted names. */
export function scalarFields(row: Fields): Map<string, string | number> {
  const fields = new Map<string, string | number>();
  const visit = (value: Fields, prefix: string, depth: number) => {
    for (const [name, entry] of Object.entries(value)) {
      if (isScalar(entry)) fields.set(prefix + name, typeof entry === "number" ? entry : String(entry));
      else if (isObject(entry) && depth < 2) visit(entry, `${prefix}${name}.`, depth + 1);
    }
  };
  visit(row, "", 0);
  return fields;
}

/** What a value is, for messages. */
export function describeJson(value: unknown): string {
  if (value instanceof NumberList) return `an array of ${count(value.length)} numbers`;
  if (!isObject(value)) return describeValue(value);
  const names = Object.keys(value);
  if (names.length === 0) return "an object without fields";
  return `an object with the fields ${names.slice(0, 8).map(describeValue).join(", ")}${names.length > 8 ? `, … (${count(names.length)})` : ""}`;
}
