/**
 * Constrained decoding: a language model that writes semantic IDs can only write those that items have.
 *
 * @module rqvae/decoding
 */

export { type DecodingIndex, type IdVocabulary, LogitsMask } from "./logits-mask.ts";
export { type LogitsProcessorFunction, type LogitsTensor, logitsProcessor } from "./logits-processor.ts";
