/** Pages of a Parquet column: their headers, their decompression, levels and values. */

import { invalid } from "../../base/errors.ts";
import { counted, thousands } from "../../base/words.ts";
import { type ByteSource, joined, readBytes } from "../io/byte-source.ts";
import { inflate, inflatedLimit } from "../io/inflate.ts";
import { unsnappy } from "../io/snappy.ts";
import { damagedParquet } from "./parquet-bytes.ts";
import { readRuns } from "./parquet-runs.ts";
import { type ColumnValues, decodeValues, type ParquetType, plainValues } from "./parquet-values.ts";
import { integerField, structField, ThriftReader } from "./thrift.ts";

/** A column, and its part in a row group. */
export interface ColumnChunk {
  type: ParquetType;
  codec: number;
  /** Number of levels: rows, or elements of lists, including null ones. */
  values: number;
  /** Bytes of the file. */
  start: number;
  end: number;
  /** Highest levels: 0 if there are none. */
  maxDefinition: number;
  maxRepetition: number;
  /** Whether values, or elements of lists, may be missing, in which case they are one level below the highest. */
  isOptional: boolean;
}

/** Where a page's data is, and what its header says about it. */
export interface Page {
  kind: "data" | "data2" | "dictionary";
  /** Bytes of the file, after the header. */
  start: number;
  compressed: number;
  size: number;
  /** Number of levels; for a dictionary, of values. */
  values: number;
  /** Number of levels of the previous pages. */
  first: number;
  encoding: number;
  /** For "data2": lengths of the levels, and whether what follows is compressed. */
  definitionBytes: number;
  repetitionBytes: number;
  isCompressed: boolean;
}

/** A decoded page: levels, if the column has them, and the values that are not null. */
export interface PageContent {
  repetition: Uint8Array | undefined;
  definition: Uint8Array | undefined;
  values: ColumnValues;
}

/** Longest header of a page, which may have statistics of long texts. */
const MAX_HEADER = 1 << 20;
const MAX_PAGE = 2 ** 31 - 1;

/**
 * The pages of a column chunk, from their headers alone.
 * @throws InvalidInputError if they do not fit in the chunk, or do not have its number of values.
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
    throw damagedParquet(`pages hold ${counted(first, "value")}, but their column has ${thousands(chunk.values)}`);
  }
  return pages;
}

/** Headers are short, but their length is not known. */
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
  if (!isSane) throw damagedParquet(`a page claims ${counted(size, "byte")} out of ${thousands(compressed)}`);
  return { page, headerBytes };
}

/** Decompresses a page into at most `size` bytes. */
type Decompressor = (input: Uint8Array, size: number) => Uint8Array;
let compressors: Promise<Record<string, Decompressor>> | undefined;

const codecs = ["UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW"];

/** Parts of node:zlib; zstd exists since Node 22.15. */
type Zlib = {
  [name in "brotliDecompressSync" | "zstdDecompressSync"]?: (
    input: Uint8Array,
    options: { maxOutputLength: number },
  ) => Uint8Array;
};

/** Node's own decompressor, if it has one. Not imported, since bundlers for the web would look for it. */
function nodeDecompressor(codec: string): Decompressor | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): Zlib } };
  const zlib = process?.getBuiltinModule?.("node:zlib");
  const run = codec === "BROTLI" ? zlib?.brotliDecompressSync : codec === "ZSTD" ? zlib?.zstdDecompressSync : undefined;
  return run && ((input, size) => run(input, { maxOutputLength: Math.max(1, size) }));
}

function loadCompressors(codec: string): Promise<Record<string, Decompressor>> {
  compressors ??= (async () => {
    try {
      const { compressors } = await import("hyparquet-compressors");
      return compressors as Record<string, Decompressor>;
    } catch (cause) {
      throw invalid(
        "DECOMPRESSION_MISSING",
        cause,
      )`the Parquet file is compressed with ${codec}: install the package hyparquet-compressors (npm install hyparquet-compressors), or write the file with Snappy or gzip`;
    }
  })();
  compressors.catch(() => {
    compressors = undefined; // it may be installed in the meantime
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
    const own = name && (nodeDecompressor(name) ?? (await loadCompressors(name))[name]);
    if (!own)
      throw invalid(
        "TYPE_UNSUPPORTED",
      )`the Parquet file is compressed with ${name ?? `codec ${codec}`}, which cannot be read`;
    try {
      output = own(input, size);
    } catch (cause) {
      throw invalid(
        "FILE_DAMAGED",
        cause,
      )`the Parquet file is damaged: a page compressed with ${String(name)} is broken`;
    }
  }
  if (output.length !== size)
    throw damagedParquet(`a page has ${counted(output.length, "byte")} instead of ${thousands(size)}`);
  return output;
}

/** A dictionary's values. */
export async function readDictionary(source: ByteSource, chunk: ColumnChunk, page: Page): Promise<ColumnValues> {
  const input = await readBytes(source, page.start, page.start + page.compressed);
  return plainValues(await decompress(input, page.size, chunk.codec), 0, page.values, chunk.type);
}

/** Decodes a page of data. */
export async function readPage(
  source: ByteSource,
  chunk: ColumnChunk,
  page: Page,
  dictionary: ColumnValues | undefined,
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
  const { encoding, compressed } = page;
  const limit = inflatedLimit(compressed);
  const values = decodeValues(bytes, at, present, { encoding, type: chunk.type, dictionary, limit });
  return { repetition, definition, values };
}

const bitsFor = (max: number) => 32 - Math.clz32(max);

function readLevels(bytes: Uint8Array, start: number, end: number, length: number, max: number): Uint8Array {
  // A run of equal levels takes few bytes however long it is, so at most one level per value is made.
  const levels = new Uint8Array(length);
  readRuns(bytes, start, end, bitsFor(max), levels);
  for (const level of levels) if (level > max) throw damagedParquet("a level is too high");
  return levels;
}
