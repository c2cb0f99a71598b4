/** JSON in pieces is what JSON.parse makes of the whole, with lists of numbers as float32. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidInputError } from "../../../bindings/js/base/errors.ts";
import { FloatList } from "../../../bindings/js/formats/io/float-list.ts";
import { JsonReader, NumberList } from "../../../bindings/js/formats/text/json-reader.ts";
import { utf8 } from "../support/format-files.ts";
import { readJson } from "../support/formats.ts";

/** Reads a text that is cut at some places. */
function read(text: string, cuts: number[] = [], isPlain?: (key: string) => boolean): unknown {
  const numbers = new FloatList();
  const reader = new JsonReader(numbers, isPlain);
  const bytes = utf8(text);
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let start = 0;
  for (const end of ends) {
    const used = reader.push(bytes.subarray(start, end));
    // Blanks may follow the value.
    if (new TextDecoder().decode(bytes.subarray(start + used, end)).trim() !== "")
      throw new InvalidInputError("more follows");
    start = end;
  }
  return plain(reader.finish(), numbers);
}

/** Lists of numbers as arrays. */
function plain(value: unknown, numbers: FloatList): unknown {
  if (value instanceof NumberList) return [...numbers.read(value.start, value.length)];
  if (Array.isArray(value)) return value.map((entry) => plain(entry, numbers));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plain(entry, numbers)]));
}

/** Whole numbers that a double may not hold exactly, as they are written: keys of 64 bits are such. */
const exact = (value: number) =>
  !Number.isInteger(value) || Number.isSafeInteger(value) || /e/.test(String(value)) ? value : String(value);

/** What JSON.parse gives, with numbers in lists of nothing else as float32. */
function rounded(value: unknown): unknown {
  if (Array.isArray(value)) {
    const isNumbers = value.length > 0 && value.every((entry) => typeof entry === "number");
    return isNumbers ? value.map((entry) => Math.fround(entry as number)) : value.map(rounded);
  }
  if (typeof value === "number") return exact(value);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, rounded(entry)]));
}

/** As the expectation, but a list that began with numbers has these as float32 as well. */
const nearly = (value: unknown): unknown => {
  if (typeof value === "number") return Math.fround(value);
  // In a list that began with numbers.
  if (typeof value === "string" && /^-?\d{16,}$/.test(value)) return Math.fround(Number(value));
  if (Array.isArray(value)) return value.map(nearly);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, nearly(entry)]));
};

const cuts = fc.array(fc.nat(), { maxLength: 12 });

describe("a value", () => {
  test("of any form, cut anywhere", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), cuts, fc.nat(4), (text, cuts, indent) => {
        const spaced = JSON.stringify(JSON.parse(text), null, indent);
        expect(nearly(read(spaced, cuts))).toEqual(nearly(rounded(JSON.parse(spaced))));
      }),
      { numRuns: 1500 },
    );
  });

  test("with lists of any numbers, exactly", () => {
    const number = fc.double({ noNaN: true, noDefaultInfinity: true });
    const rows = fc.array(fc.record({ id: fc.string(), n: number, e: fc.array(number, { minLength: 1 }) }));
    fc.assert(
      fc.property(rows, cuts, (rows, cuts) => {
        const text = JSON.stringify({ data: rows });
        expect(read(text, cuts)).toEqual(rounded(JSON.parse(text)));
      }),
      { numRuns: 500 },
    );
  });

  test("cut at every byte", () => {
    const text =
      '{"a\\u00e9\\"":[1,-2.5e3,0.1],"ü":["x\\\\",null,true,false,[],{}],"n":-0.5,"m":[1,"x",[2]], "s" : "\u{1f600}" }';
    const whole = read(text);
    expect(whole).toEqual(nearly(JSON.parse(text)));
    for (let i = 0; i <= utf8(text).length; i++) expect(read(text, [i])).toEqual(whole);
    expect(
      read(
        text,
        Array.from({ length: 200 }, (_, i) => i),
      ),
    ).toEqual(whole);
  });

  test("keeps doubles where lists stay lists", () => {
    const text = '{"ids":[16777217,0.1],"labels":{"x":[[16777217]]},"e":[16777217]}';
    const isPlain = (key: string) => key === "ids" || key === "labels";
    expect(read(text, [], isPlain)).toEqual({ ids: [16777217, 0.1], labels: { x: [[16777217]] }, e: [16777216] });
  });

  test("has the numbers that Python writes", () => {
    expect(read("[NaN, Infinity, -Infinity, 1]", [2, 9, 17])).toEqual([Number.NaN, Infinity, -Infinity, 1]);
    expect(read('{"a": NaN, "b": [null, NaN]}')).toEqual({ a: Number.NaN, b: [null, Number.NaN] });
  });

  test("sets a field named __proto__ as one", () => {
    expect(Object.keys(read('{"__proto__": {"x": 1}, "a": 2}') as object)).toEqual(["__proto__", "a"]);
  });

  test("says how much of a piece it used", () => {
    const reader = new JsonReader(new FloatList());
    expect(reader.push(utf8("\n [1,"))).toBe(5);
    expect(reader.push(utf8("2] rest"))).toBe(2);
    expect(reader.push(utf8("more"))).toBe(0);
    expect([reader.firstLine, reader.line]).toEqual([1, 1]);
    expect(reader.finish()).toEqual(new NumberList(0, 2));
  });
});

