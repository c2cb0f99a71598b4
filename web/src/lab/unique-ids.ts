import { type RQVAE, SemanticIdIndex, SemanticIds } from "rqvae";
import { type HeldItems, writtenIds } from "./items.ts";
import type { HowUnique, UniqueIds } from "./types.ts";
import { evenly } from "./vectors.ts";

/** Suffix codes, unless more items than that share an ID. */
const SUFFIXES = 256;
/** Numbers up to which all vectors are held at once, as looking for the nearest free ID requires. */
const MOST_HELD = 1 << 25;
const EXAMPLES = 6;

/** IDs as they are published, and the index that has them. */
export interface Published {
  ids: SemanticIds;
  index: SemanticIdIndex;
  about: UniqueIds;
}

/** What items are called in an index: as in all files. */
const namesOf = (held: HeldItems): (string | number)[] => [
  ...(writtenIds(held) ?? Array.from({ length: held.vectors.rows }, (_, row) => row)),
];

/** An index of the IDs as the model gave them. */
export const indexOf = (held: HeldItems, ids: SemanticIds): SemanticIdIndex =>
  SemanticIdIndex.build(namesOf(held), ids);

/** Gives every item an ID of its own: by one more code, or by the nearest ID that is free. */
export async function publishUnique(
  model: RQVAE,
  held: HeldItems,
  ids: SemanticIds,
  how: HowUnique,
): Promise<Published> {
  const { vectors } = held;
  const names = namesOf(held);
  if (how === "reassign" && vectors.rows * vectors.dim > MOST_HELD) {
    throw new Error(
      "Looking for free IDs takes all vectors in memory, and these are too many. Use one more code instead",
    );
  }
  const groups = new Map<string, number[]>();
  for (let row = 0; row < ids.length; row++) {
    const key = ids.at(row).join();
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  const shared = [...groups.values()].filter((group) => group.length > 1);
  const largest = shared.reduce((most, { length }) => Math.max(most, length), 1);
  const index = SemanticIdIndex.build(names, ids, {
    collisions: how,
    capacity: Math.max(SUFFIXES, largest),
    ...(how === "reassign" ? { model, items: await vectors.take(evenly(vectors.rows, vectors.rows)) } : {}),
  });
  const published = names.map((name) => index.get(name)!);
  const codebookSizes = [...index.codebookSizes];
  const isOther = (row: number) =>
    published[row]!.join() !== (how === "suffix" ? [...ids.at(row), 0] : ids.at(row)).join();
  let changed = 0;
  for (let row = 0; row < ids.length; row++) if (isOther(row)) changed++;
  // Whole groups, the smallest first, so that one sees items that had the same ID side by side.
  const examples = shared
    .sort((a, b) => a.length - b.length || a[0]! - b[0]!)
    .flat()
    .slice(0, EXAMPLES)
    .map((item) => ({ item, before: [...ids.at(item)], after: published[item]! }));
  return {
    ids: SemanticIds.from(published, { codebookSizes }),
    index,
    about: { how, codebookSizes, changed, examples },
  };
}
