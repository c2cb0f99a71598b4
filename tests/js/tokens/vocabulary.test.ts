import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidInputError } from "../../../bindings/js/base/errors.ts";
import { writeAddedTokens } from "../../../bindings/js/formats/index.ts";
import { levelLetter, SemanticIds } from "../../../bindings/js/ids/semantic-ids.ts";
import { letterLevel, TokenTemplate } from "../../../bindings/js/ids/token-template.ts";
import { Vocabulary } from "../../../bindings/js/tokens/vocabulary.ts";

const sizes = [256, 256, 128];
const ids = SemanticIds.from(
  [
    [17, 203, 9],
    [0, 255, 100],
    [17, 203, 10],
  ],
  { codebookSizes: sizes },
);

const refused = (run: () => unknown, message: RegExp) => {
  expect(run).toThrow(InvalidInputError);
  expect(run).toThrow(message);
};

describe("Vocabulary", () => {
  test("tokens, offsets, begin and end, and the list of tokens to add, for three items", () => {
    const vocabulary = new Vocabulary(ids, { baseOffset: 32000 });
    expect(vocabulary.offsets).toEqual([32005, 32261, 32517]);
    expect([vocabulary.pad, vocabulary.begin, vocabulary.end, vocabulary.separator, vocabulary.unknown]).toEqual([
      32000, 32001, 32002, 32003, 32004,
    ]);
    expect(vocabulary.eos).toBe(vocabulary.end);
    expect(vocabulary.size).toBe(5 + 256 + 256 + 128);
    expect(vocabulary.encode(ids.at(0))).toEqual([32022, 32464, 32526]);
    expect(vocabulary.tokenOf(1, 203)).toBe(32464);
    expect(vocabulary.decode([32001, 32022, 32464, 32526, 32002, 5])).toEqual([17, 203, 9]);
    expect(vocabulary.format(ids.at(1))).toBe(ids.toTokens(1));
    expect([...vocabulary.encodeIds(ids)]).toEqual([...ids].flatMap((codes) => vocabulary.encode(codes)));
    const added = vocabulary.addedTokens();
    expect(added).toHaveLength(vocabulary.size);
    expect(added.map(({ id }) => id)).toEqual(added.map((_, i) => 32000 + i));
    for (const { id, content, special } of added) {
      expect(vocabulary.textOf(id)).toBe(content);
      expect(special).toBe(id < 32005);
    }
    expect(added[5]).toEqual({
      id: 32005,
      content: "<a_0>",
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: false,
    });
  });

  test("Hugging Face's forms give the same tokens and integers", () => {
    const vocabulary = new Vocabulary([300, 4], { baseOffset: 7, template: '"{letter}\\{code}"' });
    const expected = Object.fromEntries(vocabulary.addedTokens().map(({ content, id }) => [content, id]));
    expect(JSON.parse(writeAddedTokens(vocabulary))).toEqual(expected);
    expect(JSON.parse(writeAddedTokens(vocabulary, "list"))).toEqual(vocabulary.addedTokens());
    refused(() => writeAddedTokens(vocabulary, "tree" as never), /form/);
  });

  test("a code is never cut: <d_100> is not <d_10>", () => {
    const vocabulary = new Vocabulary([256, 256, 256, 256]);
    expect(vocabulary.parse("<a_1><b_20><c_3><d_100>")).toEqual([1, 20, 3, 100]);
    const bare = new Vocabulary([256, 256, 256, 256], { template: "{letter}{code}" });
    expect(bare.parse("a1b20c3d100")).toEqual([1, 20, 3, 100]);
    const few = new Vocabulary([256, 256, 256, 11]);
    refused(() => few.parse("<a_1><b_20><c_3><d_100>"), /character 16 starts "<d_100>"; expected .*<d_0> to <d_10>/);
    refused(() => new Vocabulary([11], { template: "{letter}{code}" }).parse("a100"), /"a100"/);
    expect(few.parseAll("<a_1><b_20><c_3><d_100>")).toEqual([]);
  });

  test.each([
    ["K = 300", [300, 300, 300]],
    ["K = 1000", [1000, 1000]],
    ["K = 70,000", [70_000, 70_000, 70_000]],
    ["L = 8 with K = 512", new Array<number>(8).fill(512)],
    ["30 levels", new Array<number>(30).fill(3)],
    ["sizes that differ", [2, 70_000, 1, 9]],
  ])("no two tokens are alike: %s", (_, codebookSizes) => {
    const vocabulary = new Vocabulary(codebookSizes, { baseOffset: 50_000 });
    const added = vocabulary.addedTokens();
    expect(new Set(added.map(({ content }) => content)).size).toBe(vocabulary.size);
    expect(new Set(added.map(({ id }) => id)).size).toBe(vocabulary.size);
    fc.assert(
      fc.property(fc.tuple(...codebookSizes.map((size) => fc.nat(size - 1))), (codes) => {
        const tokens = vocabulary.encode(codes);
        expect(vocabulary.decode(tokens)).toEqual(codes);
        expect(vocabulary.parse(vocabulary.format(codes))).toEqual(codes);
        expect(vocabulary.parse(`<sid_begin> ${tokens.map((token) => vocabulary.textOf(token)).join(" ")}\n`)).toEqual(
          codes,
        );
        expect(vocabulary.decodeAll([...tokens, vocabulary.separator, ...tokens])).toEqual([codes, codes]);
        expect(vocabulary.parseAll(`try ${vocabulary.format(codes)}, or <a_1>`)).toEqual([codes]);
      }),
      { numRuns: 30 },
    );
  });

  test("letters beyond z and back", () => {
    for (let level = 0; level < 1000; level++) expect(letterLevel(levelLetter(level))).toBe(level);
  });

  test("any template is refused, or its tokens are distinct and read back one after the other", () => {
    const part = fc.constantFrom(
      "{letter}",
      "{level}",
      "{code}",
      "",
      "a",
      "z",
      "1",
      "0",
      "_",
      "<",
      "]",
      ":",
      "\\",
      "$",
    );
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), fc.constantFrom(1, 3, 12, 60), (parts, levels) => {
        const template = parts.join("");
        let vocabulary: Vocabulary;
        try {
          vocabulary = new Vocabulary(new Array<number>(levels).fill(12), { template });
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidInputError);
          return;
        }
        accepted++;
        const texts = vocabulary.addedTokens().map(({ content }) => content);
        expect(new Set(texts).size).toBe(texts.length);
        for (const first of [0, 1, 10, 11]) {
          const codes = Array.from({ length: levels }, (_, level) => (first + 7 * level) % 12);
          expect(vocabulary.parse(vocabulary.format(codes))).toEqual(codes);
          const twice = vocabulary.format(codes).repeat(2);
          expect(vocabulary.parseAll(twice)).toEqual([codes, codes]);
        }
      }),
      { numRuns: 3000, seed: 1 },
    );
    expect(accepted).toBeGreaterThan(50);
  });

  test.each<[string, number, RegExp]>([
    ["{letter}", 3, /must have \{code\} once/],
    ["{code}", 3, /either \{letter\} or \{level\}/],
    ["{letter}{level}{code}", 3, /either/],
    ["{code}{code}<", 1, /\{code\} once/],
    ["<{layer}_{code}>", 3, /has \{layer\}/],
    ["<{letter} {code}>", 3, /white space/],
    ["<{level}{code}>", 11, /level 1, code 11 and level 11, code 1 identically/],
    ["{level}:{code}", 3, /is ambiguous/],
    ["t{code}{letter}", 3, /is ambiguous/],
  ])("refuses the template %s for %i levels", (template, levels, message) => {
    refused(() => new Vocabulary(new Array<number>(levels).fill(4), { template }), message);
  });

  test("templates of others", () => {
    const bracket = new Vocabulary(sizes, { template: "[{level}:{code}]" });
    expect(bracket.format([17, 203, 9])).toBe("[0:17][1:203][2:9]");
    expect(bracket.parse("[0:17][1:203][2:9]")).toEqual([17, 203, 9]);
    expect(new Vocabulary([9], { template: "item{code};" }).format([3])).toBe("item3;");
    expect(new Vocabulary([9, 9], { template: "<|{code}/{level}|>" }).parse("<|3/0|><|4/1|>")).toEqual([3, 4]);
    expect(new TokenTemplate("<{level}{code}>", 10).token(9, 12)).toBe("<912>");
  });

  test("the model's own tokens", () => {
    const vocabulary = new Vocabulary([4, 4], {
      baseOffset: 100,
      special: { end: { token: "</s>", id: 2 }, pad: { token: "</s>", id: 2 }, separator: "<sep>" },
    });
    expect([vocabulary.eos, vocabulary.pad, vocabulary.begin, vocabulary.offsets[0]]).toEqual([2, 2, 100, 103]);
    expect(
      vocabulary
        .addedTokens()
        .map(({ content }) => content)
        .slice(0, 3),
    ).toEqual(["<sid_begin>", "<sep>", "<sid_unknown>"]);
    expect(vocabulary.textOf(2)).toBe("</s>");
    // Padded on the left with the end token.
    const tokens = vocabulary.encode([1, 2]);
    expect(vocabulary.decode([2, 2, 100, ...tokens, 2, 100])).toEqual([1, 2]);
    expect(vocabulary.decodeAll([2, 2, 100, ...tokens, 2, 100])).toEqual([[1, 2]]);
    expect(vocabulary.parse("</s></s><sid_begin><a_1><b_2></s> and more")).toEqual([1, 2]);
    expect(Vocabulary.fromJSON(JSON.parse(JSON.stringify(vocabulary))).toJSON()).toEqual(vocabulary.toJSON());
    expect(Vocabulary.fromJSON(JSON.parse(JSON.stringify(vocabulary))).addedTokens()).toEqual(vocabulary.addedTokens());
  });

  test("an ID with a suffix level, its first codes, and codes of an integer", () => {
    const vocabulary = new Vocabulary({ codebookSizes: [4, 4, 256] });
    expect(vocabulary.encode([3])).toEqual([8]);
    expect(vocabulary.decode([8])).toEqual([3]);
    expect(vocabulary.decode([])).toEqual([]);
    expect(vocabulary.codeOf(vocabulary.tokenOf(2, 255))).toEqual({ level: 2, code: 255 });
    for (const token of [-1, 0, 4, 1.5, Number.NaN, 5 + 4 + 4 + 256]) expect(vocabulary.codeOf(token)).toBeUndefined();
  });

  test("parseAll passes over what is no whole ID", () => {
    const vocabulary = new Vocabulary([4, 4]);
    const text = "<a_1> <b_2>, <a_1> then <b_2>, <b_3><a_0><a_3><b_3>! <a_9><b_1> <a_2>";
    expect(vocabulary.parseAll(text)).toEqual([
      [1, 2],
      [3, 3],
    ]);
    expect(vocabulary.parseAll("")).toEqual([]);
  });

  test.each<[string, () => unknown, RegExp]>([
    ["nothing", () => new Vocabulary(undefined as never), /expected the number of codes/],
    ["no levels", () => new Vocabulary([]), /expected the number of codes/],
    ["a size of 0", () => new Vocabulary([4, 0]), /codebookSizes\[1\].*received 0/],
    [
      "an unknown option",
      () => new Vocabulary([4], { baseOfset: 1 } as never),
      /unknown option "baseOfset".*baseOffset/,
    ],
    ["a negative offset", () => new Vocabulary([4], { baseOffset: -1 }), /baseOffset.*received -1/],
    ["integers too large", () => new Vocabulary([2 ** 24], { baseOffset: 2 ** 31 - 100 }), /exceed 2\^31 - 1/],
    ["twins", () => new Vocabulary([4], { special: { pad: "<x>", end: "<x>" } }), /special\.pad and special\.end/],
    [
      "a code",
      () => new Vocabulary([4], { special: { pad: "<a_3>" } }),
      /special\.pad is "<a_3>", which looks like a code/,
    ],
    ["white space", () => new Vocabulary([4], { special: { end: "the end" } }), /special\.end must be a token/],
    ["an unknown special", () => new Vocabulary([4], { special: { eos: "x" } as never }), /unknown option "eos"/],
    ["an id of ours", () => new Vocabulary([4], { special: { end: { token: "x", id: 0 } } }), /below baseOffset, 0/],
    ["too many codes", () => new Vocabulary([4]).encode([1, 2]), /codes has 2 entries, but an ID has 1/],
    ["a code out of range", () => new Vocabulary([4, 4]).encode([1, 4]), /level 1: code 4.*0 to 3/],
    ["no code", () => new Vocabulary([4]).tokenOf(0, 1.5), /code 1.5/],
    ["no level", () => new Vocabulary([4]).tokenOf(1, 0), /level 1 does not exist: there is one/],
    ["other IDs", () => new Vocabulary([4, 4]).encodeIds(ids), /256 x 256 x 128.*4 x 4/],
    ["larger codebooks", () => new Vocabulary([256, 255, 128]).encodeIds(ids), /256 x 255 x 128/],
    [
      "another level",
      () => new Vocabulary([4, 4]).decode([9]),
      /tokens\[0\] is 9, <b_0>; expected a code of level 0, <a_0> to <a_3>/,
    ],
    ["a separator inside", () => new Vocabulary([4, 4]).decode([5, 3]), /tokens\[1\] is 3, <sid_separator>/],
    ["one too many", () => new Vocabulary([4]).decode([5, 5]), /the ID of 1 code is complete/],
    [
      "a foreign integer",
      () => new Vocabulary([4]).decode([77]),
      /token 77 is not in this vocabulary, which has 0 to 8/,
    ],
    ["a foreign text", () => new Vocabulary([4]).textOf(77), /token 77/],
    ["an ID cut short", () => new Vocabulary([4, 4]).decodeAll([5, 9, 5]), /has 1 of 2 codes/],
    ["other text", () => new Vocabulary([4]).parse("<a_1> and"), /character 6 starts "and"/],
    ["leading zeros", () => new Vocabulary([4]).parse("<a_01>"), /character 0/],
    ["no text", () => new Vocabulary([4]).parse(5 as never), /text must be a string/],
    ["no text at all", () => new Vocabulary([4]).parseAll(undefined as never), /text must be a string/],
  ])("refuses: %s", (_, run, message) => refused(run, message));
});
