/** Writes IDs as Parquet, and reads them from Parquet files of any program. */

import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { type Wording, worded } from "../../base/wording.ts";
import { counted } from "../../base/words.ts";
import { TokenTemplate } from "../../ids/token-template.ts";
import { isItemIdName } from "../../items/columns.ts";
import type { ItemLabels } from "../../types.ts";
import type { ByteSource } from "../io/byte-source.ts";
import { inflatedLimit } from "../io/inflate.ts";
import {
  type Column,
  type ColumnValue,
  chunkOf,
  type Group,
  listColumns,
  listsOf,
  numberedColumns,
  openParquetFile,
  type ParquetFile,
  scalarsOf,
} from "../parquet/parquet-file.ts";
import { type ParquetColumn, ParquetWriter } from "../parquet/parquet-writer.ts";
import {
  checkedItemIds,
  type IdTable,
  IdTableBuilder,
  type IdTableOptions,
  type IdTableSource,
  idsOfTable,
} from "./id-table.ts";
import { withLabelIds } from "./label-ids.ts";
import type { LcRecOptions } from "./lcrec.ts";

const GROUP_ROWS = 1 << 16;
/** Keys of the metadata. */
const SIZES = "rqvae.codebookSizes";
const FINGERPRINT = "rqvae.fingerprint";

/**
 * IDs as a Parquet file in pieces, with the columns of `writeIdsCsv`: `item` (text), `title` if there are labels, `code_1` to `code_L`
 * (int32), `id` (the tokens). The footer's metadata keeps the codebook sizes, unless they were inferred, and the fingerprint.
 *
 * @throws InvalidInputError if there is not one title and one item ID per ID, an item occurs twice, or a codebook has more than 2^31 codes.
 */
export function* idsParquetChunks(table: IdTableSource, labels?: ItemLabels): Generator<Uint8Array> {
  const ids = idsOfTable(table);
  const itemId = checkedItemIds(withLabelIds(table, labels));
  if (Math.max(...ids.codebookSizes) > 2 ** 31) {
    throw invalid(
      "FORMAT_CANNOT_HOLD",
    )`a codebook has more than 2^31 codes, which int32 cannot number${{ hint: "write another format" }}`;
  }
  const columns: ParquetColumn[] = [
    { name: "item", kind: "text" },
    ...(labels ? [{ name: "title", kind: "text" } as const] : []),
    ...Array.from({ length: ids.levels }, (_, level) => ({ name: `code_${level + 1}`, kind: "int32" }) as const),
    { name: "id", kind: "text" },
  ];
  const { codebookSizes, hasInferredSizes, fingerprint } = ids;
  const writer = new ParquetWriter(columns, {
    ...(!hasInferredSizes && { [SIZES]: JSON.stringify(codebookSizes) }),
    ...(fingerprint !== undefined && { [FINGERPRINT]: fingerprint }),
  });
  yield writer.begin();
  for (let first = 0; first < ids.length; first += GROUP_ROWS) {
    const rows = Math.min(GROUP_ROWS, ids.length - first);
    const texts = (of: (row: number) => string) => Array.from({ length: rows }, (_, i) => of(first + i));
    const codes = Array.from({ length: ids.levels }, (_, level) =>
      Int32Array.from({ length: rows }, (_, i) => ids.codes[(first + i) * ids.levels + level]!),
    );
    yield* writer.group(rows, [
      texts(itemId),
      ...(labels ? [texts((row) => labels.titles[row]!)] : []),
      ...codes,
      texts((row) => ids.toTokens(row)),
    ]);
  }
  yield writer.finish();
}

/** Names of columns that hold codes; if numbered, one per level. */
const usualCodes = /^((semantic|sem)?_?ids?|sids?|codes?|levels?|layers?|tokens?|[ckl])?[ _.-]?$/i;
const isTitleName = (name: string) => /^(title|name)$/i.test(name);
/** Names that end like those of item IDs: "parent_asin". */
const endsAsItemId = /(^|[ _.-])(ids?|asin|sku|key|uuid|item)$/i;

