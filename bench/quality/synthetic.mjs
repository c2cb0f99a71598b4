/**
 * A realistic catalogue of any size, made of nothing: a tree of 32 x 16 x 8 centres in 768 dimensions whose variance falls off as
 * j^-0.9, children of a node chosen with Zipf weights, low-rank noise that the items of one top branch have in common, a little
 * isotropic noise, an offset that all share, 1% exact duplicates, rows of length 1.
 *
 * Of 10,000 rows: effective rank (exp of the entropy of the covariance's eigenvalues) 152, cosine of two random rows .10, of nearest
 * neighbours that are no copies .74, explained variance of residual k-means at 3 x 64 .37 .47 .52. MiniLM vectors of real texts
 * are much like that.
 *
 * Row i is a function of (seed, i) alone: a smaller catalogue is the beginning of a larger one. Integers, + - * / and sqrt in
 * double precision in the order written here (no fused multiply-add), rounded to float32 where Math.fround stands or a Float32Array
 * is written: a C++ program makes the same bytes.
 */
import { draw, hash, normal, uniform } from "./hash.mjs";
import { SPECTRUM, ZIPF } from "./spectrum.mjs";

export const SYNTHETIC_DIM = 768;
const BRANCHING = [32, 16, 8];
/** Standard deviation (square root of the mean squared length) of the centres of each depth about their parent. */
const CENTRE_SCALES = [1.5, 1, 0.6];
const NOISE_RANK = 12;
/** Of one direction of the low-rank noise. */
const NOISE_SCALE = 0.55;
/** Of one dimension of the isotropic noise. */
const ISOTROPIC_SCALE = 0.025;
const OFFSET_LENGTH = 0.8;
/** 1% of 2^32 */
const DUPLICATE_THRESHOLD = 42949673;

/** What a stream of random numbers is for. */
const STREAM = { offset: 1, centre: 2, direction: 3, duplicate: 4, path: 5, noise: 6, isotropic: 7, spectral: 8 };

/**
 * @typedef {object} SyntheticParts What all rows of a seed share.
 * @property {Float32Array} offset One row.
 * @property {Float32Array[]} centres Per depth: 32, 32 x 16, 32 x 16 x 8 rows, relative to the parent.
 * @property {Float32Array} directions 32 x 12 rows.
 */

/**
 * @param {number} seed
 * @param {number} dim
 * @returns {SyntheticParts}
 */
function syntheticParts(seed, dim) {
  const offset = spectralRows(seed, STREAM.offset, 0, 1, 1, SYNTHETIC_DIM);
  let squared = 0;
  for (const value of offset) squared += value * value;
  const length = Math.sqrt(squared);
  for (let j = 0; j < SYNTHETIC_DIM; j++) offset[j] = (OFFSET_LENGTH * offset[j]) / length;
  let nodes = 1;
  const centres = BRANCHING.map((children, depth) => {
    nodes *= children;
    return spectralRows(seed, STREAM.centre, depth, nodes, CENTRE_SCALES[depth], dim);
  });
  const directions = spectralRows(seed, STREAM.direction, 0, BRANCHING[0] * NOISE_RANK, NOISE_SCALE, dim);
  return { offset, centres, directions };
}

/** Rows of normal numbers whose variance follows the spectrum. */
function spectralRows(seed, stream, part, rows, scale, dim) {
  const result = new Float32Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    const key = hash(seed, stream, part, row);
    for (let j = 0; j < dim; j++) {
      result[row * dim + j] = scale * (SPECTRUM[j] / 2 ** 24) * normal(key, j);
    }
  }
  return result;
}

/**
 * The row that row `i` is a copy of, or `i`.
 * @param {number} seed
 * @param {number} i
 */
export function originalRow(seed, i) {
  for (;;) {
    const key = hash(seed, STREAM.duplicate, i);
    if (i === 0 || draw(key, 0) >= DUPLICATE_THRESHOLD) return i;
    i = Math.floor(uniform(key, 1) * i);
  }
}

