/**
 * Readers and writers of files, for browsers and Node alike: pure functions over bytes and text, and `openEmbeddings` for files that are
 * read as they are needed.
 *
 * @module rqvae/formats
 */

export { type ColumnOptions, describeColumns, type TableColumns } from "../items/columns.ts";
export { type ItemJoin, type JoinSource, joinItems } from "../items/join.ts";
export { checkLabels, joinLabels } from "../items/labels.ts";
export { type PlainModel, type PlainModelOptions, writePlainModel } from "../model/plain-model.ts";
export { type IdsNpyType, readIdsNpy, readNpy, writeIdsNpy, writeNpy } from "./arrays/npy.ts";
export {
  VECTOR_FORMATS,
  type VectorBlocks,
  type VectorExtras,
  type VectorFormat,
  vectorChunks,
} from "./arrays/vectors.ts";
export { readAddedTokens, writeAddedTokens } from "./ids/added-tokens.ts";
export {
  ID_FORMATS,
  type IdExtras,
  type IdFormat,
  idChunks,
  type ReadIds,
  type ReadIdsOptions,
  readIds,
} from "./ids/detect-ids.ts";
export { type CodeVectors, type HopwiseTable, hopwiseChunks, readHopwise, writeHopwise } from "./ids/hopwise.ts";
export { type IdShard, mergeIdShards, mergeShardItemIds, readIdShard, writeIdShard } from "./ids/id-shard.ts";
export type { IdTable, IdTableOptions, IdTableSource } from "./ids/id-table.ts";
export { idTrieChunks, readIdTrie, writeIdTrie } from "./ids/id-trie.ts";
export { type IdsCsvOptions, idsCsvChunks, readIdsCsv, readIdTableCsv, writeIdsCsv } from "./ids/ids.ts";
export { idsJsonlChunks, readIdsJsonl, writeIdsJsonl } from "./ids/ids-jsonl.ts";
export { idsParquetChunks } from "./ids/ids-parquet.ts";
export { type LcRecOptions, lcRecChunks, readLcRec, writeLcRec } from "./ids/lcrec.ts";
export { readIdsAsync } from "./ids/read-ids.ts";
export {
  type AtomicFile,
  mergeRecBoleChunks,
  type RecBoleOptions,
  readAtomicFile,
  readRecBole,
  recBoleChunks,
  writeRecBole,
} from "./ids/recbole.ts";
export type { FileSource } from "./io/byte-source.ts";
export { ITEM_FORMATS, type ItemFileOptions, type ItemFormat } from "./io/opened-file.ts";
export type { SkippedRows } from "./io/row-collector.ts";
export { type ReadItems, readItems } from "./items/detect.ts";
export {
  type EmbeddingDescription,
  type OpenEmbeddingsOptions,
  type OpenedEmbeddings,
  openEmbeddings,
} from "./items/open-embeddings.ts";
export { type ReadItemsOptions, type ReadItemsResult, readItemsAsync } from "./items/read-items.ts";
export { readLabels } from "./items/read-labels.ts";
export { type EmbeddingBatch, type StreamEmbeddingsOptions, streamEmbeddings } from "./items/stream-embeddings.ts";
export { type CsvItems, readCsv } from "./text/csv.ts";
export type { CsvOptions } from "./text/csv-layout.ts";
export { type JsonItems, type JsonOptions, readJson } from "./text/json.ts";
