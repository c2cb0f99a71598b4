/** What the page knows of items, runs and results: summaries, codes and points. The items and the model stay in the worker. */

import type {
  CodeArray,
  EpochRecord,
  IdStatistics,
  ItemLabels,
  ModelConfig,
  ModelOptions,
  Spectrum,
  TrainOptions,
  TrainProgress,
  TrainWarning,
  Verdict,
} from "rqvae";
import type { Explanation, Finding, IdComparison, ItemCheck } from "rqvae/report";
import type { TitleCoverage } from "rqvae/words";

/** The options of a run. */
export interface Settings {
  model: ModelOptions;
  train: TrainOptions;
  /** What the latent width was chosen by, if it follows the items. */
  spectrum?: Spectrum;
}

/** Where items come from: kept with a checkpoint, so that an interrupted run finds them again. */
export type DataSource =
  | { kind: "sample"; key: string; itemsUrl: string; labelsUrl: string }
  /** `fromWords`: the items' file has titles, whose words make the vectors. */
  | { kind: "files"; items: File; labels?: File; withoutBadRows?: boolean; fromWords?: true };

/** What items are called. */
export interface Naming {
  labels: ItemLabels | undefined;
  /** What the first items are called in files. */
  itemIds: string[] | undefined;
  /** Whether these are their own IDs, from the file or the titles; otherwise they are row numbers. */
  hasOwnIds: boolean;
  /** The first two rows with the same item ID, which is why the file's item IDs are not used; a row without one is given twice. */
  twins: { itemId: string; rows: [number, number] } | undefined;
  /** How the titles of another file were joined, if that is worth saying. */
  joined: string;
}

/** Items as the page knows them. */
export interface DataSummary extends Naming {
  rows: number;
  dim: number;
  file: {
    format: string;
    bytes: number;
    /** Whether its rows are read as needed; otherwise they are in memory. */
    isReadAsNeeded: boolean;
    /** What its columns were taken for, in a line; "" if it has nothing but the vectors. */
    columns: string;
  };
  /** Rows of the file that were left out, and why the first of them was. */
  leftOut: { rows: number; reason: string };
  checks: ItemCheck;
  /** What is known of the words that the vectors were made of; undefined where they came from a file. */
  words: TitleCoverage | undefined;
  /** The first values of the first rows. */
  head: number[][];
}

/** How often a sample of the items chose each code, one array per level. */
export interface CodeCounts {
  items: number;
  perLevel: Uint32Array[];
}

/** Where a model that trains sees its items, in the plane of their widest directions, turned so that they move as little as they can. */
export interface LiveFrame {
  /** Epochs that are behind the model. */
  epoch: number;
  /** The item of each point; a sample of a large catalogue. */
  items: Uint32Array;
  /** x, y of each point: -32767 to 32767 stand for -1 to 1. */
  points: Int16Array;
  /** The first code that is nearest to each item. */
  codes: Uint16Array;
  /** x, y of each first code. */
  stars: Int16Array;
}

export type TrainEvent =
  | { kind: "measuring"; progress: number }
  /** The word vectors are being fetched. */
  | { kind: "fetching"; progress: number }
  | { kind: "progress"; event: TrainProgress }
  | { kind: "counts"; counts: CodeCounts }
  | { kind: "line"; line: Line }
  /** At the end, by the final model. */
  | { kind: "kept"; kept: number }
  | { kind: "map"; frame: LiveFrame }
  | { kind: "finishing" };

/** What residual k-means of the same size makes of the items: shares of their differences that it keeps, and of IDs of their own. */
export interface Line {
  kept: number;
  own: number;
}

/** An epoch, and how much of the differences between the items its IDs keep, where that was measured. */
export interface SeenRecord extends EpochRecord {
  kept?: number;
}

/** IDs as plain data. */
export interface PlainIds {
  codes: CodeArray;
  codebookSizes: readonly number[];
  fingerprint: string | undefined;
}

/** What a result is taken up from again. */
export interface KeptModel {
  /** The model's file. */
  model: Blob;
  ids: PlainIds;
  settings: Settings;
}

/** How a run ended. "empty": stopped before there was anything to keep. */
export type RunResult =
  | { status: "paused" }
  | { status: "empty" }
  | {
      status: "done" | "stopped";
      ids: PlainIds;
      statistics: IdStatistics | undefined;
      config: ModelConfig;
      warnings: TrainWarning[];
      /** Absent if the run was stopped or held out no items. */
      verdict: Verdict | undefined;
    };

/** Items where the network sees them. */
export interface Latents {
  /** The item of each row, in ascending order; a sample of a very large catalogue. */
  items: Uint32Array;
  /** A row an item. */
  latents: Float32Array;
  dim: number;
}

/** The quality report as the page shows it. */
export interface ReportSummary {
  findings: Finding[];
  counts: ReportCounts;
  /** Of residual k-means. */
  line: Line | undefined;
  /** If the IDs were made unique. */
  unique: UniqueIds | undefined;
  /** One row per figure: of the IDs, of residual k-means, of random IDs. */
  compared: { name: string; values: (number | undefined)[] }[];
  /** With histories. */
  behaviour?: BehaviourSummary | undefined;
}

