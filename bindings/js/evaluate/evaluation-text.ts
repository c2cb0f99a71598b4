/** An evaluation in words and tables. */

import { invalid } from "../base/errors.ts";
import { fields, finite, list, oneOf, optional, type Shape, text, whole } from "../base/json-shape.ts";
import { requireThat } from "../base/option-reader.ts";
import { latexTable, markdownTable } from "../base/tables.ts";
import { counted, wholePercent } from "../base/words.ts";
import {
  type Comparison,
  type EvaluationFigures,
  type IdEvaluation,
  REACH,
  type SplitEvaluation,
} from "./evaluation.ts";
import { CUTOFFS, type Interval, MEASURE_NAMES, MEASURES, type MeasureName } from "./measures.ts";

const SPLITS = { leaveOneOut: "leave-one-out", time: "split in time", position: "split by position" } as const;
const TITLES = { recall: "Recall", ndcg: "NDCG", mrr: "MRR" } as const;
/** Measures whose differences the text has. */
const TOLD: readonly MeasureName[] = ["recall@10", "ndcg@10"];

const figure = (x: number) => x.toFixed(4).replace(/^0/, "");
/** "+.0053 ± .0013"; what is rounded to zero is no loss. */
const gain = ({ mean, margin }: Interval) =>
  `${Math.round(1e4 * mean) < 0 ? "-" : "+"}${figure(Math.abs(mean))} ± ${figure(margin)}`;

/** What the models are, and what an evaluation does not say. */
function notesOf({ sets }: EvaluationFigures): string[] {
  const several = sets.filter(({ seeds }) => seeds > 1);
  const seeds = several.map(({ name, seeds: n }) => `${name} ${n}`).join(", ");
  return [
    "Rows with the name of a set: what came after items whose IDs begin with the same codes as those of the last two items, and popularity. Shuffled: the same, with the IDs shuffled among the items. Random IDs: codes drawn at random.",
    `Item bigrams: what came directly after the last two items. Item graph: what was chosen at most ${counted(REACH, "choice")} before or after them, by 1 / distance. Both with popularity, and without IDs.`,
    "A recommended ID of several items counts by the item's share of them; equal scores count by the expected value over their orders.",
    `Differences have 95% intervals, paired over the users${seeds === "" ? ". Each set has one seed: the intervals do not say what another seed would give" : `; they include what the seeds differ by (${seeds})`}.`,
    "These models count and learn nothing else. A large model may rank IDs differently: try the best two or three with yours. IDs from vectors that were trained on these histories may have seen what is to be found.",
  ];
}

/** Whether a set beats what says nothing, by Recall@10. */
function verdictOf(name: string, comparisons: readonly Comparison[]): string {
  const beats = (isMeant: (each: Comparison) => boolean) =>
    comparisons
      .filter((each) => each.of === name && isMeant(each))
      .every(({ measures: { "recall@10": recall } }) => recall.mean > recall.margin);
  if (!beats(({ over }) => over === `${name}, shuffled`))
    return `${name}: no better than the same IDs shuffled. Its codes say nothing about what users choose next.`;
  const notBeaten = ["item bigrams", "random IDs"].filter((rival) => !beats(({ over }) => over === rival));
  const beyond =
    notBeaten.length === 0
      ? ", beyond what the items themselves do"
      : `. But it is not certainly better than ${notBeaten.join(" and ")}, which do not know what items are like`;
  return `${name}: its codes say something about what users choose next${beyond}.`;
}

/** In plain words, several lines. */
export function describeEvaluation(evaluation: EvaluationFigures): string {
  const { items, users, choices, left, sets, splits } = evaluation;
  const lines = [
    `${counted(items, "item")}, ${counted(choices, "choice")} of ${counted(users, "user")}; IDs of ${sets.map(({ name, codebookSizes }) => `${codebookSizes.join(" x ")} codes (${name})`).join(", ")}`,
    ...left,
  ];
  for (const split of splits) lines.push("", ...describeSplit(split, sets));
  lines.push("", ...notesOf(evaluation));
  return lines.join("\n");
}

/** Where it is certain that something was seen, and not that a few hashes are equal by chance. */
const SEEN = 0.02;

/** Warnings about sets that have seen what is to be found; a word about those that have not. */
export function leaksOf({ seen = [] }: Pick<SplitEvaluation, "seen">): string[] {
  return seen.map(({ set, share }) =>
    share < SEEN
      ? `${set} was made of what users chose, but not of the choices that are to be found here.`
      : `Warning: ${set} was made of what users chose, ${share > 0.99 ? "the choices that are to be found here included" : `among it ${wholePercent(share)} of the choices that are to be found here`}: its figures are too high. Make IDs of what is seen only: leaveOut of rqvae/fusion, or --held-out last, time or both of rqvae train and fuse.`,
  );
}

