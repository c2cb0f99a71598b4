import type { SemanticIds } from "../ids/semantic-ids.ts";
import type { AssessOptions } from "./assess.ts";
import type { CapacityAdvice, CapacityOptions } from "./capacity.ts";
import type { IdReport } from "./id-report.ts";

/**
 * A report on the IDs of a whole catalogue: how many are distinct, how the items divide by their first codes, how the codes are used;
 * with `items`, exact duplicates apart from true collisions and how near items stay together; with `model` too, the variance that the
 * IDs explain; with `labels`, how well they agree with them; with `baseline: true`, all of it beside residual k-means and a random hash.
 *
 * Counts are exact for every number of items, levels and codes. Reconstruction and neighbours of a catalogue beyond 65,536 rows or 2^25
 * values are measured on a sample of it that depends on the number of rows only; the report says how many. The same numbers on every
 * platform.
 *
 * @throws InvalidInputError when there are no IDs, or items, labels or model do not belong to them.
 */
export async function assessIds(ids: SemanticIds, options: AssessOptions = {}): Promise<IdReport> {
  const report = await import("./assess.ts"); // a client that only encodes is spared it
  return report.assessIds(ids, options);
}

/**
 * Says before any training whether so many levels and codes are enough for `n` items: how many IDs there are, how many items will share
 * one at best and in practice, and what to take instead.
 *
 * @param n Number of items.
 * @throws InvalidInputError for a value out of range or an unknown option.
 */
export async function adviseCapacity(n: number, options: CapacityOptions = {}): Promise<CapacityAdvice> {
  const capacity = await import("./capacity.ts");
  return capacity.adviseCapacity(n, options);
}
