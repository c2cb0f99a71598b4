/** Item vectors read on this side of the WebAssembly: a report compares them with one another. */

import { InvalidInputError } from "../errors.ts";
import { openItems } from "../items.ts";
import { halfToNumber } from "../read-model-file.ts";
import { impliedDim } from "../rqvae.ts";
import type { ItemMatrix, Items } from "../types.ts";

/** A matrix of float32, row-major. */
export interface Matrix {
  data: Float32Array;
  rows: number;
  dim: number;
}

/** Items of any form, read a row at a time as float32. */
export interface ItemRows {
  readonly rows: number;
  readonly dim: number;
  /** Writes row `i` to `target` from `at` on; -0 becomes 0. @throws InvalidInputError for a value that is not finite. */
  read(i: number, target: Float32Array, at: number): void;
  /** The given rows as a matrix, by default all; without a copy where the items are such a matrix. */
  take(rows?: ArrayLike<number>): Matrix;
}

let halves: Float32Array | undefined;
function halfFloats(): Float32Array {
  halves ??= Float32Array.from({ length: 2 ** 16 }, (_, half) => halfToNumber(half));
  return halves;
}

/**
 * Checks the form of items that belong to `n` IDs.
 * @param dim Their dimension, if a model knows it.
 * @throws InvalidInputError naming what does not fit.
 */
export function readItemRows(items: Items, n: number, where: string, dim?: number): ItemRows {
  const isFlat = ArrayBuffer.isView(items);
  const width = dim ?? (isFlat && (items as Float32Array).length % n === 0 ? (items as Float32Array).length / n : 0);
  const opened = openItems(items, width || impliedDim(items, where));
  if (opened.rows !== n) {
    throw new InvalidInputError(
      `${where}: items has ${opened.rows} rows, but there are ${n} IDs: they must be of the same items, in the same order`,
    );
  }
  const { rows, dim: columns } = opened;
  const flat = isFlat ? (items as Float32Array) : "data" in items ? (items as ItemMatrix).data : undefined;
  const table = flat ? undefined : (items as readonly ArrayLike<number>[]);
  const isHalf = flat?.BYTES_PER_ELEMENT === 2;
  const widen = isHalf ? halfFloats() : undefined;
  const isWhole = flat?.BYTES_PER_ELEMENT === 4;

  const read = (i: number, target: Float32Array, at: number): void => {
    const row = table?.[i];
    for (let j = 0; j < columns; j++) {
      const value = row ? row[j]! : flat![i * columns + j]!;
      target[at + j] = (widen ? widen[value]! : value) + 0; // -0 becomes 0
      if (!Number.isFinite(target[at + j]!)) {
        throw new InvalidInputError(
          `items: row ${i}, column ${j} is ${isHalf ? target[at + j] : value}; every value must be a finite number of float32's range`,
        );
      }
    }
  };
  return {
    rows,
    dim: columns,
    read,
    take(chosen) {
      if (chosen === undefined && isWhole) return { data: flat as Float32Array, rows, dim: columns };
      const count = chosen?.length ?? rows;
      const data = new Float32Array(count * columns);
      for (let k = 0; k < count; k++) read(chosen?.[k] ?? k, data, k * columns);
      return { data, rows: count, dim: columns };
    },
  };
}
