/**
 * What semantic IDs are worth for recommendation.
 *
 * @module rqvae/evaluate
 */

export { type EvaluateOptions, evaluateIds, type IdSet } from "./evaluate-ids.ts";
export type { Comparison, IdEvaluation, ModelFigures, SplitEvaluation } from "./evaluation.ts";
export { type EvaluationFormat, evaluationTable } from "./evaluation-text.ts";
export type { Interval, MeasureName } from "./measures.ts";
export { PrefixBigrams } from "./prefix-bigrams.ts";
