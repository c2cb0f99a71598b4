import type { SemanticIds } from "rqvae";
import { inSlices } from "./slices.ts";

/** The items whose IDs begin with `prefix`: `order[start]` ... `order[end - 1]` of the index. */
export interface CodeGroup {
  prefix: number[];
  start: number;
  end: number;
  /** One code further, most items first. */
  children: CodeGroup[];
}

/** All items in the order of their IDs, in which every prefix is one stretch. */
export class CatalogueIndex {
  readonly ids: SemanticIds;
  /** Items, sorted by ID. */
  readonly order: Uint32Array;
  /** Per item: how many items have its ID. */
  readonly sharing: Uint32Array;
  /** First codes with their second codes, most items first. */
  readonly families: CodeGroup[];

  private constructor(ids: SemanticIds, order: Uint32Array, sharing: Uint32Array, families: CodeGroup[]) {
    this.ids = ids;
    this.order = order;
    this.sharing = sharing;
    this.families = families;
  }

  /** Sorts in slices: a counting sort a level, from the last to the first. */
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
    const families: CodeGroup[] = [];
    const depth = Math.min(2, levels);
    let same = 0; // where the current ID's stretch begins
    await inSlices(
      length,
      (i) => {
        const at = order[i]! * levels;
        const before = i === 0 ? -1 : order[i - 1]! * levels;
        let common = 0;
        while (i > 0 && common < levels && codes[at + common] === codes[before + common]) common++;
        if (common < levels) {
          for (let j = same; j < i; j++) sharing[order[j]!] = i - same;
          same = i;
        }
        let siblings = families;
        for (let level = 0; level < depth; level++) {
          let group = siblings.at(-1);
          if (!group || common <= level) {
            group = { prefix: Array.from(codes.subarray(at, at + level + 1)), start: i, end: i, children: [] };
            siblings.push(group);
          }
          group.end = i + 1;
          siblings = group.children;
        }
      },
      signal,
    );
    for (let j = same; j < length; j++) sharing[order[j]!] = length - same;
    const bySize = (a: CodeGroup, b: CodeGroup) => b.end - b.start - (a.end - a.start);
    families.sort(bySize);
    await inSlices(families.length, (i) => families[i]!.children.sort(bySize), signal);
    return new CatalogueIndex(ids, order, sharing, families);
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
