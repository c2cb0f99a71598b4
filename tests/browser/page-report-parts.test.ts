/** The report's words and files of IDs, which need no page. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SemanticIds } from "rqvae";
import { writeIds } from "rqvae/formats";
import type { Finding, FindingCode } from "rqvae/report";
import { describe, expect, it } from "vitest";
import { percent } from "../../bindings/js/base/words.ts";
import { formatShare } from "../../web/src/base/words.ts";
import { inWords } from "../../web/src/explore/finding-words.ts";
import { looksLikeIds } from "../../web/src/lab/looks-like-ids.ts";
import { readCodeTable } from "../../web/src/lab/own-ids.ts";
import type { ReportSummary } from "../../web/src/lab/types.ts";
import { ROOT } from "./server.mjs";

/** Whether the page says it in its own words. */
const CODES: Record<FindingCode, boolean> = {
  constantItems: true,
  dominantColumn: true,
  noneShared: true,
  tooFewIds: true,
  manyShared: true,
  someShared: true,
  fewShared: true,
  sharedByCopies: true,
  starvedLevel: true,
  nearShareCodes: true,
  codesSayLittle: true,
  nothingExplained: true,
  choicesAgree: false, // the library's words are plain
  choicesDisagree: false,
  better: true,
  same: true,
  moreDistinct: true,
  moreExact: true,
  worse: true,
};

const OWN = (Object.keys(CODES) as FindingCode[]).filter((code) => CODES[code]);

const counts: ReportSummary["counts"] = {
  items: 200,
  itemsSharing: 31,
  distinctIds: 180,
  largestGroup: 4,
  duplicates: { distinctVectors: 199, itemsIdentical: 2, itemsColliding: 29 },
  codebookSizes: [64, 32],
  perplexity: [51.3, 3.2],
  kept: 0.7104,
  nearness: 12.4,
  dominant: { column: 3, name: "price", share: 0.981 },
};
const about = { counts, line: { kept: 0.6791, own: 0.8 }, noun: ["emoji", "emoji"] as const };
const finding = (code: FindingCode, level?: number): Finding => ({
  ...{ kind: "note", code, text: `the library's words: SemanticIdIndex.build(...) ${code}` },
  ...(level === undefined ? {} : { level }),
});

