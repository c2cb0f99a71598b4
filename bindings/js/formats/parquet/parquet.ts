/** Embeddings in Parquet files: a column of lists, read page by page, or one column per dimension, with columns of IDs and labels. */

import { describeValue } from "../../base/describe-value.ts";
import { InvalidInputError, invalid } from "../../base/errors.ts";
import { option, worded } from "../../base/wording.ts";
import { counted, thousands } from "../../base/words.ts";
import {
  type Cell,
  type Decision,
  decideColumns,
  MISSING,
  namedColumns,
  OTHER,
  type Column as TableColumn,
} from "../../items/columns.ts";
import type { RowTarget } from "../arrays/raw-matrix.ts";
import { digits } from "../arrays/vectors.ts";
import type { ByteSource } from "../io/byte-source.ts";
import type { ItemFile, ItemFileOptions, RowSource } from "../io/opened-file.ts";
import { ItemIdList, RowCollector } from "../io/row-collector.ts";
import { listNumbers, textCell } from "../text/csv-cells.ts";
import {
  type Column,
  type ColumnValue,
  chunkOf,
  floatChunk,
  type Group,
  isFloat,
  listsOf,
  openParquetFile,
  type ParquetFile,
  scalarsOf,
} from "./parquet-file.ts";
import { type ColumnChunk, findPages, type Page, type PageContent, readDictionary, readPage } from "./parquet-pages.ts";
import { type ColumnValues, UnreadEncoding } from "./parquet-values.ts";
import { readWide } from "./parquet-wide.ts";

/** The most bytes of text that are read as labels: a column of descriptions may be larger than the embeddings. */
const MAX_TEXT = 1 << 28;

/** What was read besides the vectors. */
type Beside = Pick<ItemFile, "itemIds" | "labels" | "columns">;

/**
 * Opens the embeddings of a file. A file whose rows all have the same number of values is read by pages as rows are requested. One with
 * missing values or shorter rows is read whole, to name or leave out those rows, and so is one with a column per dimension, whose rows are
 * spread over the file.
 */
export async function openParquet(source: ByteSource, options: ItemFileOptions): Promise<Omit<ItemFile, "format">> {
  const file = await openParquetFile(source);
  const { columns, groups, rows } = file;
  const table: TableColumn[] = [];
  for (const column of columns) table.push({ name: nameOf(column), cells: await sampleOf(file, column) });
  const decision = decideColumns(table, options, "the Parquet file");
  const beside = await readBeside(file, table, decision);
  const chosen = decision.vector.map((column) => columns[column]!);
  if (!decision.isList) return { whole: await readWide(file, chosen), ...beside };
  const [vector] = chosen as [Column];
  if (!isFloat(vector) || vector.maxRepetition !== 1) {
    if (vector.type !== undefined && vector.maxRepetition < 2) return readRagged(file, vector, beside, options);
    throw invalid(
      "TYPE_UNSUPPORTED",
    )`column ${describeValue(nameOf(vector))} of the Parquet file does not hold a list of numbers in each row${{ hint: "write it as list<float>" }}`;
  }
  const chunks = groups.map((group) => floatChunk(file, group, vector));
  const values = chunks.reduce((sum, chunk) => sum + chunk.values, 0);
  const dim = values / rows;
  const isEven = groups.every((group, i) => chunks[i]!.values === group.rows * dim);
  if (isEven && dim > 0 && Number.isInteger(dim)) {
    const matrix = new ParquetMatrix(source, groups, chunks, rows, dim);
    // A row without a vector counts as one value, so dim may be wrong.
    if (dim > 1 || (await matrix.isRegular())) {
      try {
        await matrix.fill(new Float32Array(dim), 0, 1);
        return { matrix, ...beside };
      } catch (error) {
        if (!(error instanceof IrregularRow)) throw error;
      }
    }
  }
  return readRagged(file, vector, beside, options);
}

