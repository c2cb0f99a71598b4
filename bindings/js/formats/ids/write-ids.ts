/** Writes files of IDs in every format. */

import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { checkOptionNames } from "../../base/option-reader.ts";
import type { SemanticIds } from "../../ids/semantic-ids.ts";
import type { SemanticIdIndex } from "../../index/semantic-id-index.ts";
import type { ItemLabels } from "../../types.ts";
import { type IdsNpyType, writeIdsNpy } from "../arrays/npy.ts";
import { requireOptions } from "../io/bytes.ts";
import { type CodeVectors, hopwiseChunks } from "./hopwise.ts";
import { ID_FORMATS, type IdFormat } from "./id-formats.ts";
import { type IdTableSource, idsOfTable } from "./id-table.ts";
import { idTrieChunks } from "./id-trie.ts";
import { idsCsvChunks } from "./ids.ts";
import { idsJsonlChunks } from "./ids-jsonl.ts";
import { idsParquetChunks } from "./ids-parquet.ts";
import { lcRecChunks } from "./lcrec.ts";
import { mergeRecBoleChunks, recBoleChunks } from "./recbole.ts";

/** What is written besides the IDs, and how, if the format can hold it. */
export interface WriteIdsOptions {
  /** csv, parquet: the items' titles, and their IDs if the table has none. */
  labels?: ItemLabels | undefined;
  /** semanticids: the vectors of the codes, of each ID (n x L x latentDim, as `getSemanticIds` gives them) or of all codes. */
  vectors?: CodeVectors;
  /** jsonl, lcrec: how a code is written, see `VocabularyOptions.template`. Default: "<{letter}_{code}>". */
  template?: string;
  /** npy: the type of the integers. Default: the narrowest that holds the codes of every codebook. */
  type?: IdsNpyType;
  /** recbole: the separator of two columns, one character. Default: tab. */
  separator?: string;
  /**
   * recbole: how to write a code: as a "token" of its level ("<a_17>"), since RecBole gives equal words of a column the same number
   * regardless of their position, or as the bare "code". Default: "token".
   */
  content?: "token" | "code";
  /**
   * recbole: the text of an existing `.item` file, or its pieces. It gets the IDs as its last column and stays unchanged otherwise, to the
   * byte. An existing column of that name is replaced.
   */
  into?: string | Iterable<string>;
  /** With `into`: whether an item of the file without an ID is an "error", or gets an "empty" cell. Default: "error". */
  missing?: "error" | "empty";
}

/** What is written: IDs, a table of them, or all published IDs of an index. */
export type WrittenIds = SemanticIds | IdTableSource | SemanticIdIndex;

function tableOf(table: WrittenIds): IdTableSource {
  if (typeof table !== "object" || table === null) return table;
  if ("codes" in table) return { ids: table };
  return "table" in table ? table.table() : table;
}

/**
 * A file of IDs, in pieces: `writeFile(path, writeIds("csv", table))` of node:fs/promises takes them, as does `new Blob([...pieces])`;
 * `[...pieces].join("")` is the whole text.
 *
 * - csv: the header `item,title,code_1,...,code_L,id`, one row per item; `title` is present if labels are given;
 * - jsonl: `{"id":"B004756YJA","codes":[17,203,9],"tokens":"<a_17><b_203><c_9>"}` per line;
 * - lcrec: LC-Rec's `index.json`, `{"0": ["<a_1>", "<b_2>", "<c_3>"], ...}`;
 * - recbole: an `.item` file with the column `semantic_id:token_seq`;
 * - semanticids: as Hopwise's tutorial writes them, with the vectors if they are given;
 * - npy: integers, n x L, as GRID and TIGER's programs read them;
 * - trie: `{"17":{"203":{"9":["B004756YJA"]}}}`;
 * - parquet: the columns `item`, `title`, `code_1`, ..., `id`, and codebook sizes and fingerprint in its metadata.
 *
 * @param table The semantic IDs, with the items' own IDs if they have any (default: the row numbers); or a `SemanticIdIndex`, whose
 *   published IDs are written, sorted.
 * @throws InvalidInputError for item IDs that are not one per row or not unique, for what a format cannot hold, and for labels or vectors
 *   that do not fit the IDs.
 */
export function writeIds(
  format: IdFormat,
  table: WrittenIds,
  options: WriteIdsOptions = {},
): Iterable<string> | Iterable<Uint8Array> {
  requireOptions(options);
  checkOptionNames(options, "writeIds", [
    "labels",
    "vectors",
    "template",
    "type",
    "separator",
    "content",
    "into",
    "missing",
  ]);
  const source = tableOf(table);
  const ids = idsOfTable(source);
  const { labels, into, type, vectors } = options;
  switch (format) {
    case "csv":
      return idsCsvChunks(source, labels);
    case "jsonl":
      return idsJsonlChunks(source, options);
    case "lcrec":
      return lcRecChunks(source, options);
    case "recbole":
      return into === undefined ? recBoleChunks(source, options) : mergeRecBoleChunks(into, source, options);
    case "semanticids":
      return hopwiseChunks(source, vectors);
    case "npy":
      return [writeIdsNpy(ids, type)];
    case "trie":
      return idTrieChunks(source);
    case "parquet":
      return idsParquetChunks(source, labels);
    default:
      throw invalid()`${{ argument: "format" }} must be one of ${ID_FORMATS.join(", ")}, got ${describeValue(format)}`;
  }
}
