/** Tables read from bytes, cut anywhere, are those that the parser reads from the text. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidInputError } from "../../../bindings/js/base/errors.ts";
import type { ItemFileOptions } from "../../../bindings/js/formats/io/opened-file.ts";
import { Utf8Window } from "../../../bindings/js/formats/io/utf8.ts";
import { CsvTable } from "../../../bindings/js/formats/text/csv.ts";
import { QuickRows } from "../../../bindings/js/formats/text/csv-row.ts";
import { utf8 } from "../support/format-files.ts";
import { readCsv } from "../support/formats.ts";

function read(bytes: Uint8Array, cuts: number[], options?: ItemFileOptions) {
  const table = new CsvTable(options);
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let start = 0;
  for (const end of ends) {
    table.push(bytes.subarray(start, end));
    start = end;
  }
  return table.finish();
}

/** What came of a reading: the table, or "refused": of several faults one is named, and the parser is ahead of the rows. */
function outcome(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidInputError);
    return "refused";
  }
}

const cell = fc.oneof(
  { weight: 12, arbitrary: fc.double({ noNaN: true, min: -1e30, max: 1e30 }).map(String) },
  { weight: 2, arbitrary: fc.constantFrom(" 1", "2 ", "+3", ".5", "7.", '"8"', "1e3") },
  { weight: 1, arbitrary: fc.constantFrom("", "NaN", "x", "1e39", "1,5", '"1""', "-", "\u00e9") },
);
const title = fc.oneof(
  fc.string({ unit: fc.constantFrom(..."ab c\u00e9\u{1f600}.-1") }),
  fc.string({ unit: fc.constantFrom(...'ab"\n,;\u00e9') }).map((text) => `"${text.replaceAll('"', '""')}"`),
);
const lineEnd = fc.constantFrom("\n", "\r\n", "\r");

/** 200 plain rows, from which the columns are known, then others. */
function table(
  row: (i: number) => string,
  more: string[],
  { header = "", end = "\n" }: { header?: string; end?: string } = {},
): string {
  const rows = Array.from({ length: 200 }, (_, i) => row(i));
  return [...(header === "" ? [] : [header]), ...rows, ...more].join(end);
}

/** The head from which the delimiter is chosen must be passed for rows to be read from bytes. */
const padding = "padding ".repeat(180);

const cuts = fc.array(fc.nat(), { maxLength: 6 });
const wide = (i: number) => `a${i},"${padding}, ${i}",${i / 3},${-i}e-3,${i}`;

