/** Parquet's encodings by differences, against an encoder of this test, the format's examples and headers that lie. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidInputError } from "../../../bindings/js/base/errors.ts";
import {
  deltaByteArrays,
  deltaLengthByteArrays,
  readDeltas,
} from "../../../bindings/js/formats/parquet/parquet-delta.ts";
import { utf8 } from "../support/format-files.ts";

const unsigned = (value: bigint): number[] =>
  value < 128n ? [Number(value)] : [Number(value & 127n) | 128, ...unsigned(value >> 7n)];
const signed = (value: bigint) => unsigned(value < 0n ? -2n * value - 1n : 2n * value);
const least = (values: bigint[]) => [...values].sort((a, b) => (a < b ? -1 : 1))[0]!;

/** Numbers packed by `width` bits, the lowest first. */
function pack(values: bigint[], width: number): number[] {
  const whole = values.reduce((sum, value, i) => sum | (value << BigInt(i * width)), 0n);
  return Array.from({ length: (values.length * width) / 8 }, (_, k) => Number((whole >> BigInt(8 * k)) & 255n));
}

/** DELTA_BINARY_PACKED as the format says it. Unused miniblocks have a width that must not matter. */
function encode(values: bigint[], bits: 32 | 64, miniblocks = 4, size = 32, unusedWidth = 0): Uint8Array {
  const wrap = (value: bigint) => BigInt.asIntN(bits, value);
  const out = [...unsigned(BigInt(miniblocks * size)), ...unsigned(BigInt(miniblocks))];
  out.push(...unsigned(BigInt(values.length)), ...signed(values[0] ?? 0n));
  const differences = values.slice(1).map((value, i) => wrap(value - values[i]!));
  for (let at = 0; at < differences.length; at += miniblocks * size) {
    const block = differences.slice(at, at + miniblocks * size);
    const base = least(block);
    const parts = Array.from({ length: miniblocks }, (_, m) =>
      block.slice(m * size, (m + 1) * size).map((difference) => BigInt.asUintN(bits, difference - base)),
    );
    const widths = parts.map((part) =>
      Math.max(0, ...part.map((value) => (value === 0n ? 0 : value.toString(2).length))),
    );
    out.push(...signed(base), ...widths.map((width, m) => (parts[m]!.length === 0 ? unusedWidth : width)));
    parts.forEach((part, m) => {
      const padding = Array<bigint>(part.length === 0 ? 0 : size - part.length).fill(0n);
      out.push(...pack([...part, ...padding], widths[m]!));
    });
  }
  return Uint8Array.from(out);
}

const decoded = <T>(arrays: Iterable<Uint8Array>) =>
  Array.from(arrays, (bytes) => new TextDecoder().decode(bytes)) as T;
const refused = (run: () => unknown, message: RegExp) => {
  expect(run).toThrow(InvalidInputError);
  expect(run).toThrow(message);
};

