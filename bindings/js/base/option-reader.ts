/** Reading a caller's options: every message names the option, what was received and what is allowed. */

import { invalid } from "./errors.ts";
import { call, option, type Wording, type WordingPart, worded } from "./wording.ts";

/** Largest dimension, codebook size and batch: far above any use, and small enough for 32-bit sizes. */
export const MAX_SIZE = 2 ** 24;

/** Shows a received value in a message, short; whatever it is, and however deep. */
export function show(value: unknown): string {
  try {
    return clipped(shown(value, 2));
  } catch {
    return "an object that cannot be read"; // a revoked Proxy, a getter that throws
  }
}

/** Longest that is shown, of a tag or a number of any size too. */
const LONGEST = 200;
const clipped = (text: string) => (text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text);

/**
 * The one check of a plain argument.
 * @param where the call, if its name is to be said
 * @throws InvalidInputError that names it, says what it must be and what was received.
 */
export function requireThat(
  isSo: boolean,
  name: string,
  rule: string,
  received: unknown,
  where?: string,
): asserts isSo {
  if (!isSo)
    throw invalid()`${where ? call(where) : ""}${{ argument: name }} must be ${rule}, received ${show(received)}`;
}

/** Whether it has a length that can be read, as arrays do. */
export function isList(value: unknown): value is ArrayLike<unknown> {
  return (
    typeof value === "object" &&
    !proxiedArray(value) &&
    Number.isSafeInteger((value as ArrayLike<unknown> | null)?.length)
  );
}

function shown(value: unknown, depth: number): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "number" || typeof value === "boolean" || value === undefined || value === null)
    return String(value);
  if (Array.isArray(value)) {
    const list = depth > 0 && value.length <= 8 ? `[${value.map((entry) => shown(entry, depth - 1)).join(", ")}]` : "";
    return list === "" || list.length > LONGEST ? `an array of ${value.length}` : list;
  }
  if (typeof value === "function") return "a function";
  const array = proxiedArray(value);
  return array ? `a Proxy of a ${array} (${UNWRAP})` : Object.prototype.toString.call(value).slice(8, -1);
}

/** What an integer must be, in words. */
export const wholeNumber = (min: number, max: number): string =>
  max === Number.MAX_SAFE_INTEGER ? `a whole number of at least ${min}` : `a whole number from ${min} to ${max}`;

/** What to do about a Proxy of an array or of another object of the platform: nothing can be read through it. */
export const UNWRAP = "pass the object itself: toRaw(object) in Vue";

/** "Float32Array" and so on, if the value is a Proxy of a typed array. */
export function proxiedArray(value: unknown): string | undefined {
  const made: unknown = (value as object | undefined)?.constructor;
  if (typeof made !== "function") return undefined; // a name like any other, in JSON
  const { name, BYTES_PER_ELEMENT } = made as unknown as { name: string; BYTES_PER_ELEMENT?: number };
  return BYTES_PER_ELEMENT && !ArrayBuffer.isView(value) ? name : undefined;
}

/** An array, or a typed array of which something is left. */
const isPlainList = (value: unknown) => Array.isArray(value) || (ArrayBuffer.isView(value) && value.byteLength > 0);

/** Reads options one by one and complains about those that nobody asked for. */
export class OptionReader {
  readonly #options: Record<string, unknown>;
  readonly #known = new Set<string>();
  readonly #where: string;

  constructor(options: unknown, where: string) {
    if (options === null || typeof options !== "object" || Array.isArray(options) || ArrayBuffer.isView(options)) {
      throw invalid()`${call(where)}expected an object of options, received ${show(options)}`;
    }
    this.#options = options as Record<string, unknown>;
    this.#where = where;
  }

  get(name: string): unknown {
    this.#known.add(name);
    return this.#options[name];
  }

  fail(name: string, rule: string): never {
    this.failAbout(option(name), rule, this.#options[name]);
  }

  failAbout(subject: WordingPart | Wording, rule: string, received: unknown): never {
    throw invalid("OPTION_OUT_OF_RANGE")`${call(this.#where)}${subject} must be ${rule}, received ${show(received)}`;
  }

  integer(name: string, fallback: number | undefined, min: number, max: number): number {
    const value = this.get(name) ?? fallback;
    if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
      this.fail(name, wholeNumber(min, max));
    }
    return value;
  }

