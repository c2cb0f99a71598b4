import { checkArray } from "../base/attached.ts";

/**
 * A deep copy of plain data: no message can carry a Proxy, and those of Vue, MobX or Immer around an options object also wrap its innermost
 * arrays. Anything but plain objects and arrays stays the same.
 */
export function plain<T>(value: T): T {
  if (Array.isArray(value)) return Array.from(value, plain) as T;
  // A detached array would make a message that crashes the worker.
  checkArray(value, "an argument");
  if (typeof value !== "object" || value === null || !isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)])) as T;
}

/** By its prototypes, since an object may come from another realm. */
function isPlain(value: object): boolean {
  const prototype: object | null = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