const isInteger = ({ type }: Column) => /^u?int/.test(type ?? "");
const isText = ({ type }: Column) => type === "bytes";
const isScalar = ({ maxRepetition, path }: Column) => maxRepetition === 0 && path.length === 1;
const isList = ({ maxRepetition }: Column) => maxRepetition === 1;

/** Columns that hold the codes. */
interface CodeColumns {
  kind: "levels" | "list" | "tokens" | "token list";
  columns: Column[];
  /** Whether the name says that they are codes. */
  isUsual: boolean;
}

/**
 * Reads IDs from Parquet: what `idsParquetChunks` wrote, and files of other programs, see `readIds`.
 * @throws InvalidInputError if no column, or more than one, can be that of the codes or of the items; for codes that are missing or
 *   contradict the tokens in the same row; and, with the row's number, for anything that a table of IDs cannot have.
 */
export async function readIdsParquet(
  source: ByteSource,
  options: LcRecOptions & IdTableOptions = {},
): Promise<IdTable & { titles?: string[] }> {
  const file = await openParquetFile(source);
  requireRoom(file, file.rows);
  const template = new TokenTemplate(options.template);
  const tokens = await tokenColumns(file, template);
  const codes = chooseCodes(file.columns, tokens);
  const taken = new Set([...codes.columns, ...tokens.flatMap(({ columns }) => columns)]);
  const others = file.columns.filter((column) => isScalar(column) && !taken.has(column));
  const title = others.find((column) => isText(column) && isTitleName(column.name));
  const canName = (column: Column) => isText(column) || isInteger(column) || column.type === "uuid";
  const item = chooseItem(others.filter((column) => column !== title && canName(column)));
  const unusable = item ? undefined : others.find((column) => isItemIdName(column.name) && !canName(column));
  if (unusable) {
    throw invalid(
      "ITEM_ID_INVALID",
    )`the column ${describeValue(unusable.name)} holds ${unusable.type ?? "values"}, which cannot be item IDs${{ hint: "save it as text or integers" }}`;
  }
  // As in csv, the tokens must agree with the codes.
  const beside = tokens.find(({ kind, columns: [{ name } = { name: "" }] }) => kind === "tokens" && name === "id");
  const check = codes.kind === "levels" || codes.kind === "list" ? beside?.columns[0] : undefined;

  const table = new IdTableBuilder();
  const titles: string[] = [];
  for (const group of file.groups) {
    const scalars = (column: Column | undefined) => column && readScalars(file, group, column);
    const [codesOf, items, ownTitles, checks] = [
      await readCodes(file, group, codes, template),
      await scalars(item),
      await scalars(title),
      await scalars(check),
    ];
    for (let i = 0; i < group.rows; i++) {
      const row = group.first + i;
      const where = worded`${{ row }}`;
      const own = codesOf(i, where);
      if (items && items[i] === undefined)
        throw invalid("ITEM_ID_INVALID")`${where} has no item ID${{ hint: "every item needs one" }}`;
      table.add(String(items ? items[i] : row), own, where);
      if (ownTitles) titles.push(String(ownTitles[i] ?? ""));
      const written = checks && own.map((code, level) => template.token(level, code)).join("");
      if (checks && checks[i] !== written) {
        throw invalid(
          "CODE_OUT_OF_RANGE",
        )`${where}: id is ${describeValue(checks[i])}, but the codes say ${String(written)}`;
      }
    }
  }
  return { ...table.finish(described(file, options)), ...(title && { titles }) };
}

