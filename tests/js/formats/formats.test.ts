import { existsSync, readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidInputError, RQVAEError } from "../../../bindings/js/base/errors.ts";
import { readNpy, writeNpy } from "../../../bindings/js/formats/arrays/npy.ts";
import { idsCsvChunks, readIdsCsv } from "../../../bindings/js/formats/ids/ids.ts";
import { readItems, readLabels } from "../../../bindings/js/formats/index.ts";
import { CsvParser } from "../../../bindings/js/formats/text/csv-parser.ts";
import { SemanticIds } from "../../../bindings/js/ids/semantic-ids.ts";
import { checkLabels } from "../../../bindings/js/items/labels.ts";
import { readCsv, readJson, writeIdsCsv } from "../support/formats.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

function expectInvalid(run: () => unknown, ...messages: (string | RegExp)[]): void {
  let caught: unknown;
  try {
    run();
  } catch (error) {
    caught = error;
  }
  expect(caught).toBeInstanceOf(InvalidInputError);
  for (const message of messages) expect((caught as Error).message).toMatch(message);
}

/** Whatever it is given, a reader returns or throws an error of ours. */
function onlyOurErrors(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof RQVAEError)) throw error;
  }
}

describe("npy", () => {
  // 2 x 3; every value is exact in every type that lists it.
  const signed = [1, -2, 3, 100, 5, -128];
  const unsigned = [1, 2, 3, 100, 5, 255];
  const half: Record<number, number> = { 1: 0x3c00, [-2]: 0xc000, 3: 0x4200, 100: 0x5640, 5: 0x4500, [-128]: 0xd800 };
  type Put = (view: DataView, offset: number, value: number, little: boolean) => void;
  const types: [dtype: string, bytes: number, values: number[], result: string, put: Put][] = [
    ["f2", 2, signed, "Uint16Array", (v, o, x, le) => v.setUint16(o, half[x]!, le)],
    ["f4", 4, signed, "Float32Array", (v, o, x, le) => v.setFloat32(o, x, le)],
    ["f8", 8, signed, "Float64Array", (v, o, x, le) => v.setFloat64(o, x, le)],
    ["i1", 1, signed, "Float32Array", (v, o, x) => v.setInt8(o, x)],
    ["u1", 1, unsigned, "Float32Array", (v, o, x) => v.setUint8(o, x)],
    ["i2", 2, signed, "Float32Array", (v, o, x, le) => v.setInt16(o, x, le)],
    ["u2", 2, unsigned, "Float32Array", (v, o, x, le) => v.setUint16(o, x, le)],
    ["i4", 4, signed, "Float32Array", (v, o, x, le) => v.setInt32(o, x, le)],
    ["u4", 4, unsigned, "Float32Array", (v, o, x, le) => v.setUint32(o, x, le)],
    ["i8", 8, signed, "Float64Array", (v, o, x, le) => v.setBigInt64(o, BigInt(x), le)],
    ["u8", 8, unsigned, "Float64Array", (v, o, x, le) => v.setBigUint64(o, BigInt(x), le)],
  ];

  function npyFile(header: string, data: Uint8Array, version = 1, padding = 0): Uint8Array {
    const text = utf8(`${header}${" ".repeat(padding)}\n`);
    const lengthBytes = version === 1 ? 2 : 4;
    const bytes = new Uint8Array(8 + lengthBytes + text.length + data.length);
    bytes.set([0x93, ...utf8("NUMPY"), version, 0]);
    for (let i = 0; i < lengthBytes; i++) bytes[8 + i] = text.length >> (8 * i);
    bytes.set(text, 8 + lengthBytes);
    bytes.set(data, 8 + lengthBytes + text.length);
    return bytes;
  }
  const headerOf = (descr: string, shape: string, fortran = "False") =>
    `{'descr': ${descr}, 'fortran_order': ${fortran}, 'shape': ${shape}, }`;

  const cases = types.flatMap(([dtype, bytes, values, result, put]) =>
    [true, false].flatMap((little) =>
      ["C", "F"].flatMap((order) =>
        [1, 2, 3].map((version) => ({ dtype, bytes, values, result, put, little, order, version })),
      ),
    ),
  );

  test.each(cases)("$dtype, little-endian $little, $order order, version $version", (c) => {
    const data = new Uint8Array(6 * c.bytes);
    const view = new DataView(data.buffer);
    for (let i = 0; i < 2; i++) {
      for (let j = 0; j < 3; j++) {
        const position = c.order === "C" ? i * 3 + j : j * 2 + i;
        c.put(view, position * c.bytes, c.values[i * 3 + j]!, c.little);
      }
    }
    const mark = c.bytes === 1 ? "|" : c.little ? "<" : ">";
    const header = headerOf(`'${mark}${c.dtype}'`, "(2, 3)", c.order === "F" ? "True" : "False");
    for (const padding of [0, 1, 2, 3]) {
      const file = npyFile(header, data, c.version, padding);
      const before = file.slice();
      const read = readNpy(file);
      expect(read.data.constructor.name).toBe(c.result);
      expect([read.rows, read.dim]).toEqual([2, 3]);
      expect([...read.data]).toEqual(c.dtype === "f2" ? c.values.map((x) => half[x]) : c.values);
      expect(file).toEqual(before);
      expect(read.data.buffer).not.toBe(file.buffer);
    }
  });

  test("bytes at an odd offset of a larger buffer, and an ArrayBuffer", () => {
    const file = writeNpy({ data: Float32Array.of(1, 2, 3, 4), rows: 2, dim: 2 });
    const larger = new Uint8Array(file.length + 9);
    larger.set(file, 3);
    expect([...readNpy(larger.subarray(3, 3 + file.length)).data]).toEqual([1, 2, 3, 4]);
    expectInvalid(
      () => readNpy(larger.subarray(3)),
      /array of 2 x 2 elements is followed by 6 more bytes.*several arrays/,
    );
    expect([...readNpy(file.slice().buffer as ArrayBuffer).data]).toEqual([1, 2, 3, 4]);
  });

  test("writes what numpy.save writes", () => {
    const file = writeNpy({ data: Float32Array.of(1.5, -2), rows: 1, dim: 2 });
    const header = `${"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }".padEnd(117)}\n`;
    expect(file).toEqual(
      Uint8Array.of(0x93, ...utf8("NUMPY"), 1, 0, 118, 0, ...utf8(header), 0, 0, 0xc0, 0x3f, 0, 0, 0, 0xc0),
    );
  });

  test("round trip of every type that is written", () => {
    for (const data of [
      Float32Array.of(1, 2, NaN, 4),
      Float64Array.of(1, 2, Infinity, 1e300),
      Uint16Array.of(1, 2, 3, 65535),
    ]) {
      expect(readNpy(writeNpy({ data, rows: 2, dim: 2 }))).toEqual({ data, rows: 2, dim: 2 });
    }
    for (const sizes of [
      [10, 20],
      [10, 70000],
    ]) {
      const ids = SemanticIds.from(
        [
          [1, 2],
          [3, sizes[1]! - 1],
        ],
        { codebookSizes: sizes },
      );
      expect([...readNpy(writeNpy(ids)).data]).toEqual([...ids.codes]);
    }
  });

  test("refuses to write what is not a matrix", () => {
    expectInvalid(() => writeNpy({ data: Float32Array.of(1, 2, 3), rows: 2, dim: 2 }), /3 entries.*2 x 2/);
    expectInvalid(() => writeNpy({ data: [1, 2] as never, rows: 1, dim: 2 }), /data must be.*an array of 2/);
    expectInvalid(() => writeNpy({ data: Int32Array.of(1) as never, rows: 1, dim: 1 }), /Int32Array/);
  });

  const four = new Uint8Array(16);
  test.each([
    ["empty", new Uint8Array(0), /empty/],
    ["csv text", utf8("1,2\n3,4\n"), /looks like text/],
    ["json", utf8(" [[1]]"), /looks like JSON/],
    ["npz", Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0), /npz.*numpy\.save/],
    ["gzip", Uint8Array.of(0x1f, 0x8b, 8, 0), /gzip.*Decompress/],
    ["pickle", Uint8Array.of(0x80, 4, 0x95, 0), /pickle/],
    ["safetensors", Uint8Array.of(40, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x22), /safetensors/],
    ["cut in the magic", Uint8Array.of(0x93, ...utf8("NUMPY")), /cut short.*6 bytes/],
    [
      "cut in the header",
      writeNpy({ data: Float32Array.of(1), rows: 1, dim: 1 }).subarray(0, 50),
      /byte 128.*50 bytes/,
    ],
    ["cut in the data", npyFile(headerOf("'<f4'", "(2, 3)"), new Uint8Array(20)), /need 24 bytes, but 20/],
    ["absurd shape", npyFile(headerOf("'<f4'", `(${"9".repeat(400)}, 3)`), four), /cut short/],
    ["absurd header", Uint8Array.of(0x93, ...utf8("NUMPY"), 2, 0, 0, 0, 0, 255), /header claims.*damaged/],
    ["unknown version", npyFile(headerOf("'<f4'", "(2, 2)"), four, 9), /version 9\.0/],
    ["objects", npyFile(headerOf("'|O'", "(2, 2)"), four), /objects.*numpy\.stack/],
    ["complex", npyFile(headerOf("'<c8'", "(1, 2)"), four), /complex.*real/],
    ["records", npyFile(headerOf("[('a', '<f4'), ('b', '<f4')]", "(2,)"), four), /records.*structured_to_unstructured/],
    ["strings", npyFile(headerOf("'<U4'", "(1, 1)"), four), /strings.*astype\("float32"\)/],
    ["float128", npyFile(headerOf("'<f16'", "(1, 1)"), four), /f16.*astype\("float32"\)/],
    ["bool", npyFile(headerOf("'|b1'", "(4, 4)"), four), /b1.*astype\("float32"\)/],
    ["inherited name", npyFile(headerOf("'<__proto__'", "(4, 4)"), four), /__proto__/],
    ["no rows", npyFile(headerOf("'<f4'", "(0, 2)"), four), /\(0, 2\).*at least one row/],
    ["no columns", npyFile(headerOf("'<f4'", "(2, 0)"), four), /\(2, 0\)/],
    ["one dimension", npyFile(headerOf("'<f4'", "(4,)"), four), /two dimensions.*\(4,\).*reshape\(-1, dim\)/],
    ["three dimensions", npyFile(headerOf("'<f4'", "(2, 2, 1)"), four), /\(2, 2, 1\).*reshape\(len\(arr\), -1\)/],
    ["no dimension", npyFile(headerOf("'<f4'", "()"), four), /two dimensions.*\(\)/],
    ["no order", npyFile("{'descr': '<f4', 'shape': (2, 2), }", four), /fortran_order/],
    ["no type", npyFile("{'fortran_order': False, 'shape': (2, 2), }", four), /descr/],
    ["no shape", npyFile("{'descr': '<f4', 'fortran_order': False}", four), /shape/],
  ])("refuses: %s", (_, bytes, message) => expectInvalid(() => readNpy(bytes), message));

  test("refuses what is not bytes", () =>
    expectInvalid(() => readNpy("x" as never), /bytes must be a Uint8Array.*"x"/));

  test("every truncation is refused, and damage never throws a foreign error", () => {
    const file = writeNpy({ data: Float64Array.of(1, 2, 3, 4, 5, 6), rows: 3, dim: 2 });
    for (let end = 0; end < file.length; end++) expectInvalid(() => readNpy(file.subarray(0, end)));
    fc.assert(
      fc.property(fc.nat(file.length - 1), fc.nat(255), (at, byte) => {
        const damaged = file.slice();
        damaged[at] = byte;
        onlyOurErrors(() => readNpy(damaged));
      }),
      { numRuns: 1000 },
    );
  });

  test("the emoji embeddings of the examples", async () => {
    const folder = new URL("../../../examples/data/emoji/", import.meta.url);
    const items = await readItems(readFileSync(new URL("emoji-glovesif100.f16.npy", folder)), {
      fileName: "emoji.npy",
    });
    const { labels } = items;
    expect(labels).toBeUndefined();
    expect(items.data).toBeInstanceOf(Uint16Array);
    expect([items.rows, items.dim, items.data.length]).toEqual([1914, 100, 191400]);
    expect([...items.data.subarray(0, 3)]).toEqual([0x2b6d, 0x27d4, 0x3014]);
    const titles = readLabels(readFileSync(new URL("emoji.labels.json", folder), "utf8"));
    checkLabels(titles, items.rows);
    expect(titles.titles[0]).toBe("😀 grinning face");
    expect(Object.keys(titles.labels!)).toEqual(["group", "subgroup"]);
  });

  const more = new URL("../../../../shared/data/ship_ok/", import.meta.url);
  test.skipIf(!existsSync(more))("the other public embeddings (skipped where they are not at hand)", () => {
    const shapes: Record<string, [number, number]> = {
      "emoji-glovesif100.f16.npy": [1914, 100],
      "glove100-top50k.f16.npy": [50000, 100],
      "mdi-glovesif100.f16.npy": [7447, 100],
      "fiori-minilm384.f32.npy": [778, 384],
      "wordnet-glovesif100.f16.npy": [117659, 100],
    };
    for (const folder of readdirSync(more)) {
      const files = readdirSync(new URL(`${folder}/`, more));
      for (const file of files.filter((name) => name.endsWith(".npy"))) {
        const bytes = readFileSync(new URL(`${folder}/${file}`, more));
        const items = readNpy(bytes);
        expect([items.rows, items.dim]).toEqual(shapes[file]);
        expect(writeNpy(items).every((byte, i) => byte === bytes[i])).toBe(true);
        for (const name of files.filter((name) => /labels\.json|^words/.test(name))) {
          checkLabels(readLabels(readFileSync(new URL(`${folder}/${name}`, more), "utf8")), items.rows);
        }
      }
    }
  });
});

