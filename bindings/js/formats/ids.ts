import { InvalidInputError } from "../errors.ts";
import { SemanticIds } from "../semantic-ids.ts";
import type { ItemLabels } from "../types.ts";
import { describeValue } from "./bytes.ts";
import { parseCsv } from "./csv.ts";
import { checkLabels } from "./labels.ts";

/** The pieces of `writeIdsCsv`, some thousand rows each: for a Blob, a stream, or more IDs than fit in one string. */
export function* idsCsvChunks(ids: SemanticIds, labels?: ItemLabels): Generator<string> {
  if (labels) checkLabels(labels, ids.length);
  const codeColumns = Array.from({ length: ids.levels }, (_, level) => `code_${level + 1}`);
  let chunk = `${["item", ...(labels ? ["title"] : []), ...codeColumns, "id"].join(",")}\n`;
  for (let i = 0; i < ids.length; i++) {
    const title = labels ? `${quoted(labels.titles[i]!)},` : "";
    chunk += `${i},${title}${ids.at(i).join(",")},${ids.toTokens(i)}\n`;
    if (i % 4096 === 4095) {
      yield chunk;
      chunk = "";
    }
  }
  if (chunk !== "") yield chunk;
}

/**
 * IDs as CSV (RFC 4180, lines end with "\n"): the header `item,title,code_1,...,code_L,id`, then a row per item, where `item` is
 * the 0-based row number, `id` the tokens ("<a_17><b_203><c_9>"), and `title` is there when labels are given. Cells are exactly
 * what they say: nothing is escaped for spreadsheets.
 *
 * @throws InvalidInputError when there is not one title per ID.
 */
export function writeIdsCsv(ids: SemanticIds, labels?: ItemLabels): string {
  return [...idsCsvChunks(ids, labels)].join("");
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** What the table does not say about the IDs. */
export interface IdsCsvOptions {
  /** Number of codes of each level. */
  codebookSizes: readonly number[];
  /** Fingerprint of the model that made the IDs. */
  fingerprint?: string;
}

/**
 * Reads what `writeIdsCsv` wrote. The titles are not kept.
 *
 * @throws InvalidInputError for another header, items that are not numbered 0, 1, 2, ..., a code that is no whole number below its
 *   codebook size, or an `id` that contradicts the codes.
 */
export function readIdsCsv(text: string, options: IdsCsvOptions): SemanticIds {
  const levels = options?.codebookSizes?.length;
  if (!levels) throw new InvalidInputError("codebookSizes must be an array with the number of codes of each level");
  const records = parseCsv(text);
  const header = records.next().value as { cells: string[] } | undefined;
  const hasTitle = header?.cells[1] === "title";
  const codeColumns = Array.from({ length: levels }, (_, level) => `code_${level + 1}`);
  const expected = ["item", ...(hasTitle ? ["title"] : []), ...codeColumns, "id"];
  if (header?.cells.join() !== expected.join()) {
    throw new InvalidInputError(
      `the header must be ${expected.join()} for ${levels} levels, got ${describeValue(header?.cells.join() ?? "")}`,
    );
  }
  const rows: number[][] = [];
  const tokens: string[] = [];
  for (const { cells, line } of records) {
    const where = `row ${rows.length} (line ${line})`;
    if (cells.length !== expected.length) {
      throw new InvalidInputError(`${where} has ${cells.length} columns, but the header has ${expected.length}`);
    }
    if (cells[0] !== String(rows.length)) {
      throw new InvalidInputError(
        `${where}: item is ${describeValue(cells[0])}, but items are numbered 0, 1, 2, ... in order`,
      );
    }
    const codes = cells.slice(-levels - 1, -1).map((cell, level) => {
      if (/^\d+$/.test(cell)) return Number(cell);
      throw new InvalidInputError(`${where}: code_${level + 1} is ${describeValue(cell)}, not a whole number`);
    });
    rows.push(codes);
    tokens.push(cells.at(-1)!);
  }
  const ids = SemanticIds.from(rows, options);
  tokens.forEach((token, row) => {
    if (token !== ids.toTokens(row)) {
      throw new InvalidInputError(`row ${row}: id is ${describeValue(token)}, but the codes say ${ids.toTokens(row)}`);
    }
  });
  return ids;
}
