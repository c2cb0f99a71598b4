/** A Parquet file: its footer with the columns and row groups, and the pages of a column in order. */

import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { counted, thousands } from "../../base/words.ts";
import { type ByteSource, readBytes } from "../io/byte-source.ts";
import { inflatedLimit } from "../io/inflate.ts";
import { damagedParquet } from "./parquet-bytes.ts";
import { type ColumnChunk, findPages, type Page, type PageContent, readDictionary, readPage } from "./parquet-pages.ts";
import type { ColumnValues, ParquetType } from "./parquet-values.ts";
import { integerField, structField, structsField, ThriftReader, type ThriftStruct, textField } from "./thrift.ts";

const MAGIC = 0x31524150; // "PAR1"
const MAX_FOOTER = 1 << 28;

/** A column of values, as the schema describes it. */
export interface Column {
  /** Name of the outermost field. */
  name: string;
  path: string[];
  type: ParquetType | undefined;
  maxDefinition: number;
  maxRepetition: number;
  /** Whether values, or elements of lists, may be missing. */
  isOptional: boolean;
  /** The divisor of whole numbers that are decimals. */
  divisor: number;
}

/** A row group: its rows, and its part of each column. */
export interface Group {
  first: number;
  rows: number;
  chunks: ThriftStruct[];
}

/** What the footer says. */
export interface ParquetFile {
  source: ByteSource;
  columns: Column[];
  /** The row groups with rows. */
  groups: Group[];
  rows: number;
  /** Other metadata of the footer, by key. */
  metadata: Map<string, string>;
  /** Where the footer starts. */
  dataEnd: number;
}

/** @throws InvalidInputError if there is no footer, it contradicts itself, or the file has no rows. */
export async function openParquetFile(source: ByteSource): Promise<ParquetFile> {
  if (source.size < 12) throw damagedParquet(`it has ${counted(source.size, "byte")}`);
  const end = new DataView((await readBytes(source, source.size - 8, source.size)).buffer);
  if (end.getUint32(4, true) !== MAGIC)
    throw damagedParquet("it does not end like a Parquet file and may be cut short");
  const length = end.getUint32(0, true);
  if (length > Math.min(MAX_FOOTER, source.size - 12)) {
    throw damagedParquet(`its footer claims ${counted(length, "byte")}`);
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
  if (first !== rows)
    throw damagedParquet(`it claims ${counted(rows, "row")}, but its row groups have ${thousands(first)}`);
  if (rows === 0) throw invalid("EMPTY")`the Parquet file has no rows`;
  const metadata = new Map<string, string>();
  if (footer.has(5)) {
    for (const entry of structsField(footer, 5))
      if (entry.has(2)) metadata.set(textField(entry, 1), textField(entry, 2));
  }
  return { source, columns, groups, rows, metadata, dataEnd };
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
      divisor: divisorOf(element),
    });
  };
  visit([], 0, 0);
  if (at !== schema.length) throw damagedParquet("its schema is broken");
  return columns;
}

const byType = { 1: "int32", 2: "int64", 4: "float", 5: "double", 6: "bytes" } as const;

/** Undefined for types that are neither numbers nor texts. */
function typeOf(element: ThriftStruct): ParquetType | undefined {
  const type = integerField(element, 1, -1);
  const logical = element.get(10);
  const annotation = logical instanceof Map ? logical : undefined;
  if (type === 7 && element.get(2) === 2 && annotation?.has(15)) return "half";
  if (type === 7 && element.get(2) === 16 && annotation?.has(14)) return "uuid";
  const integer = annotation?.get(10);
  const converted = integerField(element, 6, -1); // as older writers name it: UINT_8 to UINT_64
  const isUnsigned = integer instanceof Map ? integer.get(2) === false : converted >= 11 && converted <= 14;
  if (isUnsigned && type === 1) return "uint32";
  if (isUnsigned && type === 2) return "uint64";
  return byType[type as 1];
}

/** Decimals are whole numbers with a scale; 1 for other columns. */
function divisorOf(element: ThriftStruct): number {
  const logical = element.get(10);
  const decimal = logical instanceof Map ? logical.get(5) : undefined;
  const scale =
    decimal instanceof Map
      ? integerField(decimal, 1, 0)
      : integerField(element, 6, -1) === 5
        ? integerField(element, 7, 0)
        : 0;
  if (scale < 0 || scale > 18) throw damagedParquet("its schema is broken");
  return 10 ** scale;
}

