/** Recall, NDCG and MRR of one item that is to be found, exact where scores are equal or an ID has several items. */

import { ln } from "../base/logarithm.ts";
import type { Rank } from "./counting-model.ts";

/** How many recommendations count. */
export const CUTOFFS = [5, 10, 20] as const;
export const MEASURES = ["recall", "ndcg", "mrr"] as const;
/** `recall@5` ... `mrr@20`, in this order. */
export type MeasureName = `${(typeof MEASURES)[number]}@${(typeof CUTOFFS)[number]}`;
export const MEASURE_NAMES = MEASURES.flatMap((measure) => CUTOFFS.map((k): MeasureName => `${measure}@${k}`));

const LONGEST = CUTOFFS.at(-1)!;
/** What a place is worth, from the first one on. */
const WORTH: Record<(typeof MEASURES)[number], (place: number) => number> = {
  recall: () => 1,
  ndcg: (place) => Math.LN2 / ln(place + 1),
  mrr: (place) => 1 / place,
};
/** By measure, the sum over the first 0, 1, 2, ... places. */
const SUMS = MEASURES.map((measure) => {
  const sums = new Float64Array(LONGEST + 1);
  for (let place = 1; place <= LONGEST; place++) sums[place] = sums[place - 1]! + WORTH[measure](place);
  return sums;
});

/**
 * Adds the measures of one item to `sums`, in the order of `MEASURE_NAMES`. Recommended are IDs: one of several items counts 1 / open. IDs
 * of the same score stand in a random order, of which this is the expected value.
 */
export function addMeasures({ ahead, level, open }: Rank, sums: Float64Array): void {
  if (ahead >= LONGEST) return;
  MEASURES.forEach((_, m) => {
    CUTOFFS.forEach((k, c) => {
      const until = Math.min(k, ahead + level);
      if (until <= ahead) return;
      sums[m * CUTOFFS.length + c]! += (SUMS[m]![until]! - SUMS[m]![ahead]!) / (level * open);
    });
  });
}

/** A mean difference over users, with half the width of its 95% interval. */
export interface Interval {
  mean: number;
  margin: number;
}

/** Of the normal distribution, and of Student's t by degrees of freedom from 1 on; beyond the last, the normal one serves. */
const NORMAL = 1.96;
const STUDENT = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.2, 2.18, 2.16, 2.14, 2.13];

function varianceOf(values: ArrayLike<number>, mean: number): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i]! - mean) ** 2;
  return values.length < 2 ? 0 : sum / (values.length - 1);
}

function meanOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return values.length === 0 ? 0 : sum / values.length;
}

/** One measure of one model. */
export interface Figure {
  /** Of each user, the mean over the seeds. */
  byUser: Float64Array;
  /** Of each seed, the mean over the users. */
  bySeed: readonly number[];
}

/** @param seeds By seed, then by user. */
export function figureOf(seeds: readonly Float64Array[]): Figure {
  const byUser = new Float64Array(seeds[0]!.length);
  for (const values of seeds) {
    for (let user = 0; user < values.length; user++) byUser[user]! += values[user]! / seeds.length;
  }
  return { byUser, bySeed: seeds.map(meanOf) };
}

export const meanOfFigure = ({ byUser }: Figure): number => meanOf(byUser);

/** Half the width of the interval of a mean over seeds, if there are several. */
function seedMargin({ bySeed }: Figure): number {
  if (bySeed.length < 2) return 0;
  return (STUDENT[bySeed.length - 2] ?? NORMAL) * Math.sqrt(varianceOf(bySeed, meanOf(bySeed)) / bySeed.length);
}

/**
 * Mean difference over the same users. Its margin joins what users and what the seeds of both differ by, as the root of the sum of squares:
 * by the normal distribution over users, by Student's t over seeds.
 */
export function pairedDifference(a: Figure, b: Figure): Interval {
  const differences = a.byUser.map((value, user) => value - b.byUser[user]!);
  const mean = meanOf(differences);
  const users = NORMAL * Math.sqrt(varianceOf(differences, mean) / Math.max(1, differences.length));
  return { mean, margin: Math.sqrt(users ** 2 + seedMargin(a) ** 2 + seedMargin(b) ** 2) };
}
