/**
 * Every function, constructor and method of every entry is called with values that nobody should pass: in place of each argument, of each
 * option, and inside of what is passed. Whatever comes out is a value, an error of ours that names what was wrong, or what the caller's own
 * code threw; and a model that stands by stays as it is.
 *
 * HOSTILE_CALLS=all makes all calls, HOSTILE_CALLS=1000 that many of each function; by default there are few of the slow ones.
 */
import * as rqvae from "rqvae";
import * as behaviour from "rqvae/behaviour";
import * as decoding from "rqvae/decoding";
import * as evaluate from "rqvae/evaluate";
import * as features from "rqvae/features";
import * as formats from "rqvae/formats";
import * as fusion from "rqvae/fusion";
import * as inline from "rqvae/inline";
import * as options from "rqvae/options";
import * as report from "rqvae/report";
import * as vocabulary from "rqvae/vocabulary";
import * as words from "rqvae/words";
import * as worker from "rqvae/worker";
import { afterAll, beforeAll, expect, it } from "vitest";
import { writeNpy } from "../../../bindings/js/formats/arrays/npy.ts";
import { catalogue, generator } from "../support/catalogue.ts";
import { HOSTILE, OWN } from "./hostile-values.ts";
import { type Callable, publicSurface } from "./public-surface.ts";
import { DIM, type ValidCall, validCalls } from "./valid-calls.ts";

const ENTRIES: Record<string, object> = {
  rqvae,
  "rqvae/worker": worker,
  "rqvae/formats": formats,
  "rqvae/vocabulary": vocabulary,
  "rqvae/report": report,
  "rqvae/behaviour": behaviour,
  "rqvae/evaluate": evaluate,
  "rqvae/fusion": fusion,
  "rqvae/decoding": decoding,
  "rqvae/features": features,
  "rqvae/options": options,
  "rqvae/words": words,
};
const { callables: all, values } = publicSurface();
/** `answerCalls` has nothing to do but in a worker: tests/js/worker/script-worker.test.ts. */
const callables = all.filter(({ name }) => name !== "answerCalls");
const asked = process.env.HOSTILE_CALLS;
const limit = (call: ValidCall) =>
  asked === "all" ? Number.POSITIVE_INFINITY : asked ? Number(asked) : call.isCostly ? 60 : 400;
/** Longer than any of these calls takes on any machine. */
const HANG_MS = 60_000;

let calls: Record<string, ValidCall>;
let end: () => Promise<void>;
let bystander: rqvae.RQVAE;
let bystanderBytes: Uint8Array;
beforeAll(async () => {
  bystander = await rqvae.RQVAE.fit(catalogue(50, DIM), { epochs: 1, codebookSize: 4 });
  bystanderBytes = bystander.save();
  ({ calls, end } = await validCalls());
});
afterAll(async () => {
  await end();
  bystander.dispose();
});

it("every export of every entry has a valid call here, and none is in none of the entries", () => {
  for (const [entry, module] of Object.entries(ENTRIES)) {
    const found = Object.keys(module).filter((name) => !values.get("rqvae")?.includes(name));
    const known = (values.get(entry) ?? []).filter((name) => name in module && !values.get("rqvae")?.includes(name));
    expect(found.sort()).toEqual(known.sort());
  }
  expect(Object.keys(inline).sort()).toEqual(Object.keys(rqvae).sort());
  expect(Object.keys(calls).sort()).toEqual(callables.map(({ id }) => id).sort());
});

it("every valid call is one", async () => {
  for (const callable of callables) {
    const call = calls[callable.id] as ValidCall;
    const [outcome] = await outcomeOf(callable, call, call.args());
    expect(`${callable.id}: ${outcome}`).toBe(`${callable.id}: returned`);
  }
});

/** What was put where: `options.epochs = a symbol`. */
interface Change {
  names: string[];
  what: string;
  args: () => unknown[];
}

/** Every argument, option and inner value, replaced by every hostile one. */
function changesOf({ parameters }: Callable, { args }: ValidCall): Change[] {
  const changes: Change[] = [];
  const valid = args();
  for (const [at, parameter] of parameters.entries()) {
    const replace = (path: (string | number)[]) => {
      const names = [parameter.name, ...path.filter((key) => typeof key === "string")].filter(Boolean) as string[];
      for (const [what, make] of Object.entries(HOSTILE)) {
        changes.push({
          names,
          what: `${[parameter.name || at, ...path].join(".")} = ${what}`,
          args() {
            const changed = args();
            changed[at] = withValue(changed[at], path, make());
            return changed;
          },
        });
      }
    };
    replace([]);
    const value = valid[at];
    const isPlain = value === undefined || isPlainObject(value);
    const fields = new Set([...(isPlain ? parameter.fields : []), ...keysOf(value)]);
    for (const key of fields) {
      const within = (path: (string | number)[], inner: unknown) => {
        replace(path);
        for (const next of keysOf(inner)) within([...path, next], (inner as Record<string | number, unknown>)[next]);
      };
      within([key], (value as Record<string, unknown> | undefined)?.[key]);
    }
  }
  return changes;
}

const isPlainObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
/** The fields of a plain object, the first place of an array. */
const keysOf = (value: unknown): (string | number)[] =>
  Array.isArray(value) ? (value.length > 0 ? [0] : []) : isPlainObject(value) ? Object.keys(value) : [];

/** A copy with another value at the end of a path. */
function withValue(object: unknown, [key, ...rest]: (string | number)[], value: unknown): unknown {
  if (key === undefined) return value;
  const copy: Record<string | number, unknown> = Array.isArray(object)
    ? ([...object] as never)
    : { ...(object as object) };
  copy[key] = withValue(copy[key], rest, value);
  return copy;
}

/**
 * What a message may call a value: by its parameter or option, by the call ("RQVAE.create: inputDim must be ..."), or, for what is inside of
 * a text, a file or a list of codes, by its place.
 */
const PLACES: Record<string, string[]> = {
  codes: ["code"],
  codesOrPrefix: ["code", "state", "ID"],
  prefix: ["code", "state", "ID"],
  query: ["code"],
  tokens: ["token"],
  state: ["code", "follow"],
  ids: ["codes", "row", "IDs"],
  items: ["row", "batch", "vectors"],
  file: [".+: xxx", "line", "cannot be read", "bytes", "the file", "the text", "shard", "npy", "header"],
  text: ["line", "header", "column", "JSON", "rows", "the file", "node", "entry", "labels", "expected an object"],
  table: ["itemIds"],
  labels: ["right", "titles", "itemIds", "title"],
  source: ["file", "bytes", "path", "data", "fetch", "RQVAE.load", "cannot be read", ".+: xxx"],
  bytes: ["index file"],
  code: ["ID starts with"],
  codebookSizes: ["vocabulary", "header"],
  resume: ["model file"],
  itemId: ["option"],
  itemIds: ["item ID", "the IDs of"],
  shard: ["rows"],
  first: ["rows"],
  item: ["text"],
  separator: ["column"],
  header: ["names"],
  embedding: ["option"],
  levels: ["nQuantizationLayers"],
  beam: ["encodeBeam"],
  wasm: ["URL", "WebAssembly", "initialize"],
  start: ["threads", "wasm"],
  threads: ["initialize"],
  batches: ["batch", "items", "encodeAsync"],
  rows: ["titles", "IDs"],
  dim: ["vectors"],
  blocks: ["block"],
  fileName: [".+ cannot be read"],
  options: [".+ cannot be read"],
  json: ["index", "codebookSizes", "vocabulary"],
  histories: ["history"],
  vectors: ["data", "embeddings", "codebooks", "rows", "IDs"],
};
const wordsFor = ({ name, parameters }: Callable, call: ValidCall, names: string[]): string[] => [
  ...names,
  name,
  ...names.flatMap((parameter) => PLACES[parameter] ?? []),
  ...(call.names ?? []),
  ...(parameters.find((parameter) => parameter.name === names[0])?.fields ?? []),
];

/** A worker that died of what it was sent is not. */
const isOurs = (error: unknown) => error instanceof rqvae.RQVAEError && !(error instanceof rqvae.WorkerError);

/** Trainings of a billion epochs are not wrong, only long. */
const isLong = (what: string) => /\.(epochs|sinkhornIterations) = (2 \*\* 31|2 \*\* 53)$/.test(what);

/** The key of a member, as `#[Symbol.iterator]` has it. */
const keyOf = (name: string): string => (name.startsWith("[Symbol.") ? (Symbol as never)[name.slice(8, -1)] : name);

/** What came of a call, whose iterators are read to their ends, and the error if it was one. What must come later is never thrown at once. */
async function outcomeOf(callable: Callable, call: ValidCall, args: unknown[]): Promise<[string, unknown?]> {
  const { kind, name, later } = callable;
  const on = ((await call.on?.()) ?? {}) as Record<string, (...args: unknown[]) => unknown>;
  const key = keyOf(name);
  let result: unknown;
  let isSync = true;
  try {
    const member = on[key] as (...args: unknown[]) => unknown;
    if (kind === "getter") result = member;
    else if (kind === "constructor") result = new (member as never as new (...args: unknown[]) => unknown)(...args);
    else result = member.apply(on, args);
    isSync = false;
    if (!comesLater(callable, result)) return ["gives no promise"];
    result = await settled(result);
    if (result === HUNG) return ["hangs"];
    if (isGenerator(result)) await settled(readAll(result));
  } catch (error) {
    if (isSync && later) return ["throws at once", error];
    if (error === OWN || isTheCallers(error)) return ["passed through"];
    return [isSync ? "threw" : "rejected", error];
  } finally {
    await release(result);
  }
  return ["returned"];
}

/** Whether a result is what the signature says. */
const comesLater = ({ later }: Callable, result: unknown): boolean =>
  !later || (later === "promise" ? result instanceof Promise : isGenerator(result));

/** What the engine says of a revoked Proxy, or of a class for a callback, is thrown by the caller's own object, as a getter's error is. */
const isTheCallers = (error: unknown) =>
  error instanceof TypeError &&
  /on a proxy that has been revoked$|^Class constructors cannot be invoked without 'new'$/.test(error.message);

