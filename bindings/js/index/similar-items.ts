/** The items that are most like a given one, by what their IDs stand for. */

import { invalid } from "../base/errors.ts";
import { checkOptionNames, isList, OptionReader, requireThat, show } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import { counted } from "../base/words.ts";
import { compareItemIds, type ItemId } from "../ids/item-id.ts";
import { checkCodes } from "./check-codes.ts";
import { type IdFilter, isAllowed, liveCountsOf } from "./id-filter.ts";
import type { IdTrie } from "./id-trie.ts";
import { type IdModel, requireModel } from "./index-model.ts";
import type { PublishedRows } from "./published-rows.ts";

/** What `similar` takes besides the query. */
export interface SimilarOptions {
  /** The most items to find. Default: 10. */
  limit?: number;
  /**
   * Leaves out the items for which it returns false. It is called for as few items as the search allows, in no particular order. A filter
   * of the index does the same, and no branch without an allowed item is searched.
   */
  filter?: ((itemId: ItemId) => boolean) | IdFilter;
}

/** An item that `similar` found. */
export interface SimilarItem {
  itemId: ItemId;
  /** Number of first codes that its ID has in common with the query; a suffix does not count. */
  shared: number;
  /** Euclidean distance in the latent space between what the ID and the query stand for; absent without a model. */
  distance?: number;
}

/** What the search needs of an index. `books` has the model's codebooks, K x d each. */
interface Searched {
  rows: PublishedRows;
  rawSizes: readonly number[];
  sizes: readonly number[];
  model: IdModel | undefined;
  books: readonly Float32Array[] | undefined;
  tree: () => IdTrie;
}

/** See `SemanticIdIndex.similar`. */
export async function similarItems(
  index: object,
  query: unknown,
  options: SimilarOptions,
  { rows, rawSizes, sizes, model, books, tree }: Searched,
): Promise<SimilarItem[]> {
  const where = "similar";
  checkOptionNames(options, where, ["limit", "filter"]);
  const limit = new OptionReader(options, where).integer("limit", 10, 1, 2 ** 32);
  const { filter = () => true } = options;
  const counts = typeof filter === "function" ? undefined : liveCountsOf(filter, index);
  const mayHold = (state: number) => counts?.has(state) ?? true;

  const levels = rawSizes.length;
  let codes: ArrayLike<number>;
  let target: Float64Array | undefined;
  let own = -1;
  if (typeof query === "string" || typeof query === "number") {
    own = rows.row(query);
    if (own < 0) throw invalid("UNKNOWN_ITEM")`${call(where)}item ${show(query)} is not in the index`;
    codes = rows.idAt(own).slice(0, levels);
  } else if (typeof query === "object" && query !== null && "vector" in query) {
    const { vector } = query as { vector: ArrayLike<number> };
    requireThat(isList(vector), "vector", "an array of numbers", vector, where);
    const { config, getSemanticIds } = requireModel(model, where);
    if (vector.length !== config.inputDim) {
      throw invalid(
        "ROW_LENGTH",
      )`${call(where)}${{ argument: "vector" }} has ${counted(vector.length, "number")}, but the model takes ${config.inputDim}`;
    }
    const { semIds, residuals } = await getSemanticIds.call(model, [vector as number[]]);
    codes = semIds.at(0);
    target = Float64Array.from(residuals.subarray(0, config.latentDim));
  } else {
    requireThat(isList(query), "query", "an item ID, an array of codes or { vector }", query, where);
    checkCodes(query as ArrayLike<number>, sizes);
    codes = Array.from(query as ArrayLike<number>).slice(0, levels);
  }
  if (rows.size === 0) return [];

  // From here on nothing is awaited, so that the index cannot change.
  const trie = tree();
  /** The states of the shared prefixes, the longest last. */
  const path = [trie.root];
  for (let next = 0; path.length <= codes.length; path.push(next)) {
    next = trie.step(path.at(-1)!, codes[path.length - 1]!);
    if (next < 0) break;
  }
  const space = books && new CodeSpace(books, rawSizes);
  target ??= space?.sum(codes, codes.length);
  const found: SimilarItem[] = [];
  // Each turn takes the items that share one code less than those before.
  for (let shared = path.length - 1; shared >= 0 && found.length < limit; shared--) {
    const [state, done] = [path[shared]!, path[shared + 1]];
    if (!mayHold(state)) continue;
    const isWanted = (row: number) =>
      row !== own && (counts?.allows(row) ?? isAllowed(filter as (itemId: ItemId) => boolean, rows.itemAt(row), where));
    if (space) {
      const nearest = new Nearest(limit - found.length, rows, isWanted);
      const start = { state, depth: shared, sum: space.sum(codes, shared) };
      searchBelow(trie, space, target!, start, done, nearest, mayHold);
      for (const { itemId, distance } of nearest.ranked()) found.push({ itemId, shared, distance });
    } else {
      for (const row of rowsBelow(trie, state, done, mayHold)) {
        if (found.length === limit) break;
        if (isWanted(row)) found.push({ itemId: rows.itemAt(row), shared });
      }
    }
  }
  return found;
}

