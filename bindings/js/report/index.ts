/**
 * Reports on semantic IDs: whether they are good, why an item has its ID, and why two share one.
 *
 * @module rqvae/report
 */

export { type AlignedModel, alignCodes } from "./align-codes.ts";
export { adviseCapacity, assessIds } from "./assess-ids.ts";
export type { BranchChange, BranchCounts } from "./branch-changes.ts";
export type { CapacityAdvice } from "./capacity.ts";
export { checkItems, type ItemCheck } from "./check-items.ts";
export { type CompareOptions, compareIds } from "./compare-ids.ts";
export { type Explainer, type Explanation, explainIds } from "./explain.ts";
export type { Finding, FindingCode } from "./findings.ts";
export { reportHtml } from "./html.ts";
export type { DepthComparison, IdComparison, MovedItem } from "./id-comparison.ts";
export type { IdReport } from "./id-report.ts";
