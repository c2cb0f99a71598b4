/** Readers of embeddings of every format, in memory. */
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { InvalidInputError } from "../../../bindings/js/base/errors.ts";
import { readItems, readLabels } from "../../../bindings/js/formats/index.ts";
import {
  bytesOf,
  columnMajor,
  HALVES,
  MATRIX,
  makeNpy,
  makeSafetensors,
  makeZip,
  npy,
  type Tensor,
  utf8,
} from "../support/format-files.ts";
import { readCsv } from "../support/formats.ts";

const half = { ...MATRIX, data: HALVES };
const bfloats = Uint16Array.from(new Uint32Array(MATRIX.data.buffer), (bits) => bits >>> 16);
const f32: Tensor = { name: "emb", dtype: "F32", shape: [4, 3], bytes: bytesOf(MATRIX.data) };

async function refused(run: Promise<unknown>, ...messages: RegExp[]): Promise<void> {
  const error = await run.then(
    () => undefined,
    (error) => error,
  );
  expect(error).toBeInstanceOf(InvalidInputError);
  for (const message of messages) expect(error.message).toMatch(message);
}

describe("npz", () => {
  test.each([
    ["deflated", makeZip([{ name: "emb.npy", bytes: npy }])],
    ["stored", makeZip([{ name: "emb.npy", bytes: npy, stored: true }])],
    ["deflated, zip64", makeZip([{ name: "emb.npy", bytes: npy }], true)],
    ["stored, zip64", makeZip([{ name: "emb.npy", bytes: npy, stored: true }], true)],
    ["Fortran order", makeZip([{ name: "x.npy", bytes: makeNpy("<f4", "(4, 3)", columnMajor, true) }])],
    ["float64", makeZip([{ name: "x.npy", bytes: makeNpy("<f8", "(4, 3)", Float64Array.from(MATRIX.data)) }])],
  ])("%s", async (_, file) => {
    expect(await readItems(file, { fileName: "a.npz" })).toEqual({ format: "npz", ...MATRIX });
    expect(await readItems(new Blob([file as Uint8Array<ArrayBuffer>]))).toMatchObject(MATRIX);
  });

  test("half floats stay half", async () => {
    const file = makeZip([{ name: "x.npy", bytes: makeNpy("<f2", "(4, 3)", HALVES) }]);
    expect(await readItems(file)).toMatchObject(half);
  });

  test("the matrix is chosen by shape, by its usual name, or named", async () => {
    const other = makeNpy("<f4", "(2, 2)", Float32Array.of(1, 2, 3, 4));
    const vector = makeNpy("<f4", "(5,)", new Float32Array(5));
    const file = makeZip([
      { name: "a.npy", bytes: other },
      { name: "b.npy", bytes: npy },
      { name: "c.npy", bytes: vector },
    ]);
    await refused(readItems(file, { fileName: "a.npz" }), /^a\.npz: .*several matrices.*"a".*\(2, 2\).*"b".*\(4, 3\)/);
    expect(await readItems(file, { fileName: "a.npz", embedding: "b" })).toMatchObject(MATRIX);
    await refused(readItems(file, { fileName: "a.npz", embedding: "d" }), /no tensor "d".*"a"/);
    await refused(readItems(file, { fileName: "a.npz", embedding: "c" }), /two dimensions.*\(5,\)/);
    const named = makeZip([
      { name: "a.npy", bytes: other },
      { name: "item_embeddings.npy", bytes: npy },
    ]);
    expect(await readItems(named)).toMatchObject(MATRIX);
  });

  test("IDs and titles beside the matrix", async () => {
    const text = (texts: string[], width: number) =>
      Uint32Array.from(texts.flatMap((text) => Array.from({ length: width }, (_, i) => text.codePointAt(i) ?? 0)));
    const file = makeZip([
      { name: "emb.npy", bytes: npy },
      { name: "ids.npy", bytes: makeNpy("<i8", "(4,)", BigInt64Array.of(7n, 8n, 9n, 2n ** 60n)) },
      { name: "titles.npy", bytes: makeNpy("<U3", "(4,)", text(["a", "bé", "", "ddd"], 3)) },
      { name: "kind.npy", bytes: makeNpy("|S1", "(4,)", utf8("xyzx")) },
      { name: "other.npy", bytes: makeNpy("<i8", "(4,)", BigInt64Array.of(1n, 2n, 3n, 4n)) },
    ]);
    expect(await readItems(file)).toEqual({
      format: "npz",
      ...MATRIX,
      columns: { vector: ["emb"], itemId: "ids", title: "titles", labels: ["kind"], ignored: ["other"] },
      itemIds: ["7", "8", "9", String(2n ** 60n)],
      labels: {
        titles: ["a", "bé", "", "ddd"],
        labels: { kind: ["x", "y", "z", "x"] },
      },
    });
  });

  test.each<[string, Uint8Array, RegExp]>([
    ["a spreadsheet", makeZip([{ name: "xl/workbook.xml", bytes: utf8("<a/>") }]), /spreadsheet.*CSV/],
    ["a PyTorch checkpoint", makeZip([{ name: "archive/data.pkl", bytes: utf8("x") }]), /PyTorch.*safetensors/],
    ["nothing in it", makeZip([]), /empty/],
    ["a wrong checksum", makeZip([{ name: "x.npy", bytes: npy, lie: { crc: 1 } }]), /checksum of "x\.npy" is wrong/],
    [
      "a wrong size",
      makeZip([{ name: "x.npy", bytes: npy, lie: { size: npy.length - 1 } }]),
      /npy file is cut short|expands to more/,
    ],
    [
      "a larger size",
      makeZip([{ name: "x.npy", bytes: npy, lie: { size: npy.length + 1 } }]),
      /has 176 bytes instead of 177/,
    ],
    ["beyond the file", makeZip([{ name: "x.npy", bytes: npy, lie: { compressed: 1e6 } }]), /outside the file/],
    ["encrypted", makeZip([{ name: "x.npy", bytes: npy, lie: { flags: 1 } }]), /encrypted/],
    ["another method", makeZip([{ name: "x.npy", bytes: npy, lie: { method: 12 } }]), /method 12/],
    ["a bomb", makeZip([{ name: "x.npy", bytes: npy, lie: { size: 2 ** 30 } }]), /1,073,741,824 bytes.*1000 times/],
    [
      "overlapping members",
      makeZip([
        { name: "x.npy", bytes: npy },
        { name: "y.npy", bytes: npy, lie: { at: 10 } },
      ]),
      /overlap/,
    ],
    [
      "objects",
      makeZip([{ name: "x.npy", bytes: makeNpy("|O", "(4, 3)", MATRIX.data) }]),
      /Python objects.*numpy\.stack/,
    ],
    ["no matrix", makeZip([{ name: "x.npy", bytes: makeNpy("<f4", "(12,)", MATRIX.data) }]), /no matrix.*\(12,\)/],
  ])("refuses: %s", (_, file, message) => refused(readItems(file, { fileName: "a.npz" }), /^a\.npz/, message));
});

