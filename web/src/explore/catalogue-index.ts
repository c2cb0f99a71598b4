import type { SemanticIds } from "rqvae";
import { inSlices } from "../base/slices.ts";

/** The items whose IDs begin with `prefix`: `order[start]` ... `order[end - 1]` of the index. */
export interface CodeGroup {
  prefix: readonly number[];
  start: number;
  end: number;
}

/** All items in the order of their IDs, in which every prefix is one stretch. */
export class CatalogueIndex {
  readonly ids: SemanticIds;
  /** Items, sorted by ID. */
  readonly order: Uint32Array;
  /** Per item: how many items have its ID. */
  readonly sharing: Uint32Array;

  private constructor(ids: SemanticIds, order: Uint32Array, sharing: Uint32Array) {
    this.ids = ids;
    this.order = order;
    this.sharing = sharing;
  }

  /** Sorts in slices: one counting sort per level, from the last to the first. */
  static async build(ids: SemanticIds, signal: AbortSignal): Promise<CatalogueIndex> {
    const { codes, levels, length } = ids;
    let order = new Uint32Array(length).map((_, i) => i);
    let next = new Uint32Array(length);
    for (let level = levels - 1; level >= 0; level--) {
      const starts = new Uint32Array(ids.codebookSizes[level]! + 1);
      await inSlices(length, (i) => starts[codes[i * levels + level]! + 1]!++, signal);
      for (let code = 1; code < starts.length; code++) starts[code]! += starts[code - 1]!;
      await inSlices(length, (i) => (next[starts[codes[order[i]! * levels + level]!]!++] = order[i]!), signal);
      [order, next] = [next, order];
    }

    const sharing = new Uint32Array(length);
    let same = 0; // where the current ID's stretch begins
    const close = (end: number) => {
      for (let j = same; j < end; j++) sharing[order[j]!] = end - same;
      same = end;
    };
    await inSlices(
      length,
      (i) => {
        if (i === 0) return;
        const at = order[i]! * levels;
        const before = order[i - 1]! * levels;
        for (let level = 0; level < levels; level++) {
          if (codes[at + level] === codes[before + level]) continue;
          close(i);
          return;
        }
      },
      signal,
    );
    close(length);
    return new CatalogueIndex(ids, order, sharing);
  }

  /** The whole catalogue. */
  get root(): CodeGroup {
    return { prefix: [], start: 0, end: this.order.length };
  }

  /** The group of a prefix; empty if no ID has it. */
  group(prefix: readonly number[]): CodeGroup {
    return { prefix, ...this.range(prefix) };
  }

  /** A group's parts by the next code, most items first. None for a whole ID. */
  childrenOf({ prefix, start, end }: CodeGroup): CodeGroup[] {
    const { ids, order } = this;
    const level = prefix.length;
    if (level >= ids.levels) return [];
    const groups: CodeGroup[] = [];
    for (let from = start; from < end; ) {
      const code = ids.codes[order[from]! * ids.levels + level]!;
      let low = from + 1;
      let high = end;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (ids.codes[order[middle]! * ids.levels + level]! === code) low = middle + 1;
        else high = middle;
      }
      groups.push({ prefix: [...prefix, code], start: from, end: low });
      from = low;
    }
    return groups.sort((a, b) => b.end - b.start - (a.end - a.start));
  }

  /** Where the items whose IDs begin with `prefix` stand in `order`. */
  range(prefix: readonly number[]): { start: number; end: number } {
    const edge = (after: boolean) => {
      let low = 0;
      let high = this.order.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        const comparison = this.compare(this.order[middle]!, prefix);
        if (comparison < 0 || (after && comparison === 0)) low = middle + 1;
        else high = middle;
      }
      return low;
    };
    return { start: edge(false), end: edge(true) };
  }

  private compare(item: number, prefix: readonly number[]): number {
    for (let level = 0; level < prefix.length; level++) {
      const difference = this.ids.codes[item * this.ids.levels + level]! - prefix[level]!;
      if (difference !== 0) return difference;
    }
    return 0;
  }
}
