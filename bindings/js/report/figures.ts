/** The figures of a report. */

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

/** What findings are made from: the figures of a report. */
export interface ReportFigures {
  readonly items: number;
  readonly distinctIds: number;
  readonly itemsSharing: number;
  readonly largestGroup: number;
  readonly perDepth: readonly DepthReport[];
  readonly perLevel: readonly LevelReport[];
  /** As diverse as the codes of a level can be. */
  readonly mostCodes: number;
  readonly duplicates?: DuplicateReport;
  readonly dominantColumn?: DominantColumnReport;
  readonly reconstruction?: ReconstructionReport;
  readonly neighbours?: NeighbourReport;
  readonly labels?: readonly LabelAgreement[];
  readonly baselines?: { readonly residualKMeans: ReportFigures };
}
