/** Google's Snappy, the default compression of Parquet files. */

import { invalid } from "../../base/errors.ts";

/**
 * Decompresses a block of known size.
 * @throws InvalidInputError if it does not give exactly `size` bytes.
 */
export function unsnappy(input: Uint8Array, size: number): Uint8Array {
  const output = new Uint8Array(size);
  let at = 0;
  let out = 0;
  let said = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = input[at++];
    if (byte === undefined || shift > 28) throw damaged();
    said += (byte & 127) * 2 ** shift;
    if (byte < 128) break;
  }
  if (said !== size) throw damaged();
  while (at < input.length) {
    const head = input[at++]!;
    if ((head & 3) === 0) {
      let length = head >> 2;
      if (length >= 60) {
        const bytes = length - 59;
        if (at + bytes > input.length) throw damaged();
        length = 0;
        for (let k = 0; k < bytes; k++) length += input[at + k]! * 256 ** k;
        at += bytes;
      }
      length++;
      if (at + length > input.length || out + length > size) throw damaged();
      output.set(input.subarray(at, at + length), out);
      at += length;
      out += length;
      continue;
    }
    const bytes = [0, 1, 2, 4][head & 3]!;
    if (at + bytes > input.length) throw damaged();
    let offset = 0;
    for (let k = 0; k < bytes; k++) offset += input[at + k]! * 256 ** k;
    if (bytes === 1) offset += (head >> 5) * 256;
    const length = bytes === 1 ? ((head >> 2) & 7) + 4 : (head >> 2) + 1;
    at += bytes;
    if (offset === 0 || offset > out || out + length > size) throw damaged();
    if (offset >= length) output.copyWithin(out, out - offset, out - offset + length);
    else for (let k = 0; k < length; k++) output[out + k] = output[out + k - offset]!;
    out += length;
  }
  if (out !== size) throw damaged();
  return output;
}

const damaged = () => invalid("FILE_DAMAGED")`the Parquet file is damaged: a page compressed by Snappy is broken`;