describe("csv", () => {
  const values = (text: string, options?: Parameters<typeof readCsv>[1]) => {
    const { items, ...rest } = readCsv(text, options);
    return { data: [...items.data], rows: items.rows, dim: items.dim, ...rest };
  };
  /** What the columns of a table without a header are taken for. */
  const first = { title: "column_0", labels: [], ignored: [] };

  test("numbers alone", () => {
    expect(values("1,2\n3,4\n")).toEqual({
      data: [1, 2, 3, 4],
      rows: 2,
      dim: 2,
      columns: { vector: ["column_0", "column_1"], labels: [], ignored: [] },
    });
    expect(values("1.5e0, -.5 ,+2.,3E2")).toMatchObject({ data: [1.5, -0.5, 2, 300], rows: 1, dim: 4 });
    expect(values("0.5\n0.25\n")).toMatchObject({ data: [0.5, 0.25], rows: 2, dim: 1 });
  });

  test.each([
    ["comma", "t,1.5,2\nu,3,4"],
    ["tab", "t\t1.5\t2\nu\t3\t4"],
    ["semicolon", "t;1.5;2\nu;3;4"],
    ["semicolon with decimal comma", "t;1,5;2\nu;3;4"],
    ["tab with decimal comma", "t\t1,5\t2\nu\t3\t4"],
    ["CRLF", "t,1.5,2\r\nu,3,4\r\n"],
    ["CR", "t,1.5,2\ru,3,4\r"],
    ["byte order mark and quotes", '\uFEFF"t","1.5","2"\n"u","3","4"'],
    ["empty lines", "\n\nt,1.5,2\n\nu,3,4\n  \n"],
  ])("%s", (_, text) => {
    expect(values(text)).toEqual({
      data: [1.5, 2, 3, 4],
      rows: 2,
      dim: 2,
      columns: { ...first, vector: ["column_1", "column_2"] },
      labels: { titles: ["t", "u"] },
    });
  });

  test("any matrix, however its numbers are written and separated", () => {
    const row = (dim: number) =>
      fc.array(fc.integer({ min: -99_999, max: 99_999 }), { minLength: dim, maxLength: dim });
    const matrix = fc.integer({ min: 2, max: 9 }).chain((dim) => fc.array(row(dim), { minLength: 2, maxLength: 12 }));
    // A comma that separates cannot be that of decimals.
    const style = fc.constantFrom<[string, string]>(
      ...[",", ";", "\t", " ", ", ", "; "].map((between): [string, string] => [between, "."]),
      ...[";", "\t", " ", "; "].map((between): [string, string] => [between, ","]),
    );
    const beside = fc.constantFrom("none", "header", "titles", "header and titles");
    fc.assert(
      fc.property(matrix, style, beside, fc.constantFrom("\n", "\r\n"), (rows, [between, point], beside, end) => {
        // "1,5 2,5" may as well be 1, a list of two, and 5.
        fc.pre(between !== " " || point !== "," || rows[0]!.length > 2);
        // "1.000;2.000" may as well be thousands.
        const isThousand = (value: number) => /^-?[1-9]\d{0,2}\.\d{3}$/.test((value / 1000).toFixed(3));
        fc.pre(!between.startsWith(";") || point !== "." || !rows.flat().every(isThousand));
        const hasTitles = beside.includes("titles");
        const text = rows.map((row, i) => {
          const cells = row.map((value) => (value / 1000).toFixed(3).replace(".", point));
          return (hasTitles ? [`t${i}x`, ...cells] : cells).join(between);
        });
        const names = [...(hasTitles ? ["title"] : []), ...rows[0]!.map((_, j) => `x${j}`)];
        const { items, labels } = readCsv(
          (beside.includes("header") ? [names.join(between), ...text] : text).join(end),
        );
        expect([items.rows, items.dim]).toEqual([rows.length, rows[0]!.length]);
        expect(items.data).toEqual(Float32Array.from(rows.flat(), (value) => Number((value / 1000).toFixed(3))));
        expect(labels?.titles).toEqual(hasTitles ? rows.map((_, i) => `t${i}x`) : undefined);
      }),
      { numRuns: 1500 },
    );
  });

  test("blanks that align columns, and the first line of word2vec and fastText", () => {
    expect(values("  1.5   -2 \n 10.25    3\n")).toMatchObject({ data: [1.5, -2, 10.25, 3], rows: 2, dim: 2 });
    const words = "3 2\nthe 1 2 \nof  3 4 \nand 5 6 \n";
    expect(values(words)).toEqual({
      data: [1, 2, 3, 4, 5, 6],
      rows: 3,
      dim: 2,
      columns: { vector: ["column_1", "column_2"], itemId: "column_0", labels: [], ignored: [] },
      labels: { titles: ["the", "of", "and"] },
      itemIds: ["the", "of", "and"],
    });
    expect(values("t 1.5 2\nu 3 4")).toMatchObject({ data: [1.5, 2, 3, 4], itemIds: ["t", "u"] });
    expect(values("2 2\n3 4\n").rows).toBe(2);
    expect(values("1,3\n2,4\n").rows).toBe(2);
  });

  test("titles with spaces and numbers do not mislead the choice of the delimiter", () => {
    expect(values("Alien 3 1 2,0.5\nUp 9 8 7;6,0.25")).toEqual({
      data: [0.5, 0.25],
      rows: 2,
      dim: 1,
      columns: { ...first, vector: ["column_1"] },
      labels: { titles: ["Alien 3 1 2", "Up 9 8 7;6"] },
    });
  });

  test("rows so long that the sample ends inside a quoted title", () => {
    const numbers = "0.125;".repeat(20000).slice(0, -1);
    const rows = [1, 2, 3].map((k) => `"${"a,1".repeat(k * 8000)}";${numbers}`);
    expect(readCsv(rows.join("\n")).items).toMatchObject({ rows: 3, dim: 20000 });
  });

  test("header, titles and labels", () => {
    expect(values('id,title,x,kind,y\n7,"a, ""b""\nc",1,k,2\n8,d,3,l,4\n')).toEqual({
      data: [1, 2, 3, 4],
      rows: 2,
      dim: 2,
      columns: { vector: ["x", "y"], itemId: "id", title: "title", labels: ["kind"], ignored: [] },
      labels: { titles: ['a, "b"\nc', "d"], labels: { kind: ["k", "l"] } },
      itemIds: ["7", "8"],
    });
  });

  test.each(["id", "ID", "item_id", "productId", "productID", "item", "index", "Unnamed: 0", ""])(
    "a numeric first column named %j is a key",
    (name) => {
      const { labels, items } = readCsv(`${name},x,y\n10,.1,.2\n11,.3,.4`);
      expect([items.dim, labels]).toEqual([2, { titles: ["10", "11"] }]);
    },
  );

  test("other numeric first columns belong to the embedding", () => {
    expect(values("grid,x\n1,2\n3,4")).toMatchObject({ dim: 2, columns: { vector: ["grid", "x"] } });
    expect(values("1,.1\n2,.2")).toMatchObject({ dim: 2, rows: 2 });
    expectInvalid(() => readCsv("id\n1.5\n2"), /has no embedding.*"id" is a key/);
  });

  test("columns that pandas numbered", () => {
    expect(values(",0,1\n0,.5,.25\n1,2,3\n")).toMatchObject({
      rows: 2,
      dim: 2,
      columns: { vector: ["0", "1"] },
      itemIds: ["0", "1"],
      labels: { titles: ["0", "1"] },
    });
    expect(values("0,1\n.5,.25\n")).toMatchObject({ rows: 1, dim: 2, columns: { vector: ["0", "1"] } });
    expect(values("0,1,2\n3,4,5\n")).toMatchObject({ rows: 2, dim: 3 });
  });

  test("options override what is detected", () => {
    expect(values("0,1\n.5,.25\n", { header: false })).toMatchObject({ rows: 2 });
    expect(values("3,1\n.5,.25\n", { header: true })).toMatchObject({ rows: 1, columns: { vector: ["3", "1"] } });
    expect(values("1,1998,x\n2,1999,y", { labelColumns: [2, 1] })).toEqual({
      data: [1, 2],
      rows: 2,
      dim: 1,
      columns: { vector: ["column_0"], title: "column_2", labels: ["column_1"], ignored: [] },
      labels: { titles: ["x", "y"], labels: { column_1: ["1998", "1999"] } },
    });
    expect(values("year,a\n1998,2\n", { labelColumns: ["year"] })).toMatchObject({
      dim: 1,
      labels: { titles: ["1998"] },
    });
    expect(values("1|2\n3|4", { delimiter: "|" })).toMatchObject({ dim: 2 });
    expectInvalid(() => readCsv("a,b\n1,2", { labelColumns: ["c"] }), /"c".*2 columns.*"a", "b"/);
    expectInvalid(() => readCsv("1,2", { labelColumns: [2] }), /2 columns/);
    expectInvalid(() => readCsv("1,2", { delimiter: ",," }), /delimiter/);
  });

  test("numeric titles are text when most titles are", () => {
    expect(values("Up,1\n1984,2\nHer,3\nAlien,4")).toMatchObject({
      dim: 1,
      labels: { titles: ["Up", "1984", "Her", "Alien"] },
    });
  });

  test("names that JavaScript knows or that occur twice", () => {
    const { labels } = readCsv("title,__proto__,x,x,\na,b,1,c,d\ne,f,2,g,h");
    expect(Object.entries(labels!.labels!)).toEqual([
      ["__proto__", ["b", "f"]],
      ["x_2", ["c", "g"]],
      ["column_4", ["d", "h"]],
    ]);
  });

  test.each([
    ["ragged", "1,2\n3,4\n5\n", /row 2 \(line 3\) has 1 column,.*2/],
    ["ragged after a header and an empty line", "a,b\n1,2\n\n1,2,3\n", /row 1 \(line 4\) has 3 columns.*2/],
    ["empty cell", "a,b\n1,2\n3,\n", /row 1 \(line 3\), column 1 \("b"\).*empty/],
    ["empty cell in the first row", "1,,2\n3,4,5\n", /row 0 \(line 1\), column 1.*empty/],
    ["NaN", "1,2\nNaN,4\n", /row 1 \(line 2\), column 0.*"NaN"/],
    ["NaN in the first row", "nan,2\n3,4\n", /row 0 \(line 1\), column 0.*"nan"/],
    ["infinite", "1,2\n3,-inf\n", /row 1 .*column 1.*"-inf"/],
    ["text", '"a\nb",1\nc,x\nd,2\ne,3', /row 1 \(line 3\), column 1.*"x"/],
    ["text in the first row", "x,2\n3,4\n5,6", /row 0 \(line 1\), column 0.*"x"/],
    ["hexadecimal", "1,2\n0x10,4\n3,4", /"0x10"/],
    ["beyond float32", "1,2\n3,1e39\n", /"1e39".*float32/],
    ["text alone", "a,b\nc,d\n", /the table has no embedding.*text such as "a"/],
    ["header alone", "a,b\n", /the table has no embedding/],
    ["header alone, as promised", ["a,b\n"], /header but no rows/],
    ["nothing", "", /no rows/],
    ["blank", " \n\n", /no rows/],
    ["open quote", '1,2\n3,"4\n5,6', /line 2.*never closed/],
    ["text after a quote", '1,"2"3\n', /line 1.*"3.*closing quote/],
    ["no text", 5 as never, /text must be a string/],
    ["bytes", utf8("1,2") as never, /text must be a string/],
  ])("refuses: %s", (_, text, message) =>
    expectInvalid(() => readCsv(text, Array.isArray(text) ? { header: true } : {}), message),
  );

  const cell = fc.string({ unit: fc.constantFrom(",", ";", '"', "\r", "\n", "a", "é", "😀", " "), maxLength: 6 });
  const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
  test("any cell survives, however the text is cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(cell, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 }),
        fc.constantFrom("\n", "\r\n", "\r"),
        fc.array(fc.nat(4), { minLength: 1 }),
        (rows, lineEnd, cuts) => {
          const text = rows.map((row) => row.map(quote).join(",")).join(lineEnd);
          const parser = new CsvParser(",");
          const records = [];
          for (let start = 0, k = 0; start < text.length; k++) {
            const end = start + 1 + cuts[k % cuts.length]!;
            records.push(...parser.push(text.slice(start, end)));
            start = end;
          }
          records.push(...parser.finish());
          expect(records.map((record) => record.cells)).toEqual(rows);
        },
      ),
    );
  });

  test("hostile cells take no longer than others", () => {
    for (const cell of ["1".repeat(1e6), " ".repeat(1e6), "1e".repeat(1e6), "-".repeat(1e6)]) {
      onlyOurErrors(() => readCsv(`1,2\n${cell}x,2\n3,4`));
    }
  });

  test("any numbers and titles survive", () => {
    const finite = fc.float({ noNaN: true, noDefaultInfinity: true }).map((x) => x + 0); // as text, -0 is 0
    // An apostrophe before what a spreadsheet would run is no part of a text (csv-text.test.ts).
    const title = fc.string({ unit: "grapheme" }).filter((text) => !text.startsWith("'"));
    const row = fc.tuple(title, fc.array(finite, { minLength: 3, maxLength: 3 }));
    fc.assert(
      fc.property(fc.array(row, { minLength: 1 }), fc.constantFrom(",", "\t", ";"), (rows, delimiter) => {
        const lines = rows.map(([title, numbers]) => [quote(title), ...numbers].join(delimiter));
        const { items, labels } = readCsv(["title,a,b,c".replaceAll(",", delimiter), ...lines].join("\n"), {
          header: true,
          labelColumns: ["title"],
        });
        expect(items.data).toEqual(Float32Array.from(rows.flatMap(([, numbers]) => numbers)));
        expect(labels!.titles).toEqual(rows.map(([title]) => title));
      }),
    );
  });

  test("arbitrary text", () => {
    const text = fc.string({ unit: fc.constantFrom("1", ".", ",", "\n", '"', "a", ";", "\t", "-", "\r", " ") });
    fc.assert(
      fc.property(fc.oneof(text, fc.string()), (text) => onlyOurErrors(() => readCsv(text))),
      { numRuns: 1000 },
    );
  });
});

