/** The table of a sweep, as papers and notes have it: Markdown, LaTeX or JSON. */

import { type Cell, latexTable, markdownTable } from "../base/tables.ts";
import { counted, thousands } from "../base/words.ts";
import type { Context, RunRecord } from "./record.ts";
import { settingText } from "./settings.ts";
import { type Measure, type Row, type Spread, type Summary, settingCell } from "./summary.ts";

export const TABLE_FORMATS = ["markdown", "latex", "json"] as const;
export type TableFormat = (typeof TABLE_FORMATS)[number];

/** A column of figures: its heading, and how they are written. */
interface Figure {
  of: Measure | "perplexity";
  heading: string;
  /** Shares as per cent. */
  scale?: number;
  digits: number;
  isSigned?: true;
  /** Whole, of one seed. */
  isCount?: true;
}

const FIGURES: readonly Figure[] = [
  { of: "heldOutExplainedVariance", heading: "held-out variance (%)", scale: 100, digits: 2 },
  { of: "gainOverKMeans", heading: "over k-means (points)", scale: 100, digits: 2, isSigned: true },
  { of: "seenExplainedVariance", heading: "seen variance (%)", scale: 100, digits: 2 },
  { of: "distinctIds", heading: "distinct IDs", digits: 1, isCount: true },
  { of: "collisions", heading: "collisions", digits: 1, isCount: true },
  { of: "perplexity", heading: "perplexity by level", digits: 1 },
  { of: "firstCodeNeighbours", heading: "first code shared (%)", scale: 100, digits: 2 },
  { of: "seconds", heading: "seconds", digits: 1 },
];

const METHODS = { rqvae: "RQ-VAE", residualKMeans: "residual k-means" } as const;

/** @param records Those that the summary was made of. */
export function sweepTable(
  summary: Summary,
  records: readonly RunRecord[],
  context: Context,
  format: TableFormat,
): string {
  if (format === "json") return `${JSON.stringify({ ...context, ...summary }, undefined, 2)}\n`;
  const shown = FIGURES.filter(({ of }) => summary.rows.some((row) => row[of] !== undefined));
  const heads = ["method", ...summary.varied, ...shown.map(({ heading }) => heading)];
  const cells = summary.rows.map((row) => [
    { text: methodOf(row), isBest: false },
    ...summary.varied.map((name) => ({ text: settingCell(row, name, records), isBest: false })),
    ...shown.map((figure) => figureCell(row, figure)),
  ]);
  const table = {
    ...{ heads, rows: cells, left: 1 + summary.varied.length, notes: notes(summary, context) },
    hasRule: (i: number) => i > 0 && summary.rows[i]!.method !== summary.rows[i - 1]!.method,
  };
  return format === "latex" ? latexTable(table) : markdownTable(table);
}

function methodOf({ method, seeds, diverged }: Row): string {
  if (diverged.length === 0) return METHODS[method];
  return `${METHODS[method]}, ${diverged.length} of ${seeds.length + diverged.length} diverged`;
}

function figureCell(row: Row, figure: Figure): Cell {
  const { of } = figure;
  const value = row[of];
  const spreads = value === undefined ? [] : Array.isArray(value) ? value : [value];
  return {
    text: spreads.map((spread) => spreadText(spread, figure)).join(" / "),
    isBest: of !== "perplexity" && row.best.includes(of),
  };
}

/** `63.12 ± 0.21`; of one seed without a spread. */
function spreadText({ mean, sd }: Spread, { scale = 1, digits, isSigned, isCount }: Figure): string {
  const write = (x: number) => {
    const text = (scale * x).toFixed(isCount && sd === undefined ? 0 : digits);
    const [, whole = "", rest = ""] = /^([^.]*)(.*)$/.exec(text)!;
    return `${whole.replaceAll(/\B(?=(\d{3})+$)/g, ",")}${rest}`;
  };
  const sign = isSigned && mean > 0 ? "+" : "";
  return sign + write(mean) + (sd === undefined ? "" : ` ± ${write(sd)}`);
}

/** What the figures are, a sentence each. */
function notes({ seeds, fixed, versions, rows }: Summary, { data, heldOut, base }: Context): string[] {
  const spread = seeds.length > 1 ? "Mean ± sample standard deviation over" : "Of";
  const list = seeds.length > 8 ? "" : ` (${seeds.join(", ")})`;
  const isCompared = rows.some(({ best }) => best.length > 0);
  const onTop = settingText(fixed);
  const makers = Object.entries(versions);
  return [
    `${spread} ${counted(seeds.length, "seed")}${list}${isCompared ? "; the best in bold" : ""}.`,
    `Held out of every run: ${thousands(heldOut.rows)} of ${counted(data.rows, "item")}. IDs are counted over all of them.`,
    "First code shared: by an item and its ten nearest others, on average.",
    `Base: ${base.recipe === "fit" ? "what RQVAE.fit chooses for the items" : `the recipe ${base.recipe}`}${onTop && `, with ${onTop}`}.`,
    ...(makers.length > 1
      ? [
          `Made by different versions of rqvae: ${makers.map(([version, runs]) => `${version} (${counted(runs, "run")})`).join(", ")}.`,
        ]
      : []),
  ];
}
