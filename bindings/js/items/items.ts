/** Item embeddings in any of their forms, checked, and copied onto the wasm heap in slices. */

import { checkArray, requireAttached } from "../base/attached.ts";
import { InvalidInputError, invalid } from "../base/errors.ts";
import { hints, requireThat, show } from "../base/option-reader.ts";
import { counted } from "../base/words.ts";
import type { NativeModule } from "../runtime/native-module.ts";
import type { FloatArray, ItemMatrix, Items } from "../types.ts";

type Flat = ItemMatrix["data"];

/** "Float32Array" and so on, for arrays of any realm; undefined for anything but a typed array. */
export function typedArrayName(value: unknown): string | undefined {
  if (!ArrayBuffer.isView(value)) return undefined;
  return (value as { [Symbol.toStringTag]?: string })[Symbol.toStringTag];
}

const FLOATS = /^Float(16|32|64)Array$/;

/** Whether it is an array of floats of any realm. Engines before 2025 have no Float16Array. */
export const isFloats = (value: unknown): value is FloatArray => FLOATS.test(typedArrayName(value) ?? "");

/** Whether it holds half floats, as numbers or as their bits. */
const isHalf = (data: Flat) => data.BYTES_PER_ELEMENT === 2;

/** Where items are copied to: the wasm heap, or something that behaves like it. */
export type ItemHeap = Pick<NativeModule, "HEAPU8" | "HEAPF32" | "findNonFinite" | "halfToFloat">;

/** Items whose form and sizes were checked; their values are checked when they are copied. */
export interface ItemRows {
  readonly rows: number;
  readonly dim: number;
  /** Copies rows [first, first + count) to `address` as floats. @throws InvalidInputError for a value that is not finite. */
  copy(heap: ItemHeap, first: number, count: number, address: number): void;
}

/**
 * Checks the form of `items` against the dimension `dim`.
 * @throws InvalidInputError that names the argument `name`, what was received and what to do.
 */
export function openItems(items: Items, dim: number, name = "items"): ItemRows {
  const form = typedArrayName(items);
  if (form !== undefined) {
    if (form === "Uint16Array") {
      throw invalid(
        "ITEMS_FORM",
      )`${{ argument: name }}: half floats need their shape${{ hint: "pass { data, rows, dim }" }}`;
    }
    if (!isFloats(items)) throw wrongForm(name, items);
    const flat = items;
    requireAttached(flat, name);
    if (flat.length % dim !== 0) {
      throw invalid(
        "ROW_LENGTH",
      )`${{ argument: name }}: a flat array must hold whole rows of inputDim ${dim} values, received ${counted(flat.length, "value")} (${counted(Math.floor(flat.length / dim), "row")} and ${flat.length % dim} left over)`;
    }
    return new FlatRows(flat, flat.length / dim, dim, name);
  }
  if (Array.isArray(items)) return arrayRows(items as readonly ArrayLike<number>[], dim, name);
  if (items !== null && typeof items === "object" && "data" in items) return matrixRows(items as ItemMatrix, dim, name);
  throw wrongForm(name, items);
}

function wrongForm(name: string, items: unknown): InvalidInputError {
  checkArray(items, name);
  const advice = hints.items?.(items, name) ?? `received ${show(items)}`;
  return invalid(
    "ITEMS_FORM",
  )`${{ argument: name }}${{ hint: `expected { data, rows, dim }, a Float32Array, Float64Array or Float16Array, or an array of rows, ${advice}` }}`;
}

function matrixRows(matrix: ItemMatrix, dim: number, name: string): ItemRows {
  checkArray(matrix.data, `${name}.data`);
  const form = typedArrayName(matrix.data);
  const isPartial = form === undefined || matrix.rows === undefined || matrix.dim === undefined;
  if (isPartial && hints.items?.(matrix, name) !== undefined) throw wrongForm(name, matrix);
  const isData = isFloats(matrix.data) || form === "Uint16Array";
  requireThat(
    isData,
    `${name}.data`,
    "a Float32Array, Float64Array, Float16Array or Uint16Array (the bits of half floats)",
    matrix.data,
  );
  for (const key of ["rows", "dim"] as const) {
    requireThat(Number.isInteger(matrix[key]) && matrix[key] >= 0, `${name}.${key}`, "a whole number", matrix[key]);
  }
  if (matrix.dim !== dim) {
    throw invalid(
      "ITEMS_DIMENSION",
    )`${{ argument: name }}: the model takes vectors of ${{ option: "inputDim" }} ${dim}, received vectors of dimension ${matrix.dim}${{ hint: "use embeddings like those the model was made for" }}`;
  }
  if (matrix.data.length !== matrix.rows * matrix.dim) {
    throw invalid(
      "COUNTS_DIFFER",
    )`${{ argument: name }}: rows x dim is ${matrix.rows} x ${matrix.dim} = ${matrix.rows * matrix.dim}, but data has ${counted(matrix.data.length, "value")}`;
  }
  return new FlatRows(matrix.data, matrix.rows, dim, name);
}

function requireRows(rows: number, name: string): void {
  if (rows === 0)
    throw invalid("EMPTY")`${{ argument: name }}: there are no rows${{ hint: "give at least one item", after: "; " }}`;
}

/** A class without views of the whole, so that encoding one vector leaves little for the garbage collector. */
class FlatRows implements ItemRows {
  readonly rows: number;
  readonly dim: number;
  readonly #data: Flat;
  readonly #name: string;

