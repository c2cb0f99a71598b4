/** Embeddings in Parquet files: a column of lists of floats, read page by page, and columns of texts beside it. */

import { InvalidInputError } from "../errors.ts";
import type { ItemLabels } from "../types.ts";
import { type ByteSource, readBytes } from "./byte-source.ts";
import { count, describeValue, titleField } from "./bytes.ts";
import { inflatedLimit } from "./inflate.ts";
import type { ItemFile, ItemFileOptions, RowSource } from "./item-file.ts";
import {
  type ColumnChunk,
  damagedParquet,
  findPages,
  type Page,
  type PageContent,
  type ParquetType,
  readDictionary,
  readPage,
} from "./parquet-pages.ts";
import type { RowTarget } from "./raw-matrix.ts";
import { ItemIdList, isItemIdName, RowCollector } from "./row-collector.ts";
import { usualNames } from "./tensor-choice.ts";
import { integerField, structField, structsField, ThriftReader, type ThriftStruct, textField } from "./thrift.ts";

const MAGIC = 0x31524150; // "PAR1"
const MAX_FOOTER = 1 << 28;
/** Bytes of text that are read as labels: a column of descriptions may be larger than the embeddings. */
const MAX_TEXT = 1 << 28;

/** A column of values, as the schema has it. */
interface Column {
  /** Of the outermost field. */
  name: string;
  path: string[];
  type: ParquetType | undefined;
  maxDefinition: number;
  maxRepetition: number;
  /** The values, or elements of lists, may be missing. */
  isOptional: boolean;
}

/** A row group: its rows, and its part of each column. */
interface Group {
  first: number;
  rows: number;
  chunks: ThriftStruct[];
}

/**
 * Opens the embeddings of a file. A file in which every row has as many numbers is read by pages as rows are asked for; one with missing
 * or shorter ones is read whole, to name or leave out those rows.
 */
export async function openParquet(source: ByteSource, options: ItemFileOptions): Promise<Omit<ItemFile, "format">> {
  const { columns, groups, rows, dataEnd } = await readFooter(source);
  const vector = chooseColumn(columns, options.column);
  const chunks = groups.map((group) => vectorChunk(group, columns, vector, dataEnd));
  const values = chunks.reduce((sum, chunk) => sum + chunk.values, 0);
  const dim = values / rows;
  const beside = await textsBeside(source, columns, groups, dataEnd);
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
  return readRagged(source, groups, chunks, beside, options);
}

async function readFooter(source: ByteSource) {
  if (source.size < 12) throw damagedParquet(`it has ${source.size} bytes`);
  const end = new DataView((await readBytes(source, source.size - 8, source.size)).buffer);
  if (end.getUint32(4, true) !== MAGIC) throw damagedParquet("it does not end as Parquet does: is it cut short?");
  const length = end.getUint32(0, true);
  if (length > Math.min(MAX_FOOTER, source.size - 12)) {
    throw damagedParquet(`its footer is said to have ${count(length)} bytes`);
  }
  const dataEnd = source.size - 8 - length;
  const footer = new ThriftReader(await readBytes(source, dataEnd, source.size - 8)).struct();
  const columns = readColumns(structsField(footer, 2));
  const rows = integerField(footer, 3);
  let first = 0;
  const groups: Group[] = [];
  for (const group of structsField(footer, 4)) {
    const own = integerField(group, 3);
    if (own < 0) throw damagedParquet("a row group has a negative number of rows");
    const chunks = structsField(group, 1);
    if (chunks.length !== columns.length) throw damagedParquet("a row group has other columns than the schema");
    if (own > 0) groups.push({ first, rows: own, chunks });
    first += own;
  }
  if (first !== rows) throw damagedParquet(`it says ${count(rows)} rows, but its row groups have ${count(first)}`);
  if (rows === 0) throw new InvalidInputError("the Parquet file has no rows");
  return { columns, groups, rows, dataEnd };
}

