/**
 * Readers and writers of files, for browsers and Node alike: pure functions over bytes and text, and `openEmbeddings` for files that are
 * read as they are needed.
 *
 * @module rqvae/formats
 */

export { readAddedTokens, writeAddedTokens } from "./added-tokens.ts";
export type { FileSource } from "./byte-source.ts";
export { type ColumnOptions, describeColumns, type TableColumns } from "./columns.ts";
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
export { type IdShard, mergeIdShards, mergeShardItemIds, readIdShard, writeIdShard } from "./id-shard.ts";
export type { IdTable, IdTableOptions, IdTableSource } from "./id-table.ts";
export { idTrieChunks, readIdTrie, writeIdTrie } from "./id-trie.ts";
export { type IdsCsvOptions, idsCsvChunks, readIdsCsv, readIdTableCsv, writeIdsCsv } from "./ids.ts";
export { idsJsonlChunks, readIdsJsonl, writeIdsJsonl } from "./ids-jsonl.ts";
export { idsParquetChunks } from "./ids-parquet.ts";
export { ITEM_FORMATS, type ItemFileOptions, type ItemFormat } from "./item-file.ts";
export { type ItemJoin, type JoinSource, joinItems } from "./join.ts";
export { type JsonItems, type JsonOptions, readJson } from "./json.ts";
export { checkLabels, joinLabels } from "./labels.ts";
export { type LcRecOptions, lcRecChunks, readLcRec, writeLcRec } from "./lcrec.ts";
export { type IdsNpyType, readIdsNpy, readNpy, writeIdsNpy, writeNpy } from "./npy.ts";
export {
  type EmbeddingDescription,
  type OpenEmbeddingsOptions,
  type OpenedEmbeddings,
  openEmbeddings,
} from "./open-embeddings.ts";
export { type PlainModel, type PlainModelOptions, writePlainModel } from "./plain-model.ts";
export { readIdsAsync } from "./read-ids.ts";
export { type ReadItemsOptions, type ReadItemsResult, readItemsAsync } from "./read-items.ts";
export { readLabels } from "./read-labels.ts";
export {
  type AtomicFile,
  mergeRecBoleChunks,
  type RecBoleOptions,
  readAtomicFile,
  readRecBole,
  recBoleChunks,
  writeRecBole,
} from "./recbole.ts";
export type { SkippedRows } from "./row-collector.ts";
export { type EmbeddingBatch, type StreamEmbeddingsOptions, streamEmbeddings } from "./stream-embeddings.ts";
export { VECTOR_FORMATS, type VectorBlocks, type VectorExtras, type VectorFormat, vectorChunks } from "./vectors.ts";
