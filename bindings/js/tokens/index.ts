/**
 * Semantic IDs as tokens of a language model: a token and an integer for each code, and users' histories as padded sequences.
 *
 * @module rqvae/vocabulary
 */

export { DEFAULT_TEMPLATE } from "../ids/token-template.ts";
export {
  type CodeLookup,
  type EncodedHistories,
  encodeHistories,
  type HistoryOptions,
  type RaggedHistories,
} from "./histories.ts";

export { type AddedToken, type SpecialName, Vocabulary, type VocabularyOptions } from "./vocabulary.ts";
