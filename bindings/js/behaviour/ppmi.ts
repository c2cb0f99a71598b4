/** Positive pointwise mutual information of what is chosen together. */

import { exp, ln } from "../base/logarithm.ts";
import { type Followers, inSlices } from "./followers.ts";

/** A sparse matrix by rows: row i has the entries `starts[i]` ... `starts[i + 1] - 1`. */
export interface SparseMatrix {
  readonly starts: Uint32Array;
  readonly columns: Uint32Array;
  readonly values: Float32Array;
}

/**
 * Entry (a, b) is max(0, ln p(a, b) - (ln p(a) p'(b) + ln p'(a) p(b)) / 2), where p' is proportional to p to the power of `smoothing`: the
 * information of Levy, Goldberg & Dagan (2015, eq. 3), whose contexts have a smoothed distribution, as the mean of a as the context of b
 * and b as that of a, so that the matrix is symmetric. Smoothing below 1 makes rare items less informative.
 * @param together What was chosen near each item; (a, b) counts as (b, a) does.
 */
export async function positivePmi(
  { starts, groups, counts, totals }: Followers,
  smoothing: number,
  signal: AbortSignal | undefined,
): Promise<SparseMatrix> {
  const rows = totals.length;
  const all = totals.reduce((sum, total) => sum + total, 0);
  // Powers are of multiples of the least total, which are 1 or more, as `ln` wants them.
  const least = totals.reduce((min, total) => (total > 0 && total < min ? total : min), Number.POSITIVE_INFINITY);
  const smooth = totals.map((total) => (total > 0 ? exp(smoothing * ln(total / least)) : 0));
  const allSmooth = smooth.reduce((sum, each) => sum + each, 0);
  /** The root of p p' of each item. */
  const expected = totals.map((total, row) => Math.sqrt((total / all) * (smooth[row]! / allSmooth)));
  const kept = new Uint32Array(rows + 1);
  const columns = new Uint32Array(groups.length);
  const values = new Float32Array(groups.length);
  let at = 0;
  await inSlices(rows, signal, (row) => {
    for (let i = starts[row]!; i < starts[row + 1]!; i++) {
      const ratio = counts[i]! / all / (expected[row]! * expected[groups[i]!]!);
      if (ratio <= 1) continue;
      columns[at] = groups[i]!;
      values[at++] = ln(ratio);
    }
    kept[row + 1] = at;
  });
  return { starts: kept, columns: columns.subarray(0, at), values: values.subarray(0, at) };
}
