/** The rows of a job of the core: all of them on the wasm heap, or those of a source that it is working on. Internal. */

import type { DataIdentity } from "./checkpoint.ts";
import { isSource, SourceReader } from "./embedding-source.ts";
import { openItems } from "./items.ts";
import { withArena } from "./native.ts";
import type { Handle, NativeModule } from "./native-module.ts";
import type { EmbeddingSource, Items } from "./types.ts";

/** Rows of the blocks by which items are known again; the core's block size. */
const BLOCK_ROWS = 256;
/** Bytes copied at a time. */
const CHUNK_BYTES = 64 << 20;

export class JobRows {
  readonly handle: Handle;
  readonly rows: number;
  readonly dim: number;
  readonly #native: NativeModule;
  /** Undefined when all are in memory. */
  readonly #reader: SourceReader | undefined;

  /** @throws InvalidInputError; OutOfMemoryError when items in memory are more than the heap can hold */
  constructor(module: NativeModule, items: Items | EmbeddingSource, dim: number) {
    this.#native = module;
    this.dim = dim;
    if (isSource(items)) {
      this.#reader = new SourceReader(items, dim);
      this.rows = this.#reader.rows;
      this.handle = module.createRows(this.rows, dim, true);
      return;
    }
    const source = openItems(items, dim);
    const { rows } = source;
    this.rows = rows;
    this.handle = module.createRows(rows, dim, false);
    try {
      const address = module.rowsAddress(this.handle);
      const step = Math.ceil(CHUNK_BYTES / (4 * dim));
      withArena(module, () => {
        for (let first = 0; first < rows; first += step) {
          source.copy(module, first, Math.min(step, rows - first), address + 4 * dim * first);
        }
      });
    } catch (error) {
      this.handle.delete();
      throw error;
    }
  }

  /** The items known again: their shape, and a hash of the first and the last block. */
  async identify(): Promise<DataIdentity> {
    const module = this.#native;
    const { rows, dim } = this;
    const count = Math.min(rows, BLOCK_ROWS);
    let hash = "";
    for (const first of [0, rows - count]) {
      const data = await this.#reader?.read(first, count);
      hash += withArena(module, (arena) => {
        const address = data ? arena.floats(count * dim) : module.rowsAddress(this.handle) + 4 * dim * first;
        if (data) this.#reader?.copy(module, data, first, first, count, address);
        return module.hash(address, 4 * count * dim);
      });
    }
    return { rows, dim, hash };
  }

  /** Fetches the rows that a job missed. `proceed` is called after each read and may throw. */
  async fill(proceed: () => void): Promise<void> {
    const { names, address } = this.#native.takeWanted(this.handle);
    await this.#reader?.gather(this.#native, names, address, proceed);
  }
}
