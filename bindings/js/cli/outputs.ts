/** What every command that makes a model shares: its files, the summary at the end, and the words for an early one. */

import { extname } from "node:path";
import { counted } from "../base/words.ts";
import type { IdTableSource } from "../formats/ids/id-table.ts";
import { type IdFormat, writeIds as piecesOfIds, type WriteIdsOptions } from "../formats/index.ts";
import type { SemanticIds } from "../ids/semantic-ids.ts";
import type { TableColumns } from "../items/columns.ts";
import { isSource } from "../items/embedding-source.ts";
import { readItemRows, readSourceRows } from "../items/item-rows.ts";
import { figureRows } from "../items/sample.ts";
import type { RQVAE } from "../model/rqvae.ts";
import { explainedBy } from "../report/assess.ts";
import { assessIds } from "../report/assess-ids.ts";
import type { IdStatistics, ItemLabels } from "../types.ts";
import { type Given, type Option, text, typedName, UsageError } from "./command.ts";
import { fieldFiles, fuseCatalogue, hasFields, withLayout } from "./fields.ts";
import { checkRoles } from "./file-roles.ts";
import {
  type CatalogueItems,
  checkOutput,
  FileError,
  nameFile,
  nameOfOutput,
  openCatalogue,
  STDOUT,
  saveWhole,
} from "./files.ts";
import { nameOfInput } from "./inputs.ts";
import { itemBlocks } from "./item-blocks.ts";
import { itemOptions, readingOf } from "./item-options.ts";
import { programName } from "./program-name.ts";
import { configurationText, identity, type Provenance } from "./provenance.ts";
import { checkPublishing, type Publishing, publishIds, readPublishing, writeIndex } from "./publishing.ts";
import { describeModel, type Story, type Summary } from "./show.ts";
import { columnsOf, fileSize, paletteFor, shellWord } from "./text.ts";

export const labelsOption: Option = {
  short: "l",
  value: "FILE",
  help: "titles of the items, joined by item ID: JSON, csv,\nan .item file; or text, one title per line",
};

/** Options about files of a command that makes a model. */
export const fileOptions: Record<string, Option> = {
  labels: labelsOption,
  ...itemOptions,
  output: { short: "o", value: "FILE", help: "the model (default: model.safetensors)" },
  ids: {
    value: "FILE",
    help: "the IDs, in the format of its extension (- is\nstandard output, as csv; default: <model>.ids.csv)",
  },
  force: { short: "f", help: "overwrite default outputs that exist already" },
};

export const generalOptions: Record<string, Option> = {
  quiet: { short: "q", help: "print nothing but errors and what must not be missed" },
  help: { short: "h", help: "show this help" },
};

/** The same for commands that compute; main.ts reads the number of threads. */
export const computingOptions: Record<string, Option> = {
  threads: {
    value: "N",
    help: "threads to compute with, 1 to 64; any number gives\nthe same results (default: one per core, up to 4)",
  },
  ...generalOptions,
};

/** Prints the result as JSON instead of text. */
export const jsonOption: Option = { help: "print the result as one JSON object instead of text" };

/** The files of a command that makes a model, and the items. */
export interface Workplace {
  itemsPath: string;
  modelPath: string;
  idsPath: string;
  /** What must not be overwritten. */
  inputs: string[];
  items: CatalogueItems;
  labels: ItemLabels | undefined;
  itemIds: string[] | undefined;
  /** What the columns of a table were taken for. */
  columns: TableColumns | undefined;
  /** Names of the dimensions, as an option of training. */
  named: { columnNames?: string[] };
  quiet: boolean;
  /** How the IDs are published; undefined for raw ones. */
  publishing: Publishing | undefined;
}

/**
 * Reads the items and makes sure that the outputs can be written.
 * @param taken Other files that the command writes, by their options.
 */
