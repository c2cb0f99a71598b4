/** A matrix whose elements are in a file one after another, so that its rows can be read without the rest. */

import { invalid } from "../../base/errors.ts";
import { thousands } from "../../base/words.ts";
import { widenHalves } from "../../items/half.ts";
import type { ByteSource } from "../io/byte-source.ts";
import { bytesAfter, type Dtype, reverseElements } from "./npy.ts";

/** What is known about the elements. */
export interface ElementKind {
  /** Bytes of an element. */
  bytes: number;
  bigEndian: boolean;
  /** Writes elements, which are aligned and in this host's byte order, as floats. */
  widen(bytes: Uint8Array, target: Float32Array, at: number): void;
  isHalf: boolean;
  /** Elements that are already floats. */
  isFloat: boolean;
}

export function elementKind(dtype: Dtype, bigEndian: boolean): ElementKind {
  const { view: View, bytes } = dtype;
  const isFloat = View === Float32Array;
  const isHalf = View === Uint16Array && dtype.target === undefined;
  const isBigInt = View === BigInt64Array || View === BigUint64Array;
  return {
    bytes,
    bigEndian,
    isHalf,
    isFloat,
    widen(raw, target, at) {
      const values = new View(raw.buffer as ArrayBuffer, raw.byteOffset, raw.length / bytes);
      if (isHalf) {
        widenHalves(values as Uint16Array, target, at);
      } else if (isBigInt) {
        for (let i = 0; i < values.length; i++) target[at + i] = Number(values[i]);
      } else {
        target.set(values as Float64Array, at);
      }
    },
  };
}

/** The upper halves of float32. */
export const bfloat16: ElementKind = {
  bytes: 2,
  bigEndian: false,
  isHalf: false,
  isFloat: false,
  widen(raw, target, at) {
    const from = new Uint16Array(raw.buffer as ArrayBuffer, raw.byteOffset, raw.length / 2);
    const to = new Uint32Array(target.buffer, target.byteOffset, target.length);
    for (let i = 0; i < from.length; i++) to[at + i] = from[i]! << 16;
  },
};

/** The target for rows. Half floats stay half floats in a Uint16Array. */
export type RowTarget = Float32Array | Uint16Array;

/** Bytes read and converted at a time. */
const PIECE = 1 << 22;
/** Bytes of floats transposed at a time. */
const TRANSPOSED = 1 << 24;

/** A matrix in a source whose size must have been checked. */
export class RawMatrix {
  readonly rows: number;
  readonly dim: number;
  /** Whether the elements are half floats. */
  readonly isHalf: boolean;
  readonly #source: ByteSource;
  readonly #start: number;
  readonly #kind: ElementKind;
  readonly #fortran: boolean;
  #scratch = new Uint8Array(0);
  #block: { first: number; count: number; rows: RowTarget } | undefined;

  constructor(
    source: ByteSource,
    layout: { start: number; kind: ElementKind; fortran: boolean; rows: number; dim: number },
  ) {
    this.#source = source;
    this.#start = layout.start;
    this.#kind = layout.kind;
    this.#fortran = layout.fortran && layout.dim > 1 && layout.rows > 1;
    this.rows = layout.rows;
    this.dim = layout.dim;
    this.isHalf = layout.kind.isHalf;
  }

  /** Writes rows [first, first + count) to the start of `target`, row-major. */
  async fill(target: RowTarget, first: number, count: number): Promise<void> {
    if (this.#fortran) return this.#fillTransposed(target, first, count);
    await this.#fillRun(target, 0, first * this.dim, count * this.dim);
  }

  /** `length` elements, starting at number `element`. */
  async #fillRun(target: RowTarget, at: number, element: number, length: number): Promise<void> {
    const { bytes, bigEndian, isFloat, isHalf } = this.#kind;
    const position = this.#start + element * bytes;
    if (isFloat || (isHalf && target.BYTES_PER_ELEMENT === 2)) {
      const place = new Uint8Array(target.buffer, target.byteOffset + at * bytes, length * bytes);
      await this.#source.read(place, position);
      if (bigEndian) reverseElements(place, bytes);
      return;
    }
    const most = PIECE / bytes;
    for (let done = 0; done < length; done += most) {
      const here = Math.min(most, length - done);
      const raw = this.#scratchOf(here * bytes);
      await this.#source.read(raw, position + done * bytes);
      if (bigEndian) reverseElements(raw, bytes);
      this.#kind.widen(raw, target as Float32Array, at + done);
    }
  }