describe("json", () => {
  test("an array of arrays, and JSON lines", () => {
    const expected = { items: { data: Float32Array.of(1, 2, 3, 4.5), rows: 2, dim: 2 } };
    expect(readJson("[[1,2],\n[3,4.5]]")).toEqual(expected);
    expect(readJson("\uFEFF[1,2]\n\n[3,4.5]\r\n")).toEqual(expected);
    expect(readJson('{"embeddings": [[1,2],[3,4.5]]}')).toEqual(expected);
  });

  test.each(["embedding", "vector", "values"])("objects with %s", (field) => {
    const rows = [
      { id: 7, title: "a", [field]: [1, 2], kind: "k", nested: {}, year: 1998 },
      { id: 8, [field]: [3, 4], title: "b", isNew: true, kind: null },
    ];
    const expected = {
      items: { data: Float32Array.of(1, 2, 3, 4), rows: 2, dim: 2 },
      columns: { vector: [field], itemId: "id", title: "title", labels: ["kind", "year", "isNew"], ignored: [] },
      labels: { titles: ["a", "b"], labels: { kind: ["k", ""], year: [1998, ""], isNew: ["", "true"] } },
      itemIds: ["7", "8"],
    };
    expect(readJson(JSON.stringify(rows))).toEqual(expected);
    expect(readJson(JSON.stringify({ data: rows }))).toEqual(expected);
    expect(readJson(rows.map((row) => JSON.stringify(row)).join("\n"))).toEqual(expected);
    expect(readJson(JSON.stringify(rows[0]))).toMatchObject({ items: { rows: 1 }, labels: { titles: ["a"] } });
  });

  test("titles come from title, name, the item IDs, or the first field", () => {
    const titles = (row: object) => readJson(JSON.stringify([{ ...row, vector: [1] }])).labels?.titles;
    expect(titles({ id: "i", name: "n", title: "t" })).toEqual(["t"]);
    expect(titles({ id: "i", Name: "n" })).toEqual(["n"]);
    expect(titles({ sku: "s", id: 5 })).toEqual(["s"]);
    expect(titles({ sku: "s", colour: "red" })).toEqual(["s"]);
    expect(titles({ colour: "red", size: "L" })).toEqual(["red"]);
    expect(titles({})).toBeUndefined();
  });

  test("embeddings with titles and labels", () => {
    expect(readJson('{"embeddings":[[1],[2]],"titles":["a","b"],"labels":{"k":[1,"x"]}}').labels).toEqual({
      titles: ["a", "b"],
      labels: { k: [1, "x"] },
    });
    expect(readJson('{"embeddings":[[1],[2]],"labels":{"k":[1,"x"]}}').labels?.titles).toEqual(["0", "1"]);
    expectInvalid(() => readJson('{"embeddings":[[1],[2]],"titles":["a"]}'), /titles has 1 entry.*2 items/);
  });

  test.each([
    ["nothing", "", /not JSON/],
    ["cut short", "[[1,2],[3", /not JSON/],
    ["a broken line", "[1,2]\n[3,\n[5,6]", /line 2 is not JSON: "\[3,"/],
    ["a number", "5", /the JSON is 5/],
    ["null", "null", /the JSON is null/],
    ["another object", '{"a": 1}', /fields "a"/],
    ["no rows", "[]", /no rows/],
    ["a flat list", "[1, 2]", /flat list.*\[\[/],
    ["no numbers in a row", "[[]]", /row 0 is empty/],
    ["ragged", "[[1,2],[3]]", /row 1 has 1 number,.*2/],
    ["null among the numbers", "[[1,2],[3,null]]", /row 1, column 1: null is not a number/],
    ["text among the numbers", '[[1,"2"]]', /row 0, column 1: "2" is not a number/],
    ["beyond float32", "[[1,1e39]]", /row 0, column 1.*float32/],
    ["mixed rows", '[[1],{"embedding":[1]}]', /row 1 must be an array/],
    ["mixed rows, objects first", '[{"embedding":[1]},[1]]', /row 1 is an array of 1/],
    ["no embedding", '[{"title":"a"}]', /the JSON has no embedding.*text such as "a"/],
    ["an embedding missing later", '[{"vector":[1]},{}]', /vector of row 1 is missing/],
    ["text rows", '["a"]', /got "a"/],
    ["deep nesting", "[".repeat(200000), /not JSON/],
  ])("refuses: %s", (_, text, message) => expectInvalid(() => readJson(text), message));

  test("any numbers survive", () => {
    const finite = fc.float({ noNaN: true, noDefaultInfinity: true }).map((x) => x + 0); // as text, -0 is 0
    const rows = fc.array(fc.array(finite, { minLength: 2, maxLength: 2 }), { minLength: 1 });
    fc.assert(
      fc.property(rows, (rows) => {
        const data = Float32Array.from(rows.flat());
        expect(readJson(JSON.stringify(rows)).items.data).toEqual(data);
        if (rows.length > 1)
          expect(readJson(rows.map((row) => JSON.stringify(row)).join("\n")).items.data).toEqual(data);
      }),
    );
  });

  test("arbitrary JSON and text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        onlyOurErrors(() => readJson(text));
        onlyOurErrors(() => readJson(`[${text}]`));
        onlyOurErrors(() => readJson(`{"embeddings":[[1]],"titles":${text},"labels":${text}}`));
        onlyOurErrors(() => readJson(`[{"embedding":[1],"x":${text}}]\n${text}`));
      }),
      { numRuns: 500 },
    );
  });
});

