/**
 * Semantic IDs as tokens of a language model: a token and an integer for each code, and users' histories as padded sequences.
 *
 * @module rqvae/vocabulary
 */

export { type EncodedHistories, encodeHistories, type HistoryOptions, type RaggedHistories } from "./histories.ts";
export { Vocabulary, type VocabularyOptions } from "./vocabulary.ts";
