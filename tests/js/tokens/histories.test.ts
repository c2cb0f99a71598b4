import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidInputError } from "../../../bindings/js/base/errors.ts";
import type { HistoryOptions } from "../../../bindings/js/tokens/histories.ts";
import { encodeHistories, Vocabulary } from "../../../bindings/js/tokens/index.ts";

// pad 0, begin 1, end 2, separator 3, unknown 4; a: 5 to 8, b: 9 to 12
const vocabulary = new Vocabulary([4, 4]);
const lookup = new Map([
  ["apple", [0, 0]],
  ["pear", [0, 1]],
  ["boot", [3, 3]],
]);
const [apple, pear, boot] = [
  [5, 9],
  [5, 10],
  [8, 12],
] as const;

describe("encodeHistories", () => {
  test("rows of equal width with their mask", () => {
    const result = encodeHistories([["apple", "pear"], ["boot"], []], lookup, vocabulary);
    expect(result).toEqual({
      tokens: Int32Array.of(1, ...apple, ...pear, 1, ...boot, 0, 0, 1, 0, 0, 0, 0),
      attentionMask: Uint8Array.of(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0),
      rows: 3,
      width: 5,
      unknownItems: 0,
    });
  });

  test("begin, end, separators, padding on the left", () => {
    const options = { begin: false, end: true, separator: true, padding: "left" } as const;
    const { tokens, attentionMask, width } = encodeHistories(
      [["apple", "pear"], ["boot"]],
      lookup,
      vocabulary,
      options,
    );
    expect(width).toBe(6);
    expect([...tokens]).toEqual([...apple, 3, ...pear, 2, 0, 0, 0, ...boot, 2]);
    expect([...attentionMask]).toEqual([1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1]);
  });

  test("ragged", () => {
    const result = encodeHistories([["apple"], [], ["boot", "pear"]], lookup, vocabulary, {
      padding: "none",
      begin: false,
    });
    expect(result).toEqual({
      tokens: Int32Array.of(...apple, ...boot, ...pear),
      offsets: Uint32Array.of(0, 2, 2, 6),
      rows: 3,
      unknownItems: 0,
    });
  });

  test("the most recent items are kept, and the width may be fixed", () => {
    const options: HistoryOptions = { maxItems: 2, padTo: "maxItems", separator: true, end: true };
    const result = encodeHistories([["apple", "pear", "boot"], ["pear"]], lookup, vocabulary, {
      ...options,
      padding: "right",
    });
    expect(result.width).toBe(1 + 2 * 2 + 1 + 1);
    expect([...result.tokens]).toEqual([1, ...pear, 3, ...boot, 2, 1, ...pear, 2, 0, 0, 0]);
  });

  test("unknown items", () => {
    const histories = [["pear", "new", "apple", "newer"]];
    const encode = (options: HistoryOptions) =>
      encodeHistories(histories, lookup, vocabulary, { ...options, padding: "none", begin: false });
    expect(() => encode({})).toThrow(InvalidInputError);
    expect(() => encode({})).toThrow(/history 0, item 3: "newer" has no semantic ID.*"skip" or "token"/);
    expect([...encode({ unknown: "skip" }).tokens]).toEqual([...pear, ...apple]);
    expect(encode({ unknown: "skip" }).unknownItems).toBe(2);
    expect([...encode({ unknown: "token" }).tokens]).toEqual([...pear, 4, 4, ...apple, 4, 4]);
    // Those that are skipped do not count, those that are written do.
    expect([...encode({ unknown: "skip", maxItems: 2 }).tokens]).toEqual([...pear, ...apple]);
    expect([...encode({ unknown: "token", maxItems: 2 }).tokens]).toEqual([...apple, 4, 4]);
    // What is cut off is not looked up.
    expect([...encodeHistories([["new", "pear"]], lookup, vocabulary, { maxItems: 1 }).tokens]).toEqual([1, ...pear]);
  });

  test("numbers as item IDs, codes as typed arrays, histories from a generator, none at all", () => {
    function* histories() {
      yield [7];
      yield [7, 7];
    }
    const get = (itemId: number) => (itemId === 7 ? Uint16Array.of(3, 3) : undefined);
    expect(encodeHistories(histories(), { get }, vocabulary).rows).toBe(2);
    expect(encodeHistories([], lookup, vocabulary)).toMatchObject({ rows: 0, width: 0, tokens: new Int32Array(0) });
    expect(encodeHistories([], lookup, vocabulary, { padding: "none" }).offsets).toEqual(Uint32Array.of(0));
  });

  test("what is written is read back", () => {
    const items = fc.array(fc.constantFrom("apple", "pear", "boot"), { maxLength: 6 });
    const options = fc.record({
      maxItems: fc.integer({ min: 1, max: 7 }),
      begin: fc.boolean(),
      end: fc.boolean(),
      separator: fc.boolean(),
      padding: fc.constantFrom("left" as const, "right" as const),
      padTo: fc.constantFrom("longest" as const, "maxItems" as const),
    });
    fc.assert(
      fc.property(fc.array(items, { maxLength: 5 }), options, (histories, how) => {
        const { tokens, attentionMask, width, rows } = encodeHistories(histories, lookup, vocabulary, how);
        expect(tokens.length).toBe(rows * width);
        const ragged = encodeHistories(histories, lookup, vocabulary, { ...how, padding: "none" });
        histories.forEach((history, i) => {
          const row = tokens.subarray(i * width, (i + 1) * width);
          const kept = history.slice(-how.maxItems);
          expect(vocabulary.decodeAll(row)).toEqual(kept.map((item) => lookup.get(item)));
          const unmasked = row.filter((_, j) => attentionMask[i * width + j] === 1);
          expect(unmasked).toEqual(ragged.tokens.slice(ragged.offsets[i], ragged.offsets[i + 1]));
        });
      }),
    );
  });

  test.each<[string, () => unknown, RegExp]>([
    [
      "a history that is none",
      () => encodeHistories(["apple"] as never, lookup, vocabulary),
      /history 0 must be an array.*"apple"/,
    ],
    ["no histories", () => encodeHistories(undefined as never, lookup, vocabulary), /histories must be rows/],
    ["text", () => encodeHistories("apple" as never, lookup, vocabulary), /histories must be rows/],
    ["no lookup", () => encodeHistories([["apple"]], {} as never, vocabulary), /lookup must have get/],
    [
      "IDs of another length",
      () => encodeHistories([["x"]], new Map([["x", [1]]]), vocabulary),
      /item 0: the ID of "x" has 1 code.*2/,
    ],
    ["codes out of range", () => encodeHistories([["x"]], new Map([["x", [1, 9]]]), vocabulary), /level 1: code 9/],
    ["no items", () => encodeHistories([], lookup, vocabulary, { maxItems: 0 }), /maxItems must be/],
    [
      "an unknown choice",
      () => encodeHistories([], lookup, vocabulary, { unknown: "drop" as never }),
      /unknown must be one of/,
    ],
    [
      "an unknown option",
      () => encodeHistories([], lookup, vocabulary, { maxLength: 3 } as never),
      /unknown option "maxLength"/,
    ],
    ["a width of nothing", () => encodeHistories([], lookup, vocabulary, { padTo: "maxItems" }), /give maxItems/],
  ])("refuses: %s", (_, run, message) => {
    expect(run).toThrow(InvalidInputError);
    expect(run).toThrow(message);
  });
});

