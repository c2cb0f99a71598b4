/**
 * Semantic IDs as tokens of a language model: a token and an integer for each code, and users' histories as padded sequences.
 *
 * @module rqvae/vocabulary
 */

export { encodeHistories } from "./histories.ts";
export { Vocabulary } from "./vocabulary.ts";
