import {
  access,
  constants,
  type FileHandle,
  mkdtemp,
  open,
  realpath,
  rename,
  rm,
  stat,
  unlink,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { RQVAEError } from "../base/errors.ts";
import { counted } from "../base/words.ts";
import {
  describeColumns,
  joinLabels,
  type OpenedItems,
  openItems,
  type ReadIds,
  type ReadIdsOptions,
  readIds,
  readItems,
  readLabels,
} from "../formats/index.ts";
import type { ReadItemsOptions } from "../formats/items/read-items.ts";
import type { IdModel } from "../index/index-model.ts";
import { SemanticIdIndex } from "../index/semantic-id-index.ts";
import type { TableColumns } from "../items/columns.ts";
import { firstFew, type JoinSource, requireUnique } from "../items/join.ts";
import { RQVAE } from "../model/rqvae.ts";
import type { EmbeddingSource, ItemLabels, ItemMatrix } from "../types.ts";
import { UsageError } from "./command.ts";
import { FileError, on, reasons } from "./file-error.ts";
import { isIndex } from "./file-roles.ts";
import { isLocal, isUrl, nameOfInput, readBytes, STDIN } from "./inputs.ts";
import { Interrupted } from "./interrupt.ts";
import { sweepTemporaries, temporaryFor } from "./temporaries.ts";
import { inCliWords } from "./words.ts";

export { FileError, on } from "./file-error.ts";
export { readBytes } from "./inputs.ts";

/** What stands for standard output where an output file is expected, as in every Unix tool. */
export const STDOUT = "-";

/** An output in a message. */
export const nameOfOutput = (path: string): string => (path === STDOUT ? "standard output" : path);

/** Items that a command works on: all in memory, or read as they are needed. */
export type CatalogueItems = ItemMatrix | EmbeddingSource;

/** What a command works on. */
export interface Catalogue<T extends CatalogueItems = ItemMatrix> {
  items: T;
  labels: ItemLabels | undefined;
  /**
   * The items' own IDs: those that were named, or of the items' file, or of the labels; without any the rows' numbers in the file, where
   * rows were left out.
   */
  itemIds: string[] | undefined;
  /** What the columns of a table were taken for. */
  columns: TableColumns | undefined;
  /** Names of the dimensions, where the file has a named column for each: an option of training and reports. */
  named: { columnNames?: string[] };
  /** What the items are joined by to other sources. */
  source: JoinSource;
}

/** How a catalogue is read, and with which files beside it. */
export type Reading = ReadItemsOptions & { quiet: boolean; itemIdsPath?: string };

/** Bytes from which on a file is read as it is needed: kept whole it would take twice as much, once here and once for the core. */
const LARGE_BYTES = 2 ** 29;

/** Files that are open while a command runs. */
const opened: OpenedItems[] = [];

/** Closes what commands have opened. */
export async function closeFiles(): Promise<void> {
  await Promise.all(opened.splice(0).map((file) => file.close()));
}

/** The items of a file, with the labels of another one or those that it has itself. What is left out is told on stderr. */
export async function readCatalogue(
  itemsPath: string,
  labelsPath: string | undefined,
  { quiet, itemIdsPath, ...reading }: Reading = { quiet: false },
): Promise<Catalogue> {
  const source = isLocal(itemsPath) ? itemsPath : await readBytes(itemsPath);
  const items = await readItems(source, { ...reading, fileName: nameOfInput(itemsPath) }).catch((error) => {
    throw nameFile(itemsPath, error);
  });
  return withLabels(itemsPath, labelsPath, items, items, {
    quiet,
    ...(itemIdsPath !== undefined && { itemIdsPath }),
  });
}

/**
 * As `readCatalogue`, but a large file is read as its rows are needed, where its format allows; any file with `partly`, when only some of
 * the rows are. What comes from a server is kept in memory, since training reads each row many times; standard input cannot be read again.
 */
export async function openCatalogue(
  itemsPath: string,
  labelsPath: string | undefined,
  options: Reading = { quiet: false },
  partly = false,
): Promise<Catalogue<CatalogueItems>> {
  const size = isLocal(itemsPath) ? (await on(itemsPath, () => stat(itemsPath))).size : 0;
  if ((size < LARGE_BYTES && !partly) || itemsPath === STDIN) {
    return readCatalogue(itemsPath, labelsPath, options);
  }
  const { quiet: _, itemIdsPath: __, ...reading } = options;
  const source = await openItems(itemsPath, { ...reading, fileName: nameOfInput(itemsPath) }).catch((error) => {
    throw nameFile(itemsPath, error);
  });
  opened.push(source);
  return withLabels(itemsPath, labelsPath, source, source, options);
}

async function withLabels<T extends CatalogueItems>(
  itemsPath: string,
  labelsPath: string | undefined,
  read: Pick<OpenedItems, "labels" | "itemIds" | "columns" | "skipped">,
  items: T,
  { quiet, itemIdsPath }: Pick<Reading, "quiet" | "itemIdsPath">,
): Promise<Catalogue<T>> {
  const name = nameOfInput(itemsPath);
  const tell = (line: string) => {
    if (line !== "" && !quiet) process.stderr.write(`${line}\n`);
  };
  const skipped = read.skipped?.rows ?? new Uint32Array(0);
  if (read.skipped && skipped.length > 0) {
    tell(`${name}: left out ${counted(skipped.length, "invalid row")}. The first: ${read.skipped.reason}`);
  }
  if (read.columns) tell(`${name}: ${describeColumns(read.columns)}`);
  const inFile: JoinSource = {
    name,
    rows: items.rows,
    itemIds: read.itemIds,
    ...(skipped.length > 0 && {
      fileRows: rowsBut(items.rows + skipped.length, skipped),
      rowsInFile: items.rows + skipped.length,
    }),
  };
  const named = itemIdsPath === undefined ? undefined : await readItemIds(itemIdsPath, inFile);
  tell(named?.text ?? "");
  const source = named ? { ...inFile, itemIds: named.itemIds } : inFile;
  const joined = labelsPath === undefined ? undefined : await readTitles(labelsPath, source);
  tell(joined?.text ?? "");
  const itemIds =
    source.itemIds ?? joined?.labels.itemIds ?? (inFile.fileRows && Array.from(inFile.fileRows, (row) => String(row)));
  const { vector = [] } = read.columns ?? {};
  const ofDimensions = vector.length === items.dim && items.dim > 1 ? { columnNames: vector } : {};
  return {
    items,
    labels: joined?.labels ?? read.labels,
    itemIds: itemIds && [...itemIds],
    columns: read.columns,
    named: ofDimensions,
    source,
  };
}

/** The numbers of `rows` rows without some, which are ascending. */
function rowsBut(rows: number, skipped: Uint32Array): Uint32Array {
  const kept = new Uint32Array(rows - skipped.length);
  for (let row = 0, s = 0, k = 0; row < rows; row++) {
    if (row === skipped[s]) s++;
    else kept[k++] = row;
  }
  return kept;
}

/** The labels of a file for the items of a source, and what is to be said about how they were joined. */
export async function readTitles(path: string, items: JoinSource): Promise<{ labels: ItemLabels; text: string }> {
  const content = new TextDecoder().decode(await readBytes(path));
  return naming(path, () => {
    const name = nameOfInput(path);
    const { labels, join } = joinLabels(items, readLabels(content, name), name);
    return { labels, text: join.text };
  });
}

/**
 * The items' own IDs from a file that has one for each row of a source, and what is to be said about it. Item IDs that the source has
 * itself are replaced, but not if the two name the same items in another order.
 */
export async function readItemIds(path: string, items: JoinSource): Promise<{ itemIds: string[]; text: string }> {
  const content = new TextDecoder().decode(await readBytes(path));
  return naming(path, () => {
    const name = nameOfInput(path);
    const read = readLabels(content, name);
    const all = read.itemIds ?? read.titles;
    const rows = items.rowsInFile ?? items.rows;
    if (all.length !== rows) {
      throw new FileError(
        `${name}: has ${counted(all.length, "entry")}, but ${items.name} has ${counted(rows, "row")}: --item-ids needs one entry per row`,
      );
    }
    requireUnique(all, "");
    const itemIds = Array.from({ length: items.rows }, (_, row) => all[items.fileRows?.[row] ?? row]!);
    if (!items.itemIds) return { itemIds, text: `${name}: entry i is taken as the ID of row i of ${items.name}.` };
    const other = itemIds.findIndex((itemId, row) => itemId !== items.itemIds![row]);
    if (other < 0) return { itemIds, text: "" };
    const known = new Set(items.itemIds);
    if (itemIds.some((itemId) => known.has(itemId))) {
      throw new FileError(
        `${name}: names the items of ${items.name} in another order or otherwise than their own item IDs do; row ${items.fileRows?.[other] ?? other} is ${JSON.stringify(itemIds[other])} here, but ${JSON.stringify(items.itemIds[other])} there: leave out --item-ids, or give each row its ID`,
      );
    }
    return {
      itemIds,
      text: `${name}: entry i is taken as the ID of row i of ${items.name}, whose own item IDs (${firstFew(items.itemIds)}) are not used.`,
    };
  });
}

/** What a file of IDs holds, or an index. */
export type IdFile = Omit<ReadIds, "format"> & { format: ReadIds["format"] | "index" };

/** The IDs of a file of any format, or of an index of published IDs. @param known Its bytes, if they were read already. */
export async function readIdFile(path: string, options: ReadIdsOptions, known?: Uint8Array): Promise<IdFile> {
  const bytes = known ?? (await readBytes(path));
  if (isIndex(bytes)) {
    const { ids, itemIds } = (await readIndex(path, bytes)).table();
    return { format: "index", ids, itemIds: itemIds.map(String) };
  }
  return readIds(bytes, { ...options, fileName: nameOfInput(path) }).catch((error) => {
    throw nameFile(path, error);
  });
}

/** An index of published IDs. */
export async function readIndex(path: string, bytes: Uint8Array, model?: IdModel): Promise<SemanticIdIndex> {
  return SemanticIdIndex.load(bytes, model ? { model } : {}).catch((error) => {
    throw nameFile(path, error);
  });
}

/** @param bytes The file, if it was read already. */
export const loadModel = async (path: string, bytes?: Uint8Array): Promise<RQVAE> =>
  RQVAE.load(bytes ?? (await readBytes(path))).catch((error) => {
    throw nameFile(path, error);
  });

/** The item IDs of rows that have none of their own, as files of IDs have them. */
export const rowNumbers = (rows: number): string[] => Array.from({ length: rows }, (_, row) => String(row));

/** An error about the content of a file says which file. */
export function naming<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw nameFile(path, error);
  }
}

