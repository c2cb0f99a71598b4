/** Prefixes of semantic IDs as columns of integers, for the embedding tables of a ranking model. */

import { invalid } from "../base/errors.ts";
import { checkOptionNames, OptionReader, requireThat, show } from "../base/option-reader.ts";
import { call, worded } from "../base/wording.ts";
import type { ItemId } from "../ids/item-id.ts";
import { requireIds, SemanticIds, sortedRows } from "../ids/semantic-ids.ts";
import type { SemanticIdIndex } from "../index/semantic-id-index.ts";

/** What `prefixFeatures` makes. */
export interface PrefixFeatureOptions {
  /** For each column, how many first codes it stands for. Default: 1, 2, ... up to all codes but a suffix. */
  depths?: readonly number[];
  /** The most values that a column may have: rows of its embedding table, at most 2^31. Default: 2^20. */
  buckets?: number;
  /**
   * Whether the last code of `ids` is the suffix of published IDs, which says nothing about the item. An index knows by itself. Default:
   * false.
   */
  hasSuffix?: boolean;
}

/** The feature of one depth. */
export interface PrefixColumn {
  /** "prefix_2" for the first two codes. */
  name: string;
  /** Number of first codes. */
  depth: number;
  /** Values go from 0 to `buckets` - 1. For an exact column these are the possible prefixes, else the option. */
  buckets: number;
  /** Whether different prefixes have different values: the number of possible prefixes is at most the option `buckets`. */
  isExact: boolean;
  /** One value per row. */
  values: Int32Array;
  /** Number of different prefixes in the rows. */
  prefixes: number;
  /** How many of them do not have a value of their own; 0 for an exact column. */
  colliding: number;
}

/** See `prefixFeatures`. */
export interface PrefixFeatures {
  columns: PrefixColumn[];
  /** The item of each row, for an index: in the order of `index.items([])`. */
  itemIds?: ItemId[];
}

/**
 * A column of integers for the first code of each ID, the first two codes, and so on. Similar items share the values of small depths, so
 * that a ranker learns about a new item from those that it resembles (prefix n-grams: Singh et al. 2023, "Better Generalization with
 * Semantic IDs"; Zheng et al. 2025, "Enhancing Embedding Representation Stability in Recommendation Systems with Semantic ID"). Each column
 * is meant for an embedding table of its own.
 *
 * A value depends on nothing but the codes of its prefix, the codebook sizes and `buckets`. For K_1 x ... x K_d possible prefixes:
 *
 * - exact, if these are at most `buckets`: ((c_1 K_2 + c_2) K_3 + c_3) ..., the prefix as a number of mixed radix;
 * - else hashed: h mod `buckets`, where h is MurmurHash3 (x86, 32 bits, seed 0) of the codes as 32-bit words, low byte first. The number of
 *   codes enters h, so that depths have different hashes.
 *
 * The guide for Python has the same in ten lines of NumPy.
 *
 * @param ids n IDs; or an index, whose suffixes are left out
 * @throws InvalidInputError for a depth that the IDs do not have; also if it depends on the codebook sizes whether a column is exact, and the
 * file of the IDs did not say them.
 */
