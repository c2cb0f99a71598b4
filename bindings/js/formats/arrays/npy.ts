import { requireAttached } from "../../base/attached.ts";
import { describeValue } from "../../base/describe-value.ts";
import { type InvalidInputError, invalid } from "../../base/errors.ts";
import { requireThat } from "../../base/option-reader.ts";
import { TextDecoder, TextEncoder } from "../../base/text-codecs.ts";
import { counted, thousands } from "../../base/words.ts";
import type { CodeArray, SemanticIds } from "../../ids/semantic-ids.ts";
import { requireIds } from "../../ids/semantic-ids.ts";
import type { ItemMatrix } from "../../types.ts";
import { type IdTableOptions, idsOf } from "../ids/id-table.ts";
import { asBytes, sniff } from "../io/bytes.ts";

export type NumberArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/** An element type, as the file has it. */
export interface Dtype {
  /** Of an element. */
  bytes: number;
  view: new (buffer: ArrayBuffer, byteOffset?: number, length?: number) => NumberArray;
  /** Converts the numbers; absent if the view itself is the result. */
  target?: new (
    length: number,
  ) => Float32Array | Float64Array;
}

/** Typed arrays are little-endian on every platform that runs JavaScript today, as is WebAssembly's memory. */
export const dtypes: Readonly<Record<string, Dtype>> = {
  f2: { bytes: 2, view: Uint16Array },
  f4: { bytes: 4, view: Float32Array },
  f8: { bytes: 8, view: Float64Array },
  i1: { bytes: 1, view: Int8Array, target: Float32Array },
  u1: { bytes: 1, view: Uint8Array, target: Float32Array },
  i2: { bytes: 2, view: Int16Array, target: Float32Array },
  u2: { bytes: 2, view: Uint16Array, target: Float32Array },
  i4: { bytes: 4, view: Int32Array, target: Float32Array },
  u4: { bytes: 4, view: Uint32Array, target: Float32Array },
  i8: { bytes: 8, view: BigInt64Array, target: Float64Array },
  u8: { bytes: 8, view: BigUint64Array, target: Float64Array },
};

/**
 * Reads a NumPy array of two dimensions, rows x dim, as `numpy.save` writes it (format versions 1 to 3, both byte orders, C and Fortran
 * order). float16 stays 16-bit (Uint16Array), and float32 and float64 stay unchanged; integers of up to 32 bits become float32, 64-bit
 * integers float64 (rounded to nearest). The result is a row-major copy. It may hold NaN and infinity, which are checked where the numbers
 * are used.
 *
 * @throws InvalidInputError if the bytes are not an npy file, are cut short, have another element type (objects, complex numbers, records),
 * no rows, or a number of dimensions other than two (a single embedding is a 1 x dim array), or continue after the array, as in a file with
 * several arrays.
 */
export function readNpy(file: Uint8Array | ArrayBuffer): ItemMatrix {
  const { stored, dtype, fortran, rows, dim } = readArray(file, "embeddings");
  const data = dtype.target ? convert(stored, dtype.target) : (stored as ItemMatrix["data"]);
  return { data: fortran ? toRowMajor(data, rows, dim) : data, rows, dim };
}

/**
 * Reads semantic IDs from a NumPy array of integers, n x L, as GRID, TIGER's programs and `writeIdsNpy` write them: any signed or unsigned
 * type, both byte orders, C and Fortran order. The item IDs are the row numbers.
 *
 * @throws InvalidInputError if the bytes are not an npy file, do not hold a table of integers from 0 to 2^32 - 1, or have codes beyond
 * their codebooks.
 */
export function readIdsNpy(file: Uint8Array | ArrayBuffer, options: IdTableOptions = {}): SemanticIds {
  const { stored, dtype, fortran, rows, dim: levels } = readArray(file, "semantic IDs");
  if (!dtype.target) {
    throw invalid(
      "TYPE_UNSUPPORTED",
    )`the npy array holds floats, but codes are integers${{ hint: 'write arr.astype("int64") in NumPy' }}`;
  }
  const codes = new Uint32Array(rows * levels);
  const sizes = new Array<number>(levels).fill(1);
  for (let row = 0, k = 0; row < rows; row++) {
    for (let level = 0; level < levels; level++, k++) {
      const code = Number(stored[fortran ? level * rows + row : k]);
      if (code < 0 || code >= 2 ** 32) {
        throw invalid("CODE_OUT_OF_RANGE")`${{ row }}, ${{ level }}: code ${code} is not from 0 to 2^32 - 1`;
      }
      codes[k] = code;
      sizes[level] = Math.max(sizes[level]!, code + 1);
    }
  }
  return idsOf(codes, levels, sizes, options);
}

