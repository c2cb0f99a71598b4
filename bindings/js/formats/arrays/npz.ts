/** Embeddings in NumPy's npz archives, stored or deflated. */

import { describeValue } from "../../base/describe-value.ts";
import { InvalidInputError, invalid } from "../../base/errors.ts";
import { TextDecoder } from "../../base/text-codecs.ts";
import { counted, thousands } from "../../base/words.ts";
import type { ColumnOptions, TableColumns } from "../../items/columns.ts";
import type { ItemLabels } from "../../types.ts";
import { type ByteSource, joined, readBytes } from "../io/byte-source.ts";
import { readZipDirectory, storedMember, type ZipEntry, zipMember } from "../io/zip.ts";
import {
  checkNpySize,
  dtypes,
  matrixShape,
  NPY_PREAMBLE,
  type NpyHeader,
  npyDataStart,
  parseNpyHeader,
  reverseElements,
} from "./npy.ts";
import { elementKind, matrixFromStream, RawMatrix, type RowTarget } from "./raw-matrix.ts";
import { isIdsName } from "./safetensors.ts";
import { chooseIds, chooseTensor, type TensorInfo, tensorColumns } from "./tensor-choice.ts";

/** An npy file whose rows can be read. */
export async function openNpy(source: ByteSource): Promise<RawMatrix> {
  const header = await npyHeaderOf(source);
  const [rows, dim] = matrixShape(header.shape, "embeddings");
  checkNpySize(header.dtype, [rows, dim], source.size - header.dataStart);
  const kind = elementKind(header.dtype, header.dtype.bigEndian);
  return new RawMatrix(source, { start: header.dataStart, kind, fortran: header.fortran, rows, dim });
}

async function npyHeaderOf(source: ByteSource): Promise<NpyHeader> {
  const head = await readBytes(source, 0, Math.min(source.size, NPY_PREAMBLE));
  const dataStart = npyDataStart(head);
  return parseNpyHeader(await readBytes(source, 0, Math.min(source.size, dataStart)), source.size);
}

/**
 * An npy file that can be read only from start to end.
 * @param limit The most bytes that the stream may have; the matrix is checked against it before it is made.
 */
export async function readNpyStream(
  chunks: AsyncIterable<Uint8Array>,
  limit: number,
): Promise<{ data: RowTarget; rows: number; dim: number }> {
  const iterator = chunks[Symbol.asyncIterator]();
  try {
    const { header, rest } = await headerFrom(iterator);
    const [rows, dim] = matrixShape(header.shape, "embeddings");
    checkNpySize(header.dtype, [rows, dim], limit - header.dataStart, false);
    const data = (async function* () {
      yield rest;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    })();
    return await matrixFromStream(data, {
      kind: elementKind(header.dtype, header.dtype.bigEndian),
      fortran: header.fortran,
      rows,
      dim,
    });
  } finally {
    await iterator.return?.();
  }
}

/** Reads a stream up to the end of the header. */
async function headerFrom(iterator: AsyncIterator<Uint8Array>): Promise<{ header: NpyHeader; rest: Uint8Array }> {
  let head: Uint8Array = new Uint8Array(0);
  for (;;) {
    const next = head.length >= NPY_PREAMBLE && head.length >= npyDataStart(head) ? undefined : await iterator.next();
    if (next === undefined || next.done) {
      const header = parseNpyHeader(head, head.length);
      return { header, rest: head.slice(header.dataStart) };
    }
    head = joined([head, next.value]);
  }
}

/** What an archive holds. */
export interface OpenNpz {
  /** A matrix whose rows can be read, or one that was read whole, from a deflated member. */
  matrix: RawMatrix | { data: RowTarget; rows: number; dim: number };
  tensor: string;
  itemIds?: string[];
  labels?: ItemLabels;
  columns?: TableColumns;
}

