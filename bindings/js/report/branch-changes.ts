/** What became of the branches of the tree of IDs: kept, renamed, split or merged. */

import type { SemanticIds } from "../ids/semantic-ids.ts";

/** A part of a split has at least a tenth of its branch and two items: one item that wanders off splits nothing. */
const PART = 10;
const FEWEST = 2;

/** Codes that IDs start with, and how many of the items in question have them. */
export interface Branch {
  prefix: number[];
  items: number;
}

/** A branch that is not what it was. */
export interface BranchChange {
  /**
   * - "renamed": more than half of its items are in one branch now, and are more than half of that.
   * - "split": two or more branches have most of their items from it.
   * - "merged": two or more branches have most of their items in it.
   */
  kind: "renamed" | "split" | "merged";
  /** Codes of its prefix. */
  depth: number;
  /** Before: one branch, or those that merged, the largest first. */
  from: Branch[];
  /** After: one branch, or the parts of a split, the largest first. */
  to: Branch[];
}

/** Branches of one depth; each of `before` is one of the next five. */
export interface BranchCounts {
  before: number;
  after: number;
  /** Still the same branch, under the name that follows from its parent's. */
  kept: number;
  renamed: number;
  split: number;
  merged: number;
  /** Its items are in several branches, none of which is made of them. */
  scattered: number;
}

/** Rows of the same items in two sets of IDs. */
export interface JoinedRows {
  before: Uint32Array;
  after: Uint32Array;
}

/** The branches of one side at one depth. */
interface Side {
  ids: SemanticIds;
  rows: Uint32Array;
  /** Of each joined item. */
  branch: Uint32Array;
  /** Of each branch. */
  items: number[];
  parent: number[];
  /** A row that is in it. */
  example: number[];
}

const rootOf = (ids: SemanticIds, rows: Uint32Array): Side => ({
  ...{ ids, rows, branch: new Uint32Array(rows.length) },
  ...{ items: [rows.length], parent: [0], example: [rows[0]!] },
});

/** Divides each branch by its next code. */
function descend({ ids, rows, branch }: Side, level: number): Side {
  const size = ids.codebookSizes[level]!;
  const places = new Map<number, number>();
  const next: Side = { ids, rows, branch: new Uint32Array(rows.length), items: [], parent: [], example: [] };
  for (let i = 0; i < rows.length; i++) {
    const key = branch[i]! * size + ids.codes[rows[i]! * ids.levels + level]!;
    let place = places.get(key);
    if (place === undefined) {
      place = next.items.push(0) - 1;
      places.set(key, place);
      next.parent.push(branch[i]!);
      next.example.push(rows[i]!);
    }
    next.items[place]!++;
    next.branch[i] = place;
  }
  return next;
}

const prefixOf = ({ ids, example }: Side, branch: number, depth: number): number[] =>
  ids.at(example[branch]!).slice(0, depth);

/** Items that are in one branch before and in another after. */
interface Cell {
  before: number;
  after: number;
  items: number;
}

function cellsOf(before: Side, after: Side): Cell[] {
  const cells = new Map<number, Cell>();
  for (let i = 0; i < before.branch.length; i++) {
    const [p, q] = [before.branch[i]!, after.branch[i]!];
    const key = p * after.items.length + q;
    const known = cells.get(key);
    if (known) known.items++;
    else cells.set(key, { before: p, after: q, items: 1 });
  }
  return [...cells.values()];
}

/** The parts of a branch on the other side that are made of its items, if there are several. */
function partsOf(cells: readonly Cell[], side: "before" | "after", own: Side, other: Side): Map<number, Cell[]> {
  const opposite = side === "before" ? "after" : "before";
  const parts = new Map<number, Cell[]>();
  for (const cell of cells) {
    const isPart =
      cell.items >= FEWEST &&
      cell.items * PART >= own.items[cell[side]]! &&
      2 * cell.items > other.items[cell[opposite]]!;
    if (!isPart) continue;
    const known = parts.get(cell[side]);
    if (known) known.push(cell);
    else parts.set(cell[side], [cell]);
  }
  for (const [branch, of] of parts) if (of.length < 2) parts.delete(branch);
  return parts;
}

