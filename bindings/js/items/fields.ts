/**
 * Several vectors of an item, its fields, made one. A field's vector gets unit length, then the field's mean is subtracted, and what is left
 * is scaled so that its mean squared length over the catalogue is the field's weight. A missing vector is the mean: zeros, which say nothing.
 */

import { invalid } from "../base/errors.ts";
import { fields, is, list, optional, type Shape, whole } from "../base/json-shape.ts";
import { isList, requireThat, show } from "../base/option-reader.ts";
import { worded } from "../base/wording.ts";
import { counted } from "../base/words.ts";
import type { ItemMatrix, Items } from "../types.ts";
import { isSource } from "./embedding-source.ts";
import { readItemRows } from "./item-rows.ts";
import { inWhole, typedArrayName } from "./items.ts";

/** One of several sets of vectors, as a catalogue has them. */
export interface Field {
  readonly name: string;
  readonly dim: number;
  /** Mean squared length of its part of a fused vector, where it is not missing. */
  readonly weight: number;
  /** Items that had a vector. */
  readonly rows: number;
  /** Of the vectors of unit length, dim numbers. */
  readonly mean: Float32Array;
  /** What a vector of unit length is multiplied by, less the mean. */
  readonly scale: number;
  /** Row-major, dim x the dimensions of all fields before it: makes a missing vector of the fused part before it. */
  readonly guess?: Float32Array;
}

/** A sample of what users chose, by which an evaluation recognises choices that IDs were made from. */
export interface HistorySketch {
  readonly users: number;
  readonly choices: number;
  /** The smallest hashes of user and item, ascending; all of them if there are few. */
  readonly hashes: readonly number[];
}

/** How the vectors of several fields become one. */
export interface FieldLayout {
  /** In the order of their parts. */
  readonly fields: readonly Field[];
  /** What users chose, if a field was made of it. */
  readonly madeFrom?: HistorySketch;
}

/** Vectors of several fields, made one: items that remember how. */
export interface FusedItems extends ItemMatrix {
  data: Float32Array;
  fields: FieldLayout;
}

/**
 * The vectors of a field: a matrix, or an array of rows. A row that is null, all NaN or all zeros is missing.
 */
export type FieldVectors = ItemMatrix | readonly (ArrayLike<number> | null | undefined)[];

/** Vectors of the same items by field: row i of each is item i. */
export type FieldItems = Readonly<Record<string, FieldVectors>>;

/** Vectors of a field whose form was checked. */
export interface OpenField {
  rows: number;
  dim: number;
  /** Whether there is a vector, be it zeros. */
  isGiven(row: number): boolean;
  /** A row of unit length, which the next call may reuse; undefined where it is missing. @throws InvalidInputError for other NaN. */
  unit(row: number): Float64Array | undefined;
}

/**
 * @param dimIfNone The numbers of a vector where all rows are null. Default: then there must be one.
 * @throws InvalidInputError that names the field
 */
export function openField(vectors: FieldVectors, argument: string, dimIfNone?: number): OpenField {
  const places: number[] = [];
  const isTable = isList(vectors) && typedArrayName(vectors) === undefined;
  const rows = isTable ? vectors.length : (vectors as ItemMatrix | undefined)?.rows;
  const isMatrix = typeof vectors === "object" && vectors !== null && !ArrayBuffer.isView(vectors);
  const form = "{ data, rows, dim } or an array of rows";
  if (ArrayBuffer.isView(vectors) || (isTable && typeof vectors[0] === "number")) {
    throw invalid(
      "ITEMS_FORM",
    )`${{ argument }} must be ${form}, received ${show(vectors)}${{ hint: `pass [${argument}] for one vector` }}`;
  }
  requireThat(isTable || isMatrix, argument, form, vectors);
  if (isTable) for (let row = 0; row < rows!; row++) if (!isMissing(vectors[row])) places.push(row);
  const given = (isTable ? places.map((row) => vectors[row]) : vectors) as Items;
  if (isTable && places.length === 0) {
    if (dimIfNone && rows) return { rows, dim: dimIfNone, isGiven: () => false, unit: () => undefined };
    throw invalid("EMPTY")`${{ argument }}: there is no vector${{ hint: "leave the field out" }}`;
  }
  const inField = <T>(read: () => T): T => {
    try {
      return read();
    } catch (error) {
      throw inWhole(error, (row) => places[row] ?? row, argument);
    }
  };
  const known = isTable ? (given as number[][])[0]!.length : undefined;
  const opened = inField(() => readItemRows(given, isTable ? places.length : rows!, "", known));
  const placeOf = isTable ? new Int32Array(rows!).fill(-1) : undefined;
  places.forEach((row, i) => {
    placeOf![row] = i;
  });
  const data = (vectors as ItemMatrix).data;
  const isHalf = typedArrayName(data) === "Uint16Array";
  const unit = new Float64Array(opened.dim);
  const isNaNs = (row: number) => {
    if (isTable) return false;
    for (let j = 0; j < opened.dim; j++) {
      const value = data[row * opened.dim + j]!;
      if (isHalf ? (value & 0x7fff) <= 0x7c00 : !Number.isNaN(value)) return false;
    }
    return true;
  };
  const place = (row: number) => (placeOf ? placeOf[row]! : row);
  const isGiven = (row: number) => place(row) >= 0 && !isNaNs(row);
  return {
    rows: rows!,
    dim: opened.dim,
    isGiven,
    unit(row) {
      if (!isGiven(row)) return undefined;
      const read = inField(() => opened.read(place(row), 1)) as Float32Array;
      let sum = 0;
      for (const value of read) sum += value * value;
      if (sum === 0) return undefined;
      const length = Math.sqrt(sum);
      for (let j = 0; j < unit.length; j++) unit[j] = read[j]! / length;
      return unit;
    },
  };
}

