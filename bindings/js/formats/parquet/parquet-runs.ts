/** Parquet's hybrid of runs and packed bits (RLE), which encodes levels and dictionary codes. */

import { damagedParquet } from "./parquet-bytes.ts";

/** Reads runs of equal numbers and groups of packed ones until the target is full. */
export function readRuns(
  bytes: Uint8Array,
  start: number,
  end: number,
  bits: number,
  target: Uint8Array | Uint32Array,
): void {
  const width = (bits + 7) >> 3;
  let at = start;
  for (let done = 0; done < target.length; ) {
    let head = 0;
    for (let k = 0; ; k++) {
      if (at >= end || k > 4) throw damagedParquet("a run of levels or codes is broken");
      const byte = bytes[at++]!;
      head += (byte & 127) * 2 ** (7 * k);
      if (byte < 128) break;
    }
    if (head % 2 === 0) {
      const run = Math.min(head / 2, target.length - done);
      if (at + width > end) throw damagedParquet("a run of levels or codes is cut short");
      let value = 0;
      for (let k = 0; k < width; k++) value += bytes[at + k]! * 256 ** k;
      at += width;
      target.fill(value, done, done + run);
      done += run;
      continue;
    }
    const groups = (head - 1) / 2;
    const packed = Math.min(groups * 8, target.length - done);
    if (at + Math.ceil((packed * bits) / 8) > end) throw damagedParquet("packed levels or codes are cut short");
    unpack(bytes, at, bits, target, done, packed);
    at += groups * bits;
    done += packed;
  }
}

/** Numbers of `bits` bits each, the lowest first. */
function unpack(
  bytes: Uint8Array,
  start: number,
  bits: number,
  target: Uint8Array | Uint32Array,
  first: number,
  length: number,
): void {
  if (bits === 0) {
    target.fill(0, first, first + length);
    return;
  }
  let buffer = 0; // of `held` bits; in the common case at most 24 + 7 bits
  let held = 0;
  let at = start;
  if (bits <= 24) {
    const mask = (1 << bits) - 1;
    for (let i = 0; i < length; i++) {
      while (held < bits) {
        buffer |= bytes[at++]! << held;
        held += 8;
      }
      target[first + i] = buffer & mask;
      buffer >>>= bits;
      held -= bits;
    }
    return;
  }
  for (let i = 0; i < length; i++) {
    let value = 0;
    const bit = i * bits;
    for (let k = 0; k < bits; k++) {
      const place = bit + k;
      if ((bytes[start + (place >> 3)]! >> (place & 7)) & 1) value += 2 ** k;
    }
    target[first + i] = value;
  }
}
