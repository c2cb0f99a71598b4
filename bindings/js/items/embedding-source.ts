/** Reading an `EmbeddingSource`: checked, in ascending ranges, one at a time. Internal. */

import { checkArray } from "../base/attached.ts";
import { invalid } from "../base/errors.ts";
import { requireThat, show, wholeNumber } from "../base/option-reader.ts";
import { counted } from "../base/words.ts";
import { Stop } from "../runtime/jobs.ts";
import type { EmbeddingSource, Items } from "../types.ts";
import { firstNonFinite, type ItemHeap, notFinite, openItems, typedArrayName } from "./items.ts";

/** Bytes that are read at a time, at most: 4,096 rows of dimension 768. */
const READ_BYTES = 12 << 20;
/** Bytes that are read through rather than begin another read behind them. */
const GAP_BYTES = 128 << 10;
/** The core counts rows in 32 bits, with a sign. */
const MAX_ROWS = 2 ** 31 - 1;

/** Whether items are read as they are needed. */
export function isSource(items: unknown): items is EmbeddingSource {
  return typeof (items as { read?: unknown } | null | undefined)?.read === "function";
}

/** Number of items of either kind, checked. */
export function countRows(items: Items | EmbeddingSource, dim: number): number {
  return (isSource(items) ? new SourceReader(items, dim) : openItems(items, dim)).rows;
}

/** Reads under way whose callers may have left: a source is never asked twice at the same time. */
const underWay = new WeakMap<EmbeddingSource, Promise<unknown>>();

/** What the source's `read` gives, once it has answered what it was asked before. `check` throws when nobody waits any more. */
export async function readInTurn(source: EmbeddingSource, first: number, count: number, check: () => void) {
  for (let before = underWay.get(source); before; before = underWay.get(source)) await before.catch(() => {});
  check();
  const given = source.read(first, count);
  if (typeof (given as Promise<unknown> | undefined)?.then !== "function") return given;
  const reading = Promise.resolve(given).finally(() => underWay.delete(source));
  underWay.set(source, reading);
  return reading;
}

/** A source whose form was checked; what it gives is checked as it comes. */
export class SourceReader {
  readonly rows: number;
  readonly dim: number;
  readonly #source: EmbeddingSource;
  readonly #name: string;
  readonly #stop: Stop;

  /**
   * @param stop ends every read with its reason, whether the source answers or not
   * @throws InvalidInputError that names the argument `name`, what was received and what to do.
   */
  constructor(source: EmbeddingSource, dim: number, { name = "items", stop = new Stop() } = {}) {
    for (const [key, most] of [
      ["rows", MAX_ROWS],
      ["dim", dim],
    ] as const) {
      const isSo = Number.isInteger(source[key]) && source[key] >= 0 && (key === "dim" || source.rows <= most);
      requireThat(isSo, `${name}.${key}`, key === "rows" ? wholeNumber(0, most) : "a whole number", source[key]);
    }
    if (source.rows === 0)
      throw invalid(
        "EMPTY",
      )`${{ argument: name }}: there are no rows${{ hint: "at least one item is needed", after: "; " }}`;
    if (source.dim !== dim) {
      throw invalid(
        "ITEMS_DIMENSION",
      )`${{ argument: name }}: the model takes vectors of ${{ option: "inputDim" }} ${dim}, received vectors of dimension ${source.dim}${{ hint: "use the embeddings the model was made for" }}`;
    }
    this.rows = source.rows;
    this.dim = dim;
    this.#source = source;
    this.#name = name;
    this.#stop = stop;
  }

  /** Rows of a read, at most. */
  get pieceRows(): number {
    return Math.max(1, Math.floor(READ_BYTES / (4 * this.dim)));
  }

  /**
   * Rows [first, first + count): an array of the source's, until the next read.
   * @throws whatever the source's read throws, or the reason of the stop.
   */
  async read(first: number, count: number): Promise<Float32Array> {
    const given = await this.#stop.race(readInTurn(this.#source, first, count, () => this.#stop.check()));
    this.#stop.check();
    checkArray(given, `${this.#name}: what read(${first}, ${count}) gave`);
    const data = typedArrayName(given) === "Float16Array" ? Float32Array.from(given) : given;
    if (Object.prototype.toString.call(data) !== "[object Float32Array]" || data.length !== count * this.dim) {
      const received = ArrayBuffer.isView(data) ? `${show(data)} of ${counted(data.length, "value")}` : show(data);
      throw invalid(
        "SOURCE_READ",
      )`${{ argument: this.#name }}: read(${first}, ${count}) must give a Float32Array (or Float16Array) of ${count} x ${this.dim} = ${counted(count * this.dim, "value")} (rows ${first} to ${first + count - 1}), received ${received}`;
    }
    return data;
  }

  /**
   * Copies rows [first, first + count) to `address`, from an array that begins with row `begin`.
   * @throws InvalidInputError for a value that is not finite.
   */
  copy(heap: ItemHeap, data: Float32Array, begin: number, first: number, count: number, address: number): void {
    const { dim } = this;
    const from = (first - begin) * dim;
    heap.HEAPF32.set(data.subarray(from, from + count * dim), address / 4);
    const index = firstNonFinite(heap, address, count * dim);
    if (index >= 0) throw notFinite(data[from + index], first, index, dim, this.#name);
  }

  /**
   * Reads the named rows (ascending) by few reads. Calls `use` with each run of consecutive ones: rows [first, first + count), those from
   * the `place`-th name on, in an array that begins with row `begin`.
   */
  async eachRun(
    names: Uint32Array,
    use: (data: Float32Array, begin: number, first: number, count: number, place: number) => void,
  ): Promise<void> {
    const { dim, pieceRows } = this;
    const gap = Math.floor(GAP_BYTES / (4 * dim)) + 1;
    for (let i = 0, next = 0; i < names.length; i = next) {
      const begin = names[i]!;
      for (next = i + 1; next < names.length; next++) {
        if (names[next]! - names[next - 1]! > gap || names[next]! - begin >= pieceRows) break;
      }
      const data = await this.read(begin, names[next - 1]! - begin + 1);
      for (let k = i, end = i; k < next; k = end) {
        for (end = k + 1; end < next && names[end] === names[end - 1]! + 1; ) end++;
        use(data, begin, names[k]!, end - k, k);
      }
    }
  }
}
