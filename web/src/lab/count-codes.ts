import type { CodeCounts, PlainIds } from "./types.ts";

/** How many items have each code, one array per level. */
export function countCodes({ codes, codebookSizes }: Pick<PlainIds, "codes" | "codebookSizes">): CodeCounts {
  const levels = codebookSizes.length;
  const perLevel = codebookSizes.map((size) => new Uint32Array(size));
  for (let i = 0; i < codes.length; i++) perLevel[i % levels]![codes[i]!]!++;
  return { items: codes.length / levels, perLevel };
}
