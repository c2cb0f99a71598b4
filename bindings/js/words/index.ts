/**
 * Vectors of titles by word vectors, for catalogues that have nothing but text: in the browser, without a language model.
 *
 * @module rqvae/words
 */

export { type TitleCoverage, TitleEmbedder, type TitleVectors } from "./title-embedder.ts";
export { openWords, WordTable, writeWords } from "./word-table.ts";
