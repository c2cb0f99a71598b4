/** What opening a file of embeddings gives. */

import type { TableColumns } from "../../items/columns.ts";
import type { ItemLabels } from "../../types.ts";
import type { RowTarget } from "../arrays/raw-matrix.ts";
import type { SkippedRows } from "./row-collector.ts";

/** Formats of embeddings, without what compresses them. */
export const ITEM_FORMATS = ["npy", "npz", "safetensors", "parquet", "csv", "json"] as const;
/** One of `ITEM_FORMATS`; "csv" is any table of text, "json" JSON lines as well. */
export type ItemFormat = (typeof ITEM_FORMATS)[number];

/** How a file of embeddings is read. */
export interface ItemFileOptions {
  /** Name of bytes, a Blob or a stream, for messages and where the content leaves a choice of formats. */
  fileName?: string;
  /**
   * What holds the embedding: the column or JSON field with lists (inner fields by dots: "output.vector"), the prefix of numbered columns
   * ("emb_" for emb_0, emb_1, ...), several columns, or the array of an npz or safetensors file. Columns of a csv table can be given by
   * 0-based number. Default: found by name, shape and values, see `TableColumns`.
   */
  embedding?: string | number | readonly (string | number)[];
  /** The column, field or array that holds the items' own IDs, by name or 0-based number. Default: found by its name. */
  itemId?: string | number;
  /**
   * Of a table of text: what stands between two columns, one character. Default: tab, semicolon, comma or "|", whichever splits the first
   * rows into most numbers; a space when none gives any.
   */
  delimiter?: string;
  /**
   * Of a table of text: whether the first row names the columns. Default: it does when it has text above every column of numbers, or
   * numbers its columns 0, 1, 2, ... as pandas does.
   */
  header?: boolean;
  /**
   * Of a table of text: columns of titles (the first) and labels (the others), by name or 0-based number; all other columns belong to the
   * embedding then, unless one of them holds it as a list or `embedding` names it. Default: see `TableColumns`.
   */
  labelColumns?: readonly (string | number)[];
  /** Leaves out rows that would be refused (NaN, missing, of another length, an item ID that was there before). Default: false. */
  skipInvalid?: boolean;
}

/** The names of `ItemFileOptions`. */
export const ITEM_FILE_OPTIONS = [
  "fileName",
  "embedding",
  "itemId",
  "delimiter",
  "header",
  "labelColumns",
  "skipInvalid",
] as const satisfies readonly (keyof ItemFileOptions)[];

/** Items of a file: vectors, which everything takes that takes items, and what else the file says about them. */
export interface ItemTable<Data extends Float32Array | Uint16Array = Float32Array | Uint16Array> {
  /** rows x dim, row-major: float32, or float16 as its bits. */
  data: Data;
  rows: number;
  dim: number;
  format: ItemFormat;
  /** The items' own IDs, where a column, field or array holds them ("id", "item_id" and the like). */
  itemIds?: string[];
  labels?: ItemLabels;
  /** What the columns, fields or arrays of the file were taken for; absent where it holds nothing but the vectors. */
  columns?: TableColumns;
  /** With `skipInvalid`: the rows of the file that were left out, of the vectors as of IDs and labels. */
  skipped?: SkippedRows;
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
