/** Earlier generations of an index, by its journal. */

import { invalid } from "../base/errors.ts";
import { requireThat, wholeNumber } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import type { ItemId } from "../ids/item-id.ts";
import type { CodeArray } from "../ids/semantic-ids.ts";
import { sortIds } from "../ids/sorted-ids.ts";
import { type IndexContents, publishedSizes, readIds } from "./index-contents.ts";
import { pickIds } from "./published-rows.ts";

/**
 * The contents of a compact index as it was before the migration that ended a generation: the journal is undone up to there.
 * @param generation Default: the previous one.
 * @throws InvalidInputError if there is no such generation, or no journal.
 */
export function contentsAt(contents: IndexContents, generation?: number): IndexContents {
  const { earlier = [], journal, retired } = contents;
  const where = "earlier";
  if (earlier.length === 0) {
    throw invalid()`${call(where)}this index is of the first generation${{ hint: "migrate makes the next one" }}`;
  }
  const asked = generation ?? earlier.length;
  const isOne = Number.isInteger(asked) && asked >= 1 && asked <= earlier.length;
  requireThat(isOne, "generation", wholeNumber(1, earlier.length), generation, where);
  if (contents.compact) {
    throw invalid(
      "INDEX_COMPACT",
    )`${call(where)}this index was saved with compact: true, without the journal that has earlier IDs${{ hint: "load the full index" }}`;
  }
  // The IDs of items whose ID has changed since, or undefined for those that were not there.
  const since = new Map<ItemId, readonly number[] | undefined>();
  for (let i = journal.length, reached = earlier.length + 1; reached > asked; ) {
    const { kind, itemIds, before } = journal[--i]!;
    for (const [place, itemId] of itemIds.entries()) since.set(itemId, before?.at(place));
    if (kind === "migrate") reached--;
  }
  const { fingerprint, codebookSizes } = earlier[asked - 1]!;
  const sizes = publishedSizes({ ...contents, codebookSizes });
  const levels = sizes.length;
  const gone = new Set(retired);
  const rows: number[] = [];
  for (const [row, itemId] of contents.itemIds.entries()) {
    if (!gone.has(row) && !since.has(itemId!)) rows.push(row);
  }
  const others = [...since].filter(([, codes]) => codes !== undefined) as [ItemId, readonly number[]][];
  const itemIds = [...rows.map((row) => contents.itemIds[row]!), ...others.map(([itemId]) => itemId)];
  const all = [...pickIds(contents.codes, levels, rows), ...others.flatMap(([, codes]) => codes)];
  const codes: CodeArray = readIds({ codes: all, levels }, sizes).codes;
  const { order } = sortIds(codes, sizes, itemIds);
  return {
    ...{ collisions: contents.collisions, capacity: contents.capacity, codebookSizes, fingerprint, compact: true },
    itemIds: Array.from(order, (row) => itemIds[row]!),
    codes: pickIds(codes, levels, order),
    ...{ retired: [], drift: [0, 0], journal: [] },
    ...(asked > 1 ? { earlier: earlier.slice(0, asked - 1) } : {}),
  };
}
