import { InvalidInputError } from "../errors.ts";
import { idsCsvChunks } from "../formats/index.ts";
import { RQVAE } from "../index.ts";
import type { SemanticIds } from "../semantic-ids.ts";
import { overrideTraining, suggestConfig } from "../suggest-config.ts";
import type { ItemLabels, ItemMatrix, ModelOptions, TrainOptions, TrainProgress } from "../types.ts";
import { type Command, type Given, number, oneOf, text, UsageError, wholeNumber, wholeNumbers } from "./command.ts";
import { checkOutput, nameFile, readCatalogue, writeWhole } from "./files.ts";
import { Interrupted, interruptible } from "./interrupt.ts";
import { trainView } from "./progress.ts";
import { describeTraining } from "./show.ts";
import { columnsOf, duration, fileSize, paletteFor, plural } from "./text.ts";

export const train: Command = {
  name: "train",
  summary: "Learns semantic IDs from item embeddings: writes the model and the IDs.",
  positionals: ["<items>"],
  options: {
    labels: { short: "l", value: "FILE", help: "titles of the items: JSON, or text with a title a line" },
    output: { short: "o", value: "FILE", help: "the model (default: model.safetensors)" },
    ids: { value: "FILE", help: "the IDs as CSV (default: the model's name with .ids.csv)" },
    force: { short: "f", help: "overwrite default outputs that exist already" },
    levels: { value: "N", help: "codes per ID" },
    codes: { value: "N", help: "codes to choose from at each level: 256, or 64,256,1024" },
    latent: { value: "N", help: "dimension of the latent space" },
    hidden: { value: "N,N", help: "widths of the hidden layers, or none" },
    epochs: { value: "N", help: "passes over the items" },
    batch: { value: "N", help: "items per training step" },
    lr: { value: "X", help: "learning rate" },
    optimizer: { value: "NAME", help: "adam, adamw, adagrad or sgd" },
    schedule: { value: "NAME", help: "course of the learning rate: constant, cosine or linear" },
    warmup: { value: "X", help: "share of the steps in which the learning rate rises" },
    "weight-decay": { value: "X", help: "weight decay" },
    commitment: { value: "X", help: "weight of the commitment loss" },
    noise: { value: "X", help: "noise on the input in training, in units of its scale" },
    seed: { value: "N", help: "same items, options and seed: same model, same IDs (default: 0)" },
    compat: { value: "NAME", help: "hopwise: the functions of the Hopwise tutorial's program" },
    quiet: { short: "q", help: "say nothing but errors" },
    help: { short: "h", help: "show this help" },
  },
  notes: `<items> is a table of numbers, one row an item: npy, csv, tsv, json or jsonl.
Options without a default are chosen from the number of items and their dimension.

A file that you name with --output or --ids is overwritten; a default one only
with --force. Ctrl-C stops the training and writes the model so far (exit code 130).

Example:
  rqvae train emoji.npy --labels emoji.labels.json -o emoji.safetensors --codes 32 --epochs 50
`,
  run,
};

async function run(given: Given): Promise<number> {
  const itemsPath = given.positionals[0] as string;
  const labelsPath = text(given, "labels");
  const modelPath = text(given, "output") ?? "model.safetensors";
  const idsPath = text(given, "ids") ?? `${modelPath.replace(/\.safetensors$/, "")}.ids.csv`;
  const { modelOptions, trainOptions } = readOptions(given);
  if (modelPath === idsPath) throw new UsageError(`--output and --ids are the same file, ${modelPath}`);
  const inputs = [itemsPath, ...(labelsPath === undefined ? [] : [labelsPath])];
  const { items, labels } = await readCatalogue(itemsPath, labelsPath);
  for (const [option, path] of [
    ["output", modelPath],
    ["ids", idsPath],
  ] as const) {
    await checkOutput(path, { overwrite: Boolean(given.values.force ?? given.values[option]), inputs });
  }

  const quiet = given.values.quiet === true;
  const { nQuantizationLayers, codebookSize, compat } = modelOptions;
  const shape = { n: items.rows, inputDim: items.dim, ...defined({ nQuantizationLayers, codebookSize, compat }) };
  const suggested = suggestConfig(shape);
  const explain = (error: unknown): never => {
    throw inOptionNames(error) ?? nameFile(itemsPath, error);
  };
  const model = await RQVAE.create({ ...suggested.model, ...modelOptions }).catch(explain);
  try {
    const outcome = await trainWatched(model, items, overrideTraining(suggested.train, trainOptions), quiet).catch(
      explain,
    );
    if (outcome.interrupted && !model.initialized) {
      process.stderr.write("Stopped before training began: there is no model yet, nothing was written.\n");
      return outcome.interrupted.exitCode;
    }
    const ids = model.encode(items);
    const bytes = model.save();
    await writeWhole(modelPath, bytes);
    const idsBytes = await writeIds(idsPath, ids, labels);
    if (outcome.interrupted) {
      const { epoch, epochs } = outcome.last ?? { epoch: 0, epochs: 0 };
      process.stderr.write(
        `Stopped in epoch ${epoch + 1} of ${epochs}. The model so far is in ${modelPath}, its IDs in ${idsPath}.\n`,
      );
      return outcome.interrupted.exitCode;
    }
    if (quiet) return 0;
    const losses = meanLosses(model, items);
    const summary = await describeTraining(
      {
        ids,
        dim: items.dim,
        labels,
        effort: `${plural(outcome.last?.epochs ?? 0, "epoch")} in ${duration(outcome.seconds)}`,
        losses,
        explainedVariance: explainedVariance(model, losses.reconstruction),
        files: [
          { path: modelPath, what: "the model", size: fileSize(bytes.length) },
          { path: idsPath, what: `the IDs, ${plural(ids.length, "row")}`, size: fileSize(idsBytes) },
        ],
        next: `rqvae encode ${modelPath} new-items.npy`,
      },
      columnsOf(process.stdout),
      paletteFor(process.stdout),
    );
    process.stdout.write(`${summary}\n`);
    return 0;
  } finally {
    model.dispose();
  }
}