/** Whether a row of a list has no vector: none, or NaN alone. */
function isMissing(row: ArrayLike<number> | null | undefined): boolean {
  if (row === null || row === undefined) return true;
  for (let j = 0; j < row.length; j++) if (!Number.isNaN(row[j])) return false;
  return row.length > 0;
}

/** Mean and scale of a field over the rows of a catalogue. @param rows The row of each item in the field, or -1. */
export function measureField(name: string, open: OpenField, rows: ArrayLike<number>, weight: number): Field {
  const sums = new Float64Array(open.dim);
  let count = 0;
  for (let i = 0; i < rows.length; i++) {
    const unit = rows[i]! < 0 ? undefined : open.unit(rows[i]!);
    if (!unit) continue;
    count++;
    for (let j = 0; j < sums.length; j++) sums[j]! += unit[j]!;
  }
  if (count === 0) throw invalid("EMPTY")`${{ argument: `${name}.vectors` }}: no item of the catalogue has a vector`;
  const mean = Float32Array.from(sums, (sum) => sum / count);
  // Of unit vectors: the mean of their squares is 1. In doubles, since rounded means would make a spread of vectors that are all the same.
  const squares = sums.reduce((sum, each) => sum + (each / count) ** 2, 0);
  const spread = Math.max(0, 1 - squares);
  const scale = spread < 1e-9 ? 0 : Math.sqrt(weight / spread);
  return { name, dim: open.dim, weight, rows: count, mean, scale };
}

/**
 * Writes the part of one item that belongs to a field, starting at entry `at`, and says whether it had a vector. What is missing is made of
 * the parts before it, or left as zeros.
 */
export function writeField(
  { mean, scale, guess }: Field,
  unit: Float64Array | undefined,
  out: Float32Array,
  at: number,
  start: number,
): boolean {
  if (unit) for (let j = 0; j < mean.length; j++) out[at + j] = (unit[j]! - mean[j]!) * scale;
  else if (guess) {
    const width = at - start;
    for (let j = 0; j < mean.length; j++) {
      let sum = 0;
      for (let k = 0; k < width; k++) sum += guess[j * width + k]! * out[start + k]!;
      out[at + j] = sum;
    }
  }
  return unit !== undefined;
}

export const widthOf = ({ fields }: Pick<FieldLayout, "fields">): number =>
  fields.reduce((sum, { dim }) => sum + dim, 0);

/**
 * The fused rows of a catalogue.
 * @param parts By field, its vectors and the row of each item there, or -1; undefined for a field that nobody gave.
 * @param nameOf An item, for messages.
 * @throws InvalidInputError for an item without any vector
 */
export function fuseRows(
  layout: FieldLayout,
  parts: readonly ({ open: OpenField; rows?: ArrayLike<number> } | undefined)[],
  rows: number,
  nameOf = (row: number): string => `row ${row}`,
): Float32Array {
  const dim = widthOf(layout);
  const data = new Float32Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    let at = row * dim;
    let had = false;
    layout.fields.forEach((field, f) => {
      const part = parts[f];
      const place = part ? (part.rows ? part.rows[row]! : row) : -1;
      had ||= place >= 0 && part!.open.isGiven(place);
      writeField(field, place < 0 ? undefined : part!.open.unit(place), data, at, row * dim);
      at += field.dim;
    });
    if (!had) {
      throw invalid("EMPTY")`${nameOf(row)} has no vector in any field${{ hint: "leave it out, or give it one" }}`;
    }
  }
  return data;
}

