/**
 * What happens to a catalogue between two trainings. Each case divides or moves the items of a set: those that the old model was trained
 * on, those that the new one is, and a tenth that neither sees.
 */
import { residualKMeans } from "rqvae";
import { hash, normal } from "../quality/hash.mjs";
import { pickRows, shuffledRows } from "../quality/split.mjs";

/**
 * @typedef {import("../quality/measures.mjs").Matrix} Matrix
 * @typedef {object} Change
 * @property {Matrix} old The items that the old model is trained on.
 * @property {readonly number[]} oldIds Their item IDs.
 * @property {Matrix} now The items of the new training.
 * @property {readonly number[]} nowIds
 * @property {Matrix} unseen Items of neither, as they are at the time of the new training.
 * @property {readonly number[]} [arrived] Which rows of `now` are of the new kind.
 */

export const CASES = {
  a: "10% of the items added, 5% removed",
  b: "all vectors moved by a small rotation and noise",
  c: "a kind of item appears that there was none of",
};

/** Angle of each plane, in radians, and how often every direction is turned: the cosine of a vector and its image is about .95. */
const ANGLE = 0.15;
const TURNS = 4;
/** Of the noise, relative to the items' standard deviation. */
const NOISE = 0.05;
/** Share of the items that the new kind is to have. */
const KIND = 0.08;

/**
 * @param {import("../quality/datasets.mjs").Catalogue} catalogue
 * @param {string} name a key of CASES
 * @param {number} seed
 * @returns {Promise<Change>}
 */
export async function changeOf({ items, category }, name, seed) {
  const order = [...shuffledRows(items.rows, hash(seed, 0xc4a))];
  const count = Math.round(items.rows / 10);
  const unseen = order.slice(0, count);
  const rest = order.slice(count);
  /** @type {(old: number[], now: number[]) => Change} */
  const change = (old, now) => ({
    ...{ old: pickRows(items, old), oldIds: old, now: pickRows(items, now), nowIds: now },
    unseen: pickRows(items, unseen),
  });
  if (name === "a") {
    const before = Math.round(rest.length / 1.1);
    return change(rest.slice(0, before), rest.slice(Math.round(before / 20)));
  }
  if (name === "b") {
    const { old, oldIds, nowIds } = change(rest, rest);
    const moved = movedVectors(items, seed);
    return { old, oldIds, now: pickRows(moved, rest), nowIds, unseen: pickRows(moved, unseen) };
  }
  const isNew = await newKind(items, category, seed);
  const old = rest.filter((row) => !isNew(row));
  const arrived = rest.flatMap((row, i) => (isNew(row) ? [i] : []));
  return { ...change(old, rest), arrived };
}

/** As by a new version of the embedding model: each vector turned by the same rotation about the mean, with noise of its own. */
export function movedVectors({ data, rows, dim }, seed) {
  const mean = new Float64Array(dim);
  for (let i = 0; i < data.length; i++) mean[i % dim] += data[i] / rows;
  let squares = 0;
  for (let i = 0; i < data.length; i++) squares += (data[i] - mean[i % dim]) ** 2;
  const scale = NOISE * Math.sqrt(squares / data.length);
  const turned = Float64Array.from(data, (value, i) => value - mean[i % dim]);
  const [cos, sin] = [Math.cos(ANGLE), Math.sin(ANGLE)];
  for (let turn = 0; turn < TURNS; turn++) {
    const directions = shuffledRows(dim, hash(seed, 0x407a7e, turn));
    for (let pair = 0; pair + 1 < dim; pair += 2) {
      const [a, b] = [directions[pair], directions[pair + 1]];
      for (let row = 0; row < rows; row++) {
        const [x, y] = [turned[row * dim + a], turned[row * dim + b]];
        turned[row * dim + a] = cos * x - sin * y;
        turned[row * dim + b] = sin * x + cos * y;
      }
    }
  }
  const key = hash(seed, 0x4015e);
  return { data: Float32Array.from(turned, (value, i) => value + mean[i % dim] + scale * normal(key, i)), rows, dim };
}

/** Which rows are of the new kind: the category whose size is nearest to the share, or else a k-means region. */
async function newKind(items, category, seed) {
  let values = category?.values;
  if (values === undefined) {
    const model = await residualKMeans(items, { codebookSize: 12, nQuantizationLayers: 1, seed });
    const ids = model.encode(items);
    model.dispose();
    values = Array.from({ length: items.rows }, (_, row) => String(ids.codes[row]));
  }
  /** @type {Map<string, number>} */
  const sizes = new Map();
  for (const value of values) if (value !== null) sizes.set(value, (sizes.get(value) ?? 0) + 1);
  const off = (/** @type {number} */ size) => Math.abs(size / items.rows - KIND);
  const [kind] = [...sizes].reduce((best, each) => (off(each[1]) < off(best[1]) ? each : best));
  return (/** @type {number} */ row) => values[row] === kind;
}
