/**
 * How items that share a raw ID get their own IDs. Both methods process new items in the order of their raw IDs, equal ones by item ID, so
 * that the result does not depend on the order of the rows, and both leave IDs that are already held unchanged. The other is suffixes.ts.
 */

import type { Asking } from "../base/asking.ts";
import { invalid } from "../base/errors.ts";
import { call } from "../base/wording.ts";
import { counted } from "../base/words.ts";
import type { CodeArray } from "../ids/semantic-ids.ts";
import { groups, rangeOf, type SortedIds } from "../ids/sorted-ids.ts";
import { squaredDistances, subtract } from "./residuals.ts";

/** Latent vectors and residuals ||r||^2 of some rows, see `forEachVector`. */
export type VectorReader = (
  rows: Uint32Array,
  use: (place: number, latent: Float32Array, leftOver: number) => void,
) => Asking<void>;

/**
 * "reassign": of the items with the same raw ID, the nearest one keeps it, unless it is already held. Each of the others, nearest first,
 * gets the free code of the last level that is nearest to its residual. If a level is full under its prefix, it gets the nearest code one
 * level up that has a free ID below it, and so on.
 *
 * @param fresh raw IDs of the new items
 * @param held published IDs, those of removed items included
 * @param codebooks K x d, one per level
 * @returns published IDs by row of `fresh`
 * @throws InvalidInputError if there are fewer IDs than items.
 */
export function* reassign(
  fresh: SortedIds,
  held: SortedIds,
  codebookSizes: readonly number[],
  codebooks: () => unknown,
  read: VectorReader,
): Asking<CodeArray> {
  const { codes, levels, order } = fresh;
  const wanted = held.order.length + order.length;
  const possible = codebookSizes.reduce((product, size) => product * size, 1);
  if (wanted > possible) {
    throw invalid(
      "TOO_FEW_CODES",
    )`${call("reassign")}${codebookSizes.join(" x ")} = ${counted(possible, "ID", "is", "are")} fewer than ${counted(wanted, "item")}${{ hint: `add one more level (collisions: "suffix", or a model with ${counted(levels + 1, "level")}), or train with more codes` }}`;
  }
  // The groups with more than one claim, and their claimants: positions in `order`.
  const colliding: { start: number; end: number; isHeld: boolean }[] = [];
  const claims: number[] = [];
  const keepers: number[] = [];
  for (const [start, end] of groups(fresh)) {
    const [from, to] = rangeOf(held, codes, order[start]! * levels, levels);
    const isHeld = from < to;
    if (!isHeld) keepers.push(order[start]!); // the ID is taken, whichever item keeps it
    if (!isHeld && end - start === 1) continue;
    colliding.push({ start: claims.length, end: claims.length + end - start, isHeld });
    for (let i = start; i < end; i++) claims.push(order[i]!);
  }
  const published = codes.slice();
  if (claims.length === 0) return published;

  const books: readonly Float32Array[] = yield codebooks();
  const d = books[0]!.length / codebookSizes[0]!;
  const latents = new Float32Array(claims.length * d);
  const leftOvers = new Float64Array(claims.length);
  yield* read(Uint32Array.from(claims), (place, latent, leftOver) => {
    latents.set(latent, place * d);
    leftOvers[place] = leftOver;
  });
  const room = new FreeIds([held, { codes, levels, order: Uint32Array.from(keepers) }], codebookSizes);
  for (const { start, end, isHeld } of colliding) {
    // The sort is stable: of equally near items the smaller item ID comes first.
    const nearest = Array.from({ length: end - start }, (_, i) => start + i).sort(
      (a, b) => leftOvers[a]! - leftOvers[b]!,
    );
    for (const place of isHeld ? nearest : nearest.slice(1)) {
      const row = claims[place]!;
      const raw = codes.subarray(row * levels, (row + 1) * levels);
      published.set(placeItem(raw, latents.subarray(place * d, (place + 1) * d), books, room), row * levels);
    }
  }
  return published;
}

/** Takes the free ID for an item. */
function placeItem(raw: CodeArray, latent: Float32Array, codebooks: readonly Float32Array[], room: FreeIds): number[] {
  const { levels } = room;
  // residuals[l]: before level l.
  const residuals = [Float64Array.from(latent)];
  for (let level = 0; level < levels - 1; level++) {
    residuals.push(subtract(residuals[level]!, codebooks[level]!, raw[level]!));
  }
  let depth = levels - 1;
  while (room.isFull(raw.subarray(0, depth))) depth--;
  const id = Array.from(raw.subarray(0, depth));
  for (let residual = residuals[depth]!; id.length < levels; ) {
    const codebook = codebooks[id.length]!;
    const code = room.nearestFree(id, squaredDistances(residual, codebook));
    residual = subtract(residual, codebook, code);
    id.push(code);
  }
  room.take(id);
  return id;
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
