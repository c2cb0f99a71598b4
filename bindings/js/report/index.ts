/**
 * Reports on semantic IDs: whether they are good, why an item has its ID, and why two share one.
 *
 * @module rqvae/report
 */

export type { AssessOptions } from "./assess.ts";
export { adviseCapacity, assessIds } from "./assess-ids.ts";
export type { CapacityAdvice } from "./capacity.ts";
export { checkItems, type ItemCheck } from "./check-items.ts";
export {
  type Collision,
  type Explainer,
  type ExplainOptions,
  type Explanation,
  explainIds,
  type SourceExplainer,
} from "./explain.ts";
export type { Finding } from "./findings.ts";
export { type HtmlOptions, reportHtml } from "./html.ts";
export type { IdReport } from "./id-report.ts";
