/** Errors that the readers of Parquet share. */

import { type InvalidInputError, invalid } from "../../base/errors.ts";
import { counted, thousands } from "../../base/words.ts";

export const damagedParquet = (why: string): InvalidInputError =>
  invalid("FILE_DAMAGED")`the Parquet file is damaged: ${why}`;

/** @throws InvalidInputError if a page has fewer than `needed` bytes from `start` on. */
export function requireBytes(bytes: Uint8Array, start: number, needed: number): void {
  if (start + needed > bytes.length) {
    throw damagedParquet(
      `a page needs ${counted(needed, "byte")} of values, but has ${thousands(Math.max(0, bytes.length - start))}`,
    );
  }
}