interface Member extends TensorInfo {
  entry: ZipEntry;
  isInteger: boolean;
  /** Why it cannot be read. */
  error?: InvalidInputError;
}

/** The most members that are inspected. */
const MAX_MEMBERS = 256;

/**
 * Opens an array of an archive.
 * @param options `embedding` says which one. Default: the only matrix, or the only one with a usual name.
 */
export async function openNpz(source: ByteSource, options: ColumnOptions): Promise<OpenNpz> {
  const entries = await readZipDirectory(source);
  const arrays = entries.filter(({ name }) => name.endsWith(".npy"));
  if (arrays.length === 0) throw foreignArchive(entries);
  const members: Member[] = [];
  for (const entry of arrays.slice(0, MAX_MEMBERS)) members.push(await lookInto(source, entry));
  const failed = members.length === 1 ? members[0] : members.find(({ name }) => name === options.embedding);
  if (failed?.error) throw failed.error;
  // A column of IDs is not a matrix of embeddings.
  const isIdColumn = ({ name, shape, isInteger }: Member) => isInteger && shape[1] === 1 && isIdsName(name);
  const candidates = options.embedding === undefined ? members.filter((member) => !isIdColumn(member)) : members;
  const chosen = chooseTensor(candidates, options, "the npz archive");
  const matrix = chosen.entry.stored
    ? await openNpy(await storedMember(source, chosen.entry))
    : await readNpyStream(zipMember(source, chosen.entry), chosen.entry.size);
  const beside = await textsBeside(source, members, chosen, matrix, options);
  return { matrix, tensor: chosen.name, ...beside };
}

