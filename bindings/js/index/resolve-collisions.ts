/**
 * "reassign": how items that share a raw ID get IDs of their own, of the same length. Suffixes, the other way, are in suffixes.ts. Both
 * take new items in the order of their raw IDs, equal ones by item ID, so that the result does not depend on the order of the rows, and
 * both leave IDs that are already held unchanged.
 *
 * All items of one prefix (all codes but the last) are placed together. Their total cost is the sum of their squared distances from what
 * their IDs stand for, ||r - C[k]||^2 of the residual r before the last level and its code k, and the least possible one is found.
 */

import type { Asking } from "../base/asking.ts";
import { assignCosts } from "../base/assignment.ts";
import { invalid } from "../base/errors.ts";
import { call } from "../base/wording.ts";
import { counted } from "../base/words.ts";
import type { CodeArray } from "../ids/semantic-ids.ts";
import { compareCodes, rangeOf, type SortedIds } from "../ids/sorted-ids.ts";
import { squaredDistances, subtract } from "./residuals.ts";

/** Latent vectors and residuals ||r||^2 of some rows, see `forEachVector`. */
export type VectorReader = (
  rows: Uint32Array,
  use: (place: number, latent: Float32Array, leftOver: number) => void,
) => Asking<void>;

/** The most pairs of items and codes of one prefix that are solved exactly: 2,048 items and as many codes. Beyond, the nearest goes first. */
const MOST_PAIRS = 2 ** 22;
/** About how many items' vectors are held at once. */
const AT_ONCE = 4096;

/** Some of the items of a prefix, by their rows. */
interface Group {
  rows: Uint32Array;
  /** Where the held IDs of the prefix are. */
  from: number;
  to: number;
}

/**
 * The items of a prefix get the free codes of the last level at the least total cost. If there are more of them than free codes, those
 * stay for whom an ID elsewhere costs most, and each of the others gets the nearest code one level up that has a free ID below it, and so
 * on downwards. With priorities, items of a higher one choose before those of a lower one.
 *
 * @param fresh raw IDs of the new items
 * @param held published IDs, those of removed items included
 * @param codebooks K x d, one per level
 * @param priority by row of `fresh`; the largest is the most important
 * @returns published IDs by row of `fresh`
 * @throws InvalidInputError if there are fewer IDs than items.
 */
export function* reassign(
  fresh: SortedIds,
  held: SortedIds,
  codebookSizes: readonly number[],
  codebooks: () => unknown,
  read: VectorReader,
  priority?: ArrayLike<number>,
): Asking<CodeArray> {
  const { codes, levels, order } = fresh;
  const wanted = held.order.length + order.length;
  const possible = codebookSizes.reduce((product, size) => product * size, 1);
  if (wanted > possible) {
    throw invalid(
      "TOO_FEW_CODES",
    )`${call("reassign")}${codebookSizes.join(" x ")} = ${counted(possible, "ID", "is", "are")} fewer than ${counted(wanted, "item")}${{ hint: `add one more level (collisions: "suffix", or a model with ${counted(levels + 1, "level")}), or train with more codes` }}`;
  }
  const published = codes.slice();
  const size = codebookSizes.at(-1)!;
  const { fitting, full } = conflicts(fresh, held, size);
  if (fitting.length + full.length === 0) return published;

  const books: readonly Float32Array[] = yield codebooks();
  const d = books[0]!.length / codebookSizes[0]!;
  const classes = (rows: Uint32Array) => byPriority(rows, priority);
  const put = (row: number, code: number) => {
    published[row * levels + levels - 1] = code;
  };
  function* latentsOf(groups: readonly Group[]): Asking<Map<number, Float32Array>> {
    const rows = Uint32Array.from(groups.flatMap(({ rows }) => [...rows]));
    const latents = new Map<number, Float32Array>();
    yield* read(rows, (place, latent) => latents.set(rows[place]!, latent.slice()));
    return latents;
  }
  const placer = (latents: Map<number, Float32Array>) => new Placer(fresh, books, d, latents);

  for (let first = 0; first < fitting.length; ) {
    let last = first;
    for (let count = 0; last < fitting.length && count < AT_ONCE; last++) count += fitting[last]!.rows.length;
    const some = fitting.slice(first, last);
    const place = placer(yield* latentsOf(some));
    for (const group of some) {
      const free = freeCodes(group, held, size);
      for (const members of classes(group.rows)) {
        const given = place.cheapest(members, free);
        members.forEach((row, i) => {
          put(row, given[i]!);
        });
        removeAll(free, given);
      }
    }
    first = last;
  }
  if (full.length === 0) return published;

  // What is left over elsewhere is known only now.
  const leaving = new Set(full.flatMap(({ rows }) => [...rows]));
  const settled = { codes: published, levels, order: order.filter((row) => !leaving.has(row)) };
  settled.order.sort((a, b) => compareCodes(published, a * levels, published, b * levels, levels));
  const room = new FreeIds([held, settled], codebookSizes);
  for (const { rows, from, to } of full) {
    room.fill(codes.subarray(rows[0]! * levels, (rows[0]! + 1) * levels - 1), size - (to - from));
  }
  for (const group of full) {
    const free = freeCodes(group, held, size);
    const place = placer(yield* latentsOf([group]));
    for (const members of classes(group.rows)) {
      const stays = place.cheapest(members, free, room);
      members.forEach((row, i) => {
        if (stays[i]! >= 0) put(row, stays[i]!);
        else {
          const { id } = place.elsewhere(row, room);
          room.take(id);
          published.set(id, row * levels);
        }
      });
      removeAll(free, stays);
    }
  }
  return published;
}