/** Compares the branches of each depth below the whole ID, or of the only one. */
export function compareBranches(
  ids: { before: SemanticIds; after: SemanticIds },
  rows: JoinedRows,
): { counts: BranchCounts[]; changes: BranchChange[] } {
  const depths = Math.max(1, Math.min(ids.before.levels, ids.after.levels) - 1);
  const counts: BranchCounts[] = [];
  const changes: BranchChange[] = [];
  let before = rootOf(ids.before, rows.before);
  let after = rootOf(ids.after, rows.after);
  /** Where the branches of the depth above are now. */
  let counterparts = new Map([[0, 0]]);
  for (let depth = 1; depth <= depths; depth++) {
    before = descend(before, depth - 1);
    after = descend(after, depth - 1);
    const compared = compareDepth(before, after, depth, counterparts);
    counts.push(compared.counts);
    changes.push(...compared.changes);
    counterparts = compared.counterparts;
  }
  return { counts, changes };
}

function compareDepth(before: Side, after: Side, depth: number, above: ReadonlyMap<number, number>) {
  const cells = cellsOf(before, after);
  const splits = partsOf(cells, "before", before, after);
  const merges = partsOf(cells, "after", after, before);
  const inMerge = new Set([...merges.values()].flat().map((cell) => cell.before));
  const counterparts = new Map<number, number>();
  const cellOf = new Map<number, Cell>();
  for (const cell of cells) {
    if (2 * cell.items <= before.items[cell.before]! || 2 * cell.items <= after.items[cell.after]!) continue;
    counterparts.set(cell.before, cell.after);
    cellOf.set(cell.before, cell);
  }
  const from = (branch: number, items: number): Branch => ({ prefix: prefixOf(before, branch, depth), items });
  const to = (branch: number, items: number): Branch => ({ prefix: prefixOf(after, branch, depth), items });
  const changes: BranchChange[] = [];
  const total = before.items.length;
  const count = { before: total, after: after.items.length, kept: 0, renamed: 0, split: 0, merged: 0, scattered: 0 };
  for (let branch = 0; branch < total; branch++) {
    const now = counterparts.get(branch);
    if (splits.has(branch)) {
      count.split++;
      const parts = splits.get(branch)!.map((cell) => to(cell.after, cell.items));
      changes.push({ kind: "split", depth, from: [from(branch, before.items[branch]!)], to: parts.sort(byItems) });
    } else if (inMerge.has(branch)) count.merged++;
    else if (now === undefined) count.scattered++;
    else if (isSameBranch(branch, now)) count.kept++;
    else {
      count.renamed++;
      const { items } = cellOf.get(branch)!;
      changes.push({ kind: "renamed", depth, from: [from(branch, items)], to: [to(now, items)] });
    }
  }
  for (const [branch, parts] of merges) {
    const merged = parts.map((cell) => from(cell.before, cell.items)).sort(byItems);
    changes.push({ kind: "merged", depth, from: merged, to: [to(branch, after.items[branch]!)] });
  }
  const itemsOf = ({ kind, from, to }: BranchChange) => (kind === "merged" ? to[0]!.items : from[0]!.items);
  changes.sort((a, b) => itemsOf(b) - itemsOf(a) || compareCodes(a.from[0]!.prefix, b.from[0]!.prefix));
  return { counts: count satisfies BranchCounts, changes, counterparts };

  /** Also if only its parent has another name now. */
  function isSameBranch(branch: number, now: number): boolean {
    const [old, young] = [prefixOf(before, branch, depth), prefixOf(after, now, depth)];
    if (old.every((code, level) => code === young[level])) return true;
    return above.get(before.parent[branch]!) === after.parent[now] && old.at(-1) === young.at(-1);
  }
}

const byItems = (a: Branch, b: Branch): number => b.items - a.items || compareCodes(a.prefix, b.prefix);

function compareCodes(a: readonly number[], b: readonly number[]): number {
  const level = a.findIndex((code, i) => code !== b[i]);
  return level === -1 ? 0 : a[level]! - b[level]!;
}