/** A column's name, without the format's own names around list elements. */
function nameOf({ path }: Column): string {
  const isFormat = (part: string) => /^(list|bag|array|element|item|array_element|key_value|map)$/.test(part);
  let end = path.length;
  while (end > 1 && (isFormat(path[end - 1]!) || path[end - 2] === "key_value")) end--;
  return path.slice(0, end).join(".");
}

/** Number of rows by which columns are judged. */
const SAMPLE_ROWS = 100;

/** The first values of a column; none for a type or encoding that cannot be read. */
async function sampleOf(file: ParquetFile, column: Column): Promise<Cell[]> {
  const [group] = file.groups as [Group];
  if (column.type === undefined || column.maxRepetition > 1 || column.path.includes("key_value")) return [OTHER];
  try {
    const values =
      column.maxRepetition === 1 ? listsOf(file, group, chunkOf(file, group, column)) : scalarsOf(file, group, column);
    for await (const some of values) {
      if (some.length > 0) return some.slice(0, SAMPLE_ROWS).map((value) => cellOf(value, column));
    }
    return [];
  } catch (error) {
    if (error instanceof UnreadEncoding) return [OTHER];
    throw error;
  }
}

function cellOf(value: ColumnValue | ColumnValue[], column: Column): Cell {
  if (value === undefined) return MISSING;
  if (Array.isArray(value)) {
    if (value.length === 0) return MISSING;
    const isNumbers = value.every((entry) => entry === undefined || typeof entry !== "string");
    return isNumbers
      ? { kind: "list", length: value.length, isInteger: !isFloat(column), isBare: false, problem: "" }
      : OTHER;
  }
  if (typeof value === "string") {
    const cell = textCell(value, ",");
    // In a column of texts, digits are text.
    return cell.kind === "number" ? { kind: "text", text: value } : cell;
  }
  const text = String(value);
  return { kind: "number", text: isFloat(column) && /^-?\d+$/.test(text) ? `${text}.0` : text, value: Number(value) };
}

/** Row `row` has missing values, or another number of values than the others. */
class IrregularRow extends InvalidInputError {}

/** Rows of a column whose lists all have the same length, page by page. */
class ParquetMatrix implements RowSource {
  readonly isHalf = false;
  readonly rows: number;
  readonly dim: number;
  readonly #source: ByteSource;
  readonly #groups: Group[];
  readonly #chunks: ColumnChunk[];
  /** Pages of the row groups read so far. */
  readonly #pages: (Page[] | undefined)[] = [];
  #dictionary: { group: number; values: ColumnValues } | undefined;
  /** The last page read. */
  #held: { group: number; page: Page; values: Float32Array } | undefined;

  constructor(source: ByteSource, groups: Group[], chunks: ColumnChunk[], rows: number, dim: number) {
    this.#source = source;
    this.#groups = groups;
    this.#chunks = chunks;
    this.rows = rows;
    this.dim = dim;
  }

  async fill(target: RowTarget, first: number, count: number): Promise<void> {
    const { dim } = this;
    let g = groupOf(this.#groups, first);
    for (let row = first; row < first + count; g++) {
      const group = this.#groups[g]!;
      const here = Math.min(first + count, group.first + group.rows) - row;
      const start = (row - group.first) * dim;
      await this.#copy(target, (row - first) * dim, g, start, start + here * dim);
      row += here;
    }
  }

  /** Copies the values [start, end) of a row group. */
  async #copy(target: RowTarget, at: number, group: number, start: number, end: number): Promise<void> {
    this.#pages[group] ??= await findPages(this.#source, this.#chunks[group]!);
    const pages = this.#pages[group]!;
    for (const page of pages) {
      if (page.kind === "dictionary" || page.first >= end || page.first + page.values <= start) continue;
      const values = await this.#valuesOf(group, page);
      const [from, to] = [Math.max(start, page.first), Math.min(end, page.first + page.values)];
      target.set(values.subarray(from - page.first, to - page.first), at + from - start);
    }
  }

