import type { Histories } from "rqvae/formats";
import type { Companion } from "./types.ts";

/** How many choices apart two items of one person still count as chosen together, as in the report. */
const WINDOW = 5;

/** Which items people chose together, looked up item by item. */
export class ChosenTogether {
  private readonly histories: Histories;
  /** Places in the histories where item i was chosen: `places[starts[i]]` ... `places[starts[i + 1] - 1]`. */
  private readonly starts: Uint32Array;
  private readonly places: Uint32Array;
  /** The user of each place. */
  private readonly userAt: Uint32Array;

  constructor(histories: Histories) {
    const { items, offsets, users, catalogueItems } = histories;
    this.histories = histories;
    this.starts = new Uint32Array(catalogueItems + 1);
    for (const item of items) this.starts[item + 1]!++;
    for (let i = 0; i < catalogueItems; i++) this.starts[i + 1]! += this.starts[i]!;
    const next = this.starts.slice();
    this.places = new Uint32Array(items.length);
    items.forEach((item, place) => {
      this.places[next[item]!++] = place;
    });
    this.userAt = new Uint32Array(items.length);
    for (let user = 0; user < users; user++) this.userAt.fill(user, offsets[user], offsets[user + 1]);
  }

  /**
   * The items that people chose near this one. They are ranked by the number of people over the square root of the item's popularity, since
   * what everybody chooses goes with everything.
   */
  with(item: number, most: number): Companion[] {
    const { items, offsets } = this.histories;
    const counts = new Map<number, { people: number; last: number }>();
    for (const place of this.places.subarray(this.starts[item], this.starts[item + 1])) {
      const user = this.userAt[place]!;
      const from = Math.max(offsets[user]!, place - WINDOW);
      const to = Math.min(offsets[user + 1]!, place + WINDOW + 1);
      for (let at = from; at < to; at++) {
        const other = items[at]!;
        if (other === item) continue;
        const count = counts.get(other);
        if (!count) counts.set(other, { people: 1, last: user });
        else if (count.last !== user) {
          count.people++;
          count.last = user;
        }
      }
    }
    const popularity = (other: number) => this.starts[other + 1]! - this.starts[other]!;
    const score = ([other, { people }]: [number, { people: number }]) => people / Math.sqrt(popularity(other));
    return [...counts]
      .sort((a, b) => score(b) - score(a) || a[0] - b[0])
      .slice(0, most)
      .map(([other, { people }]) => ({ item: other, people }));
  }
}
