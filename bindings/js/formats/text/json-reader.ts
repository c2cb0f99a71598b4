/** JSON in pieces, cut anywhere, of whatever length: its lists of numbers are kept as float32, an eighth of what `JSON.parse` makes. */

import { describeValue } from "../../base/describe-value.ts";
import { type InvalidInputError, invalid } from "../../base/errors.ts";
import { TextDecoder } from "../../base/text-codecs.ts";
import { thousands } from "../../base/words.ts";
import { joined } from "../io/byte-source.ts";
import { DecimalScanner } from "../io/decimal.ts";
import type { FloatList } from "../io/float-list.ts";
import { textOf, Utf8Window } from "../io/utf8.ts";

/** A list of at least one number, and of nothing else: where it stands in the reader's list of floats. */
export class NumberList {
  readonly start: number;
  readonly length: number;

  constructor(start: number, length: number) {
    this.start = start;
    this.length = length;
  }
}

/** An array or object that is not closed yet. */
interface Frame {
  list?: unknown[];
  /** Without a prototype: "__proto__" and "constructor" are names like any other. */
  fields?: Record<string, unknown>;
  key: string;
  /** Where its numbers begin, while it is a list of numbers only; else -1. */
  numbers: number;
  /** Whether lists in it stay lists. */
  isPlain: boolean;
}

/** What may come next. */
const VALUE = 0;
const VALUE_OR_END = 1;
const KEY = 2;
const KEY_OR_END = 3;
const COLON = 4;
const COMMA_OR_END = 5;
const NOTHING = 6;

/** Arrays and objects in one another. */
const DEPTH = 512;
/** Characters: one that is cut is scanned again with every piece. */
const LONGEST_NUMBER = 1 << 16;

const isBlank = (byte: number) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
const isNumberStart = (byte: number) => (byte >= 0x30 && byte <= 0x39) || byte === 0x2d;
const CAPITAL_I = 0x49; // of -Infinity

/**
 * Reads one JSON value in UTF-8 as `JSON.parse` does, with four differences: a list of numbers becomes a `NumberList` of float32; NaN,
 * Infinity and -Infinity, which Python writes, are numbers; whole numbers beyond 2^53 stay as they are written, as strings; a value may not
 * be nested deeper than 512 times.
 */
export class JsonReader {
  /** The line on which the value begins, from 0. */
  firstLine = 0;
  readonly #numbers: FloatList;
  readonly #isPlain: (key: string) => boolean;
  readonly #scanner = new DecimalScanner();
  readonly #text = new Utf8Window();
  readonly #stack: Frame[] = [];
  #expected = VALUE;
  #value: unknown;
  /** Parts of a string that is not closed yet, as they stand in the text. */
  #open: Uint8Array[] | undefined;
  #isEscaped = false;
  /** Bytes and line breaks so far, up to a place in the window. */
  #bytes = 0;
  #lines = 0;
  #countedTo = 0;

  /**
   * @param numbers Gets the numbers of lists.
   * @param isPlain Whether lists under a key of an object stay lists, with numbers as doubles.
   */
  constructor(numbers: FloatList, isPlain: (key: string) => boolean = () => false) {
    this.#numbers = numbers;
    this.#isPlain = isPlain;
  }

  /** Begins anew, with another value. */
  reset(): void {
    this.#stack.length = 0;
    this.#expected = VALUE;
    this.#value = undefined;
  }

  /** Line breaks before what is read next. */
  get line(): number {
    return this.#lines;
  }

