/**
 * Reports on semantic IDs: whether they are good, why an item has its ID, and why two share one.
 *
 * @module rqvae/report
 */

export { type DominantColumn, type ItemProfile, ItemProfiler } from "../items/item-profile.ts";
export type { Matrix } from "../items/item-rows.ts";
export { countDistinctRows, explainedVariance, nearestNeighbours } from "../items/measures.ts";
export { VectorClasses } from "../items/vector-classes.ts";
export type { AssessOptions } from "./assess.ts";
export { adviseCapacity, assessIds } from "./assess-ids.ts";
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
} from "./explain.ts";
export type {
  DepthReport,
  DominantColumnReport,
  DuplicateReport,
  GroupSize,
  LabelAgreement,
  LevelReport,
  NeighbourReport,
  ReconstructionReport,
} from "./figures.ts";
export type { Finding } from "./findings.ts";
export { type HtmlOptions, reportHtml } from "./html.ts";
export type { IdReport } from "./id-report.ts";