  #scratchOf(size: number): Uint8Array {
    if (this.#scratch.length < size) this.#scratch = new Uint8Array(size);
    return this.#scratch.subarray(0, size);
  }

  /** Column by column for a block of rows, which is kept for the next call. */
  async #fillTransposed(target: RowTarget, first: number, count: number): Promise<void> {
    const { rows, dim } = this;
    const blockRows = Math.max(1, Math.min(rows, Math.floor(TRANSPOSED / (4 * dim))));
    const Target = target.constructor as new (length: number) => RowTarget;
    for (let row = first; row < first + count; ) {
      let block = this.#block;
      if (
        !block ||
        block.rows.BYTES_PER_ELEMENT !== target.BYTES_PER_ELEMENT ||
        row < block.first ||
        row >= block.first + block.count
      ) {
        const here = Math.min(blockRows, rows - row);
        const into =
          block?.rows.BYTES_PER_ELEMENT === target.BYTES_PER_ELEMENT ? block.rows : new Target(blockRows * dim);
        this.#block = undefined; // so that it is not half-filled if a read fails
        const column = new Target(here);
        for (let j = 0; j < dim; j++) {
          await this.#fillRun(column, 0, j * rows + row, here);
          for (let i = 0, k = j; i < here; i++, k += dim) into[k] = column[i]!;
        }
        block = { first: row, count: here, rows: into };
        this.#block = block;
      }
      const here = Math.min(first + count, block.first + block.count) - row;
      const from = (row - block.first) * dim;
      target.set(block.rows.subarray(from, from + here * dim), (row - first) * dim);
      row += here;
    }
  }
}

/**
 * Reads a whole matrix from a stream, for compressed data, which allows no random access.
 * @param chunks The elements' bytes, starting with the first.
 * @throws InvalidInputError if the stream ends before the matrix.
 */
export async function matrixFromStream(
  chunks: AsyncIterable<Uint8Array>,
  { kind, fortran, rows, dim }: { kind: ElementKind; fortran: boolean; rows: number; dim: number },
): Promise<{ data: RowTarget; rows: number; dim: number }> {
  const data = kind.isHalf ? new Uint16Array(rows * dim) : new Float32Array(rows * dim);
  const { bytes } = kind;
  const total = rows * dim;
  let done = 0;
  let rest = new Uint8Array(0); // the start of an element that was cut by a piece's end
  let surplus = 0;
  for await (const chunk of chunks) {
    if (done === total) {
      surplus += chunk.length; // read on, since a checksum may be at the end of the stream
      continue;
    }
    const whole = new Uint8Array(rest.length + chunk.length);
    whole.set(rest);
    whole.set(chunk, rest.length);
    const elements = Math.min(total - done, Math.floor(whole.length / bytes));
    const raw = whole.subarray(0, elements * bytes);
    rest = whole.slice(elements * bytes);
    if (kind.bigEndian) reverseElements(raw, bytes);
    const values = kind.isHalf ? new Uint16Array(raw.buffer, 0, elements) : new Float32Array(elements);
    if (!kind.isHalf) kind.widen(raw, values as Float32Array, 0);
    if (fortran) {
      for (let i = 0; i < elements; i++) {
        const element = done + i;
        data[(element % rows) * dim + Math.floor(element / rows)] = values[i]!;
      }
    } else {
      data.set(values, done);
    }
    done += elements;
  }
  if (done < total) {
    throw invalid(
      "FILE_DAMAGED",
    )`the data is cut short: ${thousands(rows)} x ${thousands(dim)} elements are needed, but it has ${thousands(done)}`;
  }
  surplus += rest.length;
  if (surplus > 0) throw bytesAfter(surplus, rows, dim);
  return { data, rows, dim };
}
