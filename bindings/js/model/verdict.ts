import type { Verdict } from "../types.ts";

/** What IDs are worth beside others of the same items: the one rule for training against its start and for a model against k-means. */

/** What is compared, each a share of 1. */
export interface Worth {
  /** Of the items' variance. */
  explainedVariance: number;
  /** Distinct IDs per item, or per different vector. */
  distinctShare: number;
}

/** Shares that differ by no more than this are the same: half a percentage point. */
export const NEARLY_SAME = 0.005;

export function judge(now: Worth, before: Worth): Verdict {
  const variance = sign(now.explainedVariance - before.explainedVariance);
  const distinct = sign(now.distinctShare - before.distinctShare);
  if (variance === 0 && distinct === 0) return "same";
  if (variance >= 0 && distinct >= 0) return "better";
  if (variance <= 0 && distinct <= 0) return "worse";
  return distinct > 0 ? "moreDistinct" : "moreExact";
}

const sign = (difference: number): -1 | 0 | 1 => (difference > NEARLY_SAME ? 1 : difference < -NEARLY_SAME ? -1 : 0);
