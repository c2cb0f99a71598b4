/** Numbers read from bytes are those that Number reads, as float32. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DecimalScanner } from "../../../bindings/js/formats/io/decimal.ts";
import { utf8 } from "../support/format-files.ts";

const scanner = new DecimalScanner();

/** Reads a number that stands between other text. */
function read(text: string) {
  const value = scanner.float32(utf8(`x${text},`), 1);
  return { value, length: scanner.end - 1 };
}

function expectRead(text: string): void {
  expect([text, read(text)]).toEqual([text, { value: Math.fround(Number(text)), length: text.length }]);
}

describe("a number", () => {
  test.each([
    ...["0", "-0", "+0", "1", "-1.5", "+2.25", ".5", "-.5", "2.", "00", "007", "-01.5", "0.0", "1e3", "1E-3", "1e+3"],
    ...["1.e2", ".1e-2", "123456789012345", "1234567890123456", "12345678901234567890", "0.1234567890123456789"],
    ...[
      "3.4028234663852886e38",
      "3.4028235677973366e38",
      "3.5e38",
      "1e39",
      "-1e400",
      "1e-45",
      "7e-46",
      "1e-400",
      "0e999",
    ],
    ...["1.17549435e-38", "1e22", "1e23", "1e-22", "1e-23", "100000000000000000000000", "0.00000000000000000000000123"],
    // Halfway between two float32, and a digit beside it.
    ...["16777217", "16777217.0000000000000001", "16777216.99999999999999999", "0.500000029802322387695312500000001"],
    ...["0.5000000298023223876953125", "0.50000002980232238769531249", "9007199254740993", "4503599627370497.5"],
  ])("%s", expectRead);

  test("of any float32 and double, however it is written", () => {
    const double = fc.double({ noNaN: true, noDefaultInfinity: true });
    const float = fc.float({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(
        fc.oneof(double, float),
        fc.integer({ min: 1, max: 100 }),
        fc.nat(20),
        (value, precision, decimals) => {
          for (const text of [
            String(value),
            value.toPrecision(precision),
            value.toExponential(Math.min(decimals, 20)),
            Math.abs(value) < 1e21 ? value.toFixed(decimals) : "0",
          ]) {
            expectRead(text);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("halfway between float32, more or less", () => {
    fc.assert(
      fc.property(
        fc.nat(2 ** 24),
        fc.integer({ min: -20, max: 20 }),
        fc.constantFrom("", "0001", "9"),
        (m, e, more) => {
          const halfway = (2 * m + 1) * 2 ** e; // 25 bits: exact in a double
          const text = halfway.toFixed(30).replace(/0+$/, "");
          expectRead(text + more);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test.each(["", "-", "+", ".", "-.", "e5", "x", "--1", "nan", "Infinity"])("none in %j", (text) => {
    expect(read(text)).toMatchObject({ value: Number.NaN, length: 0 });
  });

  test.each([
    ["1e", 1],
    ["1e+", 1],
    ["1.5.5", 3],
    ["1-2", 1],
    ["12abc", 2],
  ])("ends where %j is none any more", (text, length) => {
    expect(read(text).length).toBe(length);
  });
});
