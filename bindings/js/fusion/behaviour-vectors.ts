/** Vectors of items by what users chose together. */

import { ln } from "../base/logarithm.ts";
import { inSlices } from "../evaluate/training.ts";
import type { Histories } from "../formats/histories/histories.ts";
import { mix } from "../items/sample.ts";
import type { JobOptions } from "../types.ts";

/** A symmetric matrix by rows: of row i the entries `starts[i]` ... `starts[i + 1] - 1`. */
interface Sparse {
  starts: Uint32Array;
  columns: Uint32Array;
  values: Float64Array;
}

export interface BehaviourOptions extends JobOptions {
  rows: number;
  dim?: number;
  window?: number;
  smoothing?: number;
  seed?: number;
}

/** Iterations of the subspace, and directions beyond those that are asked for. */
const [ROUNDS, MORE] = [12, 8];

/**
 * Positive pointwise mutual information of items that one user chose at most `window` choices apart,
 * max(0, ln(#(i, j) N / (#i #j'))), with #j' smoothed by an exponent (Levy and Goldberg 2014), and of it the first eigenvectors, each times
 * the root of its eigenvalue. Rows of items that nobody chose with another are zeros.
 */
export async function behaviourVectors(
  histories: Histories,
  { rows, dim = 64, window = 5, smoothing = 0.75, seed = 0, signal }: BehaviourOptions,
): Promise<{ data: Float32Array; rows: number; dim: number; known: Uint8Array }> {
  const matrix = await mutualInformation(histories, rows, window, smoothing, signal);
  const width = Math.min(rows, dim + MORE);
  let basis = new Float64Array(rows * width);
  for (let i = 0; i < basis.length; i++) basis[i] = mix(mix(seed) + i) / 2 ** 31 - 1;
  orthonormalise(basis, rows, width);
  for (let round = 0; round < ROUNDS; round++) {
    basis = await times(matrix, basis, rows, width, signal);
    orthonormalise(basis, rows, width);
  }
  const image = await times(matrix, basis, rows, width, signal);
  const small = new Float64Array(width * width);
  for (let i = 0; i < rows; i++)
    for (let a = 0; a < width; a++)
      for (let b = 0; b < width; b++) small[a * width + b]! += basis[i * width + a]! * image[i * width + b]!;
  const { values, vectors } = eigen(small, width);
  const count = Math.min(dim, values.filter((value) => value > 1e-9).length || 1);
  const data = new Float32Array(rows * count);
  for (let i = 0; i < rows; i++) {
    for (let c = 0; c < count; c++) {
      let sum = 0;
      for (let a = 0; a < width; a++) sum += basis[i * width + a]! * vectors[a * width + c]!;
      data[i * count + c] = sum * Math.sqrt(Math.max(0, values[c]!));
    }
  }
  const known = Uint8Array.from({ length: rows }, (_, i) => Number(matrix.starts[i + 1]! > matrix.starts[i]!));
  return { data, rows, dim: count, known };
}

