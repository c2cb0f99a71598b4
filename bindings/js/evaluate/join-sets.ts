/** Sets of IDs and histories over the items that all of them have. */

import { invalid } from "../base/errors.ts";
import { counted, thousands } from "../base/words.ts";
import { inSlices } from "../behaviour/followers.ts";
import type { Histories } from "../formats/histories/histories.ts";
import { SemanticIds } from "../ids/semantic-ids.ts";
import type { HistorySketch } from "../items/fields.ts";
import { requireUnique } from "../items/join.ts";
import type { Choices } from "./splits.ts";

/** A set of IDs, by one seed or several. */
export interface NamedIds {
  name: string;
  seeds: readonly {
    ids: SemanticIds;
    itemIds?: readonly string[] | undefined;
    /** The choices that the IDs' vectors were made of, if they were. */
    madeFrom?: HistorySketch | undefined;
  }[];
}

/** What all sets have. */
export interface Joined {
  sets: { name: string; seeds: SemanticIds[] }[];
  /** Number of items. */
  items: number;
  choices: Choices;
  /** What was left out, a sentence each. */
  left: string[];
}

/** The items that any set has, in their order; numbers from 0 on by theirs. */
export function itemsOfSets(sets: readonly NamedIds[]): { itemIds: string[]; areRows: boolean } {
  const own = new Set(sets.flatMap(({ seeds }) => seeds.flatMap(({ itemIds = [] }) => itemIds)));
  const rows = Array.from({ length: own.size }, (_, row) => String(row));
  const areRows = rows.every((row) => own.has(row));
  return { itemIds: areRows ? rows : [...own], areRows };
}

/** @throws InvalidInputError if they have no item in common, or a set cannot be joined. */
export async function joinSets(
  sets: readonly NamedIds[],
  histories: Histories,
  itemIds: readonly string[] | undefined,
  signal: AbortSignal | undefined,
): Promise<Joined> {
  const n = histories.catalogueItems;
  const rowsOf = sets.map(({ name, seeds }) => seeds.map((seed) => rowsIn(name, seed, n, itemIds)));
  const all = rowsOf.flat();
  const common = Uint32Array.from({ length: n }, (_, row) => row).filter((row) => all.every((rows) => rows[row]! >= 0));
  if (common.length === 0) {
    throw invalid("COUNTS_DIFFER")`${{ argument: "sets" }} have no item in common, so there is nothing to compare`;
  }
  const picked = sets.map(({ name, seeds }, s) => ({
    name,
    seeds: seeds.map(({ ids }, i) =>
      pick(
        ids,
        Int32Array.from(common, (row) => rowsOf[s]![i]![row]!),
      ),
    ),
  }));
  const { choices, dropped, users } = await restrict(histories, common, signal);
  if (choices.items.length === 0) {
    throw invalid("COUNTS_DIFFER")`${{ argument: "histories" }} have none of the items that all sets have`;
  }
  const left = [
    ...(histories.unknown.choices > 0
      ? [
          `${counted(histories.unknown.choices, "choice")} of ${counted(histories.unknown.items, "item")} that the catalogue does not have ${histories.unknown.choices === 1 ? "is" : "are"} left out.`,
        ]
      : []),
    ...(common.length < n
      ? [
          `Only ${thousands(common.length)} of ${counted(n, "item")} have an ID in all sets: ${counted(dropped, "choice")} of the others and ${counted(users, "user")} without any left are left out.`,
        ]
      : []),
  ];
  return { sets: picked, items: common.length, choices, left };
}

/** For each row of the catalogue, the row of its ID, or -1. */
function rowsIn(
  name: string,
  { ids, itemIds: own }: NamedIds["seeds"][number],
  n: number,
  itemIds: readonly string[] | undefined,
): Int32Array {
  if (own === undefined) {
    if (ids.length !== n) {
      throw invalid(
        "COUNTS_DIFFER",
      )`${{ argument: "sets" }}: ${name} has ${counted(ids.length, "ID")}, but histories were read for a catalogue of ${counted(n, "item")}${{ hint: "give { ids, itemIds }, by which items are joined" }}`;
    }
    return Int32Array.from({ length: n }, (_, row) => row);
  }
  if (itemIds === undefined) {
    throw invalid()`${{ argument: "itemIds" }} is missing: ${name} has item IDs, and histories were read for a catalogue whose item IDs must be given to join them`;
  }
  if (own.length !== ids.length) {
    throw invalid(
      "COUNTS_DIFFER",
    )`${{ argument: "sets" }}: ${name} has ${counted(own.length, "item ID")}, but ${counted(ids.length, "ID")}`;
  }
  requireUnique(own, name);
  const rowOf = new Map(own.map((itemId, row) => [itemId, row]));
  return Int32Array.from(itemIds, (itemId) => rowOf.get(itemId) ?? -1);
}

function pick({ codes, levels, codebookSizes }: SemanticIds, rows: Int32Array): SemanticIds {
  const picked = SemanticIds.allocate(rows.length, codebookSizes);
  rows.forEach((row, i) => {
    picked.set(codes.subarray(row * levels, (row + 1) * levels), i * levels);
  });
  return SemanticIds.trusted(picked, codebookSizes);
}

/** The choices of some items, which are numbered anew, and the users who have any. */
async function restrict(
  { items, offsets, times, catalogueItems }: Histories,
  common: Uint32Array,
  signal: AbortSignal | undefined,
): Promise<{ choices: Choices; dropped: number; users: number }> {
  if (common.length === catalogueItems) return { choices: { items, offsets, times }, dropped: 0, users: 0 };
  const numberOf = new Int32Array(catalogueItems).fill(-1);
  common.forEach((row, i) => {
    numberOf[row] = i;
  });
  const kept = new Uint32Array(items.length);
  const keptTimes = times && new Float64Array(items.length);
  const bounds = [0];
  let at = 0;
  await inSlices(offsets.length - 1, signal, (user) => {
    for (let i = offsets[user]!; i < offsets[user + 1]!; i++) {
      if (numberOf[items[i]!]! < 0) continue;
      if (keptTimes) keptTimes[at] = times[i]!;
      kept[at++] = numberOf[items[i]!]!;
    }
    if (at > bounds.at(-1)!) bounds.push(at);
  });
  return {
    choices: { items: kept.slice(0, at), offsets: Uint32Array.from(bounds), times: keptTimes?.slice(0, at) },
    dropped: items.length - at,
    users: offsets.length - bounds.length,
  };
}
