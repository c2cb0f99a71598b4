import { requireList } from "../base/attached.ts";
import { invalid } from "../base/errors.ts";
import { show } from "../base/option-reader.ts";
import { thereAre } from "../base/words.ts";

/** @throws InvalidInputError for anything but an ID or a prefix for these levels. */
export function checkCodes(codes: ArrayLike<number>, sizes: readonly number[]): void {
  requireList(codes, "codes", "an array of codes");
  if (codes.length > sizes.length) {
    throw invalid("COUNTS_DIFFER")`${thereAre(codes.length, "code")}, but an ID has ${sizes.length}`;
  }
  for (let level = 0; level < codes.length; level++) {
    const code = codes[level]!;
    if (!Number.isInteger(code) || code < 0 || code >= sizes[level]!) {
      throw invalid(
        "CODE_OUT_OF_RANGE",
      )`${{ level }}: code ${show(code)} is not a whole number from 0 to ${sizes[level]! - 1}`;
    }
  }
}
