/** Rank correlation. */

/** Ranks from 1 on; equal values share the mean of theirs. @param {readonly number[]} values */
export function ranksOf(values) {
  return values.map((value) => {
    const below = values.filter((other) => other < value).length;
    const same = values.filter((other) => other === value).length;
    return below + (same + 1) / 2;
  });
}

/**
 * Spearman's rank correlation: Pearson's of the ranks.
 * @param {readonly number[]} a
 * @param {readonly number[]} b the same sets in the same order
 */
export function spearman(a, b) {
  const [x, y] = [ranksOf(a), ranksOf(b)];
  const middle = (a.length + 1) / 2;
  const sum = (/** @type {(i: number) => number} */ of) => x.reduce((total, _, i) => total + of(i), 0);
  const spread = Math.sqrt(sum((i) => (x[i] - middle) ** 2) * sum((i) => (y[i] - middle) ** 2));
  return spread === 0 ? 0 : sum((i) => (x[i] - middle) * (y[i] - middle)) / spread;
}
