/** Which rows the runs of a sweep see, and which all of them are judged by. */

import { mix } from "../items/sample.ts";

export interface Split {
  /** Row numbers, ascending. */
  seen: Uint32Array;
  heldOut: Uint32Array;
}

/**
 * Holds out about a share of the rows, chosen by a hash of the seed. Rows with the same vector stay together: a vector that training has
 * seen says nothing about items to come.
 * @param firstRows For each row the number of the first row with its vector, see `VectorClasses`.
 * @param share From 0 to 1.
 */
export function splitRows(firstRows: Uint32Array, share: number, seed: number): Split {
  const salt = mix(mix(seed >>> 0) ^ Math.floor(seed / 2 ** 32));
  const key = (row: number) => mix(mix(row + 0x9e3779b9) ^ salt);
  const sizes = new Map<number, number>();
  for (const first of firstRows) sizes.set(first, (sizes.get(first) ?? 0) + 1);
  const groups = [...sizes.keys()].sort((a, b) => key(a) - key(b)); // no two have the same key
  const wanted = share * firstRows.length;
  const chosen = new Set<number>();
  let count = 0;
  for (const first of groups) {
    const size = sizes.get(first)!;
    // A large group is left out rather than let it take the whole share, and more.
    if (count + size > wanted + 0.5) continue;
    chosen.add(first);
    count += size;
  }
  const seen = new Uint32Array(firstRows.length - count);
  const heldOut = new Uint32Array(count);
  let [s, h] = [0, 0];
  for (let row = 0; row < firstRows.length; row++) {
    if (chosen.has(firstRows[row]!)) heldOut[h++] = row;
    else seen[s++] = row;
  }
  return { seen, heldOut };
}
