/**
 * Reports on semantic IDs: whether they are good, why an item has its ID, and why two share one.
 *
 * @module rqvae/report
 */

export { adviseCapacity, assessIds } from "../assess-ids.ts";
export { type DominantColumn, type ItemProfile, ItemProfiler } from "../item-profile.ts";
export type { AssessOptions } from "./assess.ts";
export type { CapacityAdvice, CapacityOptions, ExpectedCollisions } from "./capacity.ts";
export {
  type Collision,
  Explainer,
  type ExplainOptions,
  type Explanation,
  explainIds,
  type LabelCount,
  type LevelExplanation,
  type NearItem,
  SourceExplainer,
} from "./explain.ts";
export type { Finding } from "./findings.ts";
export { type HtmlOptions, reportHtml } from "./html.ts";
export type {
  DepthReport,
  DominantColumnReport,
  DuplicateReport,
  GroupSize,
  IdReport,
  LabelAgreement,
  LevelReport,
  NeighbourReport,
  ReconstructionReport,
} from "./id-report.ts";
export type { Matrix } from "./item-rows.ts";
export { countDistinctRows, explainedVariance, nearestNeighbours } from "./measures.ts";
export { VectorClasses } from "./vector-classes.ts";