/** The rows below a state except those below `done` and those of branches that hold none, in the order of their IDs. */
function* rowsBelow(
  trie: IdTrie,
  state: number,
  done: number | undefined,
  mayHold: (state: number) => boolean,
): Generator<number> {
  const codes = trie.next(state);
  if (codes.length === 0) yield* trie.rows(state);
  const first = codes.length > 0 ? trie.step(state, codes[0]!) : 0; // the others follow it
  for (let i = 0; i < codes.length; i++) {
    if (first + i !== done && mayHold(first + i)) yield* rowsBelow(trie, first + i, undefined, mayHold);
  }
}

/** By codebooks, since these are the same for many queries. */
const reaches = new WeakMap<object, Float64Array>();

/** The latent space, in which codes are vectors and IDs the sums of their codes. */
class CodeSpace {
  readonly levels: number;
  /** Per level: how far the codes from there on can move a sum at most. */
  readonly reach: Float64Array;
  readonly #books: readonly Float32Array[];
  readonly #dim: number;
  readonly #nothing: Float32Array;

  constructor(books: readonly Float32Array[], sizes: readonly number[]) {
    this.levels = sizes.length;
    this.#books = books;
    this.#dim = books[0]!.length / sizes[0]!;
    this.#nothing = new Float32Array(this.#dim);
    const known = reaches.get(books);
    this.reach = known ?? new Float64Array(this.levels + 1);
    if (known) return;
    for (let level = this.levels - 1; level >= 0; level--) {
      let most = 0;
      for (let code = 0; code < sizes[level]!; code++) {
        most = Math.max(most, this.distance(this.#nothing, this.#nothing, level, code));
      }
      this.reach[level] = this.reach[level + 1]! + most;
    }
    reaches.set(books, this.reach);
  }

  /** What the first `depth` codes stand for. */
  sum(codes: ArrayLike<number>, depth: number): Float64Array {
    let sum = new Float64Array(this.#dim);
    for (let level = 0; level < depth; level++) sum = this.plus(sum, level, codes[level]!);
    return sum;
  }

  plus(sum: Float64Array, level: number, code: number): Float64Array<ArrayBuffer> {
    const [book, at] = [this.#books[level]!, code * this.#dim];
    return Float64Array.from(sum, (value, j) => value + book[at + j]!);
  }

  /** ||target - (sum + code)||, without a code after the last level. */
  distance(target: ArrayLike<number>, sum: ArrayLike<number>, level: number, code: number): number {
    const book = this.#books[level] ?? this.#nothing;
    const at = level < this.levels ? code * this.#dim : 0;
    let squared = 0;
    for (let j = 0; j < target.length; j++) {
      const difference = target[j]! - (sum[j]! + book[at + j]!);
      squared += difference * difference;
    }
    return Math.sqrt(squared);
  }
}

/** The rows of least distance so far; of equal ones those with the lowest item IDs. */
class Nearest {
  /** Nothing farther than this is among them. */
  limit = Number.POSITIVE_INFINITY;
  readonly #most: number;
  readonly #rows: PublishedRows;
  readonly #isWanted: (row: number) => boolean;
  readonly #found: { itemId: ItemId; distance: number }[] = [];

  constructor(most: number, rows: PublishedRows, isWanted: (row: number) => boolean) {
    this.#most = most;
    this.#rows = rows;
    this.#isWanted = isWanted;
  }

  add(row: number, distance: number): void {
    if (distance > this.limit || !this.#isWanted(row)) return;
    this.#found.push({ itemId: this.#rows.itemAt(row), distance });
    if (this.#found.length >= 2 * this.#most) this.ranked();
  }

  ranked(): readonly { itemId: ItemId; distance: number }[] {
    this.#found.sort((a, b) => a.distance - b.distance || compareItemIds(a.itemId, b.itemId));
    if (this.#found.length >= this.#most) {
      this.#found.length = this.#most;
      this.limit = this.#found.at(-1)!.distance;
    }
    return this.#found;
  }
}

/**
 * Searches the items below a state except those below `done`. The nearest branches come first; those that even the longest codes could not
 * bring near enough are left out.
 */
function searchBelow(
  trie: IdTrie,
  space: CodeSpace,
  target: Float64Array,
  { state, depth, sum }: { state: number; depth: number; sum: Float64Array },
  done: number | undefined,
  nearest: Nearest,
  mayHold: (state: number) => boolean,
): void {
  const offer = (at: number, distance: number) => {
    if (distance <= nearest.limit) for (const row of trie.rows(at)) nearest.add(row, distance);
  };
  // Nothing more is to come than what the state itself stands for.
  if (depth === space.levels) {
    offer(state, space.distance(target, sum, depth, 0));
    return;
  }
  const codes = trie.next(state);
  const first = trie.step(state, codes[0]!); // the others follow it
  const branches: { state: number; code: number; distance: number }[] = [];
  codes.forEach((code, i) => {
    if (first + i === done || !mayHold(first + i)) return;
    const distance = space.distance(target, sum, depth, code);
    if (depth + 1 === space.levels) offer(first + i, distance);
    else branches.push({ state: first + i, code, distance });
  });
  branches.sort((a, b) => a.distance - b.distance);
  const reach = space.reach[depth + 1]!;
  for (const { state, code, distance } of branches) {
    // With more room than the roundings of the sums need.
    if (distance - reach - 1e-9 * (distance + reach) > nearest.limit) break;
    searchBelow(
      trie,
      space,
      target,
      { state, depth: depth + 1, sum: space.plus(sum, depth, code) },
      undefined,
      nearest,
      mayHold,
    );
  }
}
