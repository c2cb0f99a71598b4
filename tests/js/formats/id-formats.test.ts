import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidInputError, RQVAEError } from "../../../bindings/js/base/errors.ts";
import { readIdsNpy, readNpy, writeIdsNpy, writeNpy } from "../../../bindings/js/formats/arrays/npy.ts";
import { hopwiseChunks, pythonFloat, readHopwise } from "../../../bindings/js/formats/ids/hopwise.ts";
import { ID_FORMATS } from "../../../bindings/js/formats/ids/id-formats.ts";
import type { IdTable, IdTableOptions, IdTableSource } from "../../../bindings/js/formats/ids/id-table.ts";
import { idTrieChunks, readIdTrie } from "../../../bindings/js/formats/ids/id-trie.ts";
import { idsCsvChunks, readIdsCsv } from "../../../bindings/js/formats/ids/ids.ts";
import { idsJsonlChunks, readIdsJsonl } from "../../../bindings/js/formats/ids/ids-jsonl.ts";
import { lcRecChunks, readLcRec } from "../../../bindings/js/formats/ids/lcrec.ts";
import {
  mergeRecBoleChunks,
  readAtomicFile,
  readRecBole,
  recBoleChunks,
} from "../../../bindings/js/formats/ids/recbole.ts";
import { readIds, writeIds } from "../../../bindings/js/formats/index.ts";
import { SemanticIds } from "../../../bindings/js/ids/semantic-ids.ts";
import { writeHopwise, writeIdsCsv, writeIdsJsonl, writeIdTrie, writeLcRec, writeRecBole } from "../support/formats.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const shared = new URL("../../../../shared/data/test_only/", import.meta.url);

const refused = (run: () => unknown, message: RegExp) => {
  expect(run).toThrow(InvalidInputError);
  expect(run).toThrow(message);
};

const codebookSizes = [256, 256, 10];
const three: IdTable = {
  ids: SemanticIds.from(
    [
      [17, 203, 9],
      [0, 255, 1],
      [17, 203, 0],
    ],
    { codebookSizes, fingerprint: "0123456789abcdef" },
  ),
  itemIds: ["B004756YJA", 'a "quoted", one', "10"],
};
const options = { codebookSizes, fingerprint: "0123456789abcdef" };

/** Codebooks of every kind: 8 and 16 and 32 bits, many levels, levels of one code. */
const anySizes = fc.constantFrom(
  [256, 256, 256],
  [300, 1000],
  [70_000, 70_000, 70_000],
  new Array<number>(8).fill(512),
  [2 ** 32, 1],
  [1],
  new Array<number>(30).fill(3),
);
const itemId = fc.oneof(
  fc.string({ minLength: 1 }),
  fc.string({ minLength: 1, unit: "grapheme" }),
  fc.constantFrom(
    "__proto__",
    "constructor",
    '"',
    '""',
    '"a"',
    "a\tb",
    "a\nb",
    "\r",
    "a,b",
    " ",
    "\uFEFF",
    "<a_1>",
    "id",
    "codes",
    "\\",
    "12",
  ),
  fc.nat().map(String),
);
const anyTable: fc.Arbitrary<IdTable> = anySizes.chain((sizes) => {
  const codes = fc.tuple(
    ...sizes.map((size) => fc.oneof(fc.nat(Math.min(size - 1, 2 ** 31 - 1)), fc.constant(size - 1))),
  );
  return fc
    .uniqueArray(fc.tuple(itemId, codes), { selector: ([item]) => item, minLength: 1, maxLength: 12 })
    .map((rows) => ({
      itemIds: rows.map(([item]) => item),
      ids: SemanticIds.from(
        rows.map(([, codes]) => codes),
        { codebookSizes: sizes, fingerprint: "0123456789abcdef" },
      ),
    }));
});