  async #valuesOf(group: number, page: Page): Promise<Float32Array> {
    if (this.#held?.page === page) return this.#held.values;
    const chunk = this.#chunks[group]!;
    const dictionaryPage = this.#pages[group]!.find(({ kind }) => kind === "dictionary");
    if (dictionaryPage && this.#dictionary?.group !== group) {
      this.#dictionary = { group, values: await readDictionary(this.#source, chunk, dictionaryPage) };
    }
    const content = await readPage(this.#source, chunk, page, dictionaryPage && this.#dictionary?.values);
    this.#check(group, page, content);
    const values = content.values as Float32Array;
    this.#held = { group, page, values };
    return values;
  }

  /** A row starts at every dim-th value, and no value is missing. */
  #check(group: number, page: Page, { repetition, values }: PageContent): void {
    const { dim } = this;
    let place = page.first % dim;
    const rowAt = (i: number) => this.#groups[group]!.first + Math.floor((page.first + i) / dim);
    for (let i = 0; i < page.values; i++) {
      if ((repetition![i] === 0) !== (place === 0)) {
        throw new IrregularRow(`row ${rowAt(i)}: the lists differ in length; every item needs ${dim} numbers`);
      }
      if (++place === dim) place = 0;
    }
    if (values.length !== page.values) {
      throw new IrregularRow(
        `a row from ${rowAt(0)} to ${rowAt(page.values - 1)} has missing values; every value must be a number`,
      );
    }
  }

  /** Whether all rows are as they seem, judged by the first page. */
  async isRegular(): Promise<boolean> {
    try {
      await this.fill(new Float32Array(this.dim), 0, 1);
      return true;
    } catch (error) {
      if (error instanceof IrregularRow) return false;
      throw error;
    }
  }
}

