/**
 * The index file: 8 bytes magic, format number and CRC-32 of all that follows (both little-endian, 32 bits), the length of a JSON
 * header, the header, then columns of variable-length numbers (seven bits a byte, low ones first). IDs stand in lexicographic order,
 * each as the number of codes that it has in common with the one before, and the rest. The same index gives the same bytes.
 */

import { ModelFormatError } from "../base/errors.ts";
import { fields, readJson, whole } from "../base/json-shape.ts";
import { TextDecoder, TextEncoder } from "../base/text-codecs.ts";
import { counted } from "../base/words.ts";
import type { ItemId } from "../ids/item-id.ts";
import { type CodeArray, MAX_LEVELS, SemanticIds } from "../ids/semantic-ids.ts";
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

/** A reader refuses a higher one. */
const FORMAT = 1;
const MAGIC = "RQVAEIDX";
const BODY = 16;
/** Codes for a byte, at most: beyond any index, but not beyond any memory. */
const DENSEST = 1000;

export function writeIndexFile(contents: IndexContents): Uint8Array {
  const { itemIds, codes, raw, retired, journal, ...header } = contents;
  const sizes = publishedSizes(contents);
  const levels = sizes.length;
  const out = new ByteWriter();
  out.text(MAGIC);
  out.skip(BODY - MAGIC.length);
  out.sizedText(
    JSON.stringify({
      ...header,
      items: itemIds.length,
      retired: retired.length,
      changes: journal.length,
      hasRaw: raw !== undefined,
    }),
  );
  for (let row = 0; row < itemIds.length; row++) {
    const at = row * levels;
    let same = 0;
    if (row > 0) while (same < levels && codes[at + same] === codes[at - levels + same]) same++;
    out.number(same);
    for (let l = same; l < levels; l++) {
      // The first code that differs is larger.
      out.number(codes[at + l]! - (l === same && row > 0 ? codes[at - levels + l]! + 1 : 0));
    }
  }
  for (const itemId of itemIds) out.itemId(itemId);
  out.ascending(retired);
  if (raw) {
    const moved: number[] = [];
    for (let row = 0; row < itemIds.length; row++) {
      for (let k = row * levels; k < (row + 1) * levels; k++) {
        if (raw[k] === codes[k]) continue;
        moved.push(row);
        break;
      }
    }
    out.number(moved.length);
    out.ascending(moved);
    for (const row of moved) out.numbers(raw.subarray(row * levels, (row + 1) * levels));
  }
  for (const { kind, items, itemIds: concerned, before, after } of journal) {
    out.numbers([CHANGES.indexOf(kind), items, concerned.length, (before ? 1 : 0) + (after ? 2 : 0)]);
    for (const itemId of concerned) out.itemId(itemId);
    for (const ids of [before, after]) if (ids) out.numbers(ids.codes);
  }
  const bytes = out.bytes();
  const head = new DataView(bytes.buffer);
  head.setUint32(8, FORMAT, true);
  head.setUint32(12, crc32(bytes.subarray(BODY)), true);
  return bytes;
}

