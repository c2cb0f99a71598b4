/** Arrays of which nothing is left. */

import { InvalidInputError } from "./errors.ts";

/**
 * Refuses an array that was given away (`postMessage` with a list of transfers, `structuredClone`, `ArrayBuffer.transfer`) or that lies
 * beyond the end of a buffer that shrank. It looks like an empty one, and most of its methods throw a bare TypeError.
 * @throws InvalidInputError that names the argument `name`.
 */
export function requireAttached(bytes: ArrayBufferLike | ArrayBufferView, name: string): void {
  try {
    // Nearly always more than nothing; only a DataView throws here already.
    if (bytes.byteLength > 0) return;
    if (!ArrayBuffer.isView(bytes)) new Uint8Array(bytes);
    else if (Object.prototype.toString.call(bytes) !== "[object DataView]") Uint8Array.prototype.at.call(bytes, 0);
  } catch (cause) {
    throw new InvalidInputError(
      `${name}: nothing is left of this array: its buffer was given away (transferred, to a worker for one) or shrank. Pass a copy, or give it away afterwards`,
      { cause },
    );
  }
}

/** A view of the bytes. @throws InvalidInputError as `requireAttached` */
export function viewBytes(bytes: ArrayBufferLike | ArrayBufferView, name: string): Uint8Array {
  requireAttached(bytes, name);
  return ArrayBuffer.isView(bytes)
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(bytes);
}
