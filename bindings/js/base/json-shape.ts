/** JSON from files, which may hold anything: it is checked against a description of its shape before any of it is used. */

import { show, wholeNumber } from "./option-reader.ts";

/** Makes the error: what is wrong, as a clause, and the cause if there is one. */
export type Complain = (what: string, cause?: unknown) => Error;

/** Checks the value at a path, and throws what `complain` makes if it is not as described. */
export type Shape = (value: unknown, complain: Complain, path?: string) => void;

/** A value that satisfies a rule. */
export const is =
  (rule: string, isGood: (value: unknown) => boolean): Shape =>
  (value, complain, path) => {
    if (!isGood(value)) throw complain(`${path || "it"} must be ${rule}, received ${show(value)}`);
  };

export const text = is("a string", (value) => typeof value === "string");
export const flag = is("true or false", (value) => typeof value === "boolean");
export const finite = is("a finite number", Number.isFinite);
/** A fingerprint or checksum. */
export const hex16 = is("16 hexadecimal digits", (value) => typeof value === "string" && /^[0-9a-f]{16}$/.test(value));
export const whole = (min = 0, max = Number.MAX_SAFE_INTEGER): Shape =>
  is(
    wholeNumber(min, max),
    (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
  );
export const oneOf = (choices: readonly unknown[]): Shape =>
  is(`one of ${choices.map(show).join(", ")}`, (value) => choices.includes(value));
export const optional =
  (shape: Shape): Shape =>
  (value, complain, path) =>
    value === undefined || shape(value, complain, path);

/** A list of such values, of the given length if there is one. */
export const list =
  (of: Shape, length?: number): Shape =>
  (value, complain, path = "") => {
    is(length === undefined ? "a list" : `a list of ${length}`, (value) => {
      return Array.isArray(value) && (length ?? value.length) === value.length;
    })(value, complain, path);
    for (const [i, entry] of (value as unknown[]).entries()) of(entry, complain, `${path}[${i}]`);
  };

const object = is("an object", (value) => typeof value === "object" && value !== null && !Array.isArray(value));

/** An object with these fields; it may have others. */
export const fields =
  (of: Readonly<Record<string, Shape>>): Shape =>
  (value, complain, path) => {
    object(value, complain, path);
    for (const name in of) of[name]!((value as never)[name], complain, path ? `${path}.${name}` : name);
  };

/** The value of a text that must be JSON and as described. */
export function readJson<T>(json: string, shape: Shape, complain: Complain): T {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw complain("it is not JSON", cause);
  }
  shape(value, complain);
  return value as T;
}