/** @throws ModelFormatError for bytes that are truncated, damaged, foreign or of a newer format. */
export function readIndexFile(bytes: Uint8Array): IndexContents {
  const magic = String.fromCharCode(...bytes.subarray(0, MAGIC.length));
  if (magic !== MAGIC) {
    const isModel = bytes[8] === 0x7b;
    throw new ModelFormatError(
      bytes.length < BODY
        ? `the index file has ${counted(bytes.length, "byte")}: it is truncated or empty`
        : `this is no index file of rqvae: it ${isModel ? "looks like a model; that is what RQVAE.load reads" : `begins with ${JSON.stringify(magic)}`}`,
      bytes.length < BODY ? {} : { code: "FILE_FOREIGN" },
    );
  }
  if (bytes.length <= BODY) throw damaged(`it has ${counted(bytes.length, "byte")} only`);
  const head = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const format = head.getUint32(8, true);
  if (format !== FORMAT) {
    throw new ModelFormatError(
      `the index file has format ${format}; this release of rqvae reads format ${FORMAT}: update the package`,
      { code: "FILE_NEWER" },
    );
  }
  if (head.getUint32(12, true) !== crc32(bytes.subarray(BODY))) throw damaged("its checksum is another");

  const input = new ByteReader(bytes, BODY);
  const count = whole(0, bytes.length); // each takes a byte at least
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
      if (code >= sizes[l]!) throw damaged(`it has the code ${code} where there are ${sizes[l]}`);
      codes[at + l] = code;
    }
  }
  const itemIds: (ItemId | undefined)[] = [];
  for (let row = 0; row < n; row++) itemIds.push(input.itemId());
  const retired = input.ascending(retiredCount);
  let raw: CodeArray | undefined;
  if (hasRaw) {
    raw = codes.slice();
    for (const row of input.ascending(input.number())) {
      if (row >= n) throw damaged("its raw IDs are unreadable");
      raw.set(readIds([input.numbers(levels)], sizes).codes, row * levels);
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

class ByteWriter {
  #bytes = new Uint8Array(1024);
  #length = 0;

  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  skip(count: number): void {
    this.#need(count);
    this.#length += count;
  }

  number(value: number): void {
    this.#need(8);
    for (; value > 0x7f; value = Math.floor(value / 0x80)) this.#bytes[this.#length++] = (value % 0x80) | 0x80;
    this.#bytes[this.#length++] = value;
  }

  numbers(values: ArrayLike<number>): void {
    for (let i = 0; i < values.length; i++) this.number(values[i]!);
  }

  ascending(values: readonly number[]): void {
    for (let i = 0; i < values.length; i++) this.number(values[i]! - (i === 0 ? 0 : values[i - 1]!));
  }

  text(text: string): void {
    this.#need(3 * text.length);
    this.#length += new TextEncoder().encodeInto(text, this.#bytes.subarray(this.#length)).written;
  }

  sizedText(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.number(bytes.length);
    this.#need(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** 0: none; 1 and 2: a number and its negative; from 3: a text of that many bytes less 3. */
  itemId(itemId: ItemId | undefined): void {
    if (typeof itemId === "string") {
      // Mostly one byte a letter; the length goes before.
      let isAscii = true;
      for (let i = 0; i < itemId.length && isAscii; i++) isAscii = itemId.charCodeAt(i) < 0x80;
      const bytes = isAscii ? undefined : new TextEncoder().encode(itemId);
      this.number(3 + (bytes ?? itemId).length);
      this.#need((bytes ?? itemId).length);
      if (bytes) this.#bytes.set(bytes, this.#length);
      else for (let i = 0; i < itemId.length; i++) this.#bytes[this.#length + i] = itemId.charCodeAt(i);
      this.#length += (bytes ?? itemId).length;
    } else {
      this.number(itemId === undefined ? 0 : itemId < 0 ? 2 : 1);
      if (itemId !== undefined) this.number(Math.abs(itemId));
    }
  }

  #need(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * (this.#length + count));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
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
      throw damaged("a text in it is no UTF-8", cause);
    }
  }

  itemId(): ItemId | undefined {
    const kind = this.number();
    if (kind === 0) return undefined;
    return kind < 3 ? (kind === 1 ? 1 : -1) * this.number() : this.sizedText(kind - 3);
  }

  end(): void {
    if (this.#at !== this.#bytes.length)
      throw damaged(`it goes on for ${counted(this.#bytes.length - this.#at, "byte")} too many`);
  }
}

/** As in zip and PNG: polynomial 0xedb88320, bits reversed. */
function crc32(bytes: Uint8Array): number {
  const table = Uint32Array.from({ length: 256 }, (_, byte) => {
    for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? 0xedb88320 ^ (byte >>> 1) : byte >>> 1;
    return byte;
  });
  let crc = 0xffffffff;
  for (const byte of bytes) crc = table[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