describe("labels", () => {
  test("the schema, an array, and lines", () => {
    expect(readLabels('{"titles":["a","b"],"labels":{"k":[1,"x"]},"other":1}')).toEqual({
      titles: ["a", "b"],
      labels: { k: [1, "x"] },
    });
    expect(readLabels('{"titles":["a"]}')).toEqual({ titles: ["a"] });
    expect(readLabels('\uFEFF["a", 5]')).toEqual({ titles: ["a", "5"] });
    expect(readLabels("a\r\n\r\nb\r\n")).toEqual({ titles: ["a", "", "b"] });
    expect(readLabels("[Deluxe] a\nb")).toEqual({ titles: ["[Deluxe] a", "b"] });
    expect(readLabels("1984")).toEqual({ titles: ["1984"] });
  });

  test.each([
    ["nothing", "", /empty/],
    ["cut short", '{"titles":["a"', /start like JSON/],
    ["a list cut short", '["a",', /start like JSON/],
    ["no titles", '{"words":["a"]}', /must be \{ titles \}/],
    ["empty titles", "[]", /titles is empty/],
    ["a title that is none", '["a",null]', /titles\[1\].*null/],
    ["labels of another form", '{"titles":["a"],"labels":["x"]}', /labels must be an object/],
    ["a label that is no list", '{"titles":["a"],"labels":{"k":"x"}}', /labels\["k"\] must be an array/],
    ["a label of another length", '{"titles":["a"],"labels":{"k":["x","y"]}}', /labels\["k"\] has 2 entries.*1 title/],
    ["a label that is none", '{"titles":["a"],"labels":{"k":[[]]}}', /labels\["k"\]\[0\]/],
  ])("refuses: %s", (_, text, message) => expectInvalid(() => readLabels(text), message));

  test("checkLabels names both counts", () => {
    checkLabels({ titles: ["a", "b"], labels: { k: [1, 2] } }, 2);
    expectInvalid(() => checkLabels({ titles: ["a"] }, 1200), /titles has 1 entry.*1,200 items/);
    expectInvalid(
      () => checkLabels({ titles: ["a", "b"], labels: { k: [1] } }, 2),
      /labels\["k"\] has 1 entry.*2 items/,
    );
  });

  test("arbitrary text", () => {
    fc.assert(fc.property(fc.oneof(fc.json(), fc.string()), (text) => onlyOurErrors(() => readLabels(text))));
  });
});