interface Format {
  write(table: IdTableSource): string;
  chunks(table: IdTableSource): Generator<string>;
  read(text: string, options?: IdTableOptions): IdTable;
}
const formats: Record<string, Format> = {
  csv: {
    write: ({ ids, itemIds }) => writeIdsCsv(ids, undefined, itemIds),
    chunks: ({ ids, itemIds }) => idsCsvChunks({ ids: ids, itemIds: itemIds }),
    read: readIdsCsv,
  },
  jsonl: { write: writeIdsJsonl, chunks: idsJsonlChunks, read: readIdsJsonl },
  lcrec: { write: writeLcRec, chunks: lcRecChunks, read: readLcRec },
  semanticids: { write: writeHopwise, chunks: hopwiseChunks, read: readHopwise },
};

describe.each(Object.entries(formats))("%s", (name, { write, chunks, read }) => {
  test("what is written is read back: any codebooks, any item IDs", async () => {
    await fc.assert(
      fc.asyncProperty(anyTable, async (table) => {
        const text = write(table);
        const known = { codebookSizes: table.ids.codebookSizes, fingerprint: "0123456789abcdef" };
        expect(read(text, known)).toStrictEqual(table);
        // Without the sizes: the same codes.
        const guessed = read(text);
        expect([...guessed.ids]).toEqual([...table.ids]);
        expect(guessed.itemIds).toEqual(table.itemIds);
        // By its content and through bytes.
        expect(await readIds(utf8(text), known)).toStrictEqual({ format: name, ...table });
      }),
      { numRuns: 200 },
    );
  });

  test("pieces make the same text, rows are numbered without item IDs", () => {
    const many = {
      ids: SemanticIds.trusted(
        new Uint16Array(60_000).map((_, k) => k % 7),
        [7, 7, 7],
      ),
    };
    const pieces = [...chunks(many)];
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join("")).toBe(write(many));
    const table = read(write(many));
    expect(table.itemIds.slice(0, 2)).toEqual(["0", "1"]);
    expect(table.ids.codes.join()).toBe(many.ids.codes.join());
  });

  test("numbers as item IDs, and no items", () => {
    expect(read(write({ ids: three.ids, itemIds: [7, 3, 5] }), options).itemIds).toEqual(["7", "3", "5"]);
    const none = { ids: SemanticIds.from([], options), itemIds: [] };
    expect(read(write(none), options)).toEqual(none);
  });

  test("bad tables are refused before anything is written", () => {
    const { ids } = three;
    refused(() => write({ ids, itemIds: ["a", "b"] }), /itemIds has 2 entries, but there are 3/);
    refused(() => write({ ids, itemIds: ["a", "b", "a"] }), /itemIds\[0\] and itemIds\[2\] are the same item, "a"/);
    refused(() => write({ ids, itemIds: ["1", 1, "x"] }), /itemIds\[0\] and itemIds\[1\]/);
    refused(() => write({ ids, itemIds: ["a", "", "b"] }), /itemIds\[1\] is empty/);
    refused(() => write({ ids, itemIds: ["a", "\ud800", "b"] }), /itemIds\[1\] has half of a surrogate pair/);
    refused(
      () => write({ ids, itemIds: ["a", null as never, "b"] }),
      /itemIds\[1\] must be a string or a number, got null/,
    );
  });

  test("whatever it reads, it returns or throws an error of ours", () => {
    const text = write(three);
    const attempt = (damaged: string) => {
      try {
        read(damaged, options);
      } catch (error) {
        if (!(error instanceof RQVAEError)) throw error;
      }
    };
    fc.assert(
      fc.property(fc.string(), fc.nat(text.length), fc.nat(20), (noise, at, cut) => {
        attempt(noise);
        attempt(text.slice(0, at) + noise + text.slice(at + cut));
      }),
      { numRuns: 500 },
    );
    refused(() => read("", {}), /./);
    refused(() => read(write(three), { codebookSizes: [256, 256] }), /./);
    refused(() => read(write(three), { codebookSizes: [256, 256, 9] }), /code 9/);
  });
});

