/**
 * The index file: 8 bytes magic, format number and CRC-32 of all that follows (both little-endian, 32 bits), the length of a JSON header,
 * the header, then columns of variable-length numbers (seven bits per byte, low ones first). IDs are in lexicographic order, each as the
 * number of codes that it shares with the previous one, and the rest. The same index gives the same bytes.
 */

import { TextEncoder } from "../base/text-codecs.ts";
import type { ItemId } from "../ids/item-id.ts";
import { CHANGES, type IndexContents, publishedSizes } from "./index-contents.ts";

/** A reader refuses a higher one. Indexes of the first generation are written with format 1, as ever. */
export const FORMAT = 2;
export const MAGIC = "RQVAEIDX";
/** Where the JSON header starts. */
export const BODY = 16;

export function writeIndexFile(contents: IndexContents): Uint8Array {
  const { itemIds, codes, raw, retired, journal, ...header } = contents;
  const sizes = publishedSizes(contents);
  const levels = sizes.length;
  const rawLevels = contents.codebookSizes.length;
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
      for (let l = 0; l < rawLevels; l++) {
        if (raw[row * rawLevels + l] === codes[row * levels + l]) continue;
        moved.push(row);
        break;
      }
    }
    out.number(moved.length);
    out.ascending(moved);
    for (const row of moved) out.numbers(raw.subarray(row * rawLevels, (row + 1) * rawLevels));
  }
  for (const { kind, items, itemIds: concerned, before, after } of journal) {
    out.numbers([CHANGES.indexOf(kind), items, concerned.length, (before ? 1 : 0) + (after ? 2 : 0)]);
    for (const itemId of concerned) out.itemId(itemId);
    for (const ids of [before, after]) if (ids) out.numbers(ids.codes);
  }
  const bytes = out.bytes();
  const head = new DataView(bytes.buffer);
  head.setUint32(8, contents.earlier ? FORMAT : 1, true);
  head.setUint32(12, crc32(bytes.subarray(BODY)), true);
  return bytes;
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
      // Mostly one byte per letter; the length comes first.
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

/** As in zip and PNG: polynomial 0xedb88320, bits reversed. */
export function crc32(bytes: Uint8Array): number {
  const table = Uint32Array.from({ length: 256 }, (_, byte) => {
    for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? 0xedb88320 ^ (byte >>> 1) : byte >>> 1;
    return byte;
  });
  let crc = 0xffffffff;
  for (const byte of bytes) crc = table[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
