/** The evaluation of sets of IDs: which models, over which choices, and what comes of it. */

import { inSlices, neighbours, type PairsOf, successors } from "../behaviour/followers.ts";
import type { Histories } from "../formats/histories/histories.ts";
import type { SemanticIds } from "../ids/semantic-ids.ts";
import { itemNumbers, randomIds, shuffledIds } from "./controls.ts";
import { CountingModel, prefixWeights } from "./counting-model.ts";
import {
  type Comparison,
  type EvaluationFigures,
  type IdEvaluation,
  type ModelFigures,
  REACH,
  type SplitEvaluation,
} from "./evaluation.ts";
import { describeEvaluation } from "./evaluation-text.ts";
import { shareSeen } from "./history-sketch.ts";
import { joinSets, type NamedIds } from "./join-sets.ts";
import { addMeasures, type Figure, figureOf, MEASURE_NAMES, meanOfFigure, pairedDifference } from "./measures.ts";
import { type Choices, leaveOneOut, type Split, splitInTime } from "./splits.ts";

/** The share of item bigrams and of the graph; popularity has the rest. */
const KNOWN = 0.75;

/** One way to recommend, by one or several seeds. */
interface Way extends Omit<ModelFigures, "seeds" | "measures"> {
  seeds: readonly SemanticIds[];
  weights: readonly number[];
  pairsOf: PairsOf;
}

/** See `evaluateIds` in evaluate-ids.ts, which has checked what is given. */
export async function evaluate(
  sets: readonly NamedIds[],
  histories: Histories,
  itemIds: readonly string[] | undefined,
  heldOut: number,
  signal: AbortSignal | undefined,
): Promise<IdEvaluation> {
  const joined = await joinSets(sets, histories, itemIds, signal);
  const { choices, items } = joined;
  const ways = waysOf(joined.sets, items);
  const splits: SplitEvaluation[] = [];
  for (const divide of [
    (all: Choices) => leaveOneOut(all, signal),
    (all: Choices) => splitInTime(all, heldOut, signal),
  ]) {
    const seen = await seenBy(sets, histories, itemIds, divide);
    splits.push({ ...(await evaluateSplit(await divide(choices), ways, signal)), ...(seen.length > 0 && { seen }) });
  }
  const figures: EvaluationFigures = {
    items,
    users: choices.offsets.length - 1,
    choices: choices.items.length,
    left: joined.left,
    sets: joined.sets.map(({ name, seeds }) => ({ name, seeds: seeds.length, codebookSizes: seeds[0]!.codebookSizes })),
    splits,
  };
  return { ...figures, text: describeEvaluation(figures) };
}

function waysOf(sets: readonly { name: string; seeds: readonly SemanticIds[] }[], items: number): Way[] {
  const numbers = [itemNumbers(items)];
  const byItem = (name: string, share: number, pairsOf: PairsOf): Way => ({
    ...{ name, kind: "baseline", seeds: numbers, weights: [1 - share, share], pairsOf },
  });
  const byCodes = (name: string, kind: Way["kind"], seeds: readonly SemanticIds[], set?: string): Way => ({
    ...{ name, kind, seeds, weights: prefixWeights(seeds[0]!.levels), pairsOf: successors },
    ...(set !== undefined && { set }),
  });
  return [
    byItem("popularity", 0, successors),
    byItem("item bigrams", KNOWN, successors),
    byItem("item graph", KNOWN, neighbours(REACH)),
    byCodes("random IDs", "control", [randomIds(sets[0]!.seeds[0]!, 0)]),
    ...sets.flatMap(({ name, seeds }) => [
      byCodes(`${name}, shuffled`, "control", seeds.map(shuffledIds), name),
      byCodes(name, "ids", seeds, name),
    ]),
  ];
}

async function evaluateSplit(
  split: Split,
  ways: readonly Way[],
  signal: AbortSignal | undefined,
): Promise<SplitEvaluation> {
  const figures: Figure[][] = [];
  const users = usersOf(split);
  for (const { seeds, weights, pairsOf } of ways) {
    const bySeed: Float64Array[][] = [];
    for (const ids of seeds) {
      const model = await CountingModel.count(ids, split, signal, weights, pairsOf);
      bySeed.push(await measure(model, split, users, signal));
    }
    figures.push(MEASURE_NAMES.map((_, m) => figureOf(bySeed.map((measures) => measures[m]!))));
  }
  const models = ways.map(({ weights: _, pairsOf: __, seeds, ...way }, w) => ({
    ...way,
    seeds: seeds.length,
    measures: byName((m) => meanOfFigure(figures[w]![m]!)),
  }));
  const comparisons: Comparison[] = [];
  ways.forEach(({ name, kind, set }, w) => {
    if (kind !== "ids") return;
    ways.forEach((other, o) => {
      const isOwn = other.kind !== "control" || other.set === undefined || other.set === set;
      if (!isOwn || o === w || (other.kind === "ids" && o < w)) return;
      const measures = byName((m) => pairedDifference(figures[w]![m]!, figures[o]![m]!));
      comparisons.push({ of: name, over: other.name, kind: other.kind, measures });
    });
  });
  return { name: split.name, text: split.text, users, targets: split.targets.length, models, comparisons };
}

/** The sets that were made of what users chose, and how much of what is to be found they have seen. */
async function seenBy(
  sets: readonly NamedIds[],
  histories: Histories,
  itemIds: readonly string[] | undefined,
  divide: (all: Choices) => Promise<Split>,
): Promise<{ set: string; share: number }[]> {
  const made = sets.flatMap(({ name, seeds }) => seeds.flatMap(({ madeFrom }) => (madeFrom ? { name, madeFrom } : [])));
  if (made.length === 0) return [];
  const { targets } = await divide(histories);
  const shares = new Map<string, number>();
  for (const { name, madeFrom } of made) {
    const share = shareSeen(madeFrom, histories, itemIds, targets);
    if (share !== undefined) shares.set(name, Math.max(share, shares.get(name) ?? 0));
  }
  return Array.from(shares, ([set, share]) => ({ set, share }));
}

/** Recall@10 of a model. */
export async function evaluateChoices(model: CountingModel, split: Split, signal?: AbortSignal): Promise<Figure> {
  const users = usersOf(split);
  const measures = await measure(model, split, users, signal);
  return figureOf([measures[MEASURE_NAMES.indexOf("recall@10")]!]);
}

const usersOf = ({ firsts }: Split) => firsts.reduce((n, first, u) => n + Number(u > 0 && first > firsts[u - 1]!), 0);

const byName = <T>(of: (m: number) => T) =>
  Object.fromEntries(MEASURE_NAMES.map((name, m) => [name, of(m)])) as Record<(typeof MEASURE_NAMES)[number], T>;

/** By measure, the mean over the targets of each user that has any. */
async function measure(
  model: CountingModel,
  { items, offsets, targets, firsts }: Split,
  users: number,
  signal: AbortSignal | undefined,
): Promise<Float64Array[]> {
  const measures = MEASURE_NAMES.map(() => new Float64Array(users));
  const sums = new Float64Array(MEASURE_NAMES.length);
  let at = 0;
  await inSlices(
    firsts.length - 1,
    signal,
    (user) => {
      const [first, end] = [firsts[user]!, firsts[user + 1]!];
      if (first === end) return;
      sums.fill(0);
      for (const target of targets.subarray(first, end)) {
        addMeasures(model.rank(items.subarray(offsets[user]!, target), items[target]!), sums);
      }
      measures.forEach((values, m) => {
        values[at] = sums[m]! / (end - first);
      });
      at++;
    },
    8,
  );
  return measures;
}
