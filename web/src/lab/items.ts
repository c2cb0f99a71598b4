import { InvalidInputError, type ItemLabels, OutOfMemoryError, RQVAEError } from "rqvae";
import {
  describeColumns,
  type Histories,
  joinLabels,
  type OpenItemsOptions,
  openItems,
  readLabels,
} from "rqvae/formats";
import { checkItems } from "rqvae/report";
import type { TitleCoverage, TitleEmbedder } from "rqvae/words";
import { isLarge } from "../base/large-file.ts";
import { isMissing, MissingPart } from "../base/missing-part.ts";
import type { DataSource, DataSummary, Naming } from "./types.ts";
import { Vectors } from "./vectors.ts";

const HEAD_ROWS = 6;
const HEAD_COLUMNS = 12;
/** Item IDs that the page shows, and one more to know whether there are others. */
const NAMED_ROWS = 4;

/** Items and their titles, held by the worker or read from a file as they are needed. */
export interface HeldItems {
  vectors: Vectors;
  labels: ItemLabels | undefined;
  /** The items' own IDs, of the file or of the labels; undefined where rows are known by their numbers. */
  itemIds: readonly string[] | undefined;
  /** Whether these are of the items' file. */
  hasOwnIds: boolean;
  /** The file's item IDs where one is in two rows, so that they name no items. */
  twins: Naming["twins"];
  /** Rows of the file, where some were left out. */
  fileRows: Uint32Array | undefined;
  /** The rows that the labels must describe. */
  rowsInFile: number;
  /** Why the first of the others was left out. */
  reason: string;
  file: DataSummary["file"] & { name: string };
  /** How the titles of another file were joined, if that is worth saying. */
  joined: string;
  /** What people chose of them, if that is known. */
  histories?: { histories: Histories; text: string };
  /** Where the vectors were made of the titles' words: what made them, and what it knew. */
  words?: { embedder: TitleEmbedder; coverage: TitleCoverage };
}

/** What names the items in files: their own IDs, or else their row numbers in the file. */
export const writtenIds = ({ itemIds, fileRows }: HeldItems): readonly (string | number)[] | undefined =>
  itemIds ?? (fileRows && Array.from(fileRows));

/** Opens the items of a source. */
export async function openSource(
  source: DataSource,
  onFetch: (progress: number) => void = () => {},
): Promise<HeldItems> {
  if (source.kind === "sample") {
    const [bytes, text] = await Promise.all([
      fetchOwn(source.itemsUrl).then((response) => response.arrayBuffer()),
      fetchOwn(source.labelsUrl).then((response) => response.text()),
    ]);
    const held = await open(new Uint8Array(bytes), { fileName: "sample.npy" });
    return { ...held, labels: readLabels(text) };
  }
  if (source.fromWords) return openTitles(source.items, onFetch);
  const held = await openItemsFile(source.items, source.withoutBadRows);
  return source.labels ? withLabelsFile(source.labels, held) : held;
}

/** Items that have nothing but titles: vectors are made of their words. */
async function openTitles(file: File, onFetch: (progress: number) => void): Promise<HeldItems> {
  const labels = await readTitles(file);
  const embedder = await (await import("./word-vectors.ts")).embedderOf(labels.titles, onFetch);
  const { coverage, ...matrix } = embedder.embed(labels.titles);
  const { itemIds } = labels;
  return {
    vectors: new Vectors({ ...matrix, read: async (first, count) => rowsOf(matrix, first, count) }),
    labels,
    itemIds,
    hasOwnIds: itemIds !== undefined,
    twins: undefined,
    fileRows: undefined,
    rowsInFile: matrix.rows,
    reason: "",
    file: { name: file.name, format: "titles", bytes: file.size, isReadAsNeeded: false, columns: "" },
    joined: "",
    words: { embedder, coverage },
  };
}

const rowsOf = ({ data, dim }: { data: Float32Array; dim: number }, first: number, count: number) =>
  data.subarray(first * dim, (first + count) * dim);

async function readTitles(file: File): Promise<ItemLabels> {
  try {
    return readLabels(await file.text(), file.name);
  } catch (error) {
    throw new Error(`${file.name} could not be read as titles: ${(error as Error).message}`, { cause: error });
  }
}

