/**
 * Our objects behind a Proxy: Vue's `ref` and `reactive`, Valtio and others return a Proxy of what they are given, and private fields
 * cannot be read through it.
 */

import type { Ending } from "./ending.ts";
import { invalid } from "./errors.ts";

const ORIGINAL = Symbol("rqvae.original");
type Reachable = { [ORIGINAL]?: () => object } | null | undefined;

/** Each with what ends it, if anything. */
const originals = new WeakMap<object, Ending | undefined>();
const prepared = new WeakSet<object>();

/**
 * Makes the methods and accessors of a class work when they are called through a Proxy. The constructor of every public class that has
 * private fields, or is compared by identity, calls it.
 * @param end after it, everything but `dispose` throws its reason, including the object's present fields
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
  // A function, since nobody wraps those in a Proxy. Not enumerable, so that nobody copies, compares or prints it.
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

/** An asynchronous method or its generator rejects; other methods throw. `kind` is the method's tag. */
export function failLate(error: unknown, _key: PropertyKey, kind: string): unknown {
  if (!/Async/.test(kind)) throw error;
  const failing = (async function* () {
    yield Promise.reject(error);
  })();
  return /Gen/.test(kind) ? failing : failing.next();
}

/** What ends one of our objects. */
export const endOf = (object: object): Ending | undefined => originals.get(originalOf(object));

/** What a Proxy wraps, if that is one of our objects; else the value itself. */
export function originalOf<T>(value: T): T {
  return ((value as Reachable)?.[ORIGINAL]?.() as T | undefined) ?? value;
}

function requireOriginal(self: unknown, name: string, key: PropertyKey): object {
  const original = (self as Reachable)?.[ORIGINAL]?.();
  if (original !== undefined && (original === self || originals.has(original))) return original;
  throw invalid(
    "PROXY",
  )`${String(key)} was called on a copy of its ${name}, or through a Proxy that hides it${{ hint: `Call it as object.${String(key)}(...); in Vue use markRaw(object) or toRaw(object)`, after: ". " }}`;
}
