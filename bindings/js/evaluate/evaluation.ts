/** What an evaluation has found. */

import type { Interval, MeasureName } from "./measures.ts";

/** How many choices apart two items of the item graph are at most. */
export const REACH = 3;

/** What one way of recommending is worth. */
export interface ModelFigures {
  name: string;
  /** Without IDs; with IDs that say nothing; with those of a set. */
  kind: "baseline" | "control" | "ids";
  /** The set that it belongs to. */
  set?: string;
  /** Over how many seeds of the set the figures are means. */
  seeds: number;
  /** From 0 to 1, means over the users. */
  measures: Record<MeasureName, number>;
}

/** What a set gains over another way of recommending, for the same users. */
export interface Comparison {
  of: string;
  over: string;
  kind: ModelFigures["kind"];
  measures: Record<MeasureName, Interval>;
}

/** The figures of one way to divide histories. */
export interface SplitEvaluation {
  /** "position" in place of "time" if the histories have no times. */
  name: "leaveOneOut" | "time" | "position";
  /** What is seen and what is to be found, in words. */
  text: string;
  /** Users who have something to be found. */
  users: number;
  /** Choices that are to be found. */
  targets: number;
  /** Sets that were made of what users chose, and the share of the choices that are to be found which they have seen. */
  seen?: { set: string; share: number }[];
  models: ModelFigures[];
  /** Each set over the baselines, random IDs, itself shuffled, and the sets after it. */
  comparisons: Comparison[];
}

/** What an evaluation has found, in figures. */
export interface EvaluationFigures {
  /** Items that all sets have. */
  items: number;
  users: number;
  choices: number;
  /** What was left out, a sentence each. */
  left: string[];
  sets: { name: string; seeds: number; codebookSizes: readonly number[] }[];
  splits: SplitEvaluation[];
}

/** What `evaluateIds` gives. */
export interface IdEvaluation extends EvaluationFigures {
  /** In plain words, several lines. */
  text: string;
}
