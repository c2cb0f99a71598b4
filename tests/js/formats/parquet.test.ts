/** Files as PyArrow and NumPy write them (tests/fixtures/formats/generate.py). */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as zlib from "node:zlib";
import { afterEach, describe, expect, test, vi } from "vitest";
import { readNpy } from "../../../bindings/js/formats/arrays/npy.ts";
import { openItems, readItems } from "../../../bindings/js/formats/index.ts";

const folder = new URL("../../fixtures/formats/", import.meta.url);
const path = (name: string) => fileURLToPath(new URL(name, folder));
const bytes = (name: string) => new Uint8Array(readFileSync(path(name)));
const expected = readNpy(bytes("rows.npy"));
const even = readdirSync(folder).filter(
  (name) => /\.(parquet|npz)$/.test(name) && !/^(invalid\.|encodings\.|ids-|wide-missing)/.test(name),
);

describe("files of PyArrow and NumPy", () => {
  test.each(even)("%s", async (name) => {
    const items = await readItems(bytes(name), { fileName: name });
    const { labels, itemIds, columns } = items;
    expect(items).toMatchObject(expected);
    expect(itemIds).toEqual(Array.from({ length: 40 }, (_, i) => `i${i}`));
    if (name.endsWith("parquet")) {
      expect(labels!.titles.slice(2, 5)).toEqual(["Title 2 é", "", "Title 4 é"]);
      // Numbers beside a column per dimension are left over.
      if (/^wide/.test(name)) expect(columns!.ignored).toContain("year");
      else expect(labels!.labels!.year![39]).toBe("2029");
    }
    const source = await openItems(path(name));
    for (const [first, count] of [
      [0, 40],
      [14, 3],
      [39, 1],
      [0, 1],
      [29, 2],
      [40, 0],
    ] as const) {
      expect([...(await source.read(first, count))]).toEqual([
        ...expected.data.subarray(first * 6, (first + count) * 6),
      ]);
    }
    await source.close();
  });

  test("there are as many as this test is about", () => expect(even.length).toBe(16));

  test("a value that is missing in a column a dimension is named, or its row left out", async () => {
    await expect(readItems(bytes("wide-missing.parquet"), { fileName: "w.parquet" })).rejects.toThrow(
      /^w\.parquet: row 7, column 2 is NaN/,
    );
    const items = await readItems(bytes("wide-missing.parquet"), { fileName: "w.parquet", skipInvalid: true });
    const { skipped } = items;
    expect([items.rows, items.dim, [...skipped!.rows]]).toEqual([39, 6, [7]]);
    expect([...items.data]).toEqual([...expected.data].filter((_, i) => Math.floor(i / 6) !== 7));
  });

  test("columns are the same in every encoding", async () => {
    const items = await readItems(bytes("encodings.parquet"), { fileName: "a.parquet" });
    const { labels, itemIds } = items;
    expect(items).toMatchObject({ data: Float32Array.from({ length: 300 }, (_, i) => i), rows: 300, dim: 1 });
    const columns = Object.entries({ ...labels!.labels, text: labels!.titles, uuid: itemIds! });
    const plain = columns.filter(([name]) => !name.includes("_"));
    expect(plain.map(([name]) => name).sort()).toEqual(["int32", "int64", "text", "uint32", "uint64", "uuid"]);
    for (const [name, values] of plain) {
      const others = columns.filter(([other]) => other.startsWith(`${name}_`));
      expect(others.length).toBe(2);
      for (const [other, own] of others) expect([other, own]).toEqual([other, values]);
    }
    const column = Object.fromEntries(columns);
    expect(column.int32!.slice(0, 4)).toEqual(["2147483647", "-2147483648", "2147483647", ""]);
    expect(column.int64!.slice(0, 2)).toEqual(["9223372036854775807", "-9223372036854775808"]);
    expect(column.uint32!.slice(0, 2)).toEqual(["4294967295", "0"]);
    expect(column.uint64!.slice(0, 2)).toEqual(["18446744073709551615", "0"]);
    expect(column.text!.slice(9, 13)).toEqual([`/shop/éééé/${"long ".repeat(20)}0`, "/shop//1", "", "/shop/éé/1"]);
    expect(column.uuid![299]).toBe("02020202-0202-0202-0202-02020202012b");
  });

  test("rows that are missing, shorter, or hold what is no number", async () => {
    const file = bytes("invalid.parquet");
    await expect(readItems(file, { fileName: "a.parquet" })).rejects.toThrow(/^a\.parquet: row 1 has no vector/);
    for (const read of [
      await readItems(file, { fileName: "a.parquet", skipInvalid: true }),
      await openItems(file, { skipInvalid: true }),
    ]) {
      expect([...read.skipped!.rows]).toEqual([1, 2, 3, 5]);
      expect(read.itemIds).toEqual(["1", "5"]);
      const data = "read" in read ? await read.read(0, 2) : read.data;
      expect([...data]).toEqual([...expected.data.subarray(0, 6), ...expected.data.subarray(24, 30)]);
    }
  });

  test("the column is chosen by its name", async () => {
    const read = (embedding: string) => readItems(bytes("snappy.parquet"), { fileName: "a.parquet", embedding });
    expect((await read("embedding")).rows).toBe(40);
    await expect(read("title")).rejects.toThrow(
      /column "title" of the Parquet file cannot be read as vectors: row 0: "Title 0 é" is not a list of numbers/,
    );
    await expect(read("none")).rejects.toThrow(/no column "none"; its columns are "item_id", "title"/);
  });
});

describe("what decompresses", () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.doUnmock("hyparquet-compressors");
    vi.resetModules();
  });

  /** The readers as they are where the optional package is not installed. */
  async function withoutPackage() {
    vi.resetModules();
    vi.doMock("hyparquet-compressors", () => {
      throw new Error("not installed");
    });
    return import("../../../bindings/js/formats/index.ts");
  }

  test("Node, without a package, Brotli, and zstd where it has it", async () => {
    const { readItems } = await withoutPackage();
    expect(await readItems(path("brotli.parquet"))).toMatchObject(expected);
    const zstd = readItems(path("zstd.parquet"));
    if ("zstdDecompressSync" in zlib) expect(await zstd).toMatchObject(expected);
    else await expect(zstd).rejects.toMatchObject({ code: "DECOMPRESSION_MISSING" });
    await expect(readItems(path("lz4.parquet"))).rejects.toMatchObject({
      code: "DECOMPRESSION_MISSING",
      message: expect.stringMatching(/npm install hyparquet-compressors/),
    });
  });

  test("the package where Node's is not there", async () => {
    const find = vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined as never);
    expect(await readItems(path("brotli.parquet"))).toMatchObject(expected);
    expect(find).toHaveBeenCalledWith("node:zlib");
  });
});
