/** Pages of a Parquet column: their headers, their decompression, levels and values. */

import { InvalidInputError } from "../errors.ts";
import { type ByteSource, joined, readBytes } from "./byte-source.ts";
import { count } from "./bytes.ts";
import { halfValues } from "./half.ts";
import { inflate, inflatedLimit } from "./inflate.ts";
import { unsnappy } from "./snappy.ts";
import { integerField, structField, ThriftReader } from "./thrift.ts";

/** Types of values as Parquet numbers them; "half" is a fixed length of two bytes that is annotated so. */
export type ParquetType = "int32" | "int64" | "float" | "double" | "bytes" | "half";

/** A column, and its part in a row group. */
export interface ColumnChunk {
  type: ParquetType;
  codec: number;
  /** Levels: rows, or elements of lists, null ones included. */
  values: number;
  /** Bytes of the file. */
  start: number;
  end: number;
  /** Highest levels: 0 where there are none. */
  maxDefinition: number;
  maxRepetition: number;
  /** The values, or elements of lists, may be missing: then they are one level below the highest. */
  isOptional: boolean;
}

/** Where a page's data is, and what its header says of it. */
export interface Page {
  kind: "data" | "data2" | "dictionary";
  /** Bytes of the file, after the header. */
  start: number;
  compressed: number;
  size: number;
  /** Levels; of a dictionary, its values. */
  values: number;
  /** Levels of the pages before it. */
  first: number;
  encoding: number;
  /** Of "data2": lengths of the levels, and whether what follows is compressed. */
  definitionBytes: number;
  repetitionBytes: number;
  isCompressed: boolean;
}

/** A page decoded: levels, where the column has them, and the values that are not null. */
export interface PageContent {
  repetition: Uint8Array | undefined;
  definition: Uint8Array | undefined;
  /** As floats, or texts. */
  values: Float32Array | string[];
}

export const damagedParquet = (why: string): InvalidInputError =>
  new InvalidInputError(`the Parquet file is damaged: ${why}`);

/** Longest header of a page; statistics of long texts are in it. */
const MAX_HEADER = 1 << 20;
const MAX_PAGE = 2 ** 31 - 1;

/**
 * The pages of a column chunk, by their headers alone.
 * @throws InvalidInputError when they do not fit in the chunk, or do not have its number of values.
 */
export async function findPages(source: ByteSource, chunk: ColumnChunk): Promise<Page[]> {
  const pages: Page[] = [];
  let first = 0;
  for (let at = chunk.start; at < chunk.end && first < chunk.values; ) {
    const { page, headerBytes } = await readPageHeader(source, at, chunk.end);
    at += headerBytes;
    if (page) {
      if (page.kind !== "dictionary") {
        page.first = first;
        first += page.values;
      }
      page.start = at;
      pages.push(page);
    }
    const skipped = page?.compressed ?? (await skippedSize(source, at - headerBytes, chunk.end));
    if (at + skipped > chunk.end) throw damagedParquet("a page reaches beyond its column");
    at += skipped;
  }
  if (first !== chunk.values) {
    throw damagedParquet(`pages hold ${count(first)} values, but their column ${count(chunk.values)}`);
  }
  return pages;
}

/** Headers are short, but nothing says how short. */
async function headerAt(source: ByteSource, at: number, end: number) {
  for (let length = 256; ; length *= 8) {
    const bytes = await readBytes(source, at, Math.min(end, at + length));
    const reader = new ThriftReader(bytes);
    try {
      return { header: reader.struct(), headerBytes: reader.offset };
    } catch (error) {
      if (length >= MAX_HEADER || at + length >= end) throw error;
    }
  }
}

async function skippedSize(source: ByteSource, at: number, end: number): Promise<number> {
  const { header } = await headerAt(source, at, end);
  const size = integerField(header, 3);
  if (size < 0) throw damagedParquet("a page has a negative size");
  return size;
}

