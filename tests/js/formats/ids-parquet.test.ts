/** IDs in Parquet: what is written is read, and files as others write them (tests/fixtures/formats/generate.py). */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidInputError } from "../../../bindings/js/base/errors.ts";
import { idsParquetChunks } from "../../../bindings/js/formats/ids/ids-parquet.ts";
import { readIds } from "../../../bindings/js/formats/index.ts";
import { ParquetWriter } from "../../../bindings/js/formats/parquet/parquet-writer.ts";
import { SemanticIds } from "../../../bindings/js/ids/semantic-ids.ts";

const path = (name: string) => fileURLToPath(new URL(`../../fixtures/formats/ids-${name}.parquet`, import.meta.url));
const bytes = (name: string) => new Uint8Array(readFileSync(path(name)));
const codes = Array.from({ length: 40 }, (_, i) => [i % 7, (i * 3) % 256, (i * i) % 300]);
const named = codes.map((_, i) => `i${i}`);
const numbered = codes.map((_, i) => String(100 + i));

/** A file of columns of texts, or of whole numbers. */
function makeParquet(columns: Record<string, string[] | number[]>): Uint8Array {
  const values = Object.values(columns);
  const isText = (column: string[] | number[]) => typeof column[0] === "string";
  const writer = new ParquetWriter(
    Object.entries(columns).map(([name, column]) => ({ name, kind: isText(column) ? "text" : "int32" })),
  );
  const group = writer.group(
    values[0]!.length,
    values.map((column) => (isText(column) ? (column as string[]) : Int32Array.from(column as number[]))),
  );
  return new Uint8Array(Buffer.concat([writer.begin(), ...group, writer.finish()]));
}

async function refused(file: Uint8Array, message: RegExp): Promise<void> {
  const error = await readIds(file, { fileName: "a.parquet" }).catch((error) => error);
  expect(error).toBeInstanceOf(InvalidInputError);
  expect(error.message).toMatch(/^a\.parquet: /);
  expect(error.message).toMatch(message);
}

describe("what was written", () => {
  test("is read: IDs, items and titles", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(6), fc.nat(2 ** 31 - 1)), { minLength: 1, maxLength: 30 }),
        fc.boolean(),
        async (rows, hasTitles) => {
          const options = { codebookSizes: [7, 2 ** 31], fingerprint: "00ff00ff00ff00ff" };
          const ids = SemanticIds.from(rows, options);
          const itemIds = rows.map((_, i) => (i % 2 ? `"é", ${i}` : String(i)));
          const titles = rows.map((_, i) => "T ".repeat(i % 4));
          const pieces = [...idsParquetChunks({ ids, itemIds }, hasTitles ? { titles } : undefined)];
          expect(await readIds(new Blob(pieces as Uint8Array<ArrayBuffer>[]), options)).toEqual({
            format: "parquet",
            ids,
            itemIds,
            ...(hasTitles && { titles }),
          });
        },
      ),
      { numRuns: 40 },
    );
  });

  test("in several row groups, one level, codebooks by the codes", async () => {
    const ids = SemanticIds.trusted(
      Uint16Array.from({ length: 140_000 }, (_, i) => i % 300),
      [300],
    );
    const read = await readIds(Buffer.concat([...idsParquetChunks({ ids })]));
    expect(read.ids).toEqual(ids);
    expect(read.itemIds[139_999]).toBe("139999");
  });

  test("codes that contradict the tokens beside them", async () => {
    await refused(
      makeParquet({ item: ["x", "y"], code_1: [1, 2], id: ["<a_1>", "<a_3>"] }),
      /row 1: id is "<a_3>", but the codes say <a_2>/,
    );
    const other = makeParquet({ item: ["x", "y"], code_1: [1, 2], id: ["p", "q"] }); // an ID of a database
    expect((await readIds(other)).itemIds).toEqual(["x", "y"]);
  });
});

describe("files of PyArrow", () => {
  test.each([
    ["levels", named],
    ["list", numbered],
    ["fixed-size-list", numbered],
    ["tokens", named],
    ["token-list", named],
    ["rows", codes.map((_, i) => String(i))],
  ])("%s", async (name, itemIds) => {
    const read = await readIds(path(name));
    expect([...read.ids]).toEqual(codes);
    expect(read.itemIds).toEqual(itemIds);
    expect(read.ids.codebookSizes).toEqual([7, 118, 290]);
    expect(read.titles).toEqual(name === "list" ? named : undefined);
    expect((await readIds(bytes(name), { codebookSizes: [7, 256, 300] })).ids.codebookSizes[2]).toBe(300);
  });

  test("tokens of another form, with and without white space", async () => {
    const file = makeParquet({ sku: ["x", "y"], semantic_id: ["[0:1] [1:22]", "[0:0][1:3]\n"] });
    expect([...(await readIds(file, { template: "[{level}:{code}]" })).ids]).toEqual([
      [1, 22],
      [0, 3],
    ]);
    await refused(file, /no columns of codes .*its columns are "sku", "semantic_id"/);
  });
});

