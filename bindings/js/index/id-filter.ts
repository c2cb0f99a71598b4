import { originalOf, worksBehindProxy } from "../base/behind-proxy.ts";
import { invalid, UnknownPrefixError } from "../base/errors.ts";
import { OptionReader, requireThat, show } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import { checkItemIds, type ItemId } from "../ids/item-id.ts";
import type { CodeArray } from "../ids/semantic-ids.ts";
import type { IdPrefix, IdTrie } from "./id-trie.ts";
import type { Collisions } from "./index-contents.ts";
import { LiveCounts } from "./live-counts.ts";
import type { PublishedRows } from "./published-rows.ts";

/** What a filter needs of the index that made it. */
interface Filtered {
  readonly collisions: Collisions;
  readonly codebookSizes: readonly number[];
  readonly levels: number;
  readonly root: number;
  state(prefix: IdPrefix): number;
  step(state: number, code: number): number;
  prefix(state: number): number[];
  mask<Mask extends Uint8Array | Float32Array>(prefix: IdPrefix, mask?: Mask): Mask;
}

interface Parts {
  rows: PublishedRows;
  tree: () => IdTrie;
}

/**
 * The counts of a filter, for searches.
 * @param index the index that it must be a filter of
 * @throws InvalidInputError if it is none, or if the index has changed since.
 */
export let liveCountsOf: (filter: IdFilter, index?: object) => LiveCounts;

let create: (index: Filtered, parts: Parts, counts: LiveCounts) => IdFilter;

/** What a caller's function says. @throws InvalidInputError for a promise, which would allow everything */
export function isAllowed(which: (itemId: ItemId) => boolean, itemId: ItemId, where: string): boolean {
  const said: unknown = which(itemId);
  const isPromise = typeof (said as PromiseLike<unknown> | undefined)?.then === "function";
  if (isPromise) (said as PromiseLike<unknown>).then(undefined, () => {}); // nobody else hears of its failure
  requireThat(
    !isPromise,
    where === "filter" ? "which" : "filter",
    "a function that answers true or false at once",
    said,
    where,
  );
  return !!said;
}

/** See `SemanticIdIndex.filter`. */
export function makeFilter(
  index: Filtered,
  parts: Parts,
  which: ArrayLike<ItemId> | ((itemId: ItemId) => boolean) | undefined,
  options: { unknown?: "error" | "skip" },
): IdFilter {
  const read = new OptionReader(options, "filter");
  const unknown = read.choice("unknown", ["error", "skip"], "error");
  read.refuseUnknown();
  const { rows, tree } = parts;
  const trie = tree();
  const all = trie.rows(trie.root);
  if (which === undefined) return create(index, parts, new LiveCounts(trie, rows, new Set(), true));
  let kept: Iterable<number>;
  let isExcluding = false;
  if (typeof which === "function") {
    const allowed = all.map((row) => (isAllowed(which, rows.itemAt(row), "filter") ? 1 : 0));
    isExcluding = allowed.reduce((sum, one) => sum + one, 0) > all.length / 2;
    kept = all.filter((_, i) => (allowed[i] === 0) === isExcluding);
  } else kept = rowsOf(which, rows, "filter", unknown);
  return create(index, parts, new LiveCounts(trie, rows, new Set(kept), isExcluding));
}

/** @throws InvalidInputError for an item that is not in the index, unless it is skipped */
function rowsOf(itemIds: ArrayLike<ItemId>, rows: PublishedRows, where: string, unknown = "error"): number[] {
  const found: number[] = [];
  checkItemIds(itemIds, where).forEach((itemId, i) => {
    const row = rows.row(itemId);
    if (row >= 0) found.push(row);
    else if (unknown === "error") {
      throw invalid(
        "UNKNOWN_ITEM",
      )`${call(where)}${{ argument: "itemIds" }}, ${{ row: i }}: item ${show(itemId)} is not in the index${where === "filter" ? { hint: 'unknown: "skip" leaves such items out', after: "; " } : ""}`;
    }
  });
  return found;
}

