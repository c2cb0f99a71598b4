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
function requireMatrix(items: Matrix): void {
  const { data, rows, dim } = items ?? {};
  checkArray(data, "items.data");
  const isSo = typedArrayName(data) === "Float32Array" && Number.isInteger(rows) && Number.isInteger(dim) && dim > 0;
  requireThat(
    isSo && data.length === rows * dim,
    "items",
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
  const { data, rows, dim } = items;
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
  const nearest = new Int32Array(queries.length * k).fill(-1);
  const distances = new Float64Array(k);
  for (let q = 0; q < queries.length; q++) {
    const query = queries[q]! * dim;
    distances.fill(Number.POSITIVE_INFINITY);
    for (let i = 0; i < rows; i++) {
      if (i === queries[q]) continue;
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
        nearest[q * k + place] = nearest[q * k + place - 1]!;
      }
      distances[place] = distance;
      nearest[q * k + place] = i;
    }
  }
  return nearest;
}
