import type { CatalogueIndex } from "./catalogue-index.ts";

/** What a lookup needs to know of the IDs in use. */
export interface KnownIds {
  /** The items whose IDs begin so; none when no ID does. */
  items(prefix: readonly number[]): Uint32Array;
  /** The ID in use that is nearest to codes that are not. */
  nearestValid(codes: readonly number[]): number[];
}

/** By the catalogue's own index: the nearest ID shares the longest beginning, and is the most frequent one of these. */
export function knownIds(index: CatalogueIndex): KnownIds {
  return {
    items(prefix) {
      const { start, end } = index.range(prefix);
      return index.order.subarray(start, end);
    },
    nearestValid(codes) {
      let depth = codes.length;
      let group = index.group(codes);
      while (group.start === group.end) group = index.group(codes.slice(0, --depth));
      for (let parts = index.childrenOf(group); parts.length > 0; parts = index.childrenOf(group)) group = parts[0]!;
      return [...group.prefix];
    },
  };
}

/** "<a_17><b_4>", "a_17 b_4", "17, 4" or "17 4": the codes. Undefined for what is none of these. */
export function readCodes(text: string): number[] | undefined {
  const numbers = text.match(/\d+/g);
  const rest = text.replace(/[a-z]_\d+/gi, "").replace(/[\d\s,;<>[\]()-]/g, "");
  return numbers && rest === "" ? numbers.map(Number) : undefined;
}
