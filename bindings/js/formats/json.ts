import { InvalidInputError } from "../errors.ts";
import type { ItemLabels } from "../types.ts";
import { asText, count, describeValue, titleField } from "./bytes.ts";
import { checkLabels, toItemLabels } from "./labels.ts";

/** Embeddings with what else the file says about the items. */
export interface JsonItems {
  items: { data: Float32Array; rows: number; dim: number };
  labels?: ItemLabels;
}

const embeddingFields = ["embedding", "vector", "values"];

/**
 * Reads embeddings from JSON, as float32:
 *
 * - an array of arrays of numbers, one an item;
 * - an array of objects with the numbers in `embedding`, `vector` or `values`; of their other fields that are strings, numbers or
 *   booleans, `title`, `name` or `id` (or else the first) gives the titles, the others are labels, "" where missing;
 * - `{ embeddings: [...], titles?, labels? }` (or `data`, as embedding services answer) with one of the above;
 * - JSON lines: one array or object a line.
 *
 * @throws InvalidInputError, naming row and column, for rows of different length and entries that are no finite numbers; and for
 *   text that is none of these forms.
 */
export function readJson(text: string): JsonItems {
  const value = parse(asText(text));
  if (Array.isArray(value)) return fromRows(value);
  if (isObject(value)) {
    const list = value.embeddings ?? value.data;
    if (Array.isArray(list)) {
      const result = fromRows(list);
      if (value.titles === undefined && value.labels === undefined) return result;
      const titles = value.titles ?? list.map((_, row) => String(row));
      const labels = toItemLabels(titles, value.labels);
      checkLabels(labels, result.items.rows);
      return { ...result, labels };
    }
    if (embeddingField(value)) return fromRows([value]); // JSON lines with one line
  }
  throw new InvalidInputError(
    `the JSON is ${isObject(value) ? `an object with the fields ${fieldNames(value)}` : describeValue(value)}; ` +
      "expected an array of arrays of numbers, an array of objects with an embedding, or { embeddings: [...] }",
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const lines = text.split("\n").map((line, i) => ({ line, number: i + 1 }));
    const filled = lines.filter(({ line }) => line.trim() !== "");
    if (filled.length < 2 || typeof tryParse(filled[0]!.line) !== "object") {
      throw new InvalidInputError(`the text is not JSON: ${(error as Error).message}`);
    }
    return filled.map(({ line, number }) => {
      const value = tryParse(line);
      if (value === undefined) throw new InvalidInputError(`line ${number} is not JSON: ${describeValue(line.trim())}`);
      return value;
    });
  }
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function embeddingField(row: Record<string, unknown>): string | undefined {
  return embeddingFields.find((field) => Array.isArray(row[field]));
}

function fieldNames(value: Record<string, unknown>): string {
  const names = Object.keys(value);
  return `${names.slice(0, 8).map(describeValue).join(", ")}${names.length > 8 ? ", …" : ""}`;
}

function fromRows(rows: unknown[]): JsonItems {
  const first = rows[0];
  if (rows.length === 0) throw new InvalidInputError("the JSON holds no rows: at least one embedding is needed");
  if (Array.isArray(first)) return { items: toMatrix(rows) };
  if (!isObject(first)) {
    const flat =
      typeof first === "number"
        ? "a flat list of numbers; write one array per item, [[...], [...]]"
        : describeValue(first);
    throw new InvalidInputError(`the rows must be arrays of numbers or objects with an embedding, got ${flat}`);
  }
  const field = embeddingField(first);
  if (!field) {
    throw new InvalidInputError(
      `row 0 has no array named ${embeddingFields.join(", ")}; its fields are ${fieldNames(first)}`,
    );
  }
  const objects = rows.map((row, i) => {
    if (isObject(row)) return row;
    throw new InvalidInputError(`row ${i} is ${describeValue(row)}, but row 0 is an object: all rows must be alike`);
  });
  const items = toMatrix(
    objects.map((row) => row[field]),
    field,
  );
  const labels = toLabels(objects, field);
  return labels ? { items, labels } : { items };
}

function toMatrix(rows: unknown[], field?: string): JsonItems["items"] {
  const first = rows[0] as unknown[];
  const dim = first.length;
  const name = field ? `${field} of row` : "row";
  if (dim === 0) throw new InvalidInputError(`${name} 0 is empty: at least one number is needed`);
  const data = new Float32Array(rows.length * dim);
  rows.forEach((row, i) => {
    if (!Array.isArray(row))
      throw new InvalidInputError(`${name} ${i} must be an array of numbers, got ${describeValue(row)}`);
    if (row.length !== dim) {
      throw new InvalidInputError(`${name} ${i} has ${count(row.length)} numbers, but row 0 has ${count(dim)}`);
    }
    for (let j = 0; j < dim; j++) {
      const value: unknown = row[j];
      if (typeof value !== "number") {
        throw new InvalidInputError(`${name} ${i}, column ${j}: ${describeValue(value)} is not a number`);
      }
      data[i * dim + j] = value;
      if (!Number.isFinite(data[i * dim + j])) {
        throw new InvalidInputError(`${name} ${i}, column ${j}: the number is beyond the range of float32 (3.4e38)`);
      }
    }
  });
  return { data, rows: rows.length, dim };
}

function toLabels(rows: Record<string, unknown>[], embedding: string): ItemLabels | undefined {
  const isScalar = (value: unknown) => ["string", "number", "boolean"].includes(typeof value);
  const names = new Set<string>();
  for (const row of rows) {
    for (const name of Object.keys(row)) if (name !== embedding && isScalar(row[name])) names.add(name);
  }
  if (names.size === 0) return undefined;
  const fields = [...names];
  const [title] = fields.splice(titleField(fields), 1);
  const entry = (row: Record<string, unknown>, name: string) => {
    const value = Object.hasOwn(row, name) ? row[name] : undefined;
    if (typeof value === "number") return value;
    return isScalar(value) ? String(value) : "";
  };
  const labels = fields.map((name) => [name, rows.map((row) => entry(row, name))] as const);
  return {
    titles: rows.map((row) => String(entry(row, title!))),
    ...(labels.length > 0 && { labels: Object.fromEntries(labels) }),
  };
}
