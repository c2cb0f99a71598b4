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
  /**
   * Items that share the prefix with an item that has a different vector, which leaves out groups of exact duplicates. Only with `items`.
   */
  itemsColliding?: number;
}

/** How the codes of one level are used. */
export interface LevelReport {
  /** Number of codes that occur. */
  usedCodes: number;
  codebookSize: number;
  /** usedCodes / codebookSize */
  usage: number;
  /** exp(entropy): this many evenly used codes would have the same entropy. From 1 to codebookSize. */
  perplexity: number;
  /** Of the codes' frequencies, in nats. */
  entropy: number;
  /** entropy / ln(codebookSize), from 0 (one code has all items) to 1 (all codes have the same number); 1 for a codebook of one code. */
  normalizedEntropy: number;
  /** Gini coefficient of the frequencies of all codes, used or not: 0 if all are equal, near 1 if few codes have nearly all items. */
  gini: number;
}

/** The number of groups of a given size that share an ID. */
export interface GroupSize {
  size: number;
  groups: number;
}

/** IDs and exact duplicates among the vectors of a catalogue. */
export interface DuplicateReport {
  /** Number of different vectors; no model gives more distinct IDs. */
  distinctVectors: number;
  /** Items that have the same vector as another item. */
  itemsWithTwin: number;
  /** Items that share their ID with an item that has the same vector. */
  itemsIdentical: number;
  /** Items that share their ID with an item that has a different vector: true collisions. */
  itemsColliding: number;
}

/** A dimension that carries more than half of the total variance (and more than twice an even share). */
export interface DominantColumnReport {
  /** From 0. */
  column: number;
  /** If `columnNames` were given. */
  name?: string;
  /** Share of the variance summed over all dimensions. */
  share: number;
  /**
   * Whether the model scales each dimension separately (`inputScaling: "perDimension"`), so that its IDs do not depend on this one alone.
   */
  isScaled?: true;
}

/** How well the vectors decoded from the IDs match the items. */
export interface ReconstructionReport {
  /** Items that it was measured on: all, or a sample of a large catalogue. */
  items: number;
  /** 1 - SSE / sum ||x - mean||^2: 1 is perfect, 0 is as good as one vector for all items. */
  explainedVariance: number;
  /** The same when only the first 1, 2, ... codes are decoded. */
  byDepth: number[];
  /** Mean of ||x - x^||^2 over the items, in their own units. */
  meanSquaredError: number;
}

/** Whether items with near vectors have near IDs. */
export interface NeighbourReport {
  /** Items whose neighbours were searched, and items among which they were searched. */
  queries: number;
  among: number;
  /** Number of nearest neighbours per item by Euclidean distance: 10, or fewer in a small catalogue. */
  k: number;
  /** Share of the neighbours that have the item's first 1, 2, ... codes; compare `perDepth[].chanceOfSharing`. */
  sharing: number[];
  /** Share of the neighbours that are also among the k nearest by the reconstructions of both. Only with `model`. */
  kept?: number;
}

/** Whether items that share codes have the same label. */
export interface LabelAgreement {
  name: string;
  /** Number of different labels. */
  values: number;
  /** How often two random items have the same label: the share of all pairs. null if there are no pairs. */
  chance: number | null;
  /** How often two items that share the first 1, 2, ... codes have the same label: the share of those pairs. null if there are none. */
  byDepth: (number | null)[];
}

/** Agreement of pairs of items that one user chose. */
export interface PairAgreement {
  /** Mean over the users of the share of their pairs that agree. */
  share: number;
  /** Half the width of its 95% interval over the users (normal approximation). */
  margin: number;
  /** The same share of all pairs of different items, which is what shuffled IDs have on average. */
  random: number;
  /** The same share of pairs of different items that are drawn by popularity, independently of each other. */
  popular: number;
  /**
   * How much an agreement tells, by which sets of IDs are best compared, also of different codes: the Kullback-Leibler divergence of `share`
   * from `popular`, s log2(s / p) + (1 - s) log2((1 - s) / (1 - p)); negative if pairs agree less often than by popularity.
   */
  bits: number;
  /** What `share` is above that of residual k-means for the same users, and half the width of its 95% interval. With `baseline`. */
  overKMeans?: { difference: number; margin: number };
}

/** Whether items that people choose together have IDs that begin with the same codes. */
export interface BehaviourReport {
  /** Users with at least one pair of different items within `window` choices of each other. */
  users: number;
  choices: number;
  pairs: number;
  /** The most choices between the items of a pair. */
  window: number;
  /** For the first 1, 2, ... codes. */
  agreement: PairAgreement[];
  /** For each label: the pairs that have the same one, as if it were a code. */
  labels: (PairAgreement & { name: string })[];
  /** Items by popularity: each part receives about a third of all choices, the head those of the most popular. */
  parts: {
    part: "head" | "middle" | "tail";
    items: number;
    /** Share of its items that have an ID of their own. */
    ownId: number;
    /** Share of the pairs with one of its items that agree in the first 1, 2, ... codes; null if there are none. */
    agreement: (number | null)[];
    /** The same share where the other item is drawn by popularity; null if there is none. */
    popular: (number | null)[];
  }[];
  /** Mean number of codes among which each code of a chosen item decides: the children of its prefix. */
  fanOut: number[];
  /** Mean number of items that have the ID of a chosen item: 1 if IDs are unique. */
  ambiguity: number;
}

/** The figures of a report, from which findings are made. */
export interface ReportFigures {
  readonly items: number;
  readonly distinctIds: number;
  readonly itemsSharing: number;
  readonly largestGroup: number;
  readonly perDepth: readonly DepthReport[];
  readonly perLevel: readonly LevelReport[];
  /** The most codes that a level can use. */
  readonly mostCodes: number;
  readonly duplicates?: DuplicateReport;
  readonly dominantColumn?: DominantColumnReport;
  readonly reconstruction?: ReconstructionReport;
  readonly neighbours?: NeighbourReport;
  readonly labels?: readonly LabelAgreement[];
  readonly behaviour?: BehaviourReport;
  readonly baselines?: { readonly residualKMeans: ReportFigures };
}