async function readPageHeader(
  source: ByteSource,
  at: number,
  end: number,
): Promise<{ page: Page | undefined; headerBytes: number }> {
  const { header, headerBytes } = await headerAt(source, at, end);
  const kind = ({ 0: "data", 2: "dictionary", 3: "data2" } as const)[integerField(header, 1) as 0 | 2 | 3];
  if (kind === undefined) return { page: undefined, headerBytes }; // an index page
  const [size, compressed] = [integerField(header, 2), integerField(header, 3)];
  const own = structField(header, { data: 5, dictionary: 7, data2: 8 }[kind]);
  const page: Page = {
    kind,
    start: at + headerBytes,
    compressed,
    size,
    values: integerField(own, 1),
    first: 0,
    encoding: integerField(own, kind === "data2" ? 4 : 2),
    definitionBytes: kind === "data2" ? integerField(own, 5) : 0,
    repetitionBytes: kind === "data2" ? integerField(own, 6) : 0,
    isCompressed: own.get(7) !== false || kind !== "data2",
  };
  const levels = page.definitionBytes + page.repetitionBytes;
  const isSane =
    compressed >= 0 &&
    size >= 0 &&
    size <= Math.min(MAX_PAGE, inflatedLimit(compressed)) &&
    page.values >= 0 &&
    page.definitionBytes >= 0 &&
    page.repetitionBytes >= 0 &&
    levels <= Math.min(size, compressed);
  if (!isSane) throw damagedParquet(`a page claims ${count(size)} bytes out of ${count(compressed)}`);
  return { page, headerBytes };
}

/** What decompresses pages beside what the platform and we can. */
type Compressors = Record<string, (input: Uint8Array, size: number) => Uint8Array>;
let compressors: Promise<Compressors> | undefined;

const codecs = ["UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW"];

function loadCompressors(codec: string): Promise<Compressors> {
  compressors ??= (async () => {
    try {
      const { compressors } = await import("hyparquet-compressors");
      return compressors as Compressors;
    } catch (cause) {
      throw new InvalidInputError(
        `the Parquet file is compressed by ${codec}: that needs the package hyparquet-compressors (npm install hyparquet-compressors), or write the file with Snappy or gzip`,
        { cause },
      );
    }
  })();
  compressors.catch(() => {
    compressors = undefined; // it may be installed meanwhile
  });
  return compressors;
}

async function decompress(input: Uint8Array, size: number, codec: number): Promise<Uint8Array> {
  const name = codecs[codec];
  let output: Uint8Array;
  if (name === "UNCOMPRESSED") {
    output = input;
  } else if (name === "SNAPPY") {
    output = unsnappy(input, size);
  } else if (name === "GZIP") {
    const parts: Uint8Array[] = [];
    const whole = (async function* () {
      yield input;
    })();
    for await (const part of inflate(whole, "gzip", size)) parts.push(part);
    output = joined(parts);
  } else {
    const own = name === undefined ? undefined : (await loadCompressors(name))[name];
    if (!own)
      throw new InvalidInputError(
        `the Parquet file is compressed by ${name ?? `codec ${codec}`}, which cannot be read`,
      );
    try {
      output = own(input, size);
    } catch (cause) {
      throw new InvalidInputError(`the Parquet file is damaged: a page compressed by ${name} is broken`, { cause });
    }
  }
  if (output.length !== size)
    throw damagedParquet(`a page has ${count(output.length)} bytes instead of ${count(size)}`);
  return output;
}

/** A dictionary's values. */
export async function readDictionary(
  source: ByteSource,
  chunk: ColumnChunk,
  page: Page,
): Promise<Float32Array | string[]> {
  const input = await readBytes(source, page.start, page.start + page.compressed);
  return plainValues(await decompress(input, page.size, chunk.codec), 0, page.values, chunk.type);
}