/**
 * The error with the file's name before its message, unless the message has one or it is no complaint. What the library calls items
 * is the file.
 */
export function nameFile(input: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof FileError || error instanceof Interrupted) return error;
  if (error instanceof UsageError) return error;
  const path = nameOfInput(input);
  const message = error instanceof RQVAEError ? inCliWords(error.wording, path) : error.message;
  const isTold = isNamed(error, basename(path)) || (isUrl(path) && message.includes(path));
  return new FileError(isTold ? message : `${path}: ${message}`);
}

function isNamed(error: Error, name: string): boolean {
  // The platform's errors have the path in their sentence only.
  if (!(error instanceof RQVAEError)) return error.message.includes(name);
  return (
    error.argument === "items" ||
    error.wording.some((part) => typeof part === "object" && "file" in part && basename(part.file) === name)
  );
}

/**
 * Looks, before any work is done, whether a file can be written. An existing one is refused unless `overwrite`, and never
 * may an input be overwritten. Standard output is not looked at.
 * @throws FileError
 */
export async function checkOutput(path: string, options: { overwrite: boolean; inputs: string[] }): Promise<void> {
  if (path === STDOUT) return;
  if (isUrl(path)) throw new FileError(`${path}: is a URL, but outputs are written to files; name a file`);
  const folder = dirname(path);
  const folderStat = await stat(folder).catch(() => undefined);
  if (!folderStat?.isDirectory()) throw new FileError(`${path}: the folder ${folder} does not exist`);
  await on(path, () => access(folder, constants.W_OK), folder);
  await sweepTemporaries(path);
  const target = await stat(path).catch(() => undefined);
  if (!target) return;
  if (target.isDirectory()) throw new FileError(`${path}: ${reasons.EISDIR}`);
  if (!target.isFile()) return;
  const real = await realpath(path);
  for (const input of options.inputs) {
    if ((await realpath(input).catch(() => undefined)) === real) {
      throw new FileError(`${path}: is an input of this command and would be overwritten`);
    }
  }
  if (!options.overwrite)
    throw new FileError(`${path}: exists already; name another file, or overwrite it with --force`);
}

