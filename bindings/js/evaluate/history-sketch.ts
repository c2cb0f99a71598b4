/** A sample of choices by which they are recognised in another file: those of the smallest hash of user and item. */

import type { Histories } from "../formats/histories/histories.ts";
import type { HistorySketch } from "../items/fields.ts";
import { mix } from "../items/sample.ts";

/** Hashes that are kept. */
const KEPT = 512;

/** FNV-1a over the code units, mixed. */
function hashOf(userId: string, itemId: string): number {
  let hash = 0x811c9dc5;
  for (const text of [userId, "\u0000", itemId]) {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return mix(hash >>> 0);
}

type Named = Pick<Histories, "items" | "offsets" | "userIds">;

/** Calls `use` with the hash of each choice. */
function eachHash(
  { items, offsets, userIds }: Named,
  itemIds: readonly string[] | undefined,
  use: (hash: number, at: number) => void,
) {
  for (let user = 0; user + 1 < offsets.length; user++) {
    for (let i = offsets[user]!; i < offsets[user + 1]!; i++) {
      use(hashOf(userIds[user]!, itemIds?.[items[i]!] ?? String(items[i])), i);
    }
  }
}

/** @param itemIds Of the rows of the catalogue. Default: their numbers. */
export function sketchOf(histories: Named, itemIds?: readonly string[]): HistorySketch {
  const all = new Set<number>();
  eachHash(histories, itemIds, (hash) => all.add(hash));
  const hashes = Array.from(Uint32Array.from(all).sort().subarray(0, KEPT));
  return { users: histories.userIds.length, choices: histories.items.length, hashes };
}

/** The share of some choices that a sketch has, or what it would be of those that it can know; undefined if it can know none. */
export function shareSeen(
  sketch: HistorySketch,
  histories: Named,
  itemIds: readonly string[] | undefined,
  targets: Uint32Array,
): number | undefined {
  const known = new Set(sketch.hashes);
  const last = sketch.hashes.length < KEPT ? 2 ** 32 : (sketch.hashes.at(-1) ?? 0);
  const isTarget = new Uint8Array(histories.items.length);
  for (const target of targets) isTarget[target] = 1;
  let [asked, seen] = [0, 0];
  eachHash(histories, itemIds, (hash, at) => {
    if (isTarget[at] === 0 || hash > last) return;
    asked++;
    if (known.has(hash)) seen++;
  });
  return asked === 0 ? undefined : seen / asked;
}
