/**
 * Files that mean harm: every kind of file that is read, changed in its structure, its text and its bytes, with lengths and checksums
 * made right so that all of the reader is reached. It is read, or refused by an error of ours; nothing else is thrown, nothing is
 * allocated out of proportion, nothing is left half-changed.
 *
 * RQVAE_FUZZ_MINUTES=10 RQVAE_FUZZ_SEED=3 npx vitest run tests/js/formats/hostile-files.test.ts (or npm run fuzz) goes on for longer, and tells
 * figures.
 */
import { afterAll, expect, test } from "vitest";
import { describeValue } from "../../../bindings/js/base/describe-value.ts";
import { show } from "../../../bindings/js/base/option-reader.ts";
import { readIdTrie } from "../../../bindings/js/formats/ids/id-trie.ts";
import { readLcRec } from "../../../bindings/js/formats/ids/lcrec.ts";
import { readLabels } from "../../../bindings/js/formats/index.ts";
import { RQVAEError, SemanticIds } from "../../../bindings/js/index.ts";
import { utf8 } from "../support/format-files.ts";
import { allKinds, type Kind } from "./hostile/kinds.ts";
import { Dice, mutateBytes, mutateJson, mutateText } from "./hostile/mutations.ts";

const minutes = Number(process.env.RQVAE_FUZZ_MINUTES ?? 0);
const seed = Number(process.env.RQVAE_FUZZ_SEED ?? 1);
const CASES = Number(process.env.RQVAE_FUZZ_CASES ?? 120); // of a kind, unless minutes are given
const LONGEST_MESSAGE = 3000;
const MOST_BYTES = 200e6;

const kinds = await allKinds();
afterAll(() => {
  for (const { close } of kinds) close?.();
});

function hostile(kind: Kind, dice: Dice): Uint8Array {
  const { documents, isTable, seal = (bytes) => bytes } = kind;
  if (documents && dice.below(4) > 0) {
    const { text, close } = dice.pick(documents);
    return close(mutateJson(text, dice));
  }
  if (isTable && dice.below(4) > 0) return utf8(mutateText(new TextDecoder().decode(kind.bytes), dice));
  const bytes = mutateBytes(kind.bytes, dice);
  return dice.below(8) === 0 ? bytes : seal(bytes);
}