describe("ids as csv", () => {
  const ids = SemanticIds.from(
    [
      [17, 203, 9],
      [0, 0, 0],
    ],
    { codebookSizes: [256, 256, 256] },
  );

  test("exact text", () => {
    expect(writeIdsCsv(ids)).toBe(
      "item,code_1,code_2,code_3,id\n0,17,203,9,<a_17><b_203><c_9>\n1,0,0,0,<a_0><b_0><c_0>\n",
    );
    expect(writeIdsCsv(ids, { titles: ['a "b", c', "=1+1"] })).toBe(
      'item,title,code_1,code_2,code_3,id\n0,"a ""b"", c",17,203,9,<a_17><b_203><c_9>\n1,\'=1+1,0,0,0,<a_0><b_0><c_0>\n',
    );
    expectInvalid(() => writeIdsCsv(ids, { titles: ["a"] }), /1 entry.*2 items/);
  });

  test("round trip", () => {
    const model = fc.array(fc.integer({ min: 1, max: 70000 }), { minLength: 1, maxLength: 8 }).chain((codebookSizes) =>
      fc.record({
        codebookSizes: fc.constant(codebookSizes),
        rows: fc.array(
          fc.tuple(fc.string({ unit: "grapheme" }), fc.tuple(...codebookSizes.map((size) => fc.nat(size - 1)))),
        ),
      }),
    );
    fc.assert(
      fc.property(model, fc.boolean(), ({ codebookSizes, rows }, hasTitles) => {
        const options = { codebookSizes, fingerprint: "0123456789abcdef" };
        const ids = SemanticIds.from(
          rows.map(([, codes]) => codes),
          options,
        );
        const text = writeIdsCsv(ids, hasTitles ? { titles: rows.map(([title]) => title) } : undefined);
        expect(readIdsCsv(text, options).ids).toStrictEqual(ids);
        expect(readIdsCsv(text.replaceAll("\n", "\r\n"), options).ids).toStrictEqual(ids);
      }),
    );
  });

  test("pieces make the same text", () => {
    const many = SemanticIds.trusted(new Uint16Array(20000), [4, 4]);
    const chunks = [...idsCsvChunks({ ids: many })];
    expect(chunks.length).toBeGreaterThan(1);
    expect(chunks.join("")).toBe(writeIdsCsv(many));
  });

  const head = "item,code_1,id\n";
  test.each([
    ["nothing", "", /header must be item,code_1,id for 1 level/],
    ["another number of levels", "item,code_1,code_2,id\n", /got "item,code_1,code_2,id"/],
    ["ragged", `${head}0,1\n`, /row 0 \(line 2\) has 2 columns.*3/],
    ["no whole number", `${head}0,1.5,<a_1>\n`, /code_1 is "1.5"/],
    ["out of range", `${head}0,9,<a_9>\n`, /row 0, level 0: code 9.*0 to 3/],
    ["a contradiction", `${head}0,1,<a_2>\n`, /row 0: id is "<a_2>".*<a_1>/],
  ])("refuses: %s", (_, text, message) => expectInvalid(() => readIdsCsv(text, { codebookSizes: [4] }), message));

  test("refuses a table without rows whose codebooks are not known, and arbitrary text", () => {
    expectInvalid(() => readIdsCsv(head), /there are no rows/);
    fc.assert(
      fc.property(fc.string(), (text) => {
        onlyOurErrors(() => readIdsCsv(text, { codebookSizes: [4] }));
        onlyOurErrors(() => readIdsCsv(head + text, { codebookSizes: [4] }));
      }),
    );
  });
});

