/** Decodes the values of a Parquet page, by type and encoding. */

import { InvalidInputError } from "../../base/errors.ts";
import { TextDecoder } from "../../base/text-codecs.ts";
import { counted } from "../../base/words.ts";
import { widenHalves } from "../../items/half.ts";
import { damagedParquet, requireBytes } from "./parquet-bytes.ts";
import { deltaByteArrays, deltaLengthByteArrays, readDeltas } from "./parquet-delta.ts";
import { readRuns } from "./parquet-runs.ts";

/**
 * Types of values as Parquet numbers them. "half" and "uuid" are annotated values of 2 and 16 bytes; unsigned types are annotated integers.
 */
export type ParquetType = "int32" | "int64" | "uint32" | "uint64" | "float" | "double" | "bytes" | "half" | "uuid";

/** Whole numbers of a column. */
export type ColumnIntegers = Int32Array | Uint32Array | BigInt64Array | BigUint64Array;
/** Values of a column: floats of any width as float32, whole numbers, or texts. */
export type ColumnValues = Float32Array | ColumnIntegers | string[];

/** What a page's values are, besides their number. */
export interface Encoded {
  /** Parquet's number of the encoding. */
  encoding: number;
  type: ParquetType;
  dictionary: ColumnValues | undefined;
  /** The most bytes of texts that share prefixes, since a page of a few bytes could claim any number. */
  limit: number;
}

/** An encoding that is not supported, although the file is valid. */
export class UnreadEncoding extends InvalidInputError {}

/**
 * The `present` values of a page from byte `start` on.
 * @throws InvalidInputError if they are damaged or their encoding is not supported.
 */
export function decodeValues(bytes: Uint8Array, start: number, present: number, encoded: Encoded): ColumnValues {
  const { encoding, type, dictionary, limit } = encoded;
  if (present === 0) return allocate(type, 0); // such a page may be empty
  const refused = () =>
    new UnreadEncoding(
      `a Parquet column of type ${type} uses the encoding ${names[encoding] ?? `number ${encoding}`}, which cannot be read; write it with the encoding PLAIN or a dictionary`,
    );
  switch (encoding) {
    case 0:
      return plainValues(bytes, start, present, type);
    case 2:
    case 8:
      return dictionaryValues(bytes, start, present, type, dictionary);
    case 5: {
      const values = allocate(type, present);
      if (!isInteger(values)) throw refused();
      readDeltas(bytes, start, values);
      return values;
    }
    case 6:
      if (type !== "bytes") throw refused();
      return texts(deltaLengthByteArrays(bytes, start, present));
    case 7:
      if (type === "bytes") return texts(deltaByteArrays(bytes, start, present, limit));
      if (type !== "half" && type !== "uuid") throw refused();
      return plainValues(joinFixed(deltaByteArrays(bytes, start, present, limit), present, type), 0, present, type);
    case 9:
      if (type === "bytes") throw refused();
      return plainValues(unsplit(bytes.subarray(start), present, type), 0, present, type);
    default:
      throw refused();
  }
}

const names = [
  "PLAIN",
  "GROUP_VAR_INT",
  "PLAIN_DICTIONARY",
  "RLE",
  "BIT_PACKED",
  "DELTA_BINARY_PACKED",
  "DELTA_LENGTH_BYTE_ARRAY",
  "DELTA_BYTE_ARRAY",
  "RLE_DICTIONARY",
  "BYTE_STREAM_SPLIT",
  "ALP",
];

function allocate(type: ParquetType, length: number): ColumnValues {
  switch (type) {
    case "bytes":
    case "uuid":
      return [];
    case "int32":
      return new Int32Array(length);
    case "uint32":
      return new Uint32Array(length);
    case "int64":
      return new BigInt64Array(length);
    case "uint64":
      return new BigUint64Array(length);
    default:
      return new Float32Array(length);
  }
}

