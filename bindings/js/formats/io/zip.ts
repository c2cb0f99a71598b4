/** The directory of a zip archive and its members: stored or deflated, with zip64 if they are large. */

import { describeValue } from "../../base/describe-value.ts";
import { type InvalidInputError, invalid } from "../../base/errors.ts";
import { TextDecoder } from "../../base/text-codecs.ts";
import { counted, thousands } from "../../base/words.ts";
import { type ByteSource, readBytes, section, streamBytes } from "./byte-source.ts";
import { inflate, MAX_RATIO, RATIO_FREE } from "./inflate.ts";

/** A member of an archive, as its directory describes it. Sizes and bounds are checked. */
export interface ZipEntry {
  name: string;
  stored: boolean;
  /** Bytes in the archive. */
  compressed: number;
  /** Bytes of the member. */
  size: number;
  crc: number;
  /** Where its local header starts. */
  headerAt: number;
}

const MAX_DIRECTORY = 1 << 26;
const U32 = 0xffffffff;

/** @throws InvalidInputError if the archive is damaged or encrypted, or if a member claims more than MAX_RATIO times its size. */
export async function readZipDirectory(source: ByteSource): Promise<ZipEntry[]> {
  const { start, size, entries } = await findDirectory(source);
  const bytes = await readBytes(source, start, start + size);
  const view = new DataView(bytes.buffer);
  const found: ZipEntry[] = [];
  for (let at = 0; found.length < entries; ) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== 0x02014b50) throw damaged("its directory is broken");
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => view.getUint16(at + field, true)) as [
      number,
      number,
      number,
    ];
    const end = at + 46 + nameLength + extraLength + commentLength;
    if (end > bytes.length) throw damaged("its directory is cut short");
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    const sizes = [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)];
    fillFromZip64(sizes, view, at + 46 + nameLength, extraLength);
    const [memberSize, compressed, headerAt] = sizes as [number, number, number];
    const flags = view.getUint16(at + 8, true);
    const method = view.getUint16(at + 10, true);
    const where = `its member ${describeValue(name)}`;
    if (flags & 1) throw invalid("TYPE_UNSUPPORTED")`${where} is encrypted${{ hint: "save it without a password" }}`;
    if (headerAt + 30 + compressed > start) throw damaged(`${where} lies outside the file`);
    if (method !== 0 && method !== 8) {
      throw invalid(
        "TYPE_UNSUPPORTED",
      )`${where} is compressed with method ${method}; use a stored or deflated archive (numpy.savez, numpy.savez_compressed)`;
    }
    if (method === 0 && compressed !== memberSize) throw damaged(`${where} is stored, but with two sizes`);
    if (memberSize > RATIO_FREE && memberSize > compressed * MAX_RATIO) {
      throw invalid(
        "FILE_TOO_LARGE",
      )`${where} claims ${counted(memberSize, "byte")} out of ${thousands(compressed)}: more than ${MAX_RATIO} times as many are refused`;
    }
    found.push({
      name,
      stored: method === 0,
      compressed,
      size: memberSize,
      crc: view.getUint32(at + 16, true),
      headerAt,
    });
    at = end;
  }
  checkOverlaps(found);
  return found;
}

function damaged(why: string): InvalidInputError {
  return invalid("FILE_DAMAGED")`the zip archive is damaged or cut short: ${why}`;
}

