/** Values from files, for messages. */

import { proxiedArray, show, UNWRAP } from "./option-reader.ts";
import { thousands } from "./words.ts";

/** A value as messages show it, shortened. */
export function describeValue(value: unknown): string {
  try {
    return described(value);
  } catch {
    return show(value);
  }
}

function described(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (Array.isArray(value)) return `an array of ${thousands(value.length)}`;
  const array = proxiedArray(value);
  if (array) return `a Proxy of a ${array} (${UNWRAP})`;
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "function" ? "a function" : show(value);
}
