import type { SemanticIds } from "rqvae";
import { make } from "./dom.ts";

/** The tokens of item i's ID, one per level: ["<a_17>", "<b_203>", "<c_9>"]. */
export const tokensOf = (ids: SemanticIds, item: number): string[] => ids.toTokens(item).match(/<[^>]+>/g) ?? [];

/** A hue for each first code, with neighbours far apart (the golden angle); second codes lie to either side of it. */
function hue(codes: readonly number[], level: number): number {
  const family = codes[0]! * 137.508;
  if (level === 0) return Math.round(family) % 360;
  const turn = 25 + ((codes[1]! * 47) % 40);
  return Math.round(family + 360 + (codes[1]! % 2 === 0 ? turn : -turn)) % 360;
}

/** One code as a coloured chip: equal prefixes have equal colours. */
export function codeChip(codes: readonly number[], tokens: readonly string[], level: number): HTMLElement {
  const chip = make("span", level > 1 ? "code plain" : "code", tokens[level] ?? "");
  if (level < 2) chip.style.setProperty("--hue", String(hue(codes, level)));
  return chip;
}

/** The first `depth` codes of an item's ID as chips. */
export function idChips(ids: SemanticIds, item: number, depth = ids.levels): HTMLElement {
  const codes = ids.at(item);
  const tokens = tokensOf(ids, item);
  return make("span", "id", ...tokens.slice(0, depth).map((_, level) => codeChip(codes, tokens, level)));
}

/** Hue of a first code, which stands for a whole family, or of the first two codes, which stand for a part of it. */
export const familyHue = (codes: readonly number[]): number => hue(codes, codes.length > 1 ? 1 : 0);
