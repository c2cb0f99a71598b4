/** Collects the rows of a file, whose number is not known beforehand, all at once or in batches, and reports those that are left out. */

import { describeValue } from "../../base/describe-value.ts";
import { type InvalidInputError, invalid } from "../../base/errors.ts";
import { thousands } from "../../base/words.ts";
import type { TableColumns } from "../../items/columns.ts";
import type { ItemLabels } from "../../types.ts";
import { FloatList } from "./float-list.ts";

/** Rows that were left out of a file with `skipInvalid`. */
export interface SkippedRows {
  /** Their 0-based numbers in the file, ascending. */
  rows: Uint32Array;
  /** Why the first of them was left out, with its number; "" if there are none. */
  reason: string;
}

/** Rows of a table that were read and not yet returned; the last ones come with what is known about the whole table. */
export interface TableRows {
  items: { data: Float32Array; rows: number; dim: number };
  labels?: ItemLabels;
  itemIds?: string[];
  /** What the columns were taken for; absent for numbers alone. */
  columns?: TableColumns;
  /** With `skipInvalid`. */
  skipped?: SkippedRows;
}

export class RowCollector {
  /** Item IDs of the rows that were kept. */
  dim = 0;
  /** Rows kept. */
  rows = 0;
  /** Rows of the file so far. */
  seen = 0;
  readonly #numbers = new FloatList();
  #taken = 0;
  readonly #skipped: number[] = [];
  #reason = "";
  readonly #skipInvalid: boolean;

  constructor(skipInvalid = false) {
    this.#skipInvalid = skipInvalid;
  }

  /** Keeps a row, whose length must be `dim`. */
  add(row: ArrayLike<number>): void {
    this.#numbers.append(row);
    this.dim = row.length;
    this.rows++;
    this.seen++;
  }

  /** Kept rows that were not taken yet. */
  get waiting(): number {
    return this.rows - this.#taken;
  }

  /** Takes the waiting rows. */
  take(): { data: Float32Array; rows: number; dim: number } {
    const rows = this.waiting;
    this.#taken = this.rows;
    return { data: this.#numbers.take(), rows, dim: this.dim };
  }

  /** Handles an invalid row. @throws the error, unless such rows are left out. */
  refuse(error: InvalidInputError): void {
    if (!this.#skipInvalid) throw error;
    if (this.#skipped.length === 0) this.#reason = error.message;
    this.#skipped.push(this.seen++);
  }

  /** The waiting rows. @throws InvalidInputError if no row was kept. */
  finish(): { data: Float32Array; rows: number; dim: number } {
    requireSome(this.rows, this.seen, this.#reason);
    return this.take();
  }

  /** The rows that were left out; undefined unless that was requested. */
  get skipped(): SkippedRows | undefined {
    return this.#skipInvalid ? { rows: Uint32Array.from(this.#skipped), reason: this.#reason } : undefined;
  }
}

/** @throws InvalidInputError if all rows of a file are invalid. */
export function requireSome(kept: number, seen: number, reason: string): void {
  if (kept > 0 || seen === 0) return;
  throw invalid("ROWS_ALL_INVALID")`all ${thousands(seen)} rows are invalid; the first: ${reason}`;
}

/** The item IDs of a file, which must be unique. */
export class ItemIdList {
  ids: string[] = [];
  readonly #known = new Map<string, number>();

  /** Why a row of the file cannot have this ID: the ID is empty, or another row has it. */
  problem(id: string, row: number): InvalidInputError | undefined {
    if (id === "") return invalid("ITEM_ID_INVALID")`${{ row }} has no item ID${{ hint: "every item needs one" }}`;
    const earlier = this.#known.get(id);
    if (earlier === undefined) return undefined;
    return invalid(
      "ITEM_TWICE",
    )`${{ row }} and row ${earlier} are both item ${describeValue(id)}${{ hint: "every item must occur once" }}`;
  }

  /** @throws InvalidInputError if a row cannot have this ID. */
  check(id: string, row: number): void {
    const problem = this.problem(id, row);
    if (problem !== undefined) throw problem;
  }

  add(id: string, row: number): void {
    this.#known.set(id, row);
    this.ids.push(id);
  }

  /** The IDs added since the last call. */
  take(): string[] {
    const { ids } = this;
    this.ids = [];
    return ids;
  }
}