/** The options that were given, and only those. */
function readOptions(given: Given): { modelOptions: Partial<ModelOptions>; trainOptions: TrainOptions } {
  const codes = wholeNumbers(given, "codes");
  const modelOptions = {
    nQuantizationLayers: wholeNumber(given, "levels"),
    codebookSize: codes?.length === 1 ? codes[0] : codes,
    latentDim: wholeNumber(given, "latent"),
    hiddenDims: wholeNumbers(given, "hidden"),
    commitmentWeight: number(given, "commitment"),
    inputNoise: number(given, "noise"),
    seed: wholeNumber(given, "seed"),
    compat: oneOf(given, "compat", ["none", "hopwise"]),
  };
  const trainOptions = {
    epochs: wholeNumber(given, "epochs"),
    batchSize: wholeNumber(given, "batch"),
    learningRate: number(given, "lr"),
    optimizer: oneOf(given, "optimizer", ["adam", "adamw", "adagrad", "sgd"]),
    schedule: oneOf(given, "schedule", ["constant", "cosine", "linear"]),
    warmup: number(given, "warmup"),
    weightDecay: number(given, "weight-decay"),
  };
  if (codes?.length === 0) throw new UsageError("--codes needs at least one number");
  return { modelOptions: defined(modelOptions), trainOptions: defined(trainOptions) };
}

/** The options of the library by the names that they have here. */
const optionNames: Record<string, string> = {
  nQuantizationLayers: "levels",
  codebookSize: "codes",
  latentDim: "latent",
  hiddenDims: "hidden",
  commitmentWeight: "commitment",
  inputNoise: "noise",
  batchSize: "batch",
  learningRate: "lr",
  weightDecay: "weight-decay",
};

/** The library's complaint about an option as one about the command line; undefined for other errors. */
function inOptionNames(error: unknown): UsageError | undefined {
  if (!(error instanceof InvalidInputError)) return undefined;
  const [, complaint] = /^(?:RQVAE\.create|train): (.*)$/s.exec(error.message) ?? [];
  return complaint === undefined
    ? undefined
    : new UsageError(`--${complaint.replaceAll(/\w+/g, (word) => optionNames[word] ?? word)}`);
}

/** An object without its undefined entries. */
function defined<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as ReturnType<
    typeof defined<T>
  >;
}

interface Outcome {
  interrupted: Interrupted | undefined;
  /** The last progress event. */
  last: TrainProgress | undefined;
  seconds: number;
}

/** Trains, showing the progress on stderr; Ctrl-C ends it early. */
async function trainWatched(model: RQVAE, items: ItemMatrix, options: TrainOptions, quiet: boolean): Promise<Outcome> {
  const view = trainView(process.stderr);
  const start = performance.now();
  const outcome: Outcome = { interrupted: undefined, last: undefined, seconds: 0 };
  const onProgress = (event: TrainProgress) => {
    outcome.last = event;
    if (!quiet) view.update(event);
  };
  try {
    await interruptible((signal) => model.train(items, { ...options, signal, onProgress }));
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    outcome.interrupted = error;
  } finally {
    if (!quiet) view.end();
  }
  outcome.seconds = (performance.now() - start) / 1000;
  return outcome;
}

/** Writes the IDs as CSV. @returns the size in bytes. */
export async function writeIds(path: string, ids: SemanticIds, labels: ItemLabels | undefined): Promise<number> {
  const bytes = Buffer.concat([...idsCsvChunks(ids, labels)].map((chunk) => Buffer.from(chunk)));
  await writeWhole(path, bytes);
  return bytes.length;
}

/** Losses of the final model over all items, a few thousand at a time. */
function meanLosses(model: RQVAE, { data, rows, dim }: ItemMatrix): { reconstruction: number; quantization: number } {
  let reconstruction = 0;
  let quantization = 0;
  for (let start = 0; start < rows; start += 4096) {
    const part = Math.min(4096, rows - start);
    const losses = model.forward({ data: data.subarray(start * dim, (start + part) * dim), rows: part, dim });
    reconstruction += (losses.reconstructionLoss * part) / rows;
    quantization += (losses.quantizeLoss * part) / rows;
  }
  return { reconstruction, quantization };
}

/**
 * Share of the items' variance that their IDs explain. With `commonScale` the scaled items' mean squared distance from their
 * mean is `inputDim` by construction; with other scalings it is not known here.
 */
function explainedVariance({ config }: RQVAE, reconstructionLoss: number): number | undefined {
  return config.inputScaling === "commonScale" ? 1 - reconstructionLoss / config.inputDim : undefined;
}
