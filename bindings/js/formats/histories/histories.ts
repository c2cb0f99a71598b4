/** Histories: what each user chose, in order, as rows of a catalogue. */

import { invalid } from "../../base/errors.ts";
import { worded } from "../../base/wording.ts";
import { counted, thousands } from "../../base/words.ts";

/** What the users of a catalogue chose. Only users with at least one known item are in it. */
export interface Histories {
  /** Number of users. */
  readonly users: number;
  readonly userIds: readonly string[];
  /** User u chose the rows `items[offsets[u]]` ... `items[offsets[u + 1] - 1]` of the catalogue, the earliest first. */
  readonly items: Uint32Array;
  readonly offsets: Uint32Array;
  /** Of each choice, if the file has the times of all. */
  readonly times?: Float64Array;
  /** Number of items in the catalogue. */
  readonly catalogueItems: number;
  /** Choices that were left out, since the catalogue does not have their items. */
  readonly unknown: { readonly choices: number; readonly items: number; readonly examples: readonly string[] };
  /** How the file was understood, and what was left out, in one line. */
  readonly text: string;
}

/** Examples of unknown items that are kept. */
const EXAMPLES = 3;

/** Whole numbers without end. */
class Numbers {
  values = new Float64Array(1024);
  length = 0;

  push(value: number): void {
    if (this.length === this.values.length) {
      const larger = new Float64Array(2 * this.length);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.length++] = value;
  }
}

/** Collects choices in any order and joins them with the catalogue by key. */
export class HistoriesBuilder {
  readonly #rowOf: (itemId: string) => number;
  readonly #catalogueItems: number;
  readonly #users = new Map<string, number>();
  readonly #user = new Numbers();
  readonly #item = new Numbers();
  readonly #time = new Numbers();
  readonly #unknown = new Map<string, number>();
  #choices = 0;
  #timed = 0;

  /** @param rowOf The row of an item, or -1. */
  constructor(catalogueItems: number, rowOf: (itemId: string) => number) {
    this.#catalogueItems = catalogueItems;
    this.#rowOf = rowOf;
  }

  /** Whether this user has been seen. */
  has(userId: string): boolean {
    return this.#users.has(userId);
  }

  /**
   * @param time Users' choices are ordered by it; equal times keep the order in which they came.
   * @param isTime Whether it is a time, not a place in the user's list.
   */
  add(userId: string, itemId: string, time = 0, isTime = false): void {
    this.#choices++;
    this.#timed += Number(isTime);
    let user = this.#users.get(userId);
    if (user === undefined) {
      user = this.#users.size;
      this.#users.set(userId, user);
    }
    const row = this.#rowOf(itemId);
    if (row < 0) {
      this.#unknown.set(itemId, (this.#unknown.get(itemId) ?? 0) + 1);
      return;
    }
    this.#user.push(user);
    this.#item.push(row);
    this.#time.push(time);
  }

  /** @throws InvalidInputError if the catalogue has none of the items. */
  finish(layout: string): Histories {
    const unknownChoices = [...this.#unknown.values()].reduce((sum, count) => sum + count, 0);
    const examples = [...this.#unknown.keys()].slice(0, EXAMPLES);
    if (this.#choices === 0) throw invalid("EMPTY")`the file holds no choices`;
    if (this.#item.length === 0) {
      throw invalid(
        "COUNTS_DIFFER",
      )`none of the ${counted(this.#unknown.size, "item")} in the histories is in the catalogue of ${counted(this.#catalogueItems, "item")}: the first is ${JSON.stringify(examples[0])}${{ hint: worded`give the item IDs that the histories use ${{ api: "as itemIds", cli: "with --item-ids, here or when the IDs are made" }}` }}`;
    }
    const n = this.#item.length;
    const counts = new Uint32Array(this.#users.size + 1);
    for (let i = 0; i < n; i++) counts[this.#user.values[i]! + 1]!++;
    for (let u = 1; u < counts.length; u++) counts[u]! += counts[u - 1]!;
    const order = new Uint32Array(n);
    const next = counts.slice();
    for (let i = 0; i < n; i++) order[next[this.#user.values[i]!]!++] = i;
    const times = this.#time.values;
    const userIds: string[] = [];
    const offsets = [0];
    let user = 0;
    for (const userId of this.#users.keys()) {
      const [start, end] = [counts[user]!, counts[user + 1]!];
      user++;
      if (start === end) continue; // all their items are unknown
      order.subarray(start, end).sort((a, b) => times[a]! - times[b]! || a - b);
      userIds.push(userId);
      offsets.push(end);
    }
    const left =
      unknownChoices === 0
        ? ""
        : `; ${thousands(unknownChoices)} of ${counted(this.#choices, "choice")} left out, whose ${counted(this.#unknown.size, "item")} the catalogue does not have (the first: ${examples.join(", ")})`;
    return {
      users: userIds.length,
      userIds,
      items: Uint32Array.from(order, (i) => this.#item.values[i]!),
      offsets: Uint32Array.from(offsets),
      ...(this.#timed === this.#choices && { times: Float64Array.from(order, (i) => times[i]!) }),
      catalogueItems: this.#catalogueItems,
      unknown: { choices: unknownChoices, items: this.#unknown.size, examples },
      text: `${layout}: ${counted(n, "choice")} of ${counted(userIds.length, "user")}${left}`,
    };
  }
}
