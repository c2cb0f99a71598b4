/** What the figures of a report mean: what is fine and what to do. */

import { option, type Wording, worded } from "../base/wording.ts";
import { counted, percent, thousands } from "../base/words.ts";
import { codesMake } from "../ids/code-words.ts";
import { aboutConstant, aboutDominant, dominance } from "../items/item-profile.ts";
import { judge } from "../model/verdict.ts";
import type { Verdict } from "../types.ts";
import type { LevelReport, ReportFigures } from "./figures.ts";

/**
 * What a finding is about, for programs that say it in their own words.
 * - About the items: "constantItems", "dominantColumn".
 * - About shared IDs: "noneShared", "tooFewIds" (for the items), "manyShared", "someShared", "fewShared", "sharedByCopies" (same vector).
 * - About the codes: "starvedLevel", "nearShareCodes", "codesSayLittle", "nothingExplained".
 * - About histories: "choicesAgree", "choicesDisagree".
 * - Next to residual k-means: "better", "same", "moreDistinct", "moreExact", "worse" (see `Verdict`).
 */
export type FindingCode =
  | "constantItems"
  | "dominantColumn"
  | "noneShared"
  | "tooFewIds"
  | "manyShared"
  | "someShared"
  | "fewShared"
  | "sharedByCopies"
  | "starvedLevel"
  | "nearShareCodes"
  | "codesSayLittle"
  | "nothingExplained"
  | "choicesAgree"
  | "choicesDisagree"
  | Verdict;

/** One thing worth knowing. */
export interface Finding {
  /** "good": nothing to do; "note": worth knowing; "problem": something to do. */
  kind: "good" | "note" | "problem";
  /** What it is about. */
  code: FindingCode;
  text: string;
  /** The level that it is about, from 0; absent if it is not about one level. */
  level?: number;
}

/** The text in parts, so that the command line can word it in its own way. */
export interface WordedFinding extends Omit<Finding, "text"> {
  text: Wording;
}

/** The share of items in true collisions that is harmless, and the share above which more IDs are needed. */
const FEW_COLLIDING = 0.05;
const MANY_COLLIDING = 0.2;
/** If the previous levels tell this share of the different vectors apart, a level has little left to do. */
const FEW_DISTINCT = 0.9;
/** A neighbour must share the first code this many times as often as a random item, or the codes say little about the items. */
const WORTH_SHARING = 2;

/** Everything worth saying about a report, most important first. */
export function findingsOf(report: ReportFigures): WordedFinding[] {
  // If all items are the same there is nothing to tell apart, and the other findings would blame the model for the data.
  const { items, duplicates } = report;
  if (items > 1 && duplicates?.distinctVectors === 1) {
    return [{ kind: "problem", code: "constantItems", text: worded`${aboutConstant(items)}.` }];
  }
  return [
    ...aboutItems(report),
    ...aboutCollisions(report),
    ...aboutLevels(report),
    ...aboutMeaning(report),
    ...aboutBehaviour(report),
    ...aboutBaseline(report),
  ];
}

/** What is wrong with the items, independent of their IDs. */
function aboutItems({ dominantColumn }: ReportFigures): WordedFinding[] {
  if (!dominantColumn) return [];
  const { column, name, isScaled } = dominantColumn;
  const names: string[] = [];
  if (name !== undefined) names[column] = name;
  return isScaled
    ? [
        {
          kind: "note",
          code: "dominantColumn",
          text: [
            `${dominance(dominantColumn, names)}. The model scales each dimension separately, but the figures below use the unscaled values, so they are mostly about this column.`,
          ],
        },
      ]
    : [
        {
          kind: "problem",
          code: "dominantColumn",
          text: worded`${aboutDominant(dominantColumn, names)}. The figures below are mostly about this column.`,
        },
      ];
}

const SUFFIX = { api: 'SemanticIdIndex.build(..., { collisions: "suffix" })', cli: "rqvae encode --collisions suffix" };
const CAPACITY = { api: "adviseCapacity", cli: "rqvae report --capacity" };
const KMEANS = { api: "residualKMeans", cli: "rqvae kmeans" };
const FIT = { api: "RQVAE.fit", cli: "rqvae train" };