function groupOf(groups: Group[], row: number): number {
  let [low, high] = [0, groups.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (groups[middle]!.first <= row) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Reads lists of any length and type, and keeps those that are as long as the first. */
async function readRagged(
  file: ParquetFile,
  column: Column,
  beside: Beside,
  { skipInvalid = false }: ItemFileOptions,
): Promise<Omit<ItemFile, "format">> {
  const { labels, itemIds } = beside;
  const collector = new RowCollector(skipInvalid);
  const ids = new ItemIdList();
  const kept: number[] = [];
  for (const group of file.groups) {
    for await (const some of vectorsOf(file, group, column)) {
      for (const of of some) {
        const row = collector.seen;
        try {
          const list = of(row, collector.dim);
          const problem = problemOf(list, collector.dim, row) ?? (itemIds && ids.problem(itemIds[row] ?? "", row));
          if (problem !== undefined) throw problem;
          if (itemIds) ids.add(itemIds[row]!, row);
          kept.push(row);
          collector.add(list as ArrayLike<number>);
        } catch (error) {
          if (!(error instanceof InvalidInputError)) throw error;
          collector.refuse(error);
        }
      }
    }
  }
  const whole = collector.finish();
  const skipped = collector.skipped;
  const pick = <T>(all: readonly T[]) => kept.map((row) => all[row]!);
  return {
    ...beside,
    whole,
    ...(itemIds && { itemIds: pick(itemIds) }),
    ...(labels && {
      labels: {
        titles: pick(labels.titles),
        ...(labels.labels && {
          labels: Object.fromEntries(Object.entries(labels.labels).map(([name, texts]) => [name, pick(texts)])),
        }),
      },
    }),
    ...(skipped && { skipped }),
  };
}

type Numbers = ArrayLike<number | undefined>;

/** Reads the vector of each row, from lists or from texts of lists. */
async function* vectorsOf(
  file: ParquetFile,
  group: Group,
  column: Column,
): AsyncGenerator<((row: number, dim: number) => Numbers)[]> {
  if (column.maxRepetition === 1) {
    const chunk = isFloat(column) ? floatChunk(file, group, column) : chunkOf(file, group, column);
    for await (const lists of listsOf(file, group, chunk)) {
      yield lists.map(
        (list) => () => list.map((value) => (value === undefined ? undefined : Number(value) / column.divisor)),
      );
    }
    return;
  }
  for await (const texts of scalarsOf(file, group, column)) {
    yield texts.map(
      (text) => (row, dim) =>
        listNumbers(
          text === undefined ? "" : String(text),
          dim,
          worded`${{ row }}, column ${describeValue(nameOf(column))}`,
        ),
    );
  }
}

function problemOf(list: Numbers, dim: number, row: number): InvalidInputError | undefined {
  if (list.length === 0) return invalid("ROW_LENGTH")`${{ row }} has no vector${{ hint: "every item needs one" }}`;
  if (dim > 0 && list.length !== dim) {
    return invalid(
      "ROW_LENGTH",
    )`${{ row }} has ${counted(list.length, "number")}, but those before it have ${thousands(dim)}${{ hint: "every row must have the same number" }}`;
  }
  const column = Array.from(list).findIndex((value) => !Number.isFinite(value));
  if (column < 0) return undefined;
  const value = list[column] ?? Number.NaN;
  return invalid(
    "ITEM_NOT_FINITE",
  )`${{ row }}, ${{ column }} is ${Number.isNaN(value) ? "NaN or missing" : String(value)}${{ hint: "every value must be a finite number", after: "; " }}`;
}

/** The columns of IDs, titles and labels. */
async function readBeside(file: ParquetFile, table: readonly TableColumn[], decision: Decision): Promise<Beside> {
  const { columns, groups } = file;
  const found = new Map<number, string[]>();
  const left: number[] = [];
  let room = MAX_TEXT;
  const { itemId, title, labels } = decision;
  for (const place of [itemId, title, ...labels]) {
    if (place === undefined) continue;
    const column = columns[place]!;
    const chunks = groups.map((group) => chunkOf(file, group, column));
    room -= chunks.reduce((sum, { start, end }) => sum + end - start, 0);
    const texts = room < 0 && place !== itemId ? undefined : await textsOf(file, column, place === itemId);
    if (texts) found.set(place, texts);
    else left.push(place);
  }
  const named = namedColumns(table, {
    ...decision,
    ...(title !== undefined && !found.has(title) && { title: undefined }),
    labels: labels.filter((place) => found.has(place)),
    ignored: [...decision.ignored, ...left].sort((a, b) => a - b),
  } as Decision);
  if (itemId !== undefined && (isFloat(columns[itemId]!) || columns[itemId]!.divisor !== 1)) {
    throw invalid(
      "ITEM_ID_INVALID",
    )`the item IDs in column ${describeValue(table[itemId]!.name)} of the Parquet file are floats, which cannot hold every digit of an ID${{ hint: worded`write them as text or whole numbers, or name another column: ${option("itemId", "...")}` }}`;
  }
  const itemIds = itemId === undefined ? undefined : found.get(itemId);
  const titles = (title === undefined ? undefined : found.get(title)) ?? itemIds;
  const others = labels
    .filter((place) => found.has(place))
    .map((place) => [table[place]!.name!, found.get(place)!] as const);
  return {
    columns: named,
    ...(itemIds && { itemIds }),
    ...((titles || others.length > 0) && {
      labels: {
        titles: titles ?? Array.from({ length: file.rows }, (_, row) => String(row)),
        ...(others.length > 0 && { labels: Object.fromEntries(others) }),
      },
    }),
  };
}

/** The values of a column as texts; undefined for an unsupported encoding, which may lose a label but must not lose the IDs. */
async function textsOf(file: ParquetFile, column: Column, isNeeded: boolean): Promise<string[] | undefined> {
  const texts: string[] = [];
  const isOfFloats = isFloat(column);
  try {
    for (const group of file.groups) {
      for await (const values of scalarsOf(file, group, column)) {
        for (const value of values) {
          texts.push(value === undefined ? "" : isOfFloats ? digits(value as number) : String(value));
        }
      }
    }
  } catch (error) {
    if (!(error instanceof UnreadEncoding) || isNeeded) throw error;
    return undefined;
  }
  return texts;
}
