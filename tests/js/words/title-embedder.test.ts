/** Vectors of titles. */
import { readFileSync } from "node:fs";
import { openWords, TitleEmbedder, type TitleVectors, type WordTable } from "rqvae/words";
import { beforeAll, describe, expect, it } from "vitest";
import { knownParts } from "../../../bindings/js/words/known-parts.ts";
import { splitWords } from "../../../bindings/js/words/split-words.ts";

let table: WordTable;
beforeAll(async () => {
  table = await openWords(readFileSync(new URL("../../../examples/data/words/glove-50k.safetensors", import.meta.url)));
});

const TITLES = [
  "pirate ship",
  "sailing boat",
  "kitten",
  "cat face",
  "red apple",
  "green apple",
  "slice of pizza",
  "hamburger",
  "soccer ball",
  "tennis racket",
  "violin",
  "guitar",
];

const cosine = (vectors: TitleVectors, a: number, b: number) => {
  let sum = 0;
  for (let j = 0; j < vectors.dim; j++) sum += vectors.data[a * vectors.dim + j]! * vectors.data[b * vectors.dim + j]!;
  return sum;
};
const bitsOf = ({ data }: TitleVectors) => new Uint32Array(data.buffer, data.byteOffset, data.length);

describe("vectors of titles", () => {
  it("have length 1, and titles about alike things lie close together", () => {
    const vectors = TitleEmbedder.fit(table, TITLES).embed(TITLES);
    expect([vectors.rows, vectors.dim]).toEqual([12, 100]);
    for (let row = 0; row < 12; row++) expect(cosine(vectors, row, row)).toBeCloseTo(1, 5);
    for (const [a, b, far] of [
      [0, 1, 6],
      [2, 3, 9],
      [4, 5, 8],
      [6, 7, 10],
      [10, 11, 4],
    ] as const) {
      expect(cosine(vectors, a, b), `${TITLES[a]} and ${TITLES[b]}`).toBeGreaterThan(cosine(vectors, a, far) + 0.1);
    }
  });

  it("place a new item as it would be placed in the catalogue", () => {
    const embedder = TitleEmbedder.fit(table, TITLES);
    const alone = embedder.embed([TITLES[3]!]);
    const all = embedder.embed(TITLES);
    expect([...alone.data]).toEqual([...all.data.subarray(300, 400)]);
    const cat = embedder.embed(["pirate cat", ...TITLES]);
    const ranked = TITLES.map((title, i) => [cosine(cat, 0, i + 1), title] as const).sort((a, b) => b[0] - a[0]);
    expect(ranked.slice(0, 3).map(([, title]) => title)).toEqual(expect.arrayContaining(["cat face", "kitten"]));
  });

  it("have the same bits whenever they are made, and do not depend on how letters are encoded", () => {
    const first = TitleEmbedder.fit(table, TITLES).embed(TITLES);
    expect(bitsOf(TitleEmbedder.fit(table, TITLES).embed(TITLES))).toEqual(bitsOf(first));
    const titles = [...TITLES, "Café Müller", "ＦＵＬＬ width"];
    const composed = TitleEmbedder.fit(table, titles).embed(titles.map((title) => title.normalize("NFC")));
    const taken = TitleEmbedder.fit(table, titles).embed(titles.map((title) => title.normalize("NFD")));
    expect(bitsOf(taken)).toEqual(bitsOf(composed));
  });

  it("use no function whose last bit differs between engines", () => {
    const folder = new URL("../../../bindings/js/words/", import.meta.url);
    for (const name of ["title-embedder", "common-direction", "spelling", "known-parts", "word-table"]) {
      const text = readFileSync(new URL(`${name}.ts`, folder), "utf8");
      expect(text, name).not.toMatch(/Math\.(log|exp|pow|sin|cos|tan|hypot|cbrt)| \*\* /);
    }
  });

  it("say how much of the words is known, and which are not", () => {
    const titles = ["The cat sat", "Xyzzyq Flumph", "Flumph 2024", "vampires spiderman", "★", "", ...TITLES];
    const { data, coverage } = TitleEmbedder.fit(table, titles).embed(titles.slice(0, 6));
    expect(coverage).toEqual({
      words: 8, // the number is not counted
      known: 5,
      unknown: ["flumph", "xyzzyq"],
      empty: [4, 5],
      language: undefined,
    });
    expect(data.subarray(400).every((value) => value === 0)).toBe(true);
    expect(data.every(Number.isFinite)).toBe(true);
  });

  it("bring words that nobody knows together by their letters", () => {
    const titles = ["Kwyjibo", "Kwyjibos", "Zzqrtx", ...TITLES];
    const vectors = TitleEmbedder.fit(table, titles).embed(titles);
    expect(vectors.coverage.unknown).toContain("kwyjibo");
    expect(cosine(vectors, 0, 1)).toBeGreaterThan(0.5);
    expect(Math.abs(cosine(vectors, 0, 2))).toBeLessThan(0.4);
  });

  it("say which language titles are in", () => {
    const languageOf = (titles: string[]) => TitleEmbedder.fit(table, titles).embed(titles).coverage.language;
    expect(languageOf(["Der Herr der Ringe", "Das Boot", "Die Stadt und der Fluss", "Ein Tag im Mai"])).toBe("German");
    expect(
      languageOf(["Le fabuleux destin", "La vie est belle", "Les choses de la vie", "Un homme et une femme"]),
    ).toBe("French");
    expect(languageOf(["吾輩は猫である", "こころ", "坊っちゃん"])).toBe("another script");
    expect(languageOf(["The Lord of the Rings", "La La Land", "Das Boot"])).toBeUndefined();
    expect(languageOf(TITLES)).toBeUndefined();
  });

  it("work for one title, and are refused when there is no word at all", () => {
    const one = TitleEmbedder.fit(table, ["cat"]).embed(["cat"]);
    expect(cosine(one, 0, 0)).toBeCloseTo(1, 5);
    expect(() => TitleEmbedder.fit(table, ["", "★ !"])).toThrow(/none of the titles has a word/);
    expect(() => TitleEmbedder.fit(table, ["", "★ !"])).toThrow(expect.objectContaining({ code: "EMPTY" }));
    expect(() => TitleEmbedder.fit(table, ["a", 3 as never])).toThrow("titles[1] must be a string");
    expect(() => TitleEmbedder.fit({} as never, ["a"])).toThrow("table must be a WordTable");
  });
});

