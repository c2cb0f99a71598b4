/** Files of embeddings as sources whose rows are read as needed. */

import { worksBehindProxy } from "../../base/behind-proxy.ts";
import { describeValue } from "../../base/describe-value.ts";
import { invalid } from "../../base/errors.ts";
import { checkOptionNames } from "../../base/option-reader.ts";
import { counted } from "../../base/words.ts";
import type { TableColumns } from "../../items/columns.ts";
import { READ_INTO } from "../../items/embedding-source.ts";
import { widenHalves } from "../../items/half.ts";
import { requireUnique } from "../../items/join.ts";
import { withoutRows } from "../../items/labels.ts";
import type { EmbeddingSource, ItemLabels } from "../../types.ts";
import { type FileSource, openFile } from "../io/byte-source.ts";
import { requireOptions } from "../io/bytes.ts";
import type { ItemFile, ItemFileOptions, ItemFormat, ItemTable, RowSource } from "../io/opened-file.ts";
import { ITEM_FILE_OPTIONS } from "../io/opened-file.ts";
import type { SkippedRows } from "../io/row-collector.ts";
import { openItemFile } from "./item-file.ts";
import { InvalidRows, inFile } from "./read-items.ts";

/** How to open a file of embeddings. */
export interface OpenItemsOptions extends ItemFileOptions {
  /** Whether a repeated item ID is refused, or left out with `skipInvalid`. Default: true. */
  uniqueIds?: boolean;
}

/** Where opened items are, as plain data that can be sent to another thread: `openItems` accepts it as a source. */
interface Description {
  /** A path, a URL, a Blob, or the bytes. */
  location: string | Blob | Uint8Array;
  options: OpenItemsOptions;
}

/** An open file of embeddings: what `ItemTable` has, except that the vectors are read on request. */
export interface OpenedItems extends EmbeddingSource, Readonly<Omit<ItemTable, "data" | "itemIds">> {
  /**
   * Rows [first, first + count) as float32, in an array of their own. Calls are answered one after the other.
   * @throws InvalidInputError for rows that do not exist, and for a file that was closed or cannot be read any more.
   */
  read(first: number, count: number): Promise<Float32Array>;
  /** Whether the vectors were read when the file was opened, since the format does not allow access by rows. */
  readonly inMemory: boolean;
  readonly itemIds?: readonly string[];
  /** Plain data that can be sent to another thread, which can open the same items: `openItems` accepts it as a source. */
  readonly description: Description;
  /** Closes the file. Reading afterwards is an error; closing again is not. */
  close(): Promise<void>;
  /** Closes the file, at the end of `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Opens a file of embeddings for reading by rows, as `train` and `encodeAsync` do.
 *
 * npy, safetensors, stored npz members and Parquet (by row groups) are read as rows are requested, never whole, so that a file may be
 * larger than memory. Deflated npz members, gzip-compressed files, csv and JSON do not allow that and are read whole when they are opened,
 * as are URLs whose server does not support ranges. Numbers become float32. The values of files that are read by rows are not checked
 * before they are used, except with `skipInvalid`, which reads the file once.
 *
 * @param source A path (Node), a URL, a Blob or File, bytes, a stream of bytes, or the description of items opened before.
 * @throws InvalidInputError that names the file and the reason, if it cannot be read or its sizes contradict each other.
 */
export async function openItems(
  source: FileSource | OpenedItems["description"],
  options: OpenItemsOptions = {},
): Promise<OpenedItems> {
  if (isDescription(source)) return openItems(source.location, { ...source.options, ...options });
  requireOptions(options);
  checkOptionNames(options, "openItems", [...ITEM_FILE_OPTIONS, "uniqueIds"]);
  let name = options.fileName ?? "";
  return inFile(
    () => name,
    async () => {
      const opened = await openFile(source);
      name = options.fileName ?? opened.name;
      try {
        const file = await openItemFile(opened.bytes, name, options);
        const kept = { ...options, ...(name !== "" && typeof opened.location !== "string" && { fileName: name }) };
        const description = { location: opened.location, options: kept };
        if (file.itemIds && options.uniqueIds !== false && !options.skipInvalid) requireUnique(file.itemIds, "");
        const skipped = file.skipped ?? (await findInvalid(file, options));
        if (!file.matrix) await opened.bytes.close();
        return new OpenFile(name, file, skipped, description, () => opened.bytes.close());
      } catch (error) {
        await opened.bytes.close();
        throw error;
      }
    },
  );
}

function isDescription(source: FileSource | Description): source is Description {
  return typeof source === "object" && source !== null && "location" in source && "options" in source;
}

/** Floats read at a time. */
const BLOCK = 1 << 20;

/** Reads all rows to find those that are left out. */
async function findInvalid(file: ItemFile, options: OpenItemsOptions): Promise<SkippedRows | undefined> {
  if (!options.skipInvalid) return undefined;
  const { rows, dim } = file.matrix ?? file.whole!;
  const invalid = new InvalidRows(true, options.uniqueIds === false ? undefined : file.itemIds);
  const most = Math.max(1, Math.floor(BLOCK / dim));
  const block = file.matrix && new Float32Array(Math.min(most, rows) * dim);
  for (let first = 0; first < rows; first += most) {
    const count = Math.min(most, rows - first);
    if (block) await file.matrix!.fill(block, first, count);
    for (let i = 0; i < count; i++) {
      if (block) invalid.look(block, i * dim, dim, first + i);
      else invalid.look(file.whole!.data, (first + i) * dim, dim, first + i);
    }
  }
  return invalid.finish(rows);
}

class OpenFile implements OpenedItems {
  readonly rows: number;
  readonly dim: number;
  readonly format: ItemFormat;
  readonly inMemory: boolean;
  readonly labels?: ItemLabels;
  readonly itemIds?: readonly string[];
  readonly columns?: TableColumns;
  readonly skipped?: SkippedRows;
  readonly description: Description;
  readonly #name: string;
  readonly #file: RowSource;
  /** Rows of the file that are left out, ascending. */
  readonly #gaps: ArrayLike<number>;
  readonly #close: () => Promise<void>;
  #isOpen = true;
  /** The last call. */
  #reading: Promise<unknown> = Promise.resolve();

