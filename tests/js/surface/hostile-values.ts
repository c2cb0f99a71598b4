/** Values that nobody should pass, each made anew. */
import { runInNewContext } from "node:vm";

/** What the caller's own code throws: it may come out as it is. */
export const OWN = new Error("the caller's own");
const raise = () => {
  throw OWN;
};

function detached<T extends ArrayBufferView>(array: T): T {
  structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] });
  return array;
}

function revoked(target: object): unknown {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

const handler: ProxyHandler<object> = new Proxy({}, { get: () => raise }) as ProxyHandler<object>;

const rejected = () => {
  const promise = Promise.reject(OWN);
  promise.catch(() => {});
  return promise;
};

export const HOSTILE: Record<string, () => unknown> = {
  undefined: () => undefined,
  null: () => null,
  NaN: () => Number.NaN,
  Infinity: () => Number.POSITIVE_INFINITY,
  "-Infinity": () => Number.NEGATIVE_INFINITY,
  "-1": () => -1,
  "0": () => 0,
  "1.5": () => 1.5,
  "2 ** 31": () => 2 ** 31,
  "2 ** 53": () => 2 ** 53,
  "1n": () => 1n,
  '""': () => "",
  '"x"': () => "x",
  "a long text": () => "x".repeat(100_000),
  "half a character": () => "\ud800",
  "a symbol": () => Symbol("s"),
  true: () => true,
  false: () => false,
  "[]": () => [],
  "{}": () => ({}),
  "[null]": () => [null],
  '[[1, "a"]]': () => [[1, "a"]],
  "[[]]": () => [[]],
  "[symbol]": () => [Symbol("s")],
  "[1n]": () => [1n],
  "[-1]": () => [-1],
  "[{}]": () => [{}],
  "a sparse array": () => new Array(3),
  "a sparse array of a row": () => Object.assign(new Array(3), { 1: [1, 2, 3, 4] }),
  "a function": () => () => {},
  "a function that throws": () => raise,
  "a class": () => class {},
  "a date": () => new Date(0),
  "a date that is none": () => new Date(Number.NaN),
  "a map": () => new Map([["a", 1]]),
  "a set": () => new Set([1]),
  "a regular expression": () => /x/,
  "an error": () => new TypeError("given"),
  "a boxed number": () => Object(1),
  "a proxy that throws": () => new Proxy({}, handler),
  "a proxy of an array that throws": () => new Proxy([], handler),
  "a proxy of a typed array": () => new Proxy(new Float32Array(4), {}),
  "a revoked proxy": () => revoked({}),
  "a revoked proxy of an array": () => revoked([]),
  "a revoked proxy of a function": () => revoked(() => {}),
  "an object without prototype": () => Object.create(null),
  "an object whose getters throw": () =>
    Object.defineProperties(
      {},
      Object.fromEntries(
        ["length", "data", "rows", "dim", "codes", "ids", "items", "signal", "then"].map((name) => [
          name,
          { get: raise, enumerable: true },
        ]),
      ),
    ),
  "an object that will be no text": () => ({ toString: raise, [Symbol.toPrimitive]: raise }),
  "an object that is text of another kind": () => ({ toString: () => ({}), valueOf: () => ({}) }),
  "an object whose tag throws": () => Object.defineProperty({}, Symbol.toStringTag, { get: raise }),
  "an object with a foreign tag": () => ({ [Symbol.toStringTag]: "Float32Array", length: 4 }),
  "an object with the tag of a blob": () => ({ [Symbol.toStringTag]: "Blob" }),
  "an object with the tag of a URL": () => ({ [Symbol.toStringTag]: "URL" }),
  "an object with the tag of a response": () => ({ [Symbol.toStringTag]: "Response" }),
  "an object like an array": () => ({ length: 2 ** 40 }),
  "an object like a short array": () => ({ length: 1, 0: {} }),
  "an object with the name of a prototype": () => JSON.parse('{"__proto__": {"a": 1}, "constructor": null}'),
  "an object that is itself inside": () => {
    const knot: Record<string, unknown> = {};
    knot.items = knot;
    knot.data = knot;
    return knot;
  },
  "a detached array": () => detached(new Float32Array(4)),
  "a detached array of bytes": () => detached(new Uint8Array(8)),
  "a detached buffer": () => detached(new Uint8Array(8)).buffer,
  "an empty buffer": () => new ArrayBuffer(0),
  "a shared buffer": () => new SharedArrayBuffer(16),
  "a view of a shared buffer": () => new Float32Array(new SharedArrayBuffer(16)),
  "bytes of a shared buffer": () => new Uint8Array(new SharedArrayBuffer(16)),
  "a data view": () => new DataView(new ArrayBuffer(8)),
  "an array of doubles": () => new Float64Array(4),
  "an array of large integers": () => new BigInt64Array(2),
  "an array of bytes": () => new Uint8Array(3),
  "a promise": () => new Promise(() => {}),
  "a rejected promise": rejected,
  "an object that is no signal": () => ({ aborted: false }),
  "an object that is no aborted signal": () => ({ aborted: true }),
  "an array of another realm": () => runInNewContext("[1, 'a']"),
  "an array of rows of another realm": () => runInNewContext("[[1, 2], null]"),
  "an object of another realm": () => runInNewContext("({ a: 1 })"),
  "an iterable that throws": () => ({ [Symbol.iterator]: raise }),
  "an iterator that throws": () => ({ [Symbol.iterator]: () => ({ next: raise }) }),
  "an iterable of nothing": () => ({ [Symbol.iterator]: () => ({}) }),
  "an iterable of null": () => ({ [Symbol.iterator]: () => null }),
  "an iterable of numbers": () => ({
    *[Symbol.iterator]() {
      yield 1;
    },
  }),
  "an async iterable that throws": () => ({ [Symbol.asyncIterator]: raise }),
  "an async iterable of symbols": () => ({
    async *[Symbol.asyncIterator]() {
      yield Symbol("s");
    },
  }),
  "a source that throws": () => ({ rows: 4, dim: 4, read: raise }),
  "a source of nothing": () => ({ rows: 4, dim: 4, read: () => null }),
  "a URL": () => new URL("data:,x"),
  "a blob": () => new Blob(["x"]),
  "a response": () => new Response("x"),
};