export async function openWorkplace(
  given: Given,
  overwrite: boolean,
  taken: Record<string, string> = {},
): Promise<Workplace> {
  const itemsPath = given.positionals[0] as string;
  const labelsPath = text(given, "labels");
  const modelPath = text(given, "output") ?? "model.safetensors";
  const idsPath = text(given, "ids") ?? `${modelPath.replace(/\.safetensors$/, "")}.ids.csv`;
  requireFile(typedName(given, "output"), modelPath, "a model");
  requireExtension(typedName(given, "output"), modelPath, MODEL_EXTENSIONS);
  idFormatOf("--ids", idsPath);
  const publishing = readPublishing(given);
  const indexPath = publishing?.indexPath;
  if (idsPath === STDOUT && taken.checkpoint !== undefined) {
    throw new UsageError(
      "--ids - does not go with --checkpoint, which knows a finished training by its files: name a file",
    );
  }
  const outputs = Object.entries({
    ...taken,
    output: modelPath,
    ids: idsPath,
    ...(indexPath !== undefined && { index: indexPath }),
  });
  for (const [i, [option, path]] of outputs.entries()) {
    const twin = outputs.slice(0, i).find(([, earlier]) => earlier === path)?.[0];
    if (twin) {
      throw new UsageError(`${typedName(given, twin)} and ${typedName(given, option)} are the same file, ${path}`);
    }
  }
  const others = ["item-ids", "from", "published"].map((name) => text(given, name));
  const fieldInputs = fieldFiles(given);
  const inputs = [itemsPath, labelsPath, ...others, ...fieldInputs.map(({ path }) => path)].filter(
    (path) => path !== undefined,
  );
  await checkRoles([
    ...fieldInputs,
    { as: "<items>", path: itemsPath, role: "items" },
    { as: typedName(given, "labels"), path: labelsPath, role: "titles" },
    { as: "--item-ids", path: text(given, "item-ids"), role: "titles" },
  ]);
  await checkOutputs(given, { modelPath, idsPath, inputs, publishing }, overwrite);
  const catalogue = await openCatalogue(itemsPath, labelsPath, readingOf(given));
  const { labels, itemIds, columns } = catalogue;
  const items = hasFields(given)
    ? await fuseCatalogue(given, catalogue).catch((error) => {
        throw nameFile(itemsPath, error);
      })
    : await withLayout(itemsPath, catalogue.items, given.values.quiet === true);
  const named = hasFields(given) ? {} : catalogue.named;
  checkPublishing(publishing, { items, rows: items.rows, itemIds, labels }, nameOfInput(itemsPath));
  const quiet = given.values.quiet === true;
  return { itemsPath, modelPath, idsPath, inputs, items, labels, itemIds, named, columns, quiet, publishing };
}

/** Makes sure that model and IDs can be written. Those that were named are overwritten in any case. @throws FileError */
export async function checkOutputs(
  { values }: Given,
  { modelPath, idsPath, inputs, publishing }: Pick<Workplace, "modelPath" | "idsPath" | "inputs" | "publishing">,
  overwrite: boolean,
): Promise<void> {
  if (publishing?.indexPath !== undefined) await checkOutput(publishing.indexPath, { overwrite: true, inputs });
  await checkOutput(modelPath, { overwrite: overwrite || values.output !== undefined, inputs });
  await checkOutput(idsPath, { overwrite: overwrite || values.ids !== undefined, inputs });
}

/** Does one after the other, the later ones even if an earlier one fails to write its file. @throws FileError that says what did */
export async function writeAll(...writes: (() => Promise<unknown>)[]): Promise<void> {
  const failed: string[] = [];
  for (const write of writes) {
    await write().catch((error: unknown) => {
      if (!(error instanceof FileError)) throw error;
      failed.push(error.message);
    });
  }
  if (failed.length > 0) throw new FileError(failed.join(". "));
}

/** What was written, and how to report it. */
export interface Written {
  ids: SemanticIds;
  outputs: {
    model: { file: string; bytes: number };
    ids: { file: string; rows: number; bytes: number; collisions?: string };
    index?: { file: string; items: number; bytes: number };
  };
  /** Prints the summary, with what else there is to report. */
  tell(story: Story, provenance: Provenance): Promise<void>;
}

/** Writes the IDs that a model gives the items to another file, published by the same rule. */
export async function writeIdsOf(
  place: Workplace,
  model: RQVAE,
  path: string,
): Promise<{ size: number; rows: number }> {
  const { items, labels, itemIds, publishing } = place;
  const ids = await model.encodeAsync(items);
  const made = publishing && (await publishIds(publishing, model, ids, { items, rows: items.rows, itemIds, labels }));
  const table = { ids: made?.ids ?? ids, ...(itemIds && { itemIds }) };
  return { size: await writeIds(path, table, extrasFor(formatOf(path), model, labels, table.ids)), rows: ids.length };
}