describe("csv", () => {
  test("titles, and items that are there twice", () => {
    const labels = { titles: ["a, b", "c", "d"] };
    const text = writeIdsCsv(three.ids, labels, three.itemIds);
    expect(text.split("\n")[2]).toBe('"a ""quoted"", one",c,0,255,1,<a_0><b_255><c_1>');
    expect(readIdsCsv(text, options)).toEqual({ ...three, titles: labels.titles });
    refused(
      () => readIdsCsv(text.replace("\n10,", "\nB004756YJA,")),
      /row 2 \(line 4\): item "B004756YJA" occurs twice/,
    );
  });
});

describe("jsonl", () => {
  test("its lines", () => {
    const [first] = writeIdsJsonl(three).split("\n");
    expect(first).toBe('{"id":"B004756YJA","codes":[17,203,9],"tokens":"<a_17><b_203><c_9>"}');
    const template = "[{level}:{code}]";
    const text = writeIdsJsonl(three, { template });
    expect(text).toContain('"tokens":"[0:17][1:203][2:9]"');
    expect(readIdsJsonl(text, { ...options, template })).toEqual(three);
    expect(readIdsJsonl('{"codes": [1, 2], "id": 5}\n\n{"id":"x","codes":[0,0]}').itemIds).toEqual(["5", "x"]);
  });

  test.each([
    ["{", /line 1 is not JSON/],
    ['{"id":1}', /line 1 must be an object/],
    ["null", /line 1 must be an object/],
    ['{"id":1,"codes":[1]}\n{"id":2,"codes":[1,2]}', /line 2: the ID has 2 codes, but those before it have 1/],
    ['{"id":1,"codes":[]}', /item "1" has no codes/],
    ['{"id":1,"codes":[1.5]}', /code 1.5 of level 0/],
    ['{"id":1,"codes":["1"]}', /code "1" of level 0/],
    ['{"id":1,"codes":[4294967296]}', /2\^32 - 1/],
    ['{"id":1,"codes":[1],"tokens":"<a_2>"}', /line 1: tokens is "<a_2>", but the codes say <a_1>/],
  ])("refuses %s", (text, message) => refused(() => readIdsJsonl(text), message));
});

describe("LC-Rec", () => {
  test("the order of the file, other templates, and tokens with brackets and quotes", () => {
    expect(writeLcRec(three)).toBe(
      '{"B004756YJA": ["<a_17>", "<b_203>", "<c_9>"], "a \\"quoted\\", one": ["<a_0>", "<b_255>", "<c_1>"], "10": ["<a_17>", "<b_203>", "<c_0>"]}',
    );
    expect(readLcRec('{ "10" : [ "<a_1>" ],\n "2":["<a_0>"]\n}\n').itemIds).toEqual(["10", "2"]);
    for (const template of ["[{level}:{code}]", '"{letter}\\{code}"']) {
      expect(readLcRec(writeLcRec(three, { template }), { ...options, template })).toEqual(three);
    }
  });

  test.each([
    ["[]", /expected an object/],
    ['{"a": ["<a_1>"]', /not an item with its list of tokens/],
    ['{"a": ["<a_1>"], }', /the entry after "a"/],
    ['{"a": ["<a_1>"]} x', /text follows/],
    ['{"a": ["<b_1>"]}', /item "a": "<b_1>" is not a token of level 0, such as <a_0>/],
    ['{"a": ["<a_1"]}', /not a token of level 0/],
    ['{"a": ["<a_1>x"]}', /not a token of level 0/],
    ['{"a": ["<a_1>" "<b_1>"]}', /is not JSON/],
    ['{"a": []}', /no codes/],
    ['{"a": ["<a_1>"], "a": ["<a_2>"]}', /item "a" occurs twice/],
    ['{"a": ["<a_1>", "<b_1>"], "b": ["<a_2>"]}', /has 1 code, but those before it have 2/],
  ])("refuses %s", (text, message) => refused(() => readLcRec(text), message));

  const published = [
    "beauty/LETTER.Beauty",
    "beauty/IBA.Beauty",
    "minionerec/Industrial_and_Scientific",
    "minionerec/Office_Products",
  ];
  test.skipIf(!existsSync(shared)).each(published)("the published %s.index.json, byte for byte", async (name) => {
    const bytes = readFileSync(new URL(`${name}.index.json`, shared));
    const { format, ids, itemIds } = await readIds(bytes);
    expect(format).toBe("lcrec");
    const text = bytes.toString();
    const json: Record<string, string[]> = JSON.parse(text);
    expect(itemIds).toEqual(Object.keys(json));
    expect(itemIds.map((item) => json[item]!.join(""))).toEqual(
      Array.from({ length: ids.length }, (_, i) => ids.toTokens(i)),
    );
    expect(writeLcRec({ ids, itemIds })).toBe(text);
  });
});

