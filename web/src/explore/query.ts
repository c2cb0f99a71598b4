import type { SemanticIds } from "rqvae";
import { readCodes } from "./read-codes.ts";

/** What somebody typed into a search: words, or the codes of an ID. */
export type Query =
  | { kind: "none" }
  | { kind: "words"; words: string }
  /** Tokens of an ID, anywhere in it; the last may be incomplete, as it is still being typed. */
  | { kind: "tokens"; tokens: string }
  /** Plain numbers: words of a title or, if no title has them, the beginning of an ID. */
  | { kind: "numbers"; words: string; codes: number[] };

/** Whole tokens, and the beginning of another, which has its level at least: "<a_17><b_". */
const TOKENS = /^(?:<[a-z]_\d+>)*(?:<[a-z]_\d*)?$/;

/** Only what parses as tokens is an ID: titles may have "<" in them, too. */
export function readQuery(text: string): Query {
  const words = text.trim().toLowerCase();
  if (words === "") return { kind: "none" };
  const bare = words.replace(/\s+/g, "");
  if (bare.startsWith("<") && TOKENS.test(bare)) return { kind: "tokens", tokens: bare };
  if (/^[a-z]_\d+(?:[\s,;]*[a-z]_\d+)*$/.test(words)) {
    return {
      kind: "tokens",
      tokens: words
        .match(/[a-z]_\d+/g)!
        .map((token) => `<${token}>`)
        .join(""),
    };
  }
  const codes = /^\d/.test(words) ? readCodes(words) : undefined;
  return codes ? { kind: "numbers", words, codes } : { kind: "words", words };
}

/** What is wrong with codes as the beginning of an ID; undefined if nothing is. */
export function whyNoId(
  codes: readonly number[],
  { levels, codebookSizes }: Pick<SemanticIds, "levels" | "codebookSizes">,
): { tooMany: number } | { beyond: number; largest: number } | undefined {
  if (codes.length > levels) return { tooMany: codes.length };
  const beyond = codes.findIndex((code, level) => code >= codebookSizes[level]!);
  return beyond < 0 ? undefined : { beyond, largest: codebookSizes[beyond]! - 1 };
}
