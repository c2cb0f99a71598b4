/** JSON out of files, which may hold anything: read by a description of what must stand there. Nothing of it is used before. */

import { show, wholeNumber } from "./option-reader.ts";

/** What is wrong with a value, and where in it. */
interface Fault {
  path: string;
  rule: string;
  value: unknown;
}

/** Looks at a value; undefined when it is as described. */
export type Shape = (value: unknown) => Fault | undefined;

/** Makes the error: what is wrong, as a clause, and the cause if there is one. */
export type Complain = (what: string, cause?: unknown) => Error;

const is =
  (rule: string, isGood: (value: unknown) => boolean): Shape =>
  (value) =>
    isGood(value) ? undefined : { path: "", rule, value };

const at = (step: string, fault: Fault | undefined): Fault | undefined =>
  fault && { ...fault, path: step + fault.path };

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const text = is("a string", (value) => typeof value === "string");
export const flag = is("true or false", (value) => typeof value === "boolean");
export const finite = is("a finite number", Number.isFinite);
export const whole = (min = 0, max = Number.MAX_SAFE_INTEGER): Shape =>
  is(
    wholeNumber(min, max),
    (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
  );
export const matching = (pattern: RegExp, rule: string): Shape =>
  is(rule, (value) => typeof value === "string" && pattern.test(value));
export const oneOf = (choices: readonly unknown[]): Shape =>
  is(`one of ${choices.map(show).join(", ")}`, (value) => choices.includes(value));
export const optional =
  (shape: Shape): Shape =>
  (value) =>
    value === undefined ? undefined : shape(value);
export const nullable =
  (shape: Shape): Shape =>
  (value) =>
    value === null ? undefined : shape(value);

/** A list, of that length if one is given. */
export const list =
  (of: Shape = () => undefined, length?: number): Shape =>
  (value) => {
    if (!Array.isArray(value) || (length !== undefined && value.length !== length)) {
      return { path: "", rule: length === undefined ? "a list" : `a list of ${length}`, value };
    }
    for (let i = 0; i < value.length; i++) {
      const fault = of(value[i]);
      if (fault) return at(`[${i}]`, fault);
    }
    return undefined;
  };

/** An object with these fields; others may stand beside them. */
export const fields = (of: Readonly<Record<string, Shape>>): Shape => {
  const described = Object.entries(of);
  return (value) => {
    if (!isObject(value)) return { path: "", rule: "an object", value };
    for (const [name, shape] of described) {
      const fault = shape(value[name]);
      if (fault) return at(`.${name}`, fault);
    }
    return undefined;
  };
};

/** An object of options: values and lists of values, whatever they are called. */
export const options: Shape = (value) => {
  if (!isObject(value)) return { path: "", rule: "an object", value };
  for (const [name, entry] of Object.entries(value)) {
    const isFlat = Array.isArray(entry) ? entry.every(isScalar) : isScalar(entry);
    if (!isFlat) return { path: `.${name.slice(0, 40)}`, rule: "a value or a list of values", value: entry };
  }
  return undefined;
};
const isScalar = (value: unknown) => typeof value !== "object" || value === null;

/** Requires a value to be as described. */
export function requireShape(value: unknown, shape: Shape, complain: Complain): void {
  const fault = shape(value);
  if (!fault) return;
  throw complain(`${fault.path.replace(/^\./, "") || "it"} must be ${fault.rule}, received ${show(fault.value)}`);
}

/** The value of a text that must be JSON, and as described. */
export function readJson<T>(json: string, shape: Shape, complain: Complain): T {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw complain("it is not JSON", cause);
  }
  requireShape(value, shape, complain);
  return value as T;
}
