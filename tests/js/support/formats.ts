/** Tables of text and of JSON without a file around them, and files of IDs as one text. */
import type { CodeVectors } from "../../../bindings/js/formats/ids/hopwise.ts";
import type { IdTableSource } from "../../../bindings/js/formats/ids/id-table.ts";
import { type WriteIdsOptions, writeIds } from "../../../bindings/js/formats/ids/write-ids.ts";
import { textPieces } from "../../../bindings/js/formats/io/bytes.ts";
import type { ItemFileOptions } from "../../../bindings/js/formats/io/opened-file.ts";
import type { TableRows } from "../../../bindings/js/formats/io/row-collector.ts";
import { CsvTable } from "../../../bindings/js/formats/text/csv.ts";
import { JsonTable } from "../../../bindings/js/formats/text/json.ts";
import type { SemanticIds } from "../../../bindings/js/ids/semantic-ids.ts";
import type { ItemLabels } from "../../../bindings/js/types.ts";

type Required<T, K extends keyof T> = T & { [P in K]-?: T[P] };

/** @param text whole, or in pieces */
export function readCsv(
  text: string | Iterable<string>,
  options: ItemFileOptions = {},
): Required<TableRows, "columns"> {
  return readTable(new CsvTable(options), text) as Required<TableRows, "columns">;
}

export function readJson(text: string, options: ItemFileOptions = {}): TableRows {
  return readTable(new JsonTable(options), text.replace(/^\uFEFF/, ""));
}

function readTable(table: CsvTable | JsonTable, text: string | Iterable<string>): TableRows {
  const encoder = new TextEncoder();
  for (const piece of textPieces(text)) table.push(encoder.encode(piece));
  return table.finish();
}

const joined = (pieces: Iterable<string | Uint8Array>) => [...pieces].join("");

export const writeHopwise = (table: IdTableSource, vectors?: CodeVectors): string =>
  joined(writeIds("semanticids", table, vectors ? { vectors } : {}));
export const writeIdTrie = (table: IdTableSource): string => joined(writeIds("trie", table));
export const writeIdsJsonl = (table: IdTableSource, options: WriteIdsOptions = {}): string =>
  joined(writeIds("jsonl", table, options));
export const writeLcRec = (table: IdTableSource, options: WriteIdsOptions = {}): string =>
  joined(writeIds("lcrec", table, options));
export const writeRecBole = (table: IdTableSource, options: WriteIdsOptions = {}): string =>
  joined(writeIds("recbole", table, options));
export const writeIdsCsv = (ids: SemanticIds, labels?: ItemLabels, itemIds?: IdTableSource["itemIds"]): string =>
  joined(writeIds("csv", { ids, ...(itemIds && { itemIds }) }, labels ? { labels } : {}));
