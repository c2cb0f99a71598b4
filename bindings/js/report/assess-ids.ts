import type { SemanticIds } from "../ids/semantic-ids.ts";
import type { AssessOptions } from "./assess.ts";
import type { CapacityAdvice, CapacityOptions } from "./capacity.ts";
import type { IdReport } from "./id-report.ts";

/**
 * A report on the IDs of a whole catalogue: how many are distinct, how the items divide by their first codes, and how the codes are used.
 * With `items` it separates exact duplicates from true collisions and measures whether near items stay together. With `model` as well, the
 * variance that the IDs explain; with `labels`, how well the IDs agree with them. With `baseline: true`, the same figures for residual
 * k-means and a random hash.
 *
 * Counts are exact for any number of items, levels and codes. In catalogues beyond 65,536 rows or 2^25 values, reconstruction and
 * neighbours are measured on a sample that depends only on the number of rows; the report says how many items it has. The numbers are the
 * same on every platform.
 *
 * @throws InvalidInputError if there are no IDs, or if items, labels or model do not belong to them.
 */
export async function assessIds(ids: SemanticIds, options: AssessOptions = {}): Promise<IdReport> {
  const report = await import("./assess.ts"); // clients that only encode do not load it
  return report.assessIds(ids, options);
}

/**
 * Says before any training whether a number of levels and codes is enough for `n` items: how many IDs there are, how many items will share
 * one at best and in practice, and what to use instead.
 *
 * @param n Number of items.
 * @throws InvalidInputError for a value out of range or an unknown option.
 */
export async function adviseCapacity(n: number, options: CapacityOptions = {}): Promise<CapacityAdvice> {
  const capacity = await import("./capacity.ts");
  return capacity.adviseCapacity(n, options);
}
