import { assessIds, SemanticIds } from "rqvae";
import { readIds } from "rqvae/formats";
import { plural } from "../base/words.ts";
import { type HeldItems, writtenIds } from "./items.ts";
import { delimiterOf } from "./looks-like-ids.ts";
import { summarizeReport } from "./report-summary.ts";
import type { AssessedIds } from "./types.ts";

/** IDs as a file has them; `itemIds` are absent where its rows have no names. */
interface OwnIds {
  format: string;
  ids: SemanticIds;
  itemIds?: readonly string[];
}

/** Assesses the IDs of a file: with the vectors that are open if they are of the same items, else by counting alone. */
export async function assessIdFile(file: File, held: HeldItems | undefined): Promise<AssessedIds> {
  const own = await readIdFile(file);
  const rows = held && rowsOf(own, held);
  const { beside } = rows ?? aboutItems(own, held);
  const { codes, codebookSizes, levels } = own.ids;
  const report =
    held && rows
      ? await assessIds(
          SemanticIds.from(
            rows.rows.map((row) => codes.subarray(row * levels, (row + 1) * levels)).map((id) => [...id]),
            { codebookSizes },
          ),
          { items: held.vectors.reader(), baseline: true, ...(held.labels ? { labels: held.labels } : {}) },
        )
      : await assessIds(own.ids);
  return { name: file.name, format: own.format, report: summarizeReport(report), beside };
}

/** Which row of the file each open item has; undefined if the file is about other items. */
function rowsOf({ ids, itemIds }: OwnIds, held: HeldItems): { rows: number[]; beside: string } | undefined {
  const { rows: n } = held.vectors;
  const beside = `They are assessed with the vectors of ${held.file.name}.`;
  if (!itemIds) {
    if (ids.length !== n) return undefined;
    return { rows: Array.from({ length: n }, (_, row) => row), beside };
  }
  const known = new Map(itemIds.map((itemId, row) => [itemId, row]));
  const names = writtenIds(held);
  const rows = Array.from({ length: n }, (_, item) => known.get(String(names?.[item] ?? item)));
  return rows.some((row) => row === undefined) ? undefined : { rows: rows as number[], beside };
}

function aboutItems({ ids }: OwnIds, held: HeldItems | undefined): { beside: string } {
  if (!held) {
    return { beside: "Open their embeddings first, and the report also says whether similar items have similar IDs." };
  }
  const { rows } = held.vectors;
  return {
    beside: `These are ${plural(ids.length, "ID")}, not those of the ${plural(rows, "item")} in ${held.file.name}, so they are only counted.`,
  };
}

async function readIdFile(file: File): Promise<OwnIds> {
  const head = new TextDecoder("latin1").decode(await file.slice(0, 512).arrayBuffer());
  const isText = !/^(\x93NUMPY|PAR1)/.test(head) && !/^\s*(\xEF\xBB\xBF)?\s*\{/.test(head);
  const isOurs = /^(\xEF\xBB\xBF)?(item,(title,)?code_1,|items,semantic_ids\b)|semantic_id:/.test(head);
  if (isText && !isOurs) return { format: "csv", ...readCodeTable(await file.text(), file.name) };
  const { format, ids, itemIds } = await readIds(new Uint8Array(await file.arrayBuffer()), { fileName: file.name });
  return { format, ids, ...(format === "npy" ? {} : { itemIds }) };
}

/** A table of codes as other programs write it: a column for each code, or one of tokens; perhaps a header, perhaps names of the items. */
export function readCodeTable(text: string, name: string): Omit<OwnIds, "format"> {
  const lines = text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "");
  const delimiter = delimiterOf(lines[0] ?? "");
  const table = lines.map((line) => cellsOf(line, delimiter));
  const hasHeader = table.length > 1 && !table[0]!.some(isCode) && !table[0]!.some(hasTokens);
  const body = hasHeader ? table.slice(1) : table;
  const first = body[0];
  if (!first) throw new Error(`${name} holds no IDs`);
  const tokenColumn = first.findIndex(hasTokens);
  const columns = tokenColumn >= 0 ? [] : codeColumns(table, hasHeader);
  if (tokenColumn < 0 && columns.length < 2) {
    throw new Error(`${name} has no columns of codes: write one whole number from 0 on for each code of an ID`);
  }
  const codes = body.map((cells, row) => {
    const found =
      tokenColumn >= 0
        ? [...(cells[tokenColumn] ?? "").matchAll(/_(\d+)>/g)].map(([, code]) => Number(code))
        : columns.map((column) => (isCode(cells[column] ?? "") ? Number(cells[column]) : Number.NaN));
    if (found.length === 0 || found.some(Number.isNaN)) {
      throw new Error(
        `Line ${row + (hasHeader ? 2 : 1)} of ${name} has no whole ID: “${lines[row + (hasHeader ? 1 : 0)]!.slice(0, 60)}”`,
      );
    }
    return found;
  });
  const levels = codes[0]!.length;
  const other = codes.findIndex((id) => id.length !== levels);
  if (other >= 0) {
    throw new Error(
      `Line ${other + (hasHeader ? 2 : 1)} of ${name} has ${plural(codes[other]!.length, "code")}, but the first ID has ${levels}`,
    );
  }
  const codebookSizes = codes[0]!.map((_, level) => codes.reduce((most, id) => Math.max(most, id[level]! + 1), 1));
  const nameColumn = (tokenColumn >= 0 ? tokenColumn : columns[0]!) > 0 ? 0 : undefined;
  const ids = SemanticIds.from(codes, { codebookSizes });
  return nameColumn === undefined ? { ids } : { ids, itemIds: body.map((cells) => cells[nameColumn]!) };
}

const isCode = (cell: string) => /^\d+$/.test(cell);
const hasTokens = (cell: string) => /<[a-zA-Z]+_\d+>/.test(cell);

/** The columns of whole numbers, without the one that names the items. */
function codeColumns(table: readonly string[][], hasHeader: boolean): number[] {
  const [head = []] = table;
  const body = hasHeader ? table.slice(1) : table;
  const whole = body[0]!.map((cell, column) => (isCode(cell) ? column : -1)).filter((column) => column >= 0);
  if (hasHeader) {
    const named = whole.filter((column) => /\d$/.test(head[column]!));
    if (named.length >= 2) return named;
    return whole.filter((column) => !/^(item|items|item_?id|id|asin|row|title)?$/i.test(head[column]!));
  }
  // Without a header, a first column that counts the rows is no code.
  return body.length > 2 && body.every((cells, row) => cells[0] === String(row))
    ? whole.filter((column) => column > 0)
    : whole;
}

function cellsOf(line: string, delimiter: string): string[] {
  const cell = new RegExp(String.raw`\s*(?:"((?:[^"]|"")*)"|([^${delimiter}]*))\s*(?:${delimiter}|$)`, "y");
  const cells: string[] = [];
  while (cell.lastIndex < line.length || line.endsWith(delimiter)) {
    const at = cell.lastIndex;
    const match = cell.exec(line);
    if (!match) break;
    cells.push((match[1]?.replaceAll('""', '"') ?? match[2] ?? "").trim());
    if (cell.lastIndex === at || cell.lastIndex >= line.length) break;
  }
  return cells;
}