function aboutCollisions(report: ReportFigures): WordedFinding[] {
  const { items, itemsSharing, duplicates, perLevel } = report;
  if (itemsSharing === 0)
    return items > 1 ? [{ kind: "good", code: "noneShared", text: ["every ID leads to exactly one item."] }] : [];
  const colliding = duplicates?.itemsColliding ?? itemsSharing;
  const findings: WordedFinding[] = [];
  if (colliding > 0) {
    const share = colliding / items;
    const what = `${percent(share)} of the items share an ID with ${duplicates ? "an item that has a different vector" : "another item"}`;
    const sizes = perLevel.map(({ codebookSize }) => codebookSize);
    const room = sizes.reduce((product, size) => product * size, 1);
    const wanted = duplicates?.distinctVectors ?? items;
    if (room < wanted) {
      findings.push({
        kind: "problem",
        code: "tooFewIds",
        text: worded`${codesMake(sizes)} only ${counted(room, "ID")} for ${counted(wanted, duplicates ? "different vector" : "item")}: use more levels or codes (${CAPACITY} says how many).`,
      });
    } else if (share > MANY_COLLIDING) {
      findings.push({
        kind: "problem",
        code: "manyShared",
        text: worded`${what}, more than in most published IDs (0.1% to 18% duplicates): use one more level or more codes, then give what is left a suffix with ${SUFFIX}.`,
      });
    } else if (share > FEW_COLLIDING) {
      findings.push({
        kind: "note",
        code: "someShared",
        text: worded`${what}, as in many published IDs (0.1% to 18% duplicates). If an ID must lead to one item, use ${SUFFIX}; one more level or more codes make collisions rarer.`,
      });
    } else {
      findings.push({
        kind: "good",
        code: "fewShared",
        text: worded`${what}, few enough (published IDs have 0.1% to 18% duplicates). If an ID must lead to one item, use ${SUFFIX}.`,
      });
    }
  }
  if (duplicates && duplicates.itemsIdentical > 0) {
    const only = colliding === 0;
    findings.push({
      kind: only ? "good" : "note",
      code: "sharedByCopies",
      text: worded`${counted(duplicates.itemsIdentical, "item")} share an ID with an item that has the same vector: no model can tell these apart, but a suffix can${only ? `; every different vector has an ID of its own` : ""}.`,
    });
  }
  return findings;
}

function aboutLevels({ perLevel, perDepth, items, duplicates, mostCodes }: ReportFigures): WordedFinding[] {
  return perLevel.flatMap((level, l): WordedFinding[] => {
    const { usedCodes, codebookSize, perplexity } = level;
    if (codebookSize === 1 || items === 1 || duplicates?.distinctVectors === 1) return [];
    // If the previous levels tell the different vectors apart, little is left for this one.
    const apart = l === 0 ? 1 : perDepth[l - 1]!.distinct;
    if (duplicates && apart >= FEW_DISTINCT * duplicates.distinctVectors) return [];
    if (usedCodes > 1 && !isStarved(level, mostCodes)) return [];
    const what =
      usedCodes === 1
        ? "gives all items the same code"
        : `is used as if it had ${counted(Math.round(perplexity), "code")} instead of ${thousands(codebookSize)}`;
    return [
      {
        kind: "problem",
        code: "starvedLevel",
        level: l,
        text: worded`level ${l + 1} ${what}: train again with ${option("deadCodeRestart", true)} or a smaller ${option("learningRate")}, or use fewer codes there.`,
      },
    ];
  });
}

