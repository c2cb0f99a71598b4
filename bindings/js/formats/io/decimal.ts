/** Reads decimal numbers in UTF-8 in place: a string for each would cause most of the time and garbage of reading a table. */

import { textOf } from "./utf8.ts";

/** Powers of ten that are exact in a double. */
const POWERS = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));
/** Every number of this many digits is exact in a double. */
const DIGITS = 15;
const EPSILON = 2 ** -52;

export const POINT = 0x2e;
export const COMMA = 0x2c;

/** Reads `1`, `-1.5`, `.5`, `2.`, `+1e-3`: what `Number` accepts, without white space, words and other bases. */
export class DecimalScanner {
  /** Where the last number ends. */
  end = 0;
  /** Where its point or comma is; -1 if it has none. */
  mark = -1;
  /** The byte between units and tenths: a point, or a comma. */
  point = POINT;

  /**
   * The float32 nearest to the double nearest to the number at `start`, as `Math.fround(Number(text))` gives it. If there is no number, it
   * gives NaN, and `end` is `start`. The byte after the number must not be part of a number.
   *
   * Up to 15 digits and powers of ten up to 22 are exact in doubles, so that one multiplication or division rounds correctly (Clinger, "How
   * to Read Floating Point Numbers Accurately", 1990). With more digits the number lies between two such numbers, which nearly always round
   * to the same float32. `Number` handles the rest.
   */
  float32(bytes: Uint8Array, start: number): number {
    let at = start;
    let char = bytes[at]!;
    this.mark = -1;
    const isNegative = char === 45;
    if (isNegative || char === 43) char = bytes[++at]!;
    let mantissa = 0;
    let digits = 0;
    let exponent = 0;
    let isCut = false;
    const firstDigit = at;
    for (; char >= 48 && char <= 57; char = bytes[++at]!) {
      if (digits < DIGITS) {
        mantissa = mantissa * 10 + (char - 48);
        if (mantissa > 0) digits++;
      } else {
        exponent++;
        if (char !== 48) isCut = true;
      }
    }
    let found = at - firstDigit;
    if (char === this.point) {
      const point = at;
      this.mark = at;
      for (char = bytes[++at]!; char >= 48 && char <= 57; char = bytes[++at]!) {
        if (digits < DIGITS) {
          mantissa = mantissa * 10 + (char - 48);
          exponent--;
          if (mantissa > 0) digits++;
        } else if (char !== 48) isCut = true;
      }
      found += at - point - 1;
    }
    if (found === 0) {
      this.end = start;
      return Number.NaN;
    }
    if (char === 101 || char === 69) {
      let e = at + 1;
      const sign = bytes[e]!;
      if (sign === 43 || sign === 45) e++;
      if (isDigit(bytes[e]!)) {
        let power = 0;
        for (char = bytes[e]!; char >= 48 && char <= 57; char = bytes[++e]!) {
          if (power < 10_000) power = power * 10 + (char - 48);
        }
        exponent += sign === 45 ? -power : power;
        at = e;
      }
    }
    this.end = at;
    if (exponent < -22 || exponent > 22) return this.#slowly(bytes, start, at);
    const low = scaled(mantissa, exponent);
    let value = Math.fround(low);
    if (isCut) {
      value = Math.fround(low * (1 - EPSILON));
      const high = Math.fround(scaled(mantissa + 1, exponent) * (1 + EPSILON));
      if (value !== high) return this.#slowly(bytes, start, at);
    }
    return isNegative ? -value : value;
  }

  #slowly(bytes: Uint8Array, start: number, end: number): number {
    const text = textOf(bytes, start, end);
    return Math.fround(Number(this.point === POINT ? text : text.replace(",", ".")));
  }
}

const scaled = (mantissa: number, exponent: number) =>
  exponent < 0 ? mantissa / POWERS[-exponent]! : mantissa * POWERS[exponent]!;

const isDigit = (char: number) => char >= 48 && char <= 57;
