import fc from "fast-check";
import { InvalidInputError, type ItemId, SemanticIdIndex, SemanticIds, UnknownPrefixError } from "rqvae";
import { describe, expect, it, test } from "vitest";

const sizes = [4, 4];
const raw = (rows: number[][], codebookSizes: readonly number[] = sizes) => SemanticIds.from(rows, { codebookSizes });
const build = (rows: Record<string, number[]>, options: Parameters<typeof SemanticIdIndex.build>[2] = {}) =>
  SemanticIdIndex.build(Object.keys(rows), raw(Object.values(rows)), options);
/** Everything that an index tells of its items. */
const published = (index: SemanticIdIndex) => new Map(index.items([]).map((item) => [item, index.get(item)!]));

const shoes = { boot: [1, 2], shoe: [1, 2], sock: [1, 0], hat: [0, 3], clog: [1, 2] };

describe("looking up", () => {
  const index = build(shoes);

  test("from item to ID", () => {
    expect([index.size, index.levels, index.codebookSizes, index.get("boot"), index.get("glove")]).toEqual([
      5,
      2,
      sizes,
      [1, 2],
      undefined,
    ]);
    expect(index.getRaw("sock")).toEqual([1, 0]);
  });

  // Reported of another implementation: a generated ID, which item is it?
  test("A8: used, shared and unused IDs are one item, several, none; the nearest valid one is at hand", () => {
    expect(index.items([0, 3])).toEqual(["hat"]);
    expect(index.items([1, 2])).toEqual(["boot", "clog", "shoe"]);
    expect(index.items([3, 3])).toEqual([]);
    expect(index.items([1])).toEqual(["sock", "boot", "clog", "shoe"]);
    expect(index.items([])).toHaveLength(5);
    expect([[0, 3], [3, 3], [1], [3], [], [9, 9], [0, 3, 0]].map((id) => index.isValid(id))).toEqual([
      true,
      false,
      true,
      false,
      true,
      false,
      false,
    ]);
    expect(index.nearestValid([0, 3])).toEqual([0, 3]);
    expect(index.nearestValid([1, 3])).toEqual([1, 0]); // the first code counts first
    expect(index.nearestValid([3, 2])).toEqual([1, 2]); // no first code 3: the most codes in common
    expect(index.nearestValid([0])).toEqual([0, 3]);
    expect(index.nearestValid([])).toEqual([0, 3]);
  });

  test("all of it, item by item and as a table", () => {
    expect([...index]).toEqual([
      ["hat", [0, 3]],
      ["sock", [1, 0]],
      ["boot", [1, 2]],
      ["clog", [1, 2]],
      ["shoe", [1, 2]],
    ]);
    const table = index.table();
    expect(table.itemIds.map((item, row) => [item, table.ids.at(row)])).toEqual([...index]);
    expect(table.ids.codebookSizes).toEqual(index.codebookSizes);
    const suffixed = build(shoes, { collisions: "suffix", capacity: 7 });
    suffixed.remove(["shoe"]);
    expect(suffixed.table().itemIds).toEqual(["hat", "sock", "boot", "clog"]);
    const some = suffixed.table(["clog", "hat"]);
    expect([some.itemIds, [...some.ids], some.ids.codebookSizes]).toEqual([
      ["clog", "hat"],
      [
        [1, 2, 1],
        [0, 3, 0],
      ],
      [4, 4, 7],
    ]);
    expect(() => suffixed.table(["hat", "shoe"])).toThrow(/table: itemIds, row 1: item "shoe" is not in the index/);
  });

  test("siblings", () => {
    expect(index.siblings("boot")).toEqual(["sock", "clog", "shoe"]);
    expect(index.siblings("boot", 2)).toEqual(["clog", "shoe"]);
    expect(index.siblings("boot", 0)).toHaveLength(4);
    expect(() => index.siblings("glove")).toThrow(/"glove" is not in the index/);
    expect(() => index.siblings("boot", 3)).toThrow(/from 0 to 2, received 3/);
  });

  // Reported of another implementation: an empty list of allowed tokens made the probabilities NaN.
  describe("A10: root, inner, leaf and impossible prefixes each have a defined answer", () => {
    test("allowedNext", () => {
      expect(index.allowedNext([])).toEqual(Uint16Array.of(0, 1));
      expect(index.allowedNext([1])).toEqual(Uint16Array.of(0, 2));
      expect(index.allowedNext([1, 2])).toEqual(new Uint16Array(0));
      expect(() => index.allowedNext([1, 1])).toThrow(UnknownPrefixError);
      expect(() => index.allowedNext([3])).toThrow(/no item's ID starts with \[3\]/);
    });

    test("isLeaf", () => {
      expect([[], [1], [1, 2], [1, 1], [7]].map((prefix) => index.isLeaf(prefix))).toEqual([
        false,
        false,
        true,
        false,
        false,
      ]);
    });

    test("masks: one entry a code, the last is the end of the sequence, and something is always allowed", () => {
      const no = Number.NEGATIVE_INFINITY;
      expect(index.mask([])).toEqual(Uint8Array.of(1, 1, 0, 0, 0));
      expect(index.mask([1])).toEqual(Uint8Array.of(1, 0, 1, 0, 0));
      expect(index.mask([1, 2])).toEqual(Uint8Array.of(0, 0, 0, 0, 1));
      const own = new Float32Array(5).fill(7);
      expect(index.mask([1], own)).toBe(own);
      expect(own).toEqual(Float32Array.of(0, no, 0, no, no));
      expect(index.mask([1, 2], own)).toEqual(Float32Array.of(no, no, no, no, 0));
      expect(index.mask([1, 2], new Uint8Array(300)).lastIndexOf(1)).toBe(299);
      expect(() => index.mask([2])).toThrow(UnknownPrefixError);
      expect(() => index.mask([1], new Uint8Array(4))).toThrow(/of 5 entries.*received Uint8Array of 4/);
      expect(() => index.mask([1], new Float64Array(5) as never)).toThrow(InvalidInputError);
      expect(() => index.mask([1, 2], new Uint8Array(0))).toThrow(InvalidInputError);
    });

    test("states stand for prefixes", () => {
      const one = index.step(index.root, 1);
      const leaf = index.step(one, 2);
      expect([index.prefix(one), index.prefix(leaf), index.state([1, 2])]).toEqual([[1], [1, 2], leaf]);
      expect([index.allowedNext(one), index.isLeaf(leaf), index.items(leaf)]).toEqual([
        Uint16Array.of(0, 2),
        true,
        ["boot", "clog", "shoe"],
      ]);
      expect(() => index.step(one, 1)).toThrow(/starts with \[1, 1\]/);
      expect(() => index.step(leaf, 0)).toThrow(UnknownPrefixError);
      for (const state of [-1, 0.5, 6, Number.NaN])
        expect(() => index.allowedNext(state)).toThrow(/is not a current state/);
    });

    test("an empty index", () => {
      const none = SemanticIdIndex.build([], raw([]));
      expect([none.size, none.items([]), none.allowedNext([]), none.isLeaf([]), none.isValid([])]).toEqual([
        0,
        [],
        new Uint16Array(0),
        false,
        false,
      ]);
      expect(() => none.nearestValid([1, 1])).toThrow(/the index is empty/);
    });
  });

  test("codes that no ID could have are refused", () => {
    for (const codes of [[4], [-1], [0.5], [1, 2, 3], ["1"], null, "12"] as never[]) {
      expect(() => index.items(codes)).toThrow(InvalidInputError);
      expect(() => index.allowedNext(codes)).toThrow(InvalidInputError);
      expect(() => index.nearestValid(codes)).toThrow(InvalidInputError);
      expect([index.isValid(codes), index.isLeaf(codes)]).toEqual([false, false]);
    }
    expect(() => index.items([0, 4])).toThrow(/level 1: code 4 is not a whole number from 0 to 3/);
  });

  test("answers are copies", () => {
    index.allowedNext([]).fill(3);
    index.get("hat")!.fill(3);
    index.items([]).length = 0;
    expect([index.allowedNext([]), index.get("hat"), index.items([]).length]).toEqual([
      Uint16Array.of(0, 1),
      [0, 3],
      5,
    ]);
  });
});

describe("suffix", () => {
  test("one more code: 0 when the ID is one's own, else counted in the order of item IDs", () => {
    const index = build(shoes, { collisions: "suffix" });
    expect(published(index)).toEqual(
      new Map([
        ["hat", [0, 3, 0]],
        ["sock", [1, 0, 0]],
        ["boot", [1, 2, 0]],
        ["clog", [1, 2, 1]],
        ["shoe", [1, 2, 2]],
      ]),
    );
    expect([index.levels, index.codebookSizes, index.capacity]).toEqual([3, [4, 4, 256], 256]);
    expect([index.items([1, 2]), index.getRaw("clog"), index.isLeaf([1, 2])]).toEqual([
      ["boot", "clog", "shoe"],
      [1, 2],
      false,
    ]);
  });

  test("capacity that does not suffice is refused with both numbers, and nothing has changed", () => {
    expect(() => build(shoes, { collisions: "suffix", capacity: 2 })).toThrow(
      /3 items share the ID \[1,2\], but capacity is 2/,
    );
    const index = build(shoes, { collisions: "suffix", capacity: 3 });
    const before = index.save();
    expect(() =>
      index.add(
        ["new", "mule"],
        [
          [0, 0],
          [1, 2],
        ],
      ),
    ).toThrow(/4 items share the ID \[1,2\], but capacity is 3/);
    expect(index.save()).toEqual(before);
  });

  test("a new item gets the next suffix; that of a removed item goes to nobody else, unless asked", () => {
    const index = build(shoes, { collisions: "suffix" });
    index.remove(["clog"]);
    expect([index.get("clog"), index.items([1, 2]), index.isValid([1, 2, 1]), index.size]).toEqual([
      undefined,
      ["boot", "shoe"],
      false,
      4,
    ]);
    expect(index.add(["mule"], [[1, 2]])).toEqual({ added: 1, unchanged: 0, replaced: 0 });
    expect(index.get("mule")).toEqual([1, 2, 3]);
    index.remove(["boot"], { reuse: true });
    index.add(["pump"], [[1, 2]]);
    expect(index.get("pump")).toEqual([1, 2, 0]);
  });

  test("a removed item that comes back gets its ID back; with another raw ID it is a new item", () => {
    const index = build(shoes, { collisions: "suffix" });
    index.remove(["clog", "shoe"]);
    expect(
      index.add(
        ["clog", "shoe"],
        [
          [1, 2],
          [0, 3],
        ],
      ).added,
    ).toBe(2);
    expect([index.get("clog"), index.get("shoe")]).toEqual([
      [1, 2, 1],
      [0, 3, 1],
    ]);
    index.add(["mule"], [[1, 2]]);
    expect(index.get("mule")).toEqual([1, 2, 3]); // 2 was shoe's
  });

  test("the last ID of a raw ID that is removed is not given again either", () => {
    const index = build(shoes, { collisions: "suffix" });
    index.remove(["hat"]);
    index.add(["cap"], [[0, 3]]);
    expect(index.get("cap")).toEqual([0, 3, 1]);
  });
});

describe("growth", () => {
  test("an item that is there stays with the same raw ID; with another it is refused unless replaced", () => {
    const index = build(shoes, { collisions: "suffix" });
    const before = index.save();
    expect(
      index.add(
        ["boot", "hat"],
        [
          [1, 2],
          [0, 3],
        ],
      ),
    ).toEqual({ added: 0, unchanged: 2, replaced: 0 });
    expect(() =>
      index.add(
        ["new", "boot"],
        [
          [0, 0],
          [3, 3],
        ],
      ),
    ).toThrow(/item "boot" already has the raw ID \[1,2\], but row 1 gives it \[3,3\].*replace/);
    expect(index.save()).toEqual(before);
    expect(
      index.replace(
        ["boot", "new"],
        [
          [3, 3],
          [3, 3],
        ],
      ),
    ).toEqual({ added: 1, unchanged: 0, replaced: 1 });
    expect([index.get("boot"), index.get("new"), index.size]).toEqual([[3, 3, 0], [3, 3, 1], 6]);
    index.add(["mule"], [[1, 2]]);
    expect(index.get("mule")).toEqual([1, 2, 3]); // 0 was boot's
    expect(index.add(["mule"], [[0, 0]], { replace: true }).replaced).toBe(1);
    expect(index.get("mule")).toEqual([0, 0, 0]);
  });

  test("the journal tells what happened", () => {
    const index = build(shoes, { collisions: "suffix" });
    index.add(
      ["mule", "boot"],
      [
        [1, 2],
        [1, 2],
      ],
    );
    index.remove(["hat"]);
    index.replace(
      ["mule", "cap"],
      [
        [2, 2],
        [2, 2],
      ],
    );
    index.add(["mule"], [[2, 2]]);
    const told = index.journal.map(({ before, after, ...change }) => ({
      ...change,
      ...(before && { before: [...before] }),
      ...(after && { after: [...after] }),
    }));
    expect(told).toEqual([
      { kind: "build", items: 5, itemIds: [] },
      { kind: "add", items: 1, itemIds: ["mule"], after: [[1, 2, 3]] },
      { kind: "remove", items: 1, itemIds: ["hat"], before: [[0, 3, 0]] },
      { kind: "add", items: 1, itemIds: ["cap"], after: [[2, 2, 0]] },
      { kind: "replace", items: 1, itemIds: ["mule"], before: [[1, 2, 3]], after: [[2, 2, 1]] },
    ]);
  });

  test.each<[string, (index: SemanticIdIndex) => unknown, RegExp]>([
    ["another number of IDs", (x) => x.add(["a", "b"], [[0, 0]]), /2 item IDs, but 1 semantic ID:/],
    [
      "an item twice",
      (x) =>
        x.add(
          ["a", "b", "a"],
          [
            [0, 0],
            [0, 0],
            [0, 0],
          ],
        ),
      /"a" is in row 0 and again in row 2/,
    ],
    [
      "a code out of range",
      (x) =>
        x.add(
          ["a", "b"],
          [
            [0, 0],
            [0, 4],
          ],
        ),
      /row 1, level 1: code 4/,
    ],
    ["other codebooks", (x) => x.add(["a"], raw([[0, 0]], [4, 5])), /\[4, 5\], but the index has \[4, 4\]/],
    ["no IDs", (x) => x.add(["a"], undefined as never), /ids must be SemanticIds/],
    ["items without a model", (x) => x.add(["a"], [[0, 0]], { items: [[1]] }), /items need their model/],
    [
      "an unknown option",
      (x) => x.add(["a"], [[0, 0]], { item: [] } as never),
      /unknown option "item"; the options are items, priority, replace/,
    ],
    ["removing what is not there", (x) => x.remove(["hat", "glove"]), /row 1: item "glove" is not in the index/],
    ["removing twice", (x) => x.remove(["hat", "hat"]), /"hat" is in row 0 and again in row 1/],
    [
      "an ID of another model",
      (x) => x.add(["a"], SemanticIds.from([[0, 0]], { codebookSizes: sizes, fingerprint: "b".repeat(16) })),
      /made by model b{16}, but the IDs of the index are of model a{16}/,
    ],
  ])("refuses %s, and nothing has changed", (_, change, message) => {
    const ids = SemanticIds.from(Object.values(shoes), { codebookSizes: sizes, fingerprint: "a".repeat(16) });
    for (const collisions of ["share", "suffix"] as const) {
      const index = SemanticIdIndex.build(Object.keys(shoes), ids, { collisions });
      const before = index.save();
      expect(() => change(index)).toThrow(InvalidInputError);
      expect(() => change(index)).toThrow(message);
      expect(index.save()).toEqual(before);
    }
  });

  test.each<[string, () => unknown, RegExp]>([
    [
      "an item twice",
      () =>
        SemanticIdIndex.build(
          ["a", "b", "a"],
          raw([
            [3, 3],
            [0, 0],
            [1, 1],
          ]),
        ),
      /"a" is in row 0 and again in row 2/,
    ],
    ["rows without sizes", () => SemanticIdIndex.build(["a"], [[0, 0]] as never), /ids must be SemanticIds/],
    [
      "an unknown way",
      () => build(shoes, { collisions: "drop" as never }),
      /"share", "suffix", "reassign", received "drop"/,
    ],
    [
      "no capacity",
      () => build(shoes, { collisions: "suffix", capacity: 0 }),
      /capacity must be a whole number from 1/,
    ],
    ["reassign without a model", () => build(shoes, { collisions: "reassign" }), /"reassign" needs model and items/],
    ["items without a model", () => build(shoes, { items: [[1]] }), /items need their model/],
    ["a model that is none", () => build(shoes, { model: {} as never }), /model must be an RQVAE/],
  ])("build refuses: %s", (_, run, message) => {
    expect(run).toThrow(InvalidInputError);
    expect(run).toThrow(message);
  });
});

type Step = { kind: "add" | "replace" | "remove" | "reuse"; rows: [item: number, code: number][] };
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom("add", "add", "replace", "remove", "reuse"),
  rows: fc.uniqueArray(fc.tuple(fc.nat(14), fc.nat(5)), { selector: ([item]) => item, minLength: 1, maxLength: 8 }),
});
const itemOf = (n: number): ItemId => (n % 2 === 0 ? n : `i${n}`);
const codeOf = (n: number) => [n % 2, n % 3];

