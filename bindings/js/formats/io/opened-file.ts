/** The result of opening a file of embeddings. */

import type { TableColumns } from "../../items/columns.ts";
import type { ItemLabels } from "../../types.ts";
import type { RowTarget } from "../arrays/raw-matrix.ts";
import type { SkippedRows } from "./row-collector.ts";

/** Formats of embeddings, regardless of compression. */
export const ITEM_FORMATS = ["npy", "npz", "safetensors", "parquet", "csv", "json"] as const;
/** One of `ITEM_FORMATS`; "csv" is any table of text, "json" includes JSON lines. */
export type ItemFormat = (typeof ITEM_FORMATS)[number];

/** How to read a file of embeddings. */
export interface ItemFileOptions {
  /** Name of bytes, a Blob or a stream, for messages, and for the format if the content is ambiguous. */
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
   * For tables of text: the separator of two columns, one character. Default: tab, semicolon, comma or "|", whichever splits the first rows
   * into most numbers; a space if none does.
   */
  delimiter?: string;
  /**
   * For tables of text: whether the first row names the columns. Default: it does if it has text above every column of numbers, or numbers
   * its columns 0, 1, 2, ... as pandas does.
   */
  header?: boolean;
  /**
   * For tables of text: columns of titles (the first) and labels (the others), by name or 0-based number. All other columns then belong to
   * the embedding, unless one of them holds it as a list or `embedding` names it. Default: see `TableColumns`.
   */
  labelColumns?: readonly (string | number)[];
  /** Leave out rows that would be refused (NaN, missing values, wrong length, repeated item ID). Default: false. */
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

/** Items of a file: their vectors, accepted wherever items are, and what else the file says about them. */
export interface ItemTable<Data extends Float32Array | Uint16Array = Float32Array | Uint16Array> {
  /** rows x dim, row-major: float32, or float16 as its bits. */
  data: Data;
  rows: number;
  dim: number;
  format: ItemFormat;
  /** The items' own IDs, if a column, field or array holds them ("id", "item_id" and the like). */
  itemIds?: string[];
  labels?: ItemLabels;
  /** What the columns, fields or arrays of the file were taken for; absent if it holds only the vectors. */
  columns?: TableColumns;
  /** With `skipInvalid`: the rows of the file that were left out of vectors, IDs and labels. */
  skipped?: SkippedRows;
}

/** A matrix whose rows are read. */
export interface RowSource {
  rows: number;
  dim: number;
  /** Whether it holds half floats, which can be read into a Uint16Array as they are. */
  isHalf: boolean;
  /** Writes rows [first, first + count) to the start of `target`, row-major. */
  fill(target: RowTarget, first: number, count: number): void | Promise<void>;
}

/** A file of embeddings. */
export interface ItemFile {
  format: ItemFormat;
  /** The matrix, if it can be read by rows. */
  matrix?: RowSource;
  /** The items, if they were read whole. */
  whole?: { data: RowTarget; rows: number; dim: number };
  /** Labels of the file's rows, or of those that were not skipped when it was read whole. */
  labels?: ItemLabels;
  itemIds?: string[];
  /** What the columns were taken for; absent if there are only vectors. */
  columns?: TableColumns;
  /** Rows left out by a reader of text. */
  skipped?: SkippedRows;
}
