import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidInputError } from "../../../bindings/js/base/errors.ts";
import { codeTree } from "../../../bindings/js/ids/code-tree.ts";
import { levelLetter, SemanticIds, sortedRows } from "../../../bindings/js/ids/semantic-ids.ts";

const rows = [
  [17, 203, 9],
  [0, 255, 1],
];
const codebookSizes = [256, 256, 10];
const ids = SemanticIds.from(rows, { codebookSizes, fingerprint: "0123456789abcdef" });

describe("SemanticIds", () => {
  test("what it holds", () => {
    expect(ids.codes).toEqual(Uint16Array.of(17, 203, 9, 0, 255, 1));
    expect([ids.length, ids.levels, ids.codebookSizes, ids.fingerprint]).toEqual([
      2,
      3,
      codebookSizes,
      "0123456789abcdef",
    ]);
    expect(ids.at(0)).toEqual([17, 203, 9]);
    expect([...ids]).toEqual(rows);
    expect(ids.toTokens(0)).toBe("<a_17><b_203><c_9>");
  });

  test("letters of the levels", () => {
    expect([0, 1, 25, 26, 27, 51, 52, 701, 702].map(levelLetter)).toEqual([
      "a",
      "b",
      "z",
      "aa",
      "ab",
      "az",
      "ba",
      "zz",
      "aaa",
    ]);
  });

  test("a flat array, other IDs and JSON make the same", () => {
    const options = { codebookSizes, fingerprint: "0123456789abcdef" };
    expect(SemanticIds.from({ codes: rows.flat(), levels: 3 }, options)).toStrictEqual(ids);
    expect(SemanticIds.from(ids, options)).toStrictEqual(ids);
    const json = JSON.parse(JSON.stringify(ids));
    expect(SemanticIds.from(json.codes, json)).toStrictEqual(ids);
    expect("fingerprint" in SemanticIds.from(rows, { codebookSizes })).toBe(false);
  });

  test("is a copy", () => {
    const codes = Uint16Array.of(1, 2);
    const sizes = [4, 4];
    const copy = SemanticIds.from({ codes, levels: 2 }, { codebookSizes: sizes });
    codes[0] = 3;
    sizes[0] = 1;
    expect([copy.at(0), copy.codebookSizes]).toEqual([
      [1, 2],
      [4, 4],
    ]);
  });

  test("codes of more than 16 bits", () => {
    expect(SemanticIds.from([[65535]], { codebookSizes: [65536] }).codes).toBeInstanceOf(Uint16Array);
    const large = SemanticIds.from([[65536], [2 ** 32 - 1]], { codebookSizes: [2 ** 32] });
    expect(large.codes).toEqual(Uint32Array.of(65536, 2 ** 32 - 1));
  });

  test("no items", () => {
    const none = SemanticIds.from([], { codebookSizes: [4] });
    expect([none.length, [...none], sortedRows(none).length]).toEqual([0, [], 0]);
  });

  test.each<[string, () => unknown, RegExp]>([
    ["no options", () => SemanticIds.from(rows, undefined as never), /codebookSizes must be/],
    ["no sizes", () => SemanticIds.from(rows, { codebookSizes: [] }), /codebookSizes must be/],
    ["a size of 0", () => SemanticIds.from(rows, { codebookSizes: [256, 0, 10] }), /codebookSizes\[1\] is 0/],
    ["null", () => SemanticIds.from(null as never, { codebookSizes }), /rows must be/],
    ["a number", () => SemanticIds.from(5 as never, { codebookSizes }), /rows must be/],
    ["a set", () => SemanticIds.from(new Set() as never, { codebookSizes }), /rows must be/],
    ["a row that is none", () => SemanticIds.from([5] as never, { codebookSizes }), /row 0 is not an array/],
    ["a missing row", () => SemanticIds.from([undefined] as never, { codebookSizes }), /row 0 is not an array/],
    ["a short row", () => SemanticIds.from([[1, 2]], { codebookSizes }), /row 0 has 2 codes.*3/],
    ["other levels", () => SemanticIds.from({ codes: [1, 2], levels: 2 }, { codebookSizes }), /levels is 2.*3/],
    ["a partial row", () => SemanticIds.from({ codes: [1, 2], levels: 3 }, { codebookSizes }), /2 entries.*3 levels/],
    [
      "a code too large",
      () =>
        SemanticIds.from(
          [
            [0, 0, 9],
            [0, 0, 10],
          ],
          { codebookSizes },
        ),
      /row 1, level 2: code 10.*0 to 9/,
    ],
    ["a negative code", () => SemanticIds.from([[0, -1, 0]], { codebookSizes }), /row 0, level 1: code -1/],
    ["a fraction", () => SemanticIds.from([[0.5, 0, 0]], { codebookSizes }), /code 0.5/],
    [
      "a hole",
      () => SemanticIds.from({ codes: [0, undefined, 0] as never, levels: 3 }, { codebookSizes }),
      /code undefined/,
    ],
    ["row out of range", () => ids.at(2), /item 2.*2 IDs/],
    ["row -1", () => ids.toTokens(-1), /item -1/],
    [
      "codes of a partial row",
      () => SemanticIds.from({ codes: new Uint16Array(4), levels: 3 }, { codebookSizes: [4, 4, 4] }),
      /4 entries.*3 levels/,
    ],
  ])("refuses: %s", (_, run, message) => {
    expect(run).toThrow(InvalidInputError);
    expect(run).toThrow(message);
  });
});

