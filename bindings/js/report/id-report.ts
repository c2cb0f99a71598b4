import { worksBehindProxy } from "../behind-proxy.ts";
import type { SemanticIds } from "../semantic-ids.ts";
import type { ItemLabels } from "../types.ts";
import { toText, type Wording } from "../wording.ts";
import { distinctAmongDistinct, type Finding, findingsOf, isStarved, type WordedFinding } from "./findings.ts";
import { counted, percent, short, thousands, wholePercent } from "./words.ts";

/** How the items fall into groups that share the first `depth` codes. */
export interface DepthReport {
  /** Codes in the prefix, from 1 to the number of levels. */
  depth: number;
  /** Number of different prefixes. */
  distinct: number;
  /** Items whose prefix another item has too. */
  itemsSharing: number;
  /** Items that share the most frequent prefix. */
  largestGroup: number;
  /** Share of all pairs of items that share the prefix. */
  chanceOfSharing: number;
  /** Items that share the prefix with an item of another vector: without groups of nothing but exact duplicates. With `items` only. */
  itemsColliding?: number;
}

/** How the codes of one level are used. */
export interface LevelReport {
  /** Number of codes that occur. */
  usedCodes: number;
  codebookSize: number;
  /** usedCodes / codebookSize */
  usage: number;
  /** exp(entropy): as many codes, all used alike, would have this entropy. From 1 to codebookSize. */
  perplexity: number;
  /** Of the codes' frequencies, in nats. */
  entropy: number;
  /** entropy / ln(codebookSize), from 0 (one code has all items) to 1 (all codes alike); 1 for a codebook of one code. */
  normalizedEntropy: number;
  /** Gini coefficient of the frequencies of all codes, used or not: 0 when all are alike, near 1 when few have nearly all items. */
  gini: number;
}

/** So many groups of so many items that have the same ID. */
export interface GroupSize {
  size: number;
  groups: number;
}

/** The IDs of a catalogue that have to do with vectors that are exactly the same. */
export interface DuplicateReport {
  /** Number of different vectors: no model gives more distinct IDs. */
  distinctVectors: number;
  /** Items whose vector another item has too. */
  itemsWithTwin: number;
  /** Items that share their ID with an item of the very same vector. */
  itemsIdentical: number;
  /** Items that share their ID with an item of another vector: true collisions. */
  itemsColliding: number;
}

/** A dimension that carries more than half of the variance of all of them together (and more than twice its even part). */
export interface DominantColumnReport {
  /** From 0. */
  column: number;
  /** Where `columnNames` were given. */
  name?: string;
  /** Of the variance summed over all dimensions. */
  share: number;
  /** True when the model scales every dimension by itself (`inputScaling: "perDimension"`), so that its IDs are not only about this one. */
  isScaled?: true;
}

/** How well the vectors that the IDs stand for match the items. */
export interface ReconstructionReport {
  /** Items that it was measured on: all, or a sample of a large catalogue. */
  items: number;
  /** 1 - SSE / sum ||x - mean||^2: 1 is perfect, 0 as good as one vector for all items. */
  explainedVariance: number;
  /** The same when only the first 1, 2, ... codes are decoded. */
  byDepth: number[];
  /** Mean of ||x - x^||^2 over the items, in their own units. */
  meanSquaredError: number;
}

/** Whether items that are near in the space of their vectors stay near. */
export interface NeighbourReport {
  /** Items whose neighbours were looked at, and items among which they were sought. */
  queries: number;
  among: number;
  /** Neighbours of each, the nearest by Euclidean distance: 10, or fewer in a small catalogue. */
  k: number;
  /** Share of the neighbours that have the first 1, 2, ... codes of the item; compare `perDepth[].chanceOfSharing`. */
  sharing: number[];
  /** Share of the neighbours that are also among the k nearest by the reconstructions of both. With `model` only. */
  kept?: number;
}

/** Whether items that share codes have the same label. */
export interface LabelAgreement {
  name: string;
  /** Number of different labels. */
  values: number;
  /** How often two items have the same label when labels are dealt out at random: the share of all pairs. null when there are no pairs. */
  chance: number | null;
  /** How often two items that share the first 1, 2, ... codes have it: the share of those pairs. null when there are none. */
  byDepth: (number | null)[];
}

/** Everything that a report counts and measures. */
export interface IdFigures {
  items: number;
  itemsSharing: number;
  perDepth: DepthReport[];
  perLevel: LevelReport[];
  groupSizes: GroupSize[];
  duplicates?: DuplicateReport;
  /** See `ItemProfile`. */
  evenVectors?: number;
  dominantColumn?: DominantColumnReport;
  reconstruction?: ReconstructionReport;
  neighbours?: NeighbourReport;
  labels?: LabelAgreement[];
  baselines?: { residualKMeans: IdReport; randomHash: IdReport };
}

