import type { Verdict } from "../types.ts";

/** How good IDs are compared with others of the same items. The same rule compares training with its start and a model with k-means. */

/** What is compared, each from 0 to 1. */
export interface Worth {
  /** Share of the items' variance. */
  explainedVariance: number;
  /** Distinct IDs per item, or per different vector. */
  distinctShare: number;
}

/** Shares that differ by at most this count as equal: half a percentage point. */
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