/** The array of an npy file as it is stored, in the byte order of this host. */
function readArray(file: Uint8Array | ArrayBuffer, what: string) {
  const bytes = asBytes(file);
  const { dtype, fortran, shape, dataStart } = parseNpyHeader(bytes, bytes.length);
  const [rows, dim] = matrixShape(shape, what);
  checkNpySize(dtype, [rows, dim], bytes.length - dataStart);
  // A copy, so that the data is aligned and the caller's bytes stay unchanged.
  const needed = rows * dim * dtype.bytes;
  const copy = new Uint8Array(needed);
  copy.set(bytes.subarray(dataStart, dataStart + needed));
  if (dtype.bigEndian) reverseElements(copy, dtype.bytes);
  return { stored: new dtype.view(copy.buffer), dtype, fortran, rows, dim };
}

/** What the header of an npy file says. */
export interface NpyHeader {
  dtype: Dtype & { bigEndian: boolean };
  fortran: boolean;
  shape: number[];
  /** Byte of the file at which the elements start. */
  dataStart: number;
}

/** Bytes needed to read the header's length, and the longest header that is read. */
export const NPY_PREAMBLE = 12;
const MAX_NPY_HEADER = 2 ** 20;

/** Number of bytes before an npy file's data, from its first bytes. @throws InvalidInputError if these are not npy. */
export function npyDataStart(bytes: Uint8Array): number {
  const { kind, advice } = sniff(bytes);
  if (kind !== "npy") {
    throw invalid(
      "FILE_FOREIGN",
    )`not an npy file: it looks ${kind === "empty" ? "empty" : `like ${kind}`}${advice && `. ${advice}`}`;
  }
  const version = bytes[6];
  if (bytes.length >= 8 && (version! < 1 || version! > 3)) {
    throw invalid(
      "TYPE_UNSUPPORTED",
    )`npy format version ${`${version}.${bytes[7]}`} is not supported; versions 1 to 3 are`;
  }
  const lengthBytes = version === 1 ? 2 : 4;
  let headerLength = 0;
  for (let i = lengthBytes - 1; i >= 0; i--) headerLength = headerLength * 256 + (bytes[8 + i] ?? 0);
  if (headerLength > MAX_NPY_HEADER) {
    throw invalid("FILE_DAMAGED")`the npy header claims ${counted(headerLength, "byte")}: the file is damaged`;
  }
  return 8 + lengthBytes + headerLength;
}

/**
 * Reads the header.
 * @param bytes The start of the file, at least up to its data, unless it is cut short.
 * @param fileSize Bytes of the whole file.
 */
export function parseNpyHeader(bytes: Uint8Array, fileSize: number): NpyHeader {
  const dataStart = npyDataStart(bytes);
  const headerStart = bytes[6] === 1 ? 10 : 12;
  if (bytes.length < headerStart || bytes.length < dataStart) {
    const needed = Math.max(headerStart, dataStart);
    throw invalid(
      "FILE_DAMAGED",
    )`the npy file is cut short: the header ends at byte ${thousands(needed)}, but the file has ${counted(fileSize, "byte")}`;
  }
  const header = new TextDecoder().decode(bytes.slice(headerStart, dataStart));
  const dtype = parseDtype(header);
  const shape = parseShape(header);
  const order = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(header)?.[1];
  if (order === undefined) throw invalid("FILE_DAMAGED")`the npy header has no fortran_order of True or False`;
  return { dtype, fortran: order === "True", shape, dataStart };
}

/** The error about bytes after the array, which may be rows. */
export const bytesAfter = (surplus: number, rows: number, dim: number): InvalidInputError =>
  invalid(
    "FILE_DAMAGED",
  )`the array of ${thousands(rows)} x ${thousands(dim)} elements is followed by ${counted(surplus, "more byte")}: if several arrays were saved to one file, save each to its own file, or stack them`;

/**
 * @param isAll Whether the present bytes are exactly those of the array, or the most that it may have.
 * @throws InvalidInputError if there are fewer bytes than the shape needs, or more, which may be rows that would not be read.
 */