/** What is known about the IDs of a whole catalogue. As JSON it is its figures. */
export class IdReport {
  readonly items: number;
  /** Number of different IDs. */
  readonly distinctIds: number;
  /** distinctIds / items */
  readonly uniqueShare: number;
  /** Items whose ID another item has too. */
  readonly itemsSharing: number;
  /** Items that hold the most frequent ID. */
  readonly largestGroup: number;
  /** One entry for each length of a prefix, the shortest first. */
  readonly perDepth: readonly DepthReport[];
  readonly perLevel: readonly LevelReport[];
  /** How many IDs belong to 1, 2, ... items; only sizes that occur, ascending. */
  readonly groupSizes: readonly GroupSize[];
  /** With `items`. */
  declare readonly duplicates?: DuplicateReport;
  /** With `items`, if there is one. */
  declare readonly dominantColumn?: DominantColumnReport;
  /** With `items` and a `model` that has its decoder. */
  declare readonly reconstruction?: ReconstructionReport;
  /** With `items`, two at least. */
  declare readonly neighbours?: NeighbourReport;
  /** With `labels` that hold more than titles: one entry for each name. */
  declare readonly labels?: readonly LabelAgreement[];
  /** With `baseline: true`: residual k-means and a random hash on the same items, with as many levels and codes. */
  declare readonly baselines?: { readonly residualKMeans: IdReport; readonly randomHash: IdReport };
  /** What is fine, what is not, and what to do, in words. */
  readonly findings: readonly Finding[];
  readonly #ids: SemanticIds;
  readonly #titles: readonly string[] | undefined;
  readonly #worded: readonly WordedFinding[];
  readonly #mostCodes: number;

  /** @internal Made by `assessIds`. */
  constructor(figures: IdFigures, ids: SemanticIds, labels?: Partial<ItemLabels>) {
    worksBehindProxy(this, IdReport);
    const { items, itemsSharing, perDepth, perLevel, groupSizes, evenVectors, ...optional } = figures;
    const whole = perDepth.at(-1)!;
    this.items = items;
    this.distinctIds = whole.distinct;
    this.uniqueShare = whole.distinct / items;
    this.itemsSharing = itemsSharing;
    this.largestGroup = whole.largestGroup;
    this.perDepth = perDepth;
    this.perLevel = perLevel;
    this.groupSizes = groupSizes;
    Object.assign(this, optional);
    this.#ids = ids;
    this.#titles = labels?.titles;
    this.#mostCodes = evenVectors ?? items;
    this.#worded = findingsOf(this);
    this.findings = this.#worded.map(({ kind, text }) => ({ kind, text: toText(text) }));
  }

  /** The IDs that it is about. */
  get ids(): SemanticIds {
    return this.#ids;
  }

  /** The titles that were given with the labels. */
  get titles(): readonly string[] | undefined {
    return this.#titles;
  }

  /** The report in plain words, several lines. */
  get text(): string {
    return this.textIn(toText);
  }

  /** As diverse as the codes of a level can be: as the vectors, copies counted as one, or else the items. @internal */
  get mostCodes(): number {
    return this.#mostCodes;
  }

  /** The text with the findings in other words than the library's. @internal */
  textIn(say: (wording: Wording) => string): string {
    const findings = this.#worded.map(({ kind, text }) => `  ${FINDING_WORDS[kind]} ${say(text)}`);
    const lines = [describeSharing(this), ...findings];
    lines.push("", "How the items divide:");
    for (const { depth, distinct, largestGroup } of this.perDepth) {
      lines.push(
        `  by ${prefixName(depth, this)}: ${counted(distinct, "group")}, the largest of ${counted(largestGroup, "item")}`,
      );
    }
    lines.push("", "How the codes are used:");
    this.perLevel.forEach((level, l) => {
      lines.push(`  level ${l + 1}: ${describeLevel(level, this)}`);
    });
    lines.push(...describeQuality(this), ...describeLabels(this), ...describeBaselines(this));
    return lines.join("\n");
  }

  /** The same as `text`. */
  toString(): string {
    return this.text;
  }
}

/** How a finding begins. */
export const FINDING_WORDS: Record<Finding["kind"], string> = { good: "Fine:", note: "Note:", problem: "To do:" };

/** "the first code", "the first 2 codes", "all 3 codes" */
export function prefixName(depth: number, { perDepth }: Pick<IdReport, "perDepth">): string {
  if (depth === perDepth.length && depth > 1) return `all ${depth} codes`;
  return depth === 1 ? "the first code" : `the first ${depth} codes`;
}

/** How many items share an ID, and why, in one sentence. */
export function describeSharing({ items, itemsSharing, largestGroup, duplicates }: IdReport): string {
  if (items === 1) return "There is one item, and it has an ID.";
  if (itemsSharing === 0) return `All ${thousands(items)} items have an ID of their own.`;
  const all = itemsSharing === items && largestGroup === items;
  const parts = [
    all
      ? `All ${thousands(items)} items have the same ID`
      : `${thousands(itemsSharing)} of ${thousands(items)} items share their ID with another item`,
  ];
  if (duplicates) {
    const { itemsIdentical, itemsColliding } = duplicates;
    if (itemsIdentical > 0) parts.push(`${thousands(itemsIdentical)} of them with one of the very same vector`);
    const own = itemsIdentical > 0 ? "" : "of them ";
    if (itemsColliding > 0) parts.push(`${thousands(itemsColliding)} ${own}with one of another vector`);
  }
  if (!all) parts.push(`the largest group has ${thousands(largestGroup)}`);
  return `${parts.join("; ")}.`;
}