describe("safetensors", () => {
  test.each<[string, Tensor, object]>([
    ["F32", f32, MATRIX],
    ["F64", { ...f32, dtype: "F64", bytes: bytesOf(Float64Array.from(MATRIX.data)) }, MATRIX],
    ["F16", { ...f32, dtype: "F16", bytes: bytesOf(HALVES) }, half],
    ["BF16", { ...f32, dtype: "BF16", bytes: bytesOf(bfloats) }, MATRIX],
  ])("%s", async (_, tensor, items) => {
    const ids = { name: "item_ids", dtype: "I64", shape: [4], bytes: bytesOf(BigInt64Array.of(4n, 3n, 2n, -1n)) };
    expect(await readItems(makeSafetensors([tensor]), { fileName: "a.safetensors" })).toEqual({
      format: "safetensors",
      ...items,
    });
    expect((await readItems(makeSafetensors([ids, tensor]))).itemIds).toEqual(["4", "3", "2", "-1"]);
  });

  test("the tensor is chosen", async () => {
    const file = makeSafetensors([
      { name: "w", dtype: "F32", shape: [1, 2], bytes: new Uint8Array(8) },
      { ...f32, name: "model.item_embedding" },
      { name: "codes", dtype: "I64", shape: [2, 1], bytes: new Uint8Array(16) },
    ]);
    expect(await readItems(file)).toMatchObject(MATRIX);
    expect((await readItems(file, { embedding: "w" })).dim).toBe(2);
    await refused(readItems(file, { embedding: "codes" }), /holds I64.*float32/);
  });

  const entry = (more: object) =>
    JSON.stringify({ x: { dtype: "F32", shape: [4, 3], data_offsets: [0, 48], ...more } });
  test.each<[string, Uint8Array, RegExp]>([
    ["a header of 1 GB", Uint8Array.of(0, 0, 0, 64, 0, 0, 0, 0, 0x7b, 1, 2), /1,073,741,824 bytes/],
    ["a header of 2^56", Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1, 0x7b, 1, 2), /header claims/],
    ["a longer header", Uint8Array.of(99, 0, 0, 0, 0, 0, 0, 0, 0x7b, 1, 2), /99 bytes, but only 3 follow/],
    ["a broken header", withBytes("{x"), /header, it is not JSON/],
    ["another shape", withBytes(entry({ shape: [5, 3] })), /"x" of shape \[5,3\] and F32 takes 60 bytes, not 48/],
    ["2^53 rows", withBytes(entry({ shape: [2 ** 53 - 1, 3] })), /takes 1\.1e17 bytes, not 48/],
    [
      "negative sizes",
      withBytes(entry({ shape: [-4, -3] })),
      /shape\[0\] must be a whole number of at least 0, received -4/,
    ],
    [
      "beyond the file",
      withBytes(entry({ shape: [8, 3], data_offsets: [0, 96] })),
      /bytes 0 to 96 of the data, which has only 48 bytes/,
    ],
    [
      "overlap",
      makeSafetensors([f32, { ...f32, name: "y", offsets: [24, 72] }]),
      /starts at byte 24 of the data instead of 48: tensors overlap/,
    ],
    [
      "data of no tensor",
      withBytes(entry({ shape: [2, 3], data_offsets: [0, 24] })),
      /take 24 bytes, but it has 48 bytes of data/,
    ],
    ["a model of ours", makeSafetensors([f32], { rqvae: "{}" }), /model of rqvae.*RQVAE\.load/],
    ["no tensor", withBytes("{}", new Uint8Array(0)), /it has no tensors/],
  ])("refuses: %s", (_, file, message) =>
    refused(readItems(file, { fileName: "a.safetensors" }), /^a\.safetensors/, message),
  );

  function withBytes(header: string, data = bytesOf(MATRIX.data)): Uint8Array {
    const length = new Uint8Array(new BigUint64Array([BigInt(header.length)]).buffer);
    return Uint8Array.of(...length, ...utf8(header), ...data);
  }
});

