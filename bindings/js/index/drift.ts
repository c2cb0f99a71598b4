/** Whether new items still look like those that the index was built on: by what their IDs leave over. */

import { counted } from "../base/words.ts";
import { hashItemId, type ItemId } from "../ids/item-id.ts";

/** Share of the catalogue whose left-over lies within the limit. */
const WITHIN = 0.99;
/** Items that a figure is taken from, at most (a few more when hashes are equal). */
const SAMPLE = 10_000;

/** How far new items lie from their IDs, against the catalogue that the index was built on. */
export interface IdDrift {
  /** New items that were looked at: all, or some ten thousand of a larger number, by a hash of their item IDs. */
  items: number;
  /** How many of them leave more over, ||z - sum of q||^2, than 99% of the catalogue did. */
  outside: number;
  /** outside / items, about 0.01 while nothing has changed; 0 without items. */
  share: number;
  /** In plain words, when there are more of them than chance explains. */
  warning?: string;
}

/** The rows to look at: all, or those with the smallest hashes. Independent of the order of the rows. */
export function sampleRows(itemIds: readonly ItemId[]): Uint32Array {
  const rows = Uint32Array.from(itemIds.keys());
  if (itemIds.length <= SAMPLE) return rows;
  const hashes = Uint32Array.from(itemIds, hashItemId);
  const largest = hashes.slice().sort()[SAMPLE - 1]!;
  return rows.filter((row) => hashes[row]! <= largest);
}

/** What 99% of the left-overs do not exceed. */
export function driftLimit(leftOvers: Float64Array): number {
  return leftOvers.slice().sort()[Math.ceil(WITHIN * leftOvers.length) - 1]!;
}

export function describeDrift(items: number, outside: number): IdDrift {
  const drift: IdDrift = { items, outside, share: items === 0 ? 0 : outside / items };
  const expected = (1 - WITHIN) * items;
  // Three standard deviations of a binomial count above its mean.
  if (outside >= 2 && outside > expected + 3 * Math.sqrt(expected * WITHIN)) {
    const percent = (Math.round(1000 * drift.share) / 10).toFixed(1);
    drift.warning = `${outside} of ${counted(items, "new item")} (${percent}%) lie farther from their ID than 99% of the catalogue did when the index was built; 1% would be usual. The catalogue is moving away from what the model has learned: train a new model when this goes on`;
  }
  return drift;
}