function aboutMeaning({ neighbours, perDepth, reconstruction, dominantColumn }: ReportFigures): WordedFinding[] {
  const findings: WordedFinding[] = [];
  const chance = perDepth[0]!.chanceOfSharing;
  const share = neighbours?.sharing[0];
  // If one column decides which items are near, nearness means nothing.
  if (share !== undefined && chance > 0 && chance < 1 && !dominantColumn) {
    const times = share / chance;
    const how = times >= 10 ? `${thousands(Math.round(times))} times` : `${times.toFixed(1)} times`;
    const what = `an item's nearest neighbours share its first code ${how} as often as two random items do`;
    findings.push(
      times >= WORTH_SHARING
        ? {
            kind: "good",
            code: "nearShareCodes",
            text: worded`${what}: the IDs of similar items start with the same codes.`,
          }
        : {
            kind: "problem",
            code: "codesSayLittle",
            text: worded`${what}: the first code says little about what an item is. Train again or longer.`,
          },
    );
  }
  if (reconstruction && reconstruction.explainedVariance <= 0) {
    findings.push({
      kind: "problem",
      code: "nothingExplained",
      text: ["the IDs explain none of the items' variance: check that the model was trained on these items."],
    });
  }
  return findings;
}

/** Whether the first code agrees with what people choose together, beside chance and residual k-means. */
function aboutBehaviour({ behaviour, baselines, perDepth }: ReportFigures): WordedFinding[] {
  const own = behaviour?.agreement[0];
  if (!own || behaviour.pairs === 0 || perDepth[0]!.distinct === 1) return [];
  const what = `two items that one person chose share the first code in ${percent(own.share)} of the cases, equally popular items in ${percent(own.popular)}`;
  if (own.share - own.margin <= own.popular) {
    return [
      {
        kind: "problem",
        code: "choicesDisagree",
        text: worded`${what}: the codes say nothing about what people choose. Use vectors that know behaviour, or add them to these.`,
      },
    ];
  }
  const theirs = baselines?.residualKMeans.behaviour?.agreement[0];
  const beside = theirs ? ` (residual k-means: ${percent(theirs.share)})` : "";
  const { difference, margin } = own.overKMeans ?? { difference: 0, margin: 0 };
  const isBehind = difference + margin < 0;
  return [
    {
      kind: isBehind ? "note" : "good",
      code: "choicesAgree",
      text: worded`${what}${beside}: the IDs agree with what people choose${isBehind ? ", but less than k-means does" : ""}.`,
    },
  ];
}

function aboutBaseline(report: ReportFigures): WordedFinding[] {
  const kmeans = report.baselines?.residualKMeans;
  if (!kmeans) return [];
  const [own, its] = [report.reconstruction?.explainedVariance, kmeans.reconstruction?.explainedVariance];
  const [ownDistinct, itsDistinct] = [distinctAmongDistinct(report), distinctAmongDistinct(kmeans)];
  if (own === undefined || its === undefined || ownDistinct === undefined || itsDistinct === undefined) return [];
  const what = `the IDs explain ${percent(own)} of the items' variance (residual k-means of the same size: ${percent(its)}) and give ${percent(ownDistinct)} of the different vectors distinct IDs (k-means: ${percent(itsDistinct)})`;
  const verdict = judge(
    { explainedVariance: own, distinctShare: ownDistinct },
    { explainedVariance: its, distinctShare: itsDistinct },
  );
  const { kind, text } = BESIDE_KMEANS[verdict];
  return [{ kind, code: verdict, text: worded`${what}: ${text}` }];
}

const BESIDE_KMEANS: Record<Verdict, Omit<WordedFinding, "code">> = {
  better: { kind: "good", text: ["training was worth it."] },
  same: { kind: "note", text: ["no difference that matters. Training did not improve on k-means."] },
  moreDistinct: { kind: "note", text: ["training tells more items apart but is less exact."] },
  moreExact: { kind: "note", text: ["training is more exact but tells fewer items apart."] },
  worse: {
    kind: "problem",
    text: worded`training makes worse use of the codes than k-means. Use ${KMEANS}, or start training from k-means, as ${FIT} does.`,
  },
};

/** With few items per code, or many copies, unused codes are no sign of collapse. */
export function isStarved({ perplexity, codebookSize }: LevelReport, mostCodes: number): boolean {
  return perplexity < 0.25 * Math.min(codebookSize, mostCodes);
}

/** Distinct IDs / distinct vectors. */
export function distinctAmongDistinct({ distinctIds, duplicates }: ReportFigures): number | undefined {
  return duplicates && distinctIds / duplicates.distinctVectors;
}
