/**
 * Files of embeddings, labels and IDs, for browsers and Node. Readers accept a path (Node), a URL, a Blob or File, bytes, or a stream of
 * bytes; writers give the file in pieces.
 *
 * @module rqvae/formats
 */

export { describeColumns } from "../items/columns.ts";
export { joinItems } from "../items/join.ts";
export { joinLabels } from "../items/labels.ts";
export { writePlainModel } from "../model/plain-model.ts";
export { type VectorFormat, writeVectors } from "./arrays/vectors.ts";
export type { Histories } from "./histories/histories.ts";
export { type ReadHistoriesOptions, readHistories } from "./histories/read-histories.ts";
export { writeAddedTokens } from "./ids/added-tokens.ts";
export type { IdFormat } from "./ids/id-formats.ts";
export { writeIdMap } from "./ids/id-map.ts";
export { type IdShard, mergeIdShards, readIdShard, writeIdShard } from "./ids/id-shard.ts";
export { type ReadIds, type ReadIdsOptions, readIds } from "./ids/read-ids.ts";
export { type WriteIdsOptions, writeIds } from "./ids/write-ids.ts";
export type { FileSource } from "./io/byte-source.ts";
export type { ItemFileOptions, ItemFormat, ItemTable } from "./io/opened-file.ts";
export { type OpenedItems, type OpenItemsOptions, openItems } from "./items/open-items.ts";
export { readItems } from "./items/read-items.ts";
export { readLabels } from "./items/read-labels.ts";
export { streamItems } from "./items/stream-items.ts";