/** What the findings of a report are worded with. */
export interface ReportCounts {
  items: number;
  itemsSharing: number;
  distinctIds: number;
  largestGroup: number;
  /** Absent without vectors. */
  duplicates: { distinctVectors: number; itemsIdentical: number; itemsColliding: number } | undefined;
  codebookSizes: readonly number[];
  /** Per level: as many evenly used codes would be as diverse. */
  perplexity: readonly number[];
  /** Share of the differences between the items that the IDs keep. */
  kept: number | undefined;
  /** How many times as often as random items the nearest ones share the first code. */
  nearness: number | undefined;
  dominant: { column: number; name?: string; share: number; isScaled?: boolean } | undefined;
}

export type HowUnique = "suffix" | "reassign";

/** How the IDs were made unique, and what that changed. */
export interface UniqueIds {
  how: HowUnique;
  codebookSizes: number[];
  /** Items whose ID is another now, but for a suffix of 0. */
  changed: number;
  examples: { item: number; before: number[]; after: number[] }[];
}

/** IDs from a file, assessed. */
export interface AssessedIds {
  name: string;
  format: string;
  report: ReportSummary;
  /** How they go with the vectors that are open, in a sentence. */
  beside: string;
}

/** Why an item has its ID, and how much of it the ID keeps. */
export interface ItemDetails {
  explanation: Omit<Explanation, "toString">;
  /** ||x - x^||^2 / mean ||x - mean||^2: 0 is perfect, 1 is as bad as the mean of all items. Absent without a decoder. */
  error: number | undefined;
}

/** What one code stands for, in its level or below the codes that come before it. */
export interface CodePage {
  level: number;
  code: number;
  /** Items with this code at this level, and those of them below the codes before it. */
  items: number;
  itemsBelow: number;
  /** The items of the branch that are nearest to the code's centre, the nearest first. */
  typical: number[];
  /** The codes in use at this level that are nearest to it, as the vectors of the codebook. */
  siblings: { code: number; distance: number; items: number; itemsBelow: number }[];
  /** The codes that come before it, the most frequent first, and how many more there are. Empty for a first code. */
  parents: { prefix: number[]; items: number }[];
  otherParents: number;
}

/** How the codes of an item add up to it. All but `rebuilt` is in the latent space. */
export interface Anatomy {
  codes: number[];
  /** What the encoder makes of the item. */
  vector: Float32Array;
  /** The items most like it. */
  nearest: number[];
  /** What each code adds, and the items nearest to the sum so far. */
  steps: { adds: Float32Array; nearest: number[] }[];
  /** The item's own numbers, and what the decoder makes of the codes. The error is that of `ItemDetails`. */
  rebuilt?: { original: Float32Array; restored: Float32Array; error: number };
}

/** What the codes that somebody typed lead to. */
export interface FoundIds {
  /** The items whose IDs start with them or, with `nearest`, those that have it. */
  items: Uint32Array;
  /** The nearest ID in use, if no ID starts with them. */
  nearest?: number[];
}

/** One of two results that are compared. */
export interface ComparedSide {
  ids: PlainIds;
  figures: {
    items: number;
    distinct: number;
    /** Share of the items' variance that the IDs keep. */
    kept: number | undefined;
    /** Share of an item's nearest ones that have its first code. */
    nearShareFirst: number | undefined;
  };
}

/** Two results side by side. Items are rows of the first. */
export interface ComparedResults extends Omit<IdComparison, "moved" | "added" | "removed" | "renaming"> {
  naming: Naming;
  moved: Uint32Array;
  /** The row of each item in the second result, -1 if it is not there; absent if rows are the same. */
  rowAfter: Int32Array | undefined;
  sides: [ComparedSide, ComparedSide];
}

/** What a new item is made of: its title, or its vector. */
export type NewItem = { title: string } | { vector: number[] } | { file: File };

/** Where an item that the model never saw has its place. */
export interface PlacedItem {
  explanation: Omit<Explanation, "toString">;
  /** The catalogue's nearest items, the nearest first. */
  nearest: { item: number; distance: number }[];
  /** The items that have the very ID. */
  taken: Uint32Array;
  /** Where the encoder puts it: a view that knows how the catalogue's latents were laid out can show its place. */
  latent: Float32Array;
  /** What is known of its words, if it was given by its title. */
  words: TitleCoverage | undefined;
}

/** What people choose together, and what the IDs say about it. Shares of pairs. */
export interface BehaviourSummary {
  /** How the file was read. */
  text: string;
  /** The most choices between the items of a pair. */
  window: number;
  /** For the first 1, 2, ... codes, then for the labels. Empty if there are no pairs. */
  agreement: {
    name: string;
    own: number;
    /** Half the width of the 95% interval. */
    margin: number;
    kmeans: number | undefined;
    popular: number;
    random: number;
  }[];
}

/** An item that people chose together with another. */
export interface Companion {
  item: number;
  /** People who chose both. */
  people: number;
}

/** A model that was loaded from a file. */
export interface LoadedModel {
  config: ModelConfig;
  fingerprint: string;
  part: "full" | "encoder";
}

/** Formats of IDs that the page offers. */
export type IdFile = "csv" | "jsonl" | "lcrec" | "recbole";