  /**
   * @returns how many bytes of the piece were used: fewer than it has when the value has ended.
   * @throws InvalidInputError saying where, for text that is not JSON.
   */
  push(piece: Uint8Array): number {
    if (this.#expected === NOTHING) return 0;
    const window = this.#text;
    const left = window.end - window.at;
    window.push(piece);
    this.#countedTo = 0;
    this.#read();
    this.#count();
    if (this.#expected !== NOTHING) return piece.length;
    window.end = window.at;
    return window.at - left;
  }

  /** The value. @throws InvalidInputError when it has not ended. */
  finish(): unknown {
    this.push(SPACE); // ends a number
    if (this.#expected === NOTHING) return this.#value;
    const isEmpty = this.#stack.length === 0 && this.#expected === VALUE && !this.#open;
    throw this.#error(isEmpty ? "it is empty" : "it ends too early: is the file cut short?");
  }

  #error(problem: string): InvalidInputError {
    this.#count();
    return invalid(
      "NOT_JSON",
    )`the text is not JSON: line ${this.#lines + 1}, byte ${thousands(this.#bytes)}: ${problem}`;
  }

  #count(): void {
    const { at } = this.#text;
    for (let next = this.#countedTo; ; next++) {
      next = this.#text.find(0x0a, next);
      if (next < 0 || next >= at) break;
      this.#lines++;
    }
    this.#bytes += at - this.#countedTo;
    this.#countedTo = at;
  }

  #unexpected(): InvalidInputError {
    const wanted = [
      "a value",
      'a value or "]"',
      "a name in quotes",
      'a name in quotes or "}"',
      '":"',
      this.#stack.at(-1)?.list ? '"," or "]"' : '"," or "}"',
    ][this.#expected];
    const { bytes, at, end } = this.#text;
    const found = new TextDecoder().decode(bytes.subarray(at, Math.min(end, at + 20)));
    return this.#error(`${wanted} expected, got ${describeValue(found)}`);
  }

  /** Reads what is there, but for a last token that may go on. */
  #read(): void {
    if (this.#open && !this.#continueString()) return;
    let isRead = true;
    while (isRead && this.#expected !== NOTHING) {
      const byte = this.#visible();
      if (this.#text.at === this.#text.end) return;
      if (this.#expected === VALUE && this.#stack.length === 0) {
        this.#count();
        this.firstLine = this.#lines;
      }
      if (byte === 0x22) isRead = this.#beginString();
      else if (this.#expected === VALUE || this.#expected === VALUE_OR_END) isRead = this.#beginValue(byte);
      else this.#punctuation(byte);
    }
  }

  /** Passes white space. @returns the next byte, or that behind the text. */
  #visible(): number {
    const { bytes } = this.#text;
    let { at } = this.#text;
    let byte = bytes[at]!;
    while (isBlank(byte)) byte = bytes[++at]!;
    this.#text.at = at;
    return byte;
  }

  #punctuation(byte: number): void {
    const frame = this.#stack.at(-1)!;
    const isEnd = this.#expected === COMMA_OR_END || this.#expected === KEY_OR_END;
    if (byte === 0x2c && this.#expected === COMMA_OR_END) this.#expected = frame.list ? VALUE : KEY;
    else if (byte === 0x3a && this.#expected === COLON) this.#expected = VALUE;
    else if (byte === (frame.list ? 0x5d : 0x7d) && isEnd) this.#close();
    else throw this.#unexpected();
    this.#text.at++;
  }

  #close(): void {
    const { list, fields, numbers } = this.#stack.pop()!;
    this.#put(numbers >= 0 ? new NumberList(numbers, this.#numbers.length - numbers) : (list ?? fields));
  }

  /** A value that is no string. @returns whether all of it is there. */
  #beginValue(byte: number): boolean {
    if (byte === 0x5b || byte === 0x7b) {
      this.#openFrame(byte === 0x5b);
      return true;
    }
    if (byte === 0x5d && this.#expected === VALUE_OR_END) {
      this.#close();
      this.#text.at++;
      return true;
    }
    return isNumberStart(byte) && this.#text.bytes[this.#text.at + 1] !== CAPITAL_I ? this.#number() : this.#word();
  }

  #openFrame(isList: boolean): void {
    if (this.#stack.length === DEPTH) throw this.#error(`it is nested deeper than ${DEPTH} times`);
    const above = this.#stack.at(-1);
    if (above && above.numbers >= 0) this.#toPlain(above);
    const isPlain = above !== undefined && (above.isPlain || this.#isPlain(above.key));
    this.#stack.push({
      ...(isList ? { list: [] } : { fields: Object.create(null) as Record<string, unknown> }),
      key: "",
      numbers: -1,
      isPlain,
    });
    this.#expected = isList ? VALUE_OR_END : KEY_OR_END;
    this.#text.at++;
  }

