/** Reads what write-index-file.ts writes. Separate from it, since programs that build an index need not read one. */

import { ModelFormatError } from "../base/errors.ts";
import { fields, readJson, whole } from "../base/json-shape.ts";
import { TextDecoder } from "../base/text-codecs.ts";
import { counted } from "../base/words.ts";
import type { ItemId } from "../ids/item-id.ts";
import { type CodeArray, MAX_LEVELS, SemanticIds } from "../ids/semantic-ids.ts";
import { readLocation } from "../runtime/location.ts";
import type { ModelSource } from "../types.ts";
import {
  CHANGES,
  checkContents,
  damaged,
  HEADER,
  type IndexChange,
  type IndexContents,
  publishedSizes,
  readIds,
} from "./index-contents.ts";
import { fromIndexJson } from "./index-json.ts";
import { BODY, crc32, FORMAT, MAGIC } from "./write-index-file.ts";

/** The most codes per byte: beyond any index, but within memory. */
const DENSEST = 1000;

/** The contents of an index file from anywhere. @throws as `readIndexFile`, and InvalidInputError for an unreadable source */
export async function loadContents(source: ModelSource, where: string): Promise<IndexContents> {
  const { bytes } = await readLocation(source, where, "the index");
  if (!/^\s*\{\s*"format"\s*:/.test(String.fromCharCode(...bytes.subarray(0, 64)))) return readIndexFile(bytes);
  return readIndexText(new TextDecoder().decode(bytes));
}

/** The contents of `toJSON` as text. @throws ModelFormatError */
export function readIndexText(text: string): IndexContents {
  return fromIndexJson(readJson(text, fields({}), damaged));
}

/** @throws ModelFormatError for bytes that are truncated, damaged, foreign or of a newer format. */
export function readIndexFile(bytes: Uint8Array): IndexContents {
  const magic = String.fromCharCode(...bytes.subarray(0, MAGIC.length));
  if (magic !== MAGIC) {
    const isModel = bytes[8] === 0x7b;
    throw new ModelFormatError(
      bytes.length < BODY
        ? `the index file has ${counted(bytes.length, "byte")}: it is truncated or empty`
        : `this is not an index file of rqvae: it ${isModel ? "looks like a model; read it with RQVAE.load" : `starts with ${JSON.stringify(magic)}`}`,
      { code: bytes.length < BODY ? "FILE_DAMAGED" : "FILE_FOREIGN" },
    );
  }
  if (bytes.length <= BODY) throw damaged(`it has only ${counted(bytes.length, "byte")}`);
  const head = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const format = head.getUint32(8, true);
  if (format < 1 || format > FORMAT) {
    throw new ModelFormatError(
      `the index file has format ${format}, but this release of rqvae reads up to format ${FORMAT}: update the package`,
      { code: "FILE_NEWER" },
    );
  }
  if (head.getUint32(12, true) !== crc32(bytes.subarray(BODY))) throw damaged("its checksum differs");

  const input = new ByteReader(bytes, BODY);
  const count = whole(0, bytes.length); // each takes at least one byte
  const {
    items: n,
    retired: retiredCount,
    changes,
    hasRaw,
    ...described
  } = readJson<
    Omit<IndexContents, "itemIds" | "codes" | "raw" | "retired" | "journal"> & {
      items: number;
      retired: number;
      changes: number;
      hasRaw: boolean;
    }
  >(input.sizedText(), fields({ ...HEADER, items: count, retired: count, changes: count }), (what, cause) =>
    damaged(`of its header, ${what}`, cause),
  );
  const sizes = publishedSizes(described);
  const levels = sizes.length;
  if (levels === 0 || levels > MAX_LEVELS || n * levels > DENSEST * bytes.length) {
    throw damaged(`its header claims ${counted(n, "ID")} of ${counted(levels, "code")}`);
  }
  const codes = SemanticIds.allocate(n, sizes);
  for (let row = 0; row < n; row++) {
    const at = row * levels;
    const same = input.number();
    if (same > levels || (row === 0 && same > 0)) throw damaged("its IDs are unreadable");
    codes.copyWithin(at, at - levels, at - levels + same);
    for (let l = same; l < levels; l++) {
      const code = input.number() + (l === same && row > 0 ? codes[at - levels + l]! + 1 : 0);
      if (code >= sizes[l]!) throw damaged(`it has the code ${code} at a level of ${sizes[l]}`);
      codes[at + l] = code;
    }
  }
  const itemIds: (ItemId | undefined)[] = [];
  for (let row = 0; row < n; row++) itemIds.push(input.itemId());
  const retired = input.ascending(retiredCount);
  let raw: CodeArray | undefined;
  if (hasRaw) {
    const rawLevels = described.codebookSizes.length;
    raw = SemanticIds.allocate(n, described.codebookSizes);
    for (let row = 0; row < n; row++) {
      raw.set(codes.subarray(row * levels, row * levels + rawLevels), row * rawLevels);
    }
    for (const row of input.ascending(input.number())) {
      if (row >= n) throw damaged("its raw IDs are unreadable");
      raw.set(readIds([input.numbers(rawLevels)], described.codebookSizes).codes, row * rawLevels);
    }
  }
  const journal: IndexChange[] = [];
  for (let i = 0; i < changes; i++) {
    const [kind, items, concerned, which] = input.numbers(4) as [number, number, number, number];
    if (kind >= CHANGES.length || which > 3) throw damaged("its journal is unreadable");
    const of: ItemId[] = [];
    for (let k = 0; k < concerned; k++) of.push(input.itemId()!);
    const ids = () => readIds({ codes: input.numbers(concerned * levels), levels }, sizes);
    journal.push({
      kind: CHANGES[kind]!,
      items,
      itemIds: of,
      ...(which & 1 ? { before: ids() } : {}),
      ...(which & 2 ? { after: ids() } : {}),
    });
  }
  input.end();
  const contents = { ...described, itemIds, codes, raw, retired, journal };
  checkContents(contents);
  return contents;
}

class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  number(): number {
    for (let value = 0, factor = 1; ; factor *= 0x80) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined || factor > 2 ** 49) throw damaged("it ends too early, or a number is unreadable");
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  numbers(count: number): number[] {
    const numbers: number[] = [];
    for (let i = 0; i < count; i++) numbers.push(this.number());
    return numbers;
  }

  ascending(count: number): number[] {
    let sum = 0;
    return this.numbers(count).map((step) => (sum += step));
  }

  sizedText(length = this.number()): string {
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) throw damaged("it ends too early");
    try {
      return this.#decoder.decode(this.#bytes.slice(start, this.#at));
    } catch (cause) {
      throw damaged("a text in it is not UTF-8", cause);
    }
  }

  itemId(): ItemId | undefined {
    const kind = this.number();
    if (kind === 0) return undefined;
    return kind < 3 ? (kind === 1 ? 1 : -1) * this.number() : this.sizedText(kind - 3);
  }

  end(): void {
    if (this.#at !== this.#bytes.length)
      throw damaged(`it has ${counted(this.#bytes.length - this.#at, "byte")} too many`);
  }
}
