import { stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { counted } from "../base/words.ts";
import { checkedItemIds } from "../formats/ids/id-table.ts";
import { type AtomicFile, itemIdColumn, readAtomicFile } from "../formats/ids/recbole.ts";
import { joinItems } from "../formats/index.ts";
import { type PresetName, presets } from "../options/presets.ts";
import { resolveTrainConfig } from "../options/train-config.ts";
import type { ItemMatrix, TrainHistory } from "../types.ts";
import { type Command, type Given, oneOf, text, typedName, UsageError } from "./command.ts";
import { checkRoles } from "./file-roles.ts";
import { checkOutput, FileError, naming, readBytes, readCatalogue, STDOUT, saveWhole } from "./files.ts";
import { isLocal } from "./inputs.ts";
import { itemOptions, readingOf } from "./item-options.ts";
import { notesOf } from "./notes.ts";
import { readOptions } from "./options.ts";
import { computingOptions, tellAbout, writeAll, writeIds } from "./outputs.ts";
import { programName } from "./program-name.ts";
import { warningText } from "./progress.ts";
import { provenanceOf } from "./provenance.ts";
import { duration, fileSize, oneLine, shellWord } from "./text.ts";
import { begin, explained, remarks, tellKeptStart, train, trainWatched } from "./train.ts";

export const hopwise: Command = {
  name: "hopwise",
  summary: "Give the items of a Hopwise or RecBole dataset semantic IDs.",
  positionals: ["<dataset folder>"],
  options: {
    Files: {
      embeddings: {
        short: "e",
        value: "FILE",
        help: "the items' embeddings, joined to the .item file by\nitem ID; without IDs row i is the i-th item's",
      },
      embedding: itemOptions.embedding!,
      "id-column": itemOptions["id-column"]!,
      "skip-invalid": itemOptions["skip-invalid"]!,
      "skip-missing": { help: "leave items without an embedding without an ID;\notherwise they are an error" },
      sentences: { help: "print a sentence per item, for any text embedding\nmodel, and exit" },
      sep: { value: "CHAR", help: "between the columns of the .item file (default: tab)" },
      output: { short: "o", value: "FOLDER", help: "where to write (default: the dataset folder)" },
      force: { short: "f", help: "overwrite outputs that exist already" },
    },
    Model: train.options.Model!,
    Training: train.options.Training!,
    "More of the model": train.options["More of the model"]!,
    "More of the training": train.options["More of the training"]!,
    General: computingOptions,
  },
  notes: notesOf(
    [
      `The folder is named after the dataset: ml-1m holds ml-1m.item, whose columns are
headed name:type, one of them item_id:token. The command writes
  ml-1m.semanticids    items, semantic_ids, semantic_ids_embs: the csv that the
                       Hopwise program writes
  ml-1m.semantic.item  ml-1m.item with the column semantic_id:token_seq
  ml-1m.safetensors    the model, for rqvae encode
and never changes ml-1m.item. The embeddings can also be - (standard input) or
an http(s) URL; the dataset is a folder on this machine.`,
      `"hopwise" means one thing in three places: the original program.
  rqvae hopwise      reads and writes its files, and trains as rqvae train does
  --preset hopwise   trains as it does: its functions, sizes, optimiser and
                     20,000 epochs (here and in rqvae train)
  --compat hopwise   takes its functions only; the preset includes it`,
      `The outputs have default names: existing ones are overwritten only with --force.
A default of "chosen" depends on the items; --set works as in rqvae train.
Ctrl-C stops the training and writes what was learned so far.`,
    ],
    "rqvae hopwise ml-1m --sentences > sentences.txt",
    "(make items.npy from the sentences with any text embedding model)",
    "rqvae hopwise ml-1m --embeddings items.npy",
  ),
  run,
};

/** A dataset folder's .item file. */
interface Dataset {
  name: string;
  itemPath: string;
  separator: string;
  content: string;
  table: AtomicFile;
  itemIds: string[];
}

async function run(given: Given): Promise<number> {
  const folder = given.positionals[0] as string;
  const options = readOptions(given);
  const preset = oneOf(given, "preset", Object.keys(presets) as PresetName[]);
  if (!isLocal(folder)) {
    throw new UsageError(
      `<dataset folder> is ${folder}, but must be a folder on this machine: several files are read from it`,
    );
  }
  const dataset = await readDataset(folder, readSeparator(given));
  if (given.values.sentences) {
    process.stdout.write(
      sentences(dataset.table)
        .map((sentence) => `${sentence}\n`)
        .join(""),
    );
    return 0;
  }
  const embeddingsPath = text(given, "embeddings");
  if (embeddingsPath === undefined) {
    throw new UsageError(
      `--embeddings FILE is missing: make it with any text embedding model from what ${programName()} hopwise ${shellWord(folder)} --sentences prints`,
    );
  }
  const target = text(given, "output") ?? folder;
  if (target === STDOUT)
    throw new UsageError(
      `${typedName(given, "output")} is a folder for several files, which cannot go to standard output (-)`,
    );
  const quiet = given.values.quiet === true;
  const { items, rows, text: said } = await readEmbeddings(embeddingsPath, dataset, given);
  const paths = {
    model: join(target, `${dataset.name}.safetensors`),
    ids: join(target, `${dataset.name}.semanticids`),
    item: join(target, `${dataset.name}.semantic.item`),
  };
  for (const path of Object.values(paths)) {
    await checkOutput(path, { overwrite: given.values.force === true, inputs: [dataset.itemPath, embeddingsPath] });
  }
  const itemIds = rows.map((row) => dataset.itemIds[row]!);
  const titles = titlesOf(dataset);
  const labels = { titles: rows.map((row) => titles[row]!) };
  const greeting = `${said === "" ? "" : `${said}\n`}The dataset ${dataset.name} has ${counted(dataset.itemIds.length, "item")}, their embeddings have ${counted(items.dim, "dimension")}.`;
  const explain = (error: unknown): never => {
    throw explained(error, embeddingsPath, options, preset, undefined);
  };
  const { model, trainOptions } = await begin(items, options, preset).catch(explain);
  try {
    const outcome = await trainWatched(model, { items, quiet }, trainOptions, greeting).catch(explain);
    if (outcome.interrupted && !model.initialized) {
      process.stderr.write("Stopped before training began: nothing was written.\n");
      return outcome.interrupted.exitCode;
    }
    const ids = model.encode(items);
    const source = { ids, itemIds };
    const bytes = model.save();
    const sizes = { ids: 0, item: 0 };
    const merging = {
      into: dataset.content,
      separator: dataset.separator,
      missing: given.values["skip-missing"] === true ? ("empty" as const) : ("error" as const),
    };
    await writeAll(
      async () => {
        sizes.ids = await writeIds(paths.ids, source, { vectors: { codebooks: model.codebooks() } }, "semanticids");
      },
      async () => {
        sizes.item = await writeIds(paths.item, source, merging, "recbole");
      },
      () => saveWhole(paths.model, () => bytes),
    );
    if (outcome.interrupted) {
      process.stderr.write(
        `Stopped early. What was learned so far is in ${paths.ids}, ${paths.item} and ${paths.model}.\n`,
      );
      return outcome.interrupted.exitCode;
    }
    const history = model.history as TrainHistory;
    tellKeptStart(history, quiet);
    if (quiet) return 0;
    await tellAbout(model, { items, labels }, ids, {
      provenance: provenanceOf(model, resolveTrainConfig(trainOptions, model.config)),
      effort: `${counted(history.epochs.length, "epoch")} in ${duration(outcome.seconds)}`,
      remarks: remarks(model, history),
      warnings: history.warnings.map(warningText),
      files: [
        { path: paths.ids, what: "items, IDs and vectors, as the Hopwise program writes", size: fileSize(sizes.ids) },
        { path: paths.item, what: `${dataset.name}.item with semantic_id:token_seq`, size: fileSize(sizes.item) },
        { path: paths.model, what: "the model", size: fileSize(bytes.length) },
      ],
      next: `${programName()} encode ${shellWord(paths.model)} new-items.npy`,
    });
    return 0;
  } finally {
    model.dispose();
  }
}

function readSeparator(given: Given): string {
  const separator = (text(given, "sep") ?? "\t").replace(/^\\t$/, "\t");
  if (/^[^"\r\n]$/.test(separator)) return separator;
  throw new UsageError(`--sep must be one character, but is "${separator}"`);
}

async function readDataset(folder: string, separator: string): Promise<Dataset> {
  const name = basename(resolve(folder));
  const itemPath = join(folder, `${name}.item`);
  if (!(await stat(folder).catch(() => undefined))?.isDirectory()) {
    throw new FileError(`${folder}: no such folder; it is named like the dataset and holds <dataset>.item`);
  }
  const bytes = await readBytes(itemPath);
  return naming(itemPath, () => {
    const content = new TextDecoder().decode(bytes);
    const table = readAtomicFile(content, separator);
    const column = itemIdColumn(table.columns);
    const itemIds = table.rows.map((row) => row[column]!);
    if (itemIds.length === 0) throw new FileError(`${itemPath}: has a header but no items`);
    checkedItemIds({ ids: itemIds, itemIds });
    return { name, itemPath, separator, content, table, itemIds };
  });
}

/** The embeddings of the dataset's items, the items' rows in the .item file, and what is to be said about how the two were joined. */
async function readEmbeddings(
  path: string,
  { itemIds, itemPath }: Dataset,
  given: Given,
): Promise<{ items: ItemMatrix; rows: number[]; text: string }> {
  await checkRoles([{ as: typedName(given, "embeddings"), path, role: "items" }]);
  const { items, source } = await readCatalogue(path, undefined, readingOf(given));
  const {
    rows: found,
    missing,
    text,
  } = naming(path, () => joinItems({ name: itemPath, rows: itemIds.length, itemIds }, source, "embedding"));
  if (missing.length > 0 && given.values["skip-missing"] !== true) {
    throw new FileError(`${text} Add what is missing, or give --skip-missing to leave these items without an ID`);
  }
  const rows = [...found.keys()].filter((row) => found[row]! >= 0);
  if (found.length === items.rows && found.every((row, i) => row === i)) return { items, rows, text };
  const { dim } = items;
  const data = new (items.data.constructor as new (length: number) => typeof items.data)(rows.length * dim);
  rows.forEach((row, i) => {
    const start = found[row]! * dim;
    data.set(items.data.subarray(start, start + dim) as never, i * dim);
  });
  return { items: { data, rows: rows.length, dim } as ItemMatrix, rows, text };
}

/** "item_id: 1 movie_title: Toy Story class: Animation": the columns of each row that are not empty. */
function sentences({ columns, rows }: AtomicFile): string[] {
  return rows.map((row) =>
    columns.flatMap((name, column) => (row[column] === "" ? [] : [`${name}: ${oneLine(row[column]!)}`])).join(" "),
  );
}

/** The column that names the items, or else their IDs. */
function titlesOf({ table: { columns, rows }, itemIds }: Dataset): string[] {
  const column = columns.findIndex((name) => /title|name/i.test(name));
  return rows.map((row, i) => row[column] || itemIds[i]!);
}
