/** Which items a model may see. */
import { hash } from "./hash.mjs";

/**
 * The n rows, in the order of hash(seed, row).
 * @param {number} n
 * @param {number} seed
 */
export function shuffledRows(n, seed) {
  const keys = Uint32Array.from({ length: n }, (_, row) => hash(seed, 0x5b117, row));
  return Uint32Array.from({ length: n }, (_, row) => row).sort((a, b) => keys[a] - keys[b] || a - b);
}

/**
 * `count` rows chosen by hash, ascending.
 * @param {number} n
 * @param {number} count
 * @param {number} seed
 */
export function sampleRows(n, count, seed) {
  return shuffledRows(n, seed).slice(0, Math.min(n, count)).sort();
}

/**
 * The fifth of the rows with the smallest hash is unseen, the rest is seen. Both ascending.
 * @param {number} n
 * @param {number} seed
 * @returns {{ seen: Uint32Array, unseen: Uint32Array }}
 */
export function splitRows(n, seed) {
  const rows = shuffledRows(n, seed);
  const count = Math.round(n / 5);
  return { unseen: rows.slice(0, count).sort(), seen: rows.slice(count).sort() };
}

/**
 * The given rows of a matrix, copied.
 * @param {import("./measures.mjs").Matrix} items
 * @param {ArrayLike<number>} rows
 * @returns {import("./measures.mjs").Matrix}
 */
export function pickRows({ data, dim }, rows) {
  const picked = new Float32Array(rows.length * dim);
  for (let i = 0; i < rows.length; i++) picked.set(data.subarray(rows[i] * dim, (rows[i] + 1) * dim), i * dim);
  return { data: picked, rows: rows.length, dim };
}
