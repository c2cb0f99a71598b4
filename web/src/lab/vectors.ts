import type { EmbeddingSource, ItemMatrix } from "rqvae";

/** Numbers that are read at a time, and those that are read through rather than begin another read behind them. */
const BLOCK = 1 << 20;
const GAP = 1 << 15;
/** Rows that stand for all where an estimate will do. */
const SAMPLE_ROWS = 2048;

/**
 * The items' vectors, in memory or in a file, for several readers at the same time. A source itself allows one read at a time, whose
 * array the next one uses again.
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

  /** A source for one reader, with an array of its own. */
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

  /** All rows in order, some at a time; `data` is good until the next. */
  async *blocks(): AsyncGenerator<{ first: number; count: number; data: Float32Array }> {
    const reader = this.reader();
    const most = this.rowsOf(BLOCK);
    for (let first = 0; first < this.rows; first += most) {
      const count = Math.min(most, this.rows - first);
      yield { first, count, data: await reader.read(first, count) };
    }
  }

  /** A copy of some rows, which ascend. */
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

/** `count` row numbers of `rows`, evenly spaced; all where there are no more. */
export function evenly(rows: number, count: number): Uint32Array {
  const n = Math.min(rows, count);
  return Uint32Array.from({ length: n }, (_, i) => Math.floor((i * rows) / n));
}