describe("random histories", () => {
  it.each(["share", "suffix"] as const)(
    "%s: no published ID moves, none is given twice, all queries agree",
    async (collisions) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
          const rules = { collisions, capacity: 300 };
          let index = SemanticIdIndex.build([], raw([], [2, 3]), rules);
          const rawOf = new Map<ItemId, number[]>();
          /** Whose each published ID was last, to be forgotten when reuse is asked for. */
          const owner = new Map<string, ItemId>();
          for (const { kind, rows } of steps) {
            const items = rows.map(([item]) => itemOf(item));
            const ids = rows.map(([, code]) => codeOf(code));
            const before = published(index);
            const mayMove = new Set<ItemId>();
            if (kind === "remove" || kind === "reuse") {
              const there = items.filter((item) => rawOf.has(item));
              index.remove(there, { reuse: kind === "reuse" });
              for (const item of there) {
                rawOf.delete(item);
                mayMove.add(item);
                if (kind === "reuse") owner.delete(String(before.get(item)));
              }
            } else {
              const isOther = items.map((item, i) => rawOf.has(item) && String(rawOf.get(item)) !== String(ids[i]));
              if (kind === "add" && isOther.includes(true)) {
                const file = index.save();
                expect(() => index.add(items, ids)).toThrow(/published IDs do not change/);
                expect(index.save()).toEqual(file);
                continue;
              }
              index[kind](items, ids);
              items.forEach((item, i) => {
                if (isOther[i]) mayMove.add(item);
                rawOf.set(item, ids[i]!);
              });
              const again = index.save();
              expect(index.add(items, ids)).toMatchObject({ added: 0, unchanged: items.length, replaced: 0 });
              expect(index.save()).toEqual(again); // idempotent
            }
            const now = published(index);
            for (const [item, id] of before) if (!mayMove.has(item)) expect(now.get(item)).toEqual(id);
            expect(new Set(now.keys())).toEqual(new Set(rawOf.keys()));
            for (const [item, id] of now) {
              expect([id.slice(0, 2), index.getRaw(item)]).toEqual([rawOf.get(item), rawOf.get(item)]);
              expect(index.items(id)).toContain(item);
              expect(index.isLeaf(id)).toBe(true);
              if (collisions === "share") continue;
              expect(index.items(id)).toEqual([item]);
              expect(owner.get(String(id)) ?? item).toBe(item);
              owner.set(String(id), item);
            }
            if (steps.length % 2 === 0) index = await SemanticIdIndex.load(index.save());
          }
          expect(index.size).toBe(rawOf.size);
        }),
        { numRuns: 150 },
      );
    },
  );

  it.each(["share", "suffix"] as const)("%s: the order of the rows within one call does not matter", (collisions) => {
    const batch = fc.uniqueArray(fc.tuple(fc.nat(30), fc.nat(5)), { selector: ([item]) => item, maxLength: 20 });
    fc.assert(
      fc.property(batch, batch, fc.infiniteStream(fc.nat()), (first, second, numbers) => {
        const shuffled = <T>(rows: T[]) =>
          rows
            .map((row) => ({ row, key: numbers.next().value as number }))
            .sort((a, b) => a.key - b.key)
            .map(({ row }) => row);
        const files = [(rows: [number, number][]) => rows, shuffled].map((arrange) => {
          const [one, two] = [
            arrange([...first]),
            arrange(second.map(([item, code]) => [item + 100, code] as [number, number])),
          ];
          const index = SemanticIdIndex.build(
            one.map(([n]) => itemOf(n)),
            raw(
              one.map(([, c]) => codeOf(c)),
              [2, 3],
            ),
            { collisions },
          );
          index.add(
            two.map(([n]) => itemOf(n)),
            two.map(([, c]) => codeOf(c)),
          );
          return published(index);
        });
        expect(files[1]).toEqual(files[0]);
      }),
    );
  });
});