/** IDs with many repetitions, of up to 8 levels of up to 70,000 codes. */
const someIds = fc
  .array(fc.constantFrom(1, 2, 3, 65536, 65537, 70000), { minLength: 1, maxLength: 8 })
  .chain((codebookSizes) => {
    const code = (size: number) => fc.oneof(fc.nat(size - 1), fc.constantFrom(0, size - 1));
    const row = fc.tuple(...codebookSizes.map(code)) as fc.Arbitrary<number[]>;
    return fc
      .array(row, { maxLength: 40 })
      .map((rows) => SemanticIds.from([...rows, ...rows.slice(0, 5)], { codebookSizes }));
  });

test("sortedRows is the stable lexicographic order", () => {
  fc.assert(
    fc.property(someIds, (ids) => {
      const compare = (a: number, b: number) => {
        const level = ids.at(a).findIndex((code, l) => code !== ids.at(b)[l]);
        return level < 0 ? a - b : ids.at(a)[level]! - ids.at(b)[level]!;
      };
      expect([...sortedRows(ids)]).toEqual(Array.from({ length: ids.length }, (_, i) => i).sort(compare));
    }),
  );
});

describe("codeTree", () => {
  const small = SemanticIds.from(
    [
      [2, 0],
      [1, 3],
      [2, 1],
      [1, 3],
      [0, 0],
      [2, 0],
    ],
    { codebookSizes: [4, 4] },
  );

  test("counts, order and first items", () => {
    const leaf = (code: number, items: number[]) => ({ code, count: items.length, items, children: [] });
    expect(codeTree(small)).toEqual({
      code: -1,
      count: 6,
      items: [0, 1, 2],
      children: [
        { code: 2, count: 3, items: [0, 2, 5], children: [leaf(0, [0, 5]), leaf(1, [2])] },
        { code: 1, count: 2, items: [1, 3], children: [leaf(3, [1, 3])] },
        { code: 0, count: 1, items: [4], children: [leaf(0, [4])] },
      ],
    });
  });

  test("options", () => {
    expect(codeTree(small, { maxDepth: 1, itemsPerNode: 0 })).toEqual({
      code: -1,
      count: 6,
      children: [
        { code: 2, count: 3, children: [] },
        { code: 1, count: 2, children: [] },
        { code: 0, count: 1, children: [] },
      ],
    });
    expect(() => codeTree(small, { maxDepth: -1 })).toThrow(
      /maxDepth must be a whole number of at least 0, received -1/,
    );
    expect(() => codeTree(small, { itemsPerNode: 1.5 })).toThrow(InvalidInputError);
  });

  test("every node counts the rows with its prefix and lists the first of them", () => {
    fc.assert(
      fc.property(someIds, (ids) => {
        const rows = [...ids];
        const visit = (node: ReturnType<typeof codeTree>, prefix: number[]) => {
          const below = rows.flatMap((row, i) => (prefix.every((code, l) => row[l] === code) ? [i] : []));
          expect([node.count, node.items]).toEqual([below.length, below.slice(0, 3)]);
          const children = node.children.map((child) => child.count);
          if (prefix.length < ids.levels) expect(children.reduce((a, b) => a + b, 0)).toBe(node.count);
          for (const child of node.children) visit(child, [...prefix, child.code]);
        };
        visit(codeTree(ids), []);
      }),
    );
  });
});
