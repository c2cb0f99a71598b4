/** Item vectors as JavaScript reads them, from memory or a source, for reports that compare them with one another. */

import { invalid } from "../base/errors.ts";
import { call } from "../base/wording.ts";
import { counted, thereAre } from "../base/words.ts";
import { Stop } from "../runtime/jobs.ts";
import type { EmbeddingSource, ItemMatrix, Items } from "../types.ts";
import { SourceReader } from "./embedding-source.ts";
import { halfValues } from "./half.ts";
import { impliedDim } from "./implied-dim.ts";
import { notFinite, openItems, typedArrayName } from "./items.ts";

/** A matrix of float32, row-major. */
export interface Matrix {
  data: Float32Array;
  rows: number;
  dim: number;
}

/** Items in memory or in a source, read as float32. */
export interface ItemRows {
  readonly rows: number;
  readonly dim: number;
  /**
   * Rows [first, first + count), in an array that the next call may reuse; -0 becomes 0.
   * @throws InvalidInputError for a value that is not finite.
   */
  read(first: number, count: number): Float32Array | Promise<Float32Array>;
  /** The given rows (ascending) as a matrix; all rows by default. */
  take(rows?: Uint32Array): Matrix | Promise<Matrix>;
}

/**
 * Checks the form of items that belong to `n` IDs.
 * @param dim Their dimension, if a model gives it.
 * @throws InvalidInputError naming what does not fit.
 */
export function readItemRows(items: Items, n: number, where: string, dim?: number): ItemRows {
  const isFlat = ArrayBuffer.isView(items);
  const width = dim ?? (isFlat && (items as Float32Array).length % n === 0 ? (items as Float32Array).length / n : 0);
  const opened = openItems(items, width || impliedDim(items, where));
  requireAsMany(opened.rows, n, where);
  const { rows, dim: columns } = opened;
  const flat = isFlat ? (items as Float32Array) : "data" in items ? (items as ItemMatrix).data : undefined;
  const table = flat ? undefined : (items as readonly ArrayLike<number>[]);
  const isHalf = typedArrayName(flat) === "Uint16Array";
  const widen = isHalf ? halfValues() : undefined;
  const isWhole = flat?.BYTES_PER_ELEMENT === 4;

  const readRow = (i: number, target: Float32Array, at: number): void => {
    const row = table?.[i];
    for (let j = 0; j < columns; j++) {
      const value = row ? row[j]! : flat![i * columns + j]!;
      target[at + j] = (widen ? widen[value]! : value) + 0; // -0 becomes 0
      if (!Number.isFinite(target[at + j]!)) {
        throw invalid(
          "ITEM_NOT_FINITE",
        )`${{ argument: "items" }}: ${{ row: i }}, ${{ column: j }} is ${String(isHalf ? target[at + j] : value)}${{ hint: "every value must be a finite number in the range of float32", after: "; " }}`;
      }
    }
  };
  let block = new Float32Array(0);
  return {
    rows,
    dim: columns,
    read(first, count) {
      if (block.length !== count * columns) block = new Float32Array(count * columns);
      for (let k = 0; k < count; k++) readRow(first + k, block, k * columns);
      return block;
    },
    take(chosen) {
      if (chosen === undefined && isWhole) return { data: flat as Float32Array, rows, dim: columns };
      const count = chosen?.length ?? rows;
      const data = new Float32Array(count * columns);
      for (let k = 0; k < count; k++) readRow(chosen?.[k] ?? k, data, k * columns);
      return { data, rows: count, dim: columns };
    },
  };
}

/** The same for a source, of which only the requested rows are in memory. */
export function readSourceRows(
  source: EmbeddingSource,
  n: number,
  where: string,
  dim = source.dim,
  stop = new Stop(),
): ItemRows {
  const reader = new SourceReader(source, dim, { stop });
  requireAsMany(reader.rows, n, where);
  const copy = (data: Float32Array, from: number, first: number, target: Float32Array) => {
    for (let j = 0; j < target.length; j++) {
      target[j] = data[from + j]! + 0; // -0 becomes 0
      if (!Number.isFinite(target[j])) throw notFinite(data[from + j], first, j, dim, "items");
    }
  };
  let block = new Float32Array(0);
  return {
    rows: n,
    dim,
    async read(first, count) {
      if (block.length !== count * dim) block = new Float32Array(count * dim);
      copy(await reader.read(first, count), 0, first, block);
      return block;
    },
    async take(rows = Uint32Array.from({ length: n }, (_, row) => row)) {
      const data = new Float32Array(rows.length * dim);
      await reader.eachRun(rows, (read, begin, first, count, place) => {
        copy(read, (first - begin) * dim, first, data.subarray(place * dim, (place + count) * dim));
      });
      return { data, rows: rows.length, dim };
    },
  };
}

function requireAsMany(rows: number, n: number, where: string): void {
  if (rows === n) return;
  throw invalid(
    "COUNTS_DIFFER",
  )`${call(where)}${{ argument: "items" }} has ${counted(rows, "row")}, but ${thereAre(n, "ID")}${{ hint: "they must belong to the same items, in the same order" }}`;
}