describe("rows after the first ones", () => {
  test("of columns, with all that may be in a cell", () => {
    const row = fc.tuple(fc.uuid(), title, cell, cell, cell).map((cells) => cells.join(","));
    fc.assert(
      fc.property(fc.array(row, { maxLength: 8 }), lineEnd, cuts, fc.boolean(), (more, end, cuts, skipInvalid) => {
        const text = table(wide, more, { header: "id,title,x,y,z", end });
        const wanted = outcome(() => readCsv(text, { skipInvalid }));
        expect(outcome(() => read(utf8(text), cuts, { skipInvalid }))).toEqual(wanted);
      }),
      { numRuns: 60 },
    );
  });

  test("of columns with decimal commas", () => {
    const cell = fc
      .tuple(fc.integer(), fc.nat(99), fc.constantFrom(",", ".", ",", ""))
      .map(([a, b, point]) => `${a}${point}${b}`);
    const spaced = fc.tuple(fc.constantFrom("", " "), cell, fc.constantFrom("", "  ")).map((parts) => parts.join(""));
    const row = fc.tuple(fc.uuid(), title, spaced, spaced).map((cells) => cells.join(";"));
    fc.assert(
      fc.property(fc.array(row, { maxLength: 8 }), lineEnd, cuts, (more, end, cuts) => {
        const text = table((i) => `a${i};${padding}${i};${i},5;${-i},25`, more, { header: "id;title;x;y", end });
        const wanted = outcome(() => readCsv(text));
        expect(outcome(() => read(utf8(text), cuts))).toEqual(wanted);
      }),
      { numRuns: 60 },
    );
  });

  test("of columns between any number of blanks", () => {
    const blanks = fc.constantFrom(" ", "  ", "     ");
    const number = fc.constantFrom("1", "-2.5", "3e-4", "0.1", "x", '"4"');
    const row = fc
      .tuple(fc.constantFrom("", " ", "  "), fc.uuid(), blanks, number, blanks, number, fc.constantFrom("", " ", "   "))
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(fc.array(row, { maxLength: 8 }), lineEnd, cuts, fc.boolean(), (more, end, cuts, skipInvalid) => {
        const text = table((i) => `${"w".repeat(1500)}${i}  ${i} ${-i}.5 `, more, { end });
        const wanted = outcome(() => readCsv(text, { skipInvalid }));
        expect(outcome(() => read(utf8(text), cuts, { skipInvalid }))).toEqual(wanted);
      }),
      { numRuns: 60 },
    );
  });

  test("of lists", () => {
    const numbers = fc.array(fc.constantFrom("1", "-2.5", "3e-4", "0.1", "x", ""), { minLength: 2, maxLength: 3 });
    const list = fc
      .tuple(numbers, fc.constantFrom(", ", ",", " ", "  ", "\n", ";"), fc.constantFrom("[]", "()", '""'))
      .map(([numbers, between, brackets]) => `${brackets[0]}${numbers.join(between)}${brackets[1]}`);
    const row = fc.tuple(fc.uuid(), title, list).map(([id, title, list]) => `${id},${title},"${list}"`);
    fc.assert(
      fc.property(fc.array(row, { maxLength: 8 }), lineEnd, cuts, fc.boolean(), (more, end, cuts, skipInvalid) => {
        const first = (i: number) => `a${i},${padding}${i},"[${i}, ${-i}.5, 1e-3]"`;
        const text = table(first, more, { header: "id,title,embedding", end });
        const wanted = outcome(() => readCsv(text, { skipInvalid }));
        expect(outcome(() => read(utf8(text), cuts, { skipInvalid }))).toEqual(wanted);
      }),
      { numRuns: 60 },
    );
  });

  test("cut at every byte", () => {
    const rows = ['b1,"t, 1",0.25,-1e2,3', 'b2,"say ""hi""",1,2,3', "b3,\u00e9\u{1f600},1,2,3", '"b4",,.5,+2,3.'];
    const text = table(wide, [...rows, ""], { header: "id,title,x,y,z", end: "\r\n" });
    const bytes = utf8(text);
    const wanted = readCsv(text);
    const from = bytes.length - 110;
    for (let at = from; at <= bytes.length; at++) {
      const found = read(bytes, [at, at + 1]);
      expect(found.items.data.subarray(-15)).toEqual(wanted.items.data.subarray(-15));
      expect(found.labels?.labels).toEqual(wanted.labels?.labels);
      expect(found.labels?.titles.slice(-4)).toEqual(["t, 1", 'say "hi"', "\u00e9\u{1f600}", ""]);
    }
  });

  test("that are not UTF-8 are refused, wherever they are", () => {
    const bytes = utf8(table(wide, ["b1,caf\u00e9,1,2,3", "b2,x,1,2,3", ""], { header: "id,title,x,y,z" }));
    const latin1 = Uint8Array.from(Buffer.from(new TextDecoder().decode(bytes), "latin1"));
    for (const cuts of [[], [latin1.length - 20], [latin1.length - 16]]) {
      expect(() => read(latin1, cuts)).toThrow(/not valid UTF-8/);
    }
    expect(() => read(Uint8Array.of(...utf8("a,1\n"), 0xc3), [])).toThrow(/not valid UTF-8/);
  });

  test("have their lines counted", () => {
    const text = table(wide, ['b1,"two\nlines",1,2,3', "b2,x,1,2,3", "b3,x,1,oops,3"], { header: "id,title,x,y,z" });
    expect(() => read(utf8(text), [])).toThrow(/row 202 \(line 205\), column 3/);
  });
});

describe("a plain row", () => {
  const window = (text: string) => {
    const window = new Utf8Window();
    window.push(utf8(text));
    return window;
  };

  test.each([
    ["1,2\n", "read", 4],
    ["1,2\r\n", "read", 5],
    ["1,2\rx", "read", 4],
    ["1,2", "cut", 0],
    ["1,2\r", "cut", 0],
    ["1,", "cut", 0],
    ["-", "cut", 0],
    ["1,-", "cut", 0],
    ["1\n", "unusual", 0],
    ["1,2,3\n", "unusual", 0],
    ["1,x\n", "unusual", 0],
    [" 1, 2 \n", "read", 7],
    ['"1",2\n', "unusual", 0],
    ["1,1e39\n", "unusual", 0],
  ])("%j is %s", (text, result, at) => {
    const place = window(text);
    const rows = new QuickRows([0, 0], ",");
    expect([rows.read(place, 0), place.at]).toEqual([result, at]);
    if (result === "read") expect([...rows.numbers]).toEqual([1, 2]);
  });

  test("has a decimal comma or point", () => {
    const place = window("1,5;2.5\n-0,25;1e-3\n1,0000000000000000001;0,1e-30\n3;1,2,3\n");
    const rows = new QuickRows([0, 0], ";");
    for (const numbers of [
      [1.5, 2.5],
      [-0.25, 1e-3],
      [1, 1e-31],
    ]) {
      expect(rows.read(place, 0)).toBe("read");
      expect(rows.numbers).toEqual(Float32Array.from(numbers));
    }
    expect(rows.read(place, 0)).toBe("unusual");
  });
});
