import { invalid } from "../base/errors.ts";
import { show } from "../base/option-reader.ts";
import { call } from "../base/wording.ts";
import { hashItemId, type ItemId } from "../ids/item-id.ts";

/**
 * Finds the row of an item ID: a hash table with linear probing that holds only row numbers, about 8 bytes per item where a Map takes 30 to
 * 60. The item IDs themselves are in a list shared with the owner.
 */
export class ItemTable {
  readonly #itemIds: readonly (ItemId | undefined)[];
  /** Row + 1, or 0 if free. The length is a power of two, and at most three quarters are used. */
  #slots: Uint32Array;
  #size = 0;

  /** @param itemIds the item of each row; the owner keeps it current. */
  constructor(itemIds: readonly (ItemId | undefined)[]) {
    this.#itemIds = itemIds;
    this.#slots = new Uint32Array(slotsFor(itemIds.length));
  }

  /**
   * A table for a list in which no item ID may occur twice; undefined means none.
   * @param callersRows the caller's numbers of the rows
   * @throws InvalidInputError with both rows of a repeated one.
   */
  static of(itemIds: readonly (ItemId | undefined)[], where: string, callersRows?: ArrayLike<number>): ItemTable {
    const table = new ItemTable(itemIds);
    for (let row = 0; row < itemIds.length; row++) {
      const itemId = itemIds[row];
      const earlier = itemId === undefined ? -1 : table.set(itemId, row);
      if (earlier >= 0) {
        const rows = [earlier, row].map((r) => callersRows?.[r] ?? r).sort((a, b) => a - b);
        throw invalid(
          "ITEM_TWICE",
        )`${call(where)}item ${show(itemId)} is in ${{ row: rows[0]! }} and again in row ${rows[1]!}${{ hint: "give every item once", after: "; " }}`;
      }
    }
    return table;
  }

  /** The row of an item, or -1. */
  row(itemId: ItemId): number {
    return this.#slots[this.#slot(itemId)]! - 1;
  }

  /** Puts an item at a row; returns the row where it was, or -1. */
  set(itemId: ItemId, row: number): number {
    const slot = this.#slot(itemId);
    const earlier = this.#slots[slot]! - 1;
    this.#slots[slot] = row + 1;
    if (earlier < 0 && ++this.#size > 0.75 * this.#slots.length) this.#enlarge();
    return earlier;
  }

  /** Removes an item that is in the table. Call it while its row still names it. */
  delete(itemId: ItemId): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let hole = this.#slot(itemId);
    // Entries that probing pushed past the hole move back into it, or they would no longer be found.
    for (let next = (hole + 1) & mask; slots[next] !== 0; next = (next + 1) & mask) {
      const home = hashItemId(this.#itemIds[slots[next]! - 1]!);
      if (((next - home) & mask) >= ((next - hole) & mask)) {
        slots[hole] = slots[next]!;
        hole = next;
      }
    }
    slots[hole] = 0;
    this.#size--;
  }

  /** Where the item is or would go. */
  #slot(itemId: ItemId): number {
    const mask = this.#slots.length - 1;
    let slot = hashItemId(itemId) & mask;
    for (let taken = this.#slots[slot]!; taken !== 0; taken = this.#slots[slot]!) {
      if (this.#itemIds[taken - 1] === itemId) break;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #enlarge(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(2 * old.length);
    for (const taken of old) if (taken !== 0) this.#slots[this.#slot(this.#itemIds[taken - 1]!)] = taken;
  }
}

function slotsFor(items: number): number {
  let slots = 8;
  while (0.75 * slots < items) slots *= 2;
  return slots;
}