/** Whether there is a file of this name. */
export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

/** Removes a file for good. @throws FileError */
export async function remove(path: string): Promise<void> {
  await on(path, () => rm(path, { force: true }), dirname(path));
  await syncFolder(path);
}

/**
 * Writes a file, in one or in pieces, whole or not at all, a power cut included: to a temporary file beside it, which then takes its name. What is not a
 * regular file (a pipe, a device, standard output) is written to directly.
 * @throws FileError
 */
export function writeWhole(
  path: string,
  content: Uint8Array | string | Iterable<Uint8Array | string> | AsyncIterable<Uint8Array | string>,
): Promise<void> {
  return on(path, async () => {
    const pieces = typeof content === "string" || ArrayBuffer.isView(content) ? [content] : content;
    if (path === STDOUT) {
      // Its errors are told by main.ts, for all who write there.
      for await (const piece of pieces) await new Promise<void>((done) => process.stdout.write(piece, () => done()));
      return;
    }
    const writeTo = async (file: FileHandle) => {
      for await (const piece of pieces) await file.appendFile(piece);
    };
    const existing = await stat(path).catch(() => undefined);
    if (existing && !existing.isFile()) {
      const file = await open(path, "w");
      return writeTo(file).finally(() => file.close());
    }
    const target = existing ? await realpath(path) : path; // a symbolic link stays one
    const temporary = temporaryFor(target);
    const folder = dirname(target);
    try {
      const file = await on(path, () => open(temporary, "wx", existing?.mode ?? 0o666), folder);
      try {
        await writeTo(file);
        await file.sync();
      } finally {
        await file.close();
      }
      await on(path, () => rename(temporary, target), folder);
      await syncFolder(target);
    } catch (error) {
      await unlink(temporary).catch(() => {});
      throw error;
    }
  });
}

/**
 * As `writeWhole`, but what cannot be written there is not lost: it goes to a folder for temporary files.
 * @param make gives the content, once more when the first place fails
 * @throws FileError that says where it is instead
 */
export async function saveWhole(path: string, make: () => Parameters<typeof writeWhole>[1]): Promise<void> {
  try {
    await writeWhole(path, make());
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    const place = await spare(path, (other) => writeWhole(other, make()));
    throw new FileError(
      place
        ? `${error.message}. It is kept in ${place}: copy it from there, or name a file in another folder`
        : `${error.message}. Name a file in another folder`,
      { cause: error },
    );
  }
}

/** Writes a file of this name into a new folder for temporary files. @returns its path, if that went well */
async function spare(path: string, write: (path: string) => Promise<void>): Promise<string | undefined> {
  try {
    const place = join(await mkdtemp(join(tmpdir(), "rqvae-")), basename(path));
    await write(place);
    return place;
  } catch {
    return undefined;
  }
}

/** Has the system keep the names in a file's folder, a new one above all, even if the power fails. Not every system can. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), "r").catch(() => undefined);
  await folder
    ?.sync()
    .catch(() => {})
    .finally(() => folder.close());
}