/** "title, image" */
export const fieldNames = ({ fields }: FieldLayout): string => fields.map(({ name }) => name).join(", ");

/** @throws InvalidInputError for a field that a layout does not have, or one of another dimension */
export function requireField(layout: FieldLayout, name: string, dim?: number): Field {
  const field = layout.fields.find((each) => each.name === name);
  if (!field) {
    throw invalid(
      "ITEMS_DIMENSION",
    )`${{ argument: "items" }}: there is no field ${JSON.stringify(name)}${{ hint: `the model was fitted to the fields ${fieldNames(layout)}; name each as there, and leave out those that you do not have` }}`;
  }
  if (dim !== undefined && dim !== field.dim) {
    throw invalid(
      "ITEMS_DIMENSION",
    )`${{ argument: "items" }}: vectors of ${name} have ${field.dim} values, received ${dim}${{ hint: "make them as those that the model was fitted to" }}`;
  }
  return field;
}

/** What a model does with items that have fields. */
export class FieldJoiner {
  readonly layout: FieldLayout;

  constructor(layout: FieldLayout) {
    this.layout = layout;
  }

  /** What files have of it. */
  get stored(): StoredLayout {
    return toStored(this.layout);
  }

  /** Named fields as one matrix. Rows that are fused already, and sources, stay as they are. @throws InvalidInputError */
  join<T>(items: T | FieldItems): T | FusedItems {
    const { layout } = this;
    const given = items as Partial<FusedItems> | null;
    const isNamed = typeof given === "object" && given !== null && !Array.isArray(given) && !ArrayBuffer.isView(given);
    if (!isNamed) return items as T;
    const fromSource = isSource(given);
    if ("data" in given || fromSource) {
      const { fields } = given as Partial<FusedItems>;
      if (fields) requireSameFields(layout, fields);
      else if (fromSource) return items as T;
      else if (given.dim !== widthOf(layout)) {
        throw invalid(
          "ITEMS_DIMENSION",
        )`${{ argument: "items" }}: received vectors of dimension ${String(given.dim)}, but the model was fitted to the fields ${fieldNames(layout)}${{ hint: worded`${{ api: `give them by name, { ${fieldNames(layout)} }`, cli: "make one vector of them by rqvae fuse --like MODEL" }}` }}`;
      }
      return items as T;
    }
    const names = Object.keys(given);
    for (const name of names) requireField(layout, name);
    if (names.length === 0)
      throw invalid(
        "EMPTY",
      )`${{ argument: "items" }}: there are no fields${{ hint: `expected ${fieldNames(layout)}` }}`;
    const opened = layout.fields.map(({ name, dim }) => {
      if (!names.includes(name)) return undefined;
      const open = openField((items as FieldItems)[name]!, `items.${name}`, dim);
      requireField(layout, name, open.dim);
      return { open, dim };
    });
    const [first, ...others] = names.map((name) => ({
      name,
      rows: opened[layout.fields.findIndex((f) => f.name === name)]!.open.rows,
    }));
    for (const { name, rows } of others) {
      if (rows === first!.rows) continue;
      throw invalid(
        "COUNTS_DIFFER",
      )`${{ argument: "items" }}: ${first!.name} has ${counted(first!.rows, "row")}, but ${name} has ${counted(rows, "row")}${{ hint: "row i of each must be item i: write null for a missing vector, or join them by item ID with fuse(…, { like: model.fields })" }}`;
    }
    const data = fuseRows(layout, opened, first!.rows, (row) => `items: row ${row}`);
    return { data, rows: first!.rows, dim: widthOf(layout), fields: layout };
  }
}

/**
 * What a model that was perhaps fitted before does with items that have fields.
 * @param dim Of the items.
 * @throws InvalidInputError for another layout, or one that is not of the items
 */
export function joinerFor(given: FieldLayout, before: FieldJoiner | undefined, dim: number): FieldJoiner {
  requireLayout(given);
  if (widthOf(given) !== dim) {
    throw invalid(
      "ITEMS_DIMENSION",
    )`${{ argument: "items.fields" }}: ${fieldNames(given)} have ${counted(widthOf(given), "number")} together, but the items have ${dim}${{ hint: "give the fields that fuse made these items with" }}`;
  }
  if (before) requireSameFields(before.layout, given);
  // A copy: the caller may change or transfer the arrays.
  return new FieldJoiner(fromStored(toStored(given)));
}

/** @throws InvalidInputError */
export function requireLayout(layout: FieldLayout, argument = "items.fields"): void {
  LAYOUT(
    layout,
    (what) => invalid()`${{ argument }} must be what fuse gives as fields, or the fields of a model: ${what}`,
  );
}