/** The end of central directory record, which comes before a comment of up to 64 KB, and its zip64 counterpart. */
async function findDirectory(source: ByteSource): Promise<{ start: number; size: number; entries: number }> {
  const tailAt = Math.max(0, source.size - 22 - 0xffff);
  const tail = await readBytes(source, tailAt, source.size);
  const view = new DataView(tail.buffer);
  let at = tail.length - 22;
  while (
    at >= 0 &&
    !(view.getUint32(at, true) === 0x06054b50 && at + 22 + view.getUint16(at + 20, true) <= tail.length)
  )
    at--;
  if (at < 0) throw damaged("it has no directory at its end");
  let [entries, size, start] = [
    view.getUint16(at + 10, true),
    view.getUint32(at + 12, true),
    view.getUint32(at + 16, true),
  ];
  let end = tailAt + at;
  if (
    at >= 20 &&
    view.getUint32(at - 20, true) === 0x07064b50 &&
    (entries === 0xffff || size === U32 || start === U32)
  ) {
    const recordAt = safe(view.getBigUint64(at - 12, true));
    if (recordAt + 56 > source.size) throw damaged("its zip64 record lies outside the file");
    const record = new DataView((await readBytes(source, recordAt, recordAt + 56)).buffer);
    if (record.getUint32(0, true) !== 0x06064b50) throw damaged("its zip64 record is broken");
    [entries, size, start] = [32, 40, 48].map((field) => safe(record.getBigUint64(field, true))) as [
      number,
      number,
      number,
    ];
    end = recordAt;
  }
  if (start + size > end || size > MAX_DIRECTORY || entries * 46 > size)
    throw damaged("its directory has an impossible size");
  return { start, size, entries };
}

/** Sizes of 0xffffffff are in the extra field 1, in this order. */
function fillFromZip64(sizes: number[], view: DataView, start: number, length: number): void {
  if (!sizes.includes(U32)) return;
  for (let at = start; at + 4 <= start + length; ) {
    const [id, size] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
    if (id === 1) {
      let field = at + 4;
      for (const [i, value] of sizes.entries()) {
        if (value !== U32) continue;
        if (field + 8 > Math.min(at + 4 + size, start + length)) throw damaged("a zip64 size is missing");
        sizes[i] = safe(view.getBigUint64(field, true));
        field += 8;
      }
      return;
    }
    at += 4 + size;
  }
}

const safe = (value: bigint) => Number(value <= BigInt(Number.MAX_SAFE_INTEGER) ? value : Number.MAX_SAFE_INTEGER);

function checkOverlaps(entries: readonly ZipEntry[]): void {
  const sorted = [...entries].sort((a, b) => a.headerAt - b.headerAt);
  for (const [i, entry] of sorted.entries()) {
    const next = sorted[i + 1];
    if (next && entry.headerAt + 30 + entry.compressed > next.headerAt) {
      throw damaged(`its members ${describeValue(entry.name)} and ${describeValue(next.name)} overlap`);
    }
  }
}

/** Where a member's data is: after the local header, whose name and extra field have their own lengths. */
async function dataOf(source: ByteSource, entry: ZipEntry): Promise<ByteSource> {
  const header = new DataView((await readBytes(source, entry.headerAt, entry.headerAt + 30)).buffer);
  if (header.getUint32(0, true) !== 0x04034b50)
    throw damaged(`the header of ${describeValue(entry.name)} is not where it should be`);
  const start = entry.headerAt + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  if (start + entry.compressed > source.size) throw damaged(`${describeValue(entry.name)} lies outside the file`);
  return section(source, start, entry.compressed);
}

/** A stored member, to be read by ranges. */
export function storedMember(source: ByteSource, entry: ZipEntry): Promise<ByteSource> {
  return dataOf(source, entry);
}

/** A member's bytes in pieces; its checksum is verified at the end. */
export async function* zipMember(source: ByteSource, entry: ZipEntry): AsyncGenerator<Uint8Array> {
  const data = await dataOf(source, entry);
  // Small pieces of compressed data, since the output of one exists at once.
  const pieces = entry.stored
    ? streamBytes(data)
    : inflate(streamBytes(data, { piece: 1 << 16 }), "deflate-raw", entry.size);
  let crc = U32;
  let size = 0;
  for await (const piece of pieces) {
    crc = updateCrc(crc, piece);
    size += piece.length;
    yield piece;
  }
  if (size !== entry.size) {
    throw damaged(`${describeValue(entry.name)} has ${counted(size, "byte")} instead of ${thousands(entry.size)}`);
  }
  if ((crc ^ U32) >>> 0 !== entry.crc) throw damaged(`the checksum of ${describeValue(entry.name)} is wrong`);
}

let crcTable: Uint32Array | undefined;

/** CRC-32 as zip has it, before the final inversion. */
function updateCrc(crc: number, bytes: Uint8Array): number {
  crcTable ??= Uint32Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n;
  });
  for (let i = 0; i < bytes.length; i++) crc = crcTable[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return crc;
}
