import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { requireThat } from "../../base/option-reader.ts";
import { worded } from "../../base/wording.ts";
import { counted } from "../../base/words.ts";
import type { ItemLabels } from "../../types.ts";
import { requireOptions } from "../io/bytes.ts";
import { parseCsv } from "../text/csv-parser.ts";
import { readTextCell, writeTextCell } from "../text/csv-text.ts";
import {
  checkedItemIds,
  type IdTable,
  IdTableBuilder,
  type IdTableOptions,
  type IdTableSource,
  idsOfTable,
  inChunks,
} from "./id-table.ts";
import { withLabelIds } from "./label-ids.ts";

/**
 * IDs as CSV (RFC 4180, lines end with "\n"): the header `item,title,code_1,...,code_L,id`, then a row per item, where `item` is the
 * caller's ID of the item (`itemIds`, or those of the labels) or else the 0-based row number, `id` has the tokens ("<a_17><b_203><c_9>"),
 * and `title` is present if labels are given. An item ID or title that a spreadsheet would run as a formula, because it starts with "=",
 * "+", "-", "@", a tab or CR, is written with an apostrophe before it, except for negative numbers; one that already has apostrophes before
 * such a start gets one more. The readers of this package remove it again.
 *
 * @throws InvalidInputError if there is not one title and one item ID per ID, or an item occurs twice.
 */
export function idsCsvChunks(table: IdTableSource, labels?: ItemLabels): Generator<string> {
  const ids = idsOfTable(table);
  const itemId = checkedItemIds(withLabelIds(table, labels));
  return inChunks(lines());

  function* lines(): Generator<string> {
    yield `${header(ids.levels, labels !== undefined).join(",")}\n`;
    for (let i = 0; i < ids.length; i++) {
      const title = labels ? `${writeTextCell(String(labels.titles[i]))},` : "";
      yield `${writeTextCell(itemId(i))},${title}${ids.at(i).join(",")},${ids.toTokens(i)}\n`;
    }
  }
}

function header(levels: number, hasTitle: boolean): string[] {
  const codeColumns = Array.from({ length: levels }, (_, level) => `code_${level + 1}`);
  return ["item", ...(hasTitle ? ["title"] : []), ...codeColumns, "id"];
}

/**
 * Reads what `idsCsvChunks` wrote, with the items' IDs and titles; whole or in pieces.
 * @throws InvalidInputError for another header, an item that occurs twice, a code that is not a whole number below its codebook size, or an
 *   `id` that contradicts the codes.
 */
export function readIdsCsv(
  text: string | Iterable<string>,
  options: IdTableOptions = {},
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

function requireSizes({ codebookSizes }: IdTableOptions): void {
  const isSo = Array.isArray(codebookSizes) && codebookSizes.length > 0;
  requireThat(isSo, "codebookSizes", "an array with the number of codes per level", codebookSizes);
}
