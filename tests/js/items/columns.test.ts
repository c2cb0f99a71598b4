/** Which column of a table is what, for every format: kinds of files that people have, and catalogues of every form. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidInputError } from "../../../bindings/js/base/errors.ts";
import { describeColumns, readItems, streamItems } from "../../../bindings/js/formats/index.ts";
import type { ReadItemsOptions } from "../../../bindings/js/formats/items/read-items.ts";
import { ParquetWriter } from "../../../bindings/js/formats/parquet/parquet-writer.ts";
import { MATRIX, makeNpy, makeZip, npy, utf8 } from "../support/format-files.ts";

const read = (text: string | Uint8Array, name: string, options: ReadItemsOptions = {}) =>
  readItems(typeof text === "string" ? utf8(text) : text, { fileName: name, ...options });

/** Items in short: their vectors by their own IDs. */
async function byId(text: string | Uint8Array, name: string, options: ReadItemsOptions = {}) {
  const items = await read(text, name, options);
  const { itemIds = [] } = items;
  const data = Array.from(items.data as Float32Array, (value) => Math.round(value * 1e4) / 1e4);
  return Object.fromEntries(itemIds.map((id, row) => [id, data.slice(row * items.dim, (row + 1) * items.dim)]));
}

async function refused(run: Promise<unknown>, ...messages: RegExp[]): Promise<void> {
  const error = await run.then(
    (value) => value,
    (error) => error,
  );
  expect(error).toBeInstanceOf(InvalidInputError);
  for (const message of messages) expect(error.message).toMatch(message);
}

const two = { a: [0.1, 0.2], b: [0.3, 0.4] };

