/** Numbers in words, the same in every locale. */

import { levelLetter } from "../semantic-ids.ts";
import { counted, thousands } from "../wording.ts";

export { counted, thousands };

/** 0.9312 -> "93.1 %". What is not all is never shown as 100 %, what is not nothing never as 0 %. */
export function percent(share: number): string {
  if (share === 0 || share === 1) return `${100 * share} %`;
  if (share > 0 && share < 0.001) return "under 0.1 %";
  return `${(share > 0.999 && share < 1 ? 99.9 : 100 * share).toFixed(1)} %`;
}

/** Rounded down to whole per cent, so that "100 %" means all. */
export function wholePercent(share: number): string {
  return share > 0 && share < 0.01 ? "under 1 %" : `${Math.floor(share * 100 + 1e-9)} %`;
}

/** Three significant digits: 0.421, 12.3, 1,235. */
export function short(x: number): string {
  const size = Math.abs(x);
  if (size >= 1000) return `${x < 0 ? "-" : ""}${thousands(Math.round(size))}`;
  return size !== 0 && size < 1e-3 ? x.toExponential(2) : x.toPrecision(3);
}

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
