/**
 * Constrained decoding: a language model that writes semantic IDs can only write those that items have.
 *
 * @module rqvae/decoding
 */

export {
  type BeamLogits,
  type BeamSearchOptions,
  type BeamSearchProgress,
  type BeamStep,
  type BeamStepContext,
  beamSearch,
  beamSearchSteps,
  type FoundItem,
} from "./beam-search.ts";
export { LogitsMask } from "./logits-mask.ts";
export { logitsProcessor } from "./logits-processor.ts";
export { type TokenEmbeddingOptions, type TokenEmbeddings, tokenEmbeddings } from "./token-embeddings.ts";
export { allowedTokenTable, type TrieArrays, trieArrays } from "./trie-arrays.ts";
