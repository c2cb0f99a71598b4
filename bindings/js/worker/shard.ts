/** A part of the items, as the floats that the wasm heap would hold. */

import type { SourceReader } from "../embedding-source.ts";
import { type ItemHeap, type ItemRows, indexOfNonFinite } from "../items.ts";

/** Copies rows [first, first + count). @throws InvalidInputError for a value that is not finite, with its row in the whole. */
export function copyShard(items: ItemRows, first: number, count: number): Float32Array<ArrayBuffer> {
  const floats = new Float32Array(count * items.dim);
  items.copy(heapOf(floats), first, count, 0);
  return floats;
}

/** Reads them from a source. @throws as `copyShard`, and whatever the source's read throws */
export async function readShard(
  source: SourceReader,
  first: number,
  count: number,
): Promise<Float32Array<ArrayBuffer>> {
  const floats = new Float32Array(count * source.dim);
  source.copy(heapOf(floats), await source.read(first, count), first, first, count, 0);
  return floats;
}

function heapOf(floats: Float32Array<ArrayBuffer>): ItemHeap {
  return {
    HEAPF32: floats,
    HEAPU8: new Uint8Array(floats.buffer),
    findNonFinite: (address, count) => indexOfNonFinite(floats, address / 4, count),
    halfToFloat(from, count, to) {
      const halves = new Uint16Array(floats.buffer, from, count);
      const bits = new Uint32Array(floats.buffer, to, count);
      for (let i = 0; i < count; i++) bits[i] = widen(halves[i] as number);
    },
  };
}

/** Bits of the float that a half is (IEEE 754), exactly. */
function widen(half: number): number {
  const sign = (half & 0x8000) << 16;
  let fraction = half & 0x3ff;
  let exponent = (half >> 10) & 31;
  if (exponent === 31) return sign | 0x7f800000 | (fraction << 13);
  if (exponent === 0) {
    if (fraction === 0) return sign;
    // Subnormal halves are normal floats: shift until the leading one is the implied one.
    for (exponent = 1; (fraction & 0x400) === 0; exponent--) fraction <<= 1;
  }
  return sign | ((exponent + 112) << 23) | ((fraction & 0x3ff) << 13);
}
