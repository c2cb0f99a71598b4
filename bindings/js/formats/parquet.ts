/** Embeddings in Parquet files: a column of lists of floats, read page by page, or a column a dimension; columns of texts beside. */

import { InvalidInputError } from "../errors.ts";
import type { ItemLabels } from "../types.ts";
import { counted } from "../wording.ts";
import type { ByteSource } from "./byte-source.ts";
import { count, describeValue, titleField } from "./bytes.ts";
import type { ItemFile, ItemFileOptions, RowSource } from "./item-file.ts";
import {
  type Column,
  chunkOf,
  floatChunk,
  type Group,
  isFloat,
  listColumns,
  listsOf,
  openParquetFile,
  type ParquetFile,
  scalarsOf,
} from "./parquet-file.ts";
import { type ColumnChunk, findPages, type Page, type PageContent, readDictionary, readPage } from "./parquet-pages.ts";
import { type ColumnValues, UnreadEncoding } from "./parquet-values.ts";
import { readWide, wideColumns } from "./parquet-wide.ts";
import type { RowTarget } from "./raw-matrix.ts";
import { ItemIdList, isItemIdName, RowCollector } from "./row-collector.ts";
import { usualNames } from "./tensor-choice.ts";

/** Bytes of text that are read as labels: a column of descriptions may be larger than the embeddings. */
const MAX_TEXT = 1 << 28;

/**
 * Opens the embeddings of a file. A file in which every row has as many numbers is read by pages as rows are asked for; one with missing
 * or shorter ones is read whole, to name or leave out those rows, and so is one with a column a dimension, whose rows lie far apart.
 */
export async function openParquet(source: ByteSource, options: ItemFileOptions): Promise<Omit<ItemFile, "format">> {
  const file = await openParquetFile(source);
  const { columns, groups, rows } = file;
  const isListed =
    options.column !== undefined || columns.some((column) => isFloat(column) && column.maxRepetition > 0);
  const wide = isListed ? undefined : wideColumns(columns);
  if (wide) return { whole: await readWide(file, wide), ...(await textsBeside(file)) };
  const vector = chooseColumn(columns, options.column);
  const chunks = groups.map((group) => floatChunk(file, group, vector));
  const values = chunks.reduce((sum, chunk) => sum + chunk.values, 0);
  const dim = values / rows;
  const beside = await textsBeside(file);
  const isEven = groups.every((group, i) => chunks[i]!.values === group.rows * dim);
  if (isEven && dim > 0 && Number.isInteger(dim)) {
    const matrix = new ParquetMatrix(source, groups, chunks, rows, dim);
    // A row without a vector counts as one value: then dim is not what it seems.
    if (dim > 1 || (await matrix.isRegular())) {
      try {
        await matrix.fill(new Float32Array(dim), 0, 1);
        return { matrix, ...beside };
      } catch (error) {
        if (!(error instanceof IrregularRow)) throw error;
      }
    }
  }
  return readRagged(file, chunks, beside, options);
}

function chooseColumn(columns: Column[], wanted: string | undefined): Column {
  const there = listColumns(columns);
  const lists = columns.filter((column) => isFloat(column) && column.maxRepetition === 1);
  if (wanted !== undefined) {
    const found = lists.find(({ name, path }) => name === wanted || path.join(".") === wanted);
    if (found) return found;
    const exists = columns.some(({ name }) => name === wanted);
    throw new InvalidInputError(
      `the Parquet file has no column ${describeValue(wanted)}${exists ? " of lists of floats" : ""}: ${there}`,
    );
  }
  if (lists.length === 1) return lists[0]!;
  if (lists.length === 0) {
    throw new InvalidInputError(
      `the Parquet file has no column of lists of floats, and no columns of floats: ${there}`,
    );
  }
  const named = lists.filter(({ name }) => usualNames.test(name));
  if (named.length === 1) return named[0]!;
  throw new InvalidInputError(
    `the Parquet file has several columns of lists, ${lists.map(({ name }) => describeValue(name)).join(", ")}: choose one by its name (column)`,
  );
}

/** Row `row` has another number of values than the others, or missing ones. */
class IrregularRow extends InvalidInputError {}

/** Rows of a column in which every list is as long, page by page. */
class ParquetMatrix implements RowSource {
  readonly isHalf = false;
  readonly rows: number;
  readonly dim: number;
  readonly #source: ByteSource;
  readonly #groups: Group[];
  readonly #chunks: ColumnChunk[];
  /** Pages of the row groups that were read from. */
  readonly #pages: (Page[] | undefined)[] = [];
  #dictionary: { group: number; values: ColumnValues } | undefined;
  /** The page that was read last. */
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