describe("which columns", () => {
  const two = { item_id: ["x", "y"] };
  test("names that say what they are go before others", async () => {
    const read = async (columns: Record<string, string[] | number[]>) => {
      const { ids, itemIds } = await readIds(makeParquet(columns));
      return { ids: [...ids], itemIds };
    };
    expect(await read({ ...two, x1: [5, 6], x2: [7, 8], c1: [0, 1], c0: [2, 3] })).toEqual({
      ids: [
        [2, 0],
        [3, 1],
      ],
      itemIds: ["x", "y"],
    });
    expect(await read({ ...two, x1: [5, 6], x2: [7, 8], note: ["<a_1><b_2>", "<a_3><b_4>"] })).toMatchObject({
      ids: [
        [1, 2],
        [3, 4],
      ],
    });
    expect(await read({ x0: [5, 6], x1: [7, 8], id: [9, 8], item: ["p", "q"] })).toEqual({
      ids: [
        [5, 7],
        [6, 8],
      ],
      itemIds: ["p", "q"],
    });
    expect(await read({ x0: [5, 6], x1: [7, 8], whatever: ["p", "q"] })).toMatchObject({ itemIds: ["p", "q"] });
    expect(await read({ code_1: [5, 6], title: ["p", "q"] })).toMatchObject({ itemIds: ["0", "1"] });
  });

  test.each<[string, Record<string, string[] | number[]>, RegExp]>([
    ["no codes", { ...two, year: [1, 2] }, /no columns of codes.*"item_id", "year"/],
    ["a lone number", { ...two, x1: [1, 2] }, /no columns of codes/],
    ["a gap", { ...two, code_1: [1, 2], code_3: [1, 2] }, /no columns of codes/],
    [
      "two that may be codes",
      { ...two, x0: [1, 2], x1: [1, 2], y1: [1, 2], y2: [1, 2] },
      /several columns that may hold codes, "x0" to "x1", "y1" to "y2": name the right ones code_1/,
    ],
    [
      "two that may be items",
      { code_1: [1, 2], shop_id: ["a", "b"], user_id: ["a", "b"] },
      /several columns that may hold the items' IDs, "shop_id", "user_id": name the right one item_id/,
    ],
    ["an item twice", { item: ["x", "x"], code_1: [1, 2] }, /row 1: item "x" occurs twice, first at row 0/],
    ["an item without an ID", { item: ["x", ""], code_1: [1, 2] }, /row 1: the item's ID is empty/],
    ["a negative code", { item: ["x", "y"], code_1: [1, -2] }, /row 1: code -2 of level 0 is not a whole number/],
    ["no tokens", { item: ["x", "y"], sid: ["<a_1>", "none"] }, /row 1: "sid" is "none", not one token per level/],
    ["tokens of other levels", { item: ["x", "y"], sid: ["<a_1><b_1>", "<a_1>"] }, /row 1: the ID has 1 code/],
  ])("refuses %s", async (_, columns, message) => refused(makeParquet(columns), message));

  test("refuses runs that claim more than there can be", () =>
    refused(bytes("runs"), /claims 3,000,000 values in 301 bytes/));

  test("refuses codes that are missing", async () => {
    await refused(bytes("missing"), /row 3: the code of level 1 is missing/);
    await refused(bytes("missing-list"), /row 2: item "i2" has no codes/);
  });
});

describe("damaged files", () => {
  const kinds = ["levels", "list", "fixed-size-list", "tokens", "token-list", "rows"];
  const outcome = async (file: Uint8Array) => {
    const read = await readIds(file, { fileName: "a.parquet" }).catch((error) => error);
    if (read instanceof Error) {
      expect(read, read.stack).toBeInstanceOf(InvalidInputError);
      expect(read.message).toContain("a.parquet");
      return "refused";
    }
    expect(read.itemIds.length).toBe(read.ids.length);
    expect(read.ids.length).toBeLessThanOrEqual(16_384);
    return "read";
  };

  test.each(kinds)("%s, cut short at every byte", async (name) => {
    const file = bytes(name);
    for (let length = 0; length < file.length; length++) {
      expect([length, await outcome(file.subarray(0, length))]).toEqual([length, "refused"]);
    }
  });

  test.each(kinds)("%s, with bytes that are others", async (name) => {
    const file = bytes(name);
    const flips = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(flips, fc.boolean(), async (flips, nearEnd) => {
        const damaged = file.slice();
        for (const [at, value] of flips) {
          damaged[nearEnd ? damaged.length - 1 - (at % Math.min(700, damaged.length)) : at % damaged.length] = value;
        }
        await outcome(damaged);
      }),
      { numRuns: 200 },
    );
  });
});
