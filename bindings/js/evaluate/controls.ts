/** IDs that say nothing about the items, which good IDs must beat. */

import { SemanticIds } from "../ids/semantic-ids.ts";
import { mix } from "../items/sample.ts";

const START = 0x9e3779b9;

/** The same IDs, each given to another item (Fisher and Yates): the same tree of codes, which now says nothing about the items. */
export function shuffledIds({ codes, levels, length, codebookSizes }: SemanticIds, seed: number): SemanticIds {
  const order = Uint32Array.from({ length }, (_, i) => i);
  const key = mix(seed + START);
  for (let i = length - 1; i > 0; i--) {
    const j = mix(key + i) % (i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  const shuffled = codes.slice();
  order.forEach((from, to) => {
    shuffled.set(codes.subarray(from * levels, (from + 1) * levels), to * levels);
  });
  return SemanticIds.trusted(shuffled, codebookSizes);
}

/** Codes drawn at random, of as many levels and codes. */
export function randomIds({ levels, length, codebookSizes }: SemanticIds, seed: number): SemanticIds {
  const codes = SemanticIds.allocate(length, codebookSizes);
  for (let i = 0; i < codes.length; i++) codes[i] = mix(mix(i + START) + seed) % codebookSizes[i % levels]!;
  return SemanticIds.trusted(codes, codebookSizes);
}

/** IDs of one code, each item its own: for models that know items by nothing else. */
export function itemNumbers(length: number): SemanticIds {
  return SemanticIds.trusted(
    Uint32Array.from({ length }, (_, i) => i),
    [length],
  );
}
