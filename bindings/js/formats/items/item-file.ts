/** Opens files of embeddings of every format: some are then read by rows, the others are read at once. */

import { invalid } from "../../base/errors.ts";
import { openNpy, openNpz, readNpyStream } from "../arrays/npz.ts";
import { openSafetensors } from "../arrays/safetensors.ts";
import { type ByteSource, joined, memorySource, peek, readBytes, streamBytes } from "../io/byte-source.ts";
import { extensionOf, type Sniffed, sniff, textFormat } from "../io/bytes.ts";
import { inflate, inflatedLimit } from "../io/inflate.ts";
import type { ItemFile, ItemFileOptions } from "../io/opened-file.ts";
import { utf8Pieces } from "../io/utf8.ts";
import { openParquet } from "../parquet/parquet.ts";
import { CsvTable } from "../text/csv.ts";
import { JsonTable } from "../text/json.ts";

/** Number of bytes by which a format is recognised. */
export const SNIFFED = 4096;

/** A file of text, of which only the start was read. */
export interface TextFile {
  format: "csv" | "json";
  /** Its bytes, decompressed. */
  chunks: AsyncIterable<Uint8Array>;
}

interface OpenOptions extends ItemFileOptions {
  /** Whether a repeated item is refused. Default: true. */
  uniqueIds?: boolean;
}

/** Opens a file by its content, then its name; text is read. @throws InvalidInputError, without the file's name. */
export async function openItemFile(bytes: ByteSource, name: string, options: OpenOptions): Promise<ItemFile> {
  const file = await recognizeItemFile(bytes, name, options);
  return "chunks" in file ? readText(file, options) : file;
}

/** Opens a file by its content, then its name. @throws InvalidInputError, without the file's name. */
export async function recognizeItemFile(
  bytes: ByteSource,
  name: string,
  options: OpenOptions,
): Promise<ItemFile | TextFile> {
  const seen = sniff(await readBytes(bytes, 0, Math.min(SNIFFED, bytes.size)));
  const extension = extensionOf(name);
  if (bytes.size > 0 && (seen.format === "npy" || extension === "npy"))
    return { format: "npy", matrix: await openNpy(bytes) };
  if (seen.format === "zip") {
    const { matrix, ...beside } = await openNpz(bytes, options);
    return { format: "npz", ...beside, ...("fill" in matrix ? { matrix } : { whole: matrix }) };
  }
  if (seen.format === "safetensors" || (extension === "safetensors" && bytes.size > 0)) {
    const { matrix, itemIds, columns } = await openSafetensors(bytes, options);
    return { format: "safetensors", matrix, ...(columns && { columns }), ...(itemIds && { itemIds }) };
  }
  if (seen.format === "parquet") return { format: "parquet", ...(await openParquet(bytes, options)) };
  if (seen.format === "gzip") return openGzip(bytes, name.replace(/\.gz$/i, ""), options);
  refuseForeign(seen);
  return { format: textFormat(seen, name), chunks: streamBytes(bytes, { piece: 1 << 18, isReused: true }) };
}

function refuseForeign({ kind, advice, foreign }: Sniffed): void {
  if (!foreign) return;
  throw invalid(
    "FILE_FOREIGN",
  )`it is ${kind}, which cannot be read here; give npy, npz, safetensors, Parquet, csv, tsv, json or jsonl. ${advice}`;
}

async function openGzip(bytes: ByteSource, name: string, options: OpenOptions): Promise<ItemFile | TextFile> {
  const limit = inflatedLimit(bytes.size);
  // Small pieces of compressed data, since the output of one exists at once.
  const chunks = inflate(streamBytes(bytes, { piece: 1 << 16 }), "gzip", limit);
  try {
    const { head, all } = await peek(chunks, SNIFFED);
    const seen = sniff(head);
    if (seen.format === "npy") return { format: "npy", whole: await readNpyStream(all, limit) };
    if (!seen.foreign) return { format: textFormat(seen, name), chunks: all };
    if (seen.format === undefined || seen.format === "gzip") refuseForeign(seen);
    const parts: Uint8Array[] = [];
    for await (const part of all) parts.push(part);
    return await recognizeItemFile(memorySource(joined(parts)), name, options);
  } catch (error) {
    await chunks.return(undefined);
    throw error;
  }
}

/** Makes a reader of text with a file's options. */
export function newTable(format: "csv" | "json", options: OpenOptions): CsvTable | JsonTable {
  const { uniqueIds = true } = options;
  return format === "json" ? new JsonTable(options, uniqueIds) : new CsvTable(options, uniqueIds);
}

async function readText({ format, chunks }: TextFile, options: OpenOptions): Promise<ItemFile> {
  const table = newTable(format, options);
  for await (const piece of utf8Pieces(chunks)) table.push(piece);
  const { items, ...beside } = table.finish();
  return { format, whole: items, ...beside };
}