/** Writes the model and its IDs. */
export async function writeModel(place: Workplace, model: RQVAE): Promise<Written> {
  const { items, labels, itemIds, modelPath, idsPath, publishing } = place;
  const ids = await model.encodeAsync(items);
  const bytes = model.save();
  let idsBytes = 0;
  let index: { file: string; items: number; bytes: number } | undefined;
  await writeAll(
    () => saveWhole(modelPath, () => bytes),
    async () => {
      const made =
        publishing && (await publishIds(publishing, model, ids, { items, rows: items.rows, itemIds, labels }));
      if (made && made.text !== "" && !place.quiet) process.stderr.write(`${made.text}\n`);
      const table = { ids: made?.ids ?? ids, ...(itemIds && { itemIds }) };
      await writeAll(
        async () => {
          idsBytes = await writeIds(idsPath, table, extrasFor(formatOf(idsPath), model, labels, table.ids));
        },
        async () => {
          const file = publishing?.indexPath;
          if (file !== undefined) index = { file, items: ids.length, bytes: await writeIndex(file, made!.index) };
        },
      );
    },
  );
  return {
    ids,
    outputs: {
      model: { file: modelPath, bytes: bytes.length },
      ids: {
        file: idsPath,
        rows: ids.length,
        bytes: idsBytes,
        ...(publishing && { collisions: publishing.collisions }),
      },
      ...(index && { index }),
    },
    tell: ({ files = [], ...story }, provenance) =>
      tellAbout(model, place, ids, {
        next: `${programName()} encode ${shellWord(modelPath)} new-items.npy`,
        provenance,
        ...story,
        files: [
          { path: modelPath, what: "the model", size: fileSize(bytes.length) },
          { path: nameOfOutput(idsPath), what: `the IDs, ${counted(ids.length, "row")}`, size: fileSize(idsBytes) },
          ...(index ? [{ path: index.file, what: "the index of the published IDs", size: fileSize(index.bytes) }] : []),
          ...files,
        ],
        // Standard output may be taken by the IDs.
        stream: idsPath === STDOUT ? process.stderr : process.stdout,
      }),
  };
}

/** What `--json` prints about a model that was made: one object. */
export async function outcomeOf(
  model: RQVAE,
  place: Workplace,
  { ids, outputs }: Written,
  provenance: Provenance,
): Promise<Record<string, unknown>> {
  const losses = await meanLosses(model, place.items);
  const explained = await explainedVariance(model, ids, place.items);
  return {
    ...provenance,
    items: { file: nameOfInput(place.itemsPath), rows: place.items.rows, dim: place.items.dim },
    losses: { ...losses, explainedVariance: explained },
    ids: model.history?.ids ?? (await statisticsOf(ids)),
    outputs,
  };
}

/** The counts that a training's history has, of any IDs. */
async function statisticsOf(ids: SemanticIds): Promise<IdStatistics> {
  const { items, distinctIds, itemsSharing, largestGroup, perLevel } = await assessIds(ids);
  return {
    items,
    distinctIds,
    uniqueShare: distinctIds / items,
    itemsSharing,
    largestGroup,
    usedCodes: perLevel.map(({ usedCodes }) => usedCodes),
    usage: perLevel.map(({ usage }) => usage),
    perplexity: perLevel.map(({ perplexity }) => perplexity),
  };
}

/** Prints the summary of a model that was made. */
export async function tellAbout(
  model: RQVAE,
  { items, itemIds, labels }: Pick<Workplace, "items" | "labels"> & Partial<Pick<Workplace, "itemIds">>,
  ids: SemanticIds,
  {
    stream = process.stdout,
    provenance,
    ...rest
  }: Story & Pick<Summary, "files" | "next"> & { provenance: Provenance; stream?: NodeJS.WriteStream },
): Promise<void> {
  const losses = await meanLosses(model, items);
  const summary = await describeModel(
    {
      ids,
      dim: items.dim,
      labels,
      itemIds,
      losses,
      explainedVariance: await explainedVariance(model, ids, items),
      identity: identity(provenance),
      configuration: configurationText(provenance.configuration.model, provenance.configuration.train ?? undefined),
      ...rest,
    },
    columnsOf(stream),
    paletteFor(stream),
  );
  stream.write(`${summary}\n`);
}

/** The formats of IDs by the ends of file names, the longer ones first. */
const FORMAT_ENDS: [end: string, format: IdFormat][] = [
  [".trie.json", "trie"],
  [".json", "lcrec"],
  [".jsonl", "jsonl"],
  [".ndjson", "jsonl"],
  [".npy", "npy"],
  [".item", "recbole"],
  [".semanticids", "semanticids"],
  [".csv", "csv"],
  [".parquet", "parquet"],
];

/** The format of IDs that a file's name says. */
export const formatOf = (path: string): IdFormat | undefined =>
  FORMAT_ENDS.find(([end]) => path.toLowerCase().endsWith(end))?.[1];

/** The ending of a name that may say a format; "ids.2" has none. */
export function endingOf(path: string): string {
  const ending = extname(path);
  return /\D/.test(ending.slice(1)) ? ending : "";
}

/** Formats that are no text. */
const BINARY: readonly string[] = ["npy", "parquet", "shard"];

