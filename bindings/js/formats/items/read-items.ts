/** Reads a file's embeddings into memory and checks them. */

import { InvalidInputError, invalid, OutOfMemoryError, RQVAEError } from "../../base/errors.ts";
import { checkOptionNames } from "../../base/option-reader.ts";
import { worded } from "../../base/wording.ts";
import { halfValues } from "../../items/half.ts";
import { withoutRows } from "../../items/labels.ts";
import type { RowTarget } from "../arrays/raw-matrix.ts";
import { type ByteSource, type FileSource, openFile } from "../io/byte-source.ts";
import { requireFileName, requireOptions } from "../io/bytes.ts";
import type { ItemFile, ItemFileOptions, ItemTable } from "../io/opened-file.ts";
import { ITEM_FILE_OPTIONS } from "../io/opened-file.ts";
import { ItemIdList, requireSome, type SkippedRows } from "../io/row-collector.ts";
import { openItemFile } from "./item-file.ts";

/** How to read a file of embeddings. */
export interface ReadItemsOptions extends ItemFileOptions {
  /**
   * Whether values that are not finite and repeated items are refused, or left out with `skipInvalid`. If false, they stay; the values of
   * tables of text and of JSON are always checked. Default: true.
   */
  checkValues?: boolean;
}

/**
 * Reads embeddings from a file of any format: npy, npz (stored and deflated), safetensors, Parquet, csv and tsv (one column per dimension,
 * or one that holds lists), and JSON (nested, maps, lines), each also compressed with gzip. In Parquet, LZ4, and outside Node zstd and
 * Brotli, need the optional package hyparquet-compressors. The content decides, then the name. Half floats stay half floats
 * (Uint16Array); all others become float32. Sizes are checked against the file before memory is allocated. Besides the result at most 64 MB
 * are used, however long a text is, except for JSON that is one value, which takes about three times its size and must not exceed the
 * longest string.
 *
 * @param file Its bytes, a Blob or File, a stream of bytes, a path (Node) or a URL.
 * @throws InvalidInputError that names file, row and reason, if the format is unknown or the content contradicts it.
 */
export async function readItems(file: FileSource, options: ReadItemsOptions = {}): Promise<ItemTable> {
  requireOptions(options);
  checkOptionNames(options, "readItems", [...ITEM_FILE_OPTIONS, "checkValues"]);
  return withFile(file, options.fileName, async (bytes, name) =>
    toItems(await openItemFile(bytes, name, { ...options, uniqueIds: options.checkValues !== false }), options),
  );
}

/** Opens a file, and closes it when `run` has read it. Errors get the file's name. */
export function withFile<T>(
  file: FileSource,
  fileName: string | undefined,
  run: (bytes: ByteSource, name: string) => Promise<T>,
): Promise<T> {
  let name = fileName ?? "";
  return inFile(
    () => name,
    async () => {
      const opened = await openFile(file);
      name = fileName ?? opened.name;
      try {
        return await run(opened.bytes, name);
      } finally {
        await opened.bytes.close();
      }
    },
  );
}

/** Turns errors in `run` into our errors that name the file. */
export async function inFile<T>(name: () => string, run: () => Promise<T>): Promise<T> {
  requireFileName(name());
  try {
    return await run();
  } catch (error) {
    throw aboutFile(name(), error);
  }
}

/** An error as one of ours that names the file. */
export function aboutFile(name: string, error: unknown): unknown {
  const file = name === "" ? "the file" : name;
  if (error instanceof InvalidInputError) {
    if (error.wording.some((part) => typeof part === "object" && "file" in part)) return error;
    const { code, wording, cause = error } = error;
    return new InvalidInputError([{ file }, ...wording], { code, cause });
  }
  if (error instanceof RQVAEError) return error;
  const { message = String(error) } = (error ?? {}) as { message?: string };
  if (error instanceof RangeError && /allocation|array length|buffer/i.test(message)) {
    return new OutOfMemoryError(
      worded`${{ file }}there is not enough memory to hold it${{ hint: "open it with openItems, which reads rows as needed" }}`,
      { cause: error },
    );
  }
  return invalid("FILE_DAMAGED", error)`${{ file, form: "statement" }} cannot be read; it seems damaged: ${message}`;
}

/** Values read at a time. */
const BLOCK = 1 << 20;