describe("a column of lists", () => {
  test.each([
    ["tensor", '"tensor([0.1, 0.2])"', "\"tensor([0.3000, 0.4000], device='cuda:0', dtype=torch.float64)\""],
    ["array", '"array([0.1, 0.2], dtype=float32)"', '"np.array([0.3, 0.4])"'],
    ["NumPy scalars", '"[np.float32(0.1), np.float32(0.2)]"', '"[np.float64(0.3), np.float64(0.4)]"'],
    ["a matrix of one row", '"[[0.1, 0.2]]"', '"tensor([[0.3, 0.4]])"'],
    ["PostgreSQL's array", '"{0.1,0.2}"', '"{0.3,0.4}"'],
    ["JSON in JSON", '"""[0.1, 0.2]"""', '"""[0.3,0.4]"""'],
    ["a typed array", '"{""0"":0.1,""1"":0.2}"', '"{""0"":0.3,""1"":0.4}"'],
    ["texts in a list", "\"['0.1', '0.2']\"", "\"['0.3', '0.4']\""],
    ["Spark", '"DenseVector([0.1, 0.2])"', '"[0.3,0.4]"'],
  ])("as it is printed: %s", async (_, a, b) => {
    for (const order of ["id,price,emb", "price,emb,id"]) {
      const row = (id: string, emb: string) =>
        order
          .replace("id", id)
          .replace("price", "9")
          .replace("emb", () => emb);
      expect(await byId([order, row("a", a), row("b", b)].join("\n"), "x.csv")).toEqual(two);
    }
  });

  test.each([
    ["elided", '"[0.1 ... 0.2]"', /printed with "\.\.\."/],
    ["several vectors", '"[[0.1, 0.2], [0.3, 0.4]]"', /list of lists/],
    ["sparse", '"(3,[0,2],[1.0,3.0])"', /sparse vector/],
    ["a sparse vector by name", '"SparseVector(3, {0: 1.0})"', /SparseVector.*is not a list of numbers/],
    ["bytes", "\\x3dcccccd", /x3dcccccd" is not a list of numbers/],
  ])("that cannot be read is named, and no other numbers are taken: %s", async (_, cell, message) => {
    await refused(read(`id,price,emb\n1,9.5,${cell}\n2,8.25,${cell}\n`, "x.csv"), message, /"emb"/);
  });

  test("in base64, as embedding services send it", async () => {
    const base64 = (values: number[]) => Buffer.from(Float32Array.from(values).buffer).toString("base64");
    const data = [two.b, two.a].map((vector, i) => ({ object: "embedding", index: 1 - i, embedding: base64(vector) }));
    const items = await read(JSON.stringify({ object: "list", data, model: "m" }), "x.json");
    const { labels, itemIds } = items;
    expect([...items.data]).toEqual([...Float32Array.of(0.1, 0.2, 0.3, 0.4)]);
    expect([labels, itemIds]).toEqual([undefined, undefined]);
    expect(await byId(`id,embedding\na,${base64(two.a)}\nb,${base64(two.b)}\n`, "x.csv")).toEqual(two);
  });

  test("of several the one that says embedding; else it is asked", async () => {
    const rows = (other: string, name: string) =>
      JSON.stringify([
        { id: "a", [other]: [9.5, 1], [name]: two.a },
        { id: "b", [other]: [7.5, 2], [name]: two.b },
      ]);
    expect(await byId(rows("histogram", "text_embedding"), "x.json")).toEqual(two);
    expect(await byId(rows("histogram", "clipVector"), "x.json")).toEqual(two);
    await refused(read(rows("text_emb", "image_emb"), "x.json"), /"text_emb", "image_emb".*embedding: "text_emb"/);
    await refused(read(rows("left", "right"), "x.json"), /"left", "right"; choose one: /);
    expect(await byId(rows("left", "right"), "x.json", { embedding: "right" })).toEqual(two);
    await refused(read(rows("left", "right"), "x.json", { embedding: "rihgt" }), /no column "rihgt".*"left", "right"/);
  });

  test.each([
    ["whole numbers", { categories: [12, 7] }],
    ["a box", { bbox: [0.5, 0.25, 0.75, 1] }],
    ["a place", { geometry: { type: "Point", coordinates: [13.4, 52.5] } }],
    ["a sparse vector", { sparse_values: { indices: [1, 5], values: [0.5, 0.25] } }],
    ["tags of numbers", { tags: [3.5, 1.5] }],
  ])("is no embedding: %s", async (_, beside) => {
    const rows = [
      { id: "a", ...beside },
      { id: "b", ...beside },
    ];
    await refused(
      read(JSON.stringify(rows), "x.json"),
      /has no embedding.*holds lists.*embedding: "|half of a sparse vector/,
    );
    const withVectors = rows.map((row) => ({ ...row, v: two[row.id as "a"] }));
    expect(await byId(JSON.stringify(withVectors), "x.json")).toEqual(two);
    expect(await byId(withVectors.map((row) => JSON.stringify(row)).join("\n"), "x.jsonl")).toEqual(two);
  });

  test("whole numbers are an embedding where they are named so", async () => {
    const rows = [
      { id: "a", tags: [1, 2], embedding: [5, 6] },
      { id: "b", tags: [3, 4], embedding: [7, 8] },
    ];
    expect(await byId(JSON.stringify(rows), "x.json")).toEqual({ a: [5, 6], b: [7, 8] });
    expect(await byId(JSON.stringify(rows), "x.json", { embedding: "tags" })).toEqual({ a: [1, 2], b: [3, 4] });
  });
});

describe("columns of numbers", () => {
  test.each([
    ["asin,e0,e1\n0000001529,.1,.2\n0000001983,.3,.4", { "0000001529": two.a, "0000001983": two.b }],
    ["e1,e0,price,sku\n.2,.1,5,17\n.4,.3,6,12", { 17: two.a, 12: two.b }],
    [
      "dim_10,dim_9,dim_0,dim_1,dim_2,dim_3,dim_4,dim_5,dim_6,dim_7,dim_8,ean\n10,9,0,1,2,3,4,5,6,7,8,4006381333931",
      {
        4006381333931: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
      },
    ],
    ["year\trating\tmovieId\tf1\tf2\n1999\t4.5\t7\t.1\t.2\n1998\t3.5\t9\t.3\t.4", { 7: two.a, 9: two.b }],
    ["item_id:token\te0:float\te1:float\tprice:float\n007\t.1\t.2\t5\n08\t.3\t.4\t6", { "007": two.a, "08": two.b }],
    [",0,1,price\n5,.1,.2,3\n9,.3,.4,1", { 5: two.a, 9: two.b }],
  ])("a numbered family is the vector, keys and properties are not: %s", async (text, expected) => {
    expect(await byId(text, "x.txt")).toEqual(expected);
  });

  test("the decision is data, and a line", async () => {
    const { columns } = await read(
      `asin,${Array.from({ length: 8 }, (_, i) => `e${i}`)},name,price\n1,${"0.5,".repeat(8)}A,9.5\n2,${"0.25,".repeat(8)}B,7.5`,
      "x.csv",
    );
    expect(columns).toEqual({
      vector: Array.from({ length: 8 }, (_, i) => `e${i}`),
      itemId: "asin",
      title: "name",
      labels: [],
      ignored: ["price"],
    });
    expect(describeColumns(columns!)).toBe("vectors: e0 … e7 · item IDs: asin · titles: name · ignored: price");
    for await (const batch of streamItems(utf8("sku,e0,e1,price\na,1,2,3\n"), { fileName: "x.csv" })) {
      expect(batch.columns).toEqual({ vector: ["e0", "e1"], itemId: "sku", labels: [], ignored: ["price"] });
    }
  });

  test("two families: the one that says embedding, or it is asked", async () => {
    const text = "title_emb_0,title_emb_1,image_emb_0,image_emb_1,id\n.1,.2,.5,.6,a\n.3,.4,.7,.8,b";
    await refused(read(text, "x.csv"), /"title_emb_", "image_emb_".*embedding: "title_emb_"/);
    expect(await byId(text, "x.csv", { embedding: "title_emb_" })).toEqual(two);
    expect(await byId(text, "x.csv", { embedding: "title_emb" })).toEqual(two);
    expect(await byId(text, "x.csv", { embedding: ["title_emb_0", "image_emb_1"] })).toEqual({
      a: [0.1, 0.6],
      b: [0.3, 0.8],
    });
    const genres = "genre_0,genre_1,f_0,f_1,id\n0,1,.1,.2,a\n1,1,.3,.4,b";
    expect(await byId(genres, "x.csv")).toEqual(two);
  });

  test.each([
    ["price,stock", "9.5,3\n7.25,100\n8,20"],
    ["id,price,rating,year", "a,9.5,4.5,1999\nb,7.25,3.5,2001"],
    ["rating_1,rating_2,rating_3", "5,3,2\n1,0,4"],
    ["id,x,price", "a,0.5,900\nb,0.25,1200"],
  ])("properties are refused as an embedding: %s", async (header, rows) => {
    await refused(read(`${header}\n${rows}`, "x.csv"), /look like properties of the items.*embedding: \[/);
  });

  test("unless they are named", async () => {
    const items = await read("id,price,rating\na,9.5,4.5\nb,7.25,3.5", "x.csv", {
      embedding: ["price", "rating"],
    });
    const { itemIds } = items;
    expect([[...items.data], itemIds]).toEqual([
      [9.5, 4.5, 7.25, 3.5],
      ["a", "b"],
    ]);
  });

  test.each([
    ["leading zeros", "0012,.1,.2\n0007,.3,.4\n0009,.5,.6", ["0012", "0007", "0009"]],
    ["whole numbers that rise", "k,x,y\n11,.1,.2\n17,.3,.4\n40,.5,.6", ["11", "17", "40"]],
    ["whole numbers in front, each once", "11,.1,.2\n40,.3,.4\n17,.5,.6", ["11", "40", "17"]],
  ])("values that are keys: %s", async (_, text, ids) => {
    const { itemIds, dim } = await read(text, "x.csv");
    expect([itemIds, dim]).toEqual([ids, 2]);
  });

  test("whole numbers among whole numbers are not", async () => {
    expect((await read("1,2,3\n4,5,6\n7,8,9\n", "x.csv")).dim).toBe(3);
  });

  test.each([
    ["a decimal comma", 'id,e0,e1\na,0.1,"0,2"\nb,0.3,"0,4"', /row 0 \(line 2\), column 2 \("e1"\).*decimal comma/],
    [
      "decimal commas alone",
      'id,e0,e1\na,"0,1","0,2"\nb,"0,3","0,4"',
      /row 0 \(line 2\), column 1 \("e0"\).*decimal comma/,
    ],
    ["an empty cell", "id,e0,e1\na,0.1,0.2\nb,,0.4", /row 1 \(line 3\), column 1 \("e0"\).*empty/],
    ["a word", "id,e0,e1\na,0.1,0.2\nb,0.3,high", /row 1 \(line 3\), column 2 \("e1"\).*"high"/],
    ["words in most rows", "id,e0,e1\na,0.1,low\nb,0.3,high", /row 0 \(line 2\), column 2 \("e1"\).*"low"/],
    [
      "an empty column of a family",
      "id,e0,e1,e2\na,0.1,0.2,\nb,0.3,0.4,",
      /row 0 \(line 2\), column 3 \("e2"\).*empty/,
    ],
    ["an empty column that may be one", "id,a,b,c\nx,0.1,0.2,\ny,0.3,0.4,", /column 3 \("c"\) is empty/],
  ])("%s costs no column in silence", (_, text, message) => refused(read(text, "x.csv"), message));

  test("a column that is empty in the first rows loses nothing: it is a label, or the title", async () => {
    const rows = Array.from(
      { length: 200 },
      (_, i) => `i${i},0.5,0.25,${i === 150 ? "0.75" : ""},${i > 120 ? "T" : ""}`,
    );
    const { columns, labels } = await read(["id,e0,e1,note,title", ...rows].join("\n"), "x.csv");
    expect(columns).toMatchObject({ vector: ["e0", "e1"], title: "title", labels: ["note"], ignored: [] });
    expect([labels!.labels!.note![149], labels!.labels!.note![150], labels!.titles[199]]).toEqual(["", "0.75", "T"]);
  });

  test("the same table means the same in every format", async () => {
    const expected = { "007": [1.5, 2.5], "008": [3.5, 4.5], "012": [5.5, 6.5] };
    const rows = Object.entries(expected).map(([asin, [e0, e1]], i) => ({ price: 5 + i, e1, name: `n${i}`, asin, e0 }));
    const columns = { vector: ["e0", "e1"], itemId: "asin", title: "name", labels: [], ignored: ["price"] };
    const cells = rows.map((row) => Object.values(row));
    const names = Object.keys(rows[0]!);
    const split = { columns: names, index: [0, 1, 2], data: cells };
    const byColumn = Object.fromEntries(
      names.map((name, j) => [name, Object.fromEntries(cells.map((row, i) => [i, row[j]]))]),
    );
    const files: [string, string | Uint8Array][] = [
      ["x.csv", [names, ...cells].map((row) => row.join(",")).join("\n")],
      ["x.tsv", [names, ...cells].map((row) => row.join("\t")).join("\r\n")],
      ["x.txt", [names, ...cells].map((row) => row.join("|")).join("\n")],
      ["x.md", [names, ["--", "--", "--", "--", "--"], ...cells].map((row) => `| ${row.join(" | ")} |`).join("\n")],
      ["x.json", JSON.stringify(rows)],
      ["x.jsonl", rows.map((row) => JSON.stringify(row)).join("\n")],
      ["split.json", JSON.stringify(split)],
      ["columns.json", JSON.stringify(byColumn)],
      ["index.json", JSON.stringify({ ...Object.fromEntries(rows.map((row, i) => [i, row])) })],
    ];
    for (const [name, text] of files) {
      expect([name, await byId(text, name)]).toEqual([name, expected]);
      expect([name, (await read(text, name)).columns]).toMatchObject([
        name,
        { ...columns, ignored: expect.arrayContaining(["price"]) },
      ]);
    }
  });
});

describe("word vectors", () => {
  test("words may be quotes, numbers, hold blanks or begin with #", async () => {
    const text = '" .1 .2\n\'\' .3 .4\n2024 .5 .6\n. . . .7 .8\n#tag .9 1.0\nthe "x" 1.1 1.2\n';
    const expected = {
      '"': [0.1, 0.2],
      "''": [0.3, 0.4],
      2024: [0.5, 0.6],
      ". . .": [0.7, 0.8],
      "#tag": [0.9, 1],
      'the "x"': [1.1, 1.2],
    };
    expect(await byId(text, "x.txt")).toEqual(expected);
    expect(await byId(`6 2\n${text}`, "x.vec")).toEqual(expected);
  });

  test("a node's number is its name, not a dimension", async () => {
    expect(await byId("3 2\n17 .1 .2\n4 .3 .4\n9 .5 .6\n", "x.emb")).toEqual({ 17: two.a, 4: two.b, 9: [0.5, 0.6] });
  });

  test.each([
    ["fewer rows", "3 2\na .1 .2\nb .3 .4\n", /3 vectors follow, but there are 2/],
    ["more rows", "1 2\na .1 .2\nb .3 .4\n", /1 vectors? follow.*there are 2/],
    ["another dimension", "2 300\na .1 .2 .3\nb .3 .4 .5\n", /line 1 says that 2 vectors of 300 numbers.*line 2 has 3/],
    ["a row with another dimension", "2 2\na .1 .2\nb .3\n", /row 1 \(line 3\) has 2 columns/],
  ])("the first line must be right: %s", (_, text, message) => refused(read(text, "x.vec"), message));

  test("a line that is not UTF-8 is named and can be left out", async () => {
    const bytes = Buffer.from("3 2\ngood .1 .2\ncaf\xe9 .3 .4\nmore .5 .6\n", "latin1");
    await refused(read(bytes, "x.vec"), /row 1 \(line 3\).*not valid UTF-8/);
    const left = await read(bytes, "x.vec", { skipInvalid: true });
    expect([left.itemIds, [...left.skipped!.rows]]).toEqual([["good", "more"], [1]]);
  });

  test("also far into a file", async () => {
    const lines = Array.from({ length: 5000 }, (_, i) => `w${i} ${i / 8} 0.5\n`).join("");
    const bytes = Buffer.concat([
      utf8(lines),
      Uint8Array.of(0xff, 0xfe, 0x20, 0x31, 0x20, 0x32, 0x0a),
      utf8(lines.replaceAll("w", "v")),
    ]);
    await refused(read(bytes, "x.txt"), /row 5000 \(line 5001\).*not valid UTF-8/);
    const items = await read(bytes, "x.txt", { skipInvalid: true });
    const { skipped } = items;
    expect([items.rows, [...skipped!.rows], items.data[2 * 9999]]).toEqual([10_000, [5000], 4999 / 8]);
  });
});

describe("text as people have it", () => {
  test("quotes do not span lines in files at tabs", async () => {
    const text =
      'item_id:token\ttitle:token_seq\temb:float_seq\n1\tA\t.1 .2\n2\t"B\t.3 .4\n3\tC"\t.5 .6\n4\t"D ""d"""\t.7 .8\n';
    const items = await read(text, "x.item");
    const { itemIds, labels } = items;
    expect([items.rows, itemIds, labels!.titles]).toEqual([4, ["1", "2", "3", "4"], ["A", '"B', 'C"', 'D "d"']]);
    const broken = await read('id\ttitle\te0\te1\n1\t"a\nb"\t.1\t.2\n2\tc\t.3\t.4\n', "x.tsv");
    expect(broken.labels!.titles).toEqual(["a\nb", "c"]);
  });

  test.each([
    ["savetxt", "# a b\n.1 .2\n.3 .4\n", { vector: ["a", "b"] }],
    ["savetxt with commas", "# a,b\n.1,.2\n.3,.4\n", { vector: ["a", "b"] }],
    ["comments", "# made by x\n# 2 rows\n.1 .2\n.3 .4\n", { vector: ["column_0", "column_1"] }],
    ["a delimiter at the end of each line", "a,b,\n.1,.2,\n.3,.4,\n", { vector: ["a", "b"], ignored: [] }],
    ["a delimiter at the end of the rows", "a,b\n.1,.2,\n.3,.4,\n", { vector: ["a", "b"], ignored: [] }],
    ["a delimiter at the end of the header", "a,b,\n.1,.2\n.3,.4\n", { vector: ["a", "b"], ignored: [] }],
  ])("%s", async (_, text, columns) => {
    const read1 = await read(text, "x.txt");
    expect([...read1.data]).toEqual([...Float32Array.of(0.1, 0.2, 0.3, 0.4)]);
    expect(read1.columns).toMatchObject(columns);
  });

  test("row names of R, with and without quotes", async () => {
    expect(await byId('"x" "y"\n"a" .1 .2\n"b" .3 .4\n', "x.txt")).toEqual(two);
    expect(await byId("x,y\na,.1,.2\nb,.3,.4\n", "x.csv")).toEqual(two);
  });

  test.each([
    [
      "a line that is none of the table",
      "embeddings of 2024\nid,a,b\n1,.1,.2\n2,.3,.4",
      /line 1 has 1 cell, but the lines after it have 3/,
    ],
    ["libsvm", "1 1:0.5 3:0.2\n0 2:0.7 3:0.1\n", /libsvm/],
    ["an ID and a colon", "15:.1,.2\n7:.3,.4\n", /"15:\.1", an item ID and a colon/],
    ["an ID and a colon, at blanks", "15: .1 .2\n7: .3 .4\n", /"15:", an item ID and a colon/],
  ])("refused by name: %s", (_, text, message) => refused(read(text, "x.txt"), message));

  test("two arrays in one npy", async () => {
    const twice = new Uint8Array([...npy, ...npy]);
    await refused(read(twice, "x.npy"), /4 x 3 elements is followed by 176 more bytes/);
    const { gzipSync } = await import("node:zlib");
    await refused(read(gzipSync(twice), "x.npy.gz"), /followed by 176 more bytes/);
    expect(await read(makeNpy("<f4", "(4, 3)", MATRIX.data), "x.npy")).toMatchObject(MATRIX);
  });
});

describe("JSON as programs write it", () => {
  const answer = (index: number, embedding: number[]) => ({ object: "embedding", index, embedding });

  test("an embedding service: out of order, a line per answer, a batch", async () => {
    const list = { object: "list", data: [answer(1, two.b), answer(0, two.a)], model: "m", usage: { total_tokens: 5 } };
    const expected = [...Float32Array.of(0.1, 0.2, 0.3, 0.4)];
    expect(await read(JSON.stringify(list), "x.json")).toMatchObject({ rows: 2, dim: 2 });
    expect([...(await read(JSON.stringify(list), "x.json")).data]).toEqual(expected);
    const lines = [two.a, two.b].map((v) => JSON.stringify({ ...list, data: [answer(0, v)] })).join("\n");
    expect([...(await read(lines, "x.jsonl")).data]).toEqual(expected);
    const both = await read(`${JSON.stringify(list)}\n${JSON.stringify(list)}`, "x.jsonl");
    expect([...both.data]).toEqual([...expected, ...expected]);
    await refused(
      read(JSON.stringify({ ...list, data: [answer(1, two.a), answer(1, two.b)] }), "x.json"),
      /index.*each once.*has 1/,
    );
    await refused(
      read(JSON.stringify({ ...list, data: [answer(0, two.a), answer(2, two.b)] }), "x.json"),
      /0 to 1.*has 2/,
    );
    const batch = (id: string, data: object[]) =>
      JSON.stringify({
        id: `batch_req_${id}`,
        custom_id: id,
        response: { body: { object: "list", data } },
        error: null,
      });
    expect(await byId([batch("a", [answer(0, two.a)]), batch("b", [answer(0, two.b)])].join("\n"), "x.jsonl")).toEqual(
      two,
    );
    await refused(read(batch("a", [answer(0, two.a), answer(1, two.b)]), "x.jsonl"), /"a" holds 2 vectors/);
  });

  test("tensors by their shape", async () => {
    const tensor = { dims: [2, 2], type: "float32", data: [0.1, 0.2, 0.3, 0.4] };
    const expected = [...Float32Array.of(0.1, 0.2, 0.3, 0.4)];
    for (const value of [
      tensor,
      { ort_tensor: { ...tensor, data: undefined, cpuData: { ...tensor.data } } },
      { shape: [2, 2], data: tensor.data },
    ]) {
      const items = await read(JSON.stringify(value), "x.json");
      expect([items.rows, items.dim, [...items.data]]).toEqual([2, 2, expected]);
    }
    await refused(read(JSON.stringify({ ...tensor, dims: [1, 2, 2] }), "x.json"), /shape \[1, 2, 2\].*two dimensions/);
    await refused(read(JSON.stringify({ ...tensor, dims: [3, 2] }), "x.json"), /shape \[3, 2\] and 4 numbers/);
  });

  test("data frames by columns, and typed arrays, are not taken for each other", async () => {
    const typed = { a: { 0: 0.1, 1: 0.2 }, b: { 0: 0.3, 1: 0.4 } };
    await refused(read(JSON.stringify(typed), "x.json"), /2 columns or 2 vectors.*Array\.from/);
    expect(await byId(JSON.stringify(Object.entries(typed).map(([id, vector]) => ({ id, vector }))), "x.json")).toEqual(
      two,
    );
    expect([
      ...(await read(JSON.stringify({ e0: { 0: 0.1, 1: 0.3 }, e1: { 0: 0.2, 1: 0.4 } }), "x.json")).data,
    ]).toEqual([...Float32Array.of(0.1, 0.2, 0.3, 0.4)]);
  });

  test("keys keep every digit", async () => {
    const ids = ["9007199254740993", "18446744073709551615", "-9223372036854775808", "7"];
    const text = `[${ids.map((id, i) => `{"id":${id},"embedding":[${i}.5,1]}`).join(",")}]`;
    expect((await read(text, "x.json")).itemIds).toEqual(ids);
    expect((await read(text.slice(1, -1).replaceAll("},{", "}\n{"), "x.jsonl")).itemIds).toEqual(ids);
    expect((await read(`{"ids":[${ids}],"embeddings":[[1],[2],[3],[4]]}`, "x.json")).itemIds).toEqual(ids);
    expect((await read(`{"ids":["007"],"embeddings":[[1]]}`, "x.json")).itemIds).toEqual(["007"]);
  });

  test("IDs beside the rows must be as many", async () => {
    await refused(read('{"ids":["a"],"embeddings":[[1],[2]]}', "x.json"), /ids has 1 entry, but there are 2 vectors/);
    await refused(
      read('{"item_ids":["a","b","c"],"embeddings":[[1],[2]]}', "x.json"),
      /item_ids has 3 entries.*2 vectors/,
    );
  });
});

test("duplicate keys name both rows, in every format", async () => {
  for (const [name, text] of [
    ["x.csv", "id,e0,e1\n007,1,2\nb,3,4\n007,5,6"],
    ["x.json", '[{"id":"007","v":[1.5,2]},{"id":"b","v":[3.5,4]},{"id":"007","v":[5.5,6]}]'],
    ["x.vec", "3 2\n007 1.5 2\nb 3 4\n007 5 6"],
  ] as const) {
    await refused(read(text, name), /row 2 and row 0 are both item "007"/);
  }
});

describe("a catalogue of any form gets each item's vector back under its own key", () => {
  const keyName = fc.constantFrom(
    "id",
    "item_id",
    "itemId",
    "asin",
    "sku",
    "product_id",
    "key",
    "ean",
    "movie_id",
    "custom_id",
  );
  const key = fc.oneof(
    fc.stringMatching(/^[0-9]{1,6}$/),
    fc.stringMatching(/^0[0-9]{9}$/),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }).map(String),
    fc.stringMatching(/^[A-Z][A-Z0-9-]{2,9}$/),
  );
  const title = fc.oneof(
    fc.string({ unit: fc.constantFrom("a", "é", "😀", " ", '"', ",", ";", "(", "1", "'"), maxLength: 12 }),
    fc.constant("Alien (1979)"),
  );
  const value = fc.integer({ min: -99_999, max: 99_999 }).map((n) => (2 * n + 1) / 2048); // exact, never whole
  const property = fc.constantFrom("price", "stock", "year", "rating", "review_count");
  const layout = fc.constantFrom("list", "family");
  const catalogue = fc.tuple(fc.integer({ min: 2, max: 5 }), fc.integer({ min: 3, max: 8 })).chain(([dim, rows]) =>
    fc.record({
      keyName,
      layout,
      keys: fc.uniqueArray(key, { minLength: rows, maxLength: rows }),
      titles: fc.array(title, { minLength: rows, maxLength: rows }),
      vectors: fc.array(fc.array(value, { minLength: dim, maxLength: dim }), { minLength: rows, maxLength: rows }),
      properties: fc.array(fc.integer({ min: 0, max: 5000 }), { minLength: rows, maxLength: rows }),
      property,
      prefix: fc.constantFrom("e", "emb_", "dim", "V"),
      order: fc.array(fc.nat(), { minLength: 10, maxLength: 10 }),
    }),
  );

  test.each(["csv", "tsv", "semicolons", "json", "jsonl", "numbers.json", "split.json", "parquet", "npz"])(
    "%s",
    async (format) => {
      await fc.assert(
        fc.asyncProperty(catalogue, async (of) => {
          // These have one array for the vectors; a column per dimension in Parquet is among PyArrow's files.
          fc.pre(of.layout === "list" || !["parquet", "npz"].includes(format));
          const { keys, titles, vectors, properties, prefix, order } = of;
          const dim = vectors[0]!.length;
          const columns: [name: string, cells: (string | number | number[])[]][] = [
            [of.keyName, keys],
            ["title", titles],
            [of.property, properties],
            ...(of.layout === "list"
              ? [["embedding", vectors] as [string, number[][]]]
              : Array.from(
                  { length: dim },
                  (_, j) => [`${prefix}${j}`, vectors.map((v) => v[j]!)] as [string, number[]],
                )),
          ];
          const sorted = columns
            .map((column, i) => ({ column, at: order[i % 10]! }))
            .sort((a, b) => a.at - b.at)
            .map(({ column }) => column);
          const { bytes, name } = written(format, sorted);
          const read1 = await read(bytes, name);
          expect([...read1.data]).toEqual([...Float32Array.from(vectors.flat())]);
          expect(read1.itemIds).toEqual(keys);
          expect(read1.labels!.titles).toEqual(titles);
          expect(read1.columns).toMatchObject({ itemId: of.keyName, title: "title" });
          expect([...read1.columns!.labels, ...read1.columns!.ignored]).toEqual([of.property]);
          let at = 0;
          for await (const batch of streamItems(bytes, { fileName: name, batchRows: 2 })) {
            expect(batch.itemIds).toEqual(keys.slice(at, at + batch.rows));
            expect([...batch.data]).toEqual([...Float32Array.from(vectors.slice(at, at + batch.rows).flat())]);
            at += batch.rows;
          }
          expect(at).toBe(keys.length);
        }),
        { numRuns: 150 },
      );
    },
  );

  function written(
    format: string,
    columns: [string, (string | number | number[])[]][],
  ): { bytes: Uint8Array; name: string } {
    const rows = columns[0]![1].length;
    const names = columns.map(([name]) => name);
    const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
    const cell = (value: string | number | number[]) =>
      Array.isArray(value)
        ? quote(JSON.stringify(value))
        : typeof value === "string" && !/^[\w-]+$/.test(value)
          ? quote(value)
          : String(value);
    const table = (delimiter: string) =>
      [names, ...Array.from({ length: rows }, (_, i) => columns.map(([, cells]) => cell(cells[i]!)))]
        .map((line) => line.join(delimiter))
        .join("\n");
    // Keys of digits as numbers: JSON has no leading zeros.
    const jsonCell = (value: string | number | number[], asNumber: boolean) =>
      asNumber && typeof value === "string" && /^[1-9]\d*$/.test(value) ? value : JSON.stringify(value);
    const record = (i: number, asNumber: boolean) =>
      `{${columns.map(([name, cells], c) => `${JSON.stringify(name)}:${jsonCell(cells[i]!, asNumber && names[c] !== "title")}`).join(",")}}`;
    const records = (asNumber: boolean) => Array.from({ length: rows }, (_, i) => record(i, asNumber));
    switch (format) {
      case "csv":
        return { bytes: utf8(table(",")), name: "x.csv" };
      case "tsv":
        return { bytes: utf8(table("\t")), name: "x.tsv" };
      case "semicolons":
        return { bytes: utf8(table(";")), name: "x.csv" };
      case "json":
        return { bytes: utf8(`[${records(false).join(",")}]`), name: "x.json" };
      case "numbers.json":
        return { bytes: utf8(`{"data":[${records(true).join(",")}]}`), name: "x.json" };
      case "jsonl":
        return { bytes: utf8(records(false).join("\n")), name: "x.jsonl" };
      case "split.json":
        return {
          bytes: utf8(
            JSON.stringify({
              columns: names,
              data: Array.from({ length: rows }, (_, i) => columns.map(([, cells]) => cells[i])),
            }),
          ),
          name: "x.json",
        };
      case "npz": {
        const member = ([name, cells]: (typeof columns)[0]) => {
          const lines = cells.map((cell) => [...String(cell)]);
          const width = Math.max(1, ...lines.map((line) => line.length));
          const points = lines.flatMap((line) => Array.from({ length: width }, (_, i) => line[i]?.codePointAt(0) ?? 0));
          const bytes = Array.isArray(cells[0])
            ? makeNpy("<f4", `(${rows}, ${cells[0].length})`, Float32Array.from((cells as number[][]).flat()))
            : typeof cells[0] === "string"
              ? makeNpy(`<U${width}`, `(${rows},)`, Uint32Array.from(points))
              : makeNpy("<i4", `(${rows},)`, Int32Array.from(cells as number[]));
          return { name: `${name}.npy`, bytes };
        };
        return { bytes: makeZip(columns.map(member)), name: "x.npz" };
      }
      default: {
        const writer = new ParquetWriter(
          columns
            .map(([name, cells]) => ({ name, kind: typeof cells[0] === "string" ? "text" : "floats" }) as const)
            .map((column, c) =>
              column.kind === "floats" && !Array.isArray(columns[c]![1][0])
                ? { ...column, kind: "int32" as const }
                : column,
            ),
        );
        const parts = [
          writer.begin(),
          ...writer.group(
            rows,
            columns.map(([, cells]) =>
              typeof cells[0] === "string"
                ? (cells as string[])
                : Array.isArray(cells[0])
                  ? Float32Array.from((cells as number[][]).flat())
                  : Int32Array.from(cells as number[]),
            ),
          ),
          writer.finish(),
        ];
        return { bytes: new Uint8Array(Buffer.concat(parts)), name: "x.parquet" };
      }
    }
  }
});