describe("RecBole", () => {
  test("what is written is read back, or refused when the format cannot hold it", async () => {
    await fc.assert(
      fc.asyncProperty(
        anyTable,
        fc.constantFrom("token" as const, "code" as const),
        fc.constantFrom("\t", ",", "|"),
        async (table, content, separator) => {
          const known = { codebookSizes: table.ids.codebookSizes, fingerprint: "0123456789abcdef" };
          if (table.itemIds.some((item) => /[\r\n]/.test(item) || (separator === "\t" && item.includes("\t")))) {
            refused(() => writeRecBole(table, { content, separator }), /which an atomic file cannot hold/);
            return;
          }
          const text = writeRecBole(table, { content, separator });
          expect(readRecBole(text, { ...known, separator })).toStrictEqual(table);
          expect(readRecBole(text.replaceAll("\n", "\r\n"), { ...known, separator })).toStrictEqual(table);
          expect(await readIds(utf8(text), { ...known, separator })).toStrictEqual({ format: "recbole", ...table });
        },
      ),
      { numRuns: 300 },
    );
  });

  test("its lines, and pieces", () => {
    expect(writeRecBole({ ids: three.ids })).toBe(
      "item_id:token\tsemantic_id:token_seq\n0\t<a_17> <b_203> <c_9>\n1\t<a_0> <b_255> <c_1>\n2\t<a_17> <b_203> <c_0>\n",
    );
    expect(writeRecBole({ ids: three.ids }, { content: "code" })).toContain("\n0\t17 203 9\n");
    const many = { ids: SemanticIds.trusted(new Uint16Array(60_000), [7, 7, 7]) };
    expect([...recBoleChunks(many)].length).toBeGreaterThan(1);
    expect([...recBoleChunks(many)].join("")).toBe(writeRecBole(many));
  });

  const item =
    'item_id:token\ttitle:token_seq\tprice:float\n10\tToy "Story" 2\t\nB004756YJA\t"12"" single"\t3.5\r\nnew\t\t1\n';
  test("merging keeps the other columns to the byte, and replaces the column when it is there", () => {
    const table = { ids: three.ids, itemIds: ["B004756YJA", "10", "new"] };
    const merged = [...mergeRecBoleChunks(item, table)].join("");
    expect(merged.split("\n")).toEqual([
      "item_id:token\ttitle:token_seq\tprice:float\tsemantic_id:token_seq",
      '10\tToy "Story" 2\t\t<a_0> <b_255> <c_1>',
      'B004756YJA\t"12"" single"\t3.5\t<a_17> <b_203> <c_9>',
      "new\t\t1\t<a_17> <b_203> <c_0>",
      "",
    ]);
    expect([...mergeRecBoleChunks(merged, table)].join("")).toBe(merged);
    const again = readRecBole(merged, options);
    expect(again.itemIds).toEqual(["10", "B004756YJA", "new"]);
    expect([...again.ids]).toEqual([three.ids.at(1), three.ids.at(0), three.ids.at(2)]);
    refused(
      () => [...mergeRecBoleChunks(item, { ids: three.ids, itemIds: ["10", "new", "x"] })],
      /line 3: item "B004756YJA" has no semantic ID/,
    );
    const partly = [
      ...mergeRecBoleChunks(item, { ids: three.ids, itemIds: ["10", "new", "x"] }, { missing: "empty" }),
    ].join("");
    expect(partly).toContain('B004756YJA\t"12"" single"\t3.5\t\n');
  });

  test("atomic files: columns without types, cells without quotes", () => {
    expect(readAtomicFile(item)).toEqual({
      columns: ["item_id", "title", "price"],
      rows: [
        ["10", 'Toy "Story" 2', ""],
        ["B004756YJA", '12" single', "3.5"],
        ["new", "", "1"],
      ],
    });
    expect(readAtomicFile('a,b\n1,"x, ""y"""\n2,"odd" one', ",").rows).toEqual([
      ["1", 'x, "y"'],
      ["2", '"odd" one'],
    ]);
  });

  test.each<[string, () => unknown, RegExp]>([
    ["nothing", () => readRecBole(""), /the file is empty/],
    ["nothing at all", () => readAtomicFile("\n"), /the file is empty/],
    ["nothing to merge into", () => [...mergeRecBoleChunks("", three)], /empty/],
    ["no item column", () => readRecBole("brand:token\tx\n"), /no column item_id:token; the columns are "brand", "x"/],
    ["no ID column", () => readRecBole("item_id:token\tx\n"), /no column semantic_id:token_seq/],
    ["ragged lines", () => readAtomicFile("a\tb\n1"), /line 2 has 1 column, but the header has 2/],
    [
      "other tokens",
      () => readRecBole("item_id:token\tsemantic_id:token_seq\n1\t<b_1>\n"),
      /line 2: "<b_1>" is not a token of level 0/,
    ],
    ["no codes", () => readRecBole("item_id:token\tsemantic_id:token_seq\n1\t\n"), /item "1" has no codes/],
    ["a separator of two", () => readAtomicFile("a", "::"), /separator must be one character/],
    ["other content", () => writeRecBole(three, { content: "ids" as never }), /content must be/],
  ])("refuses: %s", (_, run, message) => refused(run, message));
});

