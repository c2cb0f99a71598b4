/** What changed between two sets of IDs of the same items: the churn of a new model, or the difference of two methods. */

import { invalid } from "../base/errors.ts";
import { OptionReader, requireThat } from "../base/option-reader.ts";
import { counted } from "../base/words.ts";
import { type ItemId, rowsByKey } from "../ids/item-id.ts";
import { requireIds, type SemanticIds } from "../ids/semantic-ids.ts";
import { compareBranches, type JoinedRows } from "./branch-changes.ts";
import { describeComparison } from "./comparison-text.ts";
import type { IdComparison, MovedItem } from "./id-comparison.ts";
import { bestRenaming } from "./renaming.ts";

/** How the items of two sets of IDs are joined. */
export interface CompareOptions {
  /** The items' own IDs, one per row: items are joined by them, in any order, and some may be in one set only. Default: row by row. */
  itemIds?: { before: readonly ItemId[]; after: readonly ItemId[] };
}

/**
 * Compares two sets of semantic IDs of the same items. It says how many items keep their ID and its first codes, as the IDs stand and after
 * the best renaming of codes, which items moved, and which branches of the tree were renamed, split or merged.
 *
 * The renaming is a permutation of the codes of each level that keeps most items in place. It is found level by level, the upper ones
 * first: each is an exact assignment over the items whose upper codes agree. With more than 1,024 codes in use, pairs of codes are taken
 * greedily instead, those with the most items first. Everything else takes time in proportion to the number of items.
 *
 * @throws InvalidInputError if the sets have different lengths and no `itemIds`, if an item ID occurs twice, or if no item is in both.
 */
export function compareIds(before: SemanticIds, after: SemanticIds, options: CompareOptions = {}): IdComparison {
  requireIds(before, "before");
  requireIds(after, "after");
  const read = new OptionReader(options, "compareIds");
  const given = read.get("itemIds") as CompareOptions["itemIds"];
  read.refuseUnknown();
  const { rows, itemIds, added, removed } = given ? joinByKey(before, after, given) : joinByRow(before, after);
  const items = rows.before.length;
  if (items === 0) {
    throw invalid(
      "COUNTS_DIFFER",
    )`${{ argument: "after" }} has no item in common with ${{ argument: "before" }}, so there is nothing to compare`;
  }
  const levels = { before: before.levels, after: after.levels };
  const depth = Math.min(levels.before, levels.after);
  const unchanged = keptDepths(before, after, rows, depth);
  const { renaming, kept } = align(before, after, rows, depth);
  const { counts, changes } = compareBranches({ before, after }, rows);
  const perDepth = Array.from({ length: depth }, (_, i) => {
    const [same, aligned] = [countFrom(unchanged, i + 1), countFrom(kept, i + 1)];
    return {
      ...{ depth: i + 1, unchanged: same, unchangedShare: same / items, aligned, alignedShare: aligned / items },
      ...(counts[i] ? { branches: counts[i] } : {}),
    };
  });
  const whole = levels.before === levels.after ? perDepth.at(-1)! : undefined;
  const moved: MovedItem[] = [];
  for (let i = 0; i < items; i++) {
    if (kept[i] === depth) continue;
    const [old, young] = [rows.before[i]!, rows.after[i]!];
    const itemId = itemIds ? itemIds[old]! : old;
    moved.push({ itemId, before: before.at(old), after: after.at(young), kept: kept[i]! });
  }
  const compared = {
    ...{ items, added, removed, levels },
    ...{ unchanged: whole?.unchanged ?? 0, unchangedShare: whole?.unchangedShare ?? 0 },
    ...{ aligned: whole?.aligned ?? 0, alignedShare: whole?.alignedShare ?? 0 },
    ...{ perDepth, renaming: renaming.map((codes) => [...codes]), branches: changes, moved },
  };
  return { ...compared, text: describeComparison(compared) };
}

interface Joined {
  rows: JoinedRows;
  /** Of the rows before. */
  itemIds?: readonly ItemId[];
  added: ItemId[];
  removed: ItemId[];
}

function joinByRow(before: SemanticIds, after: SemanticIds): Joined {
  if (before.length !== after.length) {
    throw invalid(
      "COUNTS_DIFFER",
    )`${{ argument: "before" }} has ${counted(before.length, "ID")} and ${{ argument: "after" }} ${counted(after.length, "ID")}, so that rows cannot be compared with rows${{ hint: "give itemIds: { before, after }, by which items are joined" }}`;
  }
  const rows = Uint32Array.from({ length: before.length }, (_, row) => row);
  return { rows: { before: rows, after: rows }, added: [], removed: [] };
}

function joinByKey(before: SemanticIds, after: SemanticIds, given: NonNullable<CompareOptions["itemIds"]>): Joined {
  const isSo = typeof given === "object" && "before" in given && "after" in given;
  requireThat(isSo, "itemIds", "an object { before, after } with the item IDs of both", given, "compareIds");
  const rowsOf = (side: "before" | "after", { length }: SemanticIds) =>
    rowsByKey(given[side], { name: `itemIds.${side}`, of: side, unit: "ID", length }, `compareIds: ${side}`);
  const [rowOf, rowAfter] = [rowsOf("before", before), rowsOf("after", after)];
  const pairs: [number, number][] = [];
  const removed: ItemId[] = [];
  for (const [itemId, row] of rowOf) {
    const now = rowAfter.get(itemId);
    if (now === undefined) removed.push(itemId);
    else pairs.push([row, now]);
  }
  const rows = {
    before: Uint32Array.from(pairs, ([row]) => row),
    after: Uint32Array.from(pairs, ([, row]) => row),
  };
  const added = [...rowAfter.keys()].filter((itemId) => !rowOf.has(itemId));
  return { rows, itemIds: [...rowOf.keys()], added, removed };
}

/** Of each item, how many codes from the start are the same number. */
function keptDepths(before: SemanticIds, after: SemanticIds, rows: JoinedRows, depth: number): Uint16Array {
  return Uint16Array.from(rows.before, (row, i) => {
    const [a, b] = [row * before.levels, rows.after[i]! * after.levels];
    let level = 0;
    while (level < depth && before.codes[a + level] === after.codes[b + level]) level++;
    return level;
  });
}

/** Renames the codes level by level; an item decides as long as its upper codes agree. */
function align(before: SemanticIds, after: SemanticIds, rows: JoinedRows, depth: number) {
  const kept = new Uint16Array(rows.before.length);
  const renaming: Int32Array[] = [];
  for (let level = 0; level < depth; level++) {
    const codesOf = (i: number): [number, number] => [
      before.codes[rows.before[i]! * before.levels + level]!,
      after.codes[rows.after[i]! * after.levels + level]!,
    ];
    const deciding = function* () {
      for (let i = 0; i < kept.length; i++) if (kept[i] === level) yield codesOf(i);
    };
    const renamed = bestRenaming(deciding(), before.codebookSizes[level]!, after.codebookSizes[level]!);
    renaming.push(renamed);
    for (let i = 0; i < kept.length; i++) {
      if (kept[i] !== level) continue;
      const [old, young] = codesOf(i);
      if (renamed[old] === young) kept[i]!++;
    }
  }
  return { renaming, kept };
}

function countFrom(depths: Uint16Array, least: number): number {
  let count = 0;
  for (const depth of depths) if (depth >= least) count++;
  return count;
}