/** The columns that hold values, with their levels. */
function readColumns(schema: ThriftStruct[]): Column[] {
  const columns: Column[] = [];
  let at = 0;
  const visit = (path: string[], definition: number, repetition: number) => {
    const element = schema[at++];
    if (!element || path.length > 24) throw damagedParquet("its schema is broken");
    const kind = at === 1 ? 0 : integerField(element, 3, 0); // required, optional, repeated
    const maxDefinition = definition + (kind > 0 ? 1 : 0);
    const maxRepetition = repetition + (kind === 2 ? 1 : 0);
    const own = at === 1 ? [] : [...path, textField(element, 4)];
    const children = integerField(element, 5, 0);
    if (children < 0 || children > schema.length) throw damagedParquet("its schema is broken");
    if (children > 0 || at === 1) {
      for (let i = 0; i < children; i++) visit(own, maxDefinition, maxRepetition);
      return;
    }
    columns.push({
      name: own[0]!,
      path: own,
      type: typeOf(element),
      maxDefinition,
      maxRepetition,
      isOptional: kind === 1,
    });
  };
  visit([], 0, 0);
  if (at !== schema.length) throw damagedParquet("its schema is broken");
  return columns;
}

function typeOf(element: ThriftStruct): ParquetType | undefined {
  const type = integerField(element, 1, -1);
  if (type === 7 && element.get(2) === 2 && (element.get(10) as ThriftStruct | undefined)?.has?.(15)) return "half";
  return ({ 1: "int32", 2: "int64", 4: "float", 5: "double", 6: "bytes" } as const)[type as 1];
}

const isFloat = ({ type }: Column) => type === "float" || type === "double" || type === "half";

function chooseColumn(columns: Column[], wanted: string | undefined): Column {
  const listed = columns
    .slice(0, 12)
    .map(({ path }) => describeValue(path[0]))
    .join(", ");
  const there = columns.length === 0 ? "it has none" : `its columns are ${listed}${columns.length > 12 ? ", …" : ""}`;
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
    throw new InvalidInputError(`the Parquet file has no column of lists of floats (float or double): ${there}`);
  }
  const named = lists.filter(({ name }) => usualNames.test(name));
  if (named.length === 1) return named[0]!;
  throw new InvalidInputError(
    `the Parquet file has several columns of lists, ${lists.map(({ name }) => describeValue(name)).join(", ")}: choose one by its name (column)`,
  );
}

/** A column's part in a row group. @throws InvalidInputError when it lies outside the file. */
function chunkOf(group: Group, columns: Column[], column: Column, dataEnd: number): ColumnChunk {
  const meta = structField(group.chunks[columns.indexOf(column)]!, 3);
  const values = integerField(meta, 5);
  const size = integerField(meta, 7);
  const data = integerField(meta, 9);
  const dictionary = integerField(meta, 11, 0);
  const start = dictionary > 0 ? Math.min(dictionary, data) : data;
  if (values < 0 || size < 0 || start < 4 || start + size > dataEnd) {
    throw damagedParquet(`column ${describeValue(column.name)} lies outside the file`);
  }
  return {
    type: column.type!,
    codec: integerField(meta, 4),
    values,
    start,
    end: start + size,
    maxDefinition: column.maxDefinition,
    maxRepetition: column.maxRepetition,
    isOptional: column.isOptional,
  };
}

