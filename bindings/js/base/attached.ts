/** Arrays that cannot be read: their buffer is gone, or they are behind a Proxy. */

import { invalid } from "./errors.ts";
import { isList, proxiedArray, requireThat, UNWRAP } from "./option-reader.ts";

/**
 * Refuses an array whose buffer was transferred (`postMessage` with a transfer list, `structuredClone`, `ArrayBuffer.transfer`) or that
 * lies beyond the end of a buffer that shrank. It looks like an empty array, and most of its methods throw a bare TypeError. So does
 * everything about an array or buffer behind a Proxy, which is refused too.
 * @throws InvalidInputError that names the argument `name`.
 */
export function requireAttached(bytes: ArrayBufferLike | ArrayBufferView, name: string): void {
  const isView = ArrayBuffer.isView(bytes);
  let size: number | undefined;
  try {
    size = bytes.byteLength;
    if (size > 0) return; // nearly always
    if (!isView) new Uint8Array(bytes);
    else if (Object.prototype.toString.call(bytes) !== "[object DataView]") Uint8Array.prototype.at.call(bytes, 0);
  } catch (cause) {
    // Of all views of a transferred buffer, only a DataView refuses to give its size.
    if (size === undefined && !isView)
      throw invalid("PROXY", cause)`${{ argument: name }} is a Proxy of an array: ${UNWRAP}`;
    throw invalid(
      "ARRAY_GIVEN_AWAY",
      cause,
    )`${{ argument: name }}: this array has no data any more: its buffer was transferred or shrank${{ hint: "Pass a copy, or transfer it afterwards", after: ". " }}`;
  }
}

/** Like `requireAttached`, for values that need not be arrays; other checks handle anything else. */
export function checkArray(value: unknown, name: string): void {
  if (ArrayBuffer.isView(value) || proxiedArray(value)) requireAttached(value as ArrayBufferView, name);
}

/** @throws InvalidInputError for anything but a list of readable values. */
export function requireList(value: unknown, name: string, rule: string): asserts value is ArrayLike<unknown> {
  checkArray(value, name);
  requireThat(isList(value), name, rule, value);
}

/** A view of the bytes. @throws InvalidInputError as `requireAttached` */
export function viewBytes(bytes: ArrayBufferLike | ArrayBufferView, name: string): Uint8Array {
  requireAttached(bytes, name);
  return ArrayBuffer.isView(bytes)
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(bytes);
}
