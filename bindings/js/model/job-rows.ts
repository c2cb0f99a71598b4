/** The rows of a core job: all of them on the wasm heap, or those of a source that it is working on. Internal. */

import { isSource } from "../items/embedding-source.ts";
import { type ItemProfile, ItemProfiler } from "../items/item-profile.ts";
import { openItems } from "../items/items.ts";
import { AheadReader } from "../items/read-ahead.ts";
import type { EveryRow } from "../items/row-hashes.ts";
import { RowHashes } from "../items/row-hashes.ts";
import type { DataIdentity } from "../model-file/model-file.ts";
import { withArena } from "../runtime/arena.ts";
import { nextTurn, type Stop } from "../runtime/jobs.ts";
import type { Handle, NativeModule } from "../runtime/native-module.ts";
import type { EmbeddingSource, Items } from "../types.ts";

/** Rows of the blocks that identify items; the core's block size. */
const BLOCK_ROWS = 256;
/** Bytes copied at a time. */
const CHUNK_BYTES = 64 << 20;
/** Values and rows that a profile looks at, at most. The same of a source as in memory: its warnings enter the model's file. */
const PROFILE_VALUES = 2 ** 24;
const PROFILE_ROWS = 2 ** 17;
/** Number of evenly spread runs of rows in the sample of a large catalogue. */
const PROFILE_RUNS = 16;
/** Values inspected between two turns of the event loop. */
const PROFILE_SLICE = 2 ** 20;

export class JobRows {
  readonly handle: Handle;
  readonly rows: number;
  readonly dim: number;
  /** Hashes of the rows that were read; complete once all were. */
  #hashes: RowHashes | undefined;
  readonly #native: NativeModule;
  /** Undefined when all are in memory. */
  readonly #reader: AheadReader | undefined;

  readonly #stop: Stop;

  /**
   * @param stop ends every wait for rows with its reason
   * @throws InvalidInputError; OutOfMemoryError if items in memory do not fit on the heap
   */
  constructor(module: NativeModule, items: Items | EmbeddingSource, dim: number, stop: Stop) {
    this.#native = module;
    this.#stop = stop;
    this.dim = dim;
    if (isSource(items)) {
      this.#reader = new AheadReader(items, dim, { stop });
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

  /** Identifies the items: their shape, and a hash of the first and the last block. */
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

  /** Hashes of the rows that the job has read so far. */
  get hashes(): RowHashes {
    this.#hashes ??= new RowHashes(this.rows, this.dim);
    return this.#hashes;
  }

  /**
   * Hashes all rows before any work if they are in memory or will be compared with those of a checkpoint. Otherwise the rows of a source are
   * hashed as the job reads them.
   * @returns the first range of rows that differs
   */
  async hashAll(stored: EveryRow | undefined): Promise<[first: number, last: number] | undefined> {
    const { rows, dim, hashes } = this;
    if (this.#reader && !stored) return undefined;
    const theirs = stored?.seen === undefined ? hashes : RowHashes.of(stored, rows, dim);
    const step = Math.max(1, Math.floor(PROFILE_SLICE / dim));
    for (let first = 0; first < rows; first += step) {
      if (first > 0) await nextTurn();
      this.#stop.check();
      const count = Math.min(step, rows - first);
      const held = this.#reader ? 0 : this.#native.rowsAddress(this.handle) / 4 + first * dim;
      const data = (await this.#reader?.read(first, count)) ?? this.#native.HEAPF32.subarray(held, held + count * dim);
      for (const each of new Set([hashes, theirs])) each.add(data, 0, first, count);
    }
    return stored && theirs.firstDifference(stored);
  }

  /** Inspects the items: all of them, or some runs of rows of a large catalogue. */
  async profile(): Promise<ItemProfile> {
    const { rows, dim } = this;
    const most = Math.max(1, Math.min(rows, PROFILE_ROWS, Math.floor(PROFILE_VALUES / dim)));
    const runs = most === rows ? 1 : Math.min(PROFILE_RUNS, most);
    const length = Math.floor(most / runs);
    const profiler = new ItemProfiler(runs * length, dim);
    const step = Math.max(1, Math.min(Math.floor(PROFILE_SLICE / dim), this.#reader?.pieceRows ?? rows));
    let seen = 0;
    for (let run = 0; run < runs; run++) {
      const begin = Math.floor((run * (rows - length)) / Math.max(1, runs - 1));
      for (let first = begin; first < begin + length; first += step) {
        this.#stop.check();
        const count = Math.min(step, begin + length - first);
        if (this.#reader) profiler.add(await this.#reader.read(first, count));
        else {
          if (seen >= PROFILE_SLICE) {
            await nextTurn();
            seen = 0;
          }
          const at = this.#native.rowsAddress(this.handle) / 4 + first * dim;
          profiler.add(this.#native.HEAPF32.subarray(at, at + count * dim));
        }
        seen += count * dim;
      }
    }
    this.#stop.check();
    return profiler.finish();
  }

  /** Fetches the rows that a job lacks, and begins to fetch those that it will lack next. */
  async fill(): Promise<void> {
    const { names, address, next } = this.#native.takeWanted(this.handle);
    const reader = this.#reader!;
    await reader.eachRun(names, (data, begin, first, count, place) => {
      reader.copy(this.#native, data, begin, first, count, address + 4 * this.dim * place);
      this.hashes.add(data, (first - begin) * this.dim, first, count);
    });
    reader.readAhead(next);
  }

  /** Frees the rows. Nothing more is read of a source. */
  release(): void {
    this.#reader?.stop();
    this.handle.delete();
  }
}
