import type { ItemLabels } from "rqvae";
import { checkLabels, type OpenEmbeddingsOptions, openEmbeddings, readLabels } from "rqvae/formats";
import { isLarge } from "../large-file.ts";
import { plural } from "../words.ts";
import { checkItems } from "./checks.ts";
import type { DataSource, DataSummary } from "./protocol.ts";
import { Vectors } from "./vectors.ts";

const HEAD_ROWS = 6;
const HEAD_COLUMNS = 12;

/** Items and their titles, held by the worker or read from a file as they are needed. */
export interface HeldItems {
  vectors: Vectors;
  labels: ItemLabels | undefined;
  /** Rows of the file, where some were left out. */
  fileRows: Uint32Array | undefined;
  /** Of which rows the labels must speak. */
  rowsInFile: number;
  file: DataSummary["file"];
}

/** Opens the items of a source. */
export async function openSource(source: DataSource): Promise<HeldItems> {
  if (source.kind === "sample") {
    const [bytes, text] = await Promise.all([
      fetchOwn(source.itemsUrl).then((response) => response.arrayBuffer()),
      fetchOwn(source.labelsUrl).then((response) => response.text()),
    ]);
    const held = await open(new Uint8Array(bytes), { fileName: "sample.npy" });
    return { ...held, labels: readLabels(text) };
  }
  const held = await openItemsFile(source.items, source.withoutBadRows);
  return source.labels ? { ...held, labels: await readLabelsFile(source.labels, held) } : held;
}

export async function openItemsFile(file: File, withoutBadRows = false): Promise<HeldItems> {
  if (file.size === 0) throw new Error(`${file.name} is empty`);
  try {
    const source = isLarge(file) ? file : new Uint8Array(await file.arrayBuffer());
    return await open(source, { fileName: file.name, skipInvalid: withoutBadRows });
  } catch (error) {
    const reason =
      error instanceof RangeError || (error as Error).name === "OutOfMemoryError"
        ? "there is not enough memory for it in this browser. Try half as many rows, or a .npy file, which is read row by row"
        : (error as Error).message.replace(`${file.name}: `, "");
    throw new Error(`${file.name} could not be read as embeddings: ${reason}`, { cause: error });
  }
}

async function open(source: File | Uint8Array, options: OpenEmbeddingsOptions): Promise<HeldItems> {
  // The page names items by their rows: two of one name do no harm.
  const opened = await openEmbeddings(source, { ...options, uniqueIds: false });
  const { rows, format, labels, inMemory, skipped } = opened;
  const left = new Set(skipped?.rows);
  const rowsInFile = rows + left.size;
  return {
    vectors: new Vectors(opened),
    labels,
    fileRows: left.size === 0 ? undefined : without(rowsInFile, left),
    rowsInFile,
    file: {
      format,
      bytes: "size" in source ? source.size : source.length,
      isReadAsNeeded: !inMemory && "size" in source,
    },
  };
}

const without = (rows: number, left: ReadonlySet<number>) =>
  Uint32Array.from({ length: rows }, (_, row) => row).filter((row) => !left.has(row));

/** Reads a file of titles. @throws Error when there is not one title for each row of the items' file. */
export async function readLabelsFile(file: File, { rowsInFile, fileRows }: HeldItems): Promise<ItemLabels> {
  let labels: ItemLabels;
  try {
    labels = readLabels(await file.text());
  } catch (error) {
    throw new Error(`${file.name} could not be read as titles: ${(error as Error).message}`, { cause: error });
  }
  if (labels.titles.length !== rowsInFile) {
    throw new Error(
      `${file.name} has ${plural(labels.titles.length, "title")}, but the data has ${plural(rowsInFile, "item")}. ` +
        "It must give one title for each item, in the same order",
    );
  }
  checkLabels(labels, rowsInFile);
  return fileRows ? pick(labels, fileRows) : labels;
}

function pick({ titles, labels }: ItemLabels, rows: Uint32Array): ItemLabels {
  const of = <T>(values: readonly T[]) => Array.from(rows, (row) => values[row]!);
  return {
    titles: of(titles),
    ...(labels && { labels: Object.fromEntries(Object.entries(labels).map(([name, values]) => [name, of(values)])) }),
  };
}

export async function summarize({ vectors, labels, file }: HeldItems): Promise<DataSummary> {
  const { rows, dim } = vectors;
  const checks = await checkItems(vectors);
  const shown = Math.min(rows, HEAD_ROWS);
  const head = await vectors.reader().read(0, shown);
  return {
    rows,
    dim,
    file,
    labels,
    checks,
    head: Array.from({ length: shown }, (_, i) => [...head.subarray(i * dim, i * dim + Math.min(dim, HEAD_COLUMNS))]),
  };
}

async function fetchOwn(url: string): Promise<Response> {
  const response = await fetch(url).catch(() => undefined);
  if (!response?.ok) throw new Error("The sample could not be loaded. Please check your connection and try again");
  return response;
}