function describeSplit(
  { text, users, models, comparisons, seen }: SplitEvaluation,
  sets: EvaluationFigures["sets"],
): string[] {
  if (users === 0) return [text, "  There is nothing to be found, and so no figures."];
  const width = Math.max(...models.map(({ name }) => name.length)) + 2;
  const cells = (texts: readonly string[]) => texts.map((each) => each.padStart(7)).join("");
  const lines = [
    ...[text, ...leaksOf({ ...(seen && { seen }) })],
    "",
    `  ${"".padEnd(width)}${MEASURES.map((measure) => TITLES[measure].padStart(7).padEnd(7 * CUTOFFS.length))
      .join("")
      .trimEnd()}`,
    `  ${"".padEnd(width)}${cells(MEASURES.flatMap(() => CUTOFFS.map((k) => `@${k}`)))}`,
    ...models.map(
      ({ name, measures }) => `  ${name.padEnd(width)}${cells(MEASURE_NAMES.map((m) => figure(measures[m])))}`,
    ),
  ];
  const [first] = sets;
  const told = comparisons.filter(
    ({ of, over, kind }) => over !== "popularity" && (kind !== "ids" || of === first?.name || over === first?.name),
  );
  const wide = Math.max(...told.map(({ of, over }) => of.length + over.length)) + 6;
  lines.push(
    "",
    `  ${"Differences".padEnd(wide + 2)}${TOLD.map((name) =>
      name
        .replace(/^./, (c) => c.toUpperCase())
        .replace("Ndcg", "NDCG")
        .padStart(18),
    ).join("")}`,
    ...told.map(
      ({ of, over, measures }) =>
        `    ${`${of} over ${over}`.padEnd(wide)}${TOLD.map((name) => gain(measures[name]).padStart(18)).join("")}`,
    ),
    "",
    ...sets.map(({ name }) => `  ${verdictOf(name, comparisons)}`),
  );
  return lines;
}

export const EVALUATION_FORMATS = ["text", "markdown", "latex", "json"] as const;
/** How an evaluation is written: in words, as tables of a note or a paper, or as data. */
export type EvaluationFormat = (typeof EVALUATION_FORMATS)[number];

const measures = (of: Shape) => fields(Object.fromEntries(MEASURE_NAMES.map((name) => [name, of])));
const kind = oneOf(["baseline", "control", "ids"]);
const EVALUATION = fields({
  ...{ items: whole(), users: whole(), choices: whole(), left: list(text) },
  sets: list(fields({ name: text, seeds: whole(1), codebookSizes: list(whole(1)) })),
  splits: list(
    fields({
      ...{ name: oneOf(Object.keys(SPLITS)), text, users: whole(), targets: whole() },
      seen: optional(list(fields({ set: text, share: finite }))),
      models: list(fields({ name: text, kind, set: optional(text), seeds: whole(1), measures: measures(finite) })),
      comparisons: list(
        fields({ of: text, over: text, kind, measures: measures(fields({ mean: finite, margin: finite })) }),
      ),
    }),
  ),
});

/**
 * An evaluation as "text", as tables in "markdown" or "latex" (for the package booktabs), one for each way to divide histories, or as "json".
 * @throws InvalidInputError for another format, or what is no evaluation.
 */
export function evaluationTable(evaluation: IdEvaluation, format: EvaluationFormat = "markdown"): string {
  EVALUATION(evaluation, (what) => invalid()`${{ argument: "evaluation" }} must be what evaluateIds gives: ${what}`);
  requireThat(EVALUATION_FORMATS.includes(format), "format", `one of ${EVALUATION_FORMATS.join(", ")}`, format);
  if (format === "text") return `${describeEvaluation(evaluation)}\n`;
  if (format === "json") return `${JSON.stringify({ ...evaluation, text: undefined }, undefined, 2)}\n`;
  const { splits, left } = evaluation;
  return splits
    .map((split, s) => {
      const table = tableOf(split, s === splits.length - 1 ? [...left, ...notesOf(evaluation)] : []);
      return format === "latex" ? latexTable(table) : markdownTable(table);
    })
    .join("\n");
}

function tableOf({ name, text, models, comparisons, seen }: SplitEvaluation, notes: readonly string[]) {
  const best = MEASURE_NAMES.map((m) => Math.max(...models.map(({ measures }) => measures[m])));
  const over = (of: string) => comparisons.find((each) => each.of === of && each.over === "item bigrams");
  return {
    heads: [
      SPLITS[name],
      ...MEASURES.flatMap((measure) => CUTOFFS.map((k) => `${TITLES[measure]}@${k}`)),
      "Recall@10 over item bigrams",
    ],
    rows: models.map(({ name: model, measures }) => [
      { text: model, isBest: false },
      ...MEASURE_NAMES.map((m, i) => ({ text: figure(measures[m]), isBest: measures[m] === best[i] })),
      { text: over(model) ? gain(over(model)!.measures["recall@10"]) : "", isBest: false },
    ]),
    left: 1,
    notes: [text, ...leaksOf({ ...(seen && { seen }) }), ...notes],
    hasRule: (i: number) => i > 0 && models[i]!.kind !== models[i - 1]!.kind && models[i - 1]!.kind === "baseline",
  };
}
