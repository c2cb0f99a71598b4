/** What is seen of histories, and what is to be found. */

import { counted, percent, thousands, wholePercent } from "../base/words.ts";
import { inSlices, type Seen } from "../behaviour/followers.ts";
import type { SplitEvaluation } from "./evaluation.ts";

/** Times that the point in time is found among. */
const MOST_TIMES = 2 ** 16;

/** Choices of users over a catalogue. */
export interface Choices {
  readonly items: Uint32Array;
  readonly offsets: Uint32Array;
  /** Of each choice, if the histories have times. */
  readonly times?: Float64Array | undefined;
}

/** A way to divide histories. */
export interface Split extends Seen {
  name: SplitEvaluation["name"];
  /** Positions of the choices that are to be found, user by user. */
  targets: Uint32Array;
  /** Of user u, the targets `firsts[u]` ... `firsts[u + 1] - 1`. */
  firsts: Uint32Array;
  /** What is seen and what is to be found, in a sentence. */
  text: string;
}

/** Leave-one-out: the last choice of each user with two or more. */
export async function leaveOneOut(choices: Choices, signal: AbortSignal | undefined): Promise<Split> {
  const { offsets } = choices;
  const ends = Uint32Array.from(offsets.subarray(1), (end, user) => (end - offsets[user]! > 1 ? end - 1 : end));
  const { text, ...found } = await targetsOf(choices, ends, signal);
  return {
    ...{ name: "leaveOneOut" as const, ...choices, ends, ...found },
    text: `Leave-one-out: the last choice of each user is to be found; all others are seen, also those that others made later. ${text}`,
  };
}

/** All choices from a time on; without times, the last ones of each user. */
export async function splitInTime(choices: Choices, share: number, signal: AbortSignal | undefined): Promise<Split> {
  const { offsets, times, items } = choices;
  const n = items.length;
  const ends = offsets.slice(1);
  let how: string;
  let name: Split["name"] = "time";
  const step = Math.ceil(n / MOST_TIMES);
  const ascending = times?.filter((_, i) => i % step === 0).sort();
  const from = ascending?.[Math.floor((1 - share) * ascending.length)] ?? 0;
  if (times && from > ascending![0]!) {
    let later = 0;
    await inSlices(ends.length, signal, (user) => {
      while (ends[user]! > offsets[user]! && times[ends[user]! - 1]! >= from) ends[user]!--;
      later += offsets[user + 1]! - ends[user]!;
    });
    how = `Split in time: what was chosen before one point in time is seen, and the ${thousands(later)} choices from then on (${percent(later / n)}) are to be found`;
  } else {
    await inSlices(ends.length, signal, (user) => {
      const own = ends[user]! - offsets[user]!;
      ends[user]! -= Math.min(own - 1, Math.max(1, Math.round(share * own)));
    });
    name = "position";
    how = `Split by position, since the histories have ${times ? "hardly any times that differ" : "no times"}: the last ${wholePercent(share)} of each user's choices, at least one, are to be found`;
  }
  const { text, ...found } = await targetsOf(choices, ends, signal);
  return {
    ...{ name, ...choices, ends, ...found },
    text: `${how}, each from all that the user chose before it. ${text}`,
  };
}

/** What can be found: after at least one choice, and not chosen before, since no model recommends what the user has. */
async function targetsOf({ items, offsets }: Choices, ends: Uint32Array, signal: AbortSignal | undefined) {
  const targets: number[] = [];
  const firsts = new Uint32Array(ends.length + 1);
  let [users, known] = [0, 0];
  await inSlices(ends.length, signal, (user) => {
    const start = offsets[user]!;
    const seen = new Set(items.subarray(start, ends[user]!));
    for (let i = ends[user]!; i < offsets[user + 1]!; i++) {
      if (seen.has(items[i]!)) known++;
      else if (i > start) targets.push(i);
      seen.add(items[i]!);
    }
    firsts[user + 1] = targets.length;
    if (firsts[user + 1]! > firsts[user]!) users++;
  });
  const again =
    known === 0
      ? ""
      : ` ${counted(known, "choice")} of an item that the user has chosen before ${known === 1 ? "is" : "are"} left out.`;
  return {
    targets: Uint32Array.from(targets),
    firsts,
    text: `${counted(targets.length, "choice")} of ${counted(users, "user")}.${again}`,
  };
}
