import type { EmbeddingSource, ItemMatrix } from "rqvae";

/** Numbers read at a time, and the largest gap that is read through rather than skipped by another read. */
const BLOCK = 1 << 20;
const GAP = 1 << 15;
/** Rows that represent all of them where an estimate is enough. */
const SAMPLE_ROWS = 2048;

/**
 * The items' vectors, in memory or in a file, for several readers at once. A source itself allows one read at a time, and the next read
 * reuses its array.
 */
export class Vectors {
  readonly rows: number;
  readonly dim: number;
  private readonly source: EmbeddingSource;
  private last: Promise<unknown> = Promise.resolve();
  private sampled: Promise<ItemMatrix> | undefined;

  constructor(source: EmbeddingSource) {
    this.source = source;
    this.rows = source.rows;
    this.dim = source.dim;
  }

  /** A source for one reader, with its own array. */
  reader(): EmbeddingSource {
    const { rows, dim } = this;
    let own = new Float32Array(0);
    const read = (first: number, count: number) => {
      const reading = this.last.then(async () => {
        const data = await this.source.read(first, count);
        if (own.length < data.length) own = new Float32Array(data.length);
        own.set(data);
        return own.subarray(0, data.length);
      });
      this.last = reading.catch(() => {});
      return reading;
    };
    return { rows, dim, read };
  }

  /** All rows in order, some at a time; `data` is valid until the next. */
  async *blocks(): AsyncGenerator<{ first: number; count: number; data: Float32Array }> {
    const reader = this.reader();
    const most = this.rowsOf(BLOCK);
    for (let first = 0; first < this.rows; first += most) {
      const count = Math.min(most, this.rows - first);
      yield { first, count, data: await reader.read(first, count) };
    }
  }

  /** A copy of some rows, in ascending order. */
  async take(rows: Uint32Array): Promise<ItemMatrix> {
    const { dim } = this;
    const reader = this.reader();
    const taken = new Float32Array(rows.length * dim);
    const [most, gap] = [this.rowsOf(BLOCK), this.rowsOf(GAP)];
    for (let i = 0, next = 0; i < rows.length; i = next) {
      const first = rows[i]!;
      for (next = i + 1; next < rows.length; next++) {
        if (rows[next]! - rows[next - 1]! > gap || rows[next]! - first >= most) break;
      }
      const data = await reader.read(first, rows[next - 1]! - first + 1);
      for (let k = i; k < next; k++) {
        const at = (rows[k]! - first) * dim;
        taken.set(data.subarray(at, at + dim), k * dim);
      }
    }
    return { data: taken, rows: rows.length, dim };
  }

  /** Evenly spaced rows. */
  sample(): Promise<ItemMatrix> {
    this.sampled ??= this.take(evenly(this.rows, SAMPLE_ROWS));
    return this.sampled;
  }

  private rowsOf(numbers: number): number {
    return Math.max(1, Math.floor(numbers / this.dim));
  }
}

/** `count` evenly spaced row numbers of `rows`, or all of them if there are fewer. */
export function evenly(rows: number, count: number): Uint32Array {
  const n = Math.min(rows, count);
  return Uint32Array.from({ length: n }, (_, i) => Math.floor((i * rows) / n));
}