/** Of a layout, the last one that was found to have the same fields. */
const same = new WeakMap<FieldLayout, FieldLayout>();

/** @throws InvalidInputError */
function requireSameFields(own: FieldLayout, other: FieldLayout): void {
  if (own === other || same.get(other) === own) return;
  requireLayout(other);
  if (JSON.stringify(toStored(own).fields) === JSON.stringify(toStored(other).fields)) {
    same.set(other, own);
    return;
  }
  throw invalid(
    "ITEMS_DIMENSION",
  )`${{ argument: "items" }}: these vectors were fused with other statistics (${fieldNames(other)}) than those of the model (${fieldNames(own)})${{ hint: worded`fuse them ${{ api: "with { like: model.fields }", cli: "by rqvae fuse --like MODEL" }}` }}`;
}

/** As files have it: arrays as base64 of little-endian float32. */
export interface StoredLayout {
  fields: (Omit<Field, "mean" | "guess"> & { mean: string; guess?: string })[];
  madeFrom?: HistorySketch;
}

const WORD = 3 << 12;
function toBase64(values: Float32Array): string {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  let base64 = "";
  for (let i = 0; i < bytes.length; i += WORD) base64 += btoa(String.fromCharCode(...bytes.subarray(i, i + WORD)));
  return base64;
}
const fromBase64 = (base64: string) => new Float32Array(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer);

export function toStored({ fields: all, madeFrom }: FieldLayout): StoredLayout {
  return {
    fields: all.map(({ name, dim, weight, rows, scale, mean, guess }) => ({
      ...{ name, dim, weight, rows, scale, mean: toBase64(mean) },
      ...(guess && { guess: toBase64(guess) }),
    })),
    ...(madeFrom && { madeFrom }),
  };
}

/** Names that mean something else in items. */
const TAKEN = ["data", "rows", "dim", "fields", "read"];
export const isFieldName = (name: unknown): name is string =>
  typeof name === "string" && /^[\p{L}\p{N}][\p{L}\p{N}_.-]{0,63}$/u.test(name) && !TAKEN.includes(name);
export const FIELD_NAMES = `a name of letters, digits, "_", "-" and ".", other than ${TAKEN.join(", ")}`;
const fieldName = is(FIELD_NAMES, isFieldName);

const sketch = fields({ users: whole(), choices: whole(), hashes: list(whole()) });
const scale = is("a number from 0 to 1e9", (value) => typeof value === "number" && value >= 0 && value <= 1e9);
const positive = is("a number above 0", (value) => Number.isFinite(value) && (value as number) > 0);
/** A layout, with its arrays as they are in memory or in a file. */
const layoutOf =
  (array: (length: number) => Shape): Shape =>
  (value, complain, path = "") => {
    const one = fields({ name: fieldName, dim: whole(1), weight: positive, rows: whole(1), scale });
    fields({ fields: list(one), madeFrom: optional(sketch) })(value, complain, path);
    let before = 0;
    for (const [i, field] of (value as FieldLayout).fields.entries()) {
      const of = { mean: array(field.dim), guess: optional(array(field.dim * before)) };
      fields(of)(field, complain, `${path ? `${path}.` : ""}fields[${i}]`);
      before += field.dim;
    }
    is("at least one field", () => before > 0)(value, complain, path);
    const names = (value as FieldLayout).fields.map(({ name }) => name);
    is("fields of different names", () => new Set(names).size === names.length)(value, complain, path);
  };
const LAYOUT = layoutOf((length) =>
  is(
    `a Float32Array of ${length}`,
    (value) =>
      typedArrayName(value) === "Float32Array" &&
      (value as Float32Array).length === length &&
      (value as Float32Array).every(Number.isFinite),
  ),
);
/** What a file of ours must have. */
export const STORED_LAYOUT = layoutOf((length) =>
  is(`${counted(length, "float32")} in base64`, (value) => {
    if (typeof value !== "string" || value.length !== 4 * Math.ceil((4 * length) / 3)) return false;
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(value)) return false;
    return fromBase64(value).every(Number.isFinite);
  }),
);

/** @param stored What `STORED_LAYOUT` has accepted. */
export function fromStored({ fields: all, madeFrom }: StoredLayout): FieldLayout {
  return {
    fields: all.map(({ mean, guess, ...field }) => ({
      ...field,
      mean: fromBase64(mean),
      ...(guess !== undefined && { guess: fromBase64(guess) }),
    })),
    ...(madeFrom && { madeFrom }),
  };
}
