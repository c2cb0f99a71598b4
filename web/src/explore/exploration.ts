import type { CodePlace } from "./code-names.ts";
import type { RowFilter } from "./row-filter.ts";

/** What the visitor looks at in a result: a branch, an item, and the rows that the table shows. */
export interface Place extends RowFilter {
  /** The item of the card. */
  item: number;
  /** A code of a later level that the visitor looks at by itself, not below the codes of a branch. */
  code?: CodePlace | undefined;
}

export const TOP: Place = { prefix: [], query: "", sharedOnly: false, sort: "item", item: 0 };

/** `isStep`: the visitor went there; otherwise the page followed by itself. */
type Watcher = (place: Place, before: Place, isStep: boolean) => void;

/** The one place that tree, map, table, card and address read and change; none of them knows the others. */
export class Exploration {
  /** Where the result opened. */
  start = TOP;
  private current = TOP;
  private readonly watchers: Watcher[] = [];

  get place(): Place {
    return this.current;
  }

  /** Calls `watcher` after each change; it compares the parts that it shows. */
  watch(watcher: Watcher): void {
    this.watchers.push(watcher);
  }

  /** The visitor goes to a place. Nothing happens if all its parts are as given. */
  go(change: Partial<Place>): void {
    this.change(change, true);
  }

  /** The page follows the visitor by itself, such as the card into a branch: no step that Back would take back. */
  follow(change: Partial<Place>): void {
    this.change(change, false);
  }

  private change(change: Partial<Place>, isStep: boolean): void {
    const before = this.current;
    // Whoever walks leaves the code that was looked at.
    const next = { ...before, ...(change.prefix ? { code: undefined } : {}), ...change };
    if (isSame(before, next)) return;
    this.current = next;
    for (const watcher of this.watchers) watcher(next, before, isStep);
  }

  /** For another result: its top, without telling anybody, since nothing is shown yet. */
  restart(item: number): void {
    this.start = { ...TOP, item };
    this.current = this.start;
  }
}

export const isSamePrefix = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((code, level) => code === b[level]);

const isSame = (a: Place, b: Place): boolean =>
  isSamePrefix(a.prefix, b.prefix) &&
  a.query === b.query &&
  a.sharedOnly === b.sharedOnly &&
  a.selection === b.selection &&
  a.sort === b.sort &&
  a.item === b.item &&
  a.code?.level === b.code?.level &&
  a.code?.code === b.code?.code;