/** The child of a node, 0 the most frequent. */
function zipfChild(key, counter, children) {
  let total = 0;
  for (let k = 0; k < children; k++) total += ZIPF[k];
  const at = uniform(key, counter) * total;
  let sum = ZIPF[0];
  let child = 0;
  while (child < children - 1 && at >= sum) sum += ZIPF[++child];
  return child;
}

/**
 * Where a row stands in the tree: its node at each depth, 0 ... 31, 0 ... 511, 0 ... 4095.
 * @param {number} seed
 * @param {number} i
 * @returns {number[]}
 */
export function syntheticPath(seed, i) {
  const key = hash(seed, STREAM.path, originalRow(seed, i));
  let node = 0;
  return BRANCHING.map((children, depth) => {
    node = node * children + zipfChild(key, depth, children);
    return node;
  });
}

/**
 * n rows x 768, or the first `dim` dimensions, those of the largest variance: rows of length 1 again.
 * @param {number} n
 * @param {number} [seed]
 * @param {number} [dim]
 * @returns {{ data: Float32Array, rows: number, dim: number }}
 */
export function syntheticCatalogue(n, seed = 0, dim = SYNTHETIC_DIM) {
  const parts = syntheticParts(seed, dim);
  const data = new Float32Array(n * dim);
  const x = new Float64Array(dim);
  const noise = new Float64Array(NOISE_RANK);
  for (let i = 0; i < n; i++) {
    const original = originalRow(seed, i);
    if (original !== i) {
      data.copyWithin(i * dim, original * dim, (original + 1) * dim);
      continue;
    }
    const path = syntheticPath(seed, i);
    const noiseKey = hash(seed, STREAM.noise, i);
    for (let k = 0; k < NOISE_RANK; k++) noise[k] = normal(noiseKey, k);
    const isotropicKey = hash(seed, STREAM.isotropic, i);
    for (let j = 0; j < dim; j++) {
      let value = parts.offset[j];
      for (let depth = 0; depth < path.length; depth++) value += parts.centres[depth][path[depth] * dim + j];
      for (let k = 0; k < NOISE_RANK; k++) value += noise[k] * parts.directions[(path[0] * NOISE_RANK + k) * dim + j];
      x[j] = value + ISOTROPIC_SCALE * normal(isotropicKey, j);
    }
    let squared = 0;
    for (let j = 0; j < dim; j++) squared += x[j] * x[j];
    const length = Math.sqrt(squared);
    for (let j = 0; j < dim; j++) data[i * dim + j] = Math.fround(x[j] / length);
  }
  return { data, rows: n, dim };
}

/**
 * Independent normal numbers: no clusters, nothing between the dimensions. Dimension j has the variance j^-decay, j = 1 ... dim; with a
 * decay of 0 no direction is better than another. As above, row i is a function of (seed, i) alone, and a C++ program makes the same
 * bytes: decays are 0, .5 and 1, so that square roots do.
 * @param {number} n
 * @param {number} dim
 * @param {0 | 0.5 | 1} decay
 * @param {number} [seed]
 * @returns {{ data: Float32Array, rows: number, dim: number }}
 */
export function spectralCatalogue(n, dim, decay, seed = 0) {
  const deviation = { 0: () => 1, 0.5: (j) => 1 / Math.sqrt(Math.sqrt(j)), 1: (j) => 1 / Math.sqrt(j) }[decay];
  const scales = Float64Array.from({ length: dim }, (_, j) => deviation(j + 1));
  const data = new Float32Array(n * dim);
  for (let i = 0; i < n; i++) {
    const key = hash(seed, STREAM.spectral, i);
    for (let j = 0; j < dim; j++) data[i * dim + j] = scales[j] * normal(key, j);
  }
  return { data, rows: n, dim };
}