describe("priority", () => {
  const items = Object.keys(shoes);
  const popularity = { boot: 1, shoe: 5, sock: 9, hat: 0, clog: 5 } as Record<string, number>;
  const of = (names: readonly string[]) => ({ priority: names.map((name) => popularity[name]!) });

  it("gives the lower suffix to the more important item; equal ones come by item ID, whatever the order of the rows", () => {
    for (const names of [items, items.toReversed()]) {
      const ids = raw(names.map((name) => shoes[name as keyof typeof shoes]));
      const index = SemanticIdIndex.build(names, ids, { collisions: "suffix", ...of(names) });
      expect(["clog", "shoe", "boot"].map((item) => index.get(item)![2])).toEqual([0, 1, 2]);
      expect(index.items([1, 2])).toEqual(["clog", "shoe", "boot"]);
      // New items are served by importance among themselves; nobody else moves.
      const before = [...index];
      index.add(
        ["flip", "mule"],
        [
          [1, 2],
          [1, 2],
        ],
        { priority: [1, 2] },
      );
      expect(["mule", "flip"].map((item) => index.get(item)![2])).toEqual([3, 4]);
      expect([...index].filter(([item]) => items.includes(item as string))).toEqual(before);
    }
  });

  it("must be one finite number per item", () => {
    const built = (priority: unknown) => () => build(shoes, { collisions: "suffix", priority: priority as number[] });
    for (const wrong of [[1, 2], [1, 2, 3, 4, Number.NaN], ["1", "2", "3", "4", "5"], 5, "12345"]) {
      expect(built(wrong)).toThrow(/priority must be an array of 5 finite numbers, one per item/);
    }
    expect(built(Float64Array.of(1, 2, 3, 4, 5))).not.toThrow();
  });
});
