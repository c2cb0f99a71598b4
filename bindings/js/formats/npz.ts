/** Embeddings in npz archives of NumPy, stored or deflated. */

import { InvalidInputError } from "../errors.ts";
import { TextDecoder } from "../text-codecs.ts";
import type { ItemLabels } from "../types.ts";
import { type ByteSource, joined, readBytes } from "./byte-source.ts";
import { describeValue } from "./bytes.ts";
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
import { chooseTensor, type TensorInfo } from "./tensor-choice.ts";
import { readZipDirectory, storedMember, type ZipEntry, zipMember } from "./zip.ts";

/** An npy file of which rows can be read. */
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
 * An npy file that can be read only from beginning to end.
 * @param limit Most bytes that the stream may have: the matrix is checked against it before it is made.
 */
export async function readNpyStream(
  chunks: AsyncIterable<Uint8Array>,
  limit: number,
): Promise<{ data: RowTarget; rows: number; dim: number }> {
  const iterator = chunks[Symbol.asyncIterator]();
  try {
    const { header, rest } = await headerFrom(iterator);
    const [rows, dim] = matrixShape(header.shape, "embeddings");
    checkNpySize(header.dtype, [rows, dim], limit - header.dataStart);
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

/** Reads as much of a stream as the header takes. */
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
  /** A matrix of which rows can be read, or one that was read whole: from a deflated member. */
  matrix: RawMatrix | { data: RowTarget; rows: number; dim: number };
  tensor: string;
  itemIds?: string[];
  labels?: ItemLabels;
}

interface Member extends TensorInfo {
  entry: ZipEntry;
  /** Why it cannot be read. */
  error?: InvalidInputError;
}

/** Members that are looked into. */
const MAX_MEMBERS = 256;

/**
 * Opens an array of an archive.
 * @param wanted Its name. Default: the only matrix, or the only one with a usual name.
 */
export async function openNpz(source: ByteSource, wanted?: string): Promise<OpenNpz> {
  const entries = await readZipDirectory(source);
  const arrays = entries.filter(({ name }) => name.endsWith(".npy"));
  if (arrays.length === 0) throw foreignArchive(entries);
  const members: Member[] = [];
  for (const entry of arrays.slice(0, MAX_MEMBERS)) members.push(await lookInto(source, entry));
  const failed = members.length === 1 ? members[0] : members.find(({ name }) => name === wanted);
  if (failed?.error) throw failed.error;
  const chosen = chooseTensor(members, wanted, "the npz archive");
  const matrix = chosen.entry.stored
    ? await openNpy(await storedMember(source, chosen.entry))
    : await readNpyStream(zipMember(source, chosen.entry), chosen.entry.size);
  const beside = await textsBeside(source, members, matrix.rows);
  return { matrix, tensor: chosen.name, ...beside };
}

function foreignArchive(entries: readonly ZipEntry[]): InvalidInputError {
  const has = (pattern: RegExp) => entries.some(({ name }) => pattern.test(name));
  if (has(/(^|\/)data\.pkl$/)) {
    return new InvalidInputError(
      "it is a PyTorch checkpoint, which runs code when read: save the tensor with safetensors.torch.save_file",
    );
  }
  const advice = has(/^xl\//) ? "it is a spreadsheet: save the sheet as CSV" : "expected arrays of numpy.savez";
  return new InvalidInputError(
    `the zip archive has no .npy members (${
      entries.length === 0
        ? "it is empty"
        : `but ${entries
            .slice(0, 5)
            .map(({ name }) => describeValue(name))
            .join(", ")}`
    }): ${advice}`,
  );
}

/** Shape and type of a member, from its beginning. */
async function lookInto(source: ByteSource, entry: ZipEntry): Promise<Member> {
  const name = entry.name.slice(0, -".npy".length);
  const chunks = zipMember(source, entry);
  try {
    const { header } = await headerFrom(entry.stored ? beginningOf(source, entry) : chunks);
    return { name, shape: header.shape, type: typeName(header), isReadable: true, entry };
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    // Texts and objects are no matrix, but may stand beside one; what is damaged is told when it is chosen.
    const text = await textHeader(source, entry);
    return { name, shape: text?.shape ?? [], type: text?.type ?? "no numbers", isReadable: false, entry, error };
  } finally {
    await chunks.return(undefined);
  }
}

async function* beginningOf(source: ByteSource, entry: ZipEntry): AsyncGenerator<Uint8Array> {
  const member = await storedMember(source, entry);
  for (let at = 0; at < member.size; at += 4096) yield readBytes(member, at, Math.min(member.size, at + 4096));
}

const typeName = ({ dtype }: NpyHeader) => `${dtype.bytes * 8} bit`;

/** Longest text or integer of a member that is read as IDs or labels, and most bytes of all of them. */
const MAX_TEXT_BYTES = 1 << 28;

async function textHeader(source: ByteSource, entry: ZipEntry) {
  const chunks = entry.stored ? beginningOf(source, entry) : zipMember(source, entry);
  for await (const chunk of chunks) return parseTextHeader(chunk);
  return undefined;
}

/** The header of an array of texts, which `parseNpyHeader` refuses. */
function parseTextHeader(bytes: Uint8Array) {
  let dataStart: number;
  try {
    dataStart = npyDataStart(bytes);
  } catch {
    return undefined;
  }
  const header = new TextDecoder().decode(bytes.slice(0, dataStart));
  const [, order, kind, length] = /['"]descr['"]\s*:\s*['"]([<>|=]?)([USiu])(\d+)['"]/.exec(header) ?? [];
  const [, rows] = /['"]shape['"]\s*:\s*\((\d+),\s*\)/.exec(header) ?? [];
  if (kind === undefined || rows === undefined) return undefined;
  const width = Number(length) * (kind === "U" ? 4 : 1);
  return { shape: [Number(rows)], type: `${kind}${length}`, kind, width, isBig: order === ">", dataStart };
}

/** IDs, titles and labels: arrays of one dimension that are as long as the matrix. */
async function textsBeside(
  source: ByteSource,
  members: readonly Member[],
  rows: number,
): Promise<{ itemIds?: string[]; labels?: ItemLabels }> {
  const found = new Map<string, string[]>();
  let room = MAX_TEXT_BYTES;
  for (const { name, shape, isReadable, entry } of members) {
    const isOfRows = shape.length === 1 && shape[0] === rows;
    // Numbers beside the matrix may be anything; as IDs they must be named so.
    if (!isOfRows || (isReadable && !isIdsName(name)) || entry.size > room) continue;
    room -= entry.size;
    const texts = await readTexts(source, entry);
    if (texts) found.set(name, texts);
  }
  const idName = [...found.keys()].find(isIdsName);
  const titleName =
    [...found.keys()].find((name) => /^(titles?|names?)$/i.test(name)) ?? idName ?? [...found.keys()][0];
  if (titleName === undefined) return {};
  const others = [...found].filter(([name]) => name !== titleName);
  return {
    ...(idName !== undefined && { itemIds: found.get(idName)! }),
    labels: { titles: found.get(titleName)!, ...(others.length > 0 && { labels: Object.fromEntries(others) }) },
  };
}

async function readTexts(source: ByteSource, entry: ZipEntry): Promise<string[] | undefined> {
  const parts: Uint8Array[] = [];
  for await (const part of zipMember(source, entry)) parts.push(part);
  const bytes = joined(parts);
  const header = parseTextHeader(bytes);
  if (!header || header.width === 0) return undefined;
  const { kind, width, isBig, dataStart } = header;
  const rows = header.shape[0]!;
  if (dataStart + rows * width > bytes.length) {
    throw new InvalidInputError(`the member ${describeValue(entry.name)} is cut short: ${rows} texts do not fit in it`);
  }
  const data = bytes.slice(dataStart, dataStart + rows * width);
  if (kind === "S") {
    const decoder = new TextDecoder();
    return Array.from({ length: rows }, (_, i) =>
      decoder.decode(data.subarray(i * width, (i + 1) * width)).replace(/\0+$/, ""),
    );
  }
  if (isBig) reverseElements(data, kind === "U" ? 4 : width);
  if (kind === "U") {
    const points = new Uint32Array(data.buffer);
    const length = width / 4;
    return Array.from({ length: rows }, (_, i) => {
      let text = "";
      for (const point of points.subarray(i * length, (i + 1) * length)) {
        if (point > 0x10ffff) {
          throw new InvalidInputError(`the member ${describeValue(entry.name)} is damaged: row ${i} is no text`);
        }
        text += String.fromCodePoint(point);
      }
      return text.replace(/\0+$/, "");
    });
  }
  const View = dtypes[`${kind}${width}`]?.view;
  return View && Array.from(new View(data.buffer) as ArrayLike<number | bigint>, String);
}
