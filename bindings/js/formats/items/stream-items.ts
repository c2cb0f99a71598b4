/** Reads files of embeddings from start to end, one batch of rows at a time. */

import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { checkOptionNames } from "../../base/option-reader.ts";
import { option } from "../../base/wording.ts";
import { labelsOf, withoutRows } from "../../items/labels.ts";
import { type FileSource, isByteStream, openFile, peek, piecesOf } from "../io/byte-source.ts";
import { extensionOf, requireFileName, requireOptions, sniff, textFormat } from "../io/bytes.ts";
import type { ItemFile, ItemFileOptions, ItemTable } from "../io/opened-file.ts";
import { ITEM_FILE_OPTIONS } from "../io/opened-file.ts";
import { utf8Pieces } from "../io/utf8.ts";
import { newTable, recognizeItemFile, SNIFFED, type TextFile } from "./item-file.ts";
import { inMemory } from "./open-items.ts";
import { aboutFile, compacted, InvalidRows } from "./read-items.ts";

/** How to read a file of embeddings in batches. */
export interface StreamItemsOptions extends ItemFileOptions {
  /** The most rows of a batch. Default: 4,096. */
  batchRows?: number;
}

type Batch = ItemTable<Float32Array>;

/**
 * Reads a file of embeddings once, in batches. Tables of text and JSON lines, even if compressed with gzip or from a stream, are never held
 * in memory, nor are files that `openItems` reads by rows. Files that must be read whole (JSON of one value, deflated npz members, npy in
 * gzip, other formats in a stream) are. Every value is checked, and so are item IDs, which are kept in memory for that.
 *
 * Each batch has its rows in float32 with their IDs and labels; the last one has `skipped`.
 *
 * @param file A path (Node), a URL, a Blob or File, bytes, or a stream of bytes.
 * @throws InvalidInputError that names file, row and reason, after the batches before that row.
 */
export async function* streamItems(
  file: FileSource,
  options: StreamItemsOptions = {},
): AsyncGenerator<ItemTable<Float32Array>, void, undefined> {
  requireOptions(options);
  checkOptionNames(options, "streamItems", [...ITEM_FILE_OPTIONS, "batchRows"]);
  const { batchRows = 4096 } = options;
  if (!(Number.isSafeInteger(batchRows) && batchRows > 0)) {
    throw invalid()`${option("batchRows")} must be a whole number of at least 1, got ${describeValue(batchRows)}`;
  }
  let name = options.fileName ?? "";
  requireFileName(name);
  let close = async () => {};
  try {
    let opened: ItemFile | TextFile | undefined;
    let source = file;
    if (isByteStream(file)) {
      const { head, all } = await peek(piecesOf(file), SNIFFED);
      const seen = sniff(head);
      // Text is read as it comes; for other formats, the inspected bytes are put back.
      const isText = !seen.foreign && extensionOf(name) !== "npy";
      if (isText) opened = { format: textFormat(seen, name), chunks: all };
      source = all;
    }
    if (!opened) {
      const { bytes, name: own } = await openFile(source);
      close = () => bytes.close();
      name = options.fileName ?? own;
      opened = await recognizeItemFile(bytes, name, options);
    }
    const batches =
      "chunks" in opened ? textBatches(opened, options, batchRows) : matrixBatches(opened, options, batchRows);
    for await (const batch of batches) yield batch;
  } catch (error) {
    throw aboutFile(name, error);
  } finally {
    await close();
  }
}

async function* textBatches(
  { format, chunks }: TextFile,
  options: StreamItemsOptions,
  batchRows: number,
): AsyncGenerator<Batch> {
  const table = newTable(format, options);
  /** Returned when there is another batch, or at the end with the rows that were left out. */
  let held: Batch | undefined;
  for await (const piece of utf8Pieces(chunks)) {
    table.push(piece);
    if (table.waiting < batchRows) continue;
    const { items, ...beside } = table.takeRows();
    const { columns } = table;
    for (const batch of split({ ...items, format, ...beside, ...(columns && { columns }) }, batchRows)) {
      if (held) yield held;
      held = batch;
    }
  }
  const { items, skipped, ...beside } = table.finish();
  for (const batch of split({ ...items, format, ...beside }, batchRows)) {
    if (held) yield held;
    held = batch;
  }
  if (held) yield skipped ? { ...held, skipped } : held;
}

/** Batches of at most `batchRows` rows. */
function* split({ data, rows, dim, format, labels, itemIds, columns }: Batch, batchRows: number): Generator<Batch> {
  for (let first = 0; first < rows; first += batchRows) {
    const count = Math.min(rows - first, batchRows);
    yield {
      data: count === rows ? data : data.slice(first * dim, (first + count) * dim),
      rows: count,
      dim,
      format,
      ...(labels && { labels: labelsOf(labels, first, count) }),
      ...(itemIds && { itemIds: itemIds.slice(first, first + count) }),
      ...(columns && { columns }),
    };
  }
}

async function* matrixBatches(
  file: ItemFile,
  { skipInvalid = false }: StreamItemsOptions,
  batchRows: number,
): AsyncGenerator<Batch> {
  const { format, labels, itemIds, columns } = file;
  const matrix = file.matrix ?? inMemory(file.whole!);
  const { rows, dim } = matrix;
  const invalid = new InvalidRows(skipInvalid, itemIds);
  let held: Batch | undefined;
  for (let first = 0; first < rows; first += batchRows) {
    const count = Math.min(rows - first, batchRows);
    const data = new Float32Array(count * dim);
    await matrix.fill(data, first, count);
    const left: number[] = [];
    for (let i = 0; i < count; i++) if (!invalid.look(data, i * dim, dim, first + i)) left.push(i);
    if (left.length === count) continue;
    if (held) yield held;
    const whole = { data, rows: count, dim };
    const kept = left.length === 0 ? whole : compacted(whole, left);
    held = {
      ...kept,
      format,
      ...(labels && { labels: withoutRows(labelsOf(labels, first, count), left) }),
      ...(itemIds && { itemIds: withoutRows({ titles: itemIds.slice(first, first + count) }, left).titles }),
      ...(columns && { columns }),
    };
  }
  // Rows that were left out while the file was read whole are not in the matrix.
  const skipped = file.skipped ?? invalid.finish(rows);
  if (held) yield skipped ? { ...held, skipped } : held;
}