  constructor(data: Flat, rows: number, dim: number, name: string) {
    requireRows(rows, name);
    this.rows = rows;
    this.dim = dim;
    this.#data = data;
    this.#name = name;
  }

  copy(heap: ItemHeap, first: number, count: number, address: number): void {
    const data = this.#data;
    const { dim } = this;
    if (data.length < (first + count) * dim) {
      requireAttached(data, this.#name);
      throw invalid(
        "ARRAY_GIVEN_AWAY",
      )`${{ argument: this.#name }}: the array's buffer shrank while it was being read${{ hint: "do not change it until the call is done", after: "; " }}`;
    }
    const slice = count === this.rows ? data : data.subarray(first * dim, (first + count) * dim);
    const half = isHalf(data);
    if (half) {
      // The half floats go to the upper half of the target and are widened from there, front to back.
      const halves = address + 2 * slice.length;
      heap.HEAPU8.set(new Uint8Array(slice.buffer, slice.byteOffset, slice.byteLength), halves);
      heap.halfToFloat(halves, slice.length, address);
    } else {
      heap.HEAPF32.set(slice, address / 4);
    }
    const index = firstNonFinite(heap, address, count * dim);
    if (index < 0) return;
    throw notFinite(half ? heap.HEAPF32[address / 4 + index] : slice[index], first, index, dim, this.#name);
  }
}

function arrayRows(source: readonly ArrayLike<number>[], dim: number, name: string): ItemRows {
  requireRows(source.length, name);
  for (let i = 0; i < source.length; i++) {
    const row = source[i] as ArrayLike<number>; // by index, since forEach skips holes
    if (!Array.isArray(row) && !isFloats(row)) {
      const advice = i === 0 ? hints.items?.(source, name) : undefined;
      throw invalid(
        "ITEMS_FORM",
      )`${{ argument: name }}: ${{ row: i }} is ${show(row)}${{ hint: `expected an array of ${counted(dim, "number")}${advice ? `, ${advice}` : ""}`, after: "; " }}`;
    }
    if (row.length !== dim) {
      checkArray(row, `${name}: row ${i}`);
      throw invalid(
        "ROW_LENGTH",
      )`${{ argument: name }}: ${{ row: i }} has ${counted(row.length, "value")}, but the model's inputDim is ${dim}${{ hint: "every row must have that many values" }}`;
    }
  }
  return {
    rows: source.length,
    dim,
    copy(heap, first, count, address) {
      const target = heap.HEAPF32;
      for (let i = first; i < first + count; i++) {
        const row = source[i]!;
        const base = address / 4 + (i - first) * dim;
        for (let j = 0; j < dim; j++) {
          const value = row[j];
          if (typeof value !== "number") {
            throw invalid(
              "ITEM_NOT_NUMBER",
            )`${{ argument: name }}: ${{ row: i }}, ${{ column: j }} is ${show(value)}${{ hint: "expected a number", after: "; " }}`;
          }
          target[base + j] = value;
        }
      }
      const index = firstNonFinite(heap, address, count * dim);
      if (index < 0) return;
      throw notFinite(source[first + Math.floor(index / dim)]![index % dim], first, index, dim, name);
    },
  };
}

/** Up to this many values are checked in JavaScript, where a call to the heap would cost more. */
const FEW = 4096;

/** Index of the first of `count` floats that is NaN or infinite, or -1. */
export function firstNonFinite(heap: ItemHeap, address: number, count: number): number {
  if (count > FEW) return heap.findNonFinite(address, count);
  return indexOfNonFinite(heap.HEAPF32, address / 4, count);
}

/** Index, from `start`, of the first of `count` values that is NaN or infinite, or -1. */
export function indexOfNonFinite(values: Float32Array, start: number, count: number): number {
  for (let i = 0; i < count; i++) if (!Number.isFinite(values[start + i])) return i;
  return -1;
}

/** `value` as the caller gave it; `index` is counted from row `first`. */
export function notFinite(
  value: number | undefined,
  first: number,
  index: number,
  dim: number,
  name: string,
): InvalidInputError {
  const [row, column] = [first + Math.floor(index / dim), index % dim];
  const what = Number.isFinite(value) ? `${value}, which is beyond the range of float32` : show(value);
  return invalid(
    "ITEM_NOT_FINITE",
  )`${{ argument: name }}: ${{ row }}, ${{ column }} is ${what}${{ hint: "every value must be a finite number", after: "; " }}`;
}

/**
 * `row` as the wasm returns it (-1: all rows are in range), counted from row `first`.
 * @throws InvalidInputError for an item whose latent vector leaves the range of float32.
 */
export function requireInRange(row: number, first: number, name = "items"): void {
  if (row >= 0) {
    throw invalid(
      "ITEM_TOO_LARGE",
    )`${{ argument: name }}: ${{ row: first + row }} has values too large for this model: no code is at a finite distance${{ hint: "Check the units", after: ". " }}`;
  }
}

/**
 * Turns an error about a part of the items into one about all of them, with the row's number and the items' name there. Any other error
 * stays unchanged.
 */
export function inWhole(error: unknown, rowOf: (row: number) => number, name = "items"): unknown {
  if (!(error instanceof InvalidInputError) || error.argument !== "items") return error;
  const wording = error.wording.map((part) =>
    typeof part === "string"
      ? part
      : "argument" in part
        ? { argument: name }
        : "row" in part
          ? { row: rowOf(part.row) }
          : part,
  );
  return new InvalidInputError(wording, { code: error.code, cause: error });
}