describe("the words of a title", () => {
  const words = (text: string, ...known: string[]) => splitWords(text, (word) => known.includes(word));

  it("are in lower case, without accents, emoji and marks", () => {
    expect(words("🐈 Cat: the Café—Straße!")).toEqual(["cat", "the", "cafe", "strasse"]);
    expect(words("")).toEqual([]);
    expect(words("😀 ★ ...")).toEqual([]);
  });

  it("stay whole if the table has them so, else they are taken apart", () => {
    expect(words("sci-fi star-crossed", "sci-fi")).toEqual(["sci-fi", "star", "crossed"]);
    expect(words("Ocean’s don't", "ocean", "don")).toEqual(["ocean", "don"]);
    expect(words("LightBulb iPhone6", "light", "iphone")).toEqual(["light", "bulb", "iphone6"]);
    expect(words("mp3 x", "mp3")).toEqual(["mp3", "x"]);
  });
});

describe("a word that the table does not have", () => {
  const ranks = new Map(["run", "make", "city", "spider", "man", "the", "cat"].map((word, i) => [word, i]));
  const parts = (word: string) => knownParts(word, (each) => ranks.get(each));

  it("is replaced by its base form or by two parts, or by nothing", () => {
    expect(parts("cat")).toEqual(["cat"]);
    expect(parts("cats")).toEqual(["cat"]);
    expect(parts("making")).toEqual(["make"]);
    expect(parts("cities")).toEqual(["city"]);
    expect(parts("spiderman")).toEqual(["spider", "man"]);
    expect(parts("cas")).toEqual([]);
    expect(parts("xyzzy")).toEqual([]);
  });
});