test("writes each history again by every snapshot, row after row", () => {
  const sizes = new Vocabulary([3, 3]);
  const now = new Map([
    ["a", [0, 1]],
    ["b", [2, 2]],
  ]);
  const before = new Map([
    ["a", [1, 1]],
    ["b", [2, 0]],
  ]);
  const histories = [["a"], ["a", "b"]];
  const { tokens, offsets, rows } = encodeHistories(histories, now, sizes, {
    padding: "none",
    begin: false,
    snapshots: [before],
  });
  expect(rows).toBe(4);
  const written = Array.from({ length: rows }, (_, row) => [...tokens.subarray(offsets[row], offsets[row + 1])]);
  const by = (lookup: Map<string, number[]>, history: string[]) =>
    history.flatMap((id) => sizes.encode(lookup.get(id)!));
  expect(written).toEqual(histories.flatMap((history) => [by(now, history), by(before, history)]));
  expect(() => encodeHistories([["b"]], now, sizes, { snapshots: [new Map()] })).toThrow(/history 0, item 0: "b"/);
  expect(() => encodeHistories([["b"]], now, sizes, { snapshots: [{}] as never })).toThrow(/snapshots must have get/);
  expect(() => encodeHistories([["b"]], now, sizes, { snapshots: 3 as never })).toThrow(/snapshots must be an array/);
});
