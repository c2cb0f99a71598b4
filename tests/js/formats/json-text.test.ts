/** JSON is what JSON.parse makes of it, but that nothing is lost; a table of it may be cut anywhere. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidInputError } from "../../../bindings/js/base/errors.ts";
import { JsonTable } from "../../../bindings/js/formats/text/json.ts";
import { jsonEntries, parseJson } from "../../../bindings/js/formats/text/json-text.ts";
import { utf8 } from "../support/format-files.ts";
import { readJson } from "../support/formats.ts";

/** Whole numbers that a double may not hold exactly, as they are written: keys of 64 bits are such. */
function exact(value: unknown): unknown {
  if (typeof value === "number") {
    return !Number.isInteger(value) || Number.isSafeInteger(value) || /e/.test(String(value)) ? value : String(value);
  }
  if (Array.isArray(value)) return value.map(exact);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, exact(entry)]));
}

describe("a value", () => {
  test("of any form", () => {
    const number = fc.double({ noNaN: true, noDefaultInfinity: true });
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 5 }),
      fc.array(fc.oneof(number, fc.integer(), fc.maxSafeInteger())),
    );
    fc.assert(
      fc.property(value, fc.nat(4), (value, indent) => {
        const text = JSON.stringify({ value }, null, indent);
        expect(parseJson(text)).toEqual(exact(JSON.parse(text)));
      }),
      { numRuns: 1500 },
    );
  });

  test("with integers of any length", () => {
    const long = "123456789012345678901234567890";
    expect(parseJson(`[${long},-${long} , 9007199254740991,9007199254740993,1${"0".repeat(400)}]`)).toEqual([
      long,
      `-${long}`,
      9007199254740991,
      "9007199254740993",
      `1${"0".repeat(400)}`,
    ]);
    expect(parseJson(`{"a":${long}}`)).toEqual({ a: long });
    expect(parseJson(`[0.${long}, ${long}.5, ${long}e3]`)).toEqual(JSON.parse(`[0.${long}, ${long}.5, ${long}e3]`));
  });

  test("with what looks like more in a string", () => {
    const text = String.raw`{"a, 12345678901234567890, NaN,":"\\\", NaN, [ 12345678901234567890 ] { \"b\": 1","[": "\\"}`;
    expect(parseJson(text)).toEqual(JSON.parse(text));
  });

  test("has the numbers that Python writes", () => {
    expect(parseJson("[NaN, Infinity, -Infinity, 1]")).toEqual([Number.NaN, Infinity, -Infinity, 1]);
    expect(parseJson('{"a": NaN, "b": [null, NaN], "c":-Infinity}')).toEqual({
      a: Number.NaN,
      b: [null, Number.NaN],
      c: -Infinity,
    });
  });

  test("sets a field named __proto__ as one", () => {
    expect(Object.keys(parseJson('{"__proto__": {"x": 1}, "a": 2}') as object)).toEqual(["__proto__", "a"]);
  });

  test("has its outermost entries in the order of the text", () => {
    expect(jsonEntries('{"10": {"2": "x", "1": 12345678901234567890}, "_": NaN, "2": ["a"]}')).toEqual([
      ["10", { 1: "12345678901234567890", 2: "x" }],
      ["_", Number.NaN],
      ["2", ["a"]],
    ]);
  });
});

