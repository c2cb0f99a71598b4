/**
 * Readers and writers of files: pure functions over bytes and text, for browsers and Node alike.
 *
 * @module rqvae/formats
 */

export { readAddedTokens, writeAddedTokens } from "./added-tokens.ts";
export { type CsvItems, type CsvOptions, readCsv } from "./csv.ts";
export { type ReadItems, readItems } from "./detect.ts";
export {
  ID_FORMATS,
  type IdExtras,
  type IdFormat,
  idChunks,
  type ReadIds,
  type ReadIdsOptions,
  readIds,
} from "./detect-ids.ts";
export { type CodeVectors, type HopwiseTable, hopwiseChunks, readHopwise, writeHopwise } from "./hopwise.ts";
export type { IdTable, IdTableOptions, IdTableSource } from "./id-table.ts";
export { idTrieChunks, readIdTrie, writeIdTrie } from "./id-trie.ts";
export { type IdsCsvOptions, idsCsvChunks, readIdsCsv, readIdTableCsv, writeIdsCsv } from "./ids.ts";
export { idsJsonlChunks, readIdsJsonl, writeIdsJsonl } from "./ids-jsonl.ts";
export { type JsonItems, readJson } from "./json.ts";
export { checkLabels, readLabels } from "./labels.ts";
export { type LcRecOptions, lcRecChunks, readLcRec, writeLcRec } from "./lcrec.ts";
export { type IdsNpyType, readIdsNpy, readNpy, writeIdsNpy, writeNpy } from "./npy.ts";
export {
  type AtomicFile,
  mergeRecBoleChunks,
  type RecBoleOptions,
  readAtomicFile,
  readRecBole,
  recBoleChunks,
  writeRecBole,
} from "./recbole.ts";