const isInteger = (values: ColumnValues): values is ColumnIntegers =>
  !(values instanceof Float32Array || Array.isArray(values));

function dictionaryValues(
  bytes: Uint8Array,
  start: number,
  present: number,
  type: ParquetType,
  dictionary: ColumnValues | undefined,
): ColumnValues {
  if (dictionary === undefined) throw damagedParquet("codes of a dictionary come before it");
  const bits = bytes[start];
  if (bits === undefined || bits > 32) throw damagedParquet("codes of a dictionary are broken");
  const codes = new Uint32Array(present);
  readRuns(bytes, start + 1, bytes.length, bits, codes);
  for (const code of codes) if (code >= dictionary.length) throw damagedParquet("a code is not in its dictionary");
  const values = allocate(type, present) as Float32Array; // both have the same type, whatever it is
  for (let i = 0; i < present; i++) values[i] = dictionary[codes[i]!] as number;
  return values;
}

const sizes = { int32: 4, int64: 8, uint32: 4, uint64: 8, float: 4, double: 8, half: 2, uuid: 16 };

/** BYTE_STREAM_SPLIT: all first bytes, then all second bytes, and so on. */
function unsplit(bytes: Uint8Array, present: number, type: Exclude<ParquetType, "bytes">): Uint8Array {
  const size = sizes[type];
  requireBytes(bytes, 0, present * size);
  const values = new Uint8Array(present * size);
  for (let k = 0; k < size; k++) for (let i = 0; i < present; i++) values[i * size + k] = bytes[k * present + i]!;
  return values;
}

/** Values one after another. */
export function plainValues(bytes: Uint8Array, start: number, present: number, type: ParquetType): ColumnValues {
  if (type === "bytes") return texts(plainByteArrays(bytes, start, present));
  const size = sizes[type];
  requireBytes(bytes, start, present * size);
  const data = bytes.slice(start, start + present * size).buffer; // aligned
  switch (type) {
    case "int32":
      return new Int32Array(data);
    case "uint32":
      return new Uint32Array(data);
    case "int64":
      return new BigInt64Array(data);
    case "uint64":
      return new BigUint64Array(data);
    case "float":
      return new Float32Array(data);
    case "double":
      return Float32Array.from(new Float64Array(data));
    case "uuid": {
      const hex = Array.from(new Uint8Array(data), (byte) => byte.toString(16).padStart(2, "0"));
      const part = (i: number, from: number, to: number) => hex.slice(16 * i + from, 16 * i + to).join("");
      return Array.from({ length: present }, (_, i) =>
        [part(i, 0, 4), part(i, 4, 6), part(i, 6, 8), part(i, 8, 10), part(i, 10, 16)].join("-"),
      );
    }
    case "half": {
      const values = new Float32Array(data.byteLength / 2);
      widenHalves(new Uint16Array(data), values);
      return values;
    }
  }
}

function* plainByteArrays(bytes: Uint8Array, start: number, present: number): Generator<Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  requireBytes(bytes, start, 4 * present);
  for (let i = 0, at = start; i < present; i++) {
    requireBytes(bytes, at, 4);
    const length = view.getUint32(at, true);
    requireBytes(bytes, at + 4, length);
    yield bytes.subarray(at + 4, at + 4 + length);
    at += 4 + length;
  }
}

function texts(arrays: Iterable<Uint8Array>): string[] {
  const decoder = new TextDecoder();
  return Array.from(arrays, (bytes) => decoder.decode(bytes));
}

/** Values of a fixed size, one after another. */
function joinFixed(arrays: Iterable<Uint8Array>, present: number, type: "half" | "uuid"): Uint8Array {
  const size = sizes[type];
  const bytes = new Uint8Array(size * present);
  let at = 0;
  for (const value of arrays) {
    if (value.length !== size) throw damagedParquet(`a value of ${counted(size, "byte")} has ${value.length}`);
    bytes.set(value, at);
    at += size;
  }
  return bytes;
}
