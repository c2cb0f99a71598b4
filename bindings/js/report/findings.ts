/** What the figures of a report mean: what is fine and what to do. */

import type { IdReport, LevelReport } from "./id-report.ts";
import { percent, plural, shapeOf, thousands } from "./words.ts";

/** One thing worth knowing. */
export interface Finding {
  /** "good": nothing to do; "note": to be known; "problem": something to do. */
  kind: "good" | "note" | "problem";
  text: string;
}

/** Share of items in true collisions up to which there is nothing to worry about, and from which more room is needed. */
const FEW_COLLIDING = 0.05;
const MANY_COLLIDING = 0.2;
/** A neighbour shares the first code this many times as often as any item, or the codes say little about the items. */
const WORTH_SHARING = 2;
/** Shares that differ by no more than this are nearly the same. */
const NEARLY = 0.01;

/** Everything worth saying about a report, the most important first. */
export function findingsOf(report: IdReport): Finding[] {
  return [...aboutCollisions(report), ...aboutLevels(report), ...aboutMeaning(report), ...aboutBaseline(report)];
}

const SUFFIX = 'SemanticIdIndex.build(..., { collisions: "suffix" })';

function aboutCollisions(report: IdReport): Finding[] {
  const { items, itemsSharing, duplicates, perLevel } = report;
  if (itemsSharing === 0) return items > 1 ? [{ kind: "good", text: "every ID leads to exactly one item." }] : [];
  const colliding = duplicates?.itemsColliding ?? itemsSharing;
  const findings: Finding[] = [];
  if (colliding > 0) {
    const share = colliding / items;
    const what = `${percent(share)} of the items share an ID with ${duplicates ? "an item of another vector" : "another item"}`;
    const sizes = perLevel.map(({ codebookSize }) => codebookSize);
    const room = sizes.reduce((product, size) => product * size, 1);
    if (room < items) {
      findings.push({
        kind: "problem",
        text: `${shapeOf(sizes)} codes make only ${thousands(room)} IDs for ${thousands(items)} items: use more levels or codes (adviseCapacity says how many).`,
      });
    } else if (share > MANY_COLLIDING) {
      findings.push({
        kind: "problem",
        text: `${what}, more than in most published IDs (0.1 % to 18 % duplicates): use one more level or more codes, then give what is left a suffix with ${SUFFIX}.`,
      });
    } else if (share > FEW_COLLIDING) {
      findings.push({
        kind: "note",
        text: `${what}, as in many published IDs (0.1 % to 18 % duplicates). If an ID must lead to one item, use ${SUFFIX}; one more level or more codes make collisions rarer.`,
      });
    } else {
      findings.push({
        kind: "good",
        text: `${what}, few enough (published IDs have 0.1 % to 18 % duplicates). If an ID must lead to one item, use ${SUFFIX}.`,
      });
    }
  }
  if (duplicates && duplicates.itemsIdentical > 0) {
    const only = colliding === 0;
    findings.push({
      kind: only ? "good" : "note",
      text: `${plural(duplicates.itemsIdentical, "item")} share an ID with an item of the very same vector: no model tells these apart, a suffix does${only ? `; every different vector has an ID of its own` : ""}.`,
    });
  }
  return findings;
}

function aboutLevels({ perLevel, items, duplicates }: IdReport): Finding[] {
  return perLevel.flatMap((level, l): Finding[] => {
    const { usedCodes, codebookSize, perplexity } = level;
    if (codebookSize === 1 || items === 1 || duplicates?.distinctVectors === 1) return [];
    if (usedCodes > 1 && !isStarved(level, items)) return [];
    const what =
      usedCodes === 1
        ? "gives all items the same code"
        : `is used as if it had ${plural(Math.round(perplexity), "code")} instead of ${thousands(codebookSize)}`;
    return [
      {
        kind: "problem",
        text: `level ${l + 1} ${what}: train again with deadCodeRestart or a smaller learning rate, or take fewer codes there.`,
      },
    ];
  });
}

function aboutMeaning({ neighbours, perDepth, reconstruction }: IdReport): Finding[] {
  const findings: Finding[] = [];
  const chance = perDepth[0]!.chanceOfSharing;
  const share = neighbours?.sharing[0];
  if (share !== undefined && chance > 0 && chance < 1) {
    const times = share / chance;
    const how = times >= 10 ? `${thousands(Math.round(times))} times` : `${times.toFixed(1)} times`;
    const what = `an item's nearest neighbours share its first code ${how} as often as any two items`;
    findings.push(
      times >= WORTH_SHARING
        ? { kind: "good", text: `${what}: alike items begin alike.` }
        : {
            kind: "problem",
            text: `${what}: the first code says little about what an item is. Train again, or longer.`,
          },
    );
  }
  if (reconstruction && reconstruction.explainedVariance <= 0) {
    findings.push({
      kind: "problem",
      text: "the IDs explain nothing of the items' variance: is this the model that was trained on these items?",
    });
  }
  return findings;
}

function aboutBaseline(report: IdReport): Finding[] {
  const kmeans = report.baselines?.residualKMeans;
  if (!kmeans) return [];
  const [own, its] = [report.reconstruction?.explainedVariance, kmeans.reconstruction?.explainedVariance];
  const [ownDistinct, itsDistinct] = [distinctAmongDistinct(report), distinctAmongDistinct(kmeans)];
  if (own === undefined || its === undefined || ownDistinct === undefined || itsDistinct === undefined) return [];
  const what = `the IDs explain ${percent(own)} of the items' variance, residual k-means of the same size ${percent(its)}; ${percent(ownDistinct)} of the different vectors have distinct IDs, there ${percent(itsDistinct)}`;
  const [variance, distinct] = [own - its, ownDistinct - itsDistinct];
  if (variance === 0 && distinct === 0) return [{ kind: "note", text: `${what}: no difference.` }];
  if (variance >= 0 && distinct >= -NEARLY) return [{ kind: "good", text: `${what}: training was worth it.` }];
  if (variance >= -NEARLY && distinct > NEARLY) {
    return [{ kind: "good", text: `${what}: training tells more items apart and is nearly as exact.` }];
  }
  if (distinct > NEARLY) return [{ kind: "note", text: `${what}: training tells more items apart and is less exact.` }];
  return [
    {
      kind: "problem",
      text: `${what}: training has made less of the codes than k-means does. RQVAE.fit starts from it: train with its defaults, or use residualKMeans.`,
    },
  ];
}

/** With few items per code, unused codes are no sign of collapse. */
export function isStarved({ perplexity, codebookSize }: LevelReport, items: number): boolean {
  return perplexity < 0.25 * Math.min(codebookSize, items);
}

/** Distinct IDs / distinct vectors. */
export function distinctAmongDistinct({ distinctIds, duplicates }: IdReport): number | undefined {
  return duplicates && distinctIds / duplicates.distinctVectors;
}
