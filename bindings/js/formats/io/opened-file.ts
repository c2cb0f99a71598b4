/** What opening a file of embeddings gives. */

import type { ColumnOptions, TableColumns } from "../../items/columns.ts";
import type { ItemLabels } from "../../types.ts";
import type { RowTarget } from "../arrays/raw-matrix.ts";
import type { SkippedRows } from "./row-collector.ts";

/** Formats of embeddings, without what compresses them. */
export const ITEM_FORMATS = ["npy", "npz", "safetensors", "parquet", "csv", "json"] as const;
/** One of `ITEM_FORMATS`; "csv" is any table of text, "json" JSON lines as well. */
export type ItemFormat = (typeof ITEM_FORMATS)[number];

/** What to read of a file. */
export interface ItemFileOptions extends ColumnOptions {
  /** Leaves out rows that would be refused (NaN, missing, of another length, an item ID that was there before). Default: false. */
  skipInvalid?: boolean;
}

/** A matrix of which rows are read. */
export interface RowSource {
  rows: number;
  dim: number;
  /** Half floats, which can be read into a Uint16Array as they are. */
  isHalf: boolean;
  /** Writes rows [first, first + count) to the beginning of `target`, row-major. */
  fill(target: RowTarget, first: number, count: number): void | Promise<void>;
}

/** A file of embeddings. */
export interface ItemFile {
  format: ItemFormat;
  /** What can be read by rows. */
  matrix?: RowSource;
  /** What was read whole. */
  whole?: { data: RowTarget; rows: number; dim: number };
  /** Of the file's rows, or of those that were not skipped when it was read whole. */
  labels?: ItemLabels;
  itemIds?: string[];
  /** What the columns were taken for; absent where there is nothing but the vectors. */
  columns?: TableColumns;
  /** Rows that a reader of text left out. */
  skipped?: SkippedRows;
}