/** A column's part in a row group. @throws InvalidInputError if it lies outside the file. */
export function chunkOf({ columns, dataEnd }: ParquetFile, group: Group, column: Column): ColumnChunk {
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

/** The pages of a column's part, decoded in order. */
export async function* pagesOf(
  source: ByteSource,
  chunk: ColumnChunk,
): AsyncGenerator<{ page: Page; content: PageContent }> {
  let dictionary: ColumnValues | undefined;
  for (const page of await findPages(source, chunk)) {
    if (page.kind === "dictionary") dictionary = await readDictionary(source, chunk, page);
    else yield { page, content: await readPage(source, chunk, page, dictionary) };
  }
}

/** A value of a column; undefined if it is missing. */
export type ColumnValue = number | bigint | string | undefined;

/** A column of one value per row, in pieces. @throws InvalidInputError if a row group has another number of values than rows. */
export async function* scalarsOf(file: ParquetFile, group: Group, column: Column): AsyncGenerator<ColumnValue[]> {
  const chunk = chunkOf(file, group, column);
  if (chunk.values !== group.rows) throw damagedParquet("columns have different numbers of rows");
  for await (const { page, content } of pagesOf(file.source, chunk)) {
    const { definition, values } = content;
    let v = 0;
    const isThere = (i: number) => definition === undefined || definition[i] === chunk.maxDefinition;
    const { divisor } = column;
    const valueAt = (value: ColumnValue) => (divisor === 1 ? value : Number(value) / divisor);
    yield Array.from({ length: page.values }, (_, i) => (isThere(i) ? valueAt(values[v++]) : undefined));
  }
}

/** The lists of a column that has one per row, in pieces. A list that is missing is empty. */
export async function* listsOf(file: ParquetFile, group: Group, chunk: ColumnChunk): AsyncGenerator<ColumnValue[][]> {
  let list: ColumnValue[] | undefined;
  let rows = 0;
  for await (const { page, content } of pagesOf(file.source, chunk)) {
    const { repetition, definition, values } = content;
    const whole: ColumnValue[][] = [];
    for (let i = 0, v = 0; i < page.values; i++) {
      if (repetition![i] === 0 || list === undefined) {
        if (list) whole.push(list);
        list = [];
      }
      const level = definition![i]!;
      if (level === chunk.maxDefinition) list.push(values[v++]);
      // The list exists but its element is missing; lower levels are missing or empty lists.
      else if (level === chunk.maxDefinition - 1 && chunk.isOptional) list.push(undefined);
    }
    rows += whole.length;
    yield whole;
  }
  if (list) {
    rows++;
    yield [list];
  }
  if (rows !== group.rows)
    throw damagedParquet(`a row group claims ${counted(group.rows, "row")}, but has ${thousands(rows)}`);
}

/** Whether a column holds floats of any width. */
export const isFloat = ({ type }: Column): boolean => type === "float" || type === "double" || type === "half";

/** Columns with a common name that are numbered from 0 or 1 on without a gap, by number, with at most `digits` digits. */
export function numberedColumns(columns: readonly Column[], digits: number): { prefix: string; columns: Column[] }[] {
  const ending = new RegExp(`^(.*?)(\\d{1,${digits}})$`);
  const alike = new Map<string, { number: number; column: Column }[]>();
  for (const column of columns) {
    const [, prefix, number] = ending.exec(column.name) ?? [];
    if (prefix === undefined) continue;
    alike.set(prefix, [...(alike.get(prefix) ?? []), { number: Number(number), column }]);
  }
  return [...alike].flatMap(([prefix, numbered]) => {
    numbered.sort((a, b) => a.number - b.number);
    const [{ number: first } = { number: -1 }] = numbered;
    const isRow = (first === 0 || first === 1) && numbered.every(({ number }, i) => number === first + i);
    return isRow ? [{ prefix, columns: numbered.map(({ column }) => column) }] : [];
  });
}

/** A part of a column of floats or of lists of floats. @throws InvalidInputError if it claims more than its bytes can hold. */
export function floatChunk(file: ParquetFile, group: Group, column: Column): ColumnChunk {
  const chunk = chunkOf(file, group, column);
  const size = chunk.end - chunk.start;
  if (chunk.values < group.rows || chunk.values * 4 > inflatedLimit(size)) {
    throw invalid(
      "FILE_TOO_LARGE",
    )`column ${describeValue(column.name)} claims ${counted(chunk.values, "value")} of ${counted(group.rows, "row")} in ${counted(size, "byte")}: more than 1,000 times as many bytes are refused`;
  }
  return chunk;
}

/** The columns' names, for messages. */
export function listColumns(columns: readonly Column[]): string {
  const listed = columns.slice(0, 12).map(({ name }) => describeValue(name));
  if (listed.length === 0) return "it has no columns";
  return `its columns are ${listed.join(", ")}${columns.length > listed.length ? ", …" : ""}`;
}
