/** Two sources that name items: joined by key, and by place only where one has no keys. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidInputError } from "../../../bindings/js/base/errors.ts";
import { joinItems, joinLabels, readLabels } from "../../../bindings/js/formats/index.ts";
import { SemanticIds } from "../../../bindings/js/ids/semantic-ids.ts";
import { writeIdsCsv } from "../support/formats.ts";

const refused = (run: () => unknown, ...parts: string[]) => {
  expect(run).toThrow(InvalidInputError);
  for (const part of parts) expect(run).toThrow(part);
};
const source = (name: string, itemIds: string[]) => ({ name, rows: itemIds.length, itemIds });
const places = (name: string, rows: number) => ({ name, rows });

/** Keys that programs confuse: zeros in front, digits beyond a double's, blanks, names of prototypes. */
const key = fc.oneof(
  fc.constantFrom(
    "0",
    "00",
    "1",
    "01",
    "9007199254740992",
    "9007199254740993",
    "__proto__",
    "constructor",
    " a",
    "a",
    "é",
  ),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
  fc.string({ minLength: 1, maxLength: 6 }),
);
const keys = fc.uniqueArray(key, { minLength: 2, maxLength: 20 });

describe("joinItems by key", () => {
  test("any keys, any order, missing and extra: each row finds its own", () => {
    fc.assert(
      fc.property(keys, fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }), fc.nat(), (all, isIn, turn) => {
        const left = all.filter((_, i) => i === 0 || isIn[i]);
        const right = [...all.slice(turn % all.length), ...all.slice(0, turn % all.length)].filter(
          (itemId) => itemId === all[0] || !isIn[(all.indexOf(itemId) * 7) % 20],
        );
        const join = joinItems(source("l", left), source("r", right));
        expect(join.by).toBe("key");
        left.forEach((itemId, row) => {
          expect(join.rows[row]).toBe(right.indexOf(itemId));
        });
        expect(join.missing.map((row) => left[row])).toEqual(left.filter((itemId) => !right.includes(itemId)));
        expect(join.extra.map((row) => right[row])).toEqual(right.filter((itemId) => !left.includes(itemId)));
        expect(join.text === "").toBe(join.missing.length + join.extra.length === 0);
      }),
    );
  });

  test("missing and extra are counted and named", () => {
    const { text } = joinItems(source("a.csv", ["1", "2", "3", "4", "5"]), source("b.csv", ["5", "x", "y"]), "title");
    expect(text).toBe(
      'b.csv has no title for 4 of the 5 items of a.csv: "1", "2", "3", …. b.csv has 2 items that are not in a.csv: "x", "y".',
    );
  });

  test("a key twice names both rows, in the numbers of the file; an empty one its row", () => {
    refused(() => joinItems(source("a", ["x"]), source("b", ["x", "y", "x"])), 'b: rows 0 and 2 are both item "x"');
    const holed = { ...source("a", ["x", "y", "x"]), fileRows: [0, 4, 7], rowsInFile: 8 };
    refused(() => joinItems(holed, source("b", ["x"])), 'a: rows 0 and 7 are both item "x"');
    refused(() => joinItems(source("a", ["x", ""]), source("b", ["x"])), "a: row 1 has no item ID");
  });

  test("too few or too many keys for the rows is an error with both counts", () => {
    for (const n of [11, 13]) {
      const itemIds = Array.from({ length: n }, (_, i) => `k${i}`);
      refused(() => joinItems({ name: "a", rows: 12, itemIds }, places("b", 12)), `${n} item IDs`, "12 rows");
    }
  });

  test("no item in common is an error that shows both", () => {
    refused(() => joinItems(source("a", ["0012"]), source("b", ["12"])), "no item in common", '"0012"', '"12"');
  });
});