describe("gzip", () => {
  test.each<[string, Uint8Array | string, object]>([
    ["a.npy.gz", npy, { format: "npy", ...MATRIX }],
    ["a.npz.gz", makeZip([{ name: "x.npy", bytes: npy }]), { format: "npz", ...MATRIX }],
    ["a.safetensors.gz", makeSafetensors([f32]), { format: "safetensors", ...MATRIX }],
    ["a.csv.gz", "id,x,y\na,1,2\nb,3,4\n", { format: "csv", itemIds: ["a", "b"] }],
    ["a.jsonl.gz", '{"id":1,"embedding":[1,2]}\n{"id":2,"embedding":[3,4]}', { format: "json", itemIds: ["1", "2"] }],
  ])("%s", async (name, content, expected) => {
    const file = gzipSync(typeof content === "string" ? utf8(content) : content);
    expect(await readItems(file, { fileName: name })).toMatchObject(expected);
    expect(await readItems(file)).toMatchObject(expected);
  });

  test("a large table comes in pieces, cut anywhere", async () => {
    const rows = 30_000;
    const text = Array.from({ length: rows }, (_, i) => `😀é${i},${i},1`).join("\n");
    const items = await readItems(gzipSync(text), { fileName: "a.csv.gz" });
    const { labels } = items;
    expect([items.rows, items.dim]).toEqual([rows, 2]);
    expect(labels!.titles[29_999]).toBe("😀é29999");
    expect(items.data[2 * 12_345]).toBe(12_345);
    const lines = Array.from({ length: rows }, (_, i) => JSON.stringify({ title: `😀é${i}`, vector: [i, 1] })).join(
      "\r\n",
    );
    const read = await readItems(gzipSync(lines), { fileName: "a.jsonl.gz" });
    expect([read.rows, read.labels!.titles[29_999]]).toEqual([rows, "😀é29999"]);
  });

  test.each<[string, Uint8Array, RegExp]>([
    ["cut short", gzipSync(npy).subarray(0, -12), /damaged or cut short/],
    ["a bomb", gzipSync(new Uint8Array(1 << 27).fill(0x20).fill(0x5b, 0, 1)), /1000 times its size/],
    ["blanks", gzipSync(new Uint8Array(1 << 27).fill(0x20)), /starts with [\d,]+ blanks/],
    ["gzip in gzip", gzipSync(gzipSync(npy)), /gzip-compressed/],
    ["a picture", gzipSync(Uint8Array.of(0x89, 0x50, 0x4e, 0x47)), /PNG/],
    ["nothing", gzipSync(""), /empty/],
  ])("refuses: %s", (_, file, message) => refused(readItems(file, { fileName: "a.gz" }), /^a\.gz/, message));
});