  number(name: string, fallback: number, min: number, max = Number.MAX_VALUE, open = false): number {
    const value = this.get(name) ?? fallback;
    if (typeof value !== "number" || !(value >= min) || !(value <= max) || (open && value === min)) {
      const bounded = max < Number.MAX_VALUE;
      const from = open ? "above" : bounded ? "from" : "of at least";
      this.fail(name, `a number ${from} ${min}${bounded ? ` to ${max}` : ""}`);
    }
    return value;
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.get(name) ?? fallback;
    if (typeof value !== "boolean") this.fail(name, "true or false");
    return value;
  }

  choice<T extends string>(name: string, choices: readonly T[], fallback: T): T {
    const value = this.get(name) ?? fallback;
    if (!(choices as readonly unknown[]).includes(value)) {
      this.fail(name, `one of ${choices.map((choice) => `"${choice}"`).join(", ")}`);
    }
    return value as T;
  }

  integers(name: string, fallback: readonly number[], min: number, max: number): number[] {
    const value = this.get(name) ?? fallback;
    if (!isPlainList(value)) this.fail(name, "an array of whole numbers");
    const numbers = Array.from(value as ArrayLike<number>);
    numbers.forEach((entry, i) => {
      if (!Number.isInteger(entry) || entry < min || entry > max) {
        this.failAbout(
          worded`${option(name)}${{ api: `[${i}]`, cli: i === 0 ? ": the first number" : `: number ${i + 1}` }}`,
          `a whole number from ${min} to ${max}`,
          entry,
        );
      }
    });
    return numbers;
  }

  /** One number for all `count` places, or one for each. */
  numbers(name: string, fallback: number, count: number, min: number): number[] {
    const value = this.get(name) ?? fallback;
    const rule = `a number of at least ${min}${count === 1 ? "" : `, or one for each level (${count})`}`;
    const numbers =
      typeof value === "number"
        ? new Array<number>(count).fill(value)
        : isPlainList(value)
          ? Array.from(value as ArrayLike<number>)
          : this.fail(name, rule);
    const good = numbers.every((entry) => typeof entry === "number" && entry >= min && entry <= Number.MAX_VALUE);
    if (numbers.length !== count || !good) this.fail(name, rule);
    return numbers;
  }

  /** To be called last. */
  refuseUnknown(): void {
    for (const name of Object.keys(this.#options)) {
      if (this.#known.has(name)) continue;
      throw invalid(
        "UNKNOWN_OPTION",
      )`${call(this.#where)}unknown option "${{ argument: clipped(name) }}"${hints.option?.(name, [...this.#known]) ?? `; known are ${[...this.#known].join(", ")}`}`;
    }
  }
}

/**
 * What to say beyond the plain complaint. Few need it, so it comes with the modules of training (`useHints` in hints.ts) and not with
 * everybody's first lines.
 */
export const hints: {
  /** What to do about an option that is not known, where those `known` can be given. */
  option?: (name: string, known: readonly string[]) => Wording;
  /** What a value is that cannot be read as items, and what to pass instead. */
  items?: (value: unknown, name: string) => string | undefined;
} = {};

/** Checks that options are an object with no other names than these. @throws InvalidInputError */
export function checkOptionNames(options: object, where: string, names: readonly string[]): void {
  const read = new OptionReader(options, where);
  for (const name of names) read.get(name);
  read.refuseUnknown();
}

/** Checks what every long call takes. */
export function checkJobOptions(read: OptionReader): void {
  const onProgress = read.get("onProgress");
  if (onProgress !== undefined && typeof onProgress !== "function") read.fail("onProgress", "a function");
  checkSignal(read);
}

/** Checks the option `signal`. @throws InvalidInputError */
export function checkSignal(read: OptionReader): AbortSignal | undefined {
  const signal = read.get("signal") as AbortSignal | undefined;
  const isSo = typeof signal?.aborted === "boolean" && typeof signal.addEventListener === "function";
  if (signal !== undefined && !isSo) read.fail("signal", "an AbortSignal");
  return signal;
}

/** Checks the options of a job that has only progress and signal. @throws InvalidInputError */
export function validateJobOptions(options: object, where: string): void {
  const read = new OptionReader(options, where);
  checkJobOptions(read);
  read.refuseUnknown();
}