describe("joinItems by place", () => {
  test("happens when a source has no keys, and is said", () => {
    for (const [left, right, why] of [
      [places("a", 2), source("b", ["x", "y"]), "a has no item IDs"],
      [source("a", ["x", "y"]), places("b", 2), "b has no item IDs"],
      [places("a", 2), places("b", 2), "neither a nor b has item IDs"],
    ] as const) {
      const { by, rows, text } = joinItems(left, right);
      expect([by, ...rows]).toEqual(["place", 0, 1]);
      expect(text).toContain(why);
      expect(text).not.toContain("\n");
    }
  });

  test("too few or too many rows is an error with both counts", () => {
    refused(() => joinItems(places("a", 3), places("b", 2), "title"), "b has 2 titles", "a has 3 items");
    refused(() => joinItems(places("a", 1), places("b", 2), "title"), "b has 2 titles", "a has 1 item,");
  });

  test("rows that were left out keep their places", () => {
    const left = { name: "a", rows: 3, fileRows: [0, 2, 3], rowsInFile: 4 };
    expect([...joinItems(left, places("b", 4)).rows]).toEqual([0, 2, 3]);
    const right = { name: "b", rows: 3, fileRows: [1, 2, 3], rowsInFile: 4 };
    const { rows, missing, text } = joinItems(left, right);
    expect([[...rows], missing]).toEqual([[-1, 1, 2], [0]]);
    expect(text).toContain("row 0");
    refused(() => joinItems(left, places("b", 3)), "b has 3 rows", "a has 4 items");
  });

  test("row numbers in another order contradict it", () => {
    refused(() => joinItems(places("a", 3), source("b", ["2", "0", "1"])), "row numbers in another order", "sort b");
    refused(() => joinItems(places("a", 3), source("b", ["3", "1", "2"])), "row numbers in another order");
    expect([...joinItems(places("a", 3), source("b", ["0", "1", "2"])).rows]).toEqual([0, 1, 2]);
    expect([...joinItems(places("a", 3), source("b", ["70", "9", "8"])).rows]).toEqual([0, 1, 2]);
  });
});

