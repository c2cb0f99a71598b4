import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidInputError } from "../../../bindings/js/base/errors.ts";
import { checkItemIds, compareItemIds, hashItemId, type ItemId } from "../../../bindings/js/ids/item-id.ts";
import { ItemTable } from "../../../bindings/js/index/item-table.ts";

const itemId = fc.oneof(
  fc.integer({ min: -40, max: 40 }),
  fc.maxSafeInteger(),
  fc.string({ unit: "grapheme", maxLength: 3 }),
);

test("the table is a Map, through insertions, moves and deletions", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ id: itemId, remove: fc.boolean() }), { maxLength: 300 }), (steps) => {
      const itemIds: (ItemId | undefined)[] = [];
      const table = new ItemTable(itemIds);
      const map = new Map<ItemId, number>();
      for (const { id, remove } of steps) {
        if (remove && map.has(id)) {
          table.delete(id);
          itemIds[map.get(id)!] = undefined;
          map.delete(id);
        } else if (!remove) {
          const row = itemIds.push(id) - 1;
          const earlier = table.set(id, row);
          expect(earlier).toBe(map.get(id) ?? -1);
          if (earlier >= 0) itemIds[earlier] = undefined;
          map.set(id, row);
        }
        for (const { id: any } of steps) expect(table.row(any)).toBe(map.get(any) ?? -1);
      }
    }),
    { numRuns: 40 },
  );
});

describe("item IDs", () => {
  test("the number 1 and the string 1 are two items", () => {
    const table = ItemTable.of([1, "1"], "build");
    expect([table.row(1), table.row("1"), table.row("2")]).toEqual([0, 1, -1]);
  });

  test("have one order, in which different ones differ", () => {
    fc.assert(
      fc.property(itemId, itemId, (a, b) => {
        expect(Math.sign(compareItemIds(a, b))).toBe(0 - Math.sign(compareItemIds(b, a)));
        expect(compareItemIds(a, b) === 0).toBe(a === b);
        if (a === b) expect(hashItemId(a)).toBe(hashItemId(b));
      }),
    );
  });

  test("one that comes twice is named with both rows, as the caller counts them", () => {
    expect(() => ItemTable.of(["x", "y", "x"], "add")).toThrow(/add: item "x" is in row 0 and again in row 2/);
    expect(() => ItemTable.of(["x", "x"], "add", [7, 3])).toThrow(/row 3 and again in row 7/);
  });

  test.each<[string, unknown, RegExp]>([
    ["a fraction", [1, 1.5], /row 1, is 1.5/],
    ["NaN", [Number.NaN], /row 0, is NaN/],
    ["beyond the safe integers", [2 ** 53], /row 0/],
    ["null", ["a", null], /row 1, is null/],
    ["a bigint", [1n], /row 0, is 1n/],
    ["half a surrogate pair", ["ok", "\ud800"], /row 1.*well-formed/],
    ["a hole", new Array(1), /row 0, is undefined/],
    ["a string", "abc", /must be an array.*"abc"/],
    ["nothing", undefined, /received undefined/],
  ])("refuses: %s", (_, itemIds, message) => {
    expect(() => checkItemIds(itemIds as never, "add")).toThrow(InvalidInputError);
    expect(() => checkItemIds(itemIds as never, "add")).toThrow(message);
  });

  test("may come in a typed array; pairs of surrogates are text", () => {
    expect(checkItemIds(Int32Array.of(3, -1), "add")).toEqual([3, -1]);
    expect(checkItemIds(["\u{1f600}", ""], "add")).toEqual(["\u{1f600}", ""]);
  });
});
