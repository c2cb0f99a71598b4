import { checkArray } from "../base/attached.ts";

/**
 * A copy of plain data, through and through: no message can carry a Proxy, and those that Vue, MobX or Immer make of an object of options
 * reach down to its innermost arrays. What is neither a plain object nor an array stays the same.
 */
export function plain<T>(value: T): T {
  if (Array.isArray(value)) return Array.from(value, plain) as T;
  // What it was given away from makes a message that the worker cannot read, and dies of.
  checkArray(value, "an argument");
  if (typeof value !== "object" || value === null || !isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)])) as T;
}

/** By the form of its prototypes: an object may come from another realm. */
function isPlain(value: object): boolean {
  const prototype: object | null = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