export function checkNpySize({ bytes }: Dtype, [rows, dim]: [number, number], present: number, isAll = true): void {
  const needed = rows * dim * bytes;
  if (needed <= present) {
    if (isAll && needed < present) throw bytesAfter(present - needed, rows, dim);
    return;
  }
  throw invalid(
    "FILE_DAMAGED",
  )`the npy file is cut short: ${thousands(rows)} x ${thousands(dim)} elements of ${bytes} bytes need ${counted(needed, "byte")}, but ${thousands(present)} follow the header`;
}

function parseDtype(header: string): Dtype & { bigEndian: boolean } {
  const descr = /['"]descr['"]\s*:\s*(?:['"]([^'"]*)['"]|(\[))/.exec(header);
  if (!descr) throw invalid("FILE_DAMAGED")`the npy header has no descr, the type of the elements`;
  const [, name, record] = descr;
  const simple = name === undefined ? undefined : /^([<>|=])?([a-z]\d+)$/i.exec(name);
  const dtype = simple && Object.hasOwn(dtypes, simple[2]!) ? dtypes[simple[2]!] : undefined;
  if (dtype) return { ...dtype, bigEndian: simple?.[1] === ">" };

  let what = `elements of type ${describeValue(name)}`;
  let advice = 'convert it in NumPy first: arr.astype("float32")';
  if (record) {
    what = "records (a structured array)";
    advice = "stack its fields in NumPy first: numpy.lib.recfunctions.structured_to_unstructured(arr)";
  } else if (/^[<>|=]?O/.test(name!)) {
    what = "Python objects";
    advice = 'stack them in NumPy first: numpy.stack(list(arr)).astype("float32")';
  } else if (/^[<>|=]?c\d/.test(name!)) {
    what = "complex numbers";
    advice =
      'take real numbers in NumPy first: arr.real.astype("float32"), or the real and imaginary parts side by side';
  } else if (/^[<>|=]?[US]\d/.test(name!)) {
    what = "strings";
  }
  throw invalid("TYPE_UNSUPPORTED")`the npy array holds ${what}, which are not supported; ${advice}`;
}

function parseShape(header: string): number[] {
  // Python 2 wrote long integers with an L.
  const text = /['"]shape['"]\s*:\s*\(([\d,\sL]*)\)/.exec(header)?.[1];
  if (text === undefined) throw invalid("FILE_DAMAGED")`the npy header has no shape`;
  return text
    .split(",")
    .map((part) => part.trim().replace(/L$/, ""))
    .filter((part) => part !== "")
    .map(Number);
}

/** A shape as Python writes it. */
export const writtenShape = (shape: readonly number[]): string =>
  `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;

/** The two sizes of a matrix. @throws InvalidInputError for another number of dimensions, and for a size of 0. */
export function matrixShape(shape: readonly number[], what: string): [rows: number, dim: number] {
  const written = writtenShape(shape);
  if (shape.length !== 2) {
    const advice =
      shape.length === 1
        ? "write arr.reshape(-1, dim) in NumPy, with one row per item"
        : "write arr.reshape(len(arr), -1) in NumPy, with one row per item";
    throw invalid(
      "TYPE_UNSUPPORTED",
    )`${what} need two dimensions, rows x dim, but the npy array has the shape ${written}${shape.length === 0 ? "" : `; ${advice}`}`;
  }
  const [rows, dim] = shape as [number, number];
  if (!(rows > 0 && dim > 0)) {
    throw invalid("EMPTY")`the npy array has the shape ${written}${{ hint: "give at least one row and one column" }}`;
  }
  return [rows, dim];
}

/** Swaps the byte order of every element, in place. */
export function reverseElements(bytes: Uint8Array, size: number): void {
  for (let start = 0; start < bytes.length; start += size) {
    for (let a = start, b = start + size - 1; a < b; a++, b--) {
      const byte = bytes[a]!;
      bytes[a] = bytes[b]!;
      bytes[b] = byte;
    }
  }
}

function convert(
  from: NumberArray,
  Target: new (length: number) => Float32Array | Float64Array,
): Float32Array | Float64Array {
  const to = new Target(from.length);
  for (let i = 0; i < to.length; i++) to[i] = Number(from[i]);
  return to;
}

/** Column-major rows x dim -> row-major. */
function toRowMajor<T extends ItemMatrix["data"]>(columns: T, rows: number, dim: number): T {
  const result = columns.slice() as T;
  for (let i = 0, k = 0; i < rows; i++) {
    for (let j = 0; j < dim; j++) result[k++] = columns[j * rows + i]!;
  }
  return result;
}

/**
 * Writes a matrix, or the codes of IDs (n x L, uint16 or uint32), as `numpy.save` does: format version 1, little-endian, C order.
 * A matrix keeps its type: Float32Array float32, Float64Array float64, Float16Array and Uint16Array (its bits) float16.
 *
 * @throws InvalidInputError if `data` is not one of these, or its length is not rows x dim.
 */
export function writeNpy(source: ItemMatrix | SemanticIds): Uint8Array {
  requireThat(typeof source === "object" && source !== null, "source", "{ data, rows, dim } or SemanticIds", source);
  const isIds = "codes" in source;
  const data: ItemMatrix["data"] | CodeArray = isIds ? source.codes : source.data;
  const [rows, dim] = isIds ? [source.length, source.levels] : [source.rows, source.dim];
  const size = ArrayBuffer.isView(data) ? data.BYTES_PER_ELEMENT : 0;
  // By name, so that arrays of other realms count as well.
  const type = Object.prototype.toString.call(data).slice(8, -1);
  const kind = isIds ? "u" : "f";
  if (!(/^(Float(16|32|64)|Uint16)Array$/.test(type) || (isIds && type === "Uint32Array"))) {
    throw invalid()`${{ argument: "data" }} must be a Float32Array, a Float64Array, a Float16Array or a Uint16Array (the bits of float16), got ${ArrayBuffer.isView(data) ? `a ${type}` : describeValue(data)}`;
  }
  requireAttached(data, "data");
  if (!(Number.isInteger(rows) && Number.isInteger(dim)) || data.length !== rows * dim) {
    throw invalid(
      "COUNTS_DIFFER",
    )`${{ argument: "data" }} has ${counted(data.length, "entry")}, but rows x dim is ${describeValue(rows)} x ${describeValue(dim)}`;
  }
  return npyFile(`<${kind}${size}`, rows, dim, data);
}

/** Integer types for writing IDs. */
export type IdsNpyType = "int16" | "int32" | "int64";

/**
 * Writes IDs as GRID and TIGER's programs read them: a table of signed integers, n x L.
 * @param type Default: the narrowest that holds the codes of every codebook.
 * @throws InvalidInputError if a codebook has more codes than the type can number.
 */
export function writeIdsNpy(ids: SemanticIds, type?: IdsNpyType): Uint8Array {
  requireIds(ids);
  const largest = Math.max(...ids.codebookSizes);
  const chosen = type ?? (largest <= 2 ** 15 ? "int16" : largest <= 2 ** 31 ? "int32" : "int64");
  const { length, levels, codes } = ids;
  if (chosen === "int64") return npyFile("<i8", length, levels, BigInt64Array.from(codes, BigInt));
  if (chosen !== "int16" && chosen !== "int32") {
    throw invalid()`${{ argument: "type" }} must be "int16", "int32" or "int64", got ${describeValue(type)}`;
  }
  if (largest > (chosen === "int16" ? 2 ** 15 : 2 ** 31)) {
    throw invalid(
      "FORMAT_CANNOT_HOLD",
    )`type "${chosen}" cannot number the ${counted(largest, "code")} of a level${{ hint: "leave it out" }}`;
  }
  return chosen === "int16"
    ? npyFile("<i2", length, levels, Int16Array.from(codes))
    : npyFile("<i4", length, levels, Int32Array.from(codes));
}

function npyFile(descr: string, rows: number, dim: number, data: ArrayBufferView): Uint8Array {
  const header = npyHeader(descr, rows, dim);
  const bytes = new Uint8Array(header.length + data.byteLength);
  bytes.set(header);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), header.length);
  return bytes;
}

/** What precedes the elements of a matrix in C order: format version 1. */
export function npyHeader(descr: string, rows: number, dim: number): Uint8Array {
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${rows}, ${dim}), }`;
  const dataStart = Math.ceil((10 + header.length + 1) / 64) * 64;
  const bytes = new Uint8Array(dataStart).fill(0x20);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, (dataStart - 10) & 0xff, (dataStart - 10) >> 8]);
  bytes.set(new TextEncoder().encode(header), 10);
  bytes[dataStart - 1] = 0x0a;
  return bytes;
}