  /** A row begins at every dim-th value, and no value is missing. */
  #check(group: number, page: Page, { repetition, values }: PageContent): void {
    const { dim } = this;
    let place = page.first % dim;
    const rowAt = (i: number) => this.#groups[group]!.first + Math.floor((page.first + i) / dim);
    for (let i = 0; i < page.values; i++) {
      if ((repetition![i] === 0) !== (place === 0)) {
        throw new IrregularRow(`row ${rowAt(i)}: the lists are of different length; every item needs ${dim} numbers`);
      }
      if (++place === dim) place = 0;
    }
    if (values.length !== page.values) {
      throw new IrregularRow(
        `of the rows ${rowAt(0)} to ${rowAt(page.values - 1)} one has missing values; every value must be a number`,
      );
    }
  }

  /** Whether all rows are as they seem: of the first page only. */
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

/** Reads lists of whatever length, and takes those that are as long as the first. */
async function readRagged(
  file: ParquetFile,
  chunks: ColumnChunk[],
  { labels, itemIds }: { labels?: ItemLabels; itemIds?: string[] },
  { skipInvalid = false }: ItemFileOptions,
): Promise<Omit<ItemFile, "format">> {
  const collector = new RowCollector(skipInvalid);
  const ids = new ItemIdList();
  const kept: number[] = [];
  for (const [g, group] of file.groups.entries()) {
    for await (const lists of listsOf(file, group, chunks[g]!)) {
      for (const list of lists as (number | undefined)[][]) {
        const row = collector.seen;
        const problem = problemOf(list, collector.dim, row) ?? (itemIds && ids.problem(itemIds[row] ?? "", row));
        if (problem !== undefined) {
          collector.refuse(new InvalidInputError(problem));
          continue;
        }
        if (itemIds) ids.add(itemIds[row]!, row);
        kept.push(row);
        collector.add(list as number[]);
      }
    }
  }
  const whole = collector.finish();
  const skipped = collector.skipped;
  const pick = <T>(all: readonly T[]) => kept.map((row) => all[row]!);
  return {
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

function problemOf(list: (number | undefined)[], dim: number, row: number): string | undefined {
  if (list.length === 0) return `row ${row} has no vector: every item needs one`;
  if (dim > 0 && list.length !== dim) {
    return `row ${row} has ${counted(list.length, "number")}, but those before it have ${count(dim)}: every row must have as many`;
  }
  const column = list.findIndex((value) => !Number.isFinite(value));
  if (column < 0) return undefined;
  const value = list[column] ?? Number.NaN;
  return `row ${row}, column ${column} is ${Number.isNaN(value) ? "NaN or missing" : value}; every value must be a finite number`;
}

/** Columns of texts and whole numbers that have a value in every row: IDs, titles, labels. */
async function textsBeside(file: ParquetFile): Promise<{ itemIds?: string[]; labels?: ItemLabels }> {
  const { columns, groups } = file;
  const found = new Map<string, string[]>();
  let room = MAX_TEXT;
  for (const column of columns) {
    if (column.maxRepetition > 0 || column.path.length > 1 || column.type === undefined || isFloat(column)) continue;
    const chunks = groups.map((group) => chunkOf(file, group, column));
    room -= chunks.reduce((sum, { start, end }) => sum + end - start, 0);
    if (room < 0) continue;
    const texts: string[] = [];
    try {
      for (const group of groups) {
        for await (const values of scalarsOf(file, group, column)) {
          for (const value of values) texts.push(value === undefined ? "" : String(value));
        }
      }
    } catch (error) {
      // An encoding that is not read costs a label, not the embeddings.
      if (error instanceof UnreadEncoding) continue;
      throw error;
    }
    found.set(column.name, texts);
  }
  const names = [...found.keys()];
  if (names.length === 0) return {};
  const idName = names.find(isItemIdName);
  const title = names[titleField(names)]!;
  const others = names.filter((name) => name !== title).map((name) => [name, found.get(name)!] as const);
  return {
    ...(idName !== undefined && { itemIds: found.get(idName)! }),
    labels: { titles: found.get(title)!, ...(others.length > 0 && { labels: Object.fromEntries(others) }) },
  };
}