const HUNG = Symbol("hung");
async function settled(value: unknown): Promise<unknown> {
  if (typeof (value as Promise<unknown> | undefined)?.then !== "function") return value;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve(HUNG), HANG_MS);
  });
  return Promise.race([value, late]).finally(() => clearTimeout(timer));
}

const isGenerator = (value: unknown): value is AsyncIterable<unknown> =>
  /Generator|Iterator/.test(Object.prototype.toString.call(value));

async function readAll(values: AsyncIterable<unknown>): Promise<void> {
  let read = 0;
  for await (const _ of values) if (++read > 1000) break;
}

/** Frees what a call made. */
async function release(made: unknown): Promise<void> {
  for (const end of ["close", "dispose"]) {
    const call = (made as Record<string, unknown> | null | undefined)?.[end];
    if (typeof call === "function") return void (await call.call(made));
  }
}

it("what is asynchronous rejects where its object is missing", async () => {
  const opened = await formats.openItems(writeNpy(catalogue(3, DIM)));
  const methods = callables.flatMap(({ id, kind, name, later }) => {
    const call = calls[id] as ValidCall;
    return kind === "method" && later ? [{ id, key: keyOf(name), on: call.on!, args: call.args() }] : [];
  });
  expect(methods.length).toBeGreaterThan(30);
  for (const key of ["read", "close", Symbol.asyncDispose] as string[]) {
    methods.push({ id: `OpenedItems#${String(key)}`, key, on: () => opened, args: [0, 1] });
  }
  for (const { id, key, on, args } of methods) {
    const object = (await on()) as Record<string, (...args: unknown[]) => unknown>;
    for (const self of [undefined, Object.create(Object.getPrototypeOf(object)), 1]) {
      const result = object[key]!.apply(self, args) as Promise<unknown> & AsyncGenerator;
      const coming = isGenerator(result) ? result.next() : result;
      expect(coming, id).toBeInstanceOf(Promise);
      await expect(coming, id).rejects.toThrow(/was called on a copy of its/);
      if (Symbol.asyncIterator in result && !isGenerator(result)) {
        const read = readAll(result as AsyncIterable<unknown>);
        await expect(read, id).rejects.toThrow(/was called on a copy of its/);
      }
    }
    if (!id.includes("OpenedItems") && calls[id]!.isCostly && /erminate|ispose/.test(id)) await release(object);
  }
  await opened.close();
});

it("hostile values give values, or errors of ours that name the argument", { timeout: 3_600_000 }, async () => {
  const failures: string[] = [];
  const figures: Record<string, { tried: number; foreign: number; unnamed: number; hung: number; sync: number }> = {};
  let seed = 0;
  for (const callable of callables) {
    const call = calls[callable.id] as ValidCall;
    figures[callable.entry] ??= { tried: 0, foreign: 0, unnamed: 0, hung: 0, sync: 0 };
    const figure = figures[callable.entry]!;
    const changes = shuffled(
      changesOf(callable, call).filter(({ what }) => !isLong(what)),
      ++seed,
    );
    // What throws when it is looked at is passed to everything that must not throw: it comes first.
    const isFirst = ({ what }: Change) => Number(callable.later !== undefined && /^[^.]* = .* throws?$/.test(what));
    changes.sort((a, b) => isFirst(b) - isFirst(a));
    for (const { names, what, args } of changes.slice(0, limit(call))) {
      figure.tried++;
      const [outcome, error] = await outcomeOf(callable, call, args());
      const fail = (kind: "foreign" | "unnamed" | "hung" | "sync", why: string) => {
        figure[kind]++;
        failures.push(`${kind}: ${callable.id}(${what}): ${why}`);
      };
      if (/^(throws at once|gives no promise)$/.test(outcome)) fail("sync", `${outcome} ${describe(error)}`);
      else if (outcome === "hangs") fail("hung", "neither resolves nor rejects");
      else if (error !== undefined && !isOurs(error)) fail("foreign", `${outcome} ${describe(error)}`);
      else if (error !== undefined) {
        const { message } = error as Error;
        const named = wordsFor(callable, call, names).some((name) => new RegExp(`\\b${name}`, "i").test(message));
        if (!named) fail("unnamed", message.slice(0, 200));
      }
    }
  }
  const total = Object.values(figures).reduce((sum, { tried }) => sum + tried, 0);
  console.table(figures);
  expect(bystander.save()).toEqual(bystanderBytes);
  expect(total).toBeGreaterThan(10_000);
  expect(failures.slice(0, 40)).toEqual([]);
});

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `no error, but ${Object.prototype.toString.call(error)}`;
  const at = /\/dist\/([\w./-]+:\d+)/.exec(error.stack ?? "")?.[1] ?? "";
  return `${error.name}: ${error.message.slice(0, 160)} (${at})`;
}

function shuffled<T>(values: T[], seed: number): T[] {
  const next = generator(seed);
  for (let i = values.length - 1; i > 0; i--) {
    const j = Math.floor(((next() + 1) / 2) * (i + 1));
    [values[i], values[j]] = [values[j] as T, values[i] as T];
  }
  return values;
}
