import { InvalidInputError } from "./errors.ts";
import { nextTurn } from "./jobs.ts";
import { type SemanticIds, sortedRows } from "./semantic-ids.ts";

/** How the items fall into groups that share the first `depth` codes. */
export interface DepthReport {
  /** Codes in the prefix, from 1 to the number of levels. */
  depth: number;
  /** Number of different prefixes. */
  distinct: number;
  /** Items that share the most frequent prefix. */
  largestGroup: number;
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

/** Counts over the IDs of a whole catalogue. */
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

  /** @internal Made by `assessIds`. */
  constructor(items: number, itemsSharing: number, perDepth: DepthReport[], perLevel: LevelReport[]) {
    const whole = perDepth.at(-1)!;
    this.items = items;
    this.distinctIds = whole.distinct;
    this.uniqueShare = whole.distinct / items;
    this.itemsSharing = itemsSharing;
    this.largestGroup = whole.largestGroup;
    this.perDepth = perDepth;
    this.perLevel = perLevel;
  }

  /** The report in plain words, several lines. */
  toString(): string {
    const lines = [describeSharing(this), "", "How the items divide:"];
    for (const { depth, distinct, largestGroup } of this.perDepth) {
      const prefix =
        depth === 1
          ? "the first code"
          : depth === this.perDepth.length
            ? `all ${depth} codes`
            : `the first ${depth} codes`;
      lines.push(`  by ${prefix}: ${plural(distinct, "group")}, the largest of ${plural(largestGroup, "item")}`);
    }
    lines.push("", "How the codes are used:");
    this.perLevel.forEach((level, l) => {
      lines.push(`  level ${l + 1}: ${describeLevel(level, this.items)}`);
    });
    return lines.join("\n");
  }
}

/** See `assessIds` in assess-ids.ts. */
export async function assessIds(ids: SemanticIds): Promise<IdReport> {
  if (ids.length === 0) throw new InvalidInputError("ids is empty: there is nothing to report on");
  const { perDepth, itemsSharing } = countGroups(ids);
  const perLevel: LevelReport[] = [];
  for (let level = 0; level < ids.levels; level++) {
    await nextTurn();
    perLevel.push(assessLevel(ids, level));
  }
  return new IdReport(ids.length, itemsSharing, perDepth, perLevel);
}

/** In the order of their IDs, items with the same prefix stand side by side: the runs are the groups. */
function countGroups(ids: SemanticIds): { perDepth: DepthReport[]; itemsSharing: number } {
  const { codes, length, levels } = ids;
  const rows = sortedRows(ids);
  const perDepth = Array.from({ length: levels }, (_, i) => ({ depth: i + 1, distinct: 0, largestGroup: 0 }));
  const runStart = new Array<number>(levels).fill(0);
  let itemsSharing = 0;
  for (let position = 1; position <= length; position++) {
    const previous = rows[position - 1]! * levels;
    const current = (rows[position] ?? 0) * levels;
    let same = 0; // leading codes that the two IDs have in common
    if (position < length) while (same < levels && codes[previous + same] === codes[current + same]) same++;
    for (let i = same; i < levels; i++) {
      const group = position - runStart[i]!;
      runStart[i] = position;
      perDepth[i]!.distinct++;
      perDepth[i]!.largestGroup = Math.max(perDepth[i]!.largestGroup, group);
      if (i === levels - 1 && group > 1) itemsSharing += group;
    }
  }
  return { perDepth, itemsSharing };
}

