/** Finds equal vectors among many, in one pass. */

import { checkArray } from "../base/attached.ts";
import { worksBehindProxy } from "../base/behind-proxy.ts";
import { requireThat } from "../base/option-reader.ts";
import { typedArrayName } from "./items.ts";

/** @throws InvalidInputError */
function requireRows(vectors: Float32Array, dim: number): void {
  requireThat(Number.isInteger(dim) && dim > 0, "dim", "a whole number of at least 1", dim);
  checkArray(vectors, "vectors");
  const isSo = typedArrayName(vectors) === "Float32Array" && vectors.length % dim === 0;
  requireThat(isSo, "vectors", `a Float32Array of whole rows of ${dim} values`, vectors);
}

/**
 * Finds equal vectors of float32 by a 128-bit hash (MurmurHash3, Appleby 2010), so that none of them has to be kept or read again. Among
 * ten million vectors, two different ones are taken for equal with a probability of 10^-25. 0 and -0 are equal.
 */
export class VectorClasses {
  /** The class of each row added so far: the number of the first row with its vector. */
  readonly firstRows: Uint32Array;
  /** Rows added so far. */
  rows = 0;
  /** Number of different vectors so far. */
  distinct = 0;
  /** Hashes of the rows that are the first with their vector, 4 words each. */
  readonly #hashes: Uint32Array;
  /** Open addressing: row + 1 of the first row with a vector, 0 where free. */
  readonly #slots: Uint32Array;

  /** @param most The most rows that will be added. */
  constructor(most: number) {
    worksBehindProxy(this, VectorClasses);
    requireThat(
      Number.isInteger(most) && most >= 0 && most < 2 ** 28,
      "most",
      "a whole number of rows below 2^28",
      most,
    );
    this.firstRows = new Uint32Array(most);
    this.#hashes = new Uint32Array(4 * most);
    let slots = 4;
    while (slots < 2 * most) slots *= 2;
    this.#slots = new Uint32Array(slots);
  }

  /** Adds rows in order. @param vectors Whole rows of `dim` values, one after another. */
  add(vectors: Float32Array, dim: number): void {
    requireRows(vectors, dim);
    requireThat(
      this.rows + vectors.length / dim <= this.firstRows.length,
      "vectors",
      `of at most the ${this.firstRows.length} rows that were announced`,
      `${this.rows + vectors.length / dim}`,
    );
    const bits = new Uint32Array(vectors.buffer, vectors.byteOffset, vectors.length);
    for (let at = 0; at < bits.length; at += dim) this.#addHash(bits, at, dim);
  }

  #addHash(bits: Uint32Array, start: number, dim: number): void {
    const hashes = this.#hashes;
    const row = this.rows++;
    const at = 4 * row;
    hashVector(bits, start, dim, hashes, at);
    const mask = this.#slots.length - 1;
    for (let slot = hashes[at]! & mask; ; slot = (slot + 1) & mask) {
      const first = this.#slots[slot]! - 1;
      if (first < 0) {
        this.#slots[slot] = row + 1;
        this.firstRows[row] = row;
        this.distinct++;
        return;
      }
      let word = 0;
      while (word < 4 && hashes[4 * first + word] === hashes[at + word]) word++;
      if (word === 4) {
        this.firstRows[row] = first;
        return;
      }
    }
  }
}

const rotated = (x: number, by: number) => (x << by) | (x >>> (32 - by));

/** Murmur3's finaliser. */
export function finished(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** MurmurHash3_x86_128 of the words [start, start + count), padded with zeros, to target[at ... at + 3]. */
function hashVector(bits: Uint32Array, start: number, count: number, target: Uint32Array, at: number): void {
  const [c1, c2, c3, c4] = [0x239b961b, 0xab0e9789, 0x38b34ae5, 0xa1e38b93];
  let [h1, h2, h3, h4] = [0, 0, 0, 0];
  const end = start + count;
  // The sign of zero does not matter.
  const word = (i: number) => (i >= end || bits[i] === 0x80000000 ? 0 : bits[i]!);
  for (let i = start; i < end; i += 4) {
    h1 ^= Math.imul(rotated(Math.imul(word(i), c1), 15), c2);
    h1 = (Math.imul(rotated(h1, 19) + h2, 5) + 0x561ccd1b) | 0;
    h2 ^= Math.imul(rotated(Math.imul(word(i + 1), c2), 16), c3);
    h2 = (Math.imul(rotated(h2, 17) + h3, 5) + 0x0bcaa747) | 0;
    h3 ^= Math.imul(rotated(Math.imul(word(i + 2), c3), 17), c4);
    h3 = (Math.imul(rotated(h3, 15) + h4, 5) + 0x96cd1c35) | 0;
    h4 ^= Math.imul(rotated(Math.imul(word(i + 3), c4), 18), c1);
    h4 = (Math.imul(rotated(h4, 13) + h1, 5) + 0x32ac3b17) | 0;
  }
  h1 ^= count;
  h2 ^= count;
  h3 ^= count;
  h4 ^= count;
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = (h2 + h1) | 0;
  h3 = (h3 + h1) | 0;
  h4 = (h4 + h1) | 0;
  h1 = finished(h1);
  h2 = finished(h2);
  h3 = finished(h3);
  h4 = finished(h4);
  h1 = (h1 + h2 + h3 + h4) | 0;
  target[at] = h1;
  target[at + 1] = (h2 + h1) | 0;
  target[at + 2] = (h3 + h1) | 0;
  target[at + 3] = (h4 + h1) | 0;
}
