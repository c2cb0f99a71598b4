/** Formats in which files of IDs are read and written. */
export const ID_FORMATS = ["csv", "jsonl", "lcrec", "recbole", "semanticids", "npy", "trie", "parquet"] as const;
/** A format of files of IDs. */
export type IdFormat = (typeof ID_FORMATS)[number];