/** Decodes a page of data. */
export async function readPage(
  source: ByteSource,
  chunk: ColumnChunk,
  page: Page,
  dictionary: Float32Array | string[] | undefined,
): Promise<PageContent> {
  const { maxDefinition, maxRepetition } = chunk;
  const { values: levels, kind } = page;
  const input = await readBytes(source, page.start, page.start + page.compressed);
  let bytes: Uint8Array;
  let at = 0;
  let repetition: Uint8Array | undefined;
  let definition: Uint8Array | undefined;
  if (kind === "data2") {
    const { repetitionBytes, definitionBytes } = page;
    const levelBytes = repetitionBytes + definitionBytes;
    if (maxRepetition) repetition = readLevels(input, 0, repetitionBytes, levels, maxRepetition);
    if (maxDefinition) definition = readLevels(input, repetitionBytes, levelBytes, levels, maxDefinition);
    const rest = input.subarray(levelBytes);
    bytes = page.isCompressed ? await decompress(rest, page.size - levelBytes, chunk.codec) : rest;
  } else {
    bytes = await decompress(input, page.size, chunk.codec);
    const next = (max: number) => {
      if (at + 4 > bytes.length) throw damagedParquet("a page ends before its levels");
      const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
      const start = at + 4;
      at = start + length;
      if (at > bytes.length) throw damagedParquet("a page ends before its levels");
      return readLevels(bytes, start, at, levels, max);
    };
    if (maxRepetition) repetition = next(maxRepetition);
    if (maxDefinition) definition = next(maxDefinition);
  }
  let present = levels;
  if (definition) for (const level of definition) if (level !== maxDefinition) present--;
  const values = decodeValues(bytes, at, present, page.encoding, chunk.type, dictionary);
  return { repetition, definition, values };
}

const bitsFor = (max: number) => 32 - Math.clz32(max);

function readLevels(bytes: Uint8Array, start: number, end: number, length: number, max: number): Uint8Array {
  // A run of equal levels takes few bytes however long it is: a level for each of the values is all that is made.
  const levels = new Uint8Array(length);
  readRuns(bytes, start, end, bitsFor(max), levels);
  for (const level of levels) if (level > max) throw damagedParquet("a level is too high");
  return levels;
}

/** Runs of equal numbers and groups of packed ones, until the target is full. */
function readRuns(bytes: Uint8Array, start: number, end: number, bits: number, target: Uint8Array | Uint32Array): void {
  const width = (bits + 7) >> 3;
  let at = start;
  for (let done = 0; done < target.length; ) {
    let head = 0;
    for (let k = 0; ; k++) {
      if (at >= end || k > 4) throw damagedParquet("a run of levels or codes is broken");
      const byte = bytes[at++]!;
      head += (byte & 127) * 2 ** (7 * k);
      if (byte < 128) break;
    }
    if (head % 2 === 0) {
      const run = Math.min(head / 2, target.length - done);
      if (at + width > end) throw damagedParquet("a run of levels or codes is cut short");
      let value = 0;
      for (let k = 0; k < width; k++) value += bytes[at + k]! * 256 ** k;
      at += width;
      target.fill(value, done, done + run);
      done += run;
      continue;
    }
    const groups = (head - 1) / 2;
    const packed = Math.min(groups * 8, target.length - done);
    if (at + Math.ceil((packed * bits) / 8) > end) throw damagedParquet("packed levels or codes are cut short");
    unpack(bytes, at, bits, target, done, packed);
    at += groups * bits;
    done += packed;
    if (groups === 0) continue;
  }
}

/** Numbers of `bits` bits each, the lowest first. */
function unpack(
  bytes: Uint8Array,
  start: number,
  bits: number,
  target: Uint8Array | Uint32Array,
  first: number,
  length: number,
): void {
  if (bits === 0) {
    target.fill(0, first, first + length);
    return;
  }
  let buffer = 0; // of `held` bits; 24 + 7 bits at most come together in the common case
  let held = 0;
  let at = start;
  if (bits <= 24) {
    const mask = (1 << bits) - 1;
    for (let i = 0; i < length; i++) {
      while (held < bits) {
        buffer |= bytes[at++]! << held;
        held += 8;
      }
      target[first + i] = buffer & mask;
      buffer >>>= bits;
      held -= bits;
    }
    return;
  }
  for (let i = 0; i < length; i++) {
    let value = 0;
    const bit = i * bits;
    for (let k = 0; k < bits; k++) {
      const place = bit + k;
      if ((bytes[start + (place >> 3)]! >> (place & 7)) & 1) value += 2 ** k;
    }
    target[first + i] = value;
  }
}