describe("a value of another size among columns of numbers", () => {
  const names = ["a", "b", "c", "d", "e"];
  const cell = (row: number, j: number) => Math.sin(7 * row + 3 * j + 1).toFixed(4);
  /** Rows of fractions below 1, with these values in column "d". */
  const table = (strays: Record<number, string>, rows = 20) =>
    Array.from({ length: rows }, (_, row) =>
      names.map((name, j) => (name === "d" ? (strays[row] ?? cell(row, j)) : cell(row, j))),
    );
  const formats = {
    csv: (rows: string[][]) => [names, ...rows].map((row) => row.join(",")).join("\n"),
    json: (rows: string[][]) => `[${rows.map((row) => `{${row.map((v, j) => `"${names[j]}":${v}`)}}`)}]`,
    jsonl: (rows: string[][]) => rows.map((row) => `{${row.map((v, j) => `"${names[j]}":${v}`)}}`).join("\n"),
  };

  for (const [format, written] of Object.entries(formats)) {
    test.each(["1e20", "-1e20", "3e38", "1000", "-999.5"])(
      `${format}: %s in one row is an error in that row`,
      (value) =>
        refused(
          read(written(table({ 7: value })), `x.${format}`),
          /^x\.\w+: row 7, column 3 \("d"\): "-?\d[^"]*" is far beyond the other values, which reach 1: correct it or remove the row/,
        ),
    );

    test.each(["1e39", "-1e39", "1e400"])(`${format}: %s is beyond float32, as in any other table`, async (value) => {
      const text = written(table({ 7: value }));
      await refused(read(text, `x.${format}`), /: row 7\b.*"d".*float32/);
      const items = await read(text, `x.${format}`, { skipInvalid: true });
      const { skipped } = items;
      expect([items.rows, items.dim, [...skipped!.rows]]).toEqual([19, 5, [7]]);
    });

    test(`${format}: the largest of a few is named`, () =>
      refused(read(written(table({ 3: "1e10", 12: "1e20" })), `x.${format}`), /: row 12, column 3/));

    test.each([
      ["in every row", (row: number) => `${(1234.5 + 71 * row).toFixed(1)}`],
      ["in many rows", (row: number) => (row % 3 === 0 ? `${900.25 + row}` : cell(row, 3))],
      ["whole numbers, one of them larger", (row: number) => (row === 7 ? "90000" : `${(row * 5) % 7}`)],
      ["IDs beyond float32", (row: number) => `${10n ** 40n + BigInt(row * 17)}`],
    ])(`${format}: %s it is a column of something else`, (_, value) => {
      const strays = Object.fromEntries(Array.from({ length: 20 }, (_, row) => [row, value(row)]));
      return refused(
        read(written(table(strays)), `x.${format}`),
        /column 3 \("d"\) has values of a different size.*like an ID or a property; name the columns of the embedding: embedding: \["a","b","c"\]/,
      );
    });
  }

  test("named columns are taken as they are", async () => {
    const items = await read(formats.csv(table({ 7: "1e20" })), "x.csv", { embedding: names });
    expect(items.data[7 * 5 + 3]).toBe(Math.fround(1e20));
  });
});
