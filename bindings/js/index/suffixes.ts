import { invalid } from "../base/errors.ts";
import { call } from "../base/wording.ts";
import { type CodeArray, SemanticIds } from "../ids/semantic-ids.ts";
import { groups, rangeOf, type SortedIds } from "../ids/sorted-ids.ts";

/**
 * "suffix": one more code, the smallest that no item with the same raw ID holds.
 * @param fresh raw IDs of the new items
 * @param held published IDs, those of removed items included
 * @returns published IDs by row of `fresh`: its codes and the suffix
 * @throws InvalidInputError if more items share a raw ID than there are suffixes.
 */
export function giveSuffixes(
  fresh: SortedIds,
  held: SortedIds,
  codebookSizes: readonly number[],
  capacity: number,
): CodeArray {
  const { codes, levels, order } = fresh;
  const published = SemanticIds.allocate(order.length, [...codebookSizes, capacity]);
  for (const [start, end] of groups(fresh)) {
    const at = order[start]! * levels;
    let [next, heldEnd] = rangeOf(held, codes, at, levels);
    const sharing = heldEnd - next + end - start;
    if (sharing > capacity) {
      throw invalid(
        "TOO_FEW_CODES",
      )`${call("suffix")}${sharing} items share the ID [${codes.slice(at, at + levels).join()}], but capacity is ${capacity}${{ hint: "give a larger capacity, or train with more codes or levels" }}`;
    }
    let suffix = 0;
    for (let i = start; i < end; i++, suffix++) {
      // Held suffixes come in ascending order.
      while (next < heldEnd && held.codes[held.order[next]! * (levels + 1) + levels] === suffix)
        [next, suffix] = [next + 1, suffix + 1];
      const row = order[i]!;
      published.set(codes.subarray(row * levels, (row + 1) * levels), row * (levels + 1));
      published[row * (levels + 1) + levels] = suffix;
    }
  }
  return published;
}