export function prefixFeatures(ids: SemanticIds | SemanticIdIndex, options: PrefixFeatureOptions = {}): PrefixFeatures {
  const where = "prefixFeatures";
  checkOptionNames(options, where, ["depths", "buckets", "hasSuffix"]);
  const buckets = new OptionReader(options, where).integer("buckets", 2 ** 20, 1, 2 ** 31);
  const { hasSuffix = false } = options;
  requireThat(typeof hasSuffix === "boolean", "hasSuffix", "true or false", hasSuffix, where);
  const published = isIndex(ids) ? idsOf(ids) : { ids, hasSuffix, itemIds: undefined };
  const rows = published.ids;
  requireIds(rows);
  const most = rows.levels - (published.hasSuffix ? 1 : 0);
  const { depths = Array.from({ length: most }, (_, level) => level + 1) } = options;
  const isList = Array.isArray(depths) && depths.length > 0 && new Set(depths).size === depths.length;
  requireThat(isList, "depths", "an array of different numbers of codes, such as [1, 2]", depths, where);
  for (const depth of depths) {
    if (Number.isInteger(depth) && depth >= 1 && depth <= rows.levels) continue;
    throw invalid()`${call(where)}${{ argument: "depths" }} has ${show(depth)}; it must be a whole number from 1 to ${rows.levels}, the codes of an ID`;
  }
  const order = sortedRows(rows);
  const columns = depths.map((depth) => columnOf(rows, order, depth, buckets));
  return { columns, ...(published.itemIds && { itemIds: published.itemIds }) };
}

const isIndex = (ids: SemanticIds | SemanticIdIndex): ids is SemanticIdIndex =>
  typeof (ids as Partial<SemanticIdIndex> | null)?.allowedNext === "function";

function idsOf(index: SemanticIdIndex): { ids: SemanticIds; hasSuffix: boolean; itemIds: ItemId[] } {
  const { codebookSizes, levels } = index;
  const itemIds = index.items([]);
  const codes = SemanticIds.allocate(itemIds.length, codebookSizes);
  itemIds.forEach((itemId, row) => {
    codes.set(index.get(itemId)!, row * levels);
  });
  return { ids: SemanticIds.trusted(codes, codebookSizes), hasSuffix: index.collisions === "suffix", itemIds };
}

function columnOf(ids: SemanticIds, order: Uint32Array, depth: number, buckets: number): PrefixColumn {
  const { codes, levels, codebookSizes, hasInferredSizes } = ids;
  const sizes = codebookSizes.slice(0, depth);
  const possible = sizes.reduce((product, size) => product * size, 1);
  const isExact = possible <= buckets;
  if (isExact && hasInferredSizes) {
    throw invalid()`${call("prefixFeatures")}${{ api: "codebookSizes", cli: "--codes" }} is needed: the file of the IDs does not say how many codes each level has, and the values of depth ${depth} depend on it${{ hint: worded`Read it with ${{ api: "{ codebookSizes: model.config.codebookSize }, followed by the capacity of the suffix if there is one", cli: "--codes 256, or what the model was trained with" }}`, after: ". " }}`;
  }
  const numberOf = (at: number) =>
    isExact
      ? sizes.reduce((number, size, level) => number * size + codes[at + level]!, 0)
      : hashCodes(codes, at, depth) % buckets;
  const values = new Int32Array(ids.length);
  /** The value of each different prefix; equal prefixes follow each other in the order. */
  const ofPrefixes: number[] = [];
  let before = -1;
  for (const row of order) {
    const at = row * levels;
    let same = 0;
    if (before >= 0) while (same < depth && codes[at + same] === codes[before + same]) same++;
    if (same < depth) ofPrefixes.push(numberOf(at));
    values[row] = ofPrefixes.at(-1)!;
    before = at;
  }
  const distinct = isExact ? ofPrefixes.length : new Set(ofPrefixes).size;
  return {
    name: `prefix_${depth}`,
    depth,
    buckets: isExact ? possible : buckets,
    isExact,
    values,
    prefixes: ofPrefixes.length,
    colliding: ofPrefixes.length - distinct,
  };
}

const rotate = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits));

/** MurmurHash3 x86 32 with seed 0 (Appleby, public domain) of `count` codes as 32-bit words. */
export function hashCodes(codes: ArrayLike<number>, start: number, count: number): number {
  let hash = 0;
  for (let i = start; i < start + count; i++) {
    hash ^= Math.imul(rotate(Math.imul(codes[i]!, 0xcc9e2d51), 15), 0x1b873593);
    hash = (Math.imul(rotate(hash, 13), 5) + 0xe6546b64) | 0;
  }
  hash ^= 4 * count;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
