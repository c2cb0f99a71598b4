import type { IdReport } from "./report.ts";
import type { SemanticIds } from "./semantic-ids.ts";

/**
 * Counts over the IDs of a whole catalogue: how many are distinct, how the items divide level by level, how the codes are used.
 * Exact for every number of levels and codes; the same numbers on every platform.
 *
 * @throws InvalidInputError when there are no IDs.
 */
export async function assessIds(ids: SemanticIds): Promise<IdReport> {
  const report = await import("./report.ts"); // a client that only encodes is spared it
  return report.assessIds(ids);
}
