import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { requireThat } from "../../base/option-reader.ts";
import { type Wording, worded } from "../../base/wording.ts";
import { counted } from "../../base/words.ts";
import type { SemanticIds } from "../../ids/semantic-ids.ts";
import { requireIds } from "../../ids/semantic-ids.ts";
import type { ItemLabels } from "../../types.ts";
import { requireOptions } from "../io/bytes.ts";
import { parseCsv } from "../text/csv-parser.ts";
import { readTextCell, writeTextCell } from "../text/csv-text.ts";
import { checkedItemIds, type IdTable, IdTableBuilder, type IdTableOptions, type IdTableSource } from "./id-table.ts";
import { withLabelIds } from "./label-ids.ts";

/** The pieces of `writeIdsCsv`, some thousand rows each: for a Blob, a stream, or more IDs than fit in one string. */
export function* idsCsvChunks(
  ids: SemanticIds,
  labels?: ItemLabels,
  itemIds?: IdTableSource["itemIds"],
): Generator<string> {
  requireIds(ids);
  const itemId = checkedItemIds(withLabelIds({ ids, ...(itemIds && { itemIds }) }, labels));
  let chunk = `${header(ids.levels, labels !== undefined).join(",")}\n`;
  for (let i = 0; i < ids.length; i++) {
    const title = labels ? `${writeTextCell(String(labels.titles[i]))},` : "";
    chunk += `${writeTextCell(itemId(i))},${title}${ids.at(i).join(",")},${ids.toTokens(i)}\n`;
    if (i % 4096 === 4095) {
      yield chunk;
      chunk = "";
    }
  }
  if (chunk !== "") yield chunk;
}

/**
 * IDs as CSV (RFC 4180, lines end with "\n"): the header `item,title,code_1,...,code_L,id`, then a row per item, where `item` is
 * the caller's ID of the item (`itemIds`, or those of the labels), or without any the 0-based row number, `id` the tokens ("<a_17><b_203><c_9>"), and `title` is
 * there when labels are given. An item ID or title that a spreadsheet would run as a formula, because it begins with "=", "+", "-", "@", a tab
 * or CR, has an apostrophe before it, but for negative numbers; one that has apostrophes before such a beginning gets one more. The readers
 * of this package take it away again.
 *
 * @throws InvalidInputError when there is not one title and one item ID per ID, or an item is there twice.
 */
export function writeIdsCsv(ids: SemanticIds, labels?: ItemLabels, itemIds?: IdTableSource["itemIds"]): string {
  return [...idsCsvChunks(ids, labels, itemIds)].join("");
}

function header(levels: number, hasTitle: boolean): string[] {
  const codeColumns = Array.from({ length: levels }, (_, level) => `code_${level + 1}`);
  return ["item", ...(hasTitle ? ["title"] : []), ...codeColumns, "id"];
}

/** What the table does not say about the IDs. */
export interface IdsCsvOptions {
  /** Number of codes of each level. */
  codebookSizes: readonly number[];
  /** Fingerprint of the model that made the IDs. */
  fingerprint?: string;
}

/**
 * Reads what `writeIdsCsv` wrote without item IDs. The titles are not kept.
 *
 * @throws InvalidInputError for another header, items that are not numbered 0, 1, 2, ..., a code that is no whole number below its
 *   codebook size, or an `id` that contradicts the codes.
 */
export function readIdsCsv(text: string, options: IdsCsvOptions): SemanticIds {
  requireOptions(options);
  requireSizes(options);
  return readTable(text, options, (item, row, where) => {
    if (item === String(row)) return;
    throw invalid(
      "FILE_CONTENT",
    )`${where}: item is ${describeValue(item)}, but items are numbered 0, 1, 2, ... in order; readIdTableCsv reads other item IDs`;
  }).ids;
}

/**
 * Reads what `writeIdsCsv` wrote, with the items' IDs and titles; whole or in pieces.
 *
 * @throws InvalidInputError for another header, an item that is there twice, a code that is no whole number below its codebook size, or
 *   an `id` that contradicts the codes.
 */
export function readIdTableCsv(
  text: string | Iterable<string>,
  options: IdTableOptions = {},
): IdTable & { titles?: string[] } {
  return readTable(text, options, () => {});
}

function requireSizes({ codebookSizes }: IdTableOptions): void {
  const isSo = Array.isArray(codebookSizes) && codebookSizes.length > 0;
  requireThat(isSo, "codebookSizes", "an array with the number of codes of each level", codebookSizes);
}

function readTable(
  text: string | Iterable<string>,
  options: IdTableOptions,
  checkItem: (item: string, row: number, where: Wording) => void,
): IdTable & { titles?: string[] } {
  requireOptions(options);
  const records = parseCsv(text);
  const found = (records.next().value as { cells: string[] } | undefined)?.cells ?? [];
  const hasTitle = found[1] === "title";
  if (options.codebookSizes !== undefined) requireSizes(options);
  const levels = options.codebookSizes?.length ?? Math.max(1, found.length - (hasTitle ? 3 : 2));
  const expected = header(levels, hasTitle);
  if (found.join() !== expected.join()) {
    throw invalid(
      "FILE_CONTENT",
    )`the header must be ${expected.join()} for ${counted(levels, "level")}, got ${describeValue(found.join())}`;
  }
  const table = new IdTableBuilder();
  const titles: string[] = [];
  const tokens: string[] = [];
  for (const { cells, line } of records) {
    const where = worded`${{ row: tokens.length }} (line ${line})`;
    if (cells.length !== expected.length) {
      throw invalid(
        "ROW_LENGTH",
      )`${where} has ${counted(cells.length, "column")}, but the header has ${expected.length}`;
    }
    const item = readTextCell(cells[0]!);
    checkItem(item, tokens.length, where);
    const codes = cells.slice(-levels - 1, -1).map((cell, level) => {
      if (/^\d+$/.test(cell)) return Number(cell);
      throw invalid("FILE_CONTENT")`${where}: code_${level + 1} is ${describeValue(cell)}, not a whole number`;
    });
    table.add(item, codes, where);
    if (hasTitle) titles.push(readTextCell(cells[1]!));
    tokens.push(cells.at(-1)!);
  }
  const { ids, itemIds } = table.finish(options);
  tokens.forEach((token, row) => {
    if (token !== ids.toTokens(row)) {
      throw invalid(
        "CODE_OUT_OF_RANGE",
      )`${{ row }}: id is ${describeValue(token)}, but the codes say ${ids.toTokens(row)}`;
    }
  });
  return { ids, itemIds, ...(hasTitle && { titles }) };
}