describe("a column of lists", () => {
  const matrix = { data: Float32Array.of(0.5, 1, -2e-3, 3, 4, 5), rows: 2, dim: 3 };
  test.each([
    ["pandas, of lists", 'id,title,embedding\na,A,"[0.5, 1.0, -0.002]"\nb,B,"[3, 4, 5]"\n'],
    ["pandas, of arrays", 'id,title,embedding\na,A,[ 0.5    1.    -0.002]\nb,B,"[3.\n 4. 5.]"\n'],
    ["without brackets", "id,title,price,embedding\na,A,9,0.5 1 -0.002\nb,B,8,3 4 5\n"],
    ["tab, unquoted", "id\ttitle\tembedding\na\tA\t[0.5, 1, -0.002]\nb\tB\t[3,4,5]"],
    ["semicolons", "id;title;embedding\na;A;(0.5,1,-0.002)\nb;B;(3,4,5)"],
    ["an atomic file", "id:token\ttitle:token_seq\tprice:float\temb:float_seq\na\tA\t1\t0.5 1 -0.002\nb\tB\t2\t3 4 5"],
  ])("%s", async (_, text) => {
    const { items, labels, columns } = readCsv(text);
    expect(items).toEqual(matrix);
    expect(columns).toMatchObject({ itemId: "id", title: "title", ignored: [] });
    expect(labels!.titles).toEqual(["A", "B"]);
    expect((await readItems(utf8(text), { fileName: "a.csv" })).itemIds).toEqual(["a", "b"]);
  });

  test("chosen by name; without header; among several it is asked which", () => {
    const text = 'id,small,large\na,"[1, 2]","[1, 2, 3]"\nb,"[3, 4]","[4, 5, 6]"';
    expect(() => readCsv(text)).toThrow(/"small" holds lists.*"large" holds lists.*embedding: "small"/);
    expect(() => readCsv(text.replaceAll(", ", ".5, "))).toThrow(
      /several columns.*"small", "large".*embedding: "small"/,
    );
    expect(readCsv(text, { embedding: "large" }).items).toEqual({
      data: Float32Array.of(1, 2, 3, 4, 5, 6),
      rows: 2,
      dim: 3,
    });
    expect(readCsv(text, { embedding: "small" }).items).toEqual({
      data: Float32Array.of(1, 2, 3, 4),
      rows: 2,
      dim: 2,
    });
    expect(readCsv('a,"[1, 2.5]"\nb,"[3, 4]"')).toEqual({
      items: { data: Float32Array.of(1, 2.5, 3, 4), rows: 2, dim: 2 },
      columns: { vector: ["column_1"], title: "column_0", labels: [], ignored: [] },
      labels: { titles: ["a", "b"] },
    });
    expect(() => readCsv(text, { embedding: "none" })).toThrow(/embedding: the table has no column "none".*"small"/);
  });

  test.each([
    ["ragged", 'id,e\na,"[1, 2.5]"\nb,"[3.5]"', /row 1 \(line 3\).*1 number,.*2/],
    ["NaN", 'id,e\na,"[1, 2.5]"\nb,"[3, nan]"', /row 1.*number 1 of the list: "nan"/],
    ["empty", 'id,e\na,"[1, 2.5]"\nb,', /row 1.*the cell is empty/],
    ["printed by NumPy", "id,e\na,[1. 2. 3. 4.]\nb,[1. ... 2. 3.]", /printed with "\.\.\."/],
  ])("refuses: %s", async (_, text, message) => {
    expect(() => readCsv(text)).toThrow(message);
    await refused(readItems(utf8(text), { fileName: "a.csv" }), /^a\.csv: row 1/);
    const items = await readItems(utf8(text), { fileName: "a.csv", skipInvalid: true });
    const { skipped, itemIds } = items;
    expect([items.rows, [...skipped!.rows], itemIds]).toEqual([1, [1], ["a"]]);
    expect(skipped!.reason).toMatch(message);
  });
});