function decodeValues(
  bytes: Uint8Array,
  start: number,
  present: number,
  encoding: number,
  type: ParquetType,
  dictionary: Float32Array | string[] | undefined,
): Float32Array | string[] {
  if (encoding === 0) return plainValues(bytes, start, present, type);
  if (encoding === 2 || encoding === 8) {
    if (dictionary === undefined) throw damagedParquet("codes of a dictionary come before it");
    if (present === 0) return type === "bytes" ? [] : new Float32Array(0);
    const bits = bytes[start];
    if (bits === undefined || bits > 32) throw damagedParquet("codes of a dictionary are broken");
    const codes = new Uint32Array(present);
    readRuns(bytes, start + 1, bytes.length, bits, codes);
    for (const code of codes) if (code >= dictionary.length) throw damagedParquet("a code is not in its dictionary");
    if (!(dictionary instanceof Float32Array)) return Array.from(codes, (code) => dictionary[code]!);
    const values = new Float32Array(present);
    for (let i = 0; i < present; i++) values[i] = dictionary[codes[i]!]!;
    return values;
  }
  if (encoding === 9 && type !== "bytes")
    return plainValues(unsplit(bytes.subarray(start), present, type), 0, present, type);
  const names: Record<number, string> = {
    5: "DELTA_BINARY_PACKED",
    6: "DELTA_LENGTH_BYTE_ARRAY",
    7: "DELTA_BYTE_ARRAY",
  };
  throw new InvalidInputError(
    `a Parquet column is encoded by ${names[encoding] ?? `number ${encoding}`}, which is not read; write it with the encoding PLAIN or with a dictionary`,
  );
}

const sizes = { int32: 4, int64: 8, float: 4, double: 8, half: 2 };

/** BYTE_STREAM_SPLIT: first all first bytes, then all second ones. */
function unsplit(bytes: Uint8Array, present: number, type: Exclude<ParquetType, "bytes">): Uint8Array {
  const size = sizes[type];
  requireBytes(bytes, 0, present * size);
  const values = new Uint8Array(present * size);
  for (let k = 0; k < size; k++) for (let i = 0; i < present; i++) values[i * size + k] = bytes[k * present + i]!;
  return values;
}

function requireBytes(bytes: Uint8Array, start: number, needed: number): void {
  if (start + needed > bytes.length) {
    throw damagedParquet(
      `a page needs ${count(needed)} bytes of values, but has ${count(Math.max(0, bytes.length - start))}`,
    );
  }
}

/** Values one after the other; whole numbers become texts, as they are IDs and labels. */
function plainValues(bytes: Uint8Array, start: number, present: number, type: ParquetType): Float32Array | string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (type === "bytes") {
    requireBytes(bytes, start, 4 * present);
    const decoder = new TextDecoder();
    const texts: string[] = [];
    for (let i = 0, at = start; i < present; i++) {
      requireBytes(bytes, at, 4);
      const length = view.getUint32(at, true);
      requireBytes(bytes, at + 4, length);
      texts.push(decoder.decode(bytes.subarray(at + 4, at + 4 + length)));
      at += 4 + length;
    }
    return texts;
  }
  const size = sizes[type];
  requireBytes(bytes, start, present * size);
  if (type === "int32") return Array.from({ length: present }, (_, i) => String(view.getInt32(start + 4 * i, true)));
  if (type === "int64") return Array.from({ length: present }, (_, i) => String(view.getBigInt64(start + 8 * i, true)));
  const data = bytes.slice(start, start + present * size).buffer; // aligned
  if (type === "float") return new Float32Array(data);
  if (type === "double") return Float32Array.from(new Float64Array(data));
  const table = halfValues();
  return Float32Array.from(new Uint16Array(data), (half) => table[half]!);
}