/** "100 of 256 codes used (39 %), as diverse as 94 evenly used codes" */
export function describeLevel(level: LevelReport, { items, mostCodes }: Pick<IdReport, "items" | "mostCodes">): string {
  const { usedCodes, codebookSize, perplexity, usage } = level;
  const used = `${thousands(usedCodes)} of ${counted(codebookSize, "code")} used`;
  if (usedCodes === 1 && items > 1)
    return codebookSize === 1 ? used : `${used}: all items have the same code, so the level says nothing`;
  const worth = `as diverse as ${counted(Math.round(perplexity), "evenly used code")}`;
  return `${used} (${wholePercent(usage)}), ${worth}${isStarved(level, mostCodes) ? "; few codes hold most items" : ""}`;
}

function describeQuality(report: IdReport): string[] {
  const { reconstruction, neighbours, perDepth } = report;
  if (!reconstruction && !neighbours) return [];
  const lines = ["", "What the IDs say about the items:"];
  if (reconstruction) {
    const { explainedVariance, byDepth, meanSquaredError, items } = reconstruction;
    const sample = items < report.items ? `; measured on a sample of ${counted(items, "item")}` : "";
    lines.push(
      `  they explain ${percent(explainedVariance)} of the items' variance (by depth: ${byDepth.map(percent).join(", ")})`,
      `  mean squared reconstruction error of an item: ${short(meanSquaredError)}${sample}`,
    );
  }
  if (neighbours) {
    const { queries, among, k, sharing, kept } = neighbours;
    sharing.forEach((share, i) => {
      const { depth, chanceOfSharing } = perDepth[i]!;
      lines.push(
        `  of an item's ${k === 1 ? "nearest items" : `${k} nearest items`}, ${percent(share)} share ${prefixName(depth, report)} (any two items: ${percent(chanceOfSharing)})`,
      );
    });
    if (kept !== undefined) {
      lines.push(
        `  ${percent(kept)} of them are still ${k === 1 ? "the nearest" : `among the ${k} nearest`} after decoding`,
      );
    }
    if (queries < report.items) {
      lines.push(`  (neighbours of ${counted(queries, "item")}, sought among ${thousands(among)})`);
    }
  }
  return lines;
}

function describeLabels(report: IdReport): string[] {
  if (!report.labels?.length) return [];
  const lines = ["", "How often items that share codes have the same label:"];
  const shown = (share: number | null) => (share === null ? "no such items" : percent(share));
  for (const { name, values, chance, byDepth } of report.labels) {
    const byPrefix = byDepth.map((share, i) => `${i + 1}: ${shown(share)}`).join(", ");
    lines.push(
      `  ${name} (${counted(values, "label")}): by codes shared, ${byPrefix}; dealt out at random: ${shown(chance)}`,
    );
  }
  return lines;
}

/** The figures by which methods are compared. */
export function comparedFigures(report: IdReport): { name: string; of(each: IdReport): number | undefined }[] {
  const figures: { name: string; of(each: IdReport): number | undefined }[] = [
    { name: "distinct IDs per item", of: (each) => each.uniqueShare },
    { name: "distinct IDs per distinct vector", of: (each) => distinctAmongDistinct(each) },
    { name: "variance explained", of: (each) => each.reconstruction?.explainedVariance },
    { name: "nearest items that share the first code", of: (each) => each.neighbours?.sharing[0] },
    { name: "nearest items still nearest after decoding", of: (each) => each.neighbours?.kept },
    { name: "evenness of the first codes (entropy)", of: (each) => each.perLevel[0]!.normalizedEntropy },
    ...(report.labels ?? []).map(({ name }, i) => ({
      name: `same ${name} among items that share the first code`,
      of: (each: IdReport) => each.labels?.[i]?.byDepth[0] ?? undefined,
    })),
  ];
  return figures.filter(({ of }) => of(report) !== undefined);
}

function describeBaselines(report: IdReport): string[] {
  const { baselines } = report;
  if (!baselines) return [];
  const lines = ["", `Beside two baselines of as many levels and codes:${" ".repeat(3)}IDs / k-means / random hash`];
  const shown = (share: number | undefined) => (share === undefined ? "-" : percent(share));
  for (const { name, of } of comparedFigures(report)) {
    const figures = [report, baselines.residualKMeans, baselines.randomHash].map((each) => shown(of(each)));
    lines.push(`  ${name}: ${figures.join(" / ")}`);
  }
  return lines;
}
