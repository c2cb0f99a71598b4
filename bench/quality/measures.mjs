/**
 * The ruler: what IDs and reconstructions are worth, each figure in the most direct way that is still fast enough. Matrices are
 * `{ data, rows, dim }`, row-major; sums are in double precision. The counts per level and of distinct IDs are the library's
 * `assessIds`, and the measures that its report has too are its own.
 */
import { VectorClasses } from "../../dist/items/vector-classes.js";
import { hash, uniform } from "./hash.mjs";

export { countDistinctRows, explainedVariance, nearestNeighbours } from "../../dist/items/measures.js";

/**
 * @typedef {{ data: Float32Array, rows: number, dim: number }} Matrix
 * @typedef {{ codes: ArrayLike<number>, length: number, levels: number }} Ids
 */

/**
 * Numbers the groups of items that share their first `depth` codes, in order of appearance.
 * @param {Ids} ids
 * @param {number} depth
 * @returns {Int32Array} one group number an item
 */
export function prefixGroups({ codes, length, levels }, depth) {
  const groups = new Int32Array(length);
  for (let level = 0; level < depth; level++) {
    /** @type {Map<number, number>} */
    const numbers = new Map();
    for (let i = 0; i < length; i++) {
      const key = groups[i] * 2 ** 24 + codes[i * levels + level]; // exact: both are below 2^24
      if (!numbers.has(key)) numbers.set(key, numbers.size);
      groups[i] = numbers.get(key);
    }
  }
  return groups;
}

/**
 * The first row of each distinct vector, ascending.
 * @param {Matrix} items
 * @returns {Uint32Array}
 */
export function firstOfEachVector({ data, rows, dim }) {
  const classes = new VectorClasses(rows);
  classes.add(data, dim);
  return classes.firstRows.filter((first, row) => first === row);
}

/**
 * Distinct IDs of some rows / these rows. Of rows that all have another vector: a method that gives equal vectors different IDs, as local
 * search does, gains nothing by it.
 * @param {Ids} ids
 * @param {Uint32Array} rows
 */
export function distinctShare(ids, rows) {
  const groups = prefixGroups(ids, ids.levels);
  return new Set(Array.from(rows, (row) => groups[row])).size / rows.length;
}

/**
 * Normalised mutual information of two groupings, 2 I(a; b) / (H(a) + H(b)) (arithmetic mean, as scikit-learn's default): 0 when
 * independent, 1 when one determines the other and back; 1 when both are a single group. Items whose label is null do not count.
 * @param {ArrayLike<number>} codes
 * @param {ArrayLike<string | number | null>} labels
 */
export function normalizedMutualInformation(codes, labels) {
  const [a, b, both] = [new Map(), new Map(), new Map()];
  const add = (counts, key) => counts.set(key, (counts.get(key) ?? 0) + 1);
  let n = 0;
  for (let i = 0; i < codes.length; i++) {
    if (labels[i] === null) continue;
    n++;
    add(a, codes[i]);
    add(b, labels[i]);
    add(both, `${codes[i]} ${labels[i]}`);
  }
  const entropy = (counts) => {
    let sum = 0;
    for (const count of counts.values()) sum += (count / n) * Math.log(n / count);
    return sum;
  };
  const [ha, hb, hab] = [entropy(a), entropy(b), entropy(both)];
  return ha + hb === 0 ? 1 : Math.max(0, (2 * (ha + hb - hab)) / (ha + hb));
}

/** Size of the intersection / size of the union of two sets, given as ascending arrays; 0 for two empty ones. */
function jaccard(a, b) {
  let common = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) common++;
    if (a[i] <= b[j]) i++;
    else j++;
  }
  const union = a.length + b.length - common;
  return union === 0 ? 0 : common / union;
}

/**
 * Mean Jaccard index of the attributes over all pairs of items in the same group. With more than `maxPairs` pairs, over that many
 * drawn with replacement, the same for the same grouping. NaN when no two items share a group.
 * @param {Int32Array} groups one group number an item
 * @param {readonly (readonly number[])[]} attributes
 * @param {number} [maxPairs]
 */
export function attributeOverlap(groups, attributes, maxPairs = 2_000_000) {
  const sets = attributes.map((list) => [...new Set(list)].sort((a, b) => a - b));
  const members = membersOf(groups);
  const ends = [];
  let pairs = 0;
  for (const rows of members) {
    pairs += (rows.length * (rows.length - 1)) / 2;
    ends.push(pairs);
  }
  let sum = 0;
  if (pairs <= maxPairs) {
    for (const rows of members) {
      for (let i = 1; i < rows.length; i++) {
        for (let j = 0; j < i; j++) sum += jaccard(sets[rows[i]], sets[rows[j]]);
      }
    }
    return sum / pairs;
  }
  for (let draw = 0; draw < maxPairs; draw++) {
    const at = Math.floor(uniform(hash(0x9a125), draw) * pairs);
    let [low, high] = [0, ends.length - 1]; // the first group whose end lies beyond `at`
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ends[middle] > at) high = middle;
      else low = middle + 1;
    }
    const rows = members[low];
    const within = at - (ends[low] - (rows.length * (rows.length - 1)) / 2);
    const i = Math.floor((1 + Math.sqrt(1 + 8 * within)) / 2); // within = i (i - 1) / 2 + j, j < i
    sum += jaccard(sets[rows[i]], sets[rows[within - (i * (i - 1)) / 2]]);
  }
  return sum / maxPairs;
}

/** @param {Int32Array} groups numbered from 0 without gaps */
function membersOf(groups) {
  /** @type {number[][]} */
  const members = [];
  for (let i = 0; i < groups.length; i++) {
    while (members.length <= groups[i]) members.push([]);
    members[groups[i]].push(i);
  }
  return members;
}

/**
 * Share of the neighbours that are in the group of the row they are neighbours of.
 * @param {Int32Array} groups one group number an item
 * @param {ArrayLike<number>} queries
 * @param {Int32Array} nearest of `nearestNeighbours`
 */
export function neighbourPreservation(groups, queries, nearest) {
  const k = nearest.length / queries.length;
  let [shared, total] = [0, 0];
  for (let i = 0; i < nearest.length; i++) {
    if (nearest[i] < 0) continue;
    total++;
    if (groups[nearest[i]] === groups[queries[Math.floor(i / k)]]) shared++;
  }
  return shared / total;
}

/**
 * Share of all pairs of different items that are in one group: what `neighbourPreservation` gives by chance.
 * @param {Int32Array} groups
 */
export function chanceOfSharing(groups) {
  const n = groups.length;
  let pairs = 0;
  for (const { length } of membersOf(groups)) pairs += length * (length - 1);
  return pairs / (n * (n - 1));
}

/**
 * The middle value, or the mean of the two in the middle; null when a value is missing.
 * @param {readonly (number | null)[]} values
 * @returns {number | null}
 */
export function median(values) {
  if (values.length === 0 || values.some((value) => value === null)) return null;
  const sorted = /** @type {number[]} */ (values).toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
