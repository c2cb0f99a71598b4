/** Codes and the sizes of codebooks in words. */

import { thousands } from "../base/words.ts";
import { levelLetter } from "./semantic-ids.ts";

/** The first `depth` codes as tokens: "<a_17><b_203>". */
export function tokens(codes: readonly number[]): string {
  return codes.map((code, level) => `<${levelLetter(level)}_${code}>`).join("");
}

/** "16 x 16 x 16" or "3 x 256" */
export function shapeOf(codebookSizes: readonly number[]): string {
  const [first] = codebookSizes;
  if (codebookSizes.length > 1 && codebookSizes.every((size) => size === first)) {
    return `${codebookSizes.length} x ${thousands(first!)}`;
  }
  return codebookSizes.map(thousands).join(" x ");
}

/** "3 x 256 codes make", "1 code makes" */
export const codesMake = (codebookSizes: readonly number[]): string =>
  codebookSizes.join() === "1" ? "1 code makes" : `${shapeOf(codebookSizes)} codes make`;
