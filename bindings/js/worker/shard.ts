/** A part of the items as floats, as on the wasm heap. */

import type { SourceReader } from "../items/embedding-source.ts";
import { widenHalves } from "../items/half.ts";
import { type ItemHeap, type ItemRows, indexOfNonFinite } from "../items/items.ts";

/** Copies rows [first, first + count). @throws InvalidInputError for a value that is not finite, with its row in the catalogue. */
export function copyShard(items: ItemRows, first: number, count: number): Float32Array<ArrayBuffer> {
  const floats = new Float32Array(count * items.dim);
  items.copy(heapOf(floats), first, count, 0);
  return floats;
}

/** Reads them from a source. @throws as `copyShard`, and what the source's read throws */
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
      widenHalves(new Uint16Array(floats.buffer, from, count), floats, to / 4);
    },
  };
}