describe("what is not JSON", () => {
  test.each([
    ["", /line 1, byte 1: it is empty/],
    ["  ", /it is empty/],
    ["[1,2", /ends too early/],
    ['"abc', /ends too early/],
    ["[1,]", /line 1, byte 3: a value expected, got "\]"/],
    ["[1 2]", /"," or "\]" expected/],
    ['{"a" 1}', /":" expected/],
    ["{a:1}", /a name in quotes or "}" expected, got "a:1}"/],
    ['{"a":1,}', /a name in quotes expected/],
    ['{"a":1]', /"," or "}" expected/],
    ["[1}", /"," or "\]" expected/],
    ['\n["a\nb"]', /line 2, byte 4: a line break or another control character/],
    ['["\\x"]', /a backslash stands for nothing/],
    ...[
      "01",
      "1.",
      ".5",
      "+1",
      "-",
      "1e",
      "1e+",
      "--1",
      "0x1",
      "nul",
      "nulll",
      "nan",
      "True",
      "'a'",
      "]",
      "}",
      ",",
      ":",
    ].map((text) => [text, /not JSON/] as [string, RegExp]),
    ["[".repeat(513), /deeper than 512/],
  ])("%j", (text, message) => {
    expect(() => read(text)).toThrow(message);
    for (const cuts of [[], [1], [2], [3]]) expect(() => read(text, cuts)).toThrow(InvalidInputError);
  });

  test("a number without end", () => {
    const reader = new JsonReader(new FloatList());
    const digits = utf8("1".repeat(60_000));
    reader.push(digits);
    expect(() => reader.push(digits)).toThrow(/more than 65,536 digits/);
  });

  test("is refused as JSON.parse refuses it", () => {
    const noise = fc.string({ unit: fc.constantFrom(...'[]{},:"\\ \n-+.e012ntf') });
    fc.assert(
      fc.property(noise, cuts, (text, cuts) => {
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = false;
        }
        const attempt = () => read(text, cuts);
        if (isJson) attempt();
        else expect(attempt).toThrow();
      }),
      { numRuns: 3000 },
    );
  });
});

describe("rows", () => {
  test("of millions of numbers pass from one list to the other", () => {
    const dim = 300_000; // rows lie across pieces
    const row = Array.from({ length: dim }, (_, j) => j / 4);
    const text = `[${Array.from({ length: 5 }, () => `[${row.join(",")}]`).join(",")}]`;
    const wanted = Buffer.from(Float32Array.from(row).buffer);
    const { items } = readJson(text);
    expect([items.rows, items.dim]).toEqual([5, dim]);
    for (let i = 0; i < 5; i++) expect(wanted.equals(Buffer.from(items.data.buffer, 4 * i * dim, 4 * dim))).toBe(true);
  });

  test("with NaN are named, or left out", () => {
    const text = '[{"id":"a","e":[1,2]},{"id":"b","e":[NaN,2]},{"id":"c","e":[3,4]}]';
    expect(() => readJson(text)).toThrow(/e of row 1, column 0: NaN is not a number/);
    expect(readJson(text, { skipInvalid: true })).toMatchObject({ items: { rows: 2 }, labels: { titles: ["a", "c"] } });
  });

  test("of a map whose keys are numbers", () => {
    const { items, labels } = readJson('{"10":[1,2],"2":[3,4]}');
    expect([...items.data]).toEqual([3, 4, 1, 2]);
    expect(labels?.titles).toEqual(["2", "10"]);
  });

  test("longer than a piece, beside others", () => {
    const list = new FloatList();
    for (let i = 0; i < 3_000_000; i++) list.push(i % 1000);
    expect(list.read(1_048_570, 12)).toEqual(Float32Array.from({ length: 12 }, (_, i) => (1_048_570 + i) % 1000));
    list.giveUp(0, 1_500_000);
    expect(list.read(2_000_000, 3)).toEqual(Float32Array.of(0, 1, 2));
    list.truncate(2_500_000);
    list.push(-1);
    expect([list.length, ...list.read(2_499_999, 2)]).toEqual([2_500_001, 999, -1]);
  });
});
