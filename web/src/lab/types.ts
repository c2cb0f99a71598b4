/** What the page knows of items, runs and results: summaries, codes and points. The items and the model stay in the worker. */

import type {
  CodeArray,
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
import type { Explanation, Finding, ItemCheck } from "rqvae/report";

/** What a run is made with. */
export interface Settings {
  model: ModelOptions;
  train: TrainOptions;
  /** What the latent width was chosen by, where it follows the items. */
  spectrum?: Spectrum;
}

/** Where items come from: kept with a checkpoint, so that an interrupted run finds them again. */
export type DataSource =
  | { kind: "sample"; key: string; itemsUrl: string; labelsUrl: string }
  | { kind: "files"; items: File; labels?: File; withoutBadRows?: boolean };

/** What items are called. */
export interface Naming {
  labels: ItemLabels | undefined;
  /** What the first items are called in files. */
  itemIds: string[] | undefined;
  /** Whether these are their own IDs, of the file or of the titles; otherwise the numbers of their rows. */
  hasOwnIds: boolean;
  /** The first two rows of one item ID, for which the file's item IDs are not used; of a row that has none, itself twice. */
  twins: { itemId: string; rows: [number, number] } | undefined;
  /** How the titles of another file were joined, where that is worth saying. */
  joined: string;
}

/** Items as the page knows them. */
export interface DataSummary extends Naming {
  rows: number;
  dim: number;
  file: {
    format: string;
    bytes: number;
    /** Its rows are read as they are needed; otherwise they are in memory. */
    isReadAsNeeded: boolean;
    /** What its columns were taken for, in a line; "" where it holds nothing but the vectors. */
    columns: string;
  };
  /** Rows of the file that were left out, and why the first of them was. */
  leftOut: { rows: number; reason: string };
  checks: ItemCheck;
  /** The first values of the first rows. */
  head: number[][];
}

/** How often each code was chosen by a sample of the items, one array a level. */
export interface CodeCounts {
  items: number;
  perLevel: Uint32Array[];
}

export type TrainEvent =
  | { kind: "measuring"; progress: number }
  | { kind: "progress"; event: TrainProgress }
  | { kind: "counts"; counts: CodeCounts }
  | { kind: "finishing" };

/** IDs as plain data. */
export interface PlainIds {
  codes: CodeArray;
  codebookSizes: readonly number[];
  fingerprint: string | undefined;
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
      /** Absent where the run was stopped, or held no items out to be judged by. */
      verdict: Verdict | undefined;
    };

/** Latents in the plane of their two widest directions. */
export interface LatentMap {
  /** The item of each point; a sample of a large catalogue. */
  items: Uint32Array;
  /** x, y of each point, from -1 to 1. */
  points: Float32Array;
  /** Share of the latents' variance along each of the two directions. */
  shares: [number, number];
}

/** The quality report as the page shows it. */
export interface ReportSummary {
  sharing: string;
  findings: Finding[];
  text: string;
  /** A row a figure: of the IDs, of residual k-means, of IDs at random. */
  compared: { name: string; better: "more" | "less"; values: (number | undefined)[] }[];
}

/** Why an item has its ID, and how much of it the ID keeps. */
export interface ItemDetails {
  explanation: Omit<Explanation, "toString">;
  /** ||x - x^||^2 / mean ||x - mean||^2: 0 is perfect, 1 as bad as the mean of all items. Absent for an encoder without decoder. */
  error: number | undefined;
}

/** What there is to the codes that somebody typed. */
export interface FoundIds {
  /** The items whose IDs begin so, or, with `nearest`, those that have it. */
  items: Uint32Array;
  /** No ID begins so: the nearest one that an item has. */
  nearest?: number[];
}

/** A model that was loaded from a file. */
export interface LoadedModel {
  config: ModelConfig;
  fingerprint: string;
  part: "full" | "encoder";
}

/** Formats of IDs that the page offers. */
export type IdFile = "csv" | "jsonl" | "lcrec" | "recbole";
