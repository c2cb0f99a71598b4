/** Parquet's delta encodings: DELTA_BINARY_PACKED, DELTA_LENGTH_BYTE_ARRAY and DELTA_BYTE_ARRAY. */

import { counted, thousands } from "../../base/words.ts";
import { damagedParquet, requireBytes } from "./parquet-bytes.ts";

/** Far above any writer's numbers; larger ones only serve to overflow. */
const MAX_BLOCK = 2 ** 31 - 1;

/**
 * DELTA_BINARY_PACKED: a first value, then blocks of differences. A block has its smallest difference, and how much the others exceed it in
 * miniblocks, each of which packs its numbers in as few bits as they need. Sums wrap around at the type's width.
 *
 * @param target As long as the number of values; an empty target needs no encoding.
 * @returns Where the next part starts.
 * @throws InvalidInputError for another number of values, or an impossible header.
 */
export function readDeltas(
  bytes: Uint8Array,
  start: number,
  target: Int32Array | Uint32Array | BigInt64Array | BigUint64Array,
): number {
  let at = start;
  const unsigned = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 63n) throw damagedParquet("the header of a block of differences is broken");
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const signed = () => {
    const value = unsigned();
    return (value >> 1n) ^ -(value & 1n);
  };
  const [block, miniblocks, values] = [Number(unsigned()), Number(unsigned()), Number(unsigned())];
  const size = block / miniblocks;
  // The format requires multiples of 32; an old writer used 8. Either way they fill whole bytes.
  if (!(miniblocks > 0 && block <= MAX_BLOCK && size > 0 && size % 8 === 0)) {
    throw damagedParquet(`blocks of ${thousands(block)} differences in ${thousands(miniblocks)} parts are impossible`);
  }
  if (values !== target.length) {
    throw damagedParquet(`a page claims ${counted(values, "value")}, but has ${thousands(target.length)}`);
  }
  const isWide = target instanceof BigInt64Array || target instanceof BigUint64Array;
  const first = signed();
  if (isWide) target[0] = first;
  else target[0] = Number(BigInt.asIntN(32, first));
  for (let done = 1; done < target.length; ) {
    const least = signed();
    requireBytes(bytes, at, miniblocks);
    const widths = bytes.subarray(at, at + miniblocks);
    at += miniblocks;
    for (let m = 0; m < miniblocks && done < target.length; m++) {
      const width = widths[m]!;
      if (width > 64) throw damagedParquet(`differences of ${width} bits are impossible`);
      const here = Math.min(size, target.length - done);
      requireBytes(bytes, at, Math.ceil((here * width) / 8));
      if (isWide) addWide(target, done, here, least, bytes, at, width);
      else addNarrow(target, done, here, Number(BigInt.asIntN(32, least)), bytes, at, width);
      done += here;
      at += (size * width) / 8;
    }
  }
  return at;
}

/** Of differences wider than 32 bits only the lower 32 bits count. */
function addNarrow(
  target: Int32Array | Uint32Array,
  first: number,
  length: number,
  least: number,
  bytes: Uint8Array,
  start: number,
  width: number,
): void {
  const low = Math.min(32, width);
  let value = target[first - 1]!;
  for (let i = 0; i < length; i++) {
    value = (value + least + bitsAt(bytes, start, i * width, low)) | 0;
    target[first + i] = value;
  }
}

function addWide(
  target: BigInt64Array | BigUint64Array,
  first: number,
  length: number,
  least: bigint,
  bytes: Uint8Array,
  start: number,
  width: number,
): void {
  const low = Math.min(32, width);
  let value = target[first - 1]!;
  for (let i = 0; i < length; i++) {
    value += least + BigInt(bitsAt(bytes, start, i * width, low));
    if (width > 32) value += BigInt(bitsAt(bytes, start, i * width + 32, width - 32)) << 32n;
    value = BigInt.asIntN(64, value);
    target[first + i] = value;
  }
}

/** A number of up to 32 bits, the lowest first. */
function bitsAt(bytes: Uint8Array, start: number, bit: number, width: number): number {
  if (width === 0) return 0;
  let at = start + Math.floor(bit / 8);
  const skipped = bit % 8;
  let value = bytes[at]! >> skipped;
  for (let bits = 8 - skipped; bits < width; bits += 8) value += bytes[++at]! * 2 ** bits;
  return value % 2 ** width; // at most 39 bits, so exact
}

/** Lengths, none of them negative. */
function readLengths(bytes: Uint8Array, start: number, length: number): { lengths: Int32Array; end: number } {
  const lengths = new Int32Array(length);
  const end = readDeltas(bytes, start, lengths);
  for (const own of lengths) if (own < 0) throw damagedParquet("a text has a negative length");
  return { lengths, end };
}

/** DELTA_LENGTH_BYTE_ARRAY: all lengths, then all bytes. Returns views of the bytes. */
export function* deltaLengthByteArrays(bytes: Uint8Array, start: number, length: number): Generator<Uint8Array> {
  const { lengths, end } = readLengths(bytes, start, length);
  let at = end;
  for (const own of lengths) {
    requireBytes(bytes, at, own);
    yield bytes.subarray(at, at + own);
    at += own;
  }
}

/**
 * DELTA_BYTE_ARRAY: how many bytes each text shares with the previous one, then the rest of each by DELTA_LENGTH_BYTE_ARRAY. Each result is
 * valid until the next.
 * @param limit The most bytes of all texts together.
 */
export function* deltaByteArrays(
  bytes: Uint8Array,
  start: number,
  length: number,
  limit: number,
): Generator<Uint8Array> {
  const { lengths: shared, end } = readLengths(bytes, start, length);
  let held = new Uint8Array(64);
  let before = 0;
  let total = 0;
  let i = 0;
  for (const rest of deltaLengthByteArrays(bytes, end, length)) {
    const prefix = shared[i++]!;
    if (prefix > before) {
      throw damagedParquet(
        `a text shares ${counted(prefix, "byte")} with the previous one, which has ${thousands(before)}`,
      );
    }
    before = prefix + rest.length;
    total += before;
    if (total > limit) {
      throw damagedParquet(`texts that share prefixes take more than ${counted(limit, "byte")}`);
    }
    if (before > held.length) {
      const larger = new Uint8Array(2 * before);
      larger.set(held.subarray(0, prefix));
      held = larger;
    }
    held.set(rest, prefix);
    yield held.subarray(0, before);
  }
}
