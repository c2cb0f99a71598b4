import { requireThat } from "../base/option-reader.ts";
import { counted } from "../base/words.ts";
import type { Histories } from "../formats/histories/histories.ts";
import { requireHistories } from "../report/check.ts";
import { leaveOneOut, splitInTime } from "./splits.ts";

export const HELD_OUT = ["last", "time", "both"] as const;
/** Which choices are left out: those that leave-one-out has found ("last"), those that the split in time has ("time"), or both. */
export type HeldOut = (typeof HELD_OUT)[number];

/**
 * The histories without the choices that `evaluateIds` wants found: the last one of each user ("last"), all from a point in time on
 * ("time"), or both. Make IDs from these, and evaluate them with the whole histories.
 * @param share Of the choices, for the split in time, as `heldOut` of `evaluateIds`. Default: 0.2.
 */
export async function leaveOut(histories: Histories, which: HeldOut, share = 0.2): Promise<Histories> {
  requireHistories(histories, histories?.catalogueItems, "leaveOut");
  requireThat(HELD_OUT.includes(which), "which", '"last", "time" or "both"', which, "leaveOut");
  requireThat(
    typeof share === "number" && share > 0 && share <= 0.5,
    "share",
    "a number above 0 to 0.5",
    share,
    "leaveOut",
  );
  const { items, offsets, times, userIds } = histories;
  const splits = [
    ...(which === "time" ? [] : [await leaveOneOut(histories, undefined)]),
    ...(which === "last" ? [] : [await splitInTime(histories, share, undefined)]),
  ];
  const ends = offsets.subarray(1).map((end, user) => Math.min(end, ...splits.map((split) => split.ends[user]!)));
  const kept = Uint32Array.from(items.keys()).filter(isSeen(offsets, ends));
  const users = userIds.map((_, user) => user).filter((user) => ends[user]! > offsets[user]!);
  const bounds = new Uint32Array(users.length + 1);
  users.forEach((user, u) => {
    bounds[u + 1] = bounds[u]! + ends[user]! - offsets[user]!;
  });
  return {
    ...histories,
    users: users.length,
    userIds: users.map((user) => userIds[user]!),
    items: kept.map((i) => items[i]!),
    offsets: bounds,
    ...(times && { times: Float64Array.from(kept, (i) => times[i]!) }),
    text: `${histories.text}; ${counted(items.length - kept.length, "choice")} held out`,
  };
}

function isSeen(offsets: Uint32Array, ends: Uint32Array): (i: number) => boolean {
  let user = 0;
  return (i) => {
    while (i >= offsets[user + 1]!) user++;
    return i < ends[user]!;
  };
}