  #number(): boolean {
    const frame = this.#stack.at(-1);
    if (frame && this.#isNumbers(frame)) return this.#numbersOf(frame);
    this.#scanner.float32(this.#text.bytes, this.#text.at);
    if (!this.#endsNumber()) return false;
    const text = textOf(this.#text.bytes, this.#text.at, this.#scanner.end);
    const value = Number(text);
    this.#text.at = this.#scanner.end;
    // An ID of 64 bits keeps its digits.
    this.#put(/^-?\d+$/.test(text) && !Number.isSafeInteger(value) ? text : value);
    return true;
  }

  /** Whether it is, or may become, a list of numbers only. */
  #isNumbers({ list, isPlain, numbers }: Frame): boolean {
    return list !== undefined && !isPlain && (numbers >= 0 || list.length === 0);
  }

  /** Numbers of a list, one after the other. */
  #numbersOf(frame: Frame): boolean {
    const scanner = this.#scanner;
    const text = this.#text;
    const { bytes } = text;
    let byte: number;
    do {
      const value = scanner.float32(bytes, text.at);
      if (!this.#endsNumber()) return false;
      if (frame.numbers < 0) frame.numbers = this.#numbers.length;
      this.#numbers.push(value);
      text.at = scanner.end;
      this.#expected = COMMA_OR_END;
      if (this.#visible() !== 0x2c) return true;
      text.at++;
      this.#expected = VALUE;
      byte = this.#visible();
    } while (isNumberStart(byte) && bytes[text.at + 1] !== CAPITAL_I);
    return true;
  }

  /** Whether the number that was scanned has ended. @throws InvalidInputError when it is none. */
  #endsNumber(): boolean {
    const { end, isJson } = this.#scanner;
    const { bytes, at, end: textEnd } = this.#text;
    if (textEnd - at > LONGEST_NUMBER && end === textEnd) {
      throw this.#error(`a number has more than ${thousands(LONGEST_NUMBER)} digits`);
    }
    const next = bytes[end]!;
    const isEnd = next === 0x2c || next === 0x5d || next === 0x7d || (isBlank(next) && end < textEnd);
    if (isEnd && isJson && end > at) return true;
    // "1", "1e" and "-" may go on in the next piece.
    if (end + 3 > textEnd && /^[-+.e\d]*$/i.test(textOf(bytes, end, textEnd))) return false;
    throw this.#unexpected();
  }

  /** null, true, false, NaN, Infinity, -Infinity. */
  #word(): boolean {
    const { bytes, at, end } = this.#text;
    let stop = at;
    while (stop < end && stop < at + 12 && /[-\w]/.test(String.fromCharCode(bytes[stop]!))) stop++;
    const word = textOf(bytes, at, stop);
    if (stop === end && WORD_NAMES.some((name) => name.startsWith(word))) return false;
    const value = WORDS.get(word);
    if (value === undefined) throw this.#unexpected();
    this.#text.at = stop;
    const frame = this.#stack.at(-1);
    if (typeof value === "number" && frame && this.#isNumbers(frame)) {
      if (frame.numbers < 0) frame.numbers = this.#numbers.length;
      this.#numbers.push(value);
      this.#expected = COMMA_OR_END;
    } else this.#put(value);
    return true;
  }

  #beginString(): boolean {
    if (this.#expected > KEY_OR_END) throw this.#unexpected();
    this.#text.at++;
    this.#open = [];
    return this.#continueString();
  }

  /** Reads on to the closing quote. */
  #continueString(): boolean {
    const { bytes, at: start, end } = this.#text;
    let at = start;
    let isRaw = this.#open!.length > 0; // escapes may be in what was there before
    for (; at < end; at++) {
      const byte = bytes[at]!;
      if (byte < 0x20) {
        this.#text.at = at;
        throw this.#error("a line break or another control character stands in a string");
      }
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === 0x5c) {
        this.#isEscaped = true;
        isRaw = true;
      } else if (byte === 0x22) break;
    }
    if (at === end) {
      this.#open!.push(bytes.slice(start, end));
      this.#text.at = end;
      return false;
    }
    const value = isRaw ? this.#unescaped(bytes.subarray(start, at)) : textOf(bytes, start, at);
    this.#text.at = at + 1;
    this.#open = undefined;
    if (this.#expected === KEY || this.#expected === KEY_OR_END) {
      this.#stack.at(-1)!.key = value;
      this.#expected = COLON;
    } else this.#put(value);
    return true;
  }

  #unescaped(last: Uint8Array): string {
    const all = joined([...this.#open!, last]);
    const raw = textOf(all, 0, all.length);
    if (!raw.includes("\\")) return raw;
    try {
      return JSON.parse(`"${raw}"`) as string;
    } catch {
      throw this.#error(`a backslash stands for nothing in ${describeValue(raw)}`);
    }
  }

  /** A value has ended. */
  #put(value: unknown): void {
    const frame = this.#stack.at(-1);
    this.#expected = frame ? COMMA_OR_END : NOTHING;
    if (!frame) this.#value = value;
    else if (frame.list) {
      if (frame.numbers >= 0) this.#toPlain(frame);
      frame.list.push(value);
    } else if (Object.hasOwn(frame.fields!, frame.key)) {
      // The first one would be lost.
      throw this.#error(`the name ${describeValue(frame.key)} stands twice in one object`);
    } else frame.fields![frame.key] = value;
  }

  /** What began as a list of numbers has something else in it. */
  #toPlain(frame: Frame): void {
    frame.list = Array.from(this.#numbers.read(frame.numbers, this.#numbers.length - frame.numbers));
    this.#numbers.truncate(frame.numbers);
    frame.numbers = -1;
  }
}

const SPACE = Uint8Array.of(0x20);
const WORDS = new Map<string, null | boolean | number>([
  ["null", null],
  ["true", true],
  ["false", false],
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
]);
const WORD_NAMES = [...WORDS.keys()];