describe("DELTA_BINARY_PACKED", () => {
  const shape = fc.record({
    miniblocks: fc.constantFrom(1, 2, 4, 8),
    size: fc.constantFrom(8, 32, 64),
    unused: fc.constantFrom(0, 5, 255),
  });
  const numbers = (bits: 32 | 64) => {
    const any = fc.bigInt({ min: -(2n ** BigInt(bits - 1)), max: 2n ** BigInt(bits - 1) - 1n });
    const close = fc.bigInt({ min: 1000n, max: 1020n });
    return fc.array(fc.oneof({ weight: 1, arbitrary: any }, { weight: 6, arbitrary: close }), {
      minLength: 1,
      maxLength: 400,
    });
  };

  test.each([32, 64] as const)("gives the numbers of %i bits that were encoded", (bits) => {
    fc.assert(
      fc.property(numbers(bits), shape, (values, { miniblocks, size, unused }) => {
        const bytes = encode(values, bits, miniblocks, size, unused);
        const [target, natural] =
          bits === 32
            ? ([new Int32Array(values.length), new Uint32Array(values.length)] as const)
            : ([new BigInt64Array(values.length), new BigUint64Array(values.length)] as const);
        expect(readDeltas(Uint8Array.of(9, ...bytes), 1, target)).toBe(bytes.length + 1);
        expect(Array.from(target, BigInt)).toEqual(values);
        readDeltas(bytes, 0, natural);
        expect(Array.from(natural, BigInt)).toEqual(values.map((value) => BigInt.asUintN(bits, value)));
      }),
    );
  });

  test("as the format's second example has it, in a block of 128", () => {
    const header = [0x80, 1, 4, 8, 14];
    const bytes = Uint8Array.of(...header, 3, 2, 0, 0, 0, 0b11_00_00_00, 0b00_11_11_11, 0, 0, 0, 0, 0, 0);
    const target = new Int32Array(8);
    expect(readDeltas(bytes, 0, target)).toBe(bytes.length);
    expect([...target]).toEqual([7, 5, 3, 1, 2, 3, 4, 5]);
  });

  test("narrow numbers by differences of more than 32 bits, as a writer made them", () => {
    const values = [2n ** 31n - 1n, -(2n ** 31n), 2n ** 31n - 1n];
    const target = new Int32Array(3);
    readDeltas(encode(values, 64), 0, target);
    expect(Array.from(target, BigInt)).toEqual(values);
  });

  const header = (block: bigint, miniblocks: bigint, values: bigint) =>
    [block, miniblocks, values, 0n].flatMap((value) => unsigned(value));
  test.each<[string, number[], RegExp]>([
    ["no miniblocks", header(128n, 0n, 2n), /blocks of 128 differences in 0 parts are impossible/],
    ["no block", header(0n, 4n, 2n), /blocks of 0 differences in 4 parts are impossible/],
    ["miniblocks of 12.8", header(128n, 10n, 2n), /in 10 parts are impossible/],
    ["a block of 2^62", header(2n ** 62n, 1n, 2n), /are impossible/],
    ["miniblocks beyond the page", [...header(2n ** 30n, 2n ** 27n, 2n), 0, 0], /a page needs 134,217,728 bytes/],
    ["another number of values", header(128n, 4n, 2n ** 40n), /claims 1,099,511,627,776 values, but has 2/],
    ["65 bits", [...header(128n, 4n, 2n), 0, 65, 0, 0, 0], /differences of 65 bits are impossible/],
    ["a miniblock beyond the page", [...header(128n, 4n, 2n), 0, 64, 0, 0, 0, 1], /a page needs 8 bytes/],
    ["a number without an end", Array(30).fill(0x80), /header of a block of differences is broken/],
    ["nothing", [], /header of a block of differences is broken/],
  ])("refuses %s", (_, bytes, message) => {
    for (const target of [new Int32Array(2), new BigUint64Array(2)])
      refused(() => readDeltas(Uint8Array.from(bytes), 0, target), message);
  });
});

describe("texts", () => {
  const lengths = (values: number[]) => [...encode(values.map(BigInt), 32)];
  const page = (...parts: (number[] | string)[]) =>
    Uint8Array.from(parts.flatMap((part) => (typeof part === "string" ? [...utf8(part)] : part)));

  test("as the format's examples have them", () => {
    const hello = page(lengths([5, 5, 6, 6]), "HelloWorldFoobarABCDEF");
    expect(decoded(deltaLengthByteArrays(hello, 0, 4))).toEqual(["Hello", "World", "Foobar", "ABCDEF"]);
    const axis = page(lengths([0, 2, 0, 3]), lengths([4, 2, 6, 5]), "axislebabbleyhood");
    expect(decoded(deltaByteArrays(axis, 0, 4, 100))).toEqual(["axis", "axle", "babble", "babyhood"]);
  });

  test.each<[string, Uint8Array, RegExp]>([
    [
      "a prefix before there is any",
      page(lengths([1, 0]), lengths([2, 2]), "abcd"),
      /shares 1 byte with the previous one, which has 0/,
    ],
    [
      "a prefix longer than the one before",
      page(lengths([0, 3]), lengths([2, 2]), "abcd"),
      /3 bytes with the previous one, which has 2/,
    ],
    ["a negative prefix", page(lengths([0, -1]), lengths([2, 2]), "abcd"), /negative length/],
    ["a negative length", page(lengths([0, 0]), lengths([2, -1]), "abcd"), /negative length/],
    ["a length beyond the page", page(lengths([0, 0]), lengths([2, 2 ** 31 - 1]), "abcd"), /needs 2,147,483,647 bytes/],
    ["lengths that say another number", page(lengths([0, 0]), lengths([2]), "ab"), /claims 1 value, but has 2/],
  ])("refuses %s", (_, bytes, message) => refused(() => decoded(deltaByteArrays(bytes, 0, 2, 100)), message));

  test("refuses texts that grow beyond the limit out of what they share", () => {
    const bytes = page(
      lengths([0, ...Array(999).fill(1000)]),
      lengths([1000, ...Array(999).fill(0)]),
      "x".repeat(1000),
    );
    expect(decoded<string[]>(deltaByteArrays(bytes, 0, 1000, 1e6)).length).toBe(1000);
    refused(() => decoded(deltaByteArrays(bytes, 0, 1000, 1e6 - 1)), /more than 999,999 bytes/);
  });

  test("bytes at random are texts or refused, at once", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(300), (bytes, length) => {
        for (const read of [deltaLengthByteArrays, deltaByteArrays]) {
          try {
            expect(decoded<string[]>(read(bytes, 0, length, 65_536)).length).toBe(length);
          } catch (error) {
            if (!(error instanceof InvalidInputError)) throw error;
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});