  constructor(
    name: string,
    file: ItemFile,
    skipped: SkippedRows | undefined,
    description: Description,
    close: () => Promise<void>,
  ) {
    worksBehindProxy(this, OpenFile);
    this.#name = name === "" ? "the file" : name;
    this.#file = file.matrix ?? inMemory(file.whole!);
    // Rows that were left out while the file was read whole are not in the matrix.
    this.#gaps = file.skipped ? [] : (skipped?.rows ?? []);
    this.rows = this.#file.rows - this.#gaps.length;
    this.dim = this.#file.dim;
    this.format = file.format;
    this.inMemory = !file.matrix;
    if (file.labels) this.labels = withoutRows(file.labels, this.#gaps);
    if (file.itemIds) this.itemIds = withoutRows({ titles: file.itemIds }, this.#gaps).titles;
    if (file.columns) this.columns = file.columns;
    if (skipped) this.skipped = skipped;
    this.description = description;
    this.#close = close;
  }

  async read(first: number, count: number): Promise<Float32Array> {
    const { rows, dim } = this;
    this.#requireOpen();
    if (!(Number.isInteger(first) && Number.isInteger(count) && first >= 0 && count >= 0 && first + count <= rows)) {
      throw invalid(
        "SOURCE_READ",
      )`${{ file: this.#name, form: "statement" }} has ${counted(rows, "row")}, but ${describeValue(count)} from row ${describeValue(first)} on were requested`;
    }
    const values = new Float32Array(count * dim);
    await this[READ_INTO](values, first, count);
    return values;
  }

  /** Of rows that exist. Bound, since it may be asked for behind a proxy. */
  readonly [READ_INTO] = async (values: Float32Array, first: number, count: number): Promise<void> => {
    const fill = () => {
      this.#requireOpen();
      return inFile(
        () => this.#name,
        () => this.#fill(values, first, count),
      );
    };
    const reading = this.#reading.then(fill);
    this.#reading = reading.catch(() => {});
    await reading;
  };

  #requireOpen(): void {
    if (this.#isOpen) return;
    throw invalid(
      "FILE_UNREADABLE",
    )`${{ file: this.#name, form: "statement" }} was closed${{ hint: "open it again to read it" }}`;
  }

  /** Reads the runs between the rows that are left out. */
  async #fill(values: Float32Array, first: number, count: number): Promise<void> {
    const gaps = this.#gaps;
    if (gaps.length === 0) return this.#file.fill(values, first, count);
    let gap = gapsBefore(gaps, first);
    for (let done = 0; done < count; ) {
      const row = first + done + gap;
      const end = gap < gaps.length ? gaps[gap]! : this.#file.rows;
      const here = Math.min(count - done, end - row);
      if (here > 0) await this.#file.fill(values.subarray(done * this.dim, (done + here) * this.dim), row, here);
      done += here;
      gap++;
    }
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** How many gaps precede kept row number `row`: gap i does if at most `row` rows were kept before it. */
function gapsBefore(gaps: ArrayLike<number>, row: number): number {
  let [low, high] = [0, gaps.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (gaps[middle]! - middle <= row) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A matrix in memory as one whose rows are read. */
export function inMemory({ data, rows, dim }: NonNullable<ItemFile["whole"]>): RowSource {
  return {
    rows,
    dim,
    isHalf: data.BYTES_PER_ELEMENT === 2,
    fill(target, first, count) {
      const part = data.subarray(first * dim, (first + count) * dim);
      if (data.BYTES_PER_ELEMENT === target.BYTES_PER_ELEMENT) {
        target.set(part);
        return;
      }
      widenHalves(part, target);
    },
  };
}
