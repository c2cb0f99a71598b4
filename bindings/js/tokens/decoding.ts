/**
 * Constrained decoding: a language model that writes semantic IDs can only write those that items have.
 *
 * @module rqvae/decoding
 */

export { LogitsMask } from "./logits-mask.ts";
export { logitsProcessor } from "./logits-processor.ts";