export async function openItemsFile(file: File, withoutBadRows = false): Promise<HeldItems> {
  if (file.size === 0) throw new Error(`${file.name} is empty`);
  try {
    const source = isLarge(file) ? file : new Uint8Array(await file.arrayBuffer());
    return await open(source, { fileName: file.name, skipInvalid: withoutBadRows });
  } catch (error) {
    if (isMissing(error as Error)) throw error;
    const reason =
      error instanceof RangeError || error instanceof OutOfMemoryError
        ? [
            "there is not enough memory for it in this browser. Try half as many rows, or a .npy file, which is read row by row",
          ]
        : error instanceof RQVAEError
          ? error.wording.filter((part) => typeof part === "string" || !("file" in part) || part.form)
          : [(error as Error).message];
    const about = [{ file: file.name, form: "statement" }, " could not be read as embeddings: "] as const;
    throw new InvalidInputError([...about, ...reason], { cause: error });
  }
}

/** Turns the library's error about items into one about the file that they came from. */
export function aboutItems(name: string, error: Error): Error {
  if (!(error instanceof RQVAEError)) return error;
  const { code, wording } = error;
  const said = wording.map((part) =>
    typeof part === "object" && "argument" in part ? ({ file: name, form: "statement" } as const) : part,
  );
  return new InvalidInputError(said, { code, cause: error });
}

async function open(source: File | Uint8Array, options: OpenItemsOptions): Promise<HeldItems> {
  // Two rows with the same item ID may not be refused before the visitor has seen which they are.
  const opened = await openItems(source, { ...options, uniqueIds: options.skipInvalid === true });
  const { rows, format, labels, inMemory, skipped } = opened;
  const left = new Set(skipped?.rows);
  const rowsInFile = rows + left.size;
  const fileRows = left.size === 0 ? undefined : without(rowsInFile, left);
  const twins = opened.itemIds && findTwins(opened.itemIds);
  return {
    vectors: new Vectors(opened),
    labels,
    itemIds: twins ? undefined : opened.itemIds,
    hasOwnIds: !twins && opened.itemIds !== undefined,
    twins: twins && {
      ...twins,
      rows: [fileRows?.[twins.rows[0]] ?? twins.rows[0], fileRows?.[twins.rows[1]] ?? twins.rows[1]],
    },
    fileRows,
    rowsInFile,
    reason: skipped?.reason ?? "",
    file: {
      name: options.fileName ?? "the data",
      format,
      bytes: "size" in source ? source.size : source.length,
      isReadAsNeeded: !inMemory && "size" in source,
      columns: opened.columns ? describeColumns(opened.columns) : "",
    },
    joined: "",
  };
}

/** The first two rows of one item; a row without an item ID twice. */
function findTwins(itemIds: readonly string[]): Naming["twins"] {
  const known = new Map<string, number>();
  for (const [row, itemId] of itemIds.entries()) {
    if (itemId === "") return { itemId, rows: [row, row] };
    const earlier = known.get(itemId);
    if (earlier !== undefined) return { itemId, rows: [earlier, row] };
    known.set(itemId, row);
  }
  return undefined;
}

const without = (rows: number, left: ReadonlySet<number>) =>
  Uint32Array.from({ length: rows }, (_, row) => row).filter((row) => !left.has(row));

/** The items with the titles of a file. @throws Error when the file has none for these items. */
export async function withLabelsFile(file: File, held: HeldItems): Promise<HeldItems> {
  const { rowsInFile, fileRows, vectors, file: items } = held;
  // Item IDs that an earlier file of titles brought are not the items' own.
  const own = held.hasOwnIds ? held.itemIds : undefined;
  const labels = await readTitles(file);
  const joined = joinLabels(
    { name: items.name, rows: vectors.rows, itemIds: own, fileRows, rowsInFile },
    labels,
    file.name,
  );
  return { ...held, labels: joined.labels, itemIds: joined.labels.itemIds, joined: joined.join.text };
}

/** What items are called, for the page. */
export function namingOf(held: HeldItems): Naming {
  const { labels, itemIds, twins, joined } = held;
  const first = writtenIds(held)?.slice(0, NAMED_ROWS).map(String);
  return { labels, itemIds: first, hasOwnIds: itemIds !== undefined, twins, joined };
}

export async function summarize(held: HeldItems): Promise<DataSummary> {
  const { vectors, file, rowsInFile, reason } = held;
  const { rows, dim } = vectors;
  const checks = await checkItems(vectors.reader());
  const shown = Math.min(rows, HEAD_ROWS);
  const head = await vectors.reader().read(0, shown);
  return {
    rows,
    dim,
    file,
    leftOut: { rows: rowsInFile - rows, reason },
    ...namingOf(held),
    checks,
    words: held.words?.coverage,
    head: Array.from({ length: shown }, (_, i) => [...head.subarray(i * dim, i * dim + Math.min(dim, HEAD_COLUMNS))]),
  };
}

async function fetchOwn(url: string): Promise<Response> {
  const response = await fetch(url).catch(() => undefined);
  if (!response?.ok)
    throw new MissingPart("The sample could not be loaded. Please check your connection and try again.");
  return response;
}
