import type { IdTrie } from "./id-trie.ts";
import { squaredDistances, subtract } from "./residuals.ts";

/**
 * The whole ID in the trie nearest to `wanted`, which may be shorter than an ID. The longest common prefix counts first, since early codes
 * say most. Below it, with codebooks, it takes at each level the code whose vector is nearest to the sum of the remaining wanted codes'
 * vectors; without codebooks, the ID in which most of the further codes agree, of equal ones the lowest.
 */
export function nearestId(
  trie: IdTrie,
  wanted: ArrayLike<number>,
  codebooks: readonly Float32Array[] | undefined,
  codebookSizes: readonly number[],
): number[] {
  let state = trie.root;
  let depth = 0;
  while (depth < wanted.length) {
    const next = trie.step(state, wanted[depth]!);
    if (next < 0) break;
    state = next;
    depth++;
  }
  if (!codebooks) return trie.prefix(mostAgreeing(trie, state, depth, wanted).state);
  let target = new Float64Array(codebooks[0]!.length / codebookSizes[0]!);
  for (let level = Math.min(wanted.length, codebooks.length) - 1; level >= depth; level--) {
    const [codebook, at] = [codebooks[level]!, wanted[level]! * target.length];
    target = target.map((value, j) => value + codebook[at + j]!);
  }
  for (; depth < trie.levels; depth++) {
    const codes = trie.next(state);
    const codebook = codebooks[depth];
    let code = codes[0]!;
    if (codebook) {
      const distances = squaredDistances(target, codebook);
      for (const candidate of codes) if (distances[candidate]! < distances[code]!) code = candidate;
      target = subtract(target, codebook, code) as typeof target;
    } else if (codes.includes(wanted[depth]!)) {
      code = wanted[depth]!; // a suffix has no vector
    }
    state = trie.step(state, code);
  }
  return trie.prefix(state);
}

/** The first whole ID below a state with the most wanted codes, and their number. */
function mostAgreeing(
  trie: IdTrie,
  state: number,
  depth: number,
  wanted: ArrayLike<number>,
): { state: number; agreeing: number } {
  if (depth === trie.levels) return { state, agreeing: 0 };
  let best = { state: -1, agreeing: -1 };
  const possible = Math.max(0, wanted.length - depth - 1);
  for (const code of trie.next(state)) {
    const own = code === wanted[depth] ? 1 : 0;
    if (own + possible <= best.agreeing) continue;
    const below = mostAgreeing(trie, trie.step(state, code), depth + 1, wanted);
    if (own + below.agreeing > best.agreeing) best = { state: below.state, agreeing: own + below.agreeing };
  }
  return best;
}
