import type { CodeArray } from "../ids/semantic-ids.ts";
import type { IdTrie } from "./id-trie.ts";
import type { PublishedRows } from "./published-rows.ts";

/** Fewer kept rows than one in so many are a set; more are an entry for each row and each node. */
const SPARSE = 64;

/**
 * Which items of a tree are allowed, and how many below each node. Kept are either those that are allowed or those that are not, so that a
 * few items, or all but a few, take as much time and space as these few.
 */
export class LiveCounts {
  readonly trie: IdTrie;
  readonly rows: PublishedRows;
  /** Whether the rows that are kept are those that are not allowed. */
  readonly isExcluding: boolean;
  /** Rises with every item that is allowed or forbidden. */
  changes = 0;
  #kept: Set<number> | Uint8Array;
  /** How many of them are below each state. */
  #counts: Map<number, number> | Uint32Array = new Map();

  constructor(trie: IdTrie, rows: PublishedRows, kept: Set<number>, isExcluding: boolean) {
    this.trie = trie;
    this.rows = rows;
    this.isExcluding = isExcluding;
    this.#kept = kept;
    if (!this.#spread()) for (const row of kept) this.#add(row, 1);
  }

  /** Number of allowed items below a state. */
  count(state: number): number {
    const kept = this.#at(state);
    if (!this.isExcluding) return kept;
    const [start, end] = this.trie.span(state);
    return end - start - kept;
  }

  /** Whether an allowed item is below a state. */
  has(state: number): boolean {
    const kept = this.#at(state);
    return this.isExcluding ? kept === 0 || this.count(state) > 0 : kept > 0;
  }

  /** Whether the item of a row is allowed. */
  allows(row: number): boolean {
    return this.#keeps(row) !== this.isExcluding;
  }

  /** The codes that may follow a state, ascending. */
  next(state: number): CodeArray {
    const codes = this.trie.next(state);
    if (codes.length === 0) return codes;
    const first = this.trie.step(state, codes[0]!); // the others follow it
    const counts = this.#counts;
    let count = 0;
    if (counts instanceof Uint32Array && !this.isExcluding) {
      for (let i = 0; i < codes.length; i++) if (counts[first + i] !== 0) codes[count++] = codes[i]!;
    } else for (let i = 0; i < codes.length; i++) if (this.has(first + i)) codes[count++] = codes[i]!;
    return count === codes.length ? codes : codes.slice(0, count);
  }

  /** Allows the item of a row or forbids it, along the path to its ID. */
  set(row: number, isAllowed: boolean): void {
    if (this.allows(row) === isAllowed) return;
    this.changes++;
    const keep = isAllowed !== this.isExcluding;
    if (!(this.#kept instanceof Set)) this.#kept[row] = Number(keep);
    else if (keep) this.#kept.add(row);
    else this.#kept.delete(row);
    if (!this.#spread()) this.#add(row, keep ? 1 : -1);
  }

  /** The rows that are kept, as a set of its own. */
  kept(): Set<number> {
    if (this.#kept instanceof Set) return new Set(this.#kept);
    return new Set(this.trie.rows(this.trie.root).filter((row) => this.#keeps(row)));
  }

  #keeps(row: number): boolean {
    return this.#kept instanceof Set ? this.#kept.has(row) : this.#kept[row] === 1;
  }

  #at(state: number): number {
    return this.#counts instanceof Map ? (this.#counts.get(state) ?? 0) : this.#counts[state]!;
  }

  #add(row: number, change: number): void {
    let state = this.trie.root;
    const put = () => {
      const count = this.#at(state) + change;
      if (!(this.#counts instanceof Map)) this.#counts[state] = count;
      else if (count > 0) this.#counts.set(state, count);
      else this.#counts.delete(state);
    };
    put();
    for (const code of this.rows.idAt(row)) {
      state = this.trie.step(state, code);
      put();
    }
  }

  /** Makes entries for all rows and nodes of a set that has grown large, and counts anew; whether it did. */
  #spread(): boolean {
    const order = this.trie.rows(this.trie.root);
    if (!(this.#kept instanceof Set) || this.#kept.size * SPARSE < order.length || order.length < 256) return false;
    let most = 0;
    for (let i = 0; i < order.length; i++) if (order[i]! > most) most = order[i]!;
    const kept = new Uint8Array(most + 1);
    for (const row of this.#kept) kept[row] = 1;
    this.#kept = kept;
    /** How many of the items before each one are kept. */
    const before = new Uint32Array(order.length + 1);
    for (let i = 0; i < order.length; i++) before[i + 1] = before[i]! + kept[order[i]!]!;
    const counts = new Uint32Array(this.trie.size);
    let end = counts.length;
    for (const starts of this.trie.starts()) {
      const first = end - (starts.length - 1);
      for (let i = 0; first + i < end; i++) counts[first + i] = before[starts[i + 1]!]! - before[starts[i]!]!;
      end = first;
    }
    this.#counts = counts;
    return true;
  }
}