describe("semanticids", () => {
  const [n, levels, dim] = [3, 3, 2];
  const embeddings = Float32Array.from({ length: n * levels * dim }, (_, k) => (k % 4 === 0 ? k : (k - 7) / 3e5));

  test("columns as pandas writes them, vectors of latentDim x L with the level last", () => {
    const text = writeHopwise(three, { embeddings });
    const [header, first] = text.split("\n");
    expect(header).toBe("items,semantic_ids,semantic_ids_embs");
    const nested = [0, 1].map(
      (j) => `[${[0, 1, 2].map((level) => pythonFloat(embeddings[level * dim + j]!)).join(", ")}]`,
    );
    expect(first).toBe(`B004756YJA,"[17, 203, 9]","[${nested.join(", ")}]"`);
    expect(readHopwise(text, options)).toEqual({ ...three, embeddings, latentDim: dim });
    expect(readHopwise(writeHopwise(three), options)).toEqual(three);
  });

  test("vectors from codebooks are those of the codes", () => {
    const codebooks = codebookSizes.map((size, level) =>
      Float32Array.from({ length: size * dim }, (_, k) => Math.fround(k * 0.1 + level)),
    );
    const { embeddings: read } = readHopwise(writeHopwise(three, { codebooks }), options);
    const expected = [...three.ids].flatMap((codes) =>
      codes.flatMap((code, level) => [...codebooks[level]!.subarray(code * dim, (code + 1) * dim)]),
    );
    expect(read).toEqual(Float32Array.from(expected));
    refused(() => writeHopwise(three, { codebooks: codebooks.slice(1) }), /codebooks must have one array per level/);
    refused(() => writeHopwise(three, { embeddings: new Float32Array(10) }), /embeddings has 10 entries/);
  });

  const floats = [
    0,
    -0,
    1,
    0.1,
    1e-4,
    9.9e-5,
    1e-5,
    1.5e-7,
    1e15,
    1e16,
    1.5e16,
    123456789,
    1e22,
    3.4e38,
    1e-45,
    -2.5,
    Math.fround(0.1),
  ];
  test("numbers as Python's repr writes them", () => {
    expect(floats.map(pythonFloat)).toEqual([
      ..."0.0 -0.0 1.0 0.1 0.0001 9.9e-05 1e-05 1.5e-07 1000000000000000.0 1e+16 1.5e+16 123456789.0 1e+22".split(" "),
      ..."3.4e+38 1e-45 -2.5 0.10000000149011612".split(" "),
    ]);
    expect([Number.NaN, Infinity, -Infinity].map(pythonFloat)).toEqual(["nan", "inf", "-inf"]);
  });

  const python = spawnSync("python3", ["--version"]).status === 0;
  test.skipIf(!python)("any float32 as Python itself writes it, and any table as its csv module does", () => {
    const bits = new Uint32Array(20_000).map((_, i) => Math.imul(i + 1, 2654435761) >>> 0);
    const values = [...floats, ...Array.from(new Float32Array(bits.buffer)).filter(Number.isFinite)];
    const table = { ids: three.ids, itemIds: ['a "b"', "c, d", "é\nf"] };
    const program = `
import csv, io, json, sys
given = json.load(sys.stdin)
out = io.StringIO()
w = csv.writer(out, lineterminator="\\n")
w.writerow(["items", "semantic_ids", "semantic_ids_embs"])
for row in given["rows"]: w.writerow(row)
json.dump({"floats": [repr(float(x)) for x in given["floats"]], "csv": out.getvalue()}, sys.stdout)`;
    const nested = (i: number) =>
      Array.from({ length: dim }, (_, j) =>
        Array.from({ length: levels }, (_, l) => embeddings[(i * levels + l) * dim + j]! + 0.5),
      );
    const moved = embeddings.map((x) => x + 0.5);
    const rows = table.itemIds.map((item, i) => [item, three.ids.at(i), nested(i)]);
    const { stdout } = spawnSync("python3", ["-c", program], {
      input: JSON.stringify({ floats: values.map(String), rows }),
      encoding: "utf8",
    });
    const said = JSON.parse(stdout);
    expect(values.map(pythonFloat)).toEqual(
      said.floats.map((text: string, i: number) => (Object.is(values[i], -0) ? "-0.0" : text)),
    );
    // The sums above are of doubles, those written are float32.
    const parsed = readHopwise(said.csv, options);
    expect(parsed).toEqual({ ids: three.ids, itemIds: table.itemIds, embeddings: moved, latentDim: dim });
    expect(writeHopwise(table).split("\n")[1]).toBe(said.csv.split("\n")[1].replace(/,"\[\[.*/, ""));
  });

  test.each([
    ["items,ids\n", /header must be items,semantic_ids,semantic_ids_embs, got "items,ids"/],
    ['items,semantic_ids\n1,"[1, x]"\n', /line 2: semantic_ids must be a list/],
    ["items,semantic_ids\n1,5\n", /semantic_ids must be a list/],
    ["items,semantic_ids\n1\n", /line 2 has 1 column/],
    ['items,semantic_ids,semantic_ids_embs\n1,[1],"[[nan]]"\n', /semantic_ids_embs must be a list of finite numbers/],
    ['items,semantic_ids,semantic_ids_embs\n1,[1],"[[1.0, 2.0]]"\n', /row 0 must have one number per level \(1\)/],
    [
      'items,semantic_ids,semantic_ids_embs\n1,[1],[[1.0]]\n2,[1],"[[1.0], [2.0]]"\n',
      /line 3: .*has 2 rows, but previous lines have 1/,
    ],
    ["items,semantic_ids,semantic_ids_embs\n1,[1],[]\n", /has 0 rows/],
  ])("refuses %s", (text, message) => refused(() => readHopwise(text), message));
});

describe("npy", () => {
  test("what is written is read back, in the type that holds the codebooks", async () => {
    await fc.assert(
      fc.asyncProperty(anyTable, async ({ ids }) => {
        const known = { codebookSizes: ids.codebookSizes, fingerprint: "0123456789abcdef" };
        const file = writeIdsNpy(ids);
        expect(readIdsNpy(file, known)).toStrictEqual(ids);
        expect(readIdsNpy(writeNpy(ids), known)).toStrictEqual(ids);
        expect(readIdsNpy(writeIdsNpy(ids, "int64"), known)).toStrictEqual(ids);
        const itemIds = Array.from({ length: ids.length }, (_, row) => String(row));
        expect(await readIds(file, known)).toStrictEqual({ format: "npy", ids, itemIds });
      }),
    );
    const typeOf = (size: number) =>
      /'descr': '(...)'/.exec(
        String.fromCharCode(...writeIdsNpy(SemanticIds.trusted(new Uint16Array(2), [size, 2])).subarray(0, 60)),
      )![1];
    expect([300, 32768, 32769, 70_000, 2 ** 31, 2 ** 32].map(typeOf)).toEqual([
      "<i2",
      "<i2",
      "<i4",
      "<i4",
      "<i4",
      "<i8",
    ]);
  });

  test("column by column, big-endian, and what is refused", () => {
    const file = writeIdsNpy(three.ids);
    const text = String.fromCharCode(...file);
    const fortran = Uint8Array.from(text.replace("False", "True "), (c) => c.charCodeAt(0));
    const { codes, length } = three.ids;
    expect([...readIdsNpy(fortran).codes]).toEqual(
      Array.from(codes, (_, k) => codes[(k % 3) * length + Math.floor(k / 3)]),
    );
    const big = Uint8Array.from(String.fromCharCode(...writeNpy(three.ids)).replace("<u2", ">u2"), (c) =>
      c.charCodeAt(0),
    );
    expect(readIdsNpy(big).at(0)).toEqual([17 * 256, 203 * 256, 9 * 256]);
    refused(
      () => readIdsNpy(writeNpy({ data: Float32Array.of(1), rows: 1, dim: 1 })),
      /holds floats, but codes are integers/,
    );
    const negative = file.slice();
    negative[negative.length - 1] = 0xff;
    refused(() => readIdsNpy(negative), /row 2, level 2: code -256/);
    refused(() => readIdsNpy(file, { codebookSizes: [256, 256] }), /have 3 codes, but codebookSizes has 2.*suffix/);
    refused(() => readIdsNpy(utf8("1,2")), /not an npy file/);
    refused(
      () => writeIdsNpy(SemanticIds.trusted(new Uint32Array(1), [70_000]), "int16"),
      /cannot number the 70,000 codes/,
    );
    refused(() => writeIdsNpy(three.ids, "uint8" as never), /type must be/);
  });

  test.skipIf(!existsSync(shared)).each(["rqkmeans", "rqvae", "rqvae_faiss"])(
    "the published IDs of UniGenRec's %s",
    (name) => {
      const bytes = readFileSync(new URL(`beauty/unigenrec.text.${name}.original-order.i16.npy`, shared));
      const ids = readIdsNpy(bytes);
      const readAll = readNpy(bytes).data;
      expect(Float32Array.from(ids.codes).every((code, k) => code === readAll[k])).toBe(true);
      expect(ids.length).toBe(12_101);
      expect(bytes.equals(writeIdsNpy(ids))).toBe(true);
    },
  );
});

describe("trie", () => {
  test("what is written is read back, in the order of the IDs", async () => {
    await fc.assert(
      fc.asyncProperty(anyTable, async (table) => {
        const known = { codebookSizes: table.ids.codebookSizes, fingerprint: "0123456789abcdef" };
        const text = writeIdTrie(table);
        const read = readIdTrie(text, known);
        const sorted = (t: IdTable) =>
          t.itemIds.map((item, row) => [item, t.ids.at(row)] as const).sort(([a], [b]) => (a < b ? -1 : 1));
        expect(sorted(read)).toEqual(sorted(table));
        expect(writeIdTrie(read)).toBe(text);
        // With one level a list of items may look like one of tokens.
        const ambiguous = table.ids.levels === 1 && /^\{"\d+":\["<a_1>"/.test(text);
        expect((await readIds(utf8(text), ambiguous ? { ...known, format: "trie" } : known)).format).toBe("trie");
      }),
    );
    expect((await readIds(utf8('{"0":["<a_1>"]}'))).format).toBe("lcrec");
  });

  test("its form, pieces, and what is refused", () => {
    expect(writeIdTrie(three)).toBe(
      '{"0":{"255":{"1":["a \\"quoted\\", one"]}},"17":{"203":{"0":["10"],"9":["B004756YJA"]}}}',
    );
    const same = { ids: SemanticIds.trusted(new Uint16Array(60_000), [7, 7, 7]) };
    expect([...idTrieChunks(same)].length).toBeGreaterThan(1);
    expect(readIdTrie(writeIdTrie(same)).itemIds).toEqual(Array.from({ length: 20_000 }, (_, i) => String(i)));
    expect(writeIdTrie({ ids: SemanticIds.from([], options) })).toBe("{}");
    refused(() => readIdTrie("{"), /not JSON/);
    refused(() => readIdTrie("{}"), /no rows/);
    refused(() => readIdTrie('{"a": ["x"]}'), /"a" is not a code/);
    refused(() => readIdTrie('{"1": 5}'), /the node "1" must be/);
    refused(() => readIdTrie('{"1": [null]}'), /the node "1": the item's ID must be/);
    refused(() => readIdTrie('{"1": ["x"], "2": {"3": ["y"]}}'), /has 2 codes, but those before it have 1/);
    refused(() => readIdTrie('{"1": ["x", "x"]}'), /item "x" occurs twice/);
  });
});

describe("any format", () => {
  test.each(ID_FORMATS)("%s is written and recognised", async (format) => {
    const pieces = [...writeIds(format, three)].map((piece) => (typeof piece === "string" ? utf8(piece) : piece));
    const read = await readIds(new Blob(pieces as Uint8Array<ArrayBuffer>[]), { fileName: "ids", ...options });
    expect(read.format).toBe(format);
    expect(await readIds(Buffer.concat(pieces), { ...options, format })).toEqual(read);
    expect(await readIds(Buffer.concat(pieces), { fileName: "ids", ...options })).toEqual(read);
    const byItem = ({ ids, itemIds }: IdTable) => itemIds.map((item, row) => [item, ids.toTokens(row)]).sort();
    if (format === "npy") expect(read.ids).toEqual(three.ids);
    else expect(byItem(read)).toEqual(byItem(three));
    expect((await readIds(Buffer.concat(pieces), { ...options, format })).ids.length).toBe(3);
  });

  test("titles and vectors where there is a place for them", async () => {
    const labels = { titles: ["x", "y", "z"] };
    const embeddings = Float32Array.from({ length: 18 }, (_, k) => k);
    const read = (format: "csv" | "semanticids") =>
      readIds(utf8([...writeIds(format, three, { labels, vectors: { embeddings } })].join("")), options);
    expect((await read("csv")).titles).toEqual(labels.titles);
    expect((await read("semanticids")).embeddings).toEqual(embeddings);
  });

  test("an item may be called as the fields of jsonl are", async () => {
    const table = { ids: SemanticIds.from([[1], [2]], { codebookSizes: [4] }), itemIds: ["id", "codes"] };
    expect((await readIds(utf8(writeLcRec(table)))).itemIds).toEqual(table.itemIds);
  });

  test.each<[string, Uint8Array, string, RegExp]>([
    ["nothing", new Uint8Array(0), "a.csv", /a\.csv is empty/],
    ["a model", Uint8Array.of(8, 0, 0, 0, 0, 0, 0, 0, 0x7b), "m.safetensors", /m\.safetensors is safetensors/],
    ["embeddings", utf8("1,2\n3,4"), "a.csv", /a\.csv starts with "1,2", which is in none of the formats/],
    ["other JSON", utf8("[1]"), "", /the file starts with "\[1\]"/],
  ])("refuses: %s", (_, bytes, name, message) => expect(readIds(bytes, { fileName: name })).rejects.toThrow(message));

  test("refuses unknown formats", async () => {
    await expect(readIds(utf8("x"), { format: "xml" as never })).rejects.toThrow(/format must be one of csv, /);
    refused(() => [...writeIds("xml" as never, three)], /format must be one of csv, /);
  });
});