/** The prefixes under which some item cannot have its raw ID: those with enough free codes for all of their new items, and the others. */
function conflicts(fresh: SortedIds, held: SortedIds, size: number): { fitting: Group[]; full: Group[] } {
  const { codes, levels, order } = fresh;
  const found = { fitting: [] as Group[], full: [] as Group[] };
  for (let start = 0, end = 0; start < order.length; start = end) {
    const at = order[start]! * levels;
    let isPeaceful = true;
    while (++end < order.length && compareCodes(codes, order[end]! * levels, codes, at, levels - 1) === 0) {
      if (codes[order[end]! * levels + levels - 1] === codes[order[end - 1]! * levels + levels - 1]) isPeaceful = false;
    }
    const rows = order.subarray(start, end);
    const [from, to] = rangeOf(held, codes, at, levels - 1);
    const isHeld = (row: number) => {
      const [first, next] = rangeOf(held, codes, row * levels, levels);
      return first < next;
    };
    if (isPeaceful && (from === to || !rows.some(isHeld))) continue;
    (rows.length <= size - (to - from) ? found.fitting : found.full).push({ rows, from, to });
  }
  return found;
}

/** The codes of the last level that no item of the prefix holds, ascending. */
function freeCodes({ from, to }: Group, { codes, levels, order }: SortedIds, size: number): number[] {
  const isTaken = new Uint8Array(size);
  for (let i = from; i < to; i++) isTaken[codes[order[i]! * levels + levels - 1]!] = 1;
  return Array.from(isTaken.keys()).filter((code) => !isTaken[code]);
}

/** The rows in classes of equal priority, the highest first; in each, their order stays. */
function byPriority(rows: Uint32Array, priority: ArrayLike<number> | undefined): Uint32Array[] {
  if (!priority) return [rows];
  const sorted = rows.slice().sort((a, b) => priority[b]! - priority[a]!);
  const starts = [...sorted.keys()].filter((i) => i === 0 || priority[sorted[i]!] !== priority[sorted[i - 1]!]);
  return starts.map((start, i) => sorted.subarray(start, starts[i + 1]));
}

function removeAll(codes: number[], gone: ArrayLike<number>): void {
  const isGone = new Set(Array.from(gone));
  codes.splice(0, codes.length, ...codes.filter((code) => !isGone.has(code)));
}

/** Where the items whose latents are known can go. */
class Placer {
  readonly #fresh: SortedIds;
  readonly #books: readonly Float32Array[];
  readonly #latents: ReadonlyMap<number, Float32Array>;
  readonly #d: number;