function foreignArchive(entries: readonly ZipEntry[]): InvalidInputError {
  const has = (pattern: RegExp) => entries.some(({ name }) => pattern.test(name));
  if (has(/(^|\/)data\.pkl$/)) {
    return invalid(
      "FILE_FOREIGN",
    )`it is a PyTorch checkpoint, which runs code when read${{ hint: "save the tensor with safetensors.torch.save_file" }}`;
  }
  const advice = has(/^xl\//) ? "it is a spreadsheet: save the sheet as CSV" : "expected arrays of numpy.savez";
  return invalid("FILE_FOREIGN")`the zip archive has no .npy members (${
    entries.length === 0
      ? "it is empty"
      : `but ${entries
          .slice(0, 5)
          .map(({ name }) => describeValue(name))
          .join(", ")}`
  }): ${advice}`;
}

/** Shape and type of a member, from its first bytes. */
async function lookInto(source: ByteSource, entry: ZipEntry): Promise<Member> {
  const name = entry.name.slice(0, -".npy".length);
  const chunks = zipMember(source, entry);
  try {
    const { header } = await headerFrom(entry.stored ? beginningOf(source, entry) : chunks);
    return {
      name,
      shape: header.shape,
      type: typeName(header),
      isReadable: true,
      isInteger: header.dtype.target !== undefined,
      entry,
    };
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    // Texts and objects are not matrices, but an archive may also hold them; damage is reported if the member is chosen.
    const text = await textHeader(source, entry);
    const [shape, type] = [text?.shape ?? [], text?.type ?? "no numbers"];
    return { name, shape, type, isReadable: false, isInteger: false, entry, error };
  } finally {
    await chunks.return(undefined);
  }
}

async function* beginningOf(source: ByteSource, entry: ZipEntry): AsyncGenerator<Uint8Array> {
  const member = await storedMember(source, entry);
  for (let at = 0; at < member.size; at += 4096) yield readBytes(member, at, Math.min(member.size, at + 4096));
}

const typeName = ({ dtype }: NpyHeader) => `${dtype.bytes * 8} bit`;

/** The longest text or integer that is read as ID or label, and the most bytes of all of them. */
const MAX_TEXT_BYTES = 1 << 28;

async function textHeader(source: ByteSource, entry: ZipEntry) {
  const chunks = entry.stored ? beginningOf(source, entry) : zipMember(source, entry);
  for await (const chunk of chunks) return parseTextHeader(chunk);
  return undefined;
}

/** The header of an array of strings, which `parseNpyHeader` refuses. */
function parseTextHeader(bytes: Uint8Array) {
  let dataStart: number;
  try {
    dataStart = npyDataStart(bytes);
  } catch {
    return undefined;
  }
  const header = new TextDecoder().decode(bytes.slice(0, dataStart));
  const [, order, kind, length] = /['"]descr['"]\s*:\s*['"]([<>|=]?)([a-zA-Z])(\d*)/.exec(header) ?? [];
  // A list, or a table of one column.
  const [, rows] = /['"]shape['"]\s*:\s*\((\d+),\s*1?\)/.exec(header) ?? [];
  if (kind === undefined || rows === undefined) return undefined;
  const width = Number(length) * (kind === "U" ? 4 : 1);
  return { shape: [Number(rows)], type: `${kind}${length}`, kind, width, isBig: order === ">", dataStart };
}

/** Names of elements that cannot be item IDs, by the letter of their type. */
const otherKinds: Record<string, string> = {
  O: "Python objects",
  f: "floats",
  b: "booleans",
  c: "complex numbers",
  M: "dates",
  m: "durations",
  V: "records",
};
const isTextKind = (type: string) => /^[US]\d/.test(type);
/** The number of entries of an array that is a list or a table of one column. */
const lengthOf = (shape: readonly number[]) =>
  shape.length === 1 || (shape.length === 2 && shape[1] === 1) ? shape[0] : undefined;

/**
 * IDs, titles and labels: lists that are as long as the matrix.
 * @throws InvalidInputError if an array with a name for IDs or titles has another length, or IDs have a type that cannot name items.
 */
async function textsBeside(
  source: ByteSource,
  members: readonly Member[],
  chosen: Member,
  { rows, dim }: { rows: number; dim: number },
  options: ColumnOptions,
): Promise<Pick<OpenNpz, "itemIds" | "labels" | "columns">> {
  const others = members.filter((member) => member !== chosen);
  const ids = idsBeside(others, chosen, rows, options);
  requireLength(
    others.filter(({ name, type, shape }) => isTitlesName(name) && isTextKind(type) && shape[0] !== dim),
    others,
    chosen,
    rows,
    "title",
  );
  const found = new Map<string, string[]>();
  let room = MAX_TEXT_BYTES;
  for (const member of others) {
    const { name, shape, isReadable, entry } = member;
    // Other numbers in the archive may be anything; only a name makes them IDs.
    if (lengthOf(shape) !== rows || (isReadable && member !== ids)) continue;
    if (entry.size > room) {
      if (member !== ids) continue;
      throw invalid(
        "FILE_TOO_LARGE",
      )`the array ${describeValue(name)} of item IDs has ${thousands(entry.size)} bytes, which is more than can be read${{ hint: "save the IDs as integers or shorter strings" }}`;
    }
    room -= entry.size;
    const texts = await readTexts(source, entry, member === ids);
    if (texts) found.set(name, texts);
  }
  const itemIds = ids && found.get(ids.name);
  if (ids) found.delete(ids.name);
  // Items without titles use their IDs.
  const titleName = [...found.keys()].find(isTitlesName) ?? (ids ? undefined : [...found.keys()][0]);
  const labels = [...found].filter(([name]) => name !== titleName);
  const columns = tensorColumns(members, chosen.name, {
    itemId: ids?.name,
    title: titleName,
    labels: labels.map(([name]) => name),
  });
  const titles = titleName === undefined ? itemIds : found.get(titleName);
  return {
    ...(columns && { columns }),
    ...(itemIds && { itemIds }),
    ...(titles && { labels: { titles, ...(labels.length > 0 && { labels: Object.fromEntries(labels) }) } }),
  };
}

const isTitlesName = (name: string) => /^(titles?|names?)$/i.test(name);

/** The array of the items' IDs. */
function idsBeside(
  others: readonly Member[],
  chosen: Member,
  rows: number,
  options: ColumnOptions,
): Member | undefined {
  const asked = chooseIds(others, options);
  const named = others.filter(
    ({ name, shape, type }) =>
      (asked ? name === asked.name : isIdsName(name)) && (lengthOf(shape) !== undefined || type === "O"),
  );
  const ids = named.find(({ shape }) => lengthOf(shape) === rows);
  if (!ids) {
    requireLength(named, others, chosen, rows, "item ID");
    return undefined;
  }
  const kind = otherKinds[ids.type[0]!];
  if (kind === undefined && !ids.isReadable) return ids;
  if (ids.isInteger) return ids;
  throw invalid(
    "ITEM_ID_INVALID",
  )`the array ${describeValue(ids.name)} holds ${kind ?? "floats"}, which cannot be item IDs${{ hint: `save it as strings or integers, ${ids.name}.astype(str)` }}`;
}

/** @throws InvalidInputError for a list that should have one entry per row of the matrix and does not belong to another matrix. */
function requireLength(
  lists: readonly Member[],
  others: readonly Member[],
  chosen: Member,
  rows: number,
  what: string,
): void {
  for (const { name, shape } of lists) {
    const length = lengthOf(shape);
    const isOfOther = others.some(
      (other) => other.shape.length === 2 && other.shape[1] !== 1 && other.shape[0] === length,
    );
    if (length === undefined || length === rows || isOfOther) continue;
    throw invalid(
      "COUNTS_DIFFER",
    )`the array ${describeValue(name)} has ${counted(length, "entry")}, but ${describeValue(chosen.name)} has ${counted(rows, "row")}: give one ${what} per row`;
  }
}

async function readTexts(source: ByteSource, entry: ZipEntry, fatal: boolean): Promise<string[] | undefined> {
  const parts: Uint8Array[] = [];
  for await (const part of zipMember(source, entry)) parts.push(part);
  const bytes = joined(parts);
  const header = parseTextHeader(bytes);
  if (!header || header.width === 0) return undefined;
  const { kind, width, isBig, dataStart } = header;
  if (!"USiu".includes(kind)) return undefined;
  const rows = header.shape[0]!;
  if (dataStart + rows * width > bytes.length) {
    throw invalid(
      "FILE_DAMAGED",
    )`the member ${describeValue(entry.name)} is cut short: it has no room for ${rows} strings`;
  }
  const data = bytes.slice(dataStart, dataStart + rows * width);
  if (kind === "S") {
    const decoder = new TextDecoder("utf-8", { fatal });
    return Array.from({ length: rows }, (_, i) => {
      try {
        return decoder.decode(data.subarray(i * width, (i + 1) * width)).replace(/\0+$/, "");
      } catch {
        throw invalid(
          "NOT_UTF8",
        )`the member ${describeValue(entry.name)} holds bytes that are not UTF-8 in ${{ row: i }}${{ hint: 'save it as strings, numpy.char.decode(arr, "latin1")' }}`;
      }
    });
  }
  if (isBig) reverseElements(data, kind === "U" ? 4 : width);
  if (kind === "U") {
    const points = new Uint32Array(data.buffer);
    const length = width / 4;
    return Array.from({ length: rows }, (_, i) => {
      let text = "";
      for (const point of points.subarray(i * length, (i + 1) * length)) {
        if (point > 0x10ffff) {
          throw invalid(
            "FILE_DAMAGED",
          )`the member ${describeValue(entry.name)} is damaged: ${{ row: i }} is not a string`;
        }
        text += String.fromCodePoint(point);
      }
      return text.replace(/\0+$/, "");
    });
  }
  const View = dtypes[`${kind}${width}`]?.view;
  return View && Array.from(new View(data.buffer) as ArrayLike<number | bigint>, String);
}
