/** Items a few thousand at a time, from memory or from their file. */

import { isSource } from "../items/embedding-source.ts";
import type { ItemMatrix } from "../types.ts";
import type { CatalogueItems } from "./files.ts";

const BLOCK_ROWS = 4096;

/** All rows in order, with the number of the first; each block is good until the next one. */
export async function* itemBlocks(items: CatalogueItems): AsyncGenerator<ItemMatrix & { first: number }> {
  const { rows: all, dim } = items;
  for (let first = 0; first < all; first += BLOCK_ROWS) {
    const rows = Math.min(BLOCK_ROWS, all - first);
    const data = isSource(items)
      ? await items.read(first, rows)
      : items.data.subarray(first * dim, (first + rows) * dim);
    yield { data, rows, dim, first };
  }
}