/** What is wrong with how a file was refused; undefined when nothing is. */
function complaintAbout(error: unknown): string | undefined {
  if (!(error instanceof RQVAEError))
    return `not an error of ours: ${String((error as Error)?.stack ?? error).slice(0, 600)}`;
  const { message } = error;
  if (message.length < 12) return `says nothing: ${message}`;
  if (message.length > LONGEST_MESSAGE) return `goes on for ${message.length} characters: ${message.slice(0, 200)}`;
  // What a reader did not expect, wrapped.
  if (
    /seems damaged: |Cannot (read|convert|set|destructure)|is not (a function|iterable|defined)|call stack|Invalid (array|typed|string)|\[object |function/.test(
      message,
    )
  )
    return `was not foreseen: ${message.slice(0, 300)} ${String((error.cause as Error)?.stack ?? "").slice(0, 500)}`;
  return undefined;
}

const used = () => {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

/** @returns what is wrong; undefined when nothing is. */
async function outcome(kind: Kind, bytes: Uint8Array): Promise<{ complaint?: string | undefined; isRead: boolean }> {
  const before = used();
  try {
    await kind.read(bytes);
  } catch (error) {
    const complaint = complaintAbout(error);
    if (complaint !== undefined) return { complaint, isRead: false };
    try {
      kind.checkUnchanged?.();
    } catch (change) {
      return { complaint: `${(change as Error).message}, though: ${(error as Error).message}`, isRead: false };
    }
    const taken = used() - before;
    return { complaint: taken > MOST_BYTES ? `took ${taken} bytes` : undefined, isRead: false };
  }
  const taken = used() - before;
  return { complaint: taken > MOST_BYTES ? `took ${taken} bytes` : undefined, isRead: true };
}

const figures: string[] = [];
afterAll(() => {
  if (minutes > 0 || process.env.RQVAE_FUZZ_CASES) console.log(figures.join("\n"));
});

test.each(kinds.map((kind) => [kind.name, kind] as const))(
  "%s",
  async (_, kind) => {
    expect(await outcome(kind, kind.bytes)).toMatchObject({ isRead: true, complaint: undefined });
    const dice = new Dice(seed);
    const end = performance.now() + (minutes * 60_000) / kinds.length;
    const complaints = new Map<string, { complaint: string; times: number }>();
    let tried = 0;
    let read = 0;
    let slowest = 0;
    for (; minutes > 0 ? performance.now() < end : tried < CASES; tried++) {
      const bytes = hostile(kind, dice);
      const start = performance.now();
      const { complaint, isRead } = await outcome(kind, bytes);
      slowest = Math.max(slowest, performance.now() - start);
      if (isRead) read++;
      if (complaint === undefined) continue;
      const alike = complaint.replace(/\d+/g, "#").slice(0, 90);
      const before = complaints.get(alike);
      complaints.set(alike, { complaint: before?.complaint ?? complaint, times: (before?.times ?? 0) + 1 });
    }
    const failed = [...complaints.values()].reduce((sum, { times }) => sum + times, 0);
    figures.push(`${kind.name}: tried ${tried}, read ${read}, failed ${failed}, slowest ${Math.round(slowest)} ms`);
    expect([...complaints.values()].map(({ complaint, times }) => `${times} times: ${complaint}`)).toEqual([]);
    expect(read).toBeLessThan(tried); // else nothing is checked at all
  },
  minutes * 60_000 + 120_000,
);

/** The file of a kind with its JSON changed. */
function edited(name: string, edit: (json: Record<string, unknown>) => unknown): { kind: Kind; bytes: Uint8Array } {
  const kind = kinds.find((kind) => kind.name === name)!;
  const [{ text, close } = { text: "", close: utf8 }] = kind.documents ?? [];
  const json = JSON.parse(text);
  const result = edit(json);
  return { kind, bytes: close(JSON.stringify(result === undefined ? json : result)) };
}

const config = (text: string) => () => JSON.parse(text);

test.each<[string, (json: Record<string, unknown>) => unknown, RegExp]>([
  ["index", () => null, /of its header, it must be an object, received null/],
  [
    "index",
    (json) => Object.assign(json, { codebookSizes: new Array(100_000).fill(3) }),
    /claims 7 IDs of 100,001 codes/,
  ],
  [
    "index",
    (json) => Object.assign(json, { items: 1e9 }),
    /items must be a whole number from 0 to \d+, received 1000000000/,
  ],
  [
    "index",
    (json) => Object.assign(json, { capacity: null }),
    /capacity must be a whole number from 1 to 4294967296, received null/,
  ],
  ["index as JSON", (json) => Object.assign(json, { items: [null] }), /items\[0\] must be an object, received null/],
  ["index as JSON", (json) => Object.assign(json, { journal: {} }), /journal must be a list, received Object/],
  [
    "index as JSON",
    (json) => Object.assign((json.journal as { after: unknown }[])[1]!, { after: [[1, 1, 1]] }) && undefined,
    /its journal does not have one ID per item/,
  ],
  [
    "checkpoint",
    (json) => {
      delete (json.checkpoint as { train?: object }).train;
    },
    /checkpoint\.train must be an object, received undefined/,
  ],
  ["checkpoint", (json) => Object.assign(json, { checkpoint: {} }), /checkpoint\.train must be an object/],
  [
    "checkpoint",
    (json) => Object.assign(json, { checkpoint: { train: {} } }),
    /checkpoint\.data must be an object, received undefined/,
  ],
  [
    "model",
    (json) => Object.assign(json, { numerics: [1] }),
    /numerics must be a whole number of at least 0, received \[1\]/,
  ],
  [
    "model",
    (json) => Object.assign(json, { fingerprint: { toString: 1 } }),
    /fingerprint must be 16 hexadecimal digits, received Object/,
  ],
  [
    "config.json",
    config('{"input_dim":5,"constructor":7,"layers":[9]}'),
    /config.layers is \[9\], but the file's tensors have \[4\]/,
  ],
  ["config.json", config('{"input_dim":{"__proto__":{"toString":1}}}'), /config.input_dim is Object/],
  [
    "IDs, shard",
    (json) => Object.assign(json, { codebookSizes: [256, {}, 16] }),
    /codebookSizes\[1\] must be a whole number from 1 to 4294967296, received Object/,
  ],
  ["vocabulary", () => null, /Vocabulary\.fromJSON: expected an object of options, received null/],
  [
    "vocabulary",
    (json) => Object.assign(json, { codebookSizes: [[[[4]]]] }),
    /codebookSizes\[0\] must be a whole number/,
  ],
])("%s: says where what stands", async (name, edit, message) => {
  const { kind, bytes } = edited(name, edit);
  const refused = (async () => kind.read(bytes))();
  await expect(refused).rejects.toThrow(message);
  await expect(refused).rejects.toBeInstanceOf(RQVAEError);
  kind.checkUnchanged?.();
});

test("a config.json that is another program's, with names that every object has, is passed over", async () => {
  const { kind, bytes } = edited("config.json", config('{"constructor":1,"toString":2,"__proto__":3}'));
  await kind.read(bytes);
});

test("a trie that is nested 50,000 deep is refused, one of 512 codes is read", () => {
  const nested = (depth: number) => `${'{"1":'.repeat(depth)}["a"]${"}".repeat(depth)}`;
  expect(() => readIdTrie(nested(50_000))).toThrow(/is deeper than 512 codes/);
  expect(() => readIdTrie(nested(513))).toThrow(/is deeper than 512 codes/);
});

test("a checkpoint whose state is damaged leaves the training that the model had", async () => {
  const kind = kinds.find(({ name }) => name === "checkpoint, into a trained model")!;
  const bytes = kind.bytes.slice();
  const [, size] =
    /"train\.state":\{"dtype":"U8","shape":\[(\d+)\]/.exec(new TextDecoder("latin1").decode(bytes)) ?? [];
  bytes.fill(255, bytes.length - Number(size));
  await expect(kind.read(kind.seal!(bytes))).rejects.toThrow(/the checkpoint's state is damaged/);
  kind.checkUnchanged!();
});

test("an ID has 512 codes at most, and labels do not get a cell for every field of every object", () => {
  const ids = (levels: number) =>
    SemanticIds.from([new Array(levels).fill(0)], { codebookSizes: new Array(levels).fill(1) });
  expect(ids(512).levels).toBe(512);
  expect(() => ids(513)).toThrow(/codebookSizes has 513 entries; an ID has 1 to 512 codes/);
  const objects = Array.from({ length: 3000 }, (_, i) => ({ title: "t", [`f${i}`]: 1 }));
  expect(() => readLabels(JSON.stringify(objects))).toThrow(
    /3,000 objects with 3,001 fields, most of which few objects have/,
  );
});

test("strings and lists as long as a file are no matter for the stack", () => {
  const long = "y".repeat(1.2e7);
  expect(readIdTrie(`{"1":{"2":["${long}",1234567890123456789]}}`).itemIds).toEqual([long, "1234567890123456789"]);
  const tokens = new Array(6e5).fill('"<a_1>"');
  expect(() => readLcRec(`{"x": [${tokens}]}`)).toThrow(/"<a_1>" is not a token of level 1/);
  expect(() => readLcRec(`{"${"\\n".repeat(6e6)}": [${tokens}`)).toThrow(/is not an item with its list of tokens/);
});

test("whatever a value is, it is shown in a line", () => {
  const throws = () => {
    throw new Error("mine");
  };
  const revoked = Proxy.revocable({}, {});
  const list = Proxy.revocable([], {});
  revoked.revoke();
  list.revoke();
  let deep: unknown = [];
  for (let i = 0; i < 50_000; i++) deep = [deep];
  const circular: unknown[] = [];
  circular.push(circular, circular);
  const values = [
    ...[revoked.proxy, list.proxy, deep, circular, Object.create(null), Symbol("x"), Number.NaN, 10n ** 500n],
    ...[{ toString: throws, valueOf: throws, toJSON: throws }, { constructor: { BYTES_PER_ELEMENT: 1, name: deep } }],
    Object.defineProperty({}, "constructor", { get: throws }),
    Object.defineProperty({}, Symbol.toStringTag, { get: throws }),
    Object.defineProperty([1], 0, { get: throws }),
    [...Array(8)].map(() => [...Array(8)].map(() => "z".repeat(1000))),
    new Proxy({}, { get: throws, getPrototypeOf: throws, ownKeys: throws }),
    "w".repeat(1e6),
    { [Symbol.toStringTag]: "t".repeat(1e6) },
  ];
  for (const value of values) {
    for (const text of [show(value), describeValue(value)]) {
      expect(text).toMatch(/^[^\n]+$/);
      expect(text.length).toBeLessThan(250);
    }
  }
});