async function toItems(file: ItemFile, options: ReadItemsOptions): Promise<ItemTable> {
  const { format, labels, itemIds, columns } = file;
  const items = file.whole ?? (await readWhole(file.matrix!));
  const beside = { ...(columns && { columns }), ...(labels && { labels }), ...(itemIds && { itemIds }) };
  // Readers of text have already checked every row.
  if (file.skipped || format === "csv" || format === "json" || options.checkValues === false) {
    return { ...items, format, ...beside, ...(file.skipped && { skipped: file.skipped }) };
  }
  const invalid = new InvalidRows(options.skipInvalid === true, itemIds);
  const { data, rows, dim } = items;
  for (let row = 0; row < rows; row++) invalid.look(data, row * dim, dim, row);
  const skipped = invalid.finish(rows);
  if (!skipped) return { ...items, format, ...beside };
  return {
    ...(skipped.rows.length === 0 ? items : compacted(items, skipped.rows)),
    format,
    ...(columns && { columns }),
    ...(labels && { labels: withoutRows(labels, skipped.rows) }),
    ...(itemIds && { itemIds: withoutRows({ titles: itemIds }, skipped.rows).titles }),
    skipped,
  };
}

async function readWhole(matrix: NonNullable<ItemFile["matrix"]>) {
  const { rows, dim, isHalf } = matrix;
  const data = isHalf ? new Uint16Array(rows * dim) : new Float32Array(rows * dim);
  const most = Math.max(1, Math.floor(BLOCK / dim));
  for (let row = 0; row < rows; row += most) {
    const here = Math.min(most, rows - row);
    await matrix.fill(data.subarray(row * dim, (row + here) * dim), row, here);
  }
  return { data, rows, dim };
}

/** Finds rows with a value that is not a finite number, and repeated items. */
export class InvalidRows {
  readonly #skip: boolean;
  readonly #itemIds: readonly string[] | undefined;
  readonly #known = new ItemIdList();
  readonly #rows: number[] = [];
  #reason = "";

  constructor(skip: boolean, itemIds: readonly string[] | undefined) {
    this.#skip = skip;
    this.#itemIds = itemIds;
  }

  /** Whether a row is valid. @throws InvalidInputError if it is not, unless invalid rows are skipped. */
  look(data: RowTarget, start: number, dim: number, row: number): boolean {
    const problem = this.#problemOf(data, start, dim, row);
    if (problem === undefined) return true;
    if (!this.#skip) throw problem;
    if (this.#rows.length === 0) this.#reason = problem.message;
    this.#rows.push(row);
    return false;
  }

  #problemOf(data: RowTarget, start: number, dim: number, row: number): InvalidInputError | undefined {
    const column = nonFiniteIn(data, start, dim);
    if (column >= 0) {
      const value = data instanceof Uint16Array ? halfValues()[data[start + column]!] : data[start + column];
      return invalid(
        "ITEM_NOT_FINITE",
      )`${{ row }}, ${{ column }} is ${String(value)}${{ hint: "every value must be a finite number within the range of float32", after: "; " }}`;
    }
    const id = this.#itemIds?.[row];
    if (id === undefined) return undefined;
    const problem = this.#known.problem(id, row);
    if (problem === undefined) this.#known.add(id, row);
    return problem;
  }

  /** The rows that are skipped; undefined if none may be. @throws InvalidInputError if nothing is left. */
  finish(rows: number): SkippedRows | undefined {
    if (!this.#skip) return undefined;
    requireSome(rows - this.#rows.length, rows, this.#reason);
    return { rows: Uint32Array.from(this.#rows), reason: this.#reason };
  }
}

function nonFiniteIn(data: RowTarget, start: number, dim: number): number {
  if (data instanceof Uint16Array) {
    for (let j = 0; j < dim; j++) if ((data[start + j]! & 0x7c00) === 0x7c00) return j;
    return -1;
  }
  // The sum of all x - x, which are 0 or NaN, is quicker than checking each value.
  let sum = 0;
  for (let j = 0; j < dim; j++) sum += data[start + j]! * 0;
  if (sum === 0) return -1;
  for (let j = 0; j < dim; j++) if (!Number.isFinite(data[start + j])) return j;
  return -1;
}

/** The matrix without some rows, in place. */
export function compacted<Data extends RowTarget>(
  { data, rows, dim }: { data: Data; rows: number; dim: number },
  skipped: ArrayLike<number>,
): { data: Data; rows: number; dim: number } {
  let kept = skipped[0]!;
  for (let row = kept, s = 0; row < rows; row++) {
    if (row === skipped[s]) s++;
    else data.copyWithin(kept++ * dim, row * dim, (row + 1) * dim);
  }
  return { data: data.slice(0, kept * dim) as Data, rows: kept, dim };
}
