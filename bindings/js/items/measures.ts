/** Measures of IDs and reconstructions, each computed in the most direct way that is still fast enough. Sums are in double precision. */

import { checkArray, requireList } from "../base/attached.ts";
import { requireThat } from "../base/option-reader.ts";
import type { Matrix } from "./item-rows.ts";
import { isFloats, typedArrayName } from "./items.ts";
import { VectorClasses } from "./vector-classes.ts";

/**
 * SSE = sum of (x - x^)^2 and sum of (x - mean)^2 over all rows and columns.
 * @param reconstruction rows x dim
 */
export function squaredErrors(
  { data, rows, dim }: Matrix,
  reconstruction: Float32Array,
): { error: number; total: number } {
  const mean = new Float64Array(dim);
  for (let i = 0, at = 0; i < rows; i++) for (let j = 0; j < dim; j++, at++) mean[j]! += data[at]!;
  for (let j = 0; j < dim; j++) mean[j]! /= rows;
  let error = 0;
  let total = 0;
  for (let i = 0, at = 0; i < rows; i++) {
    for (let j = 0; j < dim; j++, at++) {
      const [off, spread] = [data[at]! - reconstruction[at]!, data[at]! - mean[j]!];
      error += off * off;
      total += spread * spread;
    }
  }
  return { error, total };
}

/**
 * 1 - SSE / sum ||x - mean||^2, with the mean of these rows: 1 is perfect, 0 is as good as one vector for all. If all rows are the same, it
 * is 1 if they are reconstructed exactly, else 0.
 * @param reconstruction rows x dim
 */
export function explainedVariance(items: Matrix, reconstruction: Float32Array): number {
  requireMatrix(items);
  const isSo = isFloats(reconstruction) && reconstruction.length === items.data.length;
  requireThat(
    isSo,
    "reconstruction",
    `a Float32Array of ${items.data.length} values, as many as items.data has`,
    reconstruction,
  );
  const { error, total } = squaredErrors(items, reconstruction);
  return total > 0 ? 1 - error / total : error === 0 ? 1 : 0;
}

/** @throws InvalidInputError for anything but a matrix of float32. */
export function requireMatrix(items: Matrix, name = "items"): void {
  const { data, rows, dim } = items ?? {};
  checkArray(data, `${name}.data`);
  const isSo = typedArrayName(data) === "Float32Array" && Number.isInteger(rows) && Number.isInteger(dim) && dim > 0;
  requireThat(
    isSo && data.length === rows * dim,
    name,
    "{ data, rows, dim } with a Float32Array of rows x dim values",
    items,
  );
}

/** Number of different rows; 0 and -0 are equal. */
export function countDistinctRows(items: Matrix): number {
  requireMatrix(items);
  const classes = new VectorClasses(items.rows);
  classes.add(items.data, items.dim);
  return classes.distinct;
}

/**
 * The rows nearest to each query row: exact, Euclidean, without the row itself, ties to the lower row.
 * @param queries row numbers
 * @param k Default: 10.
 * @returns queries x k, the nearest first; -1 if there are fewer than k other rows
 */
export function nearestNeighbours(items: Matrix, queries: ArrayLike<number>, k = 10): Int32Array {
  requireMatrix(items);
  const { rows } = items;
  requireList(queries, "queries", "an array of row numbers");
  requireThat(
    Number.isInteger(k) && k > 0 && k * queries.length < 2 ** 31,
    "k",
    "a whole number of at least 1, such that queries x k fit into an array",
    k,
  );
  for (let q = 0; q < queries.length; q++) {
    const isRow = Number.isInteger(queries[q]) && queries[q]! >= 0 && queries[q]! < rows;
    requireThat(isRow, `queries[${q}]`, `a row number below ${rows}`, queries[q]);
  }
  const nearest = new Int32Array(queries.length * k);
  const near = new Neighbours(items, rows, k);
  for (let q = 0; q < queries.length; q++) nearest.set(near.of(queries[q]!), q * k);
  return nearest;
}

/** The search for neighbours, with room for those of one row at a time. */
export class Neighbours {
  readonly #items: Matrix;
  readonly #among: number;
  readonly #nearest: Int32Array;
  readonly #distances: Float64Array;

  /** @param among How many of the first rows can be neighbours. */
  constructor(items: Matrix, among: number, k: number) {
    this.#items = items;
    this.#among = among;
    this.#nearest = new Int32Array(k);
    this.#distances = new Float64Array(k);
  }

  /** The neighbours of a row until the next call, the nearest first; -1 where there are fewer. See `nearestNeighbours`. */
  of(own: number): Int32Array {
    const { data, dim } = this.#items;
    const [nearest, distances, among] = [this.#nearest, this.#distances, this.#among];
    const k = nearest.length;
    const query = own * dim;
    nearest.fill(-1);
    distances.fill(Number.POSITIVE_INFINITY);
    for (let i = 0; i < among; i++) {
      if (i === own) continue;
      const worst = distances[k - 1]!;
      const row = i * dim;
      let distance = 0;
      for (let j = 0; j < dim; ) {
        const end = Math.min(dim, j + 32); // stops early, block by block
        for (; j < end; j++) {
          const difference = data[row + j]! - data[query + j]!;
          distance += difference * difference;
        }
        if (distance >= worst) break;
      }
      if (distance >= worst) continue;
      let place = k - 1;
      for (; place > 0 && distances[place - 1]! > distance; place--) {
        distances[place] = distances[place - 1]!;
        nearest[place] = nearest[place - 1]!;
      }
      distances[place] = distance;
      nearest[place] = i;
    }
    return nearest;
  }
}