describe("readLabels with keys", () => {
  const itemIds = ["007", "9007199254740993", "b"];
  const titles = ["One", "Two, too", "Three"];
  const rows = itemIds.map((itemId, i) => [itemId, titles[i]!] as const);
  const q = (text: string) => JSON.stringify(text);
  test.each<[kind: string, text: string]>([
    ["csv", `id,title\n${rows.map(([k, t]) => `${k},${q(t)}`).join("\n")}\n`],
    ["csv, the key last", `title,asin\r\n${rows.map(([k, t]) => `${q(t)},${k}`).join("\r\n")}`],
    ["csv with a byte order mark", `\uFEFFitem_id,name\n${rows.map(([k, t]) => `${k},${q(t)}`).join("\n")}`],
    ["tsv", `sku\tproduct_name\n${rows.map((row) => row.join("\t")).join("\n")}`],
    ["the index of pandas", `,title\n${rows.map(([k, t]) => `${k},${q(t)}`).join("\n")}`],
    ["a frame of pandas", `,isbn,title\n${rows.map(([k, t], i) => `${i},${k},${q(t)}`).join("\n")}`],
    [
      "a frame of pandas as JSON",
      `{"id": {${rows.map(([k], i) => `"${i}": ${q(k)}`)}}, "title": {${rows.map(([, t], i) => `"${i}": ${q(t)}`)}}}`,
    ],
    ["a delimiter at the end of lines", `id,title,\n${rows.map(([k, t]) => `${k},${q(t)},`).join("\n")}`],
    ["blanks after delimiters", `title; gtin\n${rows.map(([k, t]) => `${t}; ${k}`).join("\n")}`],
    ["semicolons", `key;title\n${rows.map((row) => row.join(";")).join("\n")}`],
    ["pipes", `item_id|title\n${rows.map((row) => row.join("|")).join("\n")}`],
    ["a key by its ending", `movie_id,title\n${rows.map(([k, t]) => `${k},${q(t)}`).join("\n")}`],
    ["JSON lines", rows.map(([k, t]) => `{"title": ${q(t)}, "id": ${q(k)}}`).join("\n")],
    ["JSON objects", `[${rows.map(([k, t]) => `{"item_id": ${q(k)}, "name": ${q(t)}, "tags": ["x"]}`)}]`],
    ["a JSON map", `{${rows.map(([k, t]) => `${q(k)}: ${q(t)}`).join(", ")}}`],
    ["a JSON map of objects", `{${rows.map(([k, t]) => `${q(k)}: {"title": ${q(t)}, "x": {}}`).join(",\n")}}`],
    ["JSON columns", `{"id": ${q(itemIds as never)}, "title": ${q(titles as never)}}`],
    ["titles and itemIds", `{"titles": ${q(titles as never)}, "itemIds": ${q(itemIds as never)}}`],
    ["an .item file", `item_id:token\ttitle:token_seq\n${rows.map((row) => row.join("\t")).join("\n")}\n`],
    [
      "an .item file with a key of its own",
      `iid:token\ttitle:token_seq\n${rows.map((row) => row.join("\t")).join("\n")}`,
    ],
  ])("%s", (_, text) => {
    expect(readLabels(text)).toEqual({ titles, itemIds });
  });

  test("numbers in JSON keep every digit, and maps of numbers their order", () => {
    expect(readLabels('[{"id": 9007199254740993, "title": "a"}, {"id": 18446744073709551615, "title": "b"}]')).toEqual({
      titles: ["a", "b"],
      itemIds: ["9007199254740993", "18446744073709551615"],
    });
    expect(readLabels('{"10": "ten", "9": "nine", "007": "bond"}')).toEqual({
      titles: ["ten", "nine", "bond"],
      itemIds: ["10", "9", "007"],
    });
    expect(
      readLabels('{"id": 12345678901234567890, "title": "1234567890123456789"}\n{"id":2,"title":"b"}').itemIds,
    ).toEqual(["12345678901234567890", "2"]);
  });

  test("further columns are labels", () => {
    expect(readLabels('id,brand,title\n1,"A, B",x\n2,C,y')).toEqual({
      titles: ["x", "y"],
      labels: { brand: ["A, B", "C"] },
      itemIds: ["1", "2"],
    });
    expect(readLabels('{"titles":["x","y"],"labels":{"id":[7,8],"kind":[1,1]}}')).toEqual({
      titles: ["x", "y"],
      labels: { id: [7, 8], kind: [1, 1] },
      itemIds: ["7", "8"],
    });
  });

  test("without keys all is as before", () => {
    expect(readLabels("A, B\nC, D")).toEqual({ titles: ["A, B", "C, D"] });
    expect(readLabels("Key, brass\nLock")).toEqual({ titles: ["Key, brass", "Lock"] });
    expect(readLabels("[NEW] boots\nsocks")).toEqual({ titles: ["[NEW] boots", "socks"] });
    expect(readLabels('["a", "b"]')).toEqual({ titles: ["a", "b"] });
    expect(readLabels("title\na\nb", "t.csv")).toEqual({ titles: ["a", "b"] });
    expect(readLabels("title\na\nb")).toEqual({ titles: ["title", "a", "b"] });
  });

  test("a key twice names both entries", () => {
    refused(() => readLabels("id,title\na,x\nb,y\na,z"), "rows 0 and 2", '"a"');
    refused(() => readLabels('{"a": "x", "b": "y", "a": "z"}'), "entries 0 and 2", '"a"');
    refused(() => readLabels('{"id":"a","title":"x"}\n{"id":"a","title":"y"}'), "rows 0 and 1", '"a"');
    refused(() => readLabels('{"titles":["x","y"],"itemIds":["a","a"]}'), "rows 0 and 1", '"a"');
  });

  test("what is broken is said", () => {
    refused(() => readLabels("id,title\na,x\nb"), "line 3", "1 column,", "2");
    refused(() => readLabels('{"id":"a","title":"x"}\n{"id":"b"'), "line 2");
    refused(() => readLabels('{"a":["x"],"b":["y"]}'), "{ itemId: title }", '"a", "b"');
    refused(() => readLabels("{}"), "an object with nothing");
    expect(readLabels('{"a":"x","b":null}')).toEqual({ titles: ["x", ""], itemIds: ["a", "b"] });
    refused(() => readLabels('{"titles":["x"],"itemIds":["a","b"]}'), "2 entries", "titles has 1");
  });
});

describe("joinLabels", () => {
  const labels = { titles: ["B", "A"], labels: { kind: [2, 1] }, itemIds: ["b", "a"] };
  test("an item without a title is called by its ID", () => {
    const joined = joinLabels(source("items", ["a", "x", "b"]), labels, "labels");
    expect(joined.labels).toEqual({
      titles: ["A", "x", "B"],
      labels: { kind: [1, "", 2] },
      itemIds: ["a", "x", "b"],
    });
    expect(joined.join.text).toContain('no title for 1 of the 3 items of items: "x"');
  });

  test("items without IDs get those of the labels, and it is said", () => {
    const { labels: joined, join } = joinLabels(places("items", 2), labels, "labels");
    expect(joined).toEqual(labels);
    expect(join.text).toContain("The item IDs are those of labels");
  });

  test("writers use the labels' IDs, and refuse two sources that contradict each other", () => {
    const ids = SemanticIds.from([[1], [0]], { codebookSizes: [2] });
    expect(writeIdsCsv(ids, labels)).toBe("item,title,code_1,id\nb,B,1,<a_1>\na,A,0,<a_0>\n");
    refused(() => writeIdsCsv(ids, labels, ["a", "b"]), "labels.itemIds[0]", '"b"', '"a"', "joinLabels");
  });
});
