/** Rows chosen by hash: the same on every host, without a pattern in the row numbers. */

/** A bijection of 32-bit integers that mixes well (the multipliers of "lowbias32"). */
export function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}

/** Rows and values of the sample on which figures of reconstruction are measured, at most. */
const FIGURE_ROWS = 2 ** 16;
const FIGURE_VALUES = 2 ** 25;

/** The rows of n items on which figures of reconstruction are measured: all, or a sample of a large catalogue. */
export const figureRows = (n: number, dim: number): Uint32Array =>
  sampleRows(n, Math.min(n, FIGURE_ROWS, Math.max(2, Math.floor(FIGURE_VALUES / dim))));

/** The `count` of n rows with the smallest hash, ascending; all rows if there are no more. */
export function sampleRows(n: number, count: number): Uint32Array {
  if (count >= n) return Uint32Array.from({ length: n }, (_, row) => row);
  const key = (row: number) => mix(row + 0x9e3779b9);
  const limit = Uint32Array.from({ length: n }, (_, row) => key(row)).sort()[count]!; // no two rows have the same key
  const rows = new Uint32Array(count);
  for (let row = 0, k = 0; row < n; row++) if (key(row) < limit) rows[k++] = row;
  return rows;
}