  constructor(fresh: SortedIds, books: readonly Float32Array[], d: number, latents: ReadonlyMap<number, Float32Array>) {
    this.#fresh = fresh;
    this.#books = books;
    this.#d = d;
    this.#latents = latents;
  }

  #raw(row: number): CodeArray {
    const { codes, levels } = this.#fresh;
    return codes.subarray(row * levels, (row + 1) * levels);
  }

  /** What the first `depth` codes of an item leave of its latent. */
  #residual(row: number, depth: number): Float64Array {
    let residual = Float64Array.from(this.#latents.get(row)!);
    for (let level = 0; level < depth; level++) {
      residual = subtract(residual, this.#books[level]!, this.#raw(row)[level]!);
    }
    return residual;
  }

  /** The free ID that an item gets when its prefix is full, and its cost. */
  elsewhere(row: number, room: FreeIds): { id: number[]; cost: number } {
    const raw = this.#raw(row);
    let depth = raw.length - 1;
    while (room.isFull(raw.subarray(0, depth))) depth--;
    const id = Array.from(raw.subarray(0, depth));
    let residual = this.#residual(row, depth);
    while (id.length < raw.length) {
      const codebook = this.#books[id.length]!;
      const code = room.nearestFree(id, squaredDistances(residual, codebook));
      residual = subtract(residual, codebook, code);
      id.push(code);
    }
    return { id, cost: residual.reduce((sum, value) => sum + value * value, 0) };
  }

  /**
   * The codes of the least total cost for items of one prefix.
   * @param rows in the order that decides between equal solutions
   * @param free the codes that they may get
   * @param room Where items may go instead, if there are more of them than codes; those that do get -1.
   */
  cheapest(rows: Uint32Array, free: readonly number[], room?: FreeIds): Int32Array {
    if (free.length === 0) return new Int32Array(rows.length).fill(-1);
    const last = this.#books.length - 1;
    const book = this.#books[last]!;
    const d = this.#d;
    const residuals = Array.from(rows, (row) => this.#residual(row, last));
    const costOf = (i: number, code: number) => {
      const residual = residuals[i]!;
      let sum = 0;
      for (let j = 0, at = code * d; j < d; j++, at++) sum += (residual[j]! - book[at]!) ** 2;
      return sum;
    };
    const wish = (i: number) => this.#raw(rows[i]!)[last]!;
    if (rows.length * free.length > MOST_PAIRS) return nearestFirst(rows.length, free, wish, costOf);
    const costs: Float64Array[] = [];
    const costsOf = (i: number) => (costs[i] ??= Float64Array.from(free, (code) => costOf(i, code)));
    if (rows.length > free.length) {
      // From the codes' side: what the items save that get them.
      const saved = Array.from(rows, (row) => this.elsewhere(row, room!).cost);
      const rowOf = assignCosts(free.length, rows.length, (k) =>
        Float64Array.from(saved, (cost, i) => costsOf(i)[k]! - cost),
      );
      const codes = new Int32Array(rows.length).fill(-1);
      rowOf.forEach((i, k) => {
        codes[i] = free[k]!;
      });
      return codes;
    }
    // Of the items that want a code, the first begins with it: most of them keep it, and need no other costs.
    const placeOf = new Map(free.map((code, k) => [code, k]));
    const start = { columns: new Int32Array(rows.length).fill(-1), costs: new Float64Array(rows.length) };
    for (let i = 0; i < rows.length; i++) {
      const k = placeOf.get(wish(i));
      if (k === undefined) continue;
      start.columns[i] = k;
      start.costs[i] = costOf(i, wish(i));
      placeOf.delete(wish(i));
    }
    // The model computes in single precision: another code may be nearer by a hair.
    let isMistaken = false;
    const checked = (i: number) => {
      const own = costsOf(i);
      if (start.columns[i]! >= 0 && own.some((cost) => cost < start.costs[i]!)) isMistaken = true;
      return own;
    };
    let columns = assignCosts(rows.length, free.length, checked, start);
    if (isMistaken) columns = assignCosts(rows.length, free.length, costsOf);
    return columns.map((k) => free[k]!);
  }
}

/** For very many items and codes: the nearest of those that want a code keeps it, then each other one, nearest first, takes what is free. */
function nearestFirst(
  n: number,
  free: readonly number[],
  wish: (i: number) => number,
  costOf: (i: number, code: number) => number,
): Int32Array {
  const codes = new Int32Array(n).fill(-1);
  const left = new Set(free);
  const wished = Float64Array.from({ length: n }, (_, i) => costOf(i, wish(i)));
  const nearest = Array.from(wished.keys()).sort((a, b) => wished[a]! - wished[b]!);
  for (const i of nearest) if (left.delete(wish(i))) codes[i] = wish(i);
  for (const i of nearest) {
    if (codes[i] !== -1 || left.size === 0) continue;
    let [best, least] = [-1, Number.POSITIVE_INFINITY];
    for (const code of left) {
      const cost = costOf(i, code);
      if (cost < least) [best, least] = [code, cost];
    }
    codes[i] = best;
    left.delete(best);
  }
  return codes;
}

/** Which IDs are free: those that are in none of the sorted lists and were not taken since. */
class FreeIds {
  readonly levels: number;
  readonly #lists: readonly SortedIds[];
  readonly #sizes: readonly number[];
  /** Number of possible IDs below a prefix of each depth. */
  readonly #possible: number[];
  /** Number of IDs taken since, by prefix. */
  readonly #takenBelow = new Map<string, number>();
  /** By prefix, the next codes that are not available: taken since or, before the last level, found to be full. */
  readonly #gone = new Map<string, number[]>();

  constructor(lists: readonly SortedIds[], codebookSizes: readonly number[]) {
    this.levels = codebookSizes.length;
    this.#lists = lists;
    this.#sizes = codebookSizes;
    this.#possible = codebookSizes.map((_, depth) => codebookSizes.slice(depth).reduce((a, b) => a * b, 1));
  }

  take(id: readonly number[]): void {
    for (let depth = 0; depth < this.levels; depth++) {
      const key = String(id.slice(0, depth));
      this.#takenBelow.set(key, (this.#takenBelow.get(key) ?? 0) + 1);
    }
    this.#strike(id.slice(0, -1), id.at(-1)!);
  }

  /** Counts the `count` IDs below a prefix of all codes but the last as taken. */
  fill(prefix: ArrayLike<number>, count: number): void {
    const codes = Array.from(prefix);
    for (let depth = 0; depth <= codes.length; depth++) {
      const key = String(codes.slice(0, depth));
      this.#takenBelow.set(key, (this.#takenBelow.get(key) ?? 0) + count);
    }
  }

  #strike(prefix: readonly number[], code: number): void {
    const codes = this.#gone.get(String(prefix));
    if (codes) codes.push(code);
    else this.#gone.set(String(prefix), [code]);
  }

  /** Whether every ID that starts with the prefix is held. */
  isFull(prefix: ArrayLike<number>): boolean {
    let count = this.#takenBelow.get(Array.prototype.join.call(prefix)) ?? 0;
    for (const list of this.#lists) {
      const [start, end] = rangeOf(list, prefix, 0, prefix.length);
      count += end - start;
    }
    return count >= this.#possible[prefix.length]!;
  }

  /** The code of least distance that may follow a prefix that is not full; of equal ones the lowest. Overwrites `distances`. */
  nearestFree(prefix: readonly number[], distances: Float64Array): number {
    const isLast = prefix.length === this.levels - 1;
    if (isLast) {
      for (const list of this.#lists) {
        const [start, end] = rangeOf(list, prefix, 0, prefix.length);
        for (let i = start; i < end; i++) {
          distances[list.codes[list.order[i]! * this.levels + prefix.length]!] = Number.POSITIVE_INFINITY;
        }
      }
    }
    for (const code of this.#gone.get(String(prefix)) ?? []) distances[code] = Number.POSITIVE_INFINITY;
    for (;;) {
      let code = 0;
      for (let k = 1; k < this.#sizes[prefix.length]!; k++) if (distances[k]! < distances[code]!) code = k;
      if (isLast || !this.isFull([...prefix, code])) return code;
      this.#strike(prefix, code);
      distances[code] = Number.POSITIVE_INFINITY;
    }
  }
}