describe("JSON found by shape", () => {
  const matrix = { data: Float32Array.of(1, 2, 3, 4), rows: 2, dim: 2 };
  const [a, b] = [
    [1, 2],
    [3, 4],
  ];
  test.each<[string, unknown]>([
    [
      "an embedding service",
      {
        object: "list",
        data: [
          { index: 0, embedding: a },
          { index: 1, embedding: b },
        ],
        model: "m",
      },
    ],
    ["Chroma", { ids: ["a", "b"], embeddings: [a, b], metadatas: [{}, {}] }],
    [
      "Qdrant",
      {
        result: {
          points: [
            { id: "a", vector: a, payload: { title: "A" } },
            { id: "b", vector: b, payload: {} },
          ],
        },
      },
    ],
    ["Pinecone", { vectors: { a: { id: "a", values: a }, b: { id: "b", values: b } }, namespace: "" }],
    ["a map of vectors", { a, b }],
    ["a map of objects", { a: { title: "A", vec: a }, b: { title: "B", vec: b } }],
    [
      "a response for each",
      [
        { id: "a", response: { data: [{ embedding: a }] } },
        { id: "b", response: { data: [{ embedding: b }] } },
      ],
    ],
    [
      "an own name",
      [
        { id: "a", sizes: [], clip_features: a },
        { id: "b", sizes: [1], clip_features: b },
      ],
    ],
  ])("%s", async (name, value) => {
    const read = await readItems(utf8(JSON.stringify(value)), { fileName: "a.json" });
    expect(read).toMatchObject(matrix);
    if (name !== "an embedding service") expect(read.itemIds).toEqual(["a", "b"]);
    if (name === "Qdrant") expect(read.labels).toEqual({ titles: ["A", ""] });
    if (name === "a map of vectors") expect(read.labels).toEqual({ titles: ["a", "b"] });
  });

  test("a field by its name, inner ones by dots", async () => {
    const value = [{ x: { small: [1], large: [1, 2] } }, { x: { small: [2], large: [3, 4] } }];
    const read = (embedding: string) => readItems(utf8(JSON.stringify(value)), { fileName: "a.json", embedding });
    expect(await read("x.large")).toMatchObject(matrix);
    expect((await read("x.small")).dim).toBe(1);
    await refused(read("y"), /embedding: the JSON has no column "y"; its columns are "x\.small", "x\.large"/);
  });

  test.each([
    ["lists", [a, null, [1], [1, null], b]],
    ["objects", [{ id: 1, embedding: a }, { id: 2 }, null, { id: 1, embedding: b }, { id: 5, embedding: b }]],
  ])("rows that are invalid: %s", async (_, rows) => {
    for (const text of [JSON.stringify(rows), rows.map((row) => JSON.stringify(row)).join("\n")]) {
      await refused(readItems(utf8(text), { fileName: "a.json" }), /^a\.json: .*row 1/);
      const read = await readItems(utf8(text), { fileName: "a.json", skipInvalid: true });
      expect(read).toMatchObject(matrix);
      expect([...read.skipped!.rows]).toEqual([1, 2, 3]);
      expect(read.itemIds).toEqual(Array.isArray(rows[0]) ? undefined : ["1", "5"]);
    }
    await refused(readItems(utf8("[null, null]"), { fileName: "a.json", skipInvalid: true }), /all 2 rows are invalid/);
  });
});

