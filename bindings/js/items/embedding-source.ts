/** Reads an `EmbeddingSource` with checks, in ascending ranges, one at a time. Internal. */

import { checkArray } from "../base/attached.ts";
import { invalid } from "../base/errors.ts";
import { requireThat, show, wholeNumber } from "../base/option-reader.ts";
import { counted } from "../base/words.ts";
import { Stop } from "../runtime/jobs.ts";
import type { EmbeddingSource, Items } from "../types.ts";
import { firstNonFinite, type ItemHeap, notFinite, openItems, typedArrayName } from "./items.ts";

/** The most bytes that are read at a time: 4,096 rows of dimension 768. */
const READ_BYTES = 12 << 20;
/** The largest gap in bytes that is read through rather than skipped by another read. */
const GAP_BYTES = 128 << 10;
/** The core counts rows in 32 bits, with a sign. */
const MAX_ROWS = 2 ** 31 - 1;

/** Whether items are read as needed. */
export function isSource(items: unknown): items is EmbeddingSource {
  return typeof (items as { read?: unknown } | null | undefined)?.read === "function";
}

/** Number of items of either kind, checked. */
export function countRows(items: Items | EmbeddingSource, dim: number): number {
  return (isSource(items) ? new SourceReader(items, dim) : openItems(items, dim)).rows;
}

/** Pending reads whose callers may have left: a source is never read twice at the same time. */
const underWay = new WeakMap<EmbeddingSource, Promise<unknown>>();

/** A source of ours can read into an array that it is given: `values` takes the rows [first, first + count). */
export const READ_INTO = Symbol("read into");
type Own = EmbeddingSource & { [READ_INTO]?(values: Float32Array, first: number, count: number): Promise<void> };

/**
 * What the source's `read` gives, called once it has answered earlier calls. It is copied: another call on the same source may come before
 * these rows are used, and the source may fill the same array again.
 * @param check throws if nobody waits any more
 * @param room gives an array for so many values
 */
export async function readInTurn(
  source: Own,
  first: number,
  count: number,
  check: () => void,
  room = (length: number): Float32Array => new Float32Array(length),
): Promise<Float32Array> {
  for (let before = underWay.get(source); before; before = underWay.get(source)) await before.catch(() => {});
  check();
  const length = count * source.dim;
  const own = (given: Float32Array) => {
    // Whatever is no array of so many floats stays as it is: whoever checks it says so.
    if (typedArrayName(given) !== "Float32Array" || given.length !== length || length === 0) return given;
    const values = room(length);
    values.set(given);
    return values;
  };
  let reading: Promise<Float32Array>;
  if (source[READ_INTO]) {
    const values = room(length);
    reading = source[READ_INTO](values, first, count).then(() => values);
  } else {
    const given: unknown = source.read(first, count);
    if (typeof (given as Promise<unknown> | undefined)?.then !== "function") return own(given as Float32Array);
    reading = Promise.resolve(given as Promise<Float32Array>).then(own);
  }
  const ended = reading.finally(() => underWay.delete(source));
  underWay.set(source, ended);
  return ended;
}

/** A source whose form was checked; its rows are checked as they come. */
export class SourceReader {
  readonly rows: number;
  readonly dim: number;
  readonly #source: EmbeddingSource;
  readonly #name: string;
  readonly #stop: Stop;
  /** What the last two reads gave. */
  #given = new Float32Array(0);
  #givenBefore = new Float32Array(0);

  /**
   * @param stop ends every read with its reason, even if the source does not answer
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
      )`${{ argument: name }}: there are no rows${{ hint: "give at least one item", after: "; " }}`;
    if (source.dim !== dim) {
      throw invalid(
        "ITEMS_DIMENSION",
      )`${{ argument: name }}: the model takes vectors of ${{ option: "inputDim" }} ${dim}, received vectors of dimension ${source.dim}${{ hint: "use embeddings like those the model was made for" }}`;
    }
    this.rows = source.rows;
    this.dim = dim;
    this.#source = source;
    this.#name = name;
    this.#stop = stop;
  }

  /** The most rows of a read. */
  get pieceRows(): number {
    return Math.max(1, Math.floor(READ_BYTES / (4 * this.dim)));
  }

  /**
   * Rows [first, first + count), in an array that is valid until the read after the next.
   * @throws what the source's read throws, or the reason of the stop.
   */
  async read(first: number, count: number): Promise<Float32Array> {
    const given = await this.#stop.race(
      readInTurn(
        this.#source,
        first,
        count,
        () => this.#stop.check(),
        (length) => this.#room(length),
      ),
    );
    this.#stop.check();
    checkArray(given, `${this.#name}: the result of read(${first}, ${count})`);
    const data = typedArrayName(given) === "Float16Array" ? Float32Array.from(given) : given;
    if (Object.prototype.toString.call(data) !== "[object Float32Array]" || data.length !== count * this.dim) {
      const received = ArrayBuffer.isView(data) ? `${show(data)} of ${counted(data.length, "value")}` : show(data);
      throw invalid(
        "SOURCE_READ",
      )`${{ argument: this.#name }}: read(${first}, ${count}) must give a Float32Array (or Float16Array) of ${count} x ${this.dim} = ${counted(count * this.dim, "value")} (rows ${first} to ${first + count - 1}), received ${received}`;
    }
    return data;
  }

  #room(length: number): Float32Array {
    const free = this.#givenBefore.length < length ? new Float32Array(length) : this.#givenBefore;
    this.#givenBefore = this.#given;
    this.#given = free;
    return free.subarray(0, length);
  }

  /**
   * Copies rows [first, first + count) to `address`, from an array that starts with row `begin`.
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
   * Reads the given rows (ascending) with few reads. Calls `use` with each run of consecutive rows [first, first + count), which starts at
   * entry `place` of the given rows, in an array that starts with row `begin`.
   */
  async eachRun(
    names: Uint32Array,
    use: (data: Float32Array, begin: number, first: number, count: number, place: number) => void,
  ): Promise<void> {
    for (const [begin, count, i, next] of this.pieces(names)) {
      const data = await this.read(begin, count);
      for (let k = i, end = i; k < next; k = end) {
        for (end = k + 1; end < next && names[end] === names[end - 1]! + 1; ) end++;
        use(data, begin, names[k]!, end - k, k);
      }
    }
  }

  /** The reads of rows (ascending): which, and the entries [i, next) that are among them. */
  protected *pieces(names: Uint32Array): Generator<[begin: number, count: number, i: number, next: number]> {
    const { dim, pieceRows } = this;
    const gap = Math.floor(GAP_BYTES / (4 * dim)) + 1;
    for (let i = 0, next = 0; i < names.length; i = next) {
      const begin = names[i]!;
      for (next = i + 1; next < names.length; next++) {
        if (names[next]! - names[next - 1]! > gap || names[next]! - begin >= pieceRows) break;
      }
      yield [begin, names[next - 1]! - begin + 1, i, next];
    }
  }
}
