/**
 * Semantic IDs as features of a ranking model: a column of integers for the first code, the first two codes, and so on.
 *
 * @module rqvae/features
 */

export { prefixFeatures } from "./prefix-features.ts";
