/**
 * Objects of ours behind a Proxy: Vue's `ref` and `reactive`, Valtio and others hand out a Proxy of what was put in, and private fields
 * cannot be read through one.
 */

import type { Ending } from "./ending.ts";
import { invalid } from "./errors.ts";

const ORIGINAL = Symbol("rqvae.original");
type Reachable = { [ORIGINAL]?: () => object } | null | undefined;

/** Each with what ends it, if anything does. */
const originals = new WeakMap<object, Ending | undefined>();
const prepared = new WeakSet<object>();

/**
 * Makes the methods and accessors of a class work when they are called through a Proxy. The constructor of every public class that has
 * private fields, or is compared by identity, calls it.
 * @param end once it has come, everything but `dispose` throws its reason, the fields that the object has now included
 * @param late what a method does when it cannot run: see `failLate`
 */
export function worksBehindProxy(
  object: object,
  { prototype, name }: { prototype: object; name: string },
  end?: Ending,
  late = failLate,
): void {
  originals.set(object, end);
  for (const [key, value] of end ? Object.entries(object) : []) {
    Object.defineProperty(object, key, {
      get() {
        end!.throwIfAborted();
        return value;
      },
    });
  }
  // A function: nobody hands out a Proxy of one. Not enumerable: nobody copies, compares or prints it.
  Object.defineProperty(object, ORIGINAL, { value: () => object, configurable: true });
  if (prepared.has(prototype)) return;
  prepared.add(prototype);
  for (const key of Reflect.ownKeys(prototype)) {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, key) as PropertyDescriptor;
    for (const part of ["value", "get"] as const) {
      const method: unknown = descriptor[part];
      if (key === "constructor" || typeof method !== "function") continue;
      const kind = Object.prototype.toString.call(method); // "[object AsyncGeneratorFunction]", say
      descriptor[part] = function (this: unknown, ...args: unknown[]) {
        let self: object;
        try {
          self = requireOriginal(this, name, key);
          if (!/dispose/i.test(String(key))) originals.get(self)?.throwIfAborted();
        } catch (error) {
          return late(error, key, kind);
        }
        return Reflect.apply(method, self, args);
      };
    }
    Object.defineProperty(prototype, key, descriptor);
  }
}

/** An asynchronous method rejects, or its generator does; the others throw. `kind` is the method's tag. */
export function failLate(error: unknown, _key: PropertyKey, kind: string): unknown {
  if (!/Async/.test(kind)) throw error;
  const failing = (async function* () {
    yield Promise.reject(error);
  })();
  return /Gen/.test(kind) ? failing : failing.next();
}

/** What ends an object of ours. */
export const endOf = (object: object): Ending | undefined => originals.get(originalOf(object));

/** What a Proxy stands for, if it is an object of ours; else the value itself. */
export function originalOf<T>(value: T): T {
  return ((value as Reachable)?.[ORIGINAL]?.() as T | undefined) ?? value;
}

function requireOriginal(self: unknown, name: string, key: PropertyKey): object {
  const original = (self as Reachable)?.[ORIGINAL]?.();
  if (original !== undefined && (original === self || originals.has(original))) return original;
  throw invalid(
    "PROXY",
  )`${String(key)} was not called on its ${name}, but on a copy, or through a Proxy that hides it${{ hint: `Call it as object.${String(key)}(...); in Vue use markRaw(object) or toRaw(object)`, after: ". " }}`;
}
