/**
 * Objects of ours behind a Proxy: Vue's `ref` and `reactive`, Valtio and others hand out a Proxy of what was put in, and private fields
 * cannot be read through one.
 */

import { InvalidInputError } from "./errors.ts";

const ORIGINAL = Symbol("rqvae.original");
type Reachable = { [ORIGINAL]?: () => object } | null | undefined;

const originals = new WeakSet<object>();
const prepared = new WeakSet<object>();

/**
 * Makes the methods and accessors of a class work when they are called through a Proxy. The constructor of every public class that has
 * private fields, or is compared by identity, calls it first.
 */
export function worksBehindProxy(object: object, { prototype, name }: { prototype: object; name: string }): void {
  originals.add(object);
  // A function: nobody hands out a Proxy of one. Not enumerable: nobody copies, compares or prints it.
  Object.defineProperty(object, ORIGINAL, { value: () => object, configurable: true });
  if (prepared.has(prototype)) return;
  prepared.add(prototype);
  for (const key of Reflect.ownKeys(prototype)) {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, key) as PropertyDescriptor;
    for (const part of ["value", "get", "set"] as const) {
      const method: unknown = descriptor[part];
      if (key === "constructor" || typeof method !== "function") continue;
      descriptor[part] = function (this: unknown, ...args: unknown[]) {
        return Reflect.apply(method, requireOriginal(this, name, key), args);
      };
    }
    Object.defineProperty(prototype, key, descriptor);
  }
}

/** What a Proxy stands for, if it is an object of ours; else the value itself. */
export function originalOf<T>(value: T): T {
  return ((value as Reachable)?.[ORIGINAL]?.() as T | undefined) ?? value;
}

function requireOriginal(self: unknown, name: string, key: PropertyKey): object {
  const original = (self as Reachable)?.[ORIGINAL]?.();
  if (original !== undefined && (original === self || originals.has(original))) return original;
  throw new InvalidInputError(
    `${String(key)} was not called on its ${name}, but on a copy, or through a Proxy that hides it. Call it as object.${String(key)}(...); in Vue use markRaw(object) or toRaw(object)`,
  );
}
