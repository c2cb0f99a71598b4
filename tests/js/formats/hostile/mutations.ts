/** What is done to a good file to make a hostile one of it: to its JSON by structure, to its text by cells, to its bytes. */

/** Numbers in [0, 1) and whole numbers below n; the same seed gives the same ones. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to n - 1. */
  below(n: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return Math.floor((((x ^ (x >>> 14)) >>> 0) / 2 ** 32) * n);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

const DEEP = 50_000;
const deepList = "[".repeat(DEEP) + "]".repeat(DEEP);
const deepObject = `${'{"1":'.repeat(DEEP)}[]${"}".repeat(DEEP)}`;

/** JSON that nobody expects, whatever stands there. */
const VALUES: readonly string[] = [
  "null",
  "true",
  "false",
  "-1",
  "0",
  "1",
  "1.5",
  "1e309",
  "-1e309",
  "4294967296",
  "9007199254740993",
  "1e21",
  '""',
  '"x"',
  '"-1"',
  '"\\ud800"',
  '"\\u0000"',
  '"__proto__"',
  `"${"y".repeat(100_000)}"`,
  "[]",
  "[null]",
  "[[]]",
  "[-1]",
  '["a",{"toString":1}]',
  "{}",
  '{"length":3}',
  '{"length":4294967295,"0":1}',
  '{"__proto__":{"a":1}}',
  '{"__proto__":null}',
  '{"constructor":{"BYTES_PER_ELEMENT":4,"name":"Float32Array"}}',
  '{"toString":1,"valueOf":2}',
  '{"toJSON":1,"then":2}',
  `[${"0,".repeat(300)}0]`,
  deepList,
  deepObject,
];

const KEYS: readonly string[] = ["__proto__", "constructor", "toString", "hasOwnProperty", "length", "", "0", "x"];

type Node = { value: unknown; path: readonly (string | number)[] };

function* nodesOf(value: unknown, path: readonly (string | number)[] = []): Generator<Node> {
  yield { value, path };
  if (value === null || typeof value !== "object") return;
  for (const [key, child] of Object.entries(value)) yield* nodesOf(child, [...path, Array.isArray(value) ? +key : key]);
}

/** The text of a value in which the one at a path is written in another way. */
function withText(value: unknown, path: readonly (string | number)[], write: (value: unknown) => string): string {
  const [at, ...rest] = path;
  if (at === undefined) return write(value);
  const inner = (key: string | number, child: unknown) =>
    key === at ? withText(child, rest, write) : JSON.stringify(child);
  return Array.isArray(value)
    ? `[${value.map((child, i) => inner(i, child)).join(",")}]`
    : `{${Object.entries(value as object)
        .map(([key, child]) => `${JSON.stringify(key)}:${inner(key, child)}`)
        .join(",")}}`;
}

const object = (entries: readonly (readonly [string, string])[]) =>
  `{${entries.map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(",")}}`;
const texts = (value: object) =>
  Object.entries(value).map(([key, child]) => [key, JSON.stringify(child)] as [string, string]);

/** One change at a node. */
function changed(value: unknown, dice: Dice): string {
  const own = JSON.stringify(value);
  const foreign = dice.pick(VALUES);
  if (value === null || typeof value !== "object" || dice.below(3) === 0) {
    // The same value as another type is what other programs write.
    const other = [
      `[${own}]`,
      `{"a":${own}}`,
      JSON.stringify(own),
      typeof value === "number" ? `${value + 1}` : "1e309",
    ];
    return dice.below(5) === 0 ? dice.pick(other) : foreign;
  }
  if (Array.isArray(value)) {
    const list = value.map((entry) => JSON.stringify(entry));
    const at = dice.below(list.length + 1);
    switch (dice.below(6)) {
      case 0:
        list.splice(at, 1);
        break;
      case 1:
        list.splice(at, 0, list[at] ?? foreign);
        break;
      case 2:
        list.splice(at, 0, foreign);
        break;
      case 3:
        list.reverse();
        break;
      case 4:
        list.length = dice.below(list.length + 1);
        break;
      default:
        if (list.length > 0 && own.length < 200) list.push(...new Array<string>(300).fill(dice.pick(list)));
        else list.splice(at, 1);
    }
    return `[${list.join(",")}]`;
  }
  const entries = texts(value);
  const at = dice.below(entries.length);
  const [key = "x", text = "1"] = entries[at] ?? [];
  switch (dice.below(6)) {
    case 0:
      return object(entries.toSpliced(at, 1));
    case 1:
      return object([...entries, [key, foreign]]);
    case 2:
      return object([[key, foreign], ...entries]);
    case 3:
      return object(entries.toSpliced(at, 1, [dice.pick(KEYS), text]));
    case 4:
      return object([...entries, [dice.pick(KEYS), foreign]]);
    default:
      return object([...entries, [`${"k".repeat(50_000)}`, text]]);
  }
}

/** A change of a JSON document by its structure, twice at times; or of its text. */
export function mutateJson(text: string, dice: Dice): string {
  if (dice.below(12) === 0) return mutateText(text, dice);
  let hostile = text;
  for (let left = dice.below(4) === 0 ? 2 : 1; left > 0; left--) {
    if (hostile.length > 30_000) return hostile; // one change was enough
    let value: unknown;
    try {
      value = JSON.parse(hostile);
    } catch {
      return hostile;
    }
    const nodes = [...nodesOf(value)];
    hostile = withText(value, dice.pick(nodes).path, (own) => changed(own, dice));
  }
  return hostile;
}

const CELLS: readonly string[] = [
  "",
  " ",
  "NaN",
  "1e309",
  "-1",
  "1.5",
  "99999999999999999999",
  "4294967296",
  '"',
  '""',
  "[",
  "[[]]",
  "{}",
  "null",
  "__proto__",
  "\ud800",
  "\0",
  "<a_1>",
  "<a_99999999999>",
  "y".repeat(100_000),
  "[".repeat(DEEP),
  deepList,
  '"'.repeat(10_001),
];

/** A change of a text that consists of cells, lines and words. */
export function mutateText(text: string, dice: Dice): string {
  const parts = text.split(/([,;\t\n"[\]{}: ])/);
  const at = dice.below(parts.length);
  switch (dice.below(7)) {
    case 0:
      parts.splice(at, 1 + dice.below(3));
      break;
    case 1:
      parts.splice(at, 0, parts[dice.below(parts.length)]!);
      break;
    case 2:
      parts.length = at;
      break;
    case 3:
      return [...text.split("\n").slice(dice.below(2)), ...text.split("\n")].join(dice.pick(["\n", "\r\n", "\r"]));
    default:
      parts[at] = dice.pick(CELLS);
  }
  return parts.join("");
}

const NUMBERS: readonly number[][] = [
  [0, 0, 0, 0, 0, 0, 0, 0],
  [255, 255, 255, 255, 255, 255, 255, 255],
  [255, 255, 255, 127, 255, 255, 255, 127],
  [0, 0, 0, 128, 0, 0, 0, 128],
  [0, 0, 192, 127, 0, 0, 192, 127],
  [1, 0, 0, 0, 1, 0, 0, 0],
];

/** A change of bytes; headers and footers are met more often than what lies between. */
export function mutateBytes(bytes: Uint8Array, dice: Dice): Uint8Array {
  const near = Math.min(bytes.length, 2500);
  const place = () => {
    const from = dice.below(3);
    if (from === 0) return dice.below(bytes.length);
    return from === 1 ? dice.below(near) : bytes.length - 1 - dice.below(near);
  };
  const at = place();
  switch (dice.below(7)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      return Uint8Array.of(...bytes, ...new Uint8Array(1 + dice.below(20)).fill(dice.below(256)));
    case 2:
      return Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + 1 + dice.below(8)));
    case 3:
      return Uint8Array.of(...bytes.subarray(0, at), dice.below(256), ...bytes.subarray(at));
    case 4: {
      const hostile = bytes.slice();
      const width = dice.pick([1, 2, 4, 8]);
      hostile.set(dice.pick(NUMBERS).slice(0, Math.min(width, bytes.length - at)), at);
      return hostile;
    }
    default: {
      const hostile = bytes.slice();
      for (let left = 1 + dice.below(4); left > 0; left--) hostile[place()] = dice.below(256);
      return hostile;
    }
  }
}
