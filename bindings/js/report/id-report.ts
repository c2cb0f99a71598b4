import { worksBehindProxy } from "../base/behind-proxy.ts";
import { toText, type Wording } from "../base/wording.ts";
import { counted, percent, short, thousands, wholePercent } from "../base/words.ts";
import type { SemanticIds } from "../ids/semantic-ids.ts";
import type { ItemLabels } from "../types.ts";
import type {
  BehaviourReport,
  DepthReport,
  DominantColumnReport,
  DuplicateReport,
  GroupSize,
  LabelAgreement,
  LevelReport,
  NeighbourReport,
  PairAgreement,
  ReconstructionReport,
} from "./figures.ts";
import { distinctAmongDistinct, type Finding, findingsOf, isStarved, type WordedFinding } from "./findings.ts";

/** Everything that a report measures. */
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
  behaviour?: BehaviourReport;
  baselines?: { residualKMeans: IdReport; randomHash: IdReport };
}

/** A report on the IDs of a whole catalogue. Its JSON has the figures. */
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
  /** One entry per prefix length, the shortest first. */
  readonly perDepth: readonly DepthReport[];
  readonly perLevel: readonly LevelReport[];
  /** How many IDs have 1, 2, ... items; only sizes that occur, ascending. */
  readonly groupSizes: readonly GroupSize[];
  /** With `items`. */
  declare readonly duplicates?: DuplicateReport;
  /** With `items`, if there is one. */
  declare readonly dominantColumn?: DominantColumnReport;
  /** With `items` and a `model` that has its decoder. */
  declare readonly reconstruction?: ReconstructionReport;
  /** With at least two `items`. */
  declare readonly neighbours?: NeighbourReport;
  /** With `labels` that hold more than titles: one entry per name. */
  declare readonly labels?: readonly LabelAgreement[];
  /** With `histories`. */
  declare readonly behaviour?: BehaviourReport;
  /** With `baseline: true`: residual k-means and a random hash on the same items, with the same number of levels and codes. */
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
    this.findings = this.#worded.map((finding) => ({ ...finding, text: toText(finding.text) }));
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

  /** The most codes that a level can use: the number of vectors, counting copies as one, or else of items. @internal */
  get mostCodes(): number {
    return this.#mostCodes;
  }

  /** The text, with the findings worded by `say`. @internal */
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
    lines.push(
      ...describeQuality(this),
      ...describeLabels(this),
      ...describeBehaviour(this),
      ...describeBaselines(this),
    );
    return lines.join("\n");
  }

  /** The same as `text`. */
  toString(): string {
    return this.text;
  }
}

/** How a finding starts. */
export const FINDING_WORDS: Record<Finding["kind"], string> = { good: "Fine:", note: "Note:", problem: "To do:" };

/** "the first code", "the first 2 codes", "all 3 codes" */
export function prefixName(depth: number, { perDepth }: Pick<IdReport, "perDepth">): string {
  if (depth === perDepth.length && depth > 1) return `all ${depth} codes`;
  return depth === 1 ? "the first code" : `the first ${depth} codes`;
}

/** How many items share an ID, and why, in one sentence. */
export function describeSharing({ items, itemsSharing, largestGroup, duplicates }: IdReport): string {
  if (items === 1) return "The only item has an ID.";
  if (itemsSharing === 0) return `All ${thousands(items)} items have an ID of their own.`;
  const all = itemsSharing === items && largestGroup === items;
  const parts = [
    all
      ? `All ${thousands(items)} items have the same ID`
      : `${thousands(itemsSharing)} of ${thousands(items)} items share their ID with another item`,
  ];
  if (duplicates) {
    const { itemsIdentical, itemsColliding } = duplicates;
    if (itemsIdentical > 0) parts.push(`${thousands(itemsIdentical)} of them with an item that has the same vector`);
    const own = itemsIdentical > 0 ? "" : "of them ";
    if (itemsColliding > 0) parts.push(`${thousands(itemsColliding)} ${own}with an item that has a different vector`);
  }
  if (!all) parts.push(`the largest group has ${thousands(largestGroup)}`);
  return `${parts.join("; ")}.`;
}

/** "100 of 256 codes used (39%), as diverse as 94 evenly used codes" */
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
        `  of an item's ${k === 1 ? "nearest items" : `${k} nearest items`}, ${percent(share)} share ${prefixName(depth, report)} (random items: ${percent(chanceOfSharing)})`,
      );
    });
    if (kept !== undefined) {
      lines.push(
        `  ${percent(kept)} of them are still ${k === 1 ? "the nearest" : `among the ${k} nearest`} after decoding`,
      );
    }
    if (queries < report.items) {
      lines.push(`  (neighbours of ${counted(queries, "item")}, searched among ${thousands(among)})`);
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
      `  ${name} (${counted(values, "label")}): by number of shared codes, ${byPrefix}; at random: ${shown(chance)}`,
    );
  }
  return lines;
}

/** "+1.4 ± 0.2 points" */
const points = ({ difference, margin }: { difference: number; margin: number }) =>
  `${difference < 0 ? "-" : "+"}${(100 * Math.abs(difference)).toFixed(1)} ± ${(100 * margin).toFixed(1)} points`;

function describeBehaviour(report: IdReport): string[] {
  const { behaviour } = report;
  if (!behaviour) return [];
  const { users, choices, pairs, window, agreement, labels, parts, fanOut, ambiguity } = behaviour;
  const lines = ["", `What people choose together (${counted(choices, "choice")} of ${counted(users, "user")}):`];
  if (pairs === 0) return [...lines, "  nobody chose two different items, so there is nothing to compare"];
  const shown = ({ share, margin, popular, random, bits, overKMeans }: PairAgreement) =>
    `${percent(share)} ± ${percent(margin)}, which tells ${bits.toFixed(3)} bits (equally popular items: ${percent(popular)}, any items or shuffled IDs: ${percent(random)}${overKMeans ? `; over k-means: ${points(overKMeans)}` : ""})`;
  lines.push(`  two items of one person, at most ${counted(window, "choice")} apart, share`);
  agreement.forEach((each, i) => {
    lines.push(`    ${prefixName(i + 1, report)}: ${shown(each)}`);
  });
  for (const each of labels) lines.push(`    the same ${each.name}: ${shown(each)}`);
  for (const { part, items, ownId, agreement: own, popular } of parts) {
    if (items === 0) continue;
    const first =
      own[0] === null
        ? "no pairs"
        : `${percent(own[0]!)} of their pairs share the first code (equally popular items: ${percent(popular[0]!)})`;
    lines.push(
      `  ${part} (${counted(items, "item")}, a third of the choices): ${percent(ownId)} have an ID of their own; ${first}`,
    );
  }
  lines.push(
    `  codes that each level decides among: ${fanOut.map((codes) => short(codes)).join(", ")}; items behind the ID of a choice: ${short(ambiguity)}`,
  );
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
    { name: "items chosen together that share the first code", of: (each) => each.behaviour?.agreement[0]?.share },
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
  const lines = ["", `Compared with two baselines of the same size:${" ".repeat(3)}IDs / k-means / random hash`];
  const shown = (share: number | undefined) => (share === undefined ? "-" : percent(share));
  for (const { name, of } of comparedFigures(report)) {
    const figures = [report, baselines.residualKMeans, baselines.randomHash].map((each) => shown(of(each)));
    lines.push(`  ${name}: ${figures.join(" / ")}`);
  }
  return lines;
}
