/** Rows chosen by hash: the same on every host, without a pattern in the row numbers. */

/** A bijection of 32-bit integers that mixes well (the multipliers of "lowbias32"). */
export function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}

/** The `count` of n rows with the smallest hash, ascending; all rows if there are no more. */
export function sampleRows(n: number, count: number): Uint32Array {
  if (count >= n) return Uint32Array.from({ length: n }, (_, row) => row);
  const key = (row: number) => mix(row + 0x9e3779b9);
  const limit = Uint32Array.from({ length: n }, (_, row) => key(row)).sort()[count]!; // no two rows have the same key
  const rows = new Uint32Array(count);
  for (let row = 0, k = 0; row < n; row++) if (key(row) < limit) rows[k++] = row;
  return rows;
}
