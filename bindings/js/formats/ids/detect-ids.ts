import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import type { SemanticIds } from "../../ids/semantic-ids.ts";
import { TokenTemplate } from "../../ids/token-template.ts";
import type { ItemLabels } from "../../types.ts";
import { readIdsNpy, writeIdsNpy } from "../arrays/npy.ts";
import { asBytes, decodeText, decodeWholeText, requireOptions, sniff } from "../io/bytes.ts";
import { type CodeVectors, type HopwiseTable, hopwiseChunks, readHopwise } from "./hopwise.ts";
import type { IdTableOptions, IdTableSource } from "./id-table.ts";
import { idsOfTable } from "./id-table.ts";
import { idTrieChunks, readIdTrie } from "./id-trie.ts";
import { idsCsvChunks, readIdTableCsv } from "./ids.ts";
import { idsJsonlChunks, readIdsJsonl } from "./ids-jsonl.ts";
import { idsParquetChunks } from "./ids-parquet.ts";
import { type LcRecOptions, lcRecChunks, readLcRec } from "./lcrec.ts";
import { readRecBole, recBoleChunks } from "./recbole.ts";

/** Formats of files of IDs: each is written by a function of its own, and read by one; Parquet is read by `readIdsAsync` alone. */
export const ID_FORMATS = ["csv", "jsonl", "lcrec", "recbole", "semanticids", "npy", "trie", "parquet"] as const;
/** One of `ID_FORMATS`. */
export type IdFormat = (typeof ID_FORMATS)[number];

/** What a file of IDs holds. */
export interface ReadIds extends HopwiseTable {
  format: IdFormat;
  /** Of a csv or Parquet file that has them. */
  titles?: string[];
}

/** Fill in what the file does not say, and name its format where the content could be misunderstood. */
export interface ReadIdsOptions extends IdTableOptions, LcRecOptions {
  format?: IdFormat;
  /** Between the columns of a RecBole file. Default: tab. */
  separator?: string;
}

/**
 * Reads IDs from a file of any format that they are written to but Parquet, which `readIdsAsync` reads as well; the content decides which.
 *
 * @param file The file's bytes; they are not changed and not kept.
 * @param fileName Its name, for messages.
 * @throws InvalidInputError when the format is none of these, and for what the reader refuses.
 */
export function readIds(file: Uint8Array | ArrayBuffer, fileName = "", options: ReadIdsOptions = {}): ReadIds {
  const bytes = asBytes(file);
  requireOptions(options);
  const format = options.format ?? recognise(bytes, fileName === "" ? "the file" : fileName, options);
  if (format === "npy") {
    const ids = readIdsNpy(bytes, options);
    return { format, ids, itemIds: rowNumbers(ids) };
  }
  const text = () => decodeText(bytes);
  switch (format) {
    case "csv":
      return { format, ...readIdTableCsv(text(), options) };
    case "jsonl":
      return { format, ...readIdsJsonl(text(), options) };
    case "lcrec":
      return { format, ...readLcRec(decodeWholeText(bytes), options) };
    case "recbole":
      return { format, ...readRecBole(text(), options) };
    case "semanticids":
      return { format, ...readHopwise(text(), options) };
    case "trie":
      return { format, ...readIdTrie(decodeWholeText(bytes), options) };
    case "parquet":
      throw invalid(
        "FILE_FOREIGN",
      )`${{ file: fileName === "" ? "the file" : fileName, form: "statement" }} is Parquet${{ hint: "read it with readIdsAsync" }}`;
    default:
      throw invalid()`${{ argument: "format" }} must be one of ${ID_FORMATS.join(", ")}, got ${describeValue(format)}`;
  }
}

const rowNumbers = (ids: SemanticIds) => Array.from({ length: ids.length }, (_, row) => String(row));

function recognise(bytes: Uint8Array, name: string, { template, separator = "\t" }: ReadIdsOptions): IdFormat {
  const { kind, advice, foreign, format } = sniff(bytes);
  if (format === "npy" || format === "parquet") return format;
  if (foreign) {
    throw invalid(
      "FILE_FOREIGN",
    )`${{ file: name, form: "statement" }} is ${kind}, but IDs are read from ${ID_FORMATS.join(", ")}. ${advice}`;
  }
  const [beginning = ""] = decodeText(bytes);
  const head = beginning.replace(/^\uFEFF/, "").trimStart();
  if (head.startsWith("{")) return recogniseJson(head, new TokenTemplate(template));
  const header = /^[^\r\n]*/.exec(head)![0];
  if (/^items,semantic_ids\b/.test(header)) return "semanticids";
  if (/^item,(title,)?code_1,/.test(header)) return "csv";
  if (header.split(separator).some((column) => column.replace(/^"/, "").startsWith("semantic_id:"))) return "recbole";
  throw invalid(
    "FILE_FOREIGN",
  )`${{ file: name, form: "statement" }} begins with ${describeValue(header)}, which is none of the formats of IDs (${ID_FORMATS.join(", ")})`;
}

/** A tree has objects or lists of items under its codes, LC-Rec lists of tokens under its items; a line of jsonl has both by name. */
function recogniseJson(head: string, template: TokenTemplate): IdFormat {
  if (/^\{\s*"((id|tokens)"\s*:\s*["\d]|codes"\s*:\s*\[\s*\d)/.test(head)) return "jsonl";
  if (/^\{\s*"\d+"\s*:\s*\{/.test(head)) return "trie";
  const [, token] = /^\{\s*"\d+"\s*:\s*\[\s*("[^"\\]*(?:\\.[^"\\]*)*")/.exec(head) ?? [];
  if (token === undefined) return "lcrec";
  let first: string;
  try {
    first = JSON.parse(token);
  } catch {
    return "lcrec"; // whose reader says what is wrong
  }
  const match = template.matchAt(first, 0);
  return match?.level === 0 && match.end === first.length ? "lcrec" : "trie";
}

/** What `idChunks` may write beside the IDs, where the format has a place for it. */
export interface IdExtras {
  /** Titles: csv, parquet. */
  labels?: ItemLabels;
  /** Vectors of the codes: semanticids. */
  vectors?: CodeVectors;
}

/** A file of IDs in a format, in pieces. @throws InvalidInputError for what its writer refuses. */
export function* idChunks(
  format: IdFormat,
  table: IdTableSource,
  extras: IdExtras = {},
): Generator<string | Uint8Array> {
  requireOptions(extras, "extras");
  const ids = idsOfTable(table);
  switch (format) {
    case "csv":
      return yield* idsCsvChunks(ids, extras.labels, table.itemIds);
    case "jsonl":
      return yield* idsJsonlChunks(table);
    case "lcrec":
      return yield* lcRecChunks(table);
    case "recbole":
      return yield* recBoleChunks(table);
    case "semanticids":
      return yield* hopwiseChunks(table, extras.vectors);
    case "npy":
      return yield writeIdsNpy(table.ids);
    case "trie":
      return yield* idTrieChunks(table);
    case "parquet":
      return yield* idsParquetChunks(table, extras.labels);
    default:
      throw invalid()`${{ argument: "format" }} must be one of ${ID_FORMATS.join(", ")}, got ${describeValue(format)}`;
  }
}