/** The options, completed by what the file says. @throws InvalidInputError if the two contradict each other. */
function described({ metadata }: ParquetFile, options: IdTableOptions): IdTableOptions {
  const [sizes, own] = [metadata.get(SIZES), metadata.get(FINGERPRINT)];
  const { codebookSizes, fingerprint } = options;
  if (sizes !== undefined && codebookSizes !== undefined && JSON.stringify(codebookSizes) !== sizes) {
    throw invalid(
      "OTHER_CODEBOOKS",
    )`codebookSizes is [${codebookSizes.join(", ")}], but the Parquet file says ${String(sizes)}${{ hint: "leave it out, or choose the file of that model" }}`;
  }
  if (own !== undefined && fingerprint !== undefined && own !== fingerprint) {
    throw invalid(
      "OTHER_MODEL",
    )`${{ argument: "fingerprint" }} is ${fingerprint}, but the Parquet file belongs to model ${own}`;
  }
  const known = { codebookSizes: codebookSizes ?? parsedSizes(sizes), fingerprint: fingerprint ?? own };
  return {
    ...(known.codebookSizes && { codebookSizes: known.codebookSizes }),
    ...(known.fingerprint !== undefined && { fingerprint: known.fingerprint }),
  };
}

function parsedSizes(text: string | undefined): number[] | undefined {
  if (text === undefined) return undefined;
  try {
    const sizes: unknown = JSON.parse(text);
    if (Array.isArray(sizes) && sizes.every((size) => Number.isSafeInteger(size) && size > 0)) return sizes as number[];
  } catch {}
  throw invalid("FILE_DAMAGED")`the Parquet file is damaged: its ${SIZES} is ${describeValue(text)}`;
}

/** A column of runs takes few bytes whatever its length, so what it expands to must be limited. */
function requireRoom({ source }: ParquetFile, values: number): void {
  if (4 * values <= inflatedLimit(source.size)) return;
  throw invalid(
    "FILE_TOO_LARGE",
  )`the Parquet file claims ${counted(values, "value")} in ${counted(source.size, "byte")}: more than 1,000 times as many bytes are refused`;
}

/** The columns of texts whose first text is an ID written in tokens. */
async function tokenColumns(file: ParquetFile, template: TokenTemplate): Promise<CodeColumns[]> {
  const found: CodeColumns[] = [];
  const [group] = file.groups;
  for (const column of file.columns.filter(isText)) {
    const isUsual = usualCodes.test(column.name);
    if (isScalar(column)) {
      const first = await firstOf(scalarsOf(file, group!, column), (value) => value !== undefined);
      if (first !== undefined && tokensOf(String(first), template)) {
        found.push({ kind: "tokens", columns: [column], isUsual });
      }
    } else if (isList(column)) {
      const chunk = chunkOf(file, group!, column);
      requireRoom(file, chunk.values);
      const first = await firstOf(listsOf(file, group!, chunk), (list) => list.length > 0);
      const isToken = (text: ColumnValue, level: number) => tokensOf(String(text), template, level)?.length === 1;
      if (first?.every(isToken)) found.push({ kind: "token list", columns: [column], isUsual });
    }
  }
  return found;
}