describe("readItems", () => {
  const matrix = { data: Float32Array.of(1, 2, 3, 4), rows: 2, dim: 2 };

  test("the content decides", async () => {
    expect(await readItems(writeNpy(matrix), { fileName: "wrong.csv" })).toEqual({ format: "npy", ...matrix });
    expect(await readItems(utf8("[[1,2],[3,4]]"))).toMatchObject(matrix);
    expect(await readItems(utf8("\uFEFF [1,2]\n[3,4]"), { fileName: "x.dat" })).toMatchObject(matrix);
    expect(await readItems(utf8("1,2\n3,4"), { fileName: "x.dat" })).toMatchObject(matrix);
    expect(await readItems(utf8("1\t2\n3\t4"), { fileName: "https://example.org/x.TSV" })).toMatchObject(matrix);
    expect(await readItems(utf8("[a],1,2\n[b],3,4"), { fileName: "x.csv" })).toMatchObject({
      ...matrix,
      labels: { titles: ["[a]", "[b]"] },
    });
    expect(await readItems(utf8("<unk> 1 2\n<s> 3 4"))).toMatchObject({ ...matrix, itemIds: ["<unk>", "<s>"] });
    expect(await readItems(utf8("1,2\n3,4").buffer)).toMatchObject(matrix);
  });

  test("UTF-16 with a byte order mark, as spreadsheets write it", async () => {
    const text = "\uFEFFü\t1\t2\né\t3\t4";
    const little = new Uint8Array([...text].flatMap((char) => [char.charCodeAt(0) & 0xff, char.charCodeAt(0) >> 8]));
    expect(await readItems(little)).toMatchObject({ ...matrix, labels: { titles: ["ü", "é"] } });
  });

  test("characters cut by the pieces in which a long text is decoded", async () => {
    const rows = 60000;
    const text = Array.from({ length: rows }, (_, i) => `😀é${"x".repeat(i % 7)},${i},1`).join("\n");
    const items = await readItems(utf8(text));
    const { labels } = items;
    expect([items.rows, items.dim]).toEqual([rows, 2]);
    expect(labels!.titles.every((title, i) => title === `😀é${"x".repeat(i % 7)}`)).toBe(true);
  });

  test.each([
    ["nothing", new Uint8Array(0), "a.csv", /a\.csv: it is empty/],
    ["npz", Uint8Array.of(0x50, 0x4b, 3, 4), "a.npz", /a\.npz/],
    ["Parquet", utf8("PAR1...."), "", /the file/],
    ["unknown", Uint8Array.of(1, 0, 2, 0), "a.bin", /unknown format/],
    ["text named npy", utf8("1,2"), "a.npy", /not an npy file/],
    ["broken JSON", utf8("[[1,"), "", /not JSON/],
    ["text named json", utf8("1,2"), "a.json", /not JSON/],
    ["Latin-1", Uint8Array.of(0xe9, 0x2c, 0x31), "a.csv", /not valid UTF-8/],
    ["a page", utf8("\n<!DOCTYPE html><html>404, 5"), "a.csv", /HTML/],
  ])("refuses: %s", (_, bytes, name, message) => expect(readItems(bytes, { fileName: name })).rejects.toThrow(message));

  test("arbitrary bytes under any name", async () => {
    const magic = fc.constantFrom<number[]>(
      [],
      [0x93, ...utf8("NUMPY")],
      [0x93, ...utf8("NUMPY"), 1, 0, 10, 0],
      [0x7b],
      [0xff, 0xfe],
    );
    const name = fc.constantFrom("", "a.npy", "a.csv", "a.json", "a.jsonl", "a");
    await fc.assert(
      fc.asyncProperty(magic, fc.uint8Array({ maxLength: 200 }), name, async (magic, bytes, fileName) => {
        await readItems(Uint8Array.of(...magic, ...bytes), { fileName }).catch((error) => {
          if (!(error instanceof RQVAEError)) throw error;
        });
      }),
      { numRuns: 2000 },
    );
  });
});
