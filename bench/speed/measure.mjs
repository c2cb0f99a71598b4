/** How times are compared: contenders take turns, and what counts is the median. */
import { median } from "../quality/measures.mjs";

/** Turns that each contender has. */
export const REPEATS = 5;
/** Length of one turn: long against the clock, short against what else the machine does. */
export const TURN_SECONDS = 0.25;

/**
 * Lets the contenders take turns, A B A B ..., after one turn each that does not count (caches, compilers, clocks of the processor).
 * @template T
 * @param {readonly (() => T | Promise<T>)[]} contenders
 * @param {number} [repeats]
 * @returns {Promise<T[][]>} one list a contender
 */
export async function alternate(contenders, repeats = REPEATS) {
  /** @type {T[][]} */
  const results = contenders.map(() => []);
  for (let turn = 0; turn <= repeats; turn++) {
    for (const [i, contender] of contenders.entries()) {
      const result = await contender();
      if (turn > 0) results[i].push(result);
    }
  }
  return results;
}

/**
 * Median of a / b turn by turn: what slows the machine for a while slows both.
 * @type {(a: readonly number[], b: readonly number[]) => number}
 */
export const ratio = (a, b) => /** @type {number} */ (median(a.map((value, turn) => value / b[turn])));

/** @type {(values: readonly number[]) => number} */
export const middle = (values) => /** @type {number} */ (median(values));

/**
 * The smallest value that at least this share of the values does not exceed.
 * @param {readonly number[]} values
 * @param {number} share
 */
export function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

/**
 * Slope of the straight line through (ln x, ln y) with the least squared error: 0 when y does not depend on x, 1 when it is proportional.
 * @param {readonly number[]} xs
 * @param {readonly number[]} ys
 */
export function logSlope(xs, ys) {
  const mean = (/** @type {number[]} */ values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [u, v] = [xs.map(Math.log), ys.map(Math.log)];
  const [mu, mv] = [mean(u), mean(v)];
  const covariance = mean(u.map((value, i) => (value - mu) * (v[i] - mv)));
  return covariance / mean(u.map((value) => (value - mu) ** 2));
}
