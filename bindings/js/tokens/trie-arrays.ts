import { invalid } from "../base/errors.ts";
import { OptionReader } from "../base/option-reader.ts";
import type { ItemId } from "../ids/item-id.ts";
import { type IdFilter, liveCountsOf } from "../index/id-filter.ts";
import type { SemanticIdIndex } from "../index/semantic-id-index.ts";
import { CodeTokens, type IdVocabulary } from "./code-tokens.ts";
import { viewOf } from "./view.ts";

/**
 * The tree of IDs as a sparse matrix in rows (CSR), for serving engines in any language. Nodes count from 0, the root, level by level, the
 * whole IDs last. Walk it so:
 *
 * ```
 * node = 0
 * for each token so far:
 *   edge = the one from offsets[node] to offsets[node + 1] - 1 with tokens[edge] = token, or none: the token may not follow
 *   node = children[edge]
 * allowed tokens = tokens[offsets[node]] to tokens[offsets[node + 1] - 1]; if there are none, only the end of the sequence
 * items = itemIds[itemOffsets[node - firstWhole]] to itemIds[itemOffsets[node - firstWhole + 1] - 1], of a whole ID
 * ```
 */
export interface TrieArrays {
  /** nodes + 1 entries: where the edges of each node start, and where the last ones end. */
  offsets: Uint32Array;
  /** The token of each edge; those of a node in the order of their codes. */
  tokens: Int32Array;
  /** The node that each edge leads to. */
  children: Uint32Array;
  /** The node of the first whole ID. */
  firstWhole: number;
  /** One entry for each whole ID, and one more: where its items start. */
  itemOffsets: Uint32Array;
  /** The items of each whole ID, sorted. */
  itemIds: ItemId[];
}

/**
 * Exports what a server needs for constrained decoding, of an index or of a filter of one.
 * @throws InvalidInputError for a vocabulary with tokens above 2^31 - 1 or as `LogitsMask`.
 */
export async function trieArrays(index: SemanticIdIndex | IdFilter, vocabulary: IdVocabulary): Promise<TrieArrays> {
  const view = await viewOf(index, undefined);
  const names = new CodeTokens(view.codebookSizes, vocabulary);
  if (names.largest >= 2 ** 31)
    throw invalid()`${{ argument: "vocabulary" }} has the token ${names.largest}, above 2^31 - 1`;
  const counts = liveCountsOf(view);
  const [offsets, tokens, children]: [number[], number[], number[]] = [[0], [], []];
  let states = [counts.trie.root];
  let firstWhole = 0;
  for (const tokenOf of names.of) {
    const next: number[] = [];
    const firstChild = firstWhole + states.length;
    for (const state of states) {
      for (const code of counts.next(state)) {
        tokens.push(tokenOf[code]!);
        children.push(firstChild + next.length);
        next.push(counts.trie.step(state, code));
      }
      offsets.push(tokens.length);
    }
    firstWhole = firstChild;
    states = next;
  }
  const itemOffsets = [0];
  const itemIds: ItemId[] = [];
  for (const state of states) {
    for (const row of counts.trie.rows(state)) if (counts.allows(row)) itemIds.push(counts.rows.itemAt(row));
    itemOffsets.push(itemIds.length);
    offsets.push(tokens.length);
  }
  return {
    offsets: Uint32Array.from(offsets),
    tokens: Int32Array.from(tokens),
    children: Uint32Array.from(children),
    firstWhole,
    itemOffsets: Uint32Array.from(itemOffsets),
    itemIds,
  };
}

/**
 * What may follow each prefix, as a table that `JSON.stringify` writes: `{ "": [10, 11], "10": [23], "10,23": [1] }`. The keys are the tokens
 * so far, joined by commas, and after a whole ID there is the end of the sequence. A logits processor of vLLM, or a
 * `prefix_allowed_tokens_fn` of Hugging Face, looks up the tokens that were generated.
 *
 * @param options `depth`: the longest prefixes, in tokens, since a table of large catalogues is long: each node of the tree is an entry.
 * Default: whole IDs.
 * @throws InvalidInputError as `trieArrays`.
 */
export async function allowedTokenTable(
  index: SemanticIdIndex | IdFilter,
  vocabulary: IdVocabulary,
  options: { depth?: number } = {},
): Promise<Record<string, number[]>> {
  const read = new OptionReader(options, "allowedTokenTable");
  const { offsets, tokens, children, firstWhole } = await trieArrays(index, vocabulary);
  const deepest = read.integer("depth", index.levels, 0, index.levels);
  read.refuseUnknown();
  const table: Record<string, number[]> = {};
  let nodes: [node: number, prefix: string][] = [[0, ""]];
  for (let depth = 0; depth <= deepest; depth++) {
    const next: typeof nodes = [];
    for (const [node, prefix] of nodes) {
      const [start, end] = [offsets[node]!, offsets[node + 1]!];
      table[prefix] = node >= firstWhole && depth > 0 ? [vocabulary.eos] : Array.from(tokens.subarray(start, end));
      for (let edge = start; edge < end; edge++) {
        next.push([children[edge]!, prefix === "" ? `${tokens[edge]}` : `${prefix},${tokens[edge]}`]);
      }
    }
    nodes = next;
  }
  return table;
}
