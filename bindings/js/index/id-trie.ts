import type { CodeArray } from "../ids/semantic-ids.ts";
import type { SortedIds } from "../ids/sorted-ids.ts";

/**
 * A position in the tree of IDs: the codes that lead there, or a state from `root` and `step`. States are cheap to keep and to compare, as
 * beam search needs; they are valid until the index changes.
 */
export type IdPrefix = ArrayLike<number> | number;

/**
 * The prefix tree of IDs in typed arrays. The nodes of a depth are adjacent in lexicographic order, so that the children of a node, and the
 * items below it, are contiguous. A state is the number of a node: the root is 0, and the others follow depth by depth.
 */
export class IdTrie {
  readonly root = 0;
  readonly levels: number;
  /** Number of nodes. */
  readonly size: number;

  readonly #ids: SortedIds;
  /** The last code of each node at depth 1, 2, ... */
  readonly #codes: CodeArray[] = [];
  /** Per depth from 0: where the children of each node start at the next depth, and where the last ones end. */
  readonly #children: Uint32Array[] = [];
  /** Where the items of each whole ID start in the order of IDs; undefined if each ID has one item. */
  readonly #items: Uint32Array | undefined;
  /** State of the first node at each depth, and the number of nodes. */
  readonly #first: number[] = [0, 1];

  constructor(ids: SortedIds) {
    const { codes, levels, order } = ids;
    const n = order.length;
    // How many codes each ID shares with the previous one: a node starts at every greater depth.
    const common = levels < 256 ? new Uint8Array(n) : new Uint32Array(n);
    const begins = new Uint32Array(levels + 1);
    for (let i = 0; i < n; i++) {
      let same = 0;
      if (i > 0) {
        const [row, before] = [order[i]! * levels, order[i - 1]! * levels];
        while (same < levels && codes[row + same] === codes[before + same]) same++;
      }
      common[i] = same;
      begins[same]!++;
    }
    const CodeArray = codes.constructor as new (length: number) => CodeArray;
    let nodes = 0;
    for (let depth = 0; depth < levels; depth++) {
      const parents = depth === 0 ? 1 : nodes;
      nodes += begins[depth]!;
      const nodeCodes = new CodeArray(nodes);
      const starts = new Uint32Array(parents + 1);
      let parent = depth === 0 ? 0 : -1;
      for (let i = 0, node = 0; i < n; i++) {
        if (common[i]! > depth) continue;
        if (depth > 0 && common[i]! < depth) starts[++parent] = node;
        nodeCodes[node++] = codes[order[i]! * levels + depth]!;
      }
      starts[parents] = nodes;
      this.#codes.push(nodeCodes);
      this.#children.push(starts);
      this.#first.push(this.#first.at(-1)! + nodes);
    }
    if (nodes < n) {
      this.#items = new Uint32Array(nodes + 1);
      for (let i = 0, node = 0; i < n; i++) if (common[i]! < levels) this.#items[node++] = i;
      this.#items[nodes] = n;
    }
    this.#ids = ids;
    this.levels = levels;
    this.size = this.#first.at(-1)!;
  }

  /** Number of codes that lead to a state. */
  depth(state: number): number {
    let depth = 0;
    while (state >= this.#first[depth + 1]!) depth++;
    return depth;
  }

  /** The state after one more code; -1 if no ID continues with it. */
  step(state: number, code: number): number {
    return this.#step(state, this.depth(state), code);
  }

  /** The state after a prefix; -1 if no ID has it. */
  find(prefix: ArrayLike<number>): number {
    if (prefix.length > this.levels) return -1;
    let state = this.root;
    for (let depth = 0; depth < prefix.length && state >= 0; depth++) state = this.#step(state, depth, prefix[depth]!);
    return state;
  }

  /** The codes that may follow, ascending, as a copy. Empty after a whole ID. */
  next(state: number): CodeArray {
    const depth = this.depth(state);
    if (depth === this.levels) return this.#codes[depth - 1]!.slice(0, 0);
    const [start, end] = this.#childrenOf(state, depth);
    return this.#codes[depth]!.slice(start, end);
  }

  /** Sets mask[code] to `value` for each code that may follow. */
  mark(state: number, mask: Uint8Array | Float32Array, value: number): void {
    const depth = this.depth(state);
    const [start, end] = this.#childrenOf(state, depth);
    const codes = this.#codes[depth]!;
    for (let i = start; i < end; i++) mask[codes[i]!] = value;
  }

  /** The rows of the items below a state, in the order of their IDs, as a view. */
  rows(state: number): Uint32Array {
    return this.#ids.order.subarray(...this.span(state));
  }

  /** Where the items below a state start and end among those of the root. */
  span(state: number): [start: number, end: number] {
    let depth = this.depth(state);
    let start = state - this.#first[depth]!;
    let end = start + 1;
    for (; depth < this.levels; depth++) {
      [start, end] = [this.#children[depth]![start]!, this.#children[depth]![end]!];
    }
    return [this.#items?.[start] ?? start, this.#items?.[end] ?? end];
  }

  /** Of each depth, the deepest first: where the items below its nodes start among those of the root, and where the last ones end. */
  *starts(): Generator<Uint32Array> {
    let starts = this.#items ?? Uint32Array.from({ length: this.#ids.order.length + 1 }, (_, i) => i);
    yield starts;
    for (let depth = this.levels - 1; depth >= 0; depth--) {
      const below = starts;
      starts = this.#children[depth]!.map((child) => below[child]!);
      yield starts;
    }
  }

  /** The codes that lead to a state. */
  prefix(state: number): number[] {
    const { codes, levels } = this.#ids;
    const depth = this.depth(state);
    const at = depth === 0 ? 0 : this.rows(state)[0]! * levels;
    return Array.from(codes.subarray(at, at + depth));
  }

  #childrenOf(state: number, depth: number): [number, number] {
    const starts = this.#children[depth]!;
    const node = state - this.#first[depth]!;
    return [starts[node]!, starts[node + 1]!];
  }

  #step(state: number, depth: number, code: number): number {
    if (depth === this.levels) return -1;
    const [start, end] = this.#childrenOf(state, depth);
    const codes = this.#codes[depth]!;
    let [low, high] = [start, end];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (codes[middle]! < code) low = middle + 1;
      else high = middle;
    }
    return low < end && codes[low] === code ? this.#first[depth + 1]! + low : -1;
  }
}