async function firstOf<T>(pieces: AsyncIterable<T[]>, isWanted: (value: T) => boolean): Promise<T | undefined> {
  for await (const piece of pieces) {
    const found = piece.find(isWanted);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The codes of a text of tokens, with or without white space between them; undefined for any other text. */
function tokensOf(text: string, template: TokenTemplate, level = 0): number[] | undefined {
  const codes: number[] = [];
  const end = text.trimEnd().length;
  for (let at = 0; at < end; ) {
    if (/\s/.test(text[at]!)) at++;
    else {
      const match = template.matchAt(text, at);
      if (match?.level !== level + codes.length) return undefined;
      codes.push(match.code);
      at = match.end;
    }
  }
  return codes.length > 0 ? codes : undefined;
}

/** Columns of whole numbers with a common name and numbers from 0 or 1. */
function levelColumns(all: readonly Column[]): CodeColumns[] {
  const numbers = all.filter((column) => isScalar(column) && isInteger(column));
  return numberedColumns(numbers, 3).flatMap(({ prefix, columns }) => {
    const isUsual = usualCodes.test(prefix);
    return columns.length === 1 && !isUsual ? [] : [{ kind: "levels" as const, columns, isUsual }];
  });
}

/** Those whose name says so, or else tokens, which are unmistakable, or else the only candidates. */
function chooseCodes(columns: readonly Column[], tokens: readonly CodeColumns[]): CodeColumns {
  const lists = columns
    .filter((column) => isList(column) && isInteger(column))
    .map((column): CodeColumns => ({ kind: "list", columns: [column], isUsual: usualCodes.test(column.name) }));
  const numbers = [...levelColumns(columns), ...lists];
  const named = (all: readonly CodeColumns[]) => all.filter(({ isUsual }) => isUsual);
  for (const candidates of [named(numbers), named(tokens), tokens, numbers]) {
    if (candidates.length === 1) return candidates[0]!;
    if (candidates.length === 0) continue;
    const names = candidates.map(({ columns: [first, ...rest] }) =>
      rest.length === 0
        ? describeValue(first!.name)
        : `${describeValue(first!.name)} to ${describeValue(rest.at(-1)!.name)}`,
    );
    throw invalid(
      "COLUMN_UNCLEAR",
    )`the Parquet file has several columns that may hold codes, ${names.join(", ")}${{ hint: "name the right ones code_1, code_2, ..., or leave out the others" }}`;
  }
  throw invalid(
    "COLUMN_MISSING",
  )`the Parquet file has no columns of codes (whole numbers named code_1, code_2, ..., lists of whole numbers, or tokens such as <a_17><b_203>): ${listColumns(columns)}`;
}

/** The column of the items' IDs; undefined if there is no candidate. */
function chooseItem(columns: readonly Column[]): Column | undefined {
  const item = columns.find(({ name }) => /^item/i.test(name) && isItemIdName(name));
  if (item) return item;
  for (const isMeant of [isItemIdName, (name: string) => endsAsItemId.test(name), () => true]) {
    const found = columns.filter(({ name }) => isMeant(name));
    if (found.length === 1) return found[0];
    if (found.length === 0) continue;
    throw invalid(
      "COLUMN_UNCLEAR",
    )`the Parquet file has several columns that may hold the items' IDs, ${found.map(({ name }) => describeValue(name)).join(", ")}${{ hint: "name the right one item_id" }}`;
  }
  return undefined;
}

async function readScalars(file: ParquetFile, group: Group, column: Column): Promise<ColumnValue[]> {
  const all: ColumnValue[] = [];
  for await (const values of scalarsOf(file, group, column)) for (const value of values) all.push(value);
  return all;
}

/** The codes of the rows of a group. */
async function readCodes(
  file: ParquetFile,
  group: Group,
  { kind, columns }: CodeColumns,
  template: TokenTemplate,
): Promise<(i: number, where: string | Wording) => number[]> {
  const numbers = (values: ColumnValue[], where: string | Wording) =>
    values.map((value, level) => {
      if (value !== undefined) return Number(value);
      throw invalid("FILE_CONTENT")`${where}: the code of ${{ level }} is missing`;
    });
  if (kind === "levels") {
    const levels: ColumnValue[][] = [];
    for (const column of columns) levels.push(await readScalars(file, group, column));
    return (i, where) =>
      numbers(
        levels.map((values) => values[i]),
        where,
      );
  }
  const [column] = columns as [Column];
  if (kind === "tokens") {
    const texts = await readScalars(file, group, column);
    return (i, where) => {
      const codes = tokensOf(String(texts[i] ?? ""), template);
      if (codes) return codes;
      throw invalid(
        "FILE_CONTENT",
      )`${where}: ${describeValue(column.name)} is ${describeValue(texts[i])}, not one token per level, such as ${template.token(0, 17)}${template.token(1, 203)}`;
    };
  }
  const chunk = chunkOf(file, group, column);
  requireRoom(file, chunk.values);
  const lists: ColumnValue[][] = [];
  for await (const piece of listsOf(file, group, chunk)) for (const list of piece) lists.push(list);
  return kind === "list"
    ? (i, where) => numbers(lists[i]!, where)
    : (i, where) => template.readTokens(lists[i]!, where);
}