describe("the words of a report", () => {
  const said = inWords(
    OWN.map((code) => finding(code, code === "starvedLevel" ? 1 : undefined)),
    about,
  );

  it("are the page's own for every finding, with no word of the API and one percentage of own IDs at most", () => {
    for (const { text } of said) {
      expect(text).not.toMatch(/library's words|\w\(|[a-z][A-Z]|undefined|NaN/);
      expect(text).toMatch(/^[A-Z\d].*\.$/);
    }
    // Shares of items are told as counts.
    const sharing = said.filter(({ remedies }) => remedies.includes("makeUnique"));
    expect(sharing).toHaveLength(4);
    for (const { text } of sharing) expect(text).not.toContain("%");
  });

  it("hold the figures", () => {
    const textOf = (code: FindingCode) => said[OWN.indexOf(code)]!.text;
    expect(textOf("someShared")).toContain("29 emoji share an ID with one whose numbers differ");
    expect(textOf("sharedByCopies")).toContain("2 emoji share an ID with an exact copy");
    expect(textOf("starvedLevel")).toBe("The second code is used as if it had 3 choices instead of 32.");
    expect(textOf("nearShareCodes")).toContain("12 times as often");
    expect(textOf("better")).toContain(
      "keep 71.0% of the differences between the items, residual k-means of the same size 67.9%",
    );
    expect(textOf("dominantColumn")).toContain("Column 3 (price) carries 98.1% of the variance");
    expect(textOf("tooFewIds")).toContain("2,048 IDs, fewer than the 199 different emoji");
  });

  it("are the library's where the page has none", () => {
    const [unknown] = inWords([finding("behaviour" as FindingCode)], about);
    expect(unknown!.text).toMatch(/^The library's words/);
    expect(unknown!.remedies).toEqual([]);
  });
});

it("percentages are written as the library writes them", () => {
  for (const share of [0, 1e-5, 0.001, 0.0125, 0.098, 0.1, 0.5, 0.92215, 0.898, 0.99949, 0.99999, 1, -0.2]) {
    expect(formatShare(share)).toBe(percent(share));
  }
});

const bytes = (text: string) => new TextEncoder().encode(text);
const file = (pieces: Iterable<string | Uint8Array>) =>
  new Uint8Array(Buffer.concat([...pieces].map((piece) => (typeof piece === "string" ? bytes(piece) : piece))));

describe("a file of IDs", () => {
  const ids = SemanticIds.from(
    Array.from({ length: 400 }, (_, i) => [i % 7, (i * 3) % 11, i % 5]),
    { codebookSizes: [7, 11, 5] },
  );

  it.each(["csv", "jsonl", "lcrec", "recbole", "semanticids", "npy"] as const)(
    "is recognised as written: %s",
    (format) => {
      const whole = file(writeIds(format, { ids }) as Iterable<string | Uint8Array>);
      expect(looksLikeIds(whole)).toBe(true);
      expect(looksLikeIds(whole.subarray(0, 4096))).toBe(true);
    },
  );

  it.each([
    ["a table with columns of codes", "asin;code_1;code_2;code_3\nB01;4;2;0\nB02;1;1;3\n"],
    ["a table without a header", "B01,4,2,0\nB02,1,1,3\n"],
    ["a table of nothing but codes", `4,2,0\n${"1,1,3\n".repeat(30)}`],
    ["tokens", "item\tid\nB01\t<a_4><b_2><c_0>\n"],
  ])("is recognised: %s", (_, text) => {
    expect(looksLikeIds(bytes(text))).toBe(true);
    const { ids: own, itemIds } = readCodeTable(text, "own.csv");
    expect([...own.at(0)]).toEqual([4, 2, 0]);
    if (text.includes("B01")) expect(itemIds![0]).toBe("B01");
    else expect(itemIds).toBeUndefined();
  });

  it.each([
    ["vectors", "0.1,0.5,-2\n0.3,1,4\n"],
    ["a few whole vectors", "1,2,3\n4,5,6\n7,8,9\n"],
    ["titles", "a cat\na dog, of sorts\na bird\n"],
    ["whole vectors", Array.from({ length: 3 }, () => "1,2,3,4,5,6,7,8,9,10,11,12").join("\n")],
    ["labels", '{ "title": ["a", "b"] }'],
    ["rows with names", '[{ "id": "a", "vector": [1, 2] }]'],
    ["histories of unequal length", "3 4 5\n1\n2 2\n"],
    ["pairs of users and items with words", "user,item,rating\nu1,B01,5\nu2,B02,3\n"],
    ["nothing", ""],
  ])("is not mistaken: %s", (_, text) => {
    expect(looksLikeIds(bytes(text))).toBe(false);
  });

  it("is not mistaken: the samples", () => {
    for (const name of ["emoji/emoji-glovesif100.f16.npy", "emoji/emoji.labels.json"]) {
      expect(looksLikeIds(readFileSync(join(ROOT, "examples/data", name)))).toBe(false);
    }
  });

  it("is read with quotes, a byte order mark, rows that are counted, and refused with the line", () => {
    const quoted = readCodeTable('\uFEFFid,title,c1,c2\n"a ""b"", c",x,1,2\nd,"y,z",3,4\n', "t.csv");
    expect(quoted.itemIds).toEqual(['a "b", c', "d"]);
    expect([...quoted.ids].map((id) => [...id])).toEqual([
      [1, 2],
      [3, 4],
    ]);
    const numbered = readCodeTable("0,5,6\n1,7,8\n2,5,5\n", "t.csv");
    expect(numbered.itemIds).toEqual(["0", "1", "2"]);
    expect([...numbered.ids.at(2)]).toEqual([5, 5]);
    expect(() => readCodeTable("id,c1,c2\na,1,2\nb,1,x\n", "t.csv")).toThrow(/Line 3 of t\.csv has no whole ID/);
    expect(() => readCodeTable("a,<a_1><b_2>\nb,<a_1>\n", "t.csv")).toThrow(
      /Line 2 of t\.csv has 1 code, but the first ID has 2/,
    );
    expect(() => readCodeTable("some words\nand others\n", "t.csv")).toThrow(/no columns of codes/);
  });
});