/**
 * A view of an index in which only some items exist. It is asked like the index, and `LogitsMask`, `logitsProcessor`, `beamSearch` and
 * `similar` take it: a prefix below which no item is allowed is as unknown as one that no item has. States are those of the index.
 *
 * It counts the allowed items below each prefix. A few items, or all but a few, take memory for these few only; else it is about 5 bytes for
 * each node of the tree. When the index changes, it refuses every call: make it again.
 */
export class IdFilter {
  /** What the index does with items that share an ID. */
  readonly collisions: Collisions;
  /** Number of codes at each level of a published ID. */
  readonly codebookSizes: readonly number[];
  /** Codes in a published ID. */
  readonly levels: number;
  /** The state of the empty prefix. */
  readonly root: number;
  readonly #index: Filtered;
  readonly #parts: Parts;
  readonly #counts: LiveCounts;

  static {
    create = (...args) => new IdFilter(...args);
    liveCountsOf = (filter, index) => {
      const own = originalOf(filter);
      const isSo = own instanceof IdFilter && (index === undefined || originalOf(index) === own.#index);
      requireThat(isSo, "filter", "a function of an item ID, or a filter of this index", filter);
      return own.#current();
    };
  }

  private constructor(index: Filtered, parts: Parts, counts: LiveCounts) {
    worksBehindProxy(this, IdFilter);
    this.collisions = index.collisions;
    this.codebookSizes = index.codebookSizes;
    this.levels = index.levels;
    this.root = index.root;
    this.#index = index;
    this.#parts = parts;
    this.#counts = counts;
  }

  /** Number of allowed items. */
  get size(): number {
    return this.#current().count(this.root);
  }

  /** Whether an item is in the index and allowed. */
  has(itemId: ItemId): boolean {
    const counts = this.#current();
    const row = counts.rows.row(itemId);
    return row >= 0 && counts.allows(row);
  }

  /**
   * Number of allowed items whose ID is this one or starts with it.
   * @throws UnknownPrefixError if no item of the index has this prefix.
   */
  count(prefix: IdPrefix): number {
    return this.#current().count(this.#index.state(prefix));
  }

  /**
   * The allowed items whose ID is this one or starts with it, sorted by ID, then by item ID.
   * @throws UnknownPrefixError if no item of the index has this prefix.
   */
  items(prefix: IdPrefix = []): ItemId[] {
    const counts = this.#current();
    const rows = counts.trie.rows(this.#index.state(prefix)).filter((row) => counts.allows(row));
    return Array.from(rows, (row) => counts.rows.itemAt(row));
  }

  /**
   * The state of a prefix.
   * @throws UnknownPrefixError if no allowed item's ID has it. Of the empty prefix there always is one.
   */
  state(prefix: IdPrefix): number {
    return this.#state(prefix);
  }

  /** The state after one more code. @throws UnknownPrefixError if the code may not follow. */
  step(state: number, code: number): number {
    return this.#state(this.#index.step(this.#state(state), code));
  }

  /** The codes that lead to a state. */
  prefix(state: number): number[] {
    return this.#index.prefix(this.#state(state));
  }

  /** Whether this is the whole ID of an allowed item. */
  isLeaf(prefix: IdPrefix): boolean {
    const counts = this.#current();
    const state = this.#index.state(prefix);
    return counts.trie.depth(state) === this.levels && counts.has(state);
  }

  /**
   * The codes that may follow, ascending, as a copy. Empty after a whole ID.
   * @throws UnknownPrefixError if no allowed item's ID has this prefix.
   */
  allowedNext(prefix: IdPrefix): CodeArray {
    return this.#counts.next(this.#state(prefix));
  }

  /**
   * Writes what may follow into `mask`, as `SemanticIdIndex.mask` does.
   * @throws as that
   */
  mask<Mask extends Uint8Array | Float32Array = Uint8Array>(prefix: IdPrefix, mask?: Mask): Mask {
    const state = this.#state(prefix);
    const out = this.#index.mask(state, mask);
    const codes = this.#counts.trie.next(state);
    if (codes.length === 0) return out;
    const forbidden = out instanceof Uint8Array ? 0 : Number.NEGATIVE_INFINITY;
    const first = this.#counts.trie.step(state, codes[0]!);
    for (let i = 0; i < codes.length; i++) if (!this.#counts.has(first + i)) out[codes[i]!] = forbidden;
    return out;
  }

  /**
   * Allows items, each in a time that depends on the length of its ID only.
   * @throws InvalidInputError for an item that is not in the index; nothing has then changed.
   */
  add(itemIds: ArrayLike<ItemId>): this {
    return this.#set(itemIds, "add", true);
  }

  /**
   * Forbids items, each in a time that depends on the length of its ID only.
   * @throws InvalidInputError for an item that is not in the index; nothing has then changed.
   */
  remove(itemIds: ArrayLike<ItemId>): this {
    return this.#set(itemIds, "remove", false);
  }

  /** A filter that allows what this one or the other one allows. @throws InvalidInputError for a filter of another index. */
  union(other: IdFilter): IdFilter {
    return this.#combined(other, "union", true);
  }

  /** A filter that allows what both this one and the other one allow. @throws InvalidInputError for a filter of another index. */
  intersection(other: IdFilter): IdFilter {
    return this.#combined(other, "intersection", false);
  }

  /** A filter that allows what this one does not. */
  complement(): IdFilter {
    const counts = this.#current();
    return this.#with(counts.kept(), !counts.isExcluding);
  }

  #set(itemIds: ArrayLike<ItemId>, where: string, isAllowed: boolean): this {
    const counts = this.#current();
    for (const row of rowsOf(itemIds, counts.rows, where)) counts.set(row, isAllowed);
    return this;
  }

  /** By De Morgan, three cases of sets are enough: both, either, and one without the other. */
  #combined(other: IdFilter, where: string, either: boolean): IdFilter {
    const own = originalOf(other);
    const isSo = own instanceof IdFilter && own.#index === this.#index;
    requireThat(isSo, "other", "a filter of the same index", other, where);
    const [a, b] = [this.#current(), own.#current()];
    const [kept, others] = [a.kept(), b.kept()];
    if (a.isExcluding === b.isExcluding) {
      // Of sets of those that are not allowed, either allows what is not in both.
      const isUnion = either !== a.isExcluding;
      if (isUnion) for (const row of others) kept.add(row);
      else for (const row of kept) if (!others.has(row)) kept.delete(row);
      return this.#with(kept, a.isExcluding);
    }
    // Allowed by either: all but those that one forbids and the other does not allow. By both: those that one allows and the other does not forbid.
    const [from, less] = a.isExcluding === either ? [kept, others] : [others, kept];
    for (const row of less) from.delete(row);
    return this.#with(from, either);
  }

  #with(kept: Set<number>, isExcluding: boolean): IdFilter {
    const { trie, rows } = this.#counts;
    return new IdFilter(this.#index, this.#parts, new LiveCounts(trie, rows, kept, isExcluding));
  }

  /** See `state`. States come by the million: those that are right need not be looked up in the index. */
  #state(prefix: IdPrefix): number {
    const counts = this.#current();
    const isState = typeof prefix === "number" && prefix >= 0 && prefix < counts.trie.size && Number.isInteger(prefix);
    const state = isState ? prefix : this.#index.state(prefix);
    if (state !== this.root && !counts.has(state)) {
      throw new UnknownPrefixError(
        `the filter allows no item whose ID starts with [${this.#index.prefix(state).join(", ")}]: call allowedNext to see what may follow a prefix`,
      );
    }
    return state;
  }

  /** @throws InvalidInputError if the index has changed since */
  #current(): LiveCounts {
    if (this.#parts.tree() !== this.#counts.trie) {
      throw invalid(
        "INDEX_CHANGED",
      )`the index has changed since this filter was made${{ hint: "make it again with index.filter", after: ": " }}`;
    }
    return this.#counts;
  }
}
