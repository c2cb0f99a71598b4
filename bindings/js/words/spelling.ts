/** A direction for a word that nobody knows, from its letters: words with similar spelling lie close together. */

import { mix } from "../items/sample.ts";

/** Letters of a piece. */
const PIECE = 3;

/** FNV-1a (Fowler, Noll, Vo) of UTF-16 units. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

/**
 * The sum over the word's pieces of three letters, its ends included, of a vector of signs drawn by the piece's hash, brought to a length.
 * @param length The length of the result.
 */
export function spelledVector(word: string, dim: number, length: number): Float64Array {
  const letters = ["<", ...word, ">"];
  const vector = new Float64Array(dim);
  const pieces = Math.max(1, letters.length - PIECE + 1);
  for (let p = 0; p < pieces; p++) {
    const seed = hash(letters.slice(p, p + PIECE).join(""));
    for (let first = 0; first < dim; first += 32) {
      const bits = mix(seed + Math.imul(first / 32 + 1, 0x9e3779b9));
      for (let j = first; j < Math.min(dim, first + 32); j++) vector[j]! += (bits >>> (j - first)) & 1 ? 1 : -1;
    }
  }
  let squares = 0;
  for (let j = 0; j < dim; j++) squares += vector[j]! * vector[j]!;
  if (squares === 0) return vector;
  const scale = length / Math.sqrt(squares);
  for (let j = 0; j < dim; j++) vector[j]! *= scale;
  return vector;
}
