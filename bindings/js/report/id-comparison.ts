import type { ItemId } from "../ids/item-id.ts";
import type { BranchChange, BranchCounts } from "./branch-changes.ts";

/** How many of the items in both sets still have the first `depth` codes of their IDs. */
export interface DepthComparison {
  depth: number;
  unchanged: number;
  unchangedShare: number;
  /** Once the codes are renamed by `IdComparison.renaming`. */
  aligned: number;
  alignedShare: number;
  /** What became of the branches of this depth; absent for the whole ID, unless it has one code. */
  branches?: BranchCounts;
}

/** An item that has another ID, beyond the renaming of codes. */
export interface MovedItem {
  /** Its row where no item IDs were given. */
  itemId: ItemId;
  before: number[];
  after: number[];
  /** How many codes from the start are as before, once they are renamed. */
  kept: number;
}

/** What changed between two sets of IDs. It is plain data: `JSON.stringify` writes all of it. */
export interface IdComparison {
  /** Items that are in both sets. Every share is of them. */
  items: number;
  /** Item IDs that are in the second set only, and in the first only. */
  added: ItemId[];
  removed: ItemId[];
  /** Codes per ID before and after; prefixes are compared up to the fewer. */
  levels: { before: number; after: number };
  /** Items with the same whole ID as before: none if the IDs have other numbers of codes. */
  unchanged: number;
  unchangedShare: number;
  /** The same once the codes are renamed by `renaming`. */
  aligned: number;
  alignedShare: number;
  /** One entry per prefix length, the shortest first. */
  perDepth: DepthComparison[];
  /**
   * The renaming of codes that leaves most items where they were: the new number of each old code, level by level; -1 for a code that has
   * none. A model trained afresh numbers its codes by chance, so that IDs differ though groups are the same.
   */
  renaming: number[][];
  /** Branches that were renamed, split or merged, by depth, the largest first. */
  branches: BranchChange[];
  /** In the order of the first set. */
  moved: MovedItem[];
  /** All of this in plain words, several lines. */
  text: string;
}
