/** Whether two programs computed the same: only then are their times compared. */

/** Largest relative difference of two losses of the same step. */
export const LOSS_TOLERANCE = 1e-3;
/** Least share of items with the same whole ID: near ties fall either way when sums are rounded in another order. */
export const EQUAL_IDS = 0.999;

/** What is wrong, in words; undefined when nothing is. @typedef {string | undefined} Complaint */

/**
 * @param {readonly number[]} ours
 * @param {readonly number[]} theirs one loss a step
 * @returns {Complaint}
 */
export function compareLosses(ours, theirs) {
  if (ours.length !== theirs.length) return `${theirs.length} losses instead of ${ours.length}`;
  for (const [step, loss] of ours.entries()) {
    const difference = Math.abs(theirs[step] - loss) / Math.abs(loss);
    if (difference <= LOSS_TOLERANCE) continue; // NaN is not
    return `loss of step ${step} is ${theirs[step]}, ours ${loss}; they may differ by ${LOSS_TOLERANCE}, relative`;
  }
  return undefined;
}

/**
 * @param {readonly number[]} ours rows x levels
 * @param {readonly number[]} theirs
 * @param {number} levels
 * @returns {Complaint}
 */
export function compareIds(ours, theirs, levels) {
  if (ours.length !== theirs.length) return `${theirs.length / levels} IDs instead of ${ours.length / levels}`;
  const rows = ours.length / levels;
  let equal = 0;
  for (let row = 0; row < rows; row++) {
    let level = 0;
    while (level < levels && ours[row * levels + level] === theirs[row * levels + level]) level++;
    if (level === levels) equal++;
  }
  if (equal / rows >= EQUAL_IDS) return undefined;
  return `${(100 * (equal / rows)).toFixed(2)}% of the IDs are the same; ${100 * EQUAL_IDS}% must be`;
}