describe("rows that are invalid", () => {
  const data = MATRIX.data.slice();
  data[4] = Number.NaN;
  data[9] = Number.NEGATIVE_INFINITY;
  const half = HALVES.slice();
  half[4] = 0x7e00;
  half[9] = 0xfc00;
  const big = Float64Array.from(MATRIX.data);
  big[4] = 1e39;
  big[9] = -1e300;
  test.each<[string, Uint8Array]>([
    ["npy", makeNpy("<f4", "(4, 3)", data)],
    ["float16", makeNpy("<f2", "(4, 3)", half)],
    ["beyond float32", makeNpy("<f8", "(4, 3)", big)],
    ["safetensors", makeSafetensors([{ ...f32, bytes: bytesOf(data) }])],
    ["npz", makeZip([{ name: "x.npy", bytes: makeNpy("<f4", "(4, 3)", data) }])],
  ])("%s", async (_, file) => {
    await refused(
      readItems(file, { fileName: "a.x" }),
      /^a\.x: row 1, column 1 is (NaN|Infinity); every value must be a finite/,
    );
    const items = await readItems(file, { fileName: "a.x", skipInvalid: true });
    const { skipped } = items;
    expect([...skipped!.rows]).toEqual([1, 3]);
    expect(skipped!.reason).toMatch(/row 1, column 1/);
    expect([items.rows, items.data.length]).toEqual([2, 6]);
    if (items.data instanceof Float32Array) expect([...items.data]).toEqual([1, -2, 3, 7, 8, 9]);
    expect((await readItems(file, { fileName: "a.x", checkValues: false })).rows).toBe(4);
  });

  test("an item that is there twice", async () => {
    const csv = utf8("id,x,y\na,1,2\nb,3,4\na,5,6");
    await refused(readItems(csv, { fileName: "a.csv" }), /^a\.csv: row 2 and row 0 are both item "a"/);
    const { itemIds, labels, skipped } = await readItems(csv, { fileName: "a.csv", skipInvalid: true });
    expect([itemIds, labels, [...skipped!.rows]]).toEqual([["a", "b"], { titles: ["a", "b"] }, [2]]);
    const named = await readItems(utf8("id,title,x,y\n007,T,1,2\n9007199254740993,T,3,4"), { fileName: "a.csv" });
    expect([named.itemIds, named.labels!.titles]).toEqual([
      ["007", "9007199254740993"],
      ["T", "T"], // titles may be equal
    ]);
    const ids = { name: "ids", dtype: "I32", shape: [4], bytes: bytesOf(Int32Array.of(1, 2, 1, 3)) };
    const read = await readItems(makeSafetensors([f32, ids]), { skipInvalid: true });
    expect([read.itemIds, read.rows, [...read.skipped!.rows]]).toEqual([["1", "2", "3"], 3, [2]]);
  });

  test("none: nothing is copied", async () => {
    const items = await readItems(npy, { fileName: "a.npy", skipInvalid: true });
    const { skipped } = items;
    expect([skipped!.rows.length, skipped!.reason]).toEqual([0, ""]);
    expect(items).toMatchObject(MATRIX);
  });
});

describe("labels of atomic files", () => {
  test("columns named name:type", () => {
    const text = "item_id:token\tmovie_title:token_seq\trelease_year:token\n1\tToy Story\t1995\n2\tGoldenEye\t1995\n";
    expect(readLabels(text)).toEqual({
      titles: ["Toy Story", "GoldenEye"],
      labels: { release_year: ["1995", "1995"] },
      itemIds: ["1", "2"],
    });
    expect(readLabels("a:token\nb")).toEqual({ titles: ["a:token", "b"] });
    expect(() => readLabels("id:token\ttitle:token\n1")).toThrow(InvalidInputError);
  });
});
