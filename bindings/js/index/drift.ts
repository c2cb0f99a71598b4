/** Whether new items still resemble those that the index was built on, judged by what their IDs leave over. */

import { counted } from "../base/words.ts";

/** Share of the catalogue whose residual is within the limit. */
const WITHIN = 0.99;

/** How far new items are from their IDs, compared with the catalogue that the index was built on. */
export interface IdDrift {
  /** Number of new items inspected: all, or about ten thousand of a larger number, chosen by a hash of their item IDs. */
  items: number;
  /** How many of them have a larger residual, ||z - sum of q||^2, than 99% of the catalogue. */
  outside: number;
  /** outside / items, about 0.01 as long as nothing has changed; 0 without items. */
  share: number;
  /** A warning in plain words, if there are more of them than chance explains. */
  warning?: string;
}

/** The limit that 99% of the residuals do not exceed. */
export function driftLimit(leftOvers: Float64Array): number {
  return leftOvers.slice().sort()[Math.ceil(WITHIN * leftOvers.length) - 1]!;
}

export function describeDrift(items: number, outside: number): IdDrift {
  const drift: IdDrift = { items, outside, share: items === 0 ? 0 : outside / items };
  const expected = (1 - WITHIN) * items;
  // Three standard deviations of a binomial count above its mean.
  if (outside >= 2 && outside > expected + 3 * Math.sqrt(expected * WITHIN)) {
    const percent = (Math.round(1000 * drift.share) / 10).toFixed(1);
    drift.warning = `${outside} of ${counted(items, "new item")} (${percent}%) are farther from their ID than 99% of the catalogue was when the index was built; about 1% is normal. The catalogue is moving away from what the model has learned: train a new model if this continues`;
  }
  return drift;
}
