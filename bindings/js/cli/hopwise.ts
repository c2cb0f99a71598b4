import { stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { checkedItemIds } from "../formats/id-table.ts";
import { type AtomicFile, hopwiseChunks, mergeRecBoleChunks, readAtomicFile } from "../formats/index.ts";
import { itemIdColumn } from "../formats/recbole.ts";
import { RQVAE } from "../rqvae.ts";
import type { ItemLabels, ItemMatrix, TrainHistory } from "../types.ts";
import { type Command, type Given, text, UsageError } from "./command.ts";
import { checkRoles } from "./file-roles.ts";
import { checkOutput, FileError, naming, readBytes, readCatalogue, writeWhole } from "./files.ts";
import { type GivenOptions, readOptions } from "./options.ts";
import { generalOptions, shellWord, tellAbout, writeCounted } from "./outputs.ts";
import { warningText } from "./progress.ts";
import { duration, fileSize, oneLine, plural } from "./text.ts";
import { begin, explained, remarks, type Start, train, trainWatched } from "./train.ts";

/** What the reference's script (run_example/RQ_Vae_Semantic_IDs.py of Hopwise) trains with. */
const REFERENCE = {
  model: {
    compat: "hopwise",
    hiddenDims: [256, 128, 64],
    latentDim: 256,
    nQuantizationLayers: 3,
    codebookSize: 256,
    commitmentWeight: 0.25,
  },
  train: { epochs: 20_000, batchSize: 1024, optimizer: "adagrad", learningRate: 1e-3, weightDecay: 1e-4 },
} as const satisfies GivenOptions;

const { preset: _, compat, ...modelOptions } = train.options.Model!;

export const hopwise: Command = {
  name: "hopwise",
  summary: "Gives the items of a Hopwise or RecBole dataset semantic IDs.",
  positionals: ["<dataset folder>"],
  options: {
    Files: {
      embeddings: {
        short: "e",
        value: "FILE",
        help: "row i is the embedding of the i-th item of the .item\nfile: npy, csv, tsv, json or jsonl",
      },
      sentences: { help: "print a sentence per item, for any model that makes\nembeddings of text, and end" },
      sep: { value: "CHAR", help: "between the columns of the .item file (default: tab)" },
      output: { short: "o", value: "FOLDER", help: "where to write (default: the dataset folder)" },
      force: { short: "f", help: "overwrite outputs that exist already" },
    },
    Model: {
      compat: { ...compat!, help: "hopwise: train as the original program does, 20,000\nepochs of it" },
      ...modelOptions,
    },
    Training: train.options.Training!,
    General: generalOptions,
  },
  notes: `The folder is named like the dataset: ml-1m holds ml-1m.item, whose columns are
headed name:type, one of them item_id:token. Written are
  ml-1m.semanticids    items, semantic_ids, semantic_ids_embs: the csv that the
                       Hopwise program writes
  ml-1m.semantic.item  ml-1m.item with the column semantic_id:token_seq
  ml-1m.safetensors    the model, for rqvae encode
and ml-1m.item is never changed. Options without a default are chosen from the
number of items and their dimension, --set is as in rqvae train. Ctrl-C stops
the training and writes what was learned so far (exit code 130).

Example:
  rqvae hopwise ml-1m --sentences > sentences.txt
  (make items.npy of the sentences, by any text embedding model)
  rqvae hopwise ml-1m --embeddings items.npy
`,
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
      `--embeddings FILE is missing: make it with any text embedding model from what rqvae hopwise ${shellWord(folder)} --sentences prints`,
    );
  }
  const items = await readEmbeddings(embeddingsPath, dataset);
  const target = text(given, "output") ?? folder;
  const paths = {
    model: join(target, `${dataset.name}.safetensors`),
    ids: join(target, `${dataset.name}.semanticids`),
    item: join(target, `${dataset.name}.semantic.item`),
  };
  for (const path of Object.values(paths)) {
    await checkOutput(path, { overwrite: given.values.force === true, inputs: [dataset.itemPath, embeddingsPath] });
  }
  const quiet = given.values.quiet === true;
  const labels = titlesOf(dataset);
  const greeting = `The dataset ${dataset.name} has ${plural(dataset.itemIds.length, "item")}, their embeddings have ${plural(items.dim, "dimension")}.`;
  const explain = (error: unknown): never => {
    throw explained(error, embeddingsPath, options, undefined, undefined);
  };
  const { model, trainOptions } = await start(items, options).catch(explain);
  try {
    const outcome = await trainWatched(model, { items, quiet }, trainOptions, greeting).catch(explain);
    if (outcome.interrupted && !model.initialized) {
      process.stderr.write("Stopped before training began: nothing was written.\n");
      return outcome.interrupted.exitCode;
    }
    const ids = model.encode(items);
    const source = { ids, itemIds: dataset.itemIds };
    const bytes = model.save();
    const sizes = {
      ids: await writeCounted(paths.ids, hopwiseChunks(source, { codebooks: model.codebooks() })),
      item: await writeCounted(
        paths.item,
        mergeRecBoleChunks(dataset.content, source, { separator: dataset.separator }),
      ),
    };
    await writeWhole(paths.model, bytes);
    if (outcome.interrupted) {
      process.stderr.write(
        `Stopped early. What was learned so far is in ${paths.ids}, ${paths.item} and ${paths.model}.\n`,
      );
      return outcome.interrupted.exitCode;
    }
    if (quiet) return 0;
    const history = model.history as TrainHistory;
    await tellAbout(model, { items, labels }, ids, {
      effort: `${plural(history.epochs.length, "epoch")} in ${duration(outcome.seconds)}`,
      remarks: remarks(model, history),
      warnings: history.warnings.map(warningText),
      files: [
        { path: paths.ids, what: "items, IDs and vectors, as the Hopwise program writes", size: fileSize(sizes.ids) },
        { path: paths.item, what: `${dataset.name}.item with semantic_id:token_seq`, size: fileSize(sizes.item) },
        { path: paths.model, what: "the model", size: fileSize(bytes.length) },
      ],
      next: `rqvae encode ${shellWord(paths.model)} new-items.npy`,
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

async function readEmbeddings(path: string, { itemIds, itemPath }: Dataset): Promise<ItemMatrix> {
  await checkRoles([{ as: "--embeddings", path, role: "items" }]);
  const { items } = await readCatalogue(path, undefined);
  if (items.rows === itemIds.length) return items;
  throw new FileError(
    `${path}: has ${plural(items.rows, "row")}, but ${itemPath} has ${plural(itemIds.length, "item")}: row i must be the embedding of the i-th item`,
  );
}

/** "item_id: 1 movie_title: Toy Story class: Animation": the columns of each row that are not empty. */
function sentences({ columns, rows }: AtomicFile): string[] {
  return rows.map((row) =>
    columns.flatMap((name, column) => (row[column] === "" ? [] : [`${name}: ${oneLine(row[column]!)}`])).join(" "),
  );
}

/** The column that names the items, or else their IDs. */
function titlesOf({ table: { columns, rows }, itemIds }: Dataset): ItemLabels {
  const column = columns.findIndex((name) => /title|name/i.test(name));
  return { titles: rows.map((row, i) => row[column] || itemIds[i]!) };
}

async function start(items: ItemMatrix, given: GivenOptions): Promise<Start> {
  if (given.model.compat !== "hopwise") return begin(items, given, undefined);
  // Sizes for each level tell how many there are.
  const { codebookSize } = given.model;
  const levels = Array.isArray(codebookSize) ? { nQuantizationLayers: codebookSize.length } : {};
  return {
    model: await RQVAE.create({ ...REFERENCE.model, ...levels, ...given.model, inputDim: items.dim }),
    trainOptions: { ...REFERENCE.train, ...given.train },
  };
}