describe("what is not JSON", () => {
  test.each([
    ["", /it is empty/],
    ["  ", /it is empty/],
    ["[1,2", /ends too early/],
    ['{"a":"abc', /ends too early/],
    ['{"a":1,"b":{"a":1},"\\u0061":2}', /entries 0 and 2 of an object are both "a"/],
    ["[".repeat(1_000_000), /ends too early/],
    ...[
      ...["[1,]", "[1 2]", '{"a" 1}', "{a:1}", '{"a":1,}', '{"a":1]', "[1}", '["a\nb"]', '["\\x"]', '"abc', "01", "1."],
      ...[".5", "+1", "-", "1e", "1e+", "--1", "0x1", "nul", "nulll", "nan", "True", "'a'", "]", "}", ",", ":"],
      ...[
        "{NaN}",
        "{NaN:1}",
        '{"a":1, NaN}',
        "[NaN NaN]",
        "[+Infinity]",
        "{12345678901234567890:1}",
        "[012345678901234567]",
      ],
    ].map((text) => [text, /./] as [string, RegExp]),
  ])("%j", (text, message) => {
    expect(() => parseJson(text)).toThrow(SyntaxError);
    expect(() => parseJson(text)).toThrow(message);
    if (!/^["\d-]*$/.test(text)) expect(() => readJson(text)).toThrow(/not JSON/);
  });

  test("is refused as JSON.parse refuses it", () => {
    const noise = fc.string({ unit: fc.constantFrom(...'[]{},:"\\ \n-+.e012ntf') });
    fc.assert(
      fc.property(noise, (text) => {
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = false;
        }
        if (isJson) parseJson(text);
        else expect(() => parseJson(text)).toThrow();
      }),
      { numRuns: 3000 },
    );
  });
});

/** The table of a text that is cut at some places. */
function cutTable(text: string, cuts: number[]) {
  const bytes = utf8(text);
  const table = new JsonTable();
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let start = 0;
  for (const end of ends) {
    table.push(bytes.subarray(start, end));
    start = end;
  }
  return table.finish();
}

describe("rows", () => {
  const rows = fc.array(
    fc.record({
      title: fc.string({ unit: "grapheme" }),
      embedding: fc.tuple(
        fc.double({ noNaN: true, min: -1e38, max: 1e38 }),
        fc.float({ noNaN: true, noDefaultInfinity: true }),
      ),
    }),
    { minLength: 1, maxLength: 120 },
  );
  const cuts = fc.array(fc.nat(), { maxLength: 12 });
  const ends = fc.constantFrom("\n", "\r\n", "\n\n", " \n\t");

  test.each(["value", "lines"])("of a %s that is cut anywhere", (form) => {
    fc.assert(
      fc.property(rows, cuts, ends, fc.nat(2), (rows, cuts, end, indent) => {
        const text =
          form === "lines"
            ? `${end}${rows.map((row) => JSON.stringify(row)).join(end)}${end}`
            : `${end}${JSON.stringify({ data: rows }, null, indent)}${end}`;
        const { items, labels } = cutTable(text, cuts);
        const wanted = Float32Array.from(rows.flatMap(({ embedding }) => embedding.map((value) => value + 0)));
        expect([items.rows, items.dim]).toEqual([rows.length, 2]);
        expect(Buffer.from(items.data.buffer).equals(Buffer.from(wanted.buffer))).toBe(true);
        expect(labels?.titles).toEqual(rows.map(({ title }) => title));
      }),
      { numRuns: 100 },
    );
  });

  test("of lines wait for those that read in batches, those of a value do not", () => {
    const lines = new JsonTable();
    lines.push(utf8("[1,2]\n".repeat(150)));
    expect(lines.waiting).toBe(150);
    const value = new JsonTable();
    value.push(utf8(`[\n${"[1,2],\n".repeat(150)}`));
    expect(value.waiting).toBe(0);
  });

  test("of a value that a string cannot hold ask for another format", () => {
    const table = new JsonTable();
    const blanks = new Uint8Array(1 << 26).fill(0x20);
    table.push(utf8("["));
    const pushAll = () => {
      for (let i = 0; i < 20; i++) table.push(blanks);
    };
    expect(pushAll).toThrow(
      expect.objectContaining({
        code: "FILE_TOO_LARGE",
        message: expect.stringMatching(/JSON lines .*npy or Parquet/),
      }),
    );
  });

  test("with NaN are named, or left out", () => {
    const text = '[{"id":"a","e":[1,2]},{"id":"b","e":[NaN,2]},{"id":"c","e":[3,4]}]';
    expect(() => readJson(text)).toThrow(/e of row 1, column 0: NaN is not a number/);
    expect(readJson(text, { skipInvalid: true })).toMatchObject({ items: { rows: 2 }, labels: { titles: ["a", "c"] } });
  });

  test("with numbers of many digits", () => {
    const text =
      '{"ids":[12345678901234567890,12345678901234567891],"embeddings":[[100000000000000000000,1],[2,-12345678901234567890]]}';
    const { items, itemIds } = readJson(text);
    expect(itemIds).toEqual(["12345678901234567890", "12345678901234567891"]);
    expect([...items.data]).toEqual([1e20, 1, 2, -Number("12345678901234567890")].map(Math.fround));
  });

  test("that are nested without end are no rows", () => {
    for (const [begin, end] of [
      ["[", "]"],
      ['{"a":', "}"],
    ] as const) {
      const nested = `${begin.repeat(50_000)}1${end.repeat(50_000)}`;
      expect(() => readJson(nested)).toThrow(InvalidInputError);
      expect(() => readJson(`${nested}\n${nested}`)).toThrow(InvalidInputError);
      expect(() => readJson(`[{"embedding":[1,2],"x":${nested}},{"embedding":${nested}}]`)).toThrow(InvalidInputError);
    }
  });

  test("of a map whose keys are numbers", () => {
    const { items, labels } = readJson('{"10":[1,2],"2":[3,4]}');
    expect([...items.data]).toEqual([3, 4, 1, 2]);
    expect(labels?.titles).toEqual(["2", "10"]);
  });
});
