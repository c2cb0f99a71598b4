/** Identifies all items of a training by sums of hashes of their rows, in any order of reading. Internal. */

import { finished } from "./vector-classes.ts";

/** Hashes of rows, summed by ranges: see `RowHashes`. */
export interface EveryRow {
  sums: string[];
  /** One bit per row that is in the sums, base64; if absent, all are. */
  seen?: string;
}

/** The most ranges of rows with their own sum, so that a difference can be located. */
const RANGES = 64;

/**
 * Sums, by ranges of rows, over a hash of each row's float32 bits and number. A sum does not depend on the order, so that the rows are
 * hashed once, as training reads them, without extra reads. The sums detect changes, but do not protect against forgery.
 */
export class RowHashes {
  readonly #rows: number;
  readonly #dim: number;
  /** Two per range, modulo 2^32. */
  readonly #sums: Uint32Array;
  readonly #sizes: number;
  /** One bit per row that is in its sum; undefined if all are. */
  #seen: Uint8Array | undefined;
  #left: number;

  constructor(rows: number, dim: number) {
    this.#rows = rows;
    this.#dim = dim;
    this.#sizes = Math.ceil(rows / RANGES);
    this.#sums = new Uint32Array(2 * Math.ceil(rows / this.#sizes));
    this.#seen = new Uint8Array(Math.ceil(rows / 8));
    this.#left = rows;
  }

  get complete(): boolean {
    return this.#left === 0;
  }

  /** Adds rows [first, first + count), starting at entry `at` of an array; skips those added before. */
  add(data: Float32Array, at: number, first: number, count: number): void {
    const seen = this.#seen;
    if (!seen) return;
    const words = new Uint32Array(data.buffer, data.byteOffset, data.length);
    for (let row = first; row < first + count; row++) {
      if (seen[row >>> 3]! & (1 << (row & 7))) continue;
      seen[row >>> 3]! |= 1 << (row & 7);
      this.#left--;
      this.#addRow(words, at + (row - first) * this.#dim, row, this.#sums);
    }
    if (this.#left === 0) this.#seen = undefined;
  }

  /** Murmur3's rounds (A. Appleby), the second lane with other constants. */
  #addRow(words: Uint32Array, at: number, row: number, sums: Uint32Array): void {
    let a = row;
    let b = ~row;
    for (let j = at; j < at + this.#dim; j++) {
      let word = Math.imul(words[j]!, 0xcc9e2d51);
      word = Math.imul((word << 15) | (word >>> 17), 0x1b873593);
      a ^= word;
      a = Math.imul((a << 13) | (a >>> 19), 5) + 0xe6546b64;
      b = Math.imul(b ^ word, 0x01000193);
      b = (b << 11) | (b >>> 21);
    }
    const place = 2 * Math.floor(row / this.#sizes);
    sums[place]! += finished(a);
    sums[place + 1]! += finished(b ^ a);
  }

  /** As plain data. */
  save(): EveryRow {
    const sums = Array.from({ length: this.#sums.length / 2 }, (_, i) =>
      [0, 1].map((k) => this.#sums[2 * i + k]!.toString(16).padStart(8, "0")).join(""),
    );
    return this.#seen ? { sums, seen: toBase64(this.#seen) } : { sums };
  }

  /** For the rows that another run saw, to read only those again and compare them. */
  static of(stored: EveryRow, rows: number, dim: number): RowHashes {
    const hashes = new RowHashes(rows, dim);
    if (stored.seen === undefined) return hashes;
    const seen = fromBase64(String(stored.seen).replace(/[^\w+/]/g, ""));
    for (let i = 0; i < hashes.#seen!.length; i++) hashes.#seen![i] = ~(seen[i] ?? 0);
    for (let row = 0; row < rows; row++) if (hashes.#seen![row >>> 3]! & (1 << (row & 7))) hashes.#left--;
    if (hashes.#left === 0) hashes.#seen = undefined;
    return hashes;
  }

  /** The first range of rows whose sums differ: its first and last row. */
  firstDifference(stored: EveryRow): [number, number] | undefined {
    const { sums } = this.save();
    const range = sums.findIndex((sum, i) => sum !== stored.sums?.[i]);
    if (range < 0) return undefined;
    return [range * this.#sizes, Math.min(this.#rows, (range + 1) * this.#sizes) - 1];
  }
}

function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