function vectorChunk(group: Group, columns: Column[], column: Column, dataEnd: number): ColumnChunk {
  const chunk = chunkOf(group, columns, column, dataEnd);
  const size = chunk.end - chunk.start;
  if (chunk.values < group.rows || chunk.values * 4 > inflatedLimit(size)) {
    throw new InvalidInputError(
      `column ${describeValue(column.name)} claims ${count(chunk.values)} values of ${count(group.rows)} rows in ${count(size)} bytes: more than 1000 times as many bytes are refused`,
    );
  }
  return chunk;
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
  #dictionary: { group: number; values: Float32Array | string[] } | undefined;
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

/** The pages of a column's part, decoded one after the other. */
async function* pagesOf(source: ByteSource, chunk: ColumnChunk): AsyncGenerator<{ page: Page; content: PageContent }> {
  let dictionary: Float32Array | string[] | undefined;
  for (const page of await findPages(source, chunk)) {
    if (page.kind === "dictionary") dictionary = await readDictionary(source, chunk, page);
    else yield { page, content: await readPage(source, chunk, page, dictionary) };
  }
}

/** Reads lists of whatever length, and takes those that are as long as the first. */
async function readRagged(
  source: ByteSource,
  groups: Group[],
  chunks: ColumnChunk[],
  { labels, itemIds }: { labels?: ItemLabels; itemIds?: string[] },
  { skipInvalid = false }: ItemFileOptions,
): Promise<Omit<ItemFile, "format">> {
  const collector = new RowCollector(skipInvalid);
  const ids = new ItemIdList();
  const kept: number[] = [];
  let list: number[] | undefined; // NaN where a value is missing
  const end = () => {
    if (list === undefined) return;
    const row = collector.seen;
    const problem = problemOf(list, collector.dim, row) ?? (itemIds && ids.problem(itemIds[row] ?? "", row));
    if (problem !== undefined) collector.refuse(new InvalidInputError(problem));
    else {
      if (itemIds) ids.add(itemIds[row]!, row);
      kept.push(row);
      collector.add(list);
    }
    list = undefined;
  };
  for (const [g, group] of groups.entries()) {
    const { maxDefinition } = chunks[g]!;
    for await (const { page, content } of pagesOf(source, chunks[g]!)) {
      const { repetition, definition } = content;
      const values = content.values as Float32Array;
      for (let i = 0, v = 0; i < page.values; i++) {
        if (repetition![i] === 0 || list === undefined) {
          end();
          list = [];
        }
        const level = definition![i]!;
        if (level === maxDefinition) list.push(values[v++]!);
        // The list is there, its element is not; lower levels are missing or empty lists.
        else if (level === maxDefinition - 1 && chunks[g]!.isOptional) list.push(Number.NaN);
      }
    }
    end();
    if (collector.seen !== group.first + group.rows) {
      throw damagedParquet(
        `a row group says ${count(group.rows)} rows, but has ${count(collector.seen - group.first)}`,
      );
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

function problemOf(list: number[], dim: number, row: number): string | undefined {
  if (list.length === 0) return `row ${row} has no vector: every item needs one`;
  if (dim > 0 && list.length !== dim) {
    return `row ${row} has ${count(list.length)} numbers, but those before it have ${count(dim)}: every row must have as many`;
  }
  const column = list.findIndex((value) => !Number.isFinite(value));
  if (column < 0) return undefined;
  return `row ${row}, column ${column} is ${Number.isNaN(list[column]) ? "NaN or missing" : list[column]}; every value must be a finite number`;
}

/** Columns of texts and whole numbers that have a value in every row: IDs, titles, labels. */
async function textsBeside(
  source: ByteSource,
  columns: Column[],
  groups: Group[],
  dataEnd: number,
): Promise<{ itemIds?: string[]; labels?: ItemLabels }> {
  const found = new Map<string, string[]>();
  let room = MAX_TEXT;
  for (const column of columns) {
    if (
      column.maxRepetition > 0 ||
      column.path.length > 1 ||
      !["bytes", "int32", "int64"].includes(column.type ?? "")
    ) {
      continue;
    }
    const chunks = groups.map((group) => chunkOf(group, columns, column, dataEnd));
    room -= chunks.reduce((sum, { start, end }) => sum + end - start, 0);
    if (room < 0) continue;
    if (chunks.some(({ values }, g) => values !== groups[g]!.rows))
      throw damagedParquet("columns have different numbers of rows");
    const texts: string[] = [];
    try {
      for (const chunk of chunks) {
        for await (const { page, content } of pagesOf(source, chunk))
          addTexts(texts, page, content, chunk.maxDefinition);
      }
    } catch (error) {
      // An encoding that is not read costs a label, not the embeddings.
      if (error instanceof InvalidInputError && /which is not read/.test(error.message)) continue;
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

/** Missing texts are "". */
function addTexts(texts: string[], page: Page, { definition, values }: PageContent, maxDefinition: number): void {
  for (let i = 0, v = 0; i < page.values; i++) {
    texts.push(definition && definition[i] !== maxDefinition ? "" : String(values[v++]));
  }
}