async function mutualInformation(
  { items, offsets }: Histories,
  rows: number,
  window: number,
  smoothing: number,
  signal: AbortSignal | undefined,
): Promise<Sparse> {
  const counts = new Map<number, number>();
  await inSlices(offsets.length - 1, signal, (user) => {
    for (let i = offsets[user]!; i < offsets[user + 1]!; i++) {
      for (let k = i + 1; k <= i + window && k < offsets[user + 1]!; k++) {
        const [a, b] = [items[i]!, items[k]!];
        if (a === b) continue;
        for (const key of [a * rows + b, b * rows + a]) counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    }
  });
  const keys = Float64Array.from(counts.keys()).sort();
  const sums = new Float64Array(rows);
  for (const key of keys) sums[Math.floor(key / rows)]! += counts.get(key)!;
  // x^s = e^(s ln x) by halves, so that every host gives the same bits.
  const smooth = sums.map((sum) => (sum === 0 ? 0 : power(sum, smoothing)));
  const total = smooth.reduce((all, each) => all + each, 0);
  const starts = new Uint32Array(rows + 1);
  const [columns, values]: [number[], number[]] = [[], []];
  for (const key of keys) {
    const [i, j] = [Math.floor(key / rows), key % rows];
    // The two directions differ by the smoothing: their mean is the logarithm of the root of the product.
    const of = (a: number, b: number) => (counts.get(key)! / sums[a]!) * (total / smooth[b]!);
    const product = of(i, j) * of(j, i);
    if (product <= 1) continue;
    columns.push(j);
    values.push(ln(product) / 2);
    starts[i + 1]!++;
  }
  for (let i = 0; i < rows; i++) starts[i + 1]! += starts[i]!;
  return { starts, columns: Uint32Array.from(columns), values: Float64Array.from(values) };
}

/** x^s of x > 0 and 0 <= s <= 1, by the binary digits of s: products of x^(1/2), x^(1/4), ... */
function power(x: number, s: number): number {
  let [result, root, rest] = [1, x, s];
  for (let i = 0; i < 40 && rest > 0; i++) {
    if (rest >= 1) {
      result *= root;
      rest -= 1;
    }
    rest *= 2;
    root = Math.sqrt(root);
  }
  return result;
}

async function times(
  { starts, columns, values }: Sparse,
  x: Float64Array,
  rows: number,
  width: number,
  signal: AbortSignal | undefined,
) {
  const product = new Float64Array(rows * width);
  await inSlices(rows, signal, (i) => {
    for (let e = starts[i]!; e < starts[i + 1]!; e++) {
      const [from, value] = [columns[e]! * width, values[e]!];
      for (let a = 0; a < width; a++) product[i * width + a]! += value * x[from + a]!;
    }
  });
  return product;
}

/** Gram and Schmidt, twice. */
function orthonormalise(x: Float64Array, rows: number, width: number): void {
  for (let a = 0; a < width; a++) {
    for (let again = 0; again < 2; again++) {
      for (let b = 0; b < a; b++) {
        let dot = 0;
        for (let i = 0; i < rows; i++) dot += x[i * width + a]! * x[i * width + b]!;
        for (let i = 0; i < rows; i++) x[i * width + a]! -= dot * x[i * width + b]!;
      }
    }
    let squares = 0;
    for (let i = 0; i < rows; i++) squares += x[i * width + a]! ** 2;
    const scale = squares > 1e-20 ? 1 / Math.sqrt(squares) : 0;
    for (let i = 0; i < rows; i++) x[i * width + a]! *= scale;
  }
}

/** Jacobi's method; values descending. */
function eigen(matrix: Float64Array, n: number): { values: number[]; vectors: Float64Array } {
  const m = matrix.slice();
  const v = new Float64Array(n * n);
  for (let i = 0; i < n; i++) v[i * n + i] = 1;
  for (let sweep = 0; sweep < 30; sweep++) {
    let off = 0;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        const apq = m[p * n + q]!;
        off += apq * apq;
        if (Math.abs(apq) < 1e-300) continue;
        const theta = (m[q * n + q]! - m[p * n + p]!) / (2 * apq);
        const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1);
        const s = t * c;
        for (let k = 0; k < n; k++) {
          const [kp, kq] = [m[k * n + p]!, m[k * n + q]!];
          m[k * n + p] = c * kp - s * kq;
          m[k * n + q] = s * kp + c * kq;
        }
        for (let k = 0; k < n; k++) {
          const [pk, qk] = [m[p * n + k]!, m[q * n + k]!];
          m[p * n + k] = c * pk - s * qk;
          m[q * n + k] = s * pk + c * qk;
          const [vp, vq] = [v[k * n + p]!, v[k * n + q]!];
          v[k * n + p] = c * vp - s * vq;
          v[k * n + q] = s * vp + c * vq;
        }
      }
    }
    if (off < 1e-18) break;
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((a, b) => m[b * n + b]! - m[a * n + a]!);
  const vectors = new Float64Array(n * n);
  for (let k = 0; k < n; k++) for (let c = 0; c < n; c++) vectors[k * n + c] = v[k * n + order[c]!]!;
  return { values: order.map((i) => m[i * n + i]!), vectors };
}
