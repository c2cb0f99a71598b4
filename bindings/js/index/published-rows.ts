/** Which item has which ID, by rows. */

import { compareItemIds, type ItemId } from "../ids/item-id.ts";
import { type CodeArray, SemanticIds } from "../ids/semantic-ids.ts";
import { compareCodes, mergeOrders, type SortedIds } from "../ids/sorted-ids.ts";
import type { Batch } from "./batch.ts";
import type { IndexContents } from "./index-contents.ts";
import { ItemTable } from "./item-table.ts";

/**
 * The rows of an index: the item of each, its published ID and, if they differ, the model's ID. A row whose item was removed is retired: it
 * still names the item, which gets its ID back if it returns, and no other item gets the ID.
 */
export class PublishedRows {
  /** Codes in a published ID. */
  readonly levels: number;
  /** Codes in a raw ID. */
  readonly rawLevels: number;
  /** Whether several items may share an ID. */
  readonly #isShared: boolean;
  readonly #itemIds: (ItemId | undefined)[];
  readonly #table: ItemTable;
  /** rows x levels, with space for more. */
  #codes: CodeArray;
  /** The model's IDs, for "reassign" and since a migration. */
  #raw: CodeArray | undefined;
  /** Rows sorted by ID, equal ones by item ID. */
  #order: Uint32Array;
  readonly #retired: Set<number>;
  /** Rows that are not used. */
  readonly #free: number[] = [];

  constructor(contents: IndexContents, levels: number, table = ItemTable.of(contents.itemIds, "")) {
    this.levels = levels;
    this.rawLevels = contents.codebookSizes.length;
    this.#isShared = contents.collisions === "share";
    this.#itemIds = contents.itemIds as (ItemId | undefined)[];
    this.#table = table;
    this.#codes = contents.codes;
    this.#raw = contents.raw;
    this.#order = Uint32Array.from(contents.itemIds.keys());
    this.#retired = new Set(contents.retired);
  }

  /** Number of items. */
  get size(): number {
    return this.#order.length - this.#retired.size;
  }

  /** All IDs that are held or retired, sorted. */
  get held(): SortedIds {
    return { codes: this.#codes, levels: this.levels, order: this.#order };
  }

  /** The IDs that an item holds, sorted. */
  get live(): SortedIds {
    const isLive = (row: number) => !this.#retired.has(row);
    return { ...this.held, order: this.#retired.size === 0 ? this.#order : this.#order.filter(isLive) };
  }

  itemAt(row: number): ItemId {
    return this.#itemIds[row]!;
  }

  /** The row of an item; -1 if it is not in the index or was removed. */
  row(itemId: ItemId): number {
    if (typeof itemId !== "string" && typeof itemId !== "number") return -1;
    const row = this.#table.row(itemId);
    return row >= 0 && this.#retired.has(row) ? -1 : row;
  }

  /** The row of a removed item that had this raw ID, or -1. */
  retiredRow(itemId: ItemId, raw: CodeArray, at: number): number {
    const row = this.#table.row(itemId);
    return row >= 0 && this.#retired.has(row) && this.hasRaw(row, raw, at) ? row : -1;
  }

  /** Whether the raw ID of a row equals `raw` from `at` on. */
  hasRaw(row: number, raw: CodeArray, at: number): boolean {
    const stride = this.#raw ? this.rawLevels : this.levels;
    return compareCodes(this.#raw ?? this.#codes, row * stride, raw, at, this.rawLevels) === 0;
  }

  /** The published ID of a row. */
  idAt(row: number): number[] {
    return Array.from(this.#codes.subarray(row * this.levels, (row + 1) * this.levels));
  }

  /** The raw ID of a row: with suffixes, the published ID without its suffix. */
  rawAt(row: number): number[] {
    if (!this.#raw) return this.idAt(row).slice(0, this.rawLevels);
    return Array.from(this.#raw.subarray(row * this.rawLevels, (row + 1) * this.rawLevels));
  }

  idsOf(rows: readonly number[], codebookSizes: readonly number[]): SemanticIds {
    return SemanticIds.trusted(pickIds(this.#codes, this.levels, rows), codebookSizes);
  }

  /** Puts new items into rows, and returns the rows. An earlier ID of one of them then belongs to no item. */
  place({ itemIds, ids }: Batch, published: SortedIds): number[] {
    const rows = itemIds.map((itemId) => {
      const row = this.#free.pop() ?? this.#itemIds.length;
      this.#itemIds[row] = itemId;
      const earlier = this.#table.set(itemId, row);
      if (earlier >= 0) {
        this.#itemIds[earlier] = undefined;
        this.#retired.add(earlier);
      }
      return row;
    });
    const put = (target: CodeArray, source: CodeArray, levels: number) => {
      const large = withRoom(target, this.#itemIds.length * levels);
      rows.forEach((row, i) => {
        large.set(source.subarray(i * levels, (i + 1) * levels), row * levels);
      });
      return large;
    };
    this.#codes = put(this.#codes, published.codes, this.levels);
    if (this.#raw) this.#raw = put(this.#raw, ids.codes, this.rawLevels);
    const added = published.order.map((i) => rows[i]!);
    const { levels } = this;
    const codes = this.#codes;
    this.#order = mergeOrders(
      this.#order,
      added,
      (a, b) =>
        compareCodes(codes, a * levels, codes, b * levels, levels) ||
        (this.#isShared ? compareItemIds(this.#itemIds[a]!, this.#itemIds[b]!) : 0),
    );
    return rows;
  }

  /** Removes the items of these rows; no other item gets their IDs. */
  retire(rows: readonly number[]): void {
    for (const row of rows) this.#retired.add(row);
  }

  /** Restores removed items. */
  bringBack(rows: readonly number[]): void {
    for (const row of rows) this.#retired.delete(row);
  }

  /** Forgets rows and their IDs. */
  free(rows: readonly number[]): void {
    if (rows.length === 0) return;
    const freed = new Set(rows);
    this.#order = this.#order.filter((row) => !freed.has(row));
    for (const row of rows) {
      this.#table.delete(this.#itemIds[row]!);
      this.#itemIds[row] = undefined;
      this.#free.push(row);
    }
  }

  /** What is saved; if `isWhole` is false, without what only changes need. */
  contents(isWhole: boolean): Pick<IndexContents, "itemIds" | "codes" | "raw" | "retired"> {
    const { order } = isWhole ? this.held : this.live;
    return {
      itemIds: Array.from(order, (row) => this.#itemIds[row]),
      codes: pickIds(this.#codes, this.levels, order),
      ...(isWhole && this.#raw ? { raw: pickIds(this.#raw, this.rawLevels, order) } : {}),
      retired: isWhole ? [...order.keys()].filter((i) => this.#retired.has(order[i]!)) : [],
    };
  }
}

/** The IDs of some rows, one after another. */
export function pickIds(codes: CodeArray, levels: number, rows: ArrayLike<number>): CodeArray {
  const picked = new (codes.constructor as new (length: number) => CodeArray)(rows.length * levels);
  for (let i = 0; i < rows.length; i++) {
    for (let l = 0; l < levels; l++) picked[i * levels + l] = codes[rows[i]! * levels + l]!;
  }
  return picked;
}

/** The array, or a copy that is a quarter larger, so that single additions do not copy it each time. */
function withRoom(array: CodeArray, length: number): CodeArray {
  if (length <= array.length) return array;
  const Larger = array.constructor as new (length: number) => CodeArray;
  const larger = new Larger(Math.max(length, Math.ceil(1.25 * array.length)));
  larger.set(array);
  return larger;
}