function assessLevel(ids: SemanticIds, level: number): LevelReport {
  const { length: n, codebookSizes } = ids;
  const codebookSize = codebookSizes[level]!;
  const counts = ascendingCounts(ids, level);

  // H = -sum p ln p with p = c / n; sum_i (2 i - K - 1) c_i / (K n) over the ascending counts, i from 1, is Gini's coefficient.
  let sum = 0;
  let ranked = 0;
  const unused = codebookSize - counts.length;
  counts.forEach((c, i) => {
    sum += c * ln(c);
    ranked += c * (2 * (unused + i + 1) - codebookSize - 1);
  });
  const entropy = counts.length === 1 ? 0 : ln(n) - sum / n;
  return {
    usedCodes: counts.length,
    codebookSize,
    usage: counts.length / codebookSize,
    perplexity: exp(entropy),
    entropy,
    normalizedEntropy: codebookSize === 1 ? 1 : entropy / ln(codebookSize),
    gini: ranked / (codebookSize * n),
  };
}

/** How often each code that occurs at this level does, sorted. */
function ascendingCounts({ codes, length, levels, codebookSizes }: SemanticIds, level: number): Uint32Array {
  let counts: Uint32Array;
  if (codebookSizes[level]! <= 2 ** 20) {
    const all = new Uint32Array(codebookSizes[level]!);
    for (let i = 0; i < length; i++) all[codes[i * levels + level]!]!++;
    counts = all.filter((c) => c > 0);
  } else {
    const map = new Map<number, number>();
    for (let i = 0; i < length; i++)
      map.set(codes[i * levels + level]!, (map.get(codes[i * levels + level]!) ?? 0) + 1);
    counts = Uint32Array.from(map.values());
  }
  return counts.sort();
}

/**
 * Natural logarithm of a number of at least 1. `Math.log` and `Math.exp` differ between JavaScript engines in the last bit, and
 * reports are written to files that must not.
 */
function ln(x: number): number {
  let halvings = 0;
  for (; x > Math.SQRT2; x /= 2) halvings++;
  // ln m = 2 (s + s^3/3 + s^5/5 + ...) with s = (m - 1) / (m + 1), |s| < 0.172
  const s = (x - 1) / (x + 1);
  let series = 0;
  for (let k = 23; k >= 1; k -= 2) series = series * s * s + 1 / k;
  return halvings * Math.LN2 + 2 * s * series;
}

/** Exponential of a number from 0 to about 40. */
function exp(x: number): number {
  const doublings = Math.round(x / Math.LN2);
  const r = x - doublings * Math.LN2;
  let series = 1;
  for (let k = 18; k >= 1; k--) series = 1 + (series * r) / k;
  return series * 2 ** doublings;
}

function describeSharing({ items, itemsSharing, largestGroup }: IdReport): string {
  if (items === 1) return "There is one item, and it has an ID.";
  if (itemsSharing === 0) return `All ${thousands(items)} items have an ID of their own.`;
  if (itemsSharing === items && largestGroup === items) return `All ${thousands(items)} items have the same ID.`;
  const verb = "share their ID with another item";
  return `${thousands(itemsSharing)} of ${thousands(items)} items ${verb}; the largest group has ${thousands(largestGroup)}.`;
}

function describeLevel({ usedCodes, codebookSize, perplexity, usage }: LevelReport, items: number): string {
  const used = `${thousands(usedCodes)} of ${plural(codebookSize, "code")} used`;
  if (usedCodes === 1 && items > 1)
    return codebookSize === 1 ? used : `${used}: all items have the same code, the level says nothing`;
  // With few items per code, unused codes are no sign of collapse.
  const isStarved = perplexity < 0.25 * Math.min(codebookSize, items);
  const worth = `as diverse as ${plural(Math.round(perplexity), "evenly used code")}`;
  const remark = isStarved ? "; few codes hold most items" : "";
  return `${used} (${percent(usage)}), ${worth}${remark}`;
}

function plural(n: number, noun: string): string {
  return `${thousands(n)} ${noun}${n === 1 ? "" : "s"}`;
}

/** 1234567 -> "1,234,567", the same in every locale. */
function thousands(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** Rounded down to whole per cent, so that "100 %" means all. */
function percent(share: number): string {
  return share > 0 && share < 0.01 ? "under 1 %" : `${Math.floor(share * 100 + 1e-9)} %`;
}