/** @throws UsageError when JSON and IDs are both asked for on standard output. */
export function requireOneStdout(given: Given): void {
  if (given.values.json && given.values.ids === STDOUT) {
    throw new UsageError("--json and --ids - both write to standard output: name a file with --ids");
  }
  if (given.values.history === STDOUT && (given.values.json || given.values.ids === STDOUT)) {
    const other = given.values.json ? "--json" : "--ids -";
    throw new UsageError(`${other} and --history - both write to standard output: name a file with --history`);
  }
}

/** @throws UsageError for standard output, which takes text only. */
export function requireFile(as: string, path: string, what: string): void {
  if (path === STDOUT) {
    throw new UsageError(`${as}: ${what} is binary and cannot go to standard output (${STDOUT}); name a file`);
  }
}

/**
 * The format of IDs for an output: the one that was asked for, or that of its name; undefined when neither says one.
 * @param as How the output was given: "--output".
 * @param by The option that names a format, if there is one.
 * @param endings More endings that are known, but say no format of IDs.
 * @throws UsageError for a name with an unknown ending, and for a binary format on standard output.
 */
export function idFormatOf<T extends string = IdFormat>(
  as: string,
  path: string,
  asked?: T,
  by?: string,
  endings: readonly string[] = [],
): T | IdFormat | undefined {
  const format = asked ?? formatOf(path);
  if (format !== undefined && BINARY.includes(format)) requireFile(as, path, format);
  if (format === undefined) requireExtension(as, path, [...FORMAT_ENDS.map(([end]) => end), ...endings], by);
  return format;
}

/**
 * Every output's name is checked so before any work is done. A name without an extension is taken as it is.
 * @param as How the output was given: "--output".
 * @param by The option that names a format, if there is one.
 * @throws UsageError for an extension that says none of the formats that can be written.
 */
export function requireExtension(as: string, path: string, known: readonly string[], by?: string): void {
  const extension = endingOf(path);
  if (path === STDOUT || extension === "" || known.includes(extension.toLowerCase())) return;
  const names = known.length === 1 ? known[0] : `${known.slice(0, -1).join(", ")} or ${known.at(-1)}`;
  throw new UsageError(
    `${as} ${path}: unknown extension ${extension}; use ${names}${by === undefined ? "" : `, or name the format with ${by}`}`,
  );
}

/** Extensions of a model's file. */
export const MODEL_EXTENSIONS = [".safetensors"];

/** What a model has to add to its IDs in a format. */
export function extrasFor(
  format: IdFormat | undefined,
  model: RQVAE,
  labels: ItemLabels | undefined,
  { levels }: SemanticIds,
): WriteIdsOptions {
  // A suffix has no vector.
  const hasVectors = format === "semanticids" && levels === model.config.codebookSize.length;
  return {
    ...(labels && { labels }),
    ...(hasVectors && { vectors: { codebooks: model.codebooks() } }),
  };
}

/** Writes IDs in a format, by default that of the file's name, or else as CSV. @returns the size in bytes. */
export function writeIds(
  path: string,
  table: IdTableSource,
  extras: WriteIdsOptions,
  format = formatOf(path) ?? "csv",
): Promise<number> {
  return writeCounted(path, () => piecesOfIds(format, table, extras));
}

/** Writes a file piece by piece, as `saveWhole` does. @returns its size in bytes. */
export async function writeCounted(path: string, make: () => Iterable<string | Uint8Array>): Promise<number> {
  let bytes = 0;
  const counted = function* () {
    bytes = 0;
    for (const piece of make()) {
      bytes += Buffer.byteLength(piece);
      yield piece;
    }
  };
  await saveWhole(path, counted);
  return bytes;
}

/** Losses of the final model over all items, a few thousand at a time. */
async function meanLosses(
  model: RQVAE,
  items: CatalogueItems,
): Promise<{ reconstruction: number; quantization: number }> {
  let reconstruction = 0;
  let quantization = 0;
  for await (const { first: _, ...block } of itemBlocks(items)) {
    const losses = model.forward(block);
    reconstruction += (losses.reconstructionLoss * block.rows) / items.rows;
    quantization += (losses.quantizeLoss * block.rows) / items.rows;
  }
  return { reconstruction, quantization };
}

/** Share of the items' variance that their IDs explain, on the rows that `rqvae report` looks at. */
async function explainedVariance(model: RQVAE, ids: SemanticIds, items: CatalogueItems): Promise<number> {
  const { rows: n, dim } = items;
  const rows = figureRows(n, dim);
  const read = isSource(items) ? readSourceRows(items, n, "train") : readItemRows(items, n, "train", dim);
  return explainedBy(model, ids, rows, await read.take(rows));
}
